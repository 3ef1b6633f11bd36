"""Who runs a job: a lock on a file, held by one process at a time.

When that process ends, however it ends, the operating system gives the job free. Nothing that a crash leaves behind can
say that a job runs while it does not.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from satchel.core.errors import Kind, SatchelError
from satchel.core.locks import FileLock, LockedError

PATIENCE = 0.5
"""Seconds. Whoever only looks whether a job runs holds its lock for a moment."""


class Lease:
    """The right to run a job."""

    def __init__(self, lock: FileLock, file: Path) -> None:
        self._lock = lock
        self._file = file

    @property
    def descriptor(self) -> int | None:
        """The lock's file, for a child process that is to hold it as well; None where that cannot be done (Windows).

        A child that has inherited it keeps the job leased until it ends, even if this process ends first. This one
        must not release it while the child runs: that would unlock the file for both.
        """
        held = self._lock.file
        return held.fileno() if held is not None and os.name == "posix" else None

    def release(self) -> None:
        """Give the job free."""
        self._lock.release()

    def retire(self) -> None:
        """Give the job free for good: nobody will run it again, so its lock goes too."""
        if os.name == "posix":  # removed while held, so that nobody can take the old file
            self._file.unlink(missing_ok=True)
            self._lock.release()
        else:  # Windows does not remove what is open
            self._lock.release()
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)


def take(file: Path, job: str, patience: float = PATIENCE) -> Lease:
    """Take the right to run a job.

    Args:
        file: its lock; made when missing.
        job: its id, for the message.
        patience: seconds to try.

    Raises:
        SatchelError: another process, or another part of this one, has it.
    """
    while True:
        lock = FileLock(file, patience, 0.02)
        try:
            held = lock.acquire()
        except LockedError as error:
            raise SatchelError(
                Kind.USAGE, f"Job {job} is running in another window or command.", "Wait for it or cancel it there."
            ) from error
        if _is_still(file, held.fileno()):
            return Lease(lock, file)
        lock.release()  # whoever had it before has removed the file: what is locked is no longer there


def _is_still(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def is_taken(file: Path, job: str) -> bool:
    """Whether any process, this one too, runs the job."""
    if not file.exists():
        return False
    try:
        take(file, job, patience=0).release()
    except SatchelError:
        return True
    return False
