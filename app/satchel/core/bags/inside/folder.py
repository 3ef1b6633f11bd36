"""The folder for what is made while a bag is looked into: on the disk of Satchel's cache, for it may be large.

It is locked while it is in use, so that what a crash has left is found and removed by the next one.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from satchel.core.locks import FileLock, LockedError
from satchel.core.paths import Home

PREFIX = "look-"


class WorkFolder:
    """A new folder; `remove` it. Blocking. Raises OSError where none can be made."""

    def __init__(self, home: Home) -> None:
        cache = home.private(home.cache)
        _sweep(cache)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=cache))
        self._lock = FileLock(self.path / "lock", 0)
        self._lock.acquire()

    def remove(self) -> None:
        """Remove it with all that is in it."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def _sweep(cache: Path) -> None:
    for old in cache.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, LockedError):
            # One that has no lock yet is being made this very moment.
            if (old / "lock").is_file() and not old.is_symlink():
                with FileLock(old / "lock", 0):
                    pass
                shutil.rmtree(old, ignore_errors=True)
