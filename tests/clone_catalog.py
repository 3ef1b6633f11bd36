"""Sources and clones for tests: catalogs whose rows a plain user sees only in part, and what is in a catalog."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog_maker import T
from sandbox_catalog import make
from sandbox_client import Peer
from sandbox_process import SandboxProcess
from satchel.core.clone.request import CloneRequest, CloneResult
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import Model
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import escape
from satchel.core.deriva.session import Session
from satchel.core.jobs.request import Access
from satchel.core.jobs.run import run_aside, run_job
from satchel.core.paths import Home

QUIET = {"add_ml_schema": False, "reinitialize_dataset_versions": False}
"""Without what comes after the constraints."""


async def make_source(session: Session, tables: Mapping[str, T]) -> str:
    """A catalog that everyone may read; of tables with a column `Shown` only the rows in which it is not null."""
    number = await make(session, dict(tables))
    path = f"/ermrest/catalog/{number}"
    for acl in ("enumerate", "select"):
        await session.request("PUT", f"{path}/acl/{acl}", json=["*"])
    for name, table in tables.items():
        if "Shown" not in table.columns:
            continue
        schema, _, bare = name.partition(":")
        here = f"{path}/schema/{escape(schema)}/table/{escape(bare)}"
        await session.request("PUT", f"{here}/acl/select", json=[])
        binding = {"types": ["select"], "projection": "Shown", "projection_type": "nonnull"}
        await session.request("PUT", f"{here}/acl_binding/shown", json=binding)
    return number


def request_of(
    box: SandboxProcess,
    catalog: str,
    rid: str,
    to: SandboxProcess | None = None,
    *,
    who: str = "admin",
    **other: Any,
) -> CloneRequest:
    """A request to clone from a sandbox, to itself or another; the destination is the administrator's."""
    there = to or box
    secret = box.credential if who == "admin" else box.credential_user
    return CloneRequest(
        host=box.host,
        catalog=catalog,
        rid=rid,
        to_host=there.host,
        access=Access(ca=(box.ca,), credential=secret),
        dest_access=Access(ca=(there.ca,), credential=there.credential),
        **{**QUIET, **other},
    )


async def clone(request: CloneRequest, folder: Path) -> CloneResult:
    """Run a clone in a home of its own."""
    _, result = await run_job(request, Home.under(folder))
    assert isinstance(result, CloneResult)
    return result


async def foresee(request: CloneRequest, folder: Path) -> Any:
    """The forecast of a clone."""
    from satchel.core.clone.forecasting import forecast

    return await run_aside(forecast, request, Home.under(folder))


async def contents(session: Session, catalog: str) -> tuple[Model, dict[str, dict[str, dict[str, Any]]]]:
    """The schema of a catalog, and its rows by table and RID; the tables that every catalog has apart."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    here = Catalog(session, catalog)
    model = await here.model()
    for table in model:
        if not table.name.table.startswith("ERMrest_"):
            rows = await here.rows(f"entity/{table.name.path}@sort(RID)")
            found[str(table.name)] = {row["RID"]: row for row in rows}
    return model, found


def keys_of(model: Model) -> set[str]:
    """The foreign keys of a catalog."""
    return {f"{key.schema}:{key.name}" for table in model for key in table.foreign_keys}


def stable(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what the destination writes itself."""
    return {name: value for name, value in row.items() if name not in ("RMT", "RMB")}


def clone_words(box: SandboxProcess, *more: str) -> list[str]:
    """The demo's dataset as the plain user, who does not see a tenth of the subjects, to the same server."""
    user = ["--ca", box.ca, "--credential", box.credential_user, "--dest-credential", box.credential]
    return ["clone", box.host, box.catalog, box.dataset, *user, "--no-ml-schema", "--no-new-versions", *more]


def plain_contents(box: SandboxProcess, catalog: str) -> dict[str, Any]:
    """Rows and foreign keys of a catalog by a plain client."""
    with Peer(box) as peer:
        path = f"/ermrest/catalog/{catalog}"
        schemas = peer.get(f"{path}/schema")["schemas"]
        found: dict[str, Any] = {}
        for schema, document in schemas.items():
            for table, described in document["tables"].items():
                if table.startswith("ERMrest_"):
                    continue
                name = f"{schema}:{table}"
                rows = peer.get(f"{path}/entity/{schema.replace(' ', '%20')}:{table.replace(' ', '%20')}@sort(RID)")
                found[name] = [{k: v for k, v in row.items() if k not in ("RMT", "RMB")} for row in rows]
                found[f"{name} keys"] = sorted(key["names"][0][1] for key in described["foreign_keys"])
    return found


__all__ = [
    "TableName",
    "clone",
    "clone_words",
    "contents",
    "foresee",
    "keys_of",
    "make_source",
    "plain_contents",
    "request_of",
    "stable",
]
