"""Credential files as deriva-py writes them: `{host: {"cookie": "webauthn=...", "bearer-token": "..."}}`."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from satchel.core.credentials.credential import Credential
from satchel.core.errors import Kind, SatchelError

LARGEST = 1_000_000
"""Bytes."""


def plain_host(host: str) -> str:
    """A host as keys compare: lower case, the port only where it is not 443."""
    return host.strip().lower().removesuffix(":443")


def from_file(name: str, host: str, warn: Callable[[str], None]) -> Credential | None:
    """The credential that the file has for exactly this host and port, None when it has none.

    Args:
        name: the file's; `~` stands for the home folder.
        host: `name` or `name:port`.
        warn: told in a sentence when others can read the file, or when it has nothing for the host.

    Raises:
        SatchelError: no such file, or it is damaged; never with anything that it holds.
    """
    path = Path(name).expanduser()
    hosts = _read(path, warn)
    for key, entry in hosts.items():
        if plain_host(key) != plain_host(host):
            continue
        if not isinstance(entry, dict):
            _refuse(path, f"its entry for {host} is not an object")
        try:
            found = Credential.read(entry)
        except ValueError as error:
            _refuse(path, f"in its entry for {host}, {error}")
        if found is None:
            _refuse(path, f'its entry for {host} has neither "cookie" nor "bearer-token"')
        return found
    warn(f"The credential file {path} has nothing for {host}, so Satchel asks as nobody.")
    return None


def _read(path: Path, warn: Callable[[str], None]) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                _refuse(path, "it is not a plain file")
            text = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise SatchelError(
            Kind.FILES, f"There is no credential file {path}.", "Check its name, or leave it out to use the keyring."
        ) from None
    except IsADirectoryError:
        _refuse(path, "it is a folder")
    except OSError as error:
        raise SatchelError(
            Kind.FILES, f"The credential file {path} cannot be read: {error.strerror}.", "Check who may read it."
        ) from None
    if len(text) > LARGEST:
        _refuse(path, "it is too large to be one")
    # Windows has access lists in place of these bits.
    if os.name == "posix" and status.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        warn(f"Others on this computer can read the credential file {path}; forbid it with: chmod 600 {path}")
    try:
        hosts = json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError:
        _refuse(path, "it is not UTF-8 text")
    except json.JSONDecodeError as error:
        # The parser's message names what it expected, not what stands there.
        _refuse(path, f"it is not JSON (line {error.lineno}, column {error.colno}: {error.msg})")
    except RecursionError:
        _refuse(path, "it is nested too deeply")
    if not isinstance(hosts, dict):
        _refuse(path, "it does not hold an object with a key for each host")
    return hosts


def _refuse(path: Path, why: str) -> NoReturn:
    # `from None`: a cause would carry the file's content into tracebacks.
    raise SatchelError(
        Kind.FILES,
        f"The credential file {path} cannot be used: {why}.",
        'It looks like {"www.example.org": {"cookie": "webauthn=..."}}; sign in again with deriva-py to get a new one.',
    ) from None
