"""What an export's bag and the files in it are called."""

from __future__ import annotations

from pathlib import Path

from satchel.core.bags.archive import ENDINGS
from satchel.core.bags.names import Names, safe_name
from satchel.core.deriva.names import TableName
from satchel.core.export.request import ExportRequest


def bag_name(request: ExportRequest, root: TableName) -> str:
    """The bag's name: the one that was asked for, or catalog, table and RID. Always one safe path component."""
    return safe_name(request.name or f"{request.catalog}_{root.table}_{request.rid}", "bag")


def target(request: ExportRequest, root: TableName) -> Path:
    """The folder or archive that the export makes."""
    return Path(request.out) / (bag_name(request, root) + ENDINGS.get(request.archive, ""))


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
