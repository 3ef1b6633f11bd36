"""Locks on files, held by one process at a time and given free by the system when that ends.

What every command takes before it begins: the package portalocker, whose import alone takes nearly as long as that of
asyncio, is used where the system has no `flock`.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self


class LockedError(Exception):
    """Somebody else holds it."""


class FileLock:
    """A lock that is not taken yet.

    Args:
        path: of the file that is locked; made when missing.
        patience: seconds to try.
        interval: seconds between two tries.
    """

    def __init__(self, path: Path, patience: float, interval: float = 0.05) -> None:
        self._path = path
        self._patience = patience
        self._interval = interval
        self.file: IO[bytes] | None = None

    def acquire(self) -> IO[bytes]:
        """Take it. Returns its open file.

        Raises:
            LockedError: somebody else had it all the time.
            OSError: the file cannot be opened.
        """
        deadline = time.monotonic() + self._patience
        file = self._path.open("ab")
        try:
            while not _lock(file):
                if time.monotonic() >= deadline:
                    raise LockedError(str(self._path))
                time.sleep(self._interval)
        except BaseException:
            file.close()
            raise
        self.file = file
        return file

    def release(self) -> None:
        """Give it free. Nothing where it is not held."""
        file, self.file = self.file, None
        if file is not None:
            try:
                _unlock(file)
            finally:
                file.close()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


if os.name == "posix":
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

else:

    def _lock(file: IO[bytes]) -> bool:
        import portalocker

        try:
            portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
        except portalocker.LockException:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        import portalocker

        portalocker.unlock(file)
