"""Files and folders of a bag, looked at without following a link."""

from __future__ import annotations

import stat
from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether there is a file, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def is_inside(bag: Path, path: str) -> bool:
    """Whether a path of a bag is a file in it, with no link on the way to it."""
    place = bag
    for part in path.split("/")[:-1]:
        place /= part
        if not is_folder(place):
            return False
    return is_file(bag / path)
