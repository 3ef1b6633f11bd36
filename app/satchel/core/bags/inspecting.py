"""What a bag is, at a glance: nothing is checked, no checksum computed, no archive unpacked.

Of an archive only the tag files are taken out, and rows of records are counted as they go by.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from satchel.core.bags.digests import PIECE, StoppedError
from satchel.core.bags.extract import BoundedHeader, damage_told, is_archive, tar_members
from satchel.core.bags.inside.described import Described
from satchel.core.bags.inside.tasks import Link
from satchel.core.bags.manifests import decode_path
from satchel.core.bags.reading import Bag, is_file, is_folder, open_bag
from satchel.core.bags.threads import in_thread
from satchel.core.bags.zip_list import ZipReader
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context, Stage
from satchel.core.jobs.request import Request, Result

MOST_TAG_BYTES = 1 << 30
"""Of one tag file that is taken out of an archive."""
MOST_TAGS = 10_000
MOST_TABLES = 100_000
_RECORDS = re.compile(r"data/records/([^/]+)\.csv")
_OXUM = re.compile(r"\s*([0-9]{1,18})\.([0-9]{1,18})\s*")
_LONGEST = 1 << 20


class InspectRequest(Request, tag="inspect", frozen=True, kw_only=True):
    """Look what a bag is."""

    path: str
    columns: bool = False
    """Read all records, and say what their columns hold and what links them."""

    @property
    def title(self) -> str:
        """For example "Look at 1_Study_1-ABCD.zip"."""
        return f"Look at {Path(self.path).name or self.path}"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table of records in a bag."""

    name: str
    """`schema.table`, as its file is named."""
    path: str
    rows: int


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The Deriva catalog that a bag says it is of. Empty: it does not say."""

    host: str
    catalog: str
    snapshot: str
    rid: str
    table: str


class InspectResult(Result, tag="inspect", frozen=True, kw_only=True):
    """What a bag says of itself."""

    path: str
    kind: str
    """`folder`, `zip` or `tar`."""
    version: str
    encoding: str
    algorithms: tuple[str, ...]
    tag_algorithms: tuple[str, ...]
    info: tuple[tuple[str, str], ...]
    """bag-info.txt's fields, in order."""
    profile: str
    """The address of the profile that the bag says it keeps; empty: none."""
    files: int
    """Payload files that the manifests list."""
    bytes: int | None
    """Of the payload, as bag-info says, those that are to be fetched too; None: it does not."""
    remote: int
    """Lines of fetch.txt."""
    remote_bytes: int | None
    """None: not all lines say it."""
    missing: int | None
    """Files of fetch.txt that are not here; None for an archive."""
    origin: Origin | None
    tables: tuple[Table, ...]
    size: int | None
    """Bytes of the archive; None for a folder."""
    records: tuple[Described, ...] = ()
    links: tuple[Link, ...] = ()
    """Of the records, where they were asked for."""


async def run(request: InspectRequest, context: Context) -> InspectResult:
    """Look what a bag is.

    Raises:
        SatchelError: there is no such folder or archive, or it is no bag.
    """
    path = Path(request.path)
    taken = context.folder / "tags"
    try:
        with context.stage("look", f"Look at {path.name}") as stage:
            found = await in_thread(context.cancelled, _look, path, taken, stage, context.cancelled)
        if not request.columns:
            return found
        from satchel.core.bags.inside.summary import describe

        records, links = await describe(request.path, context)
        return msgspec.structs.replace(found, records=records, links=links)
    finally:
        await asyncio.to_thread(shutil.rmtree, taken, ignore_errors=True)


