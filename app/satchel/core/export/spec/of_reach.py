"""An export of what belongs to a record, written as a spec that any client of Deriva can run.

The rule collects rows over many paths, a query follows one. For each table the paths that the rule allows are counted
on the server until one brings exactly the table's rows; where none does, the rows are named one by one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from satchel.core.deriva import reach
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import ForeignKey, Model, Table
from satchel.core.deriva.model_reader import is_system_reference
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import any_of, batches, escape
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.naming import bag_name
from satchel.core.export.request import ExportRequest
from satchel.core.export.spec.placeholders import doubled
from satchel.core.jobs.context import Context
from satchel.core.opened import opened

LONGEST = 3500
"""Characters of a query."""
MOST_STEPS = 8
MOST_PATHS = 12
"""Paths to a table that are tried."""
MOST_NAMED = 20_000
"""Rows of a table that are named one by one."""
AT_ONCE = 6
_FILE = "reach.sqlite"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a path is: a table, whether what refers to its rows belongs as well, and how it was come to."""

    table: TableName
    down: bool
    entered: ForeignKey | None
    steps: tuple[str, ...]
    seen: frozenset[TableName]


async def spec_of_reach(request: ExportRequest, context: Context) -> dict[str, Any]:
    """The spec of an export of what belongs to a record.

    Args:
        request: the export.
        context: for progress and the cancel flag; its folder holds what is read.

    Raises:
        SatchelError: as an export does; or a table's rows cannot be told by queries.
    """
    async with Session.open(request.host, request.access, log=context.log) as session:
        catalog = await Catalog(session, request.catalog).pin(request.snapshot)
        gathered = await reach.gather(catalog, request.rid, request.offers, context.folder / _FILE, context=context)
        try:
            found = await opened(lambda: reach.solve(gathered, request.offers))
            with found as reached, context.stage("spec", "Find a query for each table") as stage:
                maker = _Maker(request, catalog, gathered.model, reached)
                spec = await maker.spec()
                stage.note = f"{len(spec['catalog']['query_processors'])} queries"
            return spec
        finally:
            gathered.close()


