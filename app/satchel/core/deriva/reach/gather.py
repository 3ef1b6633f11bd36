"""Read what the rule needs to know: of each table that it can lead to, RIDs and references, once, page by page.

Several tables are read at once (where a page of one table ends is known only when it is here), each while its page
before is being written. Everything comes from one snapshot, and the server's own counts must agree.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from satchel.core.deriva import paths
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import Model
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach.choices import Choices
from satchel.core.deriva.reach.explore import explore
from satchel.core.deriva.reach.pages import PAGE, PageReader
from satchel.core.deriva.reach.plan import Plan, PlannedTable, hides, plan, readable
from satchel.core.deriva.reach.store import Store
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context, Stage
from satchel.core.opened import opened

TABLES_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was read, enough to work the rule out without the network. Close it at the end; the file stays."""

    catalog: str
    host: str
    snapshot: str
    rid: str
    model: Model
    plan: Plan
    totals: Mapping[TableName, int]
    """Rows that this user sees in each table, by the server's count."""
    denied: frozenset[TableName]
    """Tables that the server refused to read although its schema did not say so."""
    everything: bool
    """Whether what other choices might need was read, too."""
    store: Store
    sizes: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """What `solve` has worked out before, so that a change of mind back costs nothing."""

    @property
    def root(self) -> TableName:
        """The table of the root record."""
        return self.plan.root

    def close(self) -> None:
        """Close the file."""
        self.store.close()


async def gather(
    catalog: Catalog,
    rid: str,
    choices: Choices,
    file: Path,
    *,
    context: Context | None = None,
    everything: bool = False,
    page: int = PAGE,
) -> Gathered:
    """Read what the rule needs to know for a root record.

    What an earlier call, cut short, has put into the file is not read again.

    Args:
        catalog: pinned to a snapshot.
        rid: of the root record.
        choices: the person's.
        file: where to keep it; a few dozen bytes for each row.
        context: for progress; a stage "reach" counts rows.
        everything: also what other choices might need, so that `solve` can tell what they would cost.
        page: rows for one request.

    Raises:
        SatchelError: there is no such record, the choices do not fit, or the server fails.
    """
    if catalog.snapshot is None:
        raise ValueError("only a catalog pinned to a snapshot stands still")
    root = await catalog.entity_rid(rid)
    model = await catalog.model()
    if not readable(model.tables.get(root)):
        raise SatchelError(
            Kind.NOT_ALLOWED, f"You may not read {root}, which holds {rid}.", "Ask the owner of the data for access."
        )
    wanted = plan(model, root, choices, everything=everything)
    identity = [catalog.host, catalog.id, catalog.snapshot, rid, str(wanted.whole_vocabularies)]
    identity += sorted(f"{enters} {leaves}" for enters, leaves in wanted.ways)
    store = await opened(lambda: Store(file, identity, wanted))
    try:
        totals = await _read_all(catalog, rid, model, wanted, store, context, page)
        await asyncio.to_thread(store.build, model)
        denied = frozenset(store.denied())
    except BaseException:
        store.close()
        raise
    gathered = Gathered(
        catalog.id, catalog.host, catalog.snapshot, rid, model, wanted, totals, denied, everything, store
    )
    if store.row_number(root, rid) is None:
        store.close()
        raise SatchelError(
            Kind.NOT_ALLOWED,
            f"You may not see {rid} in {root}, or it was not there yet at the snapshot {catalog.snapshot}.",
            "Take a newer snapshot, sign in, or ask the owner of the data for access.",
        )
    return gathered


async def gather_tables(
    catalog: Catalog, rid: str, wanted: Plan, file: Path, *, context: Context | None = None, page: int = PAGE
) -> Gathered:
    """Read the keys of tables that something other than the rule has chosen, each whole.

    Args:
        catalog: pinned to a snapshot.
        rid: of the root record.
        wanted: the tables; its ways do not matter.
        file: where to keep it.
        context: for progress; a stage "reach" counts rows.
        page: rows for one request.

    Raises:
        SatchelError: the server fails.
    """
    if catalog.snapshot is None:
        raise ValueError("only a catalog pinned to a snapshot stands still")
    model = await catalog.model()
    identity = [catalog.host, catalog.id, catalog.snapshot, rid, "tables"]
    store = await opened(lambda: Store(file, identity, wanted))
    try:
        totals = await _read_all(catalog, rid, model, wanted, store, context, page, exploring=False)
        await asyncio.to_thread(store.build, model)
        denied = frozenset(store.denied())
    except BaseException:
        store.close()
        raise
    return Gathered(catalog.id, catalog.host, catalog.snapshot, rid, model, wanted, totals, denied, False, store)


