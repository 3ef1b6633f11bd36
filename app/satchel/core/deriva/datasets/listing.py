"""Reads which datasets a catalog has, their versions, nesting and types, and who made them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from satchel.core.deriva.datasets.model import ML, Dataset, DatasetVersion, Execution, version_key
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import Model
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import any_of, batches, equals, escape
from satchel.core.errors import Kind, SatchelError

Row = dict[str, Any]
DATASET, VERSION, NESTING = (TableName(ML, name) for name in ("Dataset", "Dataset_Version", "Dataset_Dataset"))
TYPES, EXECUTION, WORKFLOW = (TableName(ML, name) for name in ("Dataset_Dataset_Type", "Execution", "Workflow"))
CLIENT = TableName("public", "ERMrest_Client")
PAGE = 5000


def has_datasets(model: Model) -> bool:
    """Whether the catalog has deriva-ml's schema and this user may read its datasets."""
    table = model.tables.get(DATASET)
    return table is not None and table.selectable and VERSION in model.tables


async def list_datasets(catalog: Catalog, model: Model | None = None, *, deleted: bool = False) -> tuple[Dataset, ...]:
    """All datasets of a catalog, in the order of their RIDs.

    Args:
        catalog: live or at a snapshot.
        model: its schema, where it is known already.
        deleted: with those that are marked as deleted.

    Raises:
        SatchelError: the catalog has no datasets (no deriva-ml schema), or this user may not read them.
    """
    found = await _read(catalog, model or await catalog.model(), None)
    return tuple(dataset for dataset in found if deleted or not dataset.deleted)


async def one_dataset(catalog: Catalog, rid: str, model: Model | None = None) -> Dataset:
    """One dataset, deleted or not.

    Raises:
        SatchelError: there is none with this RID, or no right to it.
    """
    found = await _read(catalog, model or await catalog.model(), rid.strip().upper())
    if not found:
        raise SatchelError(
            Kind.NOT_FOUND,
            f"There is no dataset {rid} in {catalog}.",
            f"See which there are: satchel datasets {catalog.host} {catalog.id}",
        )
    return found[0]


def need_datasets(catalog: Catalog, model: Model) -> None:
    """Make sure that there can be datasets. Raises SatchelError where not."""
    if DATASET not in model.tables or VERSION not in model.tables:
        raise SatchelError(
            Kind.NOT_FOUND,
            f"{catalog} has no datasets: it does not have the schema {ML}.",
            "Export a record and what belongs to it instead (--rid).",
        )
    if not model.tables[DATASET].selectable:
        raise SatchelError(
            Kind.NOT_ALLOWED, f"You may not read the datasets of {catalog}.", "Ask the owner of the data for access."
        )


async def _read(catalog: Catalog, model: Model, rid: str | None) -> list[Dataset]:
    need_datasets(catalog, model)

    async def of(table: TableName, *columns: str) -> list[Row]:
        """The rows of a table, or of the dataset in question."""
        if not _readable(model, table):
            return []
        if rid is None:
            return await _all(catalog, table)
        parts = [equals(column, rid) for column in columns]
        return await _all(catalog, table, ";".join(parts))

    datasets, versions, nesting, types = await asyncio.gather(
        of(DATASET, "RID"), of(VERSION, "Dataset"), of(NESTING, "Dataset", "Nested_Dataset"), of(TYPES, "Dataset")
    )
    executions = await _executions(catalog, model, {v["Execution"] for v in versions if v.get("Execution")})
    names = await _names(catalog, model, [*datasets, *versions])
    by_dataset: dict[str, list[DatasetVersion]] = defaultdict(list)
    for row in versions:
        by_dataset[str(row.get("Dataset"))].append(_version(row, executions, names))
    parents, children, kinds = defaultdict(list), defaultdict(list), defaultdict(list)
    for row in nesting:
        parents[row.get("Nested_Dataset")].append(str(row.get("Dataset")))
        children[row.get("Dataset")].append(str(row.get("Nested_Dataset")))
    for row in types:
        kinds[row.get("Dataset")].append(str(row.get("Dataset_Type")))
    return [
        Dataset(
            rid=row["RID"],
            description=row.get("Description") or "",
            types=tuple(sorted(kinds[row["RID"]])),
            deleted=bool(row.get("Deleted")),
            parents=tuple(sorted(parents[row["RID"]])),
            children=tuple(sorted(children[row["RID"]])),
            made=row.get("RCT") or "",
            by=_who(row, names),
            versions=tuple(sorted(by_dataset[row["RID"]], key=lambda v: version_key(v.version), reverse=True)),
        )
        for row in datasets
    ]


