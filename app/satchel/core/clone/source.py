"""Where rows come from: pages of a table in the server's order, each holding exactly the rows that were asked for.

Which rows come along is known by RID before they are read. Where those that stand beside each other in the table are
wanted they are asked for from one RID to another, else by their RIDs; rows in between that are not wanted are dropped.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from satchel.core.clone.csvrows import CsvCodec, header_of
from satchel.core.clone.gate import Gate
from satchel.core.clone.plan import Coming, TablePlan, copied_columns
from satchel.core.clone.rows import MODULUS, Change, Codec, Page, RowCodec, RowsError
from satchel.core.clone.verifying import cut_off
from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.paths import batches, escape
from satchel.core.deriva.reach import Gathered
from satchel.core.errors import Kind, SatchelError

PAGE_BYTES = 4_000_000
MOST_ROWS = 6_000
SAMPLE = 20
UNKNOWN_ROW_BYTES = 2_000.0
_GAP = 3
"""Rows that are not wanted between two that are, for which a query from one to the other is not interrupted."""
_RUN = 50
"""Rows from which on they are asked for from the first to the last."""
_TRIES = 4
_VAGUE = frozenset({"json", "jsonb", "json[]", "jsonb[]"})


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that one page is to hold, and how they are asked for."""

    rows: int
    """How many; of a table without known RIDs at most."""
    read: Callable[[], Awaitable[Page]]


class Source(Protocol):
    """A server's catalog, or a bag."""

    def codec(self, table: TablePlan) -> Codec:
        """What reads and makes its pages."""

    def parts(self, table: TablePlan, done: int) -> AsyncIterator[Part]:
        """The pages of a table in order, without the first `done` rows."""

    async def measure(self, tables: Sequence[TablePlan]) -> dict[str, float]:
        """Bytes of a row of each table, as far as they are known."""

    def row_bytes(self, table: TablePlan) -> float:
        """About how large a row of a table is."""

    def shrink(self, table: TablePlan) -> None:
        """Make pages of this table smaller from now on."""


