"""Downloading what an identifier names: gone on with where it was cut, and given its name when it is what was
registered, byte for byte."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

from satchel.core.bags.digests import hash_file
from satchel.core.bags.names import safe_name
from satchel.core.bags.threads import in_thread
from satchel.core.bags.workplace import workplace
from satchel.core.bags.writer import sync_folder
from satchel.core.deriva.hatrac import Download
from satchel.core.deriva.retry import Passing
from satchel.core.errors import Kind, SatchelError
from satchel.core.fetching.plan import Wanted
from satchel.core.fetching.sources import address, host_of
from satchel.core.fetching.writing import RESERVE, FileError, Part, Places
from satchel.core.identifiers.asking import Asking
from satchel.core.identifiers.names import Name
from satchel.core.identifiers.record import Record
from satchel.core.jobs.context import Context, Stage
from satchel.core.words import size

P = ParamSpec("P")
T = TypeVar("T")
ENDINGS = (".zip", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar", ".tbz2", ".txz", ".bz2", ".xz")
HANDED_ON = 1 << 20
SLOW_SECONDS = 60.0
SLOW_BYTES = 4096
"""A server that sends less than this in `SLOW_SECONDS` will not come to an end."""


def file_name(record: Record, name: Name) -> str:
    """What the download is called: as at its location, else by its title, else by the identifier. One safe name."""
    ends = [unquote(urlsplit(location).path).rpartition("/")[2] for location in record.locations if _splits(location)]
    for candidate in (*ends, record.title):
        if candidate.lower().endswith(ENDINGS) and len(candidate) < 300:
            return safe_name(candidate, name.short)
    return safe_name(f"{name.short}.zip", "identifier.zip")


def _splits(location: str) -> bool:
    try:
        urlsplit(location)
    except ValueError:
        return False
    return True


async def download(asks: Asking, record: Record, goal: Path, context: Context) -> tuple[str, bool]:
    """Fetch an identifier's content.

    Args:
        asks: the connections.
        record: what is registered: locations, checksum, length.
        goal: the file to make; its folder exists.
        context: the job's; the beginning of the file is kept with it.

    Returns:
        The location it came from, and whether it was fetched at all: False where that very file is there already.

    Raises:
        SatchelError: no location gives what was registered, something else has that name, or nothing is registered by
            which it could be checked.
    """
    checksum = record.checksum
    if checksum is None:
        raise SatchelError(
            Kind.INVALID,
            f"No checksum is registered for {record.compact}, so nobody can tell whether a download is what was meant.",
            "Ask who minted it to register one.",
        )
    if not record.locations:
        raise SatchelError(
            Kind.NOT_FOUND, f"{record.compact} leads nowhere: no location is registered.", "Ask who minted it."
        )
    if await asyncio.to_thread(os.path.lexists, goal):
        await _must_be_it(record, goal, context)
        return "", False
    free = shutil.disk_usage(goal.parent).free
    if (record.length or 0) + RESERVE > free:
        raise SatchelError(
            Kind.DISK_FULL,
            f"{record.compact} has {size(record.length or 0)}, and {size(free)} are free on the disk of {goal.parent}.",
            "Free some space or choose another folder.",
        )
    work = workplace(goal, context)
    await asyncio.to_thread(work.mkdir, exist_ok=True)
    places = Places(work)
    try:
        await asyncio.to_thread(places.prepare)
        fetch = _Fetch(asks, record, goal, context, places)
        with context.stage("download", "Download", total=record.length, unit="bytes") as stage:
            stage.item = goal.name
            location = await fetch.run(stage)
    finally:
        places.close()
    await asyncio.to_thread(_place, work / goal.name, goal)
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    return location, True


async def _must_be_it(record: Record, goal: Path, context: Context) -> None:
    """Raise SatchelError where the file that is there is another one."""
    checksum = record.checksum
    assert checksum is not None  # noqa: S101 - the caller has looked

    def alike() -> bool:
        return goal.is_file() and (record.length is None or goal.stat().st_size == record.length)

    same = await asyncio.to_thread(alike)
    if same:
        with context.stage("check", "Compare with the file that is there", total=record.length, unit="bytes") as stage:

            def read() -> str:
                found = hash_file(goal, [checksum.function], stop=context.cancelled, told=stage.add)
                return found.digests()[checksum.function]

            same = await in_thread(context.cancelled, read) == checksum.value
    if not same:
        raise SatchelError(
            Kind.FILES,
            f"{goal} is already there, and is not what {record.compact} names.",
            "Choose another folder; nothing is overwritten.",
        )


class _Fetch:
    def __init__(self, asks: Asking, record: Record, goal: Path, context: Context, places: Places) -> None:
        self._asks, self._record, self._goal = asks, record, goal
        self._context, self._places = context, places

    async def _threaded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(self._context.cancelled, work, *args, **kwargs)

    async def run(self, stage: Stage) -> str:
        """Try the locations in turn. Returns the one that gave it."""
        failures: list[SatchelError] = []
        for location in self._record.locations:
            try:
                await self._from(location, stage)
                return location
            except SatchelError as error:
                if error.kind in (Kind.DISK_FULL, Kind.INTERNAL, Kind.CANCELLED, Kind.FILES):
                    raise
                failures.append(error)
                if len(self._record.locations) > 1:
                    self._context.warn("location", f"{location} does not give it: {error.message}", where=location)
        first = failures[0]
        if len(failures) == 1:
            raise first
        raise SatchelError(
            first.kind,
            f"None of the {len(failures)} locations of {self._record.compact} gives what is registered. The first: "
            f"{first.message}",
            first.hint,
            "\n".join(f.detail for f in failures),
        )

    async def _from(self, location: str, stage: Stage) -> None:
        url = address(location, None)
        checksum = self._record.checksum
        assert checksum is not None  # noqa: S101 - `download` has looked
        wanted = Wanted(self._goal.name, url, self._record.length, 0, {checksum.function: checksum.value})
        # As anybody gets it; where that is refused, as the person does, who may be signed in to that very server.
        try:
            await self._whole(wanted, {}, stage)
        except SatchelError as error:
            secret = await self._asks.secret(url) if error.kind in (Kind.NOT_SIGNED_IN, Kind.NOT_ALLOWED) else {}
            if not secret:
                raise
            await self._whole(wanted, secret, stage)

    async def _whole(self, wanted: Wanted, secret: dict[str, str], stage: Stage) -> None:
        part = Part(self._places, wanted)
        try:
            start = await self._threaded(part.begin)
            stage.done = start
            try:
                await self._body(wanted, secret, part, stage)
                return
            except FileError:
                if not start:
                    raise
            except SatchelError as error:
                if error.kind is not Kind.SERVER or isinstance(error, Passing) or not part.hashers.length:
                    raise
            # What was here of it may have been of another file: once more, from the beginning.
            await self._threaded(part.restart)
            stage.done = 0
            await self._body(wanted, secret, part, stage)
        except FileError as error:
            raise self._other(wanted.url, error) from None
        finally:
            await asyncio.to_thread(part.close)

    async def _body(self, wanted: Wanted, secret: dict[str, str], part: Part, stage: Stage) -> None:
        if part.hashers.length and part.hashers.length == wanted.length:
            await self._threaded(part.finish)
            return
        web = self._asks.web(wanted.url, secret)
        async with AsyncExitStack() as stack:
            got = Download(web, wanted.url, part.hashers.length, part.etag, stack)
            await got.begin()
            if got.start != part.hashers.length:
                await self._threaded(part.restart)
                stage.done = 0
            said = got.info.length
            if wanted.length is not None and said is not None and said != wanted.length:
                raise FileError("length", f"{said:,}")
            if wanted.length is None and stage.total is None:
                stage.total = said
            await self._threaded(part.of, got.info.etag)
            pieces: list[bytes] = []
            gathered = since = 0
            then = time.monotonic()
            async for chunk in got:
                pieces.append(chunk)
                gathered += len(chunk)
                since += len(chunk)
                stage.add(len(chunk))
                if wanted.length is not None and part.hashers.length + gathered > wanted.length:
                    raise FileError("length", f"more than {wanted.length:,}")
                if gathered >= HANDED_ON:
                    await self._threaded(part.take, pieces)
                    pieces, gathered = [], 0
                if time.monotonic() - then > SLOW_SECONDS:
                    if since < SLOW_BYTES:
                        raise SatchelError(
                            Kind.UNREACHABLE, f"{web.host} sends so slowly that it would not end.", "Try again later."
                        )
                    since, then = 0, time.monotonic()
            await self._threaded(part.take, pieces)
        await self._threaded(part.finish)

    def _other(self, url: str, error: FileError) -> SatchelError:
        record, host = self._record, host_of(url)
        checksum = record.checksum
        function = checksum.function if checksum is not None else ""
        if error.code == "checksum":
            message = f"What {host} gives is not what {record.compact} names: its {function} is another."
        elif error.code == "length":
            message = (
                f"What {host} gives is not what {record.compact} names: it does not have the {record.length or 0:,} "
                "bytes that are registered."
            )
        else:
            message = error.message
        return SatchelError(
            Kind.INVALID, message, "Nothing of it was kept. Tell whoever minted it; it may have been changed.", url
        )


def _place(made: Path, goal: Path) -> None:
    """Give the file its name unless that is taken, even if it was taken this very moment."""
    try:
        os.link(made, goal)
    except FileExistsError:
        raise SatchelError(
            Kind.FILES, f"{goal} is already there.", "Choose another folder; nothing is overwritten."
        ) from None
    except OSError as error:  # a file system without links
        if error.errno in (errno.ENOSPC, errno.EROFS, errno.EACCES):
            raise
        if os.path.lexists(goal):
            raise SatchelError(
                Kind.FILES, f"{goal} is already there.", "Choose another folder; nothing is overwritten."
            ) from None
        made.rename(goal)
    else:
        made.unlink()
    sync_folder(goal.parent)


__all__: Sequence[str] = ("download", "file_name")