@dataclass
class _Maker:
    request: ExportRequest
    catalog: Catalog
    model: Model
    reached: reach.Reached

    async def spec(self) -> dict[str, Any]:
        request = self.request
        slots = asyncio.Semaphore(AT_ONCE)
        paths = self._paths()

        async def of(table: reach.ReachedTable) -> list[dict[str, Any]]:
            async with slots:
                return self._queries(table, await self._ways(table, paths.get(table.name, [])))

        tables = [table for table in self.reached.tables if table.rows]
        queries = [q for some in await asyncio.gather(*(of(table) for table in tables)) for q in some]
        bag: dict[str, Any] = {
            "bag_name": doubled(bag_name(request, self.reached.root)),
            "bag_algorithms": list(request.algorithms),
            "bag_metadata": {
                "External-Identifier": f"https://{request.host}/id/{request.catalog}/{request.rid}",
                "External-Description": f"What belongs to {self.reached.root} {request.rid}",
            },
        }
        if request.archive != "none":
            bag["bag_archiver"] = request.archive
        schema = {"processor": "json", "processor_params": {"query_path": "/schema", "output_path": "schema"}}
        return {
            "env": {},
            "bag": bag,
            "catalog": {
                "host": f"https://{request.host}",
                "catalog_id": request.catalog,
                "query_processors": [schema, *queries],
            },
        }

    # -- paths ---------------------------------------------------------------------------------------------------

    def _paths(self) -> dict[TableName, list[str]]:
        """Paths to each table that bring nothing but rows that belong, the shortest first."""
        there = {table.name for table in self.reached.tables}
        root = self.reached.root
        start = f"{root.path}/RID={escape(self.request.rid)}"
        found: dict[TableName, list[str]] = {root: [start]}
        waiting = deque([_Place(root, True, None, (start,), frozenset({root}))])
        while waiting:
            place = waiting.popleft()
            if len(place.steps) > MOST_STEPS:
                continue
            for key, inbound in self._next(place):
                goal = key.table if inbound else key.referenced
                if goal not in there or goal in place.seen:
                    continue
                path = (*place.steps, _step(key, inbound))
                whole = "/".join(path)
                known = found.setdefault(goal, [])
                if len(known) >= MOST_PATHS or len(whole) > LONGEST:
                    continue
                known.append(whole)
                down = inbound or self._followed(place, key)
                waiting.append(_Place(goal, down, key if inbound else None, path, place.seen | {goal}))
        return found

    def _next(self, place: _Place) -> Iterator[tuple[ForeignKey, bool]]:
        if place.down:
            for key in self.model.referring.get(place.table, ()):
                if not is_system_reference(key):
                    yield key, True
        for key in self.model.tables[place.table].foreign_keys:
            if not is_system_reference(key):
                yield key, False

    def _followed(self, place: _Place, key: ForeignKey) -> bool:
        """Whether a reference leads through an association to rows that belong, not only come along."""
        return place.down and place.entered is not None and (place.entered, key) in self.reached.chosen.ways

    async def _ways(self, table: reach.ReachedTable, paths: Sequence[str]) -> list[str]:
        """Paths that together bring exactly a table's rows: one where there is such a one."""
        name = table.name
        if table.whole:
            return [name.path]
        for path in paths:
            count = (await self.catalog.aggregate(f"{path}/n:=cnt_d(RID)"))["n"]
            if int(count or 0) == table.rows:
                return [path]
        if table.rows > MOST_NAMED:
            raise SatchelError(
                Kind.USAGE,
                f"The {table.rows:,} rows of {name} that belong to {self.request.rid} cannot be told by one query.",
                "Export them as they are, without a spec, or leave the table out.",
            )
        rids = [rid for _, rid in self.reached.rids(name)]
        return [f"{name.path}/{any_of('RID', some)}" for some in batches(rids)]

    # -- queries -------------------------------------------------------------------------------------------------

    def _queries(self, reached: reach.ReachedTable, ways: Sequence[str]) -> list[dict[str, Any]]:
        name = reached.name
        table = self.model.tables[name]
        made = []
        for number, way in enumerate(ways, 1):
            ending = f".{number}" if len(ways) > 1 else ""
            output = f"records/{name.schema}.{name.table}{ending}"
            made.append(_query("csv", f"/entity/{way}@sort(RID)?limit=none", doubled(output)))
            if table.asset is not None and reached.assets:
                path = f"/attribute/{way}/!({escape(table.asset.url)}::null::)/{_asset(table)}@sort(rid)?limit=none"
                made.append(_query("fetch", path, doubled(f"assets/{name.table}") + "/{rid}"))
        return made


def _query(kind: str, path: str, output: str) -> dict[str, Any]:
    return {"processor": kind, "processor_params": {"query_path": doubled(path), "output_path": output}}


def _step(key: ForeignKey, inbound: bool) -> str:
    here, there, goal = (
        (key.referenced_columns, key.columns, key.table)
        if inbound
        else (key.columns, key.referenced_columns, key.referenced)
    )
    first, *rest = there
    right = ",".join([f"{goal.path}:{escape(first)}", *map(escape, rest)])
    return f"({','.join(map(escape, here))})=({right})"


def _asset(table: Table) -> str:
    asset = table.asset
    assert asset is not None  # noqa: S101 - asked by the caller
    named = [f"url:={escape(asset.url)}"]
    for name, column in (
        ("length", asset.length), ("filename", asset.filename), ("md5", asset.md5), ("sha256", asset.sha256),
    ):  # fmt: skip
        if column is not None:
            named.append(f"{name}:={escape(column)}")
    return ",".join([*named, "rid:=RID"])
