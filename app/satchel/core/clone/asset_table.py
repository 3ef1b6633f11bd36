"""The assets of one table brought to its catalog's own Hatrac: listed, moved, and the rows' addresses changed.

Rows are changed in batches, each row only while it still has the address that was read (the old one is part of the
key), so that a batch may be sent again and somebody's change meanwhile is not undone.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from satchel.core.clone.asset_mover import AssetError, Mover, SourceError, code_of
from satchel.core.clone.asset_state import Item, State
from satchel.core.clone.asset_urls import asset_columns
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import AssetColumns, Table
from satchel.core.deriva.paths import any_of, batches, escape, page
from satchel.core.deriva.retry import Passing
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context, Stage

WORKERS = 16
PAGE = 2000
BATCH = 200
"""Rows that are changed by one request."""
SHOWN = 10_000_000
"""Bytes from which on a file is shown by itself."""
HOST_FAILURES = 5
"""After so many failures one after the other a source's server is not asked any more."""
_WHOLE_HOST = frozenset({Kind.UNTRUSTED, Kind.NOT_SIGNED_IN})
_SUM = {"md5": re.compile("[0-9a-f]{32}"), "sha256": re.compile("[0-9a-f]{64}")}

Verdict = tuple[str, str] | None
"""Why an asset is left as it is: a word and a sentence; None: it is to be moved."""


class Sources(Protocol):
    """Servers that assets come from."""

    async def session(self, host: str) -> Session | None:
        """To a host; None where none is needed. Raises SatchelError where it is not to be asked."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where an asset comes from."""

    host: str
    url: str


Choose = Callable[[Item], "Wanted | tuple[str, str]"]
"""What is to be done with an item: where it comes from, or the word and sentence why it stays as it is."""


