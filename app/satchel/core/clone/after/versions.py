"""A new version for each dataset of the clone, with a snapshot that exists there.

The versions that came along name snapshots of the source's catalog, which the clone does not have. As deriva-ml does
it: a row of Dataset_Version (the patch number one higher), the dataset's `Version` leads to it, and last its
`Snapshot`, which shows the catalog with both. One new version for each dataset, nested or not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from satchel.core.clone.after.rids import far_rid
from satchel.core.clone.work import Work
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import escape

DATASET = TableName("deriva-ml", "Dataset")
VERSION = TableName("deriva-ml", "Dataset_Version")
_NUMBER = re.compile(r"\s*v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(.*)")
_PAGE = 5000
_BATCH = 500


async def renew_versions(work: Work) -> None:
    """Give each dataset a version of the clone's own, and mark those that came along."""
    if not work.request.reinitialize_dataset_versions:
        return
    tables = (await work.destination.model()).tables
    datasets, versions = tables.get(DATASET), tables.get(VERSION)
    if datasets is None or versions is None or versions.column("Dataset") is None or versions.column("Version") is None:
        return
    own = [c for c in ("RID", "Version", "Deleted") if datasets.column(c) is not None]
    rows = [row for row in await _all(work, DATASET, own) if row.get("Deleted") is not True]
    columns = [c for c in ("RID", "Dataset", "Version", "Description", "Snapshot") if versions.column(c) is not None]
    known = await _all(work, VERSION, columns)
    mine = {str(row["RID"]): far_rid("dataset-version", work.destination.id, str(row["RID"])) for row in rows}
    fresh = set(mine.values())
    of: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in known:
        if row["RID"] not in fresh and row.get("Dataset") is not None:
            of[str(row["Dataset"])].append(row)
    current = {str(row["RID"]): row for row in known}
    there = set(current)
    made = [
        {
            "RID": mine[rid],
            "Dataset": rid,
            "Version": _next(
                current.get(str(row.get("Version")), {}).get("Version"),
                (v.get("Version") for v in of[rid]),
            ),
            "Description": f"Cloned from {work.plan.host}:{work.plan.catalog} (snapshot {work.plan.snapshot})",
        }
        for row in rows
        if (rid := str(row["RID"])) and mine[rid] not in there
    ]
    path = f"{work.destination.path}/entity/{VERSION.path}?nondefaults=RID&onconflict=skip"
    for batch in _batches(made):
        await work.destination.session.request("POST", path, json=batch, idempotent=True)
    if datasets.column("Version") is not None:
        late = [
            {"RID": str(r["RID"]), "Version": mine[str(r["RID"])]}
            for r in rows
            if r.get("Version") != mine[str(r["RID"])]
        ]
        await _set(work, DATASET, "Version", late)
    if "Description" in columns:
        await _mark(work, [row for row in known if row["RID"] not in fresh])
    if "Snapshot" in columns:
        # What names a snapshot already was finished by an earlier run; its snapshot shows what it should.
        named = {str(row["RID"]) for row in known if row.get("Snapshot")}
        wanted = [rid for rid in mine.values() if rid not in named]
        if wanted:
            snapshot = (await work.destination.info()).snapshot
            await _set(work, VERSION, "Snapshot", [{"RID": rid, "Snapshot": snapshot} for rid in wanted])
    work.outcome["datasets_reinitialized"] = len(mine)
    work.outcome["dataset_versions_added"] = sorted(fresh)


def _next(current: Any, others: Iterable[Any]) -> str:
    """The next patch number after a dataset's version, free among its versions."""
    taken = [number for number in map(_number, others) if number is not None]
    base = _number(current) or max(taken, default=None)
    if base is None:
        return "0.1.0"
    numbers = set(taken)
    major, minor, patch = base
    patch += 1
    while (major, minor, patch) in numbers:
        patch += 1
    return f"{major}.{minor}.{patch}"


def _number(text: Any) -> tuple[int, int, int] | None:
    found = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


async def _mark(work: Work, rows: Iterable[Mapping[str, Any]]) -> None:
    """Say of versions that came along where their snapshots are."""
    note = (
        f"[Of {work.plan.host}:{work.plan.catalog}: the snapshot of this version is in that catalog, not in this one.]"
    )
    late = []
    for row in rows:
        text = str(row.get("Description") or "")
        if note not in text and row.get("Snapshot"):
            late.append({"RID": str(row["RID"]), "Description": f"{text}\n\n{note}".strip()})
    await _set(work, VERSION, "Description", late)


async def _set(work: Work, table: TableName, column: str, rows: list[dict[str, Any]]) -> None:
    path = f"{work.destination.path}/attributegroup/{table.path}/RID;{escape(column)}"
    for batch in _batches(rows):
        await work.destination.session.request("PUT", path, json=batch)


async def _all(work: Work, table: TableName, columns: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: str | None = None
    names = ",".join(map(escape, columns))
    while True:
        end = f"@after({escape(after)})" if after is not None else ""
        rows = await work.destination.rows(f"attribute/{table.path}/{names}@sort(RID){end}?limit={_PAGE}")
        found += rows
        if len(rows) < _PAGE:
            return found
        after = str(rows[-1]["RID"])


def _batches(rows: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    for at in range(0, len(rows), _BATCH):
        yield rows[at : at + _BATCH]
