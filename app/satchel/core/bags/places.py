"""Files and folders of a bag, looked at without following a link."""

from __future__ import annotations

import stat
from pathlib import Path

TAGS = ".satchel-tags"
"""The folder in a bag that holds new tag files until they are all written. It is no part of the bag."""
PLAN = "plan.json"
"""The file in it that says what is done with them."""


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


def is_unfinished(bag: Path) -> bool:
    """Whether a change of a bag was decided on and not finished (`satchel.core.bags.changing`)."""
    return is_folder(bag / TAGS) and is_file(bag / TAGS / PLAN)
