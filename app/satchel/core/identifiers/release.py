"""Releasing a dataset: a version bound to a snapshot of the catalog, which is what an identifier is for.

As deriva-ml does it (1.17.10, `increment_dataset_version`): a new version goes to the dataset and to all that are
nested in it or in which it is nested, however far, each with its own number raised by the same part.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from satchel.core.deriva.datasets import Dataset, list_datasets, version_key
from satchel.core.deriva.datasets.listing import DATASET, VERSION
from satchel.core.deriva.ermrest import Catalog
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context

Part = Literal["major", "minor", "patch"]
PARTS: tuple[Part, ...] = ("major", "minor", "patch")
FIRST = "0.1.0"
_INSERTED = "release-inserted"


def raised(version: str | None, part: Part) -> str:
    """The next version number. What follows the three numbers (work in progress) is dropped."""
    if version is None:
        return FIRST
    major, minor, patch, _, _ = version_key(version)
    if major < 0:
        return FIRST
    if part == "major":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if part == "minor" else f"{major}.{minor}.{patch + 1}"


async def release(catalog: Catalog, rid: str, part: Part, description: str, context: Context) -> str:
    """Release a dataset.

    Interrupted, it goes on: rows that were inserted are not inserted again.

    Args:
        catalog: live.
        rid: the dataset's.
        part: of its number that is raised.
        description: of the version.
        context: keeps what is done.

    Returns:
        The dataset's new version.

    Raises:
        SatchelError: no right to do that, or no such dataset.
    """
    datasets = {dataset.rid: dataset for dataset in await list_datasets(catalog)}
    rid = rid.strip().upper()
    if rid not in datasets:
        raise SatchelError(
            Kind.NOT_FOUND,
            f"There is no dataset {rid} in {catalog}.",
            f"See which there are: satchel datasets {catalog.host} {catalog.id}",
        )
    wanted = {one.rid: raised(one.newest.version if one.newest else None, part) for one in _family(datasets, rid)}
    kept = context.recall(_INSERTED)
    wanted = dict(kept) if isinstance(kept, dict) else wanted
    context.checkpoint(_INSERTED, wanted)
    there = await _rows(catalog, wanted)
    missing = [
        {"Dataset": dataset, "Version": number, "Description": description}
        for dataset, number in wanted.items()
        if dataset not in there
    ]
    if missing:
        await _send(catalog, "POST", f"entity/{VERSION.path}?defaults=RID", missing)
        there = await _rows(catalog, wanted)
    current = [{"RID": dataset, "Version": row["RID"]} for dataset, row in there.items()]
    await _send(catalog, "PUT", f"attributegroup/{DATASET.path}/RID;Version", current)
    unbound = [row for row in there.values() if not row.get("Snapshot")]
    if unbound:
        snapshot = (await catalog.info()).snapshot
        bound = [{"RID": row["RID"], "Snapshot": snapshot} for row in unbound]
        await _send(catalog, "PUT", f"attributegroup/{VERSION.path}/RID;Snapshot", bound)
    return wanted[rid]


def _family(datasets: dict[str, Dataset], rid: str) -> list[Dataset]:
    """The dataset and all that are related to it by nesting."""
    found: dict[str, Dataset] = {}
    waiting = [rid]
    while waiting:
        one = datasets.get(waiting.pop())
        if one is not None and one.rid not in found:
            found[one.rid] = one
            waiting += [*one.parents, *one.children]
    return [found[key] for key in sorted(found)]


async def _rows(catalog: Catalog, wanted: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The rows of these versions that are there, by dataset."""
    from satchel.core.deriva.paths import equals

    async def one(dataset: str, number: str) -> list[dict[str, Any]]:
        return await catalog.rows(f"entity/{VERSION.path}/{equals('Dataset', dataset)}/{equals('Version', number)}")

    found = await asyncio.gather(*(one(dataset, number) for dataset, number in wanted.items()))
    return {row["Dataset"]: row for rows in found for row in rows}


async def _send(catalog: Catalog, method: str, path: str, rows: list[dict[str, Any]]) -> None:
    try:
        # What may have arrived is not sent again: whoever resumes looks what is there.
        await catalog.session.request(method, f"{catalog.path}/{path}", json=rows, idempotent=method == "PUT")
    except SatchelError as error:
        if error.kind in (Kind.NOT_ALLOWED, Kind.NOT_SIGNED_IN):
            raise SatchelError(
                error.kind,
                f"You may not release datasets in {catalog}.",
                "Ask the owner of the data to release it, or sign in as somebody who may.",
                error.detail,
            ) from error
        raise
