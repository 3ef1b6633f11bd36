"""Drafts of wizards that were closed before their end: small files in the settings folder, without secrets."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from satchel.core.paths import Home


class Drafts:
    """Keeps one draft for each kind of wizard."""

    def __init__(self, home: Home) -> None:
        self._folder: Path = home.config / "drafts"

    def keep(self, kind: str, draft: bytes) -> None:
        """Put a draft in the place of the one before.

        Raises:
            OSError: it cannot be written.
        """
        Home.private(self._folder)
        temporary = self._folder / f"{kind}.{os.getpid()}.new"
        temporary.write_bytes(draft)
        temporary.replace(self._folder / f"{kind}.json")

    def find(self, kind: str) -> bytes | None:
        """The draft; None where there is none that can be read."""
        with contextlib.suppress(OSError):
            return (self._folder / f"{kind}.json").read_bytes()
        return None
