"""Changes of a bag's tag files that are whole or not there, whenever the program is killed.

New files are written into a hidden folder of the bag, and a plan beside them says what goes where and what goes away.
The plan's appearance is the moment of the change: before it, the next change starts with a clean folder; from it on,
the next change finishes this one first. A plan is read with the mistrust that a bag of unknown origin deserves: it can
touch nothing but the bag's own tag files and payload.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from satchel.core.bags.manifests import payload_safe
from satchel.core.bags.places import PLAN, TAGS, is_file, is_folder, is_inside, is_unfinished
from satchel.core.bags.writer import sync_folder
from satchel.core.errors import Kind, SatchelError
from satchel.core.files import write_atomically

DROPPED = "dropped.jsonl"
_NAME = re.compile(r"(bagit|bag-info|package-info|fetch|(tag)?manifest-[A-Za-z0-9_-]+)\.txt")
_LONGEST = 1 << 20


class Plan(msgspec.Struct, frozen=True):
    """What a change does. Names are of files beside bagit.txt."""

    put: tuple[str, ...]
    """New tag files, which wait in `TAGS`."""
    remove: tuple[str, ...] = ()
    """Tag files that are no more."""


class Dropped(msgspec.Struct, frozen=True, array_like=True):
    """A payload file that is to be fetched from now on, as it was when it was compared with its server's."""

    path: str
    size: int
    time: int
    """Of its last change, in nanoseconds."""


def prepare(bag: Path) -> Path:
    """Finish an earlier change, or forget what it had begun, and make the folder for new tag files.

    Raises:
        SatchelError: something else stands in its place, or its plan is none.
        OSError: it cannot be made.
    """
    tags = bag / TAGS
    if os.path.lexists(tags) and not is_folder(tags):
        raise SatchelError(Kind.INVALID, f"{tags} is not a folder.", "Remove it, and look why it is there.")
    finish(bag)
    shutil.rmtree(tags, ignore_errors=True)
    tags.mkdir()
    return tags


def abandon(bag: Path) -> None:
    """Forget what was written, unless it was decided on."""
    if not is_unfinished(bag):
        shutil.rmtree(bag / TAGS, ignore_errors=True)


def commit(bag: Path, remove: Sequence[str] = ()) -> list[str]:
    """Put the new tag files into their places, and remove what is listed in `DROPPED`. Not to be stopped.

    Args:
        bag: the folder; its new files are in `TAGS` and on the disk.
        remove: names of tag files that are to go.

    Returns:
        The names of the new files.
    """
    tags = bag / TAGS
    put = tuple(sorted(entry.name for entry in tags.iterdir() if entry.name != DROPPED))
    sync_folder(tags)
    write_atomically(tags / PLAN, msgspec.json.encode(Plan(put, tuple(remove))), mode=0o644)
    sync_folder(tags)
    sync_folder(bag)
    finish(bag)
    return list(put)


def finish(bag: Path) -> bool:
    """Carry out a change that was decided on, in this run or in one that was killed. Returns whether there was one.

    Raises:
        SatchelError: the plan is none.
        OSError: something cannot be moved or removed; calling it again goes on.
    """
    tags = bag / TAGS
    if not is_unfinished(bag):
        return False
    try:
        plan = msgspec.json.decode((tags / PLAN).read_bytes(), type=Plan)
    except msgspec.MsgspecError as error:
        raise _none(tags, str(error)) from None
    if not all(_NAME.fullmatch(name) for name in (*plan.put, *plan.remove)):
        raise _none(tags, "names of no tag files")
    for name in plan.put:
        if is_file(tags / name):
            (tags / name).replace(bag / name)
    for name in plan.remove:
        if name not in plan.put:
            (bag / name).unlink(missing_ok=True)
    sync_folder(bag)
    _drop(bag, tags)
    # The plan goes last: without it nobody would know what the rest is for.
    for entry in sorted(tags.iterdir(), key=lambda entry: entry.name == PLAN):
        entry.unlink()
    tags.rmdir()
    sync_folder(bag)
    return True


def _drop(bag: Path, tags: Path) -> None:
    """Remove the payload files that are listed, each that is still what was compared with its server's."""
    if not is_file(tags / DROPPED):
        return
    folders: set[str] = set()
    with (tags / DROPPED).open("rb") as file:
        while line := file.readline(_LONGEST):
            try:
                dropped = msgspec.json.decode(line, type=Dropped)
            except msgspec.MsgspecError as error:
                raise _none(tags, str(error)) from None
            if payload_safe(dropped.path) is not None or not is_inside(bag, dropped.path):
                continue
            status = (bag / dropped.path).lstat()
            if (status.st_size, status.st_mtime_ns) == (dropped.size, dropped.time):
                (bag / dropped.path).unlink()
                folders.add(dropped.path.rpartition("/")[0])
    for folder in sorted(folders, key=len, reverse=True):
        while folder != "data":
            with contextlib.suppress(OSError):  # others are in it, or it is gone already
                (bag / folder).rmdir()
            folder = folder.rpartition("/")[0]


def _none(tags: Path, detail: str) -> SatchelError:
    return SatchelError(
        Kind.INVALID,
        f"{tags / PLAN} says what a change of the bag was to do, and cannot be understood.",
        f"If the bag is well (satchel validate {tags.parent}), remove the folder {tags}.",
        detail,
    )