def _version(row: Row, executions: Mapping[str, Execution], names: Mapping[str, str]) -> DatasetVersion:
    execution = row.get("Execution")
    return DatasetVersion(
        version=str(row.get("Version") or ""),
        rid=row["RID"],
        snapshot=row.get("Snapshot") or None,
        description=row.get("Description") or "",
        made=row.get("RCT") or "",
        by=_who(row, names),
        execution=executions.get(execution, Execution(rid=execution)) if execution else None,
        minid=row.get("Minid") or None,
        minid_spec_hash=row.get("Minid_Spec_Hash") or None,
    )


async def _executions(catalog: Catalog, model: Model, wanted: set[str]) -> dict[str, Execution]:
    if not wanted or not _readable(model, EXECUTION):
        return {}
    rows = await _some(catalog, EXECUTION, "RID", sorted(wanted))
    workflows: dict[str, Row] = {}
    if _readable(model, WORKFLOW):
        used = {row["Workflow"] for row in rows if row.get("Workflow")}
        workflows = {row["RID"]: row for row in await _some(catalog, WORKFLOW, "RID", sorted(used))}
    names = await _names(catalog, model, rows)
    found = {}
    for row in rows:
        workflow = workflows.get(row.get("Workflow") or "", {})
        found[row["RID"]] = Execution(
            rid=row["RID"],
            description=row.get("Description") or "",
            status=row.get("Status") or "",
            workflow=workflow.get("Name") or "",
            workflow_url=workflow.get("URL") or "",
            by=_who(row, names),
        )
    return found


async def _names(catalog: Catalog, model: Model, rows: Iterable[Row]) -> dict[str, str]:
    """The names of who made rows, as far as this user may read them."""
    wanted = sorted({row["RCB"] for row in rows if row.get("RCB")})
    if not wanted or not _readable(model, CLIENT):
        return {}
    try:
        found = await _some(catalog, CLIENT, "ID", wanted)
    except SatchelError as error:
        if error.kind in (Kind.NOT_ALLOWED, Kind.NOT_SIGNED_IN):
            return {}
        raise
    return {row["ID"]: row.get("Full_Name") or row.get("Display_Name") or row["ID"] for row in found if row.get("ID")}


def _who(row: Row, names: Mapping[str, str]) -> str:
    by = row.get("RCB") or ""
    return names.get(by, by)


def _readable(model: Model, name: TableName) -> bool:
    table = model.tables.get(name)
    return table is not None and table.selectable


async def _all(catalog: Catalog, table: TableName, filters: str = "") -> list[Row]:
    """All rows, page by page, in the order of their RIDs."""
    path = f"entity/{table.path}" + (f"/{filters}" if filters else "") + "@sort(RID)"
    rows: list[Row] = []
    while True:
        after = f"@after({escape(rows[-1]['RID'])})" if rows else ""
        page = await catalog.rows(f"{path}{after}?limit={PAGE}")
        rows += page
        if len(page) < PAGE:
            return rows


async def _some(catalog: Catalog, table: TableName, column: str, values: list[str]) -> list[Row]:
    pages = await asyncio.gather(
        *(catalog.rows(f"entity/{table.path}/{any_of(column, some)}?limit=none") for some in batches(values))
    )
    return [row for page in pages for row in page]
