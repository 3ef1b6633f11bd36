"""Makes an archive of a bag's folder: the same bytes for the same bag, and whole or not there."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from satchel.core.bags.archive import ENDINGS, pack
from satchel.core.bags.digests import StoppedError
from satchel.core.bags.reading import PARTS, Bag, open_bag
from satchel.core.bags.threads import in_thread
from satchel.core.bags.workplace import workplace
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context
from satchel.core.jobs.request import Request, Result

_NO_TIME = datetime(1980, 1, 1, tzinfo=UTC)


class ArchiveRequest(Request, tag="archive", frozen=True, kw_only=True):
    """Pack a bag's folder."""

    path: str
    format: Literal["zip", "tgz"] = "zip"
    out: str | None = None
    """The archive's name; None: beside the folder, named as it is."""

    @property
    def title(self) -> str:
        """For example "Pack 1_Study_1-ABCD"."""
        return f"Pack {Path(self.path).name or self.path}"

    @property
    def target(self) -> Path:
        """The archive that will be made."""
        folder = Path(self.path)
        return Path(self.out) if self.out else folder.with_name(folder.name + ENDINGS[self.format])


class ArchiveResult(Result, tag="archive", frozen=True, kw_only=True):
    """The archive."""

    path: str
    """Of the bag."""
    archive: str
    bytes: int
    """Of the archive."""
    files: int
    unpacked: int
    """Bytes of the bag."""


async def run(request: ArchiveRequest, context: Context) -> ArchiveResult:
    """Pack a bag's folder.

    Raises:
        SatchelError: it is no bag, holds links, or the archive is there already.
    """
    bag = await asyncio.to_thread(open_bag, Path(request.path))
    folder, target = bag.folder, request.target
    await asyncio.to_thread(_check, folder, target)
    try:
        with context.stage("look", "Look what is to be packed", unit="files"):
            files, size = await in_thread(context.cancelled, measure, folder, context.cancelled)
        work = workplace(target, context)
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        work.mkdir()
        try:
            with context.stage("pack", f"Pack {folder.name}", total=size, unit="bytes") as stage:

                def told(units: int, member: str) -> None:
                    stage.add(units)
                    stage.item = member

                await in_thread(
                    context.cancelled,
                    pack,
                    folder,
                    target,
                    request.format,
                    folder.resolve().name,
                    when(bag),
                    stop=context.cancelled,
                    told=told,
                    temporary=work / "archive",
                )
        finally:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    except StoppedError:
        raise asyncio.CancelledError from None
    return ArchiveResult(path=str(folder), archive=str(target), bytes=target.stat().st_size, files=files, unpacked=size)


def _check(folder: Path, target: Path) -> None:
    """Raise SatchelError where the archive cannot be made."""
    if os.path.lexists(target):
        raise SatchelError(Kind.FILES, f"{target} is already there.", "Choose another name: --out FILE.")
    if not target.parent.is_dir():
        raise SatchelError(Kind.FILES, f"There is no folder {target.parent}.", "Make it, or choose another.")
    if folder.resolve() in (target.parent.resolve(), *target.parent.resolve().parents):
        raise SatchelError(Kind.USAGE, f"{target} would be inside the bag.", "Choose another place: --out FILE.")
    if os.path.lexists(folder / PARTS):
        raise SatchelError(
            Kind.INVALID,
            f"Fetching files into {folder} was not finished.",
            f"Finish it (satchel materialize {folder}), or remove {PARTS} in it.",
        )


def measure(folder: Path, stop: threading.Event) -> tuple[int, int]:
    """Files and bytes of a bag. Blocking.

    Raises:
        SatchelError: something in it is neither a file nor a folder, and would be lost in an archive.
        StoppedError: `stop` was set.
    """
    files = size = 0
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if stop.is_set():
                    raise StoppedError
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(Path(entry.path))
                elif stat.S_ISREG(status.st_mode):
                    files += 1
                    size += status.st_size
                else:
                    what = "is a link" if stat.S_ISLNK(status.st_mode) else "is neither a file nor a folder"
                    name = Path(entry.path).relative_to(folder).as_posix()
                    raise SatchelError(
                        Kind.INVALID,
                        f"{name} in {folder} {what}; a bag holds files alone.",
                        "Put the file itself there, and make the manifests anew.",
                    )
    return files, size


def when(bag: Bag) -> datetime:
    """The time that an archive's members get: what the bag says of itself, for the hour of packing is nobody's
    business; the year 1980 where it says nothing."""
    said = {label.lower(): value for label, value in bag.info()}
    for label in ("source-snapshot-time", "bagging-date"):
        try:
            found = datetime.fromisoformat(said.get(label, ""))
        except ValueError:
            continue
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        if 1980 <= found.year < 2107:  # what zip can say
            return found.astimezone(UTC)
    return _NO_TIME
