"""What a bag says of itself: the fields of bag-info.txt, and the list of what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from satchel import __version__
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach import Reached
from satchel.core.export.request import AssetProblem, ExportRequest

PROBLEMS = "satchel/problems.json"
"""The tag file that lists what the bag lacks; only in bags that lack something."""
OWN = frozenset(
    {
        "Bag-Software-Agent", "Bagging-Date", "External-Identifier", "Source-Host", "Source-Catalog", "Source-Snapshot",
        "Source-Snapshot-Time", "Root-RID", "Root-Table", "Table-Count", "Row-Count", "Asset-Count", "Payload-Oxum",
        "Incomplete", "Hidden-Table", "Left-Out-Table", "Dropped-Algorithm",
    }
)  # fmt: skip
"""Fields that an export writes itself; nobody else's value takes their place."""
# What the schema document says of the user who asks, and not of the catalog.
_PERSONAL = frozenset({"rights", "acls", "acl_bindings"})


def impersonal(document: Any) -> Any:
    """A schema document without what differs from user to user, so that the same rows make the same bag.

    Only where such things stand: a table may be called "rights".
    """
    found = _bare(document)
    if not isinstance(found, dict) or not isinstance(found.get("schemas"), dict):
        return found
    found["schemas"] = {name: _bare(schema) for name, schema in found["schemas"].items()}
    for schema in found["schemas"].values():
        if not isinstance(schema, dict) or not isinstance(schema.get("tables"), dict):
            continue
        schema["tables"] = {name: _bare(table) for name, table in schema["tables"].items()}
        for table in schema["tables"].values():
            for part in ("column_definitions", "keys", "foreign_keys"):
                if isinstance(table, dict) and isinstance(table.get(part), list):
                    table[part] = [_bare(item) for item in table[part]]
    return found


def _bare(item: Any) -> Any:
    return {k: v for k, v in item.items() if k not in _PERSONAL} if isinstance(item, dict) else item


def schema_json(document: Any) -> bytes:
    """`data/schema.json`: the catalog's schema at the snapshot, keys in order."""
    return msgspec.json.format(msgspec.json.encode(impersonal(document), order="deterministic"), indent=1) + b"\n"


def bag_info(
    request: ExportRequest,
    snapshot: str,
    when: datetime,
    root: TableName,
    reached: Reached,
    algorithms: Sequence[str],
    problems: Sequence[AssetProblem],
) -> Iterator[tuple[str, str]]:
    """The fields of bag-info.txt, in order. Nothing of the machine, the person or the hour of the export."""
    size = reached.size
    kept = [table for table in reached.tables if table.rows or not table.total_rows]
    yield "Bag-Software-Agent", f"Satchel {__version__}"
    yield "Bagging-Date", when.strftime("%Y-%m-%d")
    yield "External-Identifier", f"https://{request.host}/id/{request.catalog}/{request.rid}@{snapshot}"
    yield (
        "External-Description",
        f"What belongs to {root} {request.rid}: {size.rows} rows of {len(kept)} tables, {size.assets} assets",
    )
    yield "Source-Host", request.host
    yield "Source-Catalog", request.catalog
    yield "Source-Snapshot", snapshot
    yield "Source-Snapshot-Time", when.isoformat()
    yield "Root-RID", request.rid
    yield "Root-Table", str(root)
    yield "Table-Count", str(len(reached.tables))
    yield "Row-Count", str(size.rows)
    yield "Asset-Count", str(size.assets)
    for label, value in request.info:
        if label not in OWN:
            yield label, value
    for name in request.offers.exclude:
        yield "Left-Out-Table", name
    for hidden in reached.hidden:
        yield "Hidden-Table", str(hidden)
    for dropped in (a for a in request.algorithms if a not in algorithms):
        yield "Dropped-Algorithm", dropped
    if problems:
        yield "Incomplete", f"{len(problems)} of {size.assets} assets are missing; {PROBLEMS} lists them"


def problems_json(problems: Sequence[AssetProblem]) -> bytes:
    """The tag file that lists what is missing."""
    ordered = sorted(problems, key=lambda p: (p.table, p.rid))
    return msgspec.json.format(msgspec.json.encode(ordered, order="deterministic"), indent=1) + b"\n"
