"""Unpacks a bag's archive: into a hidden folder first, so that what has the bag's name is the whole bag."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

from satchel.core.bags.extract import extract
from satchel.core.bags.names import safe_name
from satchel.core.bags.packing import measure
from satchel.core.bags.reading import open_bag
from satchel.core.bags.threads import in_thread
from satchel.core.bags.workplace import workplace
from satchel.core.bags.writer import sync_folder, sync_tree
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context
from satchel.core.jobs.request import Request, Result

_ENDING = re.compile(r"\.(zip|tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz))$", re.IGNORECASE)


class ExtractRequest(Request, tag="extract", frozen=True, kw_only=True):
    """Unpack a bag's archive."""

    path: str
    into: str | None = None
    """The folder in which the bag's folder is to be; None: the one in which the archive is."""

    @property
    def title(self) -> str:
        """For example "Unpack 1_Study_1-ABCD.zip"."""
        return f"Unpack {Path(self.path).name or self.path}"


class ExtractResult(Result, tag="extract", frozen=True, kw_only=True):
    """The bag."""

    path: str
    """Of the archive."""
    bag: str
    files: int
    bytes: int


async def run(request: ExtractRequest, context: Context) -> ExtractResult:
    """Unpack a bag's archive.

    Raises:
        SatchelError: it is no archive, or not of a bag, hostile, too large, or the bag's folder is there already.
    """
    archive = Path(request.path)
    into = Path(request.into) if request.into else archive.parent
    await asyncio.to_thread(_check, archive, into)
    work = workplace(into / archive.name, context)
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    await asyncio.to_thread((work / "inside").mkdir, parents=True)
    try:
        with context.stage("extract", f"Unpack {archive.name}", unit="bytes") as stage:

            def told(size: int, member: str) -> None:
                stage.add(size)
                stage.item = member

            found = await in_thread(
                context.cancelled, extract, archive, work / "inside", stop=context.cancelled, told=told
            )
        bag = (await asyncio.to_thread(open_bag, found)).folder
        name = _ENDING.sub("", archive.name) if bag == work / "inside" else bag.name
        target = into / safe_name(name, "bag")
        with context.stage("finish", "Put it on the disk"):
            files, size = await in_thread(context.cancelled, measure, bag, context.cancelled)
            await asyncio.to_thread(_name, bag, target)
    finally:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    return ExtractResult(path=str(archive), bag=str(target), files=files, bytes=size)


def _check(archive: Path, into: Path) -> None:
    """Make the folder that the bag goes into. Raises SatchelError where something is in the way."""
    if not archive.is_file():
        if archive.is_dir():
            raise SatchelError(Kind.USAGE, f"{archive} is a folder already.", "Name an archive.")
        raise SatchelError(Kind.FILES, f"There is no {archive}.", "Check the name.")
    if os.path.lexists(into) and not into.is_dir():
        raise SatchelError(Kind.FILES, f"{into} is a file, not a folder.", "Choose another folder.")
    into.mkdir(parents=True, exist_ok=True)


def _name(bag: Path, target: Path) -> None:
    """Put a bag on the disk and give it its name. Raises SatchelError where that is taken."""
    sync_tree(bag)
    if os.path.lexists(target):
        raise SatchelError(
            Kind.FILES, f"{target} is already there.", "Choose another folder with --into, or remove it."
        )
    bag.rename(target)
    sync_folder(target.parent)
