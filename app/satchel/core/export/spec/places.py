"""Where a spec's files go: below the bag or the output folder, and nowhere else."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath

from satchel.core.bags.names import safe_name
from satchel.core.export.errors import ConfigurationError

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")


def joined(sub_path: str | None, filename: str | None, extension: str = "") -> str:
    """The path that deriva-py makes of `output_path` and `output_filename`, placeholders still in it."""
    path = f"{sub_path}/{filename}" if sub_path and filename else (filename or sub_path or "")
    return extended(path, extension)


def extended(path: str, extension: str) -> str:
    """The path with an extension, unless it has that one."""
    if not extension or posixpath.splitext(path)[1] == extension:
        return path
    return path + extension


def trouble(path: str) -> str | None:
    """Why a path cannot be that of a file below a folder, as the end of "The path ..."; None where it can."""
    if not path.strip():
        return "is empty"
    if _CONTROL.search(path):
        return "holds a control character"
    if "\\" in path:
        return "holds a backslash"
    if path.startswith("/") or _DRIVE.match(path):
        return "does not begin in the bag"
    if ".." in PurePosixPath(path).parts:
        return "leads out of the bag"
    if posixpath.normpath(path) == "." or path.endswith("/"):
        return "is a folder's"
    return None


def checked(path: str, where: str = "") -> str:
    """The path in its plain form. Raises ConfigurationError where it leads out of the bag or is none."""
    wrong = trouble(path)
    if wrong:
        raise ConfigurationError(
            f"The path {path[:100]!r} {wrong}", "Paths of outputs stay below the bag's data folder.", where
        )
    return posixpath.normpath(path)


def made_safe(path: str, instead: str) -> str:
    """A path that came out of rows: what would lead out, or cannot be a name, is replaced."""
    if trouble(path) is None and not _CONTROL.search(path):
        return posixpath.normpath(path)
    parts = [p for p in path.replace("\\", "/").split("/") if p not in ("", ".", "..")]
    return "/".join(safe_name(part, instead) for part in parts) or safe_name(instead)
