"""The log file: for whoever looks into a failure, with tracebacks, without secrets."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

from satchel.core.paths import Home
from satchel.core.secrets import redact

NAME = "satchel.log"
BYTES = 2_000_000
KEPT = 3
"""Older files of that size."""


class _Redacting(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Private(RotatingFileHandler):
    """Readable by its owner alone; a disk that is full or read-only does not disturb the program."""

    def _open(self):  # type: ignore[no-untyped-def]
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing: there is no better place to say it."""


def log_file(home: Home) -> Path:
    """Where the log is."""
    return home.log / NAME


def start_log(home: Home, level: int = logging.INFO) -> Path | None:
    """Write Satchel's own log, and the warnings of libraries, into the log file from now on. Once is enough.

    Returns:
        The file; None when it cannot be written, which hinders nothing else.
    """
    file = log_file(home)
    try:
        home.private(home.log)
        handler = _Private(file, maxBytes=BYTES, backupCount=KEPT, encoding="utf-8")
    except OSError:
        return None
    handler.setFormatter(_Redacting("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, _Private):
            root.removeHandler(old)
            old.close()
    root.addHandler(handler)
    logging.getLogger("satchel").setLevel(level)
    return file
