"""What forecast and clone both begin with: the source is read at one snapshot, the plan made, orphans foreseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from satchel.core.clone.keysets import KeySets
from satchel.core.clone.person import GATHERED, REACH
from satchel.core.clone.plan import SYSTEM_TABLES, ClonePlan, Coming, make_plan
from satchel.core.clone.request import CloneRequest
from satchel.core.clone.selecting import Selected, select
from satchel.core.deriva import reach
from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.ermrest import Catalog, CatalogInfo
from satchel.core.deriva.names import TableName
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context
from satchel.core.opened import opened

SNAPSHOT = "snapshot"

if TYPE_CHECKING:
    from satchel.core.clone.annotated import Annotated


@dataclass
class Reading:
    """The source as read."""

    catalog: Catalog | None
    """Pinned; None where the source is a bag."""
    info: CatalogInfo
    """At the snapshot."""
    live: CatalogInfo
    """As it is now, which shows what this user may do."""
    gathered: reach.Gathered
    reached: Coming
    plan: ClonePlan
    keys: KeySets
    """The rows that come along, no strategy applied."""
    dangling: dict[str, int]
    """Foreign key -> rows whose reference leads nowhere, before any strategy; those with none are not in it."""


@asynccontextmanager
async def read(
    session: Session,
    request: CloneRequest,
    context: Context,
    file: Path,
    checked: Callable[[], None] = lambda: None,
) -> AsyncIterator[Reading]:
    """Read what is needed to know of the source.

    Args:
        session: to the source.
        request: the person's.
        context: for progress and the snapshot's checkpoint.
        file: where to keep what was read.
        checked: called when the request is known to fit the source, long before all is read.

    Raises:
        SatchelError: the source cannot be read, or the request does not fit it.
    """
    with context.stage("source", "Ask the source for its schema") as stage:
        live = Catalog(session, request.catalog)
        catalog = await live.pin(context.recall(SNAPSHOT) or request.snapshot)
        if catalog.snapshot is None:
            raise SatchelError(Kind.SERVER, f"{request.host} does not say which snapshot is the newest.")
        context.checkpoint(SNAPSHOT, catalog.snapshot)
        root, model, info, now = await asyncio.gather(
            catalog.entity_rid(request.rid), catalog.model(), catalog.info(), live.info()
        )
        if root in SYSTEM_TABLES:
            raise SatchelError(
                Kind.USAGE,
                f"{request.rid} is a row of {root}, which every catalog has of its own.",
                "Choose a record of your data.",
            )
        selected = select(request.selection, model, root)
        stage.note = f"snapshot {catalog.snapshot}"
    checked()
    gathered, reached, included = await _come(catalog, info, root, request, selected, file, context)
    try:
        await still_signed_in(session)  # else rows may be missing that nobody would miss
        context.checkpoint(GATHERED, True)
        plan = make_plan(request, gathered, reached, included)
        keys = await opened(lambda: KeySets(gathered, reached, plan))
        try:
            dangling = await asyncio.to_thread(dangling_of, keys, plan)
            yield Reading(catalog, info, now, gathered, reached, plan, keys, dangling)
        finally:
            keys.close()
    finally:
        reached.close()
        gathered.close()


async def _come(
    catalog: Catalog,
    info: CatalogInfo,
    root: TableName,
    request: CloneRequest,
    selected: Selected,
    file: Path,
    context: Context,
) -> tuple[reach.Gathered, reach.Reached | Annotated, list[tuple[TableName, int]]]:
    """What comes along, by the rule or by the annotation; and the rows of tables that only the person names."""
    if request.selection.by_annotation:
        from satchel.core.clone.annotated import annotated  # late: it brings all of export templates along

        gathered, found = await annotated(catalog, info, root, request, selected, file, context)
        return gathered, found, []
    gathered = await reach.gather(catalog, request.rid, selected.offers, file, context=context)
    try:
        with context.stage("solve", "Work out which rows come along") as stage:
            reached = await opened(lambda: reach.solve(gathered, selected.offers))
            stage.note = f"{reached.size.rows:,} rows of {len(reached.tables)} tables"
            included = [(name, await _rows(catalog, gathered, name)) for name in selected.included]
    except BaseException:
        gathered.close()
        raise
    return gathered, reached, included


async def _rows(catalog: Catalog, gathered: reach.Gathered, name: TableName) -> int:
    """How many rows come of a table that only the person names: all of a vocabulary, none of others."""
    table = gathered.model.tables[name]
    return await catalog.count(table) if table.is_vocabulary and table.selectable else 0


def dangling_of(keys: KeySets, plan: ClonePlan) -> dict[str, int]:
    """Foreign key -> rows whose reference leads nowhere; those with none are not in it. Blocking."""
    return {each.name: count for each in plan.keys if (count := keys.orphans(each))}


__all__ = ["REACH", "Reading", "dangling_of", "read"]
