"""Values that may be too long for an index, looked for on the source by a pattern.

Only columns are looked at that the destination will index and whose source column says nothing of indexes. Whether an
index takes a value depends on how well it compresses, so these are candidates.
"""

from __future__ import annotations

import asyncio

from satchel.core.clone.forecast import OversizedForecast
from satchel.core.clone.oversized import SAFE_BYTES
from satchel.core.clone.plan import ClonePlan, Coming, TablePlan, copied_columns
from satchel.core.clone.report import SAMPLES
from satchel.core.clone.schema import INDEXING_TAG
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import escape
from satchel.core.errors import SatchelError

_TEXTS = frozenset({"text", "markdown", "longtext", "shorttext", "gene_sequence"})
_PATTERN = f"^(?:.{{255}}){{{SAFE_BYTES // 255}}}"
"""At least 2,550 characters; PostgreSQL counts to 255."""
_AT_ONCE = 4
_MOST = 1_000


async def oversized(catalog: Catalog, plan: ClonePlan, reached: Coming) -> tuple[OversizedForecast, ...]:
    """Candidates among the rows that come along. Tables that the server cannot search in time are passed over.

    Args:
        catalog: the source, pinned.
        plan: of the clone.
        reached: what comes along.
    """
    gate = asyncio.Semaphore(_AT_ONCE)
    found: list[OversizedForecast] = []

    async def one(table: TablePlan, columns: list[str]) -> None:
        async with gate:
            long = await _search(catalog, table, columns)
        if long:
            here = await asyncio.to_thread(_rids, reached, table.name)
            found.extend(_told(table, columns, [row for row in long if here is None or str(row["RID"]) in here]))

    async with asyncio.TaskGroup() as group:
        for table in plan.tables:
            columns = _columns(table)
            if table.rows and columns:
                group.create_task(one(table, columns))
    return tuple(sorted(found, key=lambda o: (o.table, o.column)))


def _columns(table: TablePlan) -> list[str]:
    places = [table.table.annotations, *(c.annotations for c in table.table.columns)]
    if any(isinstance(p.get(INDEXING_TAG), dict) and p[INDEXING_TAG].get("btree") is False for p in places[:1]):
        return []
    return [
        column.name
        for column in copied_columns(table.table)
        if column.typename in _TEXTS
        and not (isinstance(hint := column.annotations.get(INDEXING_TAG), dict) and hint.get("btree") is False)
    ]


async def _search(catalog: Catalog, table: TablePlan, columns: list[str]) -> list[dict[str, object]]:
    where = ";".join(f"{escape(column)}::regexp::{escape(_PATTERN)}" for column in columns)
    names = ",".join(f"c{n}:={escape(column)}" for n, column in enumerate(columns))
    try:
        return await catalog.rows(f"attribute/{table.name.path}/{where}/RID,{names}@sort(RID)?limit={_MOST}")
    except SatchelError as error:
        if error.detail[:4] in ("400 ", "409 "):
            return []  # it takes too long, or the server has no such patterns
        raise


def _rids(reached: Coming, name: TableName) -> set[str] | None:
    return {rid for _, rid in reached.rids(name)} or None


def _told(table: TablePlan, columns: list[str], rows: list[dict[str, object]]) -> list[OversizedForecast]:
    keyed = {column for key in table.table.keys for column in key}
    keyed.update(column for key in table.table.foreign_keys for column in key.columns)
    told = []
    for number, column in enumerate(columns):
        values = [(str(row["RID"]), len(str(row[f"c{number}"]).encode())) for row in rows if row[f"c{number}"]]
        long = [(rid, size) for rid, size in values if size > SAFE_BYTES]
        if long:
            told.append(
                OversizedForecast(
                    table=str(table.name),
                    column=column,
                    values=len(long),
                    longest=max(size for _, size in long),
                    sample_rids=tuple(rid for rid, _ in long[:SAMPLES]),
                    in_key=column in keyed,
                )
            )
    return told
