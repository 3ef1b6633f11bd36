"""The data stage: several readers at the source's snapshot, a bounded row of pages, one writer.

Pages come in a fixed order. After each that is written, a checkpoint says how many rows of its table are in the clone;
a job that was killed in between writes that page again, which changes nothing (`onconflict=skip`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

from satchel.core.clone.oversized import cut
from satchel.core.clone.plan import TablePlan
from satchel.core.clone.report import Category, Findings, Severity, TableReport, TruncatedValue
from satchel.core.clone.rows import Page
from satchel.core.clone.source import Part, Source
from satchel.core.clone.verifying import NOTHING, Content
from satchel.core.clone.writer import Writer, Written
from satchel.core.jobs.context import Context, Stage
from satchel.core.jobs.context import Part as Progress

SLOW_SECONDS = 6.0
"""A server gives up after 15 seconds; pages that take this long become smaller."""
_ROOM = 3
"""Pages that wait besides those that are being read."""


@dataclass
class Copied:
    """How far a table has come; kept at every page."""

    rows: int = 0
    """Rows of the source that were dealt with."""
    written: Content = NOTHING
    """What the clone is to hold."""
    skipped: int = 0
    seconds: float = 0.0

    def kept(self) -> list[object]:
        """As a checkpoint."""
        digest = f"{self.written.digest:x}"
        return [self.rows, self.written.rows, digest, self.skipped, self.seconds]

    @classmethod
    def of(cls, kept: Sequence[object] | None) -> Copied:
        """From a checkpoint."""
        if kept is None:
            return cls()
        rows, written, digest, skipped, seconds = kept
        return cls(
            int(str(rows)),
            Content(int(str(written)), int(str(digest), 16)),
            int(str(skipped)),
            float(str(seconds)),
        )


@dataclass
class Copying:
    """The copying of all tables.

    Args:
        source: gives pages.
        writer: takes them.
        tables: all, in the order in which they are written.
        context: for checkpoints.
        findings: told of rows that the destination does not take.
        readers: pages on their way at once.
    """

    source: Source
    writer: Writer
    tables: Sequence[TablePlan]
    context: Context
    findings: Findings
    readers: int
    copied: dict[str, Copied] = field(default_factory=dict)
    _progress: dict[str, Progress] = field(default_factory=dict)
    _saving: asyncio.Task[None] | None = None
    _known_cuts: list[list[Any]] = field(default_factory=list)

    async def run(self, stage: Stage) -> None:
        """Copy all that is not copied yet.

        Raises:
            SatchelError: source or destination fail; what was done is kept.
            IndexRefused: a table needs another schema; `forget` its rows and run again.
        """
        self.copied = {str(t.name): Copied.of(self.context.recall(_key(t))) for t in self.tables}
        self._known_cuts = self.context.recall("truncated", [])
        if not self._progress:
            self._progress = {str(t.name): stage.part(str(t.name), t.rows) for t in self.tables}
            for name, known in self.copied.items():
                self._progress[name].add(known.rows)
        waiting: deque[tuple[TablePlan, asyncio.Task[Page]]] = deque()
        pages = self._pages()
        try:
            more = True
            while more or waiting:
                while more and len(waiting) < self.readers + _ROOM:
                    try:
                        table, part = await anext(pages)
                    except StopAsyncIteration:
                        more = False
                        break
                    waiting.append((table, asyncio.ensure_future(part.read())))
                if not waiting:
                    break
                table, reading = waiting[0]
                stage.item = str(table.name)
                page = await reading
                waiting.popleft()
                await self._write(table, page, self._progress[str(table.name)])
            await self._saved()
        finally:
            await pages.aclose()
            if self._saving is not None:
                await asyncio.gather(self._saving, return_exceptions=True)
            left = [task for _, task in waiting]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def forget(self, table: TablePlan) -> None:
        """Begin anew with a table that was made anew."""
        name = str(table.name)
        self._progress[name].add(-self.copied[name].rows)
        refused = [told for told in self.context.recall("refused", []) if told[0] != name]
        self.context.checkpoint("refused", refused)
        self.context.checkpoint(_key(table), Copied().kept())

    async def _pages(self) -> AsyncGenerator[tuple[TablePlan, Part]]:
        for table in self.tables:
            known = self.copied[str(table.name)]
            async for part in self.source.parts(table, known.rows):
                yield table, part

    async def _write(self, table: TablePlan, page: Page, progress: Progress) -> None:
        if self._known_cuts:
            page = await asyncio.to_thread(self._cut_before, table, page)
        begin = time.monotonic()
        written = await self.writer.write(table, page, self.source.codec(table))
        taken = time.monotonic() - begin
        known = self.copied[str(table.name)]
        known.rows += len(page.rids)
        known.written += Content(written.rows, written.digest)
        known.skipped += len(page.rids) - written.rows
        known.seconds += taken
        if written.slow or taken > SLOW_SECONDS:
            self.source.shrink(table)
        self._note(table, written)
        await self._saved()
        # While the next page is on its way: should it get lost, this page is written again, which changes nothing.
        self._saving = asyncio.create_task(asyncio.to_thread(self.context.checkpoint, _key(table), known.kept()))
        progress.add(len(page.rids))

    async def _saved(self) -> None:
        """Wait until the last checkpoint is on the disk."""
        saving, self._saving = self._saving, None
        if saving is not None:
            await saving

    def _note(self, table: TablePlan, written: Written) -> None:
        """Tell of values that were cut and of rows that were refused; kept, for a job that is resumed."""
        if written.truncated:
            kept = self.context.recall("truncated", [])
            news = [[v.table, v.rid, v.column, v.original_bytes, v.truncated_bytes] for v in written.truncated]
            self.context.checkpoint("truncated", [*kept, *(value for value in news if value not in kept)])
        for words, rids in written.refused.items():
            kept = self.context.recall("refused", [])
            told: list[Any] = [str(table.name), words, rids]
            self.context.checkpoint("refused", [*kept, *([told] if told not in kept else [])])

    def _cut_before(self, table: TablePlan, page: Page) -> Page:
        """A page that an earlier run has perhaps written, with those values cut that it had to cut."""
        known: dict[str, list[str]] = {}
        for name, rid, column, *_ in self._known_cuts:
            if name == str(table.name):
                known.setdefault(rid, []).append(column)
        if known.keys().isdisjoint(page.rids):
            return page
        codec = self.source.codec(table)
        raws = []
        for rid, raw in codec.split(page.body):
            for column in known.get(rid, ()):
                raw = codec.with_text(raw, column, cut(codec.texts(raw)[column]))
            raws.append(raw)
        return codec.page([codec.join(raws)], None)


def _key(table: TablePlan) -> str:
    return f"copied/{table.name}"


def tell(tables: Sequence[TablePlan], copied: dict[str, Copied], context: Context, findings: Findings) -> None:
    """Put what became of the rows into the report."""
    findings.truncated = [
        TruncatedValue(table=t, rid=rid, column=c, original_bytes=before, truncated_bytes=after)
        for t, rid, c, before, after in context.recall("truncated", [])
    ]
    refused: dict[tuple[str, str], list[str]] = {}
    for name, words, rids in context.recall("refused", []):
        refused.setdefault((name, words), []).extend(rids)
    for table in tables:
        name = str(table.name)
        known = copied[name]
        mine = [value for value in findings.truncated if value.table == name]
        findings.tables[name] = TableReport(
            table=name,
            state="partial" if known.skipped else "restored",
            expected=table.rows,
            copied=known.written.rows,
            skipped=known.skipped,
            truncated=len(mine),
            seconds=round(known.seconds, 3),
        )
        if mine:
            findings.add(
                Severity.INFO,
                Category.DATA_INTEGRITY,
                f"Truncated {len(mine)} values to fit index size limits",
                table=name,
                details=f"Values in column {', '.join(sorted({v.column for v in mine}))} were cut",
                action="The list of truncated values names each; the source has them whole",
                row_count=len(mine),
            )
    for (name, words), rids in refused.items():
        findings.add(
            Severity.ERROR,
            Category.RESTORE_FAILURE,
            "Rows were refused by the destination",
            table=name,
            details=words,
            action="See the destination's words; --truncate-oversized cuts values that an index refuses",
            row_count=len(rids),
            skipped_rids=rids,
        )


__all__ = ["Copied", "Copying", "tell"]