class ServerSource:
    """A catalog at a snapshot.

    Args:
        catalog: pinned.
        gathered: what was read.
        reached: what comes along.
        gate: for its requests.
        change: what must change in rows of a table; None: nothing.
    """

    def __init__(
        self,
        catalog: Catalog,
        gathered: Gathered,
        reached: Coming,
        gate: Gate,
        change: Callable[[TablePlan], Change | None],
    ) -> None:
        self._catalog = catalog
        self._reached = reached
        self._gate = gate
        self._change = change
        self._explored = gathered.store.explored()
        self._known = gathered.store.number
        self._bytes: dict[str, float] = {}
        self._most: dict[str, int] = {}
        self._solver = asyncio.Lock()
        self._codecs: dict[str, Codec] = {}

    def codec(self, table: TablePlan) -> Codec:
        """See `Source`.

        JSON, which servers take faster; CSV where it says more: in JSON a null in a column of JSON values may be SQL's
        or one of JSON's own.
        """
        name = str(table.name)
        if name not in self._codecs:
            columns = copied_columns(table.table)
            vague = any(column.typename in _VAGUE for column in columns)
            names = [column.name for column in columns]
            self._codecs[name] = CsvCodec(header_of(names)) if vague else RowCodec(table.table)
        return self._codecs[name]

    def row_bytes(self, table: TablePlan) -> float:
        """See `Source`."""
        return self._bytes.get(str(table.name), UNKNOWN_ROW_BYTES)

    def shrink(self, table: TablePlan) -> None:
        """See `Source`."""
        name = str(table.name)
        self._most[name] = max(1, self._rows(table) // 2)

    async def measure(self, tables: Sequence[TablePlan]) -> dict[str, float]:
        """Bytes of a row of each table, by a few rows of it. What cannot be read is not in it."""

        async def one(table: TablePlan) -> None:
            body = await self._fetch(table, f"entity/{table.name.path}@sort(RID)?limit={SAMPLE}")
            rows = await asyncio.to_thread(self.codec(table).decode, body)
            if rows:
                self._bytes[str(table.name)] = len(body) / len(rows)

        async with asyncio.TaskGroup() as group:
            for table in tables:
                if table.rows:
                    group.create_task(one(table))
        return dict(self._bytes)

    async def parts(self, table: TablePlan, done: int) -> AsyncIterator[Part]:
        """See `Source`."""
        if table.emptied or not table.rows:
            return
        if table.name not in self._known:
            async for part in self._unknown(table, done):
                yield part
            return
        rids = self._reached.rids(table.name)
        last = await self._skip(rids, done)
        while True:
            some = await self._take(rids, self._rows(table))
            if not some:
                return
            yield Part(len(some), self._reader(table, some, last))
            last = some[-1][1]

    def _rows(self, table: TablePlan) -> int:
        name = str(table.name)
        size = max(1.0, self._bytes.get(name, UNKNOWN_ROW_BYTES))
        return max(1, min(int(PAGE_BYTES / size), MOST_ROWS, self._most.get(name, MOST_ROWS)))

    async def _skip(self, rids: Iterator[tuple[int, str]], count: int) -> str | None:
        last: str | None = None
        while count:
            some = await self._take(rids, min(count, 50_000))
            if not some:
                raise SatchelError(Kind.INTERNAL, "More rows were copied before the interruption than belong to it.")
            count -= len(some)
            last = some[-1][1]
        return last

    async def _take(self, rids: Iterator[tuple[int, str]], count: int) -> list[tuple[int, str]]:
        async with self._solver:
            return await asyncio.to_thread(lambda: list(itertools.islice(rids, count)))

    def _reader(self, table: TablePlan, rows: list[tuple[int, str]], last: str | None) -> Callable[[], Awaitable[Page]]:
        async def read() -> Page:
            return await self._page(table, rows, last)

        return read

    async def _page(self, table: TablePlan, rows: Sequence[tuple[int, str]], last: str | None) -> Page:
        expected = [rid for _, rid in rows]
        queries = self._queries(table, rows, last)
        why = ""
        for attempt in range(_TRIES):
            try:
                bodies = await asyncio.gather(*(self._fetch(table, query) for query in queries))
            except SatchelError as error:
                if not cut_off(error) or len(rows) == 1:
                    raise
                return await self._halves(table, rows, last)
            try:
                page = await asyncio.to_thread(self.codec(table).page, bodies, expected, self._change(table))
            except RowsError as error:
                why = str(error)
                await asyncio.sleep(0.2 * 2**attempt)
                continue
            self._learn(table, page)
            return page
        await still_signed_in(self._catalog.session)  # else that is why
        raise SatchelError(
            Kind.SERVER,
            f"{self._catalog.host} gave a page of {table.name} that is not what was asked for: {why}.",
            "Resume the clone; if it happens again, the server's data changed under its snapshot.",
            queries[0],
        )

    async def _halves(self, table: TablePlan, rows: Sequence[tuple[int, str]], last: str | None) -> Page:
        """A page that takes the server too long, in two."""
        self.shrink(table)
        middle = len(rows) // 2
        first = await self._page(table, rows[:middle], last)
        second = await self._page(table, rows[middle:], rows[middle - 1][1])
        codec = self.codec(table)
        raws = [raw for page in (first, second) for _, raw in codec.split(page.body)]
        return Page(codec.join(raws), first.rids + second.rids, (first.digest + second.digest) % MODULUS)

    def _learn(self, table: TablePlan, page: Page) -> None:
        name = str(table.name)
        now = len(page.body) / max(1, len(page.rids))
        self._bytes[name] = max(now, self._bytes.get(name, now) * 0.7 + now * 0.3)

    async def _fetch(self, table: TablePlan, query: str) -> bytes:
        async with self._gate.slot():
            return await self._catalog.read(query, self.codec(table).media)

    def _queries(self, table: TablePlan, rows: Sequence[tuple[int, str]], last: str | None) -> list[str]:
        path = f"entity/{table.name.path}"
        if table.whole:
            after = f"@after({escape(last)})" if last is not None else ""
            return [f"{path}@sort(RID){after}?limit={len(rows)}"]
        found: list[str] = []
        for dense, rids in self._runs(rows):
            if dense:
                between = f"RID::geq::{escape(rids[0])}&RID::leq::{escape(rids[-1])}"
                found.append(f"{path}/{between}@sort(RID)")
            else:
                found += [f"{path}/RID=any({','.join(map(escape, some))})@sort(RID)" for some in batches(rids)]
        return found

    def _runs(self, rows: Sequence[tuple[int, str]]) -> Iterator[tuple[bool, list[str]]]:
        """Rows that stand close together, where there are enough of them to be worth it, and what is in between."""
        if self._explored:  # the numbers say nothing about what is in between
            yield False, [rid for _, rid in rows]
            return
        loose: list[str] = []
        for run in _close(rows):
            if len(run) < _RUN:
                loose += run
                continue
            if loose:
                yield False, loose
                loose = []
            yield True, run
        if loose:
            yield False, loose

    async def _unknown(self, table: TablePlan, done: int) -> AsyncIterator[Part]:
        """The rows of a table that comes whole although nothing leads to it: one page after the other."""
        last: str | None = None
        skip = done
        while True:
            after = f"@after({escape(last)})" if last is not None else ""
            rows = self._rows(table)
            body = await self._fetch(table, f"entity/{table.name.path}@sort(RID){after}?limit={rows}")
            page = await asyncio.to_thread(self.codec(table).page, [body], None, self._change(table))
            if not page.rids:
                return
            last = page.rids[-1]
            if skip >= len(page.rids):
                skip -= len(page.rids)
                continue
            if skip:
                body = self.codec(table).join(raw for _, raw in self.codec(table).split(page.body)[skip:])
                page = await asyncio.to_thread(self.codec(table).page, [body], None)
                skip = 0
            yield Part(len(page.rids), _ready(page))


def _close(rows: Sequence[tuple[int, str]]) -> Iterator[list[str]]:
    """RIDs in lots between whose rows there are few others."""
    run: list[str] = []
    before = 0
    for number, rid in rows:
        if run and number - before > _GAP + 1:
            yield run
            run = []
        run.append(rid)
        before = number
    if run:
        yield run


def _ready(page: Page) -> Callable[[], Awaitable[Page]]:
    async def read() -> Page:
        return page

    return read
