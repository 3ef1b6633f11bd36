"""Taking over sign-ins that other programs of this ecosystem keep in files: deriva-py's and bdbag's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from satchel.core.credentials import Credential
from satchel.core.credentials.file import plain_host
from satchel.core.errors import Kind, SatchelError

LARGEST = 1_000_000
DERIVA = Path("~/.deriva/credential.json")
BDBAG = Path("~/.bdbag/keychain.json")


@dataclass(frozen=True, slots=True)
class Found:
    """One host's credential in a file."""

    host: str
    credential: Credential
    file: Path


def usual_files() -> tuple[Path, ...]:
    """Those that are there."""
    return tuple(path for path in (DERIVA.expanduser(), BDBAG.expanduser()) if path.is_file())


def read(path: Path) -> tuple[Found, ...]:
    """What a file holds for Deriva servers; nothing is kept yet.

    Args:
        path: deriva-py's credential file, or bdbag's keychain: which, its form tells.

    Raises:
        SatchelError: it cannot be read, or is neither.
    """
    try:
        with path.expanduser().open("rb") as file:
            text = file.read(LARGEST + 1)
        told = json.loads(text.decode("utf-8-sig")) if len(text) <= LARGEST else None
    except OSError as error:
        raise SatchelError(Kind.FILES, f"{path} cannot be read: {error.strerror}.", "Choose another file.") from None
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        found = _deriva(told, path)
    elif isinstance(told, list):
        found = _bdbag(told, path)
    else:
        # Without a cause: it would carry what the file holds into tracebacks.
        raise SatchelError(
            Kind.FILES, f"{path} is neither deriva-py's credential file nor bdbag's keychain.", "Choose another file."
        ) from None
    return tuple({one.host: one for one in found}.values())


def _deriva(told: dict[str, Any], path: Path) -> list[Found]:
    found = []
    for host, entry in told.items():
        credential = _credential(entry)
        if credential is not None and _is_host(host):
            found.append(Found(plain_host(host), credential, path))
    return found


def _bdbag(told: list[Any], path: Path) -> list[Found]:
    found = []
    for entry in told:
        if not isinstance(entry, dict) or not isinstance(entry.get("auth_params"), dict):
            continue
        host = _host_of(entry.get("uri"))
        params, kind = entry["auth_params"], entry.get("auth_type")
        if kind == "bearer-token":
            credential = _credential({"bearer-token": params.get("token")})
        elif kind == "cookie":
            cookies = params.get("cookies")
            one = cookies[0] if isinstance(cookies, list) and len(cookies) == 1 else None
            credential = _credential({"cookie": one})
        else:
            continue
        if host and credential is not None:
            found.append(Found(host, credential, path))
    return found


def _credential(entry: Any) -> Credential | None:
    try:
        return Credential.read(entry) if isinstance(entry, dict) else None
    except ValueError:
        return None


def _host_of(uri: Any) -> str:
    try:
        split = urlsplit(uri) if isinstance(uri, str) else None
    except ValueError:
        return ""
    if split is None or split.scheme != "https" or not split.netloc or split.username is not None:
        return ""
    return plain_host(split.netloc) if _is_host(split.netloc) else ""


def _is_host(text: str) -> bool:
    return bool(text) and all(c.isalnum() or c in ".-_:[]" for c in text) and text.isascii()
