"""Which rows come with a dataset by deriva-ml's rule: read path by path, where a path's beginning leads anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from satchel.core.deriva.datasets.elements import children_of
from satchel.core.deriva.datasets.listing import DATASET
from satchel.core.deriva.datasets.paths import Path, depth, hidden, is_asset, paths, vocabularies
from satchel.core.deriva.datasets.spec import query
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import Model
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import escape
from satchel.core.errors import Kind, SatchelError

REQUESTS = 6
Told = Callable[[int, int, str], None]
"""Hears how many of how many paths are done, and which table comes next."""


@dataclass
class Reached:
    """The rows that come with a dataset."""

    model: Model
    rows: dict[TableName, dict[str, str]] = field(default_factory=dict)
    """For each table its rows' RIDs, and when each was changed last (RMT)."""
    counts: dict[Path, int] = field(default_factory=dict)
    """Rows at the end of each path: a row that several lead to is in each one's file. Of a vocabulary its own name."""
    lengths: dict[TableName, dict[str, int | None]] = field(default_factory=dict)
    """For each table of assets the lengths, in bytes, of those that have an address; None: not known."""
    hidden: set[TableName] = field(default_factory=set)
    """Tables that this user may not read."""


async def read_rows(catalog: Catalog, rid: str, model: Model | None = None, told: Told | None = None) -> Reached:
    """Read which rows come with a dataset.

    Args:
        catalog: at the version's snapshot.
        rid: the dataset's.
        model: the schema at that snapshot, where it is known already.
        told: hears of progress.

    Raises:
        SatchelError: deriva-ml cannot walk this schema, or the server fails.
    """
    model = model or await catalog.model()
    levels = depth(await children_of(catalog), rid)
    reached = Reached(model)
    reached.hidden.update(hidden(model))
    ways: list[Path] = [*((name,) for name in vocabularies(model)), *paths(model, levels)]
    slots, done = asyncio.Semaphore(REQUESTS), 0
    known = {way: asyncio.get_running_loop().create_future() for way in ways}

    async def one(way: Path) -> None:
        nonlocal done
        before = known.get(way[:-1])
        leads = await before if before is not None else True
        if leads:
            async with slots:
                if told is not None:
                    told(done, len(ways), str(way[-1]))
                leads = await _read(catalog, rid, way, reached)
        known[way].set_result(leads)
        done += 1

    work = [asyncio.create_task(one(way)) for way in ways]
    try:
        await asyncio.gather(*work)
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
    return reached


async def _read(catalog: Catalog, rid: str, way: Path, reached: Reached) -> bool:
    """One path. Returns whether it leads to any row."""
    table = reached.model.tables[way[-1]]
    columns = ["RID", "RMT"]
    assets = is_asset(table)
    if assets:
        columns += ["URL", "Length"]
    where = _at(way, rid) if way[0] == DATASET else table.name.path
    try:
        found = await catalog.rows(f"attribute/{where}/{','.join(map(escape, columns))}?limit=none")
    except SatchelError as error:
        if error.kind is not Kind.NOT_ALLOWED:
            raise
        reached.hidden.add(table.name)
        return False
    reached.counts[way] = len(found)
    rows = reached.rows.setdefault(table.name, {})
    rows.update((row["RID"], row.get("RMT") or "") for row in found)
    if assets:
        lengths = reached.lengths.setdefault(table.name, {})
        lengths.update((row["RID"], _length(row)) for row in found if row.get("URL") is not None)
    return bool(found)


def _at(way: Path, rid: str) -> str:
    return query(way).format(RID=escape(rid))


def _length(row: dict[str, Any]) -> int | None:
    value = row.get("Length")
    return value if isinstance(value, int) else None
