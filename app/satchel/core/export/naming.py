"""What an export's bag and the files in it are called."""

from __future__ import annotations

import re
from pathlib import Path

from satchel.core.bags.archive import ENDINGS
from satchel.core.bags.names import Names, safe_name
from satchel.core.deriva import snapshots
from satchel.core.deriva.names import TableName
from satchel.core.export.request import ExportRequest

DEFAULT = "{catalog}_{table}_{rid}"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def bag_name(request: ExportRequest, root: TableName, snapshot: str | None = None) -> str:
    """The bag's name: the one that was asked for, or catalog, table and RID. Always one safe path component.

    Args:
        request: its `name` may be a pattern with {catalog}, {host}, {schema}, {table}, {rid}, {snapshot} and {date}.
        root: the root's table.
        snapshot: None: not known yet; {snapshot} and {date} stay as they are then.
    """
    values = {
        "catalog": request.catalog,
        "host": request.host,
        "schema": root.schema,
        "table": root.table,
        "rid": request.rid,
    }
    if snapshot is not None:
        values |= {"snapshot": snapshot, "date": snapshots.moment(snapshot).strftime("%Y-%m-%d")}
    pattern = request.name or DEFAULT
    return safe_name(_PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), pattern), "bag")


def target(request: ExportRequest, root: TableName, snapshot: str | None = None) -> Path:
    """The folder or archive that the export makes."""
    return Path(request.out) / (bag_name(request, root, snapshot) + ENDINGS.get(request.archive, ""))


def record_paths(tables: list[TableName]) -> dict[TableName, str]:
    """Where each table's records go, below the bag; stable for the same tables."""
    names = Names()
    return {
        table: names.take(f"data/records/{safe_name(f'{table.schema}.{table.table}')}.csv") for table in sorted(tables)
    }


def asset_folders(tables: list[TableName]) -> dict[TableName, str]:
    """Where each table's assets go, below the bag."""
    names = Names()
    return {t: names.take(f"data/assets/{safe_name(t.table)}") for t in sorted(tables)}