class AssetTable:
    """One table's assets on their way.

    Args:
        catalog: that holds the table, live.
        table: an asset table of it.
        state: what is known.
        choose: what is to be done with a row.
        context: cancel flag and log.

    Raises:
        SatchelError: the table holds no assets.
    """

    def __init__(self, catalog: Catalog, table: Table, state: State, choose: Choose, context: Context) -> None:
        columns = asset_columns(table)
        if columns is None or table.column("RID") is None:
            raise SatchelError(
                Kind.USAGE,
                f"{table.name} of {catalog} holds no assets.",
                "Asset tables have a URL column with the annotation tag:isrd.isi.edu,2017:asset, or the columns URL, "
                "Filename, Length and MD5.",
            )
        self.name = str(table.name)
        self._catalog = catalog
        self._table = table
        self._columns: AssetColumns = columns
        self._state = state
        self._choose = choose
        self._context = context
        self._failures: dict[str, tuple[int, SatchelError]] = {}
        self._waiting: deque[tuple[str, str, str]] = deque()

    # -- listing --------------------------------------------------------------------------------------------------

    async def enlist(self, rids: Sequence[str] | None, stage: Stage) -> None:
        """Write down what there is to do; goes on where an earlier run stopped.

        Args:
            rids: the rows; None: all.
            stage: counts rows.
        """
        after, done = self._state.listed(self.name)
        if done:
            return
        if rids is not None:
            await self._list_some(list(dict.fromkeys(rids)), stage)
            return
        while True:
            end = page(self._selected, after=None if after is None else (after,))
            rows = await self._catalog.rows(f"attribute/{self._table.name.path}/{end}?limit={PAGE}")
            after = str(rows[-1]["RID"]) if rows else after
            self._keep(rows, after, len(rows) < PAGE)
            stage.add(len(rows))
            if len(rows) < PAGE:
                return

    async def _list_some(self, rids: Sequence[str], stage: Stage) -> None:
        for batch in batches(rids):
            chosen = f"attribute/{self._table.name.path}/{any_of('RID', batch)}/{page(self._selected)}"
            rows = await self._catalog.rows(chosen)
            self._keep(rows, None, False)
            missing = set(batch) - {str(row["RID"]) for row in rows}
            told = [
                (Item(self.name, rid, ""), "skipped", "no-such-row", f"{self.name} has no row {rid} that you can see.")
                for rid in batch
                if rid in missing
            ]
            self._state.add(self.name, told, None, False)
            stage.add(len(batch))
        self._state.add(self.name, [], None, True)

    @property
    def _selected(self) -> list[str]:
        c = self._columns
        return list(dict.fromkeys(["RID", *(n for n in (c.url, c.filename, c.length, c.md5, c.sha256) if n)]))

    def _keep(self, rows: Sequence[dict[str, Any]], after: str | None, done: bool) -> None:
        kept = []
        for row in rows:
            item = self._item(row)
            verdict = self._choose(item) if item.url else ("no-url", f"{self.name} {item.rid} has no address.")
            if isinstance(verdict, Wanted):
                kept.append((item, "todo", "", ""))
            else:
                kept.append((item, "skipped", *verdict))
        self._state.add(self.name, kept, after, done)

    def _item(self, row: dict[str, Any]) -> Item:
        c = self._columns
        length = row.get(c.length) if c.length else None
        sums: dict[str, str | None] = {}
        for algorithm, column in (("md5", c.md5), ("sha256", c.sha256)):
            text = str(row.get(column) or "").strip().lower() if column else ""
            sums[algorithm] = text if _SUM[algorithm].fullmatch(text) else None
        return Item(
            self.name,
            str(row["RID"]),
            str(row.get(c.url) or ""),
            str(row[c.filename]) if c.filename and row.get(c.filename) else None,
            length if isinstance(length, int) and not isinstance(length, bool) and length >= 0 else None,
            sums["md5"],
            sums["sha256"],
        )

    # -- moving ---------------------------------------------------------------------------------------------------

    async def move(self, mover: Mover, sources: Sources, stage: Stage) -> None:
        """Move what is to be moved, and change the rows.

        An asset that cannot be had is written down as failed, and the rest goes on.

        Raises:
            SatchelError: the destination does not take any, or this computer cannot go on.
        """
        self._state.again(self.name)
        await self._flush(self._state.moved(self.name))
        items = self._todo()
        lock, changing = asyncio.Lock(), asyncio.Lock()

        async def flush(least: int) -> None:
            async with changing:
                while len(self._waiting) >= least and self._waiting:
                    await self._flush([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])

        async def work() -> None:
            while True:
                async with lock:
                    item = await anext(items, None)
                if item is None:
                    return
                stage.item = item.filename or item.rid
                await self._one(item, mover, sources, stage)
                if len(self._waiting) >= BATCH and not changing.locked():
                    await flush(BATCH)

        tasks = [asyncio.create_task(work()) for _ in range(WORKERS)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await flush(1)

    async def _todo(self) -> AsyncIterator[Item]:
        after = 0
        while found := self._state.todo(self.name, after, 500):
            for number, item in found:
                after = number
                yield item

    async def _one(self, item: Item, mover: Mover, sources: Sources, stage: Stage) -> None:
        verdict = self._choose(item)
        if not isinstance(verdict, Wanted):
            self._state.mark(self.name, [item.rid], "skipped", *verdict)
            return
        shown = stage
        if item.length is not None and item.length >= SHOWN:
            shown = stage.part(f"{item.filename or 'file'} ({item.rid})", item.length)  # type: ignore[assignment]
        try:
            times, dead = self._failures.get(verdict.host, (0, None))
            if dead is not None and times >= HOST_FAILURES:
                raise SourceError(dead)
            try:
                source = await sources.session(verdict.host)
            except SatchelError as error:
                raise SourceError(error) from error
            new = await mover.move(item, source, verdict.url, shown.add)
        except SourceError as error:
            self._source_failed(item, verdict.host, error.error)
        except AssetError as error:
            self._failed(item, error.code, error)
        except SatchelError as error:
            if error.kind is not Kind.INVALID:
                raise
            self._failed(item, "refused", error)  # this one, by the destination
        else:
            self._failures.pop(verdict.host, None)
            self._state.arrived(item, new)
            self._waiting.append((item.rid, item.url, new))

    def _source_failed(self, item: Item, host: str, error: SatchelError) -> None:
        code = code_of(error)
        if error.kind in (Kind.DISK_FULL, Kind.INTERNAL, Kind.CANCELLED, Kind.FILES):
            raise error
        if code is None:
            times = HOST_FAILURES if error.kind in _WHOLE_HOST else self._failures.get(host, (0, error))[0] + 1
            self._failures[host] = times, error
            code = "source-unreachable" if error.kind not in _WHOLE_HOST else error.kind.value
        self._failed(item, code, error)

    def _failed(self, item: Item, code: str, error: SatchelError) -> None:
        self._context.log(f"{self.name} {item.rid}: {error.message} {error.detail}".strip(), "debug")
        self._state.mark(self.name, [item.rid], "failed", code, error.message)

    # -- changing rows --------------------------------------------------------------------------------------------

    async def _flush(self, changes: Sequence[tuple[str, str, str]]) -> None:
        """Let rows say where their assets are now."""
        for at in range(0, len(changes), BATCH):
            await self._change(changes[at : at + BATCH])

    async def _change(self, changes: Sequence[tuple[str, str, str]]) -> None:
        url = self._columns.url
        path = f"attributegroup/{self._table.name.path}/RID,before:={escape(url)};{escape(url)}"
        sent = [{"RID": rid, "before": old, url: new} for rid, old, new in changes]
        try:
            answer = await self._catalog.session.request("PUT", f"{self._catalog.path}/{path}", json=sent)
        except Passing:
            raise
        except SatchelError as error:
            if not error.detail.startswith(("400", "409")):
                raise
            # One row that is refused must not keep the others back.
            if len(changes) == 1:
                self._context.log(f"{self.name} {changes[0][0]}: {error.message} {error.detail}", "debug")
                self._state.mark(
                    self.name, [changes[0][0]], "failed", "row-refused", f"The row was refused: {error.message}"
                )
                return
            middle = len(changes) // 2
            await self._change(changes[:middle])
            await self._change(changes[middle:])
            return
        done = {str(row.get("RID")) for row in answer.json() if isinstance(row, dict)}
        left = [change for change in changes if change[0] not in done]
        self._state.mark(self.name, [rid for rid, _, _ in changes if rid in done], "done")
        for batch in batches([rid for rid, _, _ in left]):
            await self._explain(batch, {rid: new for rid, _, new in left})

    async def _explain(self, rids: Sequence[str], new: dict[str, str]) -> None:
        """Rows that were not changed: done by an earlier run, or changed or gone meanwhile."""
        url = self._columns.url
        rows = await self._catalog.rows(
            f"attribute/{self._table.name.path}/{any_of('RID', rids)}/{page(list(dict.fromkeys(['RID', url])))}"
        )
        now = {str(row["RID"]): row.get(url) for row in rows}
        for rid in rids:
            if rid in now and now[rid] == new[rid]:
                self._state.mark(self.name, [rid], "done")
            elif rid in now:
                said = "Its row was changed by somebody meanwhile, or you may not change it."
                self._state.mark(self.name, [rid], "failed", "row-changed", said)
            else:
                self._state.mark(self.name, [rid], "failed", "row-gone", "Its row is gone.")
