"""Whatever goes wrong becomes one sentence of the right kind."""

from __future__ import annotations

import errno
import logging
import os
import socket
import sqlite3
import ssl
from pathlib import Path

import pytest

from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.trouble import explain
from satchel.core.logs import log_file, start_log
from satchel.core.paths import Home


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/data/bag.zip")


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (os_error(errno.ENOSPC), Kind.DISK_FULL, "/data/bag.zip"),
        (os_error(errno.EDQUOT), Kind.DISK_FULL, "full"),
        (os_error(errno.EACCES), Kind.FILES, "no right"),
        (os_error(errno.EROFS), Kind.FILES, "only be read"),
        (os_error(errno.EEXIST), Kind.FILES, "already there"),
        (os_error(errno.EMFILE), Kind.FILES, "Too many files"),
        (os_error(errno.EXDEV), Kind.FILES, "cannot be used"),
        (sqlite3.OperationalError("database or disk is full"), Kind.DISK_FULL, "full"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), Kind.UNREACHABLE, "connection"),
        (os_error(errno.EHOSTUNREACH), Kind.UNREACHABLE, "connection"),
        (socket.gaierror(-2, "Name or service not known"), Kind.UNREACHABLE, "connection"),
        (ssl.SSLError(1, "bad"), Kind.UNREACHABLE, "connection"),
        (TimeoutError(), Kind.UNREACHABLE, "connection"),
        (MemoryError(), Kind.INTERNAL, "memory"),
        (ZeroDivisionError("x"), Kind.INTERNAL, "inside Satchel"),
        (SatchelError(Kind.NOT_FOUND, "Not there."), Kind.NOT_FOUND, "Not there."),
        (ExceptionGroup("g", [ValueError(), os_error(errno.ENOSPC)]), Kind.DISK_FULL, "full"),
    ],
)
def test_causes_are_told_apart(error: BaseException, kind: Kind, says: str) -> None:
    told = explain(error)
    assert told.kind is kind
    assert says in told.message
    assert told.message.endswith(".")


def test_the_log_file_has_tracebacks_and_no_secrets(tmp_path: Path) -> None:
    home = Home.under(tmp_path / "home")
    root = logging.getLogger()
    before = root.handlers[:]
    try:
        assert start_log(home) == log_file(home)
        try:
            raise ValueError("Authorization: Bearer abcdef0123456789")
        except ValueError:
            logging.getLogger("satchel.test").exception("it failed")
        text = log_file(home).read_text()
    finally:
        for handler in set(root.handlers) - set(before):
            root.removeHandler(handler)
            handler.close()
    assert "Traceback" in text
    assert "(hidden)" in text
    assert "abcdef0123456789" not in text
    assert log_file(home).stat().st_mode & 0o077 == 0