async def _read_all(
    catalog: Catalog,
    rid: str,
    model: Model,
    wanted: Plan,
    store: Store,
    context: Context | None,
    page: int,
    *,
    exploring: bool = True,
) -> dict[TableName, int]:
    totals: dict[TableName, int] = {}
    manager: AbstractContextManager[Stage | None] = (
        context.stage("reach", "Find out what belongs to the record", unit="rows") if context else nullcontext()
    )
    with manager as stage:
        await _each(wanted.tables, lambda planned: _count(catalog, planned, store, totals))
        if exploring and await asyncio.to_thread(store.empty):
            found = await explore(catalog, wanted, model, rid, totals)
            if found is not None:
                await asyncio.to_thread(store.add_explored, found)
                if stage is not None:
                    stage.total = sum(len(rows) for rows, _ in found.values())
                    stage.add(stage.total)
                return totals
        if await asyncio.to_thread(store.explored):
            return totals
        if stage is not None:
            stage.total = sum(totals.values())
        # Large tables first: their pages come one after the other, and the others fill the time between.
        order = sorted(wanted.tables, key=lambda planned: -totals.get(planned.name, 0))
        await _each(order, lambda planned: _read(catalog, planned, store, stage, totals, page))
    return totals


async def _each(tables: Sequence[PlannedTable], do: Callable[[PlannedTable], Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(TABLES_AT_ONCE)

    async def one(planned: PlannedTable) -> None:
        async with gate:
            await do(planned)

    try:
        async with asyncio.TaskGroup() as group:
            for planned in tables:
                group.create_task(one(planned))
    except ExceptionGroup as failures:
        told = [failure for failure in failures.exceptions if isinstance(failure, SatchelError)]
        raise (told or failures.exceptions)[0] from None


async def _count(catalog: Catalog, planned: PlannedTable, store: Store, totals: dict[TableName, int]) -> None:
    try:
        totals[planned.name] = await catalog.count(planned.table)
    except SatchelError as error:
        if error.kind is not Kind.NOT_ALLOWED:
            raise
        await asyncio.to_thread(store.deny, planned.name)


async def _read(
    catalog: Catalog,
    planned: PlannedTable,
    store: Store,
    stage: Stage | None,
    totals: dict[TableName, int],
    page: int,
) -> None:
    name = planned.name
    if store.denies(name):
        return
    done, after = await asyncio.to_thread(store.last, name)
    part = stage.part(str(name), totals[name]) if stage is not None else None
    if part is not None:
        part.add(done)
    if not await asyncio.to_thread(store.finished, name):
        reader = PageReader(catalog, planned, page)
        coming = asyncio.create_task(reader.fetch(after))
        writing: asyncio.Task[None] | None = None
        try:
            while True:
                body = await coming
                after = reader.last(body)
                # The next page comes while this one is taken apart and written.
                ahead = after is not None and done + page < totals[name]
                if ahead:
                    coming = asyncio.create_task(reader.fetch(after))
                rows = await asyncio.to_thread(reader.decode, body)
                if ahead and (not rows or rows[-1].rid != after):
                    raise _senseless(catalog, name)
                if writing is not None:
                    await writing
                writing = asyncio.create_task(asyncio.to_thread(store.add, name, done, rows))
                done += len(rows)
                if part is not None:
                    part.add(len(rows))
                if len(rows) < page and not ahead:
                    break
                if not ahead:
                    coming = asyncio.create_task(reader.fetch(rows[-1].rid))
            await writing
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            if writing is not None and not writing.done():
                await asyncio.wait([writing])
        if done:
            await _without_files(catalog, planned, store)
        await asyncio.to_thread(store.finish, name)
    if done != totals[name]:
        raise SatchelError(
            Kind.SERVER,
            f"{catalog.host} counts {totals[name]} rows in {name} but gave {done}.",
            "Both were asked of the same snapshot, so something is wrong on the server; tell its administrator.",
        )


def _senseless(catalog: Catalog, name: TableName) -> SatchelError:
    return SatchelError(
        Kind.SERVER, f"{catalog.host} gives rows of {name} that make no sense.", "", "a page ends with another row"
    )


async def _without_files(catalog: Catalog, planned: PlannedTable, store: Store) -> None:
    """Rows of an asset table that have no file: few, as a rule."""
    asset = planned.table.asset
    if asset is None or hides(planned.table, (asset.url,)):
        return
    after = ""
    while True:
        begin = f"@after({paths.escape(after)})" if after else ""
        path = f"attribute/{planned.name.path}/{paths.escape(asset.url)}::null::/r:=RID@sort(r){begin}?limit={PAGE}"
        found = [str(row["r"]) for row in await catalog.rows(path)]
        await asyncio.to_thread(store.no_assets, planned.name, found)
        if len(found) < PAGE:
            return
        after = found[-1]
