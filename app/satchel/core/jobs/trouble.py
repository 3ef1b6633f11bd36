"""Turns whatever a runner raises into the one error that people are told."""

from __future__ import annotations

import errno
import socket
import sqlite3
import ssl

from satchel.core.errors import Kind, SatchelError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM}
_NETWORK = {
    errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN,
    errno.ETIMEDOUT, errno.EADDRNOTAVAIL, errno.ENOTCONN,
}  # fmt: skip
_SENTENCES = {
    errno.ENOENT: ("There is no such file or folder", "Was it moved or deleted meanwhile? Then resume or begin anew."),
    errno.EEXIST: ("Something of that name is already there", "Choose another name or folder."),
    errno.ENOTDIR: ("A file stands where a folder is needed", "Choose another folder."),
    errno.EISDIR: ("A folder stands where a file is needed", "Choose another name."),
    errno.EROFS: ("The disk can only be read, not written", "Choose another folder."),
    errno.ENAMETOOLONG: ("The name is too long for this disk", "Choose a shorter name, or a folder nearer to the top."),
    errno.EMFILE: (
        "Too many files are open at once",
        "Close other programs, or raise the limit (ulimit -n), and resume.",
    ),
    errno.ENFILE: ("Too many files are open on this computer", "Close other programs and resume."),
    errno.EIO: ("The disk reports an error", "It may be failing, or was unplugged. Try another disk."),
    errno.EBUSY: ("Another program is using it", "Close it there and resume."),
}


def explain(error: BaseException) -> SatchelError:
    """The `SatchelError` that stands for an exception: itself, or a sentence for a known cause, or INTERNAL.

    For INTERNAL the traceback belongs into the log file; it is never shown.
    """
    if isinstance(error, SatchelError):
        return error
    if isinstance(error, BaseExceptionGroup):
        told = [explain(inner) for inner in error.exceptions]
        return next((t for t in told if t.kind is not Kind.INTERNAL), told[0])
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
        return SatchelError(Kind.DISK_FULL, "The disk is full.", "Free some space, then resume the job.", detail)
    if isinstance(error, MemoryError):
        return SatchelError(
            Kind.INTERNAL, "This computer ran out of memory.", "Close other programs and resume the job.", detail
        )
    if isinstance(error, (socket.gaierror, ssl.SSLError, ConnectionError, TimeoutError)) or (
        isinstance(error, OSError) and error.errno in _NETWORK
    ):
        return SatchelError(
            Kind.UNREACHABLE, "The connection to a server broke.", "Check the network and resume the job.", detail
        )
    if isinstance(error, OSError) and error.errno is not None:
        return _of_files(error, detail)
    return SatchelError(
        Kind.INTERNAL,
        "Something went wrong inside Satchel.",
        "Resume the job; if it happens again, report it with the log.",
        detail,
    )


def _of_files(error: OSError, detail: str) -> SatchelError:
    where = f": {error.filename}" if error.filename else ""
    if error.errno in _FULL:
        return SatchelError(
            Kind.DISK_FULL, f"The disk is full{where}.", "Free some space, then resume the job.", detail
        )
    if error.errno in _DENIED:
        return SatchelError(
            Kind.FILES,
            f"You have no right to this file or folder{where}.",
            "Choose another, or ask for the right.",
            detail,
        )
    sentence, hint = _SENTENCES.get(error.errno or 0, (f"A file cannot be used ({error.strerror})", ""))
    return SatchelError(Kind.FILES, f"{sentence}{where}.", hint, detail)
