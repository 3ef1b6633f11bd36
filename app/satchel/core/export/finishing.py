"""The end of every export: what was made in a hidden folder is looked over once more and gets its name."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from satchel.core.bags.digests import StoppedError
from satchel.core.bags.writer import Entry, sync_folder, sync_tree
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.leftovers import work_folder
from satchel.core.jobs.context import Context

_MADE = "made"
R = TypeVar("R", bound=msgspec.Struct)


def check_folder(folder: str) -> None:
    """Look at the output folder before anything is asked of the server. Raises SatchelError."""
    out = Path(folder)
    if not out.exists():
        raise SatchelError(Kind.FILES, f"There is no folder {out}.", "Make it, or choose another.")
    if not out.is_dir():
        raise SatchelError(Kind.FILES, f"{out} is a file, not a folder.", "Choose a folder.")
    if not os.access(out, os.W_OK | os.X_OK):
        raise SatchelError(Kind.FILES, f"You may not write into {out}.", "Choose another folder.")


def remember(context: Context, result: msgspec.Struct) -> Callable[[Path], None]:
    """Keeps the result just before the finished work gets its name.

    Killed between that and the end of the job, the resumed one would find its own work in its way.
    """
    return lambda made: context.checkpoint(_MADE, {"mark": _mark(made), "result": msgspec.to_builtins(result)})


def made_already(kind: type[R], context: Context) -> R | None:
    """The result of a run that gave the work its name and was killed before it could say so. Blocking.

    Args:
        kind: of result; it has `bag` and `archive`.
        context: of the job.
    """
    kept = context.recall(_MADE)
    if kept is None:
        return None
    result: Any = msgspec.convert(kept["result"], kind)
    goal = Path(result.bag or result.archive or "")
    if not os.path.lexists(goal) or _mark(goal) != list(kept["mark"]):
        return None
    shutil.rmtree(work_folder(goal, context.job_id), ignore_errors=True)
    return result  # type: ignore[no-any-return]


def must_be_free(goal: Path) -> None:
    """Raise SatchelError where something of that name is there."""
    if os.path.lexists(goal):
        raise SatchelError(
            Kind.FILES, f"{goal} is already there.", "Choose another folder or name; nothing is overwritten."
        )


async def in_threads(entries: Sequence[Entry], check: Callable[[Entry], None]) -> None:
    """Check files in as many threads as there are processors; small ones in batches."""
    workers = min(4, os.cpu_count() or 1)
    batches = [entries[start::workers] for start in range(workers)]

    def some(batch: Sequence[Entry]) -> None:
        for entry in batch:
            check(entry)

    try:
        await asyncio.gather(*(asyncio.to_thread(some, batch) for batch in batches if batch))
    except StoppedError:
        raise asyncio.CancelledError from None


def clear(bag: Path, listed_files: set[str]) -> None:
    """Remove files below data/ that are in no manifest: leftovers of assets that turned out wrong."""
    for root, folders, names in os.walk(bag / "data", topdown=False):
        for name in names:
            path = Path(root) / name
            if path.relative_to(bag).as_posix() not in listed_files:
                path.unlink()
        if not names and not folders and Path(root) != bag / "data":
            Path(root).rmdir()


def place(made: Path, goal: Path, before: Callable[[Path], None]) -> None:
    """Give a bag's folder, or an archive that is on the disk already, its name."""
    folder = made.is_dir()
    if folder:
        sync_tree(made)
    must_be_free(goal)
    before(made)
    try:
        if folder:
            made.rename(goal)  # fails where a folder is that holds something
        else:
            _rename_file(made, goal)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            must_be_free(goal)
        raise
    sync_folder(goal.parent)


def _rename_file(made: Path, goal: Path) -> None:
    """Rename a file unless the name is taken, even if it was taken this very moment."""
    try:
        os.link(made, goal)
    except FileExistsError:
        raise
    except OSError:  # a file system without links; the name was free when last looked at
        made.rename(goal)
    else:
        made.unlink()


def _mark(made: Path) -> list[int]:
    """What stays of a folder or file when it is renamed, and is another's for any other."""
    status = made.lstat()
    return [status.st_ino, status.st_mtime_ns, status.st_mode, 0 if made.is_dir() else status.st_size]


def remove_tags(bag: Path) -> None:
    """Remove tag files of an interrupted run: this one may have others."""
    for path in list(bag.iterdir()):
        if path.name == "data":
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def size_of(folder: Path) -> int:
    """Bytes below a folder; 0 where there is none."""
    return sum((Path(root) / name).stat().st_size for root, _, names in os.walk(folder) for name in names)
