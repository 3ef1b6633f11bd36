"""The people that rows name: their rows in `public:ERMrest_Client` and `public:ERMrest_Group`.

As deriva-py's `clone_catalog` does it: posted with `onconflict=skip`, so that what the clone knows already stays. Here
only those come along that copied rows name, for a list of people is nobody else's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from satchel.core.clone.report import Category, Severity
from satchel.core.clone.work import Work
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import Model
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import any_of, batches, escape, page
from satchel.core.errors import Kind, SatchelError

CLIENT = TableName("public", "ERMrest_Client")
GROUP = TableName("public", "ERMrest_Group")
_AT_ONCE = 5000
_QUERIES = 4


async def sync_users(work: Work) -> None:
    """Bring the people along that rows of the clone name as their creators, or refer to."""
    for table in (CLIENT, GROUP):
        named = await _named(work, table)
        if not named:
            continue
        known = {str(row["ID"]) for row in await _rows(work.destination, table, ["ID"], named)}
        missing = sorted(named - known)
        found = await _of_source(work, work.source, table, missing) if work.source is not None else []
        columns = {column["name"] for column in _definitions(await work.destination.model(), table)}
        # Whom the source does not show gets a row with nothing but the identifier, which the rows tell in any case: the
        # references of RCB hold then.
        shown = {str(row["ID"]) for row in found}
        rows = [*found, *({"ID": each} for each in missing if each not in shown)]
        await _post(work, table, [_known(row, columns) for row in rows])
        left = len(missing) - len(found)
        work.outcome[f"{table.table}_synchronised"] = len(found)
        if left:
            what = "people" if table is CLIENT else "groups"
            work.findings.add(
                Severity.INFO,
                Category.ACCESS_DENIED,
                f"Rows name {left:,} {what} whom the source does not show to you",
                table=str(table),
                details="Their identifiers are kept; their names are not known in the clone.",
                action=f"An owner of the source can copy their rows of {table.table}.",
                row_count=left,
            )


async def _named(work: Work, of: TableName) -> set[str]:
    """The identifiers that rows of the clone hold."""
    places: set[tuple[TableName, str]] = set()
    present = (await work.destination.model()).tables
    for table in work.plan.tables:
        there = present.get(table.name)
        if there is None or not table.rows:
            continue
        if of is CLIENT and there.column("RCB") is not None:
            places.add((table.name, "RCB"))
        for key in table.table.foreign_keys:
            column = key.columns[0]
            names_one = key.referenced == of and key.referenced_columns == ("ID",) and column not in ("RCB", "RMB")
            if names_one and there.column(column) is not None:
                places.add((table.name, column))
    found: set[str] = set()
    slots = asyncio.Semaphore(_QUERIES)

    async def collect(name: TableName, column: str) -> None:
        after: str | None = None
        while True:
            end = f"@after({escape(after)})" if after is not None else ""
            path = f"attributegroup/{name.path}/!{escape(column)}::null::/{escape(column)}@sort({escape(column)}){end}"
            async with slots:
                rows = await work.destination.rows(f"{path}?limit={_AT_ONCE}")
            found.update(str(row[column]) for row in rows)
            if len(rows) < _AT_ONCE:
                break
            after = str(rows[-1][column])

    await asyncio.gather(*(collect(name, column) for name, column in sorted(places)))
    return found


async def _of_source(work: Work, source: Catalog, table: TableName, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the source; none where this user may not see the table."""
    columns = [column["name"] for column in _definitions(work.plan.model, table)]
    if "ID" not in columns:
        return []
    try:
        return await _rows(source, table, columns, ids)
    except SatchelError as error:
        if error.kind is Kind.NOT_ALLOWED or error.detail.startswith("409"):
            return []
        raise


async def _rows(catalog: Catalog, table: TableName, columns: Sequence[str], ids: Iterable[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for batch in batches(sorted(ids)):
        found += await catalog.rows(f"attribute/{table.path}/{any_of('ID', batch)}/{page(columns, ('ID',))}")
    return found


def _definitions(model: Model, table: TableName) -> list[dict[str, Any]]:
    """Columns of a system table that may be written."""
    document = model.document["schemas"].get(table.schema, {}).get("tables", {}).get(table.table)
    if document is None:
        return []
    return [
        column
        for column in document["column_definitions"]
        if column["name"] not in ("RID", "RCT", "RMT", "RCB", "RMB")
        and (column.get("rights") or {}).get("select") is not False
    ]


def _known(row: dict[str, Any], columns: set[str]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name in columns}
    if "Client_Object" in columns and kept.get("Client_Object") is None:
        kept["Client_Object"] = {"id": row["ID"]}
    return kept


async def _post(work: Work, table: TableName, rows: list[dict[str, Any]]) -> None:
    for at in range(0, len(rows), 1000):
        path = f"{work.destination.path}/entity/{table.path}?onconflict=skip"
        await work.destination.session.request("POST", path, json=rows[at : at + 1000], idempotent=True)
