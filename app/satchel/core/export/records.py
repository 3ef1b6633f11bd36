"""Reads the rows of each reached table into its CSV file, exactly as ERMrest gives them in RID order.

What comes is known before it comes: every page is asked for by the RIDs that were gathered, and must hold those rows
and no others. Pages of all tables are on their way at once; each table's are appended in order. A file is always a
whole number of pages long at its last checkpoint, which says how long and with which checksum, so that a killed export
goes on from there.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ParamSpec, TypeVar

from satchel.core.bags.digests import Hashers, hash_file
from satchel.core.bags.threads import in_thread
from satchel.core.bags.writer import Entry
from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.ermrest import CSV, Catalog
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import any_of, batches, escape
from satchel.core.deriva.reach import Reached, ReachedTable
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.csvpage import CsvPage, PageError, check
from satchel.core.jobs.context import Context, Part

P = ParamSpec("P")
T = TypeVar("T")
REQUESTS = 6
"""Pages on their way at once, over all tables."""
WINDOW = 4
"""Pages of one table that may be ahead of the one that is written next."""
PAGE_BYTES = 1_000_000
"""About how large a page shall be."""
FIRST_ROWS = 500
MOST_ROWS = 10_000
CHECK_TRIES = 4
"""How often a page is asked for again that came whole but held the wrong rows."""
CHECKPOINT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Done:
    """A table's finished file."""

    table: TableName
    entry: Entry
    rows: int


@dataclass
class _Plan:
    """How rows of a table are asked for."""

    reached: ReachedTable
    path: str
    rows: int = field(default_factory=lambda: FIRST_ROWS)
    header: bytes | None = None
    row_bytes: float = 0.0

    def learn(self, page: CsvPage) -> None:
        """Choose the next pages' size by what has come."""
        if page.rows:
            now = len(page.body) / page.rows
            self.row_bytes = max(now, self.row_bytes * 0.7 + now * 0.3) if self.row_bytes else now
            self.rows = max(1, min(MOST_ROWS, int(PAGE_BYTES / max(1.0, self.row_bytes)), self.rows * 4))


@dataclass
class Records:
    """The reading of all tables.

    Args:
        catalog: pinned to the snapshot.
        reached: what belongs to the root.
        bag: the folder under work.
        paths: each table's file below the bag.
        algorithms: of the checksums.
        context: for checkpoints and the cancel flag.
    """

    catalog: Catalog
    reached: Reached
    bag: Path
    paths: dict[TableName, str]
    algorithms: Sequence[str]
    context: Context
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(REQUESTS))
    _solver: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, table: ReachedTable, part: Part) -> Done:
        """Read one table. Raises SatchelError when a page cannot be had as it should be."""
        plan = _Plan(table, self.paths[table.name])
        file = self.bag / plan.path
        output = _Output(file, self.algorithms, self.context, f"records/{table.name}")
        try:
            await self._threaded(output.open)
            part.add(output.rows)
            if not output.finished:
                await self._read_on(plan, output, part)
            return Done(table.name, output.entry(plan.path), output.rows)
        finally:
            output.close()

    async def _threaded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in a thread what uses files; never left behind, for a job that goes on writes to the same ones."""
        return await in_thread(self.context.cancelled, work, *args, **kwargs)

    async def _read_on(self, plan: _Plan, output: _Output, part: Part) -> None:
        if output.rows:
            plan.header = await self._threaded(output.header)
        rids = self.reached.rids(plan.reached.name)
        waiting: list[tuple[asyncio.Task[CsvPage], int]] = []
        try:
            last = await self._skip(rids, output.rows)
            if not plan.reached.rows and plan.header is None:
                await self._append(plan, output, await self._page(plan, [], None), part)
            exhausted = False
            while waiting or not exhausted:
                while not exhausted and len(waiting) < (WINDOW if plan.row_bytes else 1):
                    expected = await self._take(rids, plan)
                    if not expected:
                        exhausted = True
                        break
                    page = self._page(plan, expected, last)
                    waiting.append((asyncio.create_task(page), len(expected)))
                    last = expected[-1]
                if waiting:
                    await self._append(plan, output, await waiting[0][0], part)
                    waiting.pop(0)
            if output.rows != plan.reached.rows:
                raise SatchelError(
                    Kind.INTERNAL,
                    f"{plan.reached.name} has {output.rows:,} rows in its file, not {plan.reached.rows:,}.",
                )
            await self._threaded(output.finish)
        finally:
            for task, _ in waiting:
                task.cancel()
            await asyncio.gather(*(task for task, _ in waiting), return_exceptions=True)

    async def _skip(self, rids: Iterator[tuple[int, str]], count: int) -> str | None:
        """Pass over rows that the file has already. Gives the last one's RID."""
        last: str | None = None
        while count:
            async with self._solver:
                some = await self._threaded(lambda n: list(itertools.islice(rids, n)), min(count, 50_000))
            if not some:
                raise SatchelError(Kind.INTERNAL, "The file of an interrupted export has more rows than belong to it.")
            count -= len(some)
            last = some[-1][1]
        return last

    async def _take(self, rids: Iterator[tuple[int, str]], plan: _Plan) -> list[str]:
        async with self._solver:
            some = await self._threaded(lambda: list(itertools.islice(rids, plan.rows)))
        return [rid for _, rid in some]

    def _queries(self, plan: _Plan, expected: Sequence[str], last: str | None) -> list[tuple[str, Sequence[str]]]:
        name = plan.reached.name.path
        if not expected:
            # No row has no RID: the answer is the header alone.
            return [(f"entity/{name}/RID::null::@sort(RID)?limit=1", ())]
        if plan.reached.whole:
            after = f"@after({escape(last)})" if last is not None else ""
            return [(f"entity/{name}@sort(RID){after}?limit={len(expected)}", expected)]
        return [(f"entity/{name}/{any_of('RID', some)}@sort(RID)?limit=none", some) for some in batches(expected)]

    async def _page(self, plan: _Plan, expected: Sequence[str], last: str | None) -> CsvPage:
        queries = self._queries(plan, expected, last)
        pages = await asyncio.gather(*(self._query(plan, path, rows) for path, rows in queries))
        if len(pages) == 1:
            return pages[0]
        if any(page.header != pages[0].header for page in pages):
            raise self._wrong(plan, "its columns changed from one page to the next")
        return CsvPage(pages[0].header, b"".join(page.body for page in pages), sum(page.rows for page in pages))

    async def _query(self, plan: _Plan, path: str, expected: Sequence[str]) -> CsvPage:
        why = ""
        for attempt in range(CHECK_TRIES):
            async with self._slots:
                data = await self.catalog.read(path, CSV)
            try:
                return await asyncio.to_thread(check, data, expected, plan.header)
            except PageError as error:
                why = str(error)
                self.context.log(f"{plan.reached.name}: a page is wrong, {why}. Asking again.", "warning")
                await asyncio.sleep(0.2 * 2**attempt)
        await still_signed_in(self.catalog.session)  # else that is why
        raise self._wrong(plan, why, path)

    def _wrong(self, plan: _Plan, why: str, path: str = "") -> SatchelError:
        return SatchelError(
            Kind.SERVER,
            f"{self.catalog.host} gave a page of {plan.reached.name} that is not what was asked for: {why}.",
            "Resume the export; if it happens again, the server's data changed under its snapshot.",
            path,
        )

    async def _append(self, plan: _Plan, output: _Output, page: CsvPage, part: Part) -> None:
        if plan.header is None:
            plan.header = page.header
        plan.learn(page)
        await self._threaded(output.append, page)
        part.add(page.rows)