def _look(path: Path, taken: Path, stage: Stage, stop: threading.Event) -> InspectResult:
    if path.is_dir():
        bag = open_bag(path)
        tables = list(_tables(path, stage, stop))
        return _result(path, "folder", bag, tables, None, stop)
    if not path.is_file():
        raise SatchelError(Kind.FILES, f"There is no {path}.", "Check the name.")
    shutil.rmtree(taken, ignore_errors=True)
    taken.mkdir(parents=True)
    with damage_told(path):
        if zipfile.is_zipfile(path):
            kind, members = "zip", _zip(path)
        elif is_archive(path):
            kind, members = "tar", _tar(path)
        else:
            raise SatchelError(
                Kind.INVALID, f"{path.name} is neither a folder nor an archive.", "Bags are folders, zip or tar files."
            )
        tables = _take(path, members, taken, stage, stop)
    if not is_file(taken / "bagit.txt"):
        raise SatchelError(Kind.INVALID, f"There is no bag in {path.name}: it has no bagit.txt.", "")
    return _result(path, kind, open_bag(taken), tables, path.stat().st_size, stop)


def _result(
    path: Path, kind: str, bag: Bag, tables: list[Table], size: int | None, stop: threading.Event
) -> InspectResult:
    info = bag.info()
    said = {label.lower(): value for label, value in reversed(info)}
    oxum = _OXUM.fullmatch(said.get("payload-oxum", ""))
    remote, remote_bytes, missing = _remote(bag, kind == "folder", stop)
    counts = [_count(manifest, bag) for manifest in bag.manifests.values()]
    origin = None
    if "source-host" in said or "source-catalog" in said:
        keys = ("source-host", "source-catalog", "source-snapshot", "root-rid", "root-table")
        host, catalog, snapshot, rid, table = (said.get(key, "") for key in keys)
        origin = Origin(host=host, catalog=catalog, snapshot=snapshot, rid=rid, table=table)
    return InspectResult(
        path=str(path),
        kind=kind,
        version=bag.version,
        encoding=bag.encoding,
        algorithms=tuple(sorted(bag.manifests)),
        tag_algorithms=tuple(sorted(bag.tag_manifests)),
        info=tuple(info),
        profile=said.get("bagit-profile-identifier", ""),
        files=max(counts, default=0),
        bytes=int(oxum[1]) if oxum else None,
        remote=remote,
        remote_bytes=remote_bytes,
        missing=missing,
        origin=origin,
        tables=tuple(tables),
        size=size,
    )


# -- counting ---------------------------------------------------------------------------------------------------------


def _count(path: Path, bag: Bag) -> int:
    """Lines of a tag file that hold something, fast."""
    wide = codecs.lookup(bag.encoding).name.startswith(("utf-16", "utf-32"))
    found, last = 0, b"\n"
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            if wide:
                piece = piece.replace(b"\0", b"")
            if b"\r" in piece:
                # A line may end in CR, LF or both; two in a row are a line that holds nothing.
                piece = piece.replace(b"\r", b"\n")
            while b"\n\n" in piece:
                piece = piece.replace(b"\n\n", b"\n")
            if last == b"\n" and piece.startswith(b"\n"):
                piece = piece[1:]
            found += piece.count(b"\n")
            last = piece[-1:] or last
    return found + (last != b"\n")


def _remote(bag: Bag, here: bool, stop: threading.Event) -> tuple[int, int | None, int | None]:
    """Lines of fetch.txt, their bytes where all say them, and how many of their files are not here."""
    path = bag.folder / "fetch.txt"
    if not is_file(path):
        return 0, 0, 0 if here else None
    count, size, known, missing = 0, 0, True, 0
    folder = str(bag.folder)
    for length, name in _fast(bag, path):
        if stop.is_set():
            raise StoppedError
        count += 1
        known = known and length is not None
        size += length or 0
        if here and (name is None or not os.path.lexists(f"{folder}/{name}")):
            missing += 1
    return count, size if known else None, missing if here else None


