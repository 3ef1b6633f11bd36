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
# What the schema document says of the user who asks, and not of the catalog.
_PERSONAL = frozenset({"rights", "acls", "acl_bindings"})


def impersonal(value: Any) -> Any:
    """A schema document without what differs from user to user, so that the same rows make the same bag."""
    if isinstance(value, dict):
        return {k: impersonal(v) for k, v in value.items() if k not in _PERSONAL or not isinstance(v, dict)}
    if isinstance(value, list):
        return [impersonal(item) for item in value]
    return value


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
