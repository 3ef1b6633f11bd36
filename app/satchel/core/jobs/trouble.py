"""Turns whatever a runner raises into the one error that people are told."""

from __future__ import annotations

import errno

from satchel.core.errors import Kind, SatchelError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def explain(error: BaseException) -> SatchelError:
    """The `SatchelError` that stands for an exception: itself, or a sentence for a known cause, or INTERNAL.

    For INTERNAL the traceback belongs into the log; it is never shown.
    """
    if isinstance(error, SatchelError):
        return error
    if isinstance(error, BaseExceptionGroup):
        told = [explain(inner) for inner in error.exceptions]
        return next((t for t in told if t.kind is not Kind.INTERNAL), told[0])
    if isinstance(error, OSError) and error.errno is not None:
        where = f" ({error.filename})" if error.filename else ""
        if error.errno in _FULL:
            return SatchelError(
                Kind.DISK_FULL, f"The disk is full{where}.", "Free some space, then resume the job.", str(error)
            )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return SatchelError(
                Kind.FILES, f"You may not write here{where}.", "Choose another folder or ask for the right.", str(error)
            )
        return SatchelError(
            Kind.FILES, f"A file could not be read or written{where}: {error.strerror}.", "Try again.", str(error)
        )
    if isinstance(error, MemoryError):
        return SatchelError(
            Kind.INTERNAL, "This computer ran out of memory.", "Close other programs and resume the job."
        )
    return SatchelError(
        Kind.INTERNAL,
        "Something went wrong inside Satchel.",
        "Resume the job; if it happens again, report it with the log.",
        f"{type(error).__name__}: {error}",
    )