def _fast(bag: Bag, path: Path) -> Iterator[tuple[int | None, str | None]]:
    """Length and path of each line of fetch.txt, None for what cannot be told. Plain lines are not parsed with all
    the care that fetching them takes: there may be millions."""
    with path.open("rb") as file:
        plain = b"\r" not in file.read(PIECE) and codecs.lookup(bag.encoding).name in ("utf-8", "ascii")
        file.seek(0)
        while plain and (line := file.readline(_LONGEST)):
            parts = line.split(None, 2)
            if len(parts) != 3:
                if parts:
                    yield None, None
                continue
            name = parts[2].rstrip(b"\r\n")
            simple = name.startswith(b"data/") and b".." not in name and b"\0" not in name
            yield (
                int(parts[1]) if parts[1].isdigit() and len(parts[1]) < 19 else None,
                decode_path(name.decode("utf-8", "replace")) if simple else None,
            )
    if not plain:
        for found in bag.fetches():
            yield (None, None) if isinstance(found, tuple) else (found.length, found.path)


def _tables(folder: Path, stage: Stage, stop: threading.Event) -> Iterator[Table]:
    records = folder / "data" / "records"
    if not is_folder(folder / "data") or not is_folder(records):
        return
    with os.scandir(records) as entries:
        names = sorted(e.name for e in entries if e.is_file(follow_symlinks=False) and e.name.endswith(".csv"))
    for name in names[:MOST_TABLES]:
        stage.item = name
        with (records / name).open("rb") as file:
            yield Table(name=name[:-4], path=f"data/records/{name}", rows=rows_of(file, stop))


def rows_of(file: IO[bytes], stop: threading.Event) -> int:
    """The rows of a CSV file in UTF-8, without its header: line ends outside quotes.

    Raises:
        StoppedError: `stop` was set.
    """
    ends, quoted, last = 0, False, b"\n"
    while piece := file.read(PIECE):
        if stop.is_set():
            raise StoppedError
        last = piece[-1:]
        for number, part in enumerate(piece.split(b'"')):
            if number:
                quoted = not quoted
            if not quoted:
                ends += part.count(b"\n")
    return max(0, ends + (last != b"\n") - 1)


# -- archives ---------------------------------------------------------------------------------------------------------

Opened = Callable[[], IO[bytes] | None]


def _zip(archive: Path) -> Iterator[tuple[str, Opened]]:
    with ZipReader(archive) as file:
        for info in file.members():
            if info.filename and not info.filename.endswith("/"):
                yield info.filename, lambda info=info: file.open(info)  # type: ignore[misc]


def _tar(archive: Path) -> Iterator[tuple[str, Opened]]:
    with tarfile.open(archive, "r|*", tarinfo=BoundedHeader) as file:
        for info in tar_members(file):
            if info.isfile():
                yield info.name, lambda info=info: file.extractfile(info)  # type: ignore[misc]


def _take(
    archive: Path, members: Iterator[tuple[str, Opened]], into: Path, stage: Stage, stop: threading.Event
) -> list[Table]:
    """Take the tag files that lie beside bagit.txt out of an archive, and count rows."""
    tables: dict[str, Table] = {}
    taken = 0
    for name, opened in members:
        if stop.is_set():
            raise StoppedError
        stage.item = name
        parts = [part for part in name.split("/") if part not in ("", ".")]
        below = "/".join(parts if parts[:1] == ["data"] or len(parts) == 1 else parts[1:])
        if (record := _RECORDS.fullmatch(below)) and len(tables) < MOST_TABLES:
            source = opened()
            if source is not None:
                with source:
                    tables[below] = Table(name=record[1], path=below, rows=rows_of(source, stop))
        elif below and not re.search(r"[/\\\0]|^\.\.?$", below) and taken < MOST_TAGS and below.endswith(".txt"):
            taken += 1
            source = opened()
            if source is None:
                continue
            with source, (into / below[-200:]).open("wb") as out:
                size = 0
                while piece := source.read(PIECE):
                    size += len(piece)
                    if stop.is_set():
                        raise StoppedError
                    if size > MOST_TAG_BYTES:
                        raise SatchelError(
                            Kind.INVALID, f"{below} in {archive.name} is larger than {MOST_TAG_BYTES:,} bytes.", ""
                        )
                    out.write(piece)
    return sorted(tables.values(), key=lambda table: table.name)
