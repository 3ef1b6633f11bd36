"""The version of a dataset that gets an identifier: read from the catalog, and the identifier written into it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import msgspec

from satchel.core.deriva.datasets import Dataset, DatasetVersion, one_dataset, pick_version
from satchel.core.deriva.datasets.listing import DATASET, VERSION
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import Model
from satchel.core.deriva.paths import equals
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.datasets.request import DatasetRequest
from satchel.core.export.request import ExportRequest
from satchel.core.identifiers.place import annotated_bucket

HASH_COLUMN = "Minid_Spec_Hash"
"""deriva-ml has it since 2026-03; 1.17.10 does not."""
FORMAT = 1
"""Of the specs that are hashed; another one where bags are made in another way."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A dataset's version in its catalog as it is now."""

    dataset: Dataset
    version: DatasetVersion
    snapshot: str
    keeps_hash: bool
    """The catalog has a column for the spec's hash."""
    writable: bool
    """This user may write the identifier into the version's row, as far as the catalog says."""
    bucket: str
    """Of the Dataset table's export annotation; empty: none."""
    acl: str
    model: Model

    @property
    def title(self) -> str:
        """A title for an identifier, where the person gives none."""
        first = " ".join(self.dataset.description.split("\n")[0].split())
        about = f": {first}" if first else ""
        return f"Dataset {self.dataset.rid}, version {self.version.version}{about}"[:200]


async def subject(catalog: Catalog, rid: str, version: str | None) -> Subject:
    """Read it.

    Args:
        catalog: live.
        rid: the dataset's.
        version: its number; None: the newest that is released.

    Raises:
        SatchelError: there is none, or it is not released.
    """
    model = await catalog.model()
    dataset = await one_dataset(catalog, rid, model)
    picked = pick_version(dataset, version)
    assert picked.snapshot is not None  # noqa: S101 - `pick_version` has looked
    table = model.tables[VERSION]
    bucket, acl = annotated_bucket(model.tables[DATASET].annotations)
    return Subject(
        dataset=dataset,
        version=picked,
        snapshot=picked.snapshot,
        keeps_hash=table.column(HASH_COLUMN) is not None,
        writable=_writable(model),
        bucket=bucket,
        acl=acl,
        model=model,
    )


def _writable(model: Model) -> bool:
    """What the catalog says of the right to change `Dataset_Version.Minid`; where that depends on the row, writing
    tells."""
    try:
        table = model.document["schemas"][VERSION.schema]["tables"][VERSION.table]
    except (KeyError, TypeError):
        return True
    rights: list[Any] = [table.get("rights")]
    rights += [c.get("rights") for c in table.get("column_definitions", []) if c.get("name") == "Minid"]
    return all(not isinstance(one, dict) or one.get("update") is not False for one in rights)


async def reread(catalog: Catalog, rid: str) -> tuple[str | None, str | None]:
    """The identifier and the hash that a version's row has now.

    Args:
        catalog: live.
        rid: of the row.

    Raises:
        SatchelError: the row is gone.
    """
    rows = await catalog.rows(f"entity/{VERSION.path}/{equals('RID', rid)}")
    if len(rows) != 1:
        raise SatchelError(Kind.NOT_FOUND, f"The version's row {rid} is not in {catalog} any more.", "")
    return rows[0].get("Minid") or None, rows[0].get(HASH_COLUMN) or None


async def write(catalog: Catalog, rid: str, minid: str, spec_hash: str, *, keeps_hash: bool) -> None:
    """Write the identifier into the version's row.

    Raises:
        SatchelError: no right to do that.
    """
    columns = ["Minid", *([HASH_COLUMN] if keeps_hash else [])]
    row = {"RID": rid, "Minid": minid, **({HASH_COLUMN: spec_hash} if keeps_hash else {})}
    path = f"{catalog.path}/attributegroup/{VERSION.path}/RID;{','.join(columns)}"
    try:
        answer = await catalog.session.request("PUT", path, json=[row])
    except SatchelError as error:
        if error.kind in (Kind.NOT_ALLOWED, Kind.NOT_SIGNED_IN):
            raise SatchelError(
                error.kind,
                f"You may not write the identifier {minid} into the dataset's version in {catalog}.",
                "The identifier exists. Ask the catalog's owner for the right to change Dataset_Version, then resume.",
                error.detail,
            ) from error
        raise
    if not answer.json():
        raise SatchelError(Kind.NOT_FOUND, f"The version's row {rid} is not in {catalog} any more.", "", minid)


def spec_of(request: ExportRequest | DatasetRequest, snapshot: str) -> dict[str, Any]:
    """What determines a bag that this computer makes: the same spec at the same snapshot is the same archive."""
    if isinstance(request, DatasetRequest):
        return {
            "satchel": FORMAT,
            "layout": "deriva-ml",
            "host": request.host,
            "catalog_id": f"{request.catalog}@{snapshot}",
            "rid": request.dataset,
            "materialize": request.materialize,
            "algorithms": list(request.algorithms),
            "archive": request.archive,
        }
    return {
        "satchel": FORMAT,
        "host": request.host,
        "catalog_id": f"{request.catalog}@{snapshot}",
        "rid": request.rid,
        "offers": msgspec.to_builtins(request.offers),
        "materialize": request.materialize,
        "algorithms": list(request.algorithms),
        "archive": request.archive,
    }


def spec_hash(spec: dict[str, Any]) -> str:
    """The hash of a spec, as deriva-ml makes it: sha256 of its JSON with sorted keys, hexadecimal."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
