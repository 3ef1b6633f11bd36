"""Where Satchel keeps things: settings, journal, cache, logs."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one person. Nothing is created until it is asked for."""

    config: Path
    data: Path
    cache: Path
    log: Path

    @classmethod
    def find(cls) -> Home:
        """The platform's folders, or all in one when SATCHEL_HOME is set."""
        one = os.environ.get("SATCHEL_HOME")
        if one:
            return cls.under(Path(one))
        import platformdirs

        return cls(
            config=Path(platformdirs.user_config_dir("satchel", appauthor=False)),
            data=Path(platformdirs.user_data_dir("satchel", appauthor=False)),
            cache=Path(platformdirs.user_cache_dir("satchel", appauthor=False)),
            log=Path(platformdirs.user_log_dir("satchel", appauthor=False)),
        )

    @classmethod
    def under(cls, folder: Path) -> Home:
        """All in one folder."""
        folder = folder.expanduser().absolute()
        return cls(folder / "config", folder / "data", folder / "cache", folder / "log")

    @staticmethod
    def private(folder: Path) -> Path:
        """The folder, created for this person alone where it is missing. Raises OSError as mkdir does."""
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "A file stands where a folder is needed", str(folder))
        missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        for parent in reversed(missing):  # mkdir's own `parents` would leave them open to others
            parent.mkdir(mode=0o700, exist_ok=True)
        return folder
