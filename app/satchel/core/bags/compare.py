"""What differs between two bags: files by their manifests' checksums, records row by row, by RID.

Nothing is held in memory: manifests go into a SQLite file, records that are sorted by RID are read side by side, and
others go into a SQLite file as well. Manifests are believed; `satchel.core.bags.validate` tells whether they may be.
"""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

from satchel.core.bags.digests import StoppedError, hash_file
from satchel.core.bags.extract import extract
from satchel.core.bags.reading import Bag, inside, is_file, open_bag
from satchel.core.bags.threads import in_thread
from satchel.core.jobs.context import Context, Stage
from satchel.core.jobs.request import Request, Result

MOST_TOLD = 100_000
"""Files, and rows of all tables together, that a result names; the counts are of all."""
_STRONGEST = ("sha512", "sha384", "sha256", "sha224", "sha1", "md5")
_LONGEST_VALUE = 1 << 26
Kind = Literal["added", "removed", "changed"]


class DiffRequest(Request, tag="diff", frozen=True, kw_only=True):
    """Compare two bags, folders or archives."""

    path: str
    """The one before."""
    other: str
    """The one after."""
    rows: bool = True
    """Whether to compare records row by row."""

    @property
    def title(self) -> str:
        """For example "Compare old with new"."""
        return f"Compare {Path(self.path).name or self.path} with {Path(self.other).name or self.other}"


class FileChange(msgspec.Struct, frozen=True, kw_only=True):
    """A file that differs."""

    kind: Kind | Literal["unknown"]
    """`unknown`: nobody can tell, for neither has a checksum of a kind that the other has, and it is not here."""
    path: str


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """A row that differs."""

    kind: Kind
    rid: str
    columns: tuple[str, ...] = ()
    """That have other values, where it was changed."""


class TableChange(msgspec.Struct, frozen=True, kw_only=True):
    """A table of records that differs."""

    path: str
    added: int
    removed: int
    changed: int
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    rows: tuple[RowChange, ...]
    note: str = ""
    """What keeps its rows from being compared, or makes them doubtful."""


class InfoChange(msgspec.Struct, frozen=True, kw_only=True):
    """A field of bag-info.txt that differs."""

    label: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class DiffResult(Result, tag="diff", frozen=True, kw_only=True):
    """What differs."""

    path: str
    other: str
    same: bool
    """The payloads are the same; bag-info may differ."""
    unchanged: int
    added: int
    removed: int
    changed: int
    unknown: int
    files: tuple[FileChange, ...]
    tables: tuple[TableChange, ...]
    info: tuple[InfoChange, ...]


async def run(request: DiffRequest, context: Context) -> DiffResult:
    """Compare two bags.

    Raises:
        SatchelError: one is no bag.
    """
    work = context.folder / "compare"
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    await asyncio.to_thread(work.mkdir, parents=True)
    try:
        bags = []
        for side, name in enumerate((request.path, request.other)):
            bags.append(await _open(Path(name), work / f"bag{side}", context))
        with closing(sqlite3.connect(work / "files.sqlite", isolation_level=None, check_same_thread=False)) as db:
            return await _Compare(request, bags[0], bags[1], db, work, context).run()
    finally:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)


async def _open(path: Path, into: Path, context: Context) -> Bag:
    if not await asyncio.to_thread(path.is_file):
        return await asyncio.to_thread(open_bag, path)
    await asyncio.to_thread(into.mkdir)
    with context.stage(f"extract-{into.name}", f"Unpack {path.name}", unit="bytes") as stage:

        def told(size: int, member: str) -> None:
            stage.add(size)
            stage.item = member

        folder = await in_thread(context.cancelled, extract, path, into, stop=context.cancelled, told=told)
    return await asyncio.to_thread(open_bag, folder)