class _Output:
    """A table's file, appended to page by page, with checkpoints."""

    def __init__(self, path: Path, algorithms: Sequence[str], context: Context, key: str) -> None:
        self._path = path
        # The checkpoint's own checksum is always among the algorithms, whatever the bag's are.
        self._algorithms = {*algorithms, "sha256"}
        self._context = context
        self._key = key
        self._opened: IO[bytes] | None = None
        self._hashers = Hashers(self._algorithms)
        self._saved = time.monotonic()
        self.rows = 0
        self.finished = False

    @property
    def _file(self) -> IO[bytes]:
        assert self._opened is not None  # noqa: S101 - `open` is the first thing done
        return self._opened

    def open(self) -> None:
        """Begin the file, or go on where its last checkpoint was. Anything behind that is cut off."""
        path, context = self._path, self._context
        path.parent.mkdir(parents=True, exist_ok=True)
        kept: dict[str, Any] | None = context.recall(self._key)
        if kept is not None and path.exists() and path.stat().st_size >= kept["bytes"]:
            hashers = hash_file(path, self._algorithms, limit=kept["bytes"], stop=context.cancelled)
            if hashers.length == kept["bytes"] and hashers.digests()["sha256"] == kept["sha256"]:
                self._opened = path.open("r+b")
                self._opened.truncate(kept["bytes"])
                self._opened.seek(kept["bytes"])
                self._hashers, self.rows, self.finished = hashers, kept["rows"], kept["finished"]
                return
        if kept is not None:
            context.log(
                f"{self._key}: what was written before the interruption is damaged or gone; reading it again.",
                "warning",
            )
        self._opened = path.open("w+b")

    def header(self) -> bytes:
        """The file's first record."""
        from satchel.core.export.csvpage import first_record_end

        self._file.seek(0)
        data = b""
        while True:
            piece = self._file.read(1 << 16)
            data += piece
            end = first_record_end(data)
            if not piece or end < len(data):
                break
        self._file.seek(self._hashers.length)
        return data[:end]

    def append(self, page: CsvPage) -> None:
        """Write a page behind what is there; now and then a checkpoint."""
        for data in (page.header if not self._hashers.length else b"", page.body):
            if data:
                self._file.write(data)
                self._hashers.update(data)
        self.rows += page.rows
        if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
            self._save()

    def finish(self) -> None:
        """All rows are there."""
        self.finished = True
        self._save()

    def _save(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._context.checkpoint(
            self._key,
            {
                "rows": self.rows,
                "bytes": self._hashers.length,
                "sha256": self._hashers.digests()["sha256"],
                "finished": self.finished,
            },
        )
        self._saved = time.monotonic()

    def entry(self, path: str) -> Entry:
        """The finished file as the bag lists it."""
        return Entry(path, self._hashers.length, self._hashers.digests())

    def close(self) -> None:
        """Close the file."""
        if self._opened is not None:
            self._opened.close()


__all__ = ["Done", "Records"]