class _Compare:
    """One comparison under way."""

    def __init__(
        self, request: DiffRequest, before: Bag, after: Bag, db: sqlite3.Connection, work: Path, context: Context
    ) -> None:
        self._request = request
        self._bags = before, after
        self._db = db
        self._work = work
        self._context = context
        self._files: list[FileChange] = []
        self._counts = {"added": 0, "removed": 0, "changed": 0, "unknown": 0}
        self._room = MOST_TOLD
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):
            db.execute(f"PRAGMA {pragma}")
        for side in (0, 1):
            db.execute(f"CREATE TABLE side{side} (path TEXT PRIMARY KEY, algorithm TEXT, digest TEXT) WITHOUT ROWID")

    def _stop(self) -> None:
        if self._context.cancelled.is_set():
            raise StoppedError

    async def run(self) -> DiffResult:
        context, stop = self._context, self._context.cancelled
        with context.stage("files", "Compare the files", unit="files") as stage:
            await in_thread(stop, self._load, stage)
            records = await in_thread(stop, self._compare, stage)
        tables: list[TableChange] = []
        if self._request.rows and records:
            with context.stage("records", "Compare the records", total=len(records), unit="tables") as stage:
                for number, path in enumerate(records):
                    stage.item = path
                    tables.append(await in_thread(stop, self._table, path, number))
                    stage.add(1)
        (before,) = self._db.execute("SELECT count(*) FROM side0").fetchone()
        counts = self._counts
        self._files.sort(key=lambda change: change.path)
        return DiffResult(
            path=self._request.path,
            other=self._request.other,
            same=not any(counts.values()),
            unchanged=int(before) - counts["removed"] - counts["changed"] - counts["unknown"],
            added=counts["added"],
            removed=counts["removed"],
            changed=counts["changed"],
            unknown=counts["unknown"],
            files=tuple(self._files),
            tables=tuple(tables),
            info=tuple(await asyncio.to_thread(self._info)),
        )

    # -- files ----------------------------------------------------------------------------------------------------

    def _load(self, stage: Stage) -> None:
        """Read the manifests: of each file one checksum, of the strongest kind that both bags have if it can be."""
        ours, theirs = (set(bag.algorithms) for bag in self._bags)
        order = sorted(ours | theirs, key=lambda a: (a not in ours or a not in theirs, _STRONGEST.index(a)))
        for side, bag in enumerate(self._bags):
            for algorithm in order:
                if algorithm not in bag.manifests:
                    continue
                self._db.execute("BEGIN")
                self._db.executemany(
                    f"INSERT OR IGNORE INTO side{side} VALUES (?, ?, ?)",  # noqa: S608
                    self._entries(bag, algorithm, stage),
                )
                self._db.execute("COMMIT")

    def _entries(self, bag: Bag, algorithm: str, stage: Stage) -> Iterator[tuple[str, str, str]]:
        for entry in bag.entries(algorithm):
            self._stop()
            if not isinstance(entry, str):
                stage.add(1)
                yield entry.path, algorithm, entry.digest

    def _compare(self, stage: Stage) -> list[str]:
        """Note which files differ. Returns the records among them that both have."""
        records: list[str] = []
        for kind, one, another in (("removed", 0, 1), ("added", 1, 0)):
            for (path,) in self._db.execute(
                f"SELECT path FROM side{one} WHERE path NOT IN (SELECT path FROM side{another})"  # noqa: S608
            ):
                self._stop()
                self._file(kind, path)
        for path, ours, old, theirs, new in self._db.execute(
            "SELECT a.path, a.algorithm, a.digest, b.algorithm, b.digest FROM side0 a JOIN side1 b USING (path) "
            "WHERE a.digest != b.digest ORDER BY a.path"
        ):
            self._stop()
            kind = "changed"
            if ours != theirs:
                stage.item = path
                found = self._digest(0, path, theirs), self._digest(1, path, ours)
                if found[0] == new or found[1] == old:
                    continue
                kind = "changed" if any(found) else "unknown"
            self._file(kind, path)
            if path.endswith(".csv") and all(self._here(side, path) for side in (0, 1)):
                records.append(path)
        return records

    def _file(self, kind: str, path: str) -> None:
        self._counts[kind] += 1
        if len(self._files) < MOST_TOLD:
            self._files.append(msgspec.convert({"kind": kind, "path": _tellable(path)}, FileChange))

    def _here(self, side: int, path: str) -> bool:
        folder = self._bags[side].folder
        return is_file(folder / path) and inside(folder, path) is None

    def _digest(self, side: int, path: str, algorithm: str) -> str | None:
        """The checksum of a file that is here."""
        if not self._here(side, path):
            return None
        hashers = hash_file(self._bags[side].folder / path, [algorithm], stop=self._context.cancelled)
        return hashers.digests()[algorithm]

    # -- records --------------------------------------------------------------------------------------------------

    def _table(self, path: str, number: int) -> TableChange:
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_VALUE))
        one, another = (bag.folder / path for bag in self._bags)
        try:
            found = _Rows(path, self._room)
            try:
                with _reader(one) as before, _reader(another) as after:
                    if (why := found.begin(next(before, []), next(after, []))) is not None:
                        return found.result(why)
                    found.merge(_sorted(before, found.rid[0]), _sorted(after, found.rid[1]), self._context.cancelled)
            except _UnsortedError:
                found = _Rows(path, self._room)
                with _reader(one) as before, _reader(another) as after:
                    found.begin(next(before, []), next(after, []))
                    self._unsorted(found, before, after, self._work / f"rows{number}.sqlite")
        except (csv.Error, UnicodeError, OSError) as error:
            return _Rows(path, 0).result(f"its rows cannot be compared: {error}")
        self._room -= len(found.rows)
        return found.result("")

    def _unsorted(self, found: _Rows, before: _Reader, after: _Reader, file: Path) -> None:
        """Compare rows in any order, by way of a SQLite file."""
        with closing(sqlite3.connect(file, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = OFF")
            db.execute("PRAGMA synchronous = OFF")
            for side, rows in enumerate((before, after)):
                db.execute(f"CREATE TABLE row{side} (rid TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
                db.execute("BEGIN")
                for row in rows:
                    self._stop()
                    rid = row[found.rid[side]] if len(row) > found.rid[side] else ""
                    done = db.execute(
                        f"INSERT OR IGNORE INTO row{side} VALUES (?, ?)",  # noqa: S608
                        (_tellable(rid), json.dumps(row)),
                    )
                    found.twice += not done.rowcount
                db.execute("COMMIT")

            def rows_of(side: int) -> Iterator[tuple[str, list[str]]]:
                for rid, value in db.execute(f"SELECT rid, value FROM row{side} ORDER BY rid"):  # noqa: S608
                    yield rid, json.loads(value)

            found.merge(rows_of(0), rows_of(1), self._context.cancelled)
        file.unlink()

    # -- bag-info -------------------------------------------------------------------------------------------------

    def _info(self) -> Iterator[InfoChange]:
        before, after = (bag.info() for bag in self._bags)
        for label in dict.fromkeys(label for label, _ in (*before, *after)):
            old, new = (tuple(v for known, v in fields if known == label) for fields in (before, after))
            if old != new:
                yield InfoChange(label=_tellable(label), before=old, after=new)


class _UnsortedError(Exception):
    """Rows are not in the order of their RIDs."""


_Reader = Iterator[list[str]]


class _reader:  # noqa: N801 - used as a function
    """The rows of a CSV file, while it is open."""

    def __init__(self, path: Path) -> None:
        # Bytes that are no UTF-8 are compared as they are.
        self._file = path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")

    def __enter__(self) -> _Reader:
        return csv.reader(self._file)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _sorted(rows: _Reader, rid: int) -> Iterator[tuple[str, list[str]]]:
    """Rows with their RIDs. Raises _UnsortedError at the first that does not come after the one before."""
    last: str | None = None
    for row in rows:
        name = row[rid] if len(row) > rid else ""
        if last is not None and name <= last:
            raise _UnsortedError
        last = name
        yield name, row


class _Rows:
    """What differs in a table."""

    def __init__(self, path: str, room: int) -> None:
        self.path = path
        self._room = room
        self.rows: list[RowChange] = []
        self.counts = {"added": 0, "removed": 0, "changed": 0}
        self.rid = 0, 0
        self.twice = 0
        self._common: list[tuple[str, int, int]] = []
        self._only: tuple[tuple[str, ...], tuple[str, ...]] = (), ()

    def begin(self, before: list[str], after: list[str]) -> str | None:
        """Take in the headers. Returns why rows cannot be compared."""
        if "RID" not in before or "RID" not in after:
            return "it has no column RID, so its rows cannot be told apart"
        for header in (before, after):
            if any(one == another for one, another in pairwise(sorted(header))):
                return "two of its columns have the same name"
        self.rid = before.index("RID"), after.index("RID")
        self._common = [(name, before.index(name), after.index(name)) for name in before if name in set(after)]
        self._only = tuple(c for c in before if c not in after), tuple(c for c in after if c not in before)
        return None

    def merge(
        self, before: Iterator[tuple[str, list[str]]], after: Iterator[tuple[str, list[str]]], stop: threading.Event
    ) -> None:
        """Compare rows that come in the same order."""
        old, new = next(before, None), next(after, None)
        plain = all(one == another for _, one, another in self._common) and not any(self._only)
        while old is not None or new is not None:
            if stop.is_set():
                raise StoppedError
            if new is None or (old is not None and old[0] < new[0]):
                assert old is not None  # noqa: S101 - the loop's condition
                self._row("removed", old[0])
                old = next(before, None)
            elif old is None or new[0] < old[0]:
                self._row("added", new[0])
                new = next(after, None)
            else:
                if not (plain and old[1] == new[1]):
                    differing = tuple(n for n, i, j in self._common if _cell(old[1], i) != _cell(new[1], j))
                    if differing:
                        self._row("changed", old[0], differing)
                old, new = next(before, None), next(after, None)

    def _row(self, kind: Kind, rid: str, columns: tuple[str, ...] = ()) -> None:
        self.counts[kind] += 1
        if len(self.rows) < self._room:
            self.rows.append(RowChange(kind=kind, rid=_tellable(rid), columns=tuple(map(_tellable, columns))))

    def result(self, note: str) -> TableChange:
        """All of it."""
        if self.twice:
            note = f"{self.twice:,} rows have the RID of another; only the first of each was compared"
        return TableChange(
            path=_tellable(self.path),
            **self.counts,
            columns_added=tuple(map(_tellable, self._only[1])),
            columns_removed=tuple(map(_tellable, self._only[0])),
            rows=tuple(self.rows),
            note=note,
        )


def _cell(row: list[str], column: int) -> str | None:
    return row[column] if column < len(row) else None


def _tellable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
