"""A clone made from a bag is the clone that is made from the catalog that the bag was exported from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sandbox_catalog import session_of
from satchel.core.clone.request import CloneRequest, CloneResult, Selection
from satchel.core.clone.runner import run
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.names import TableName
from satchel.core.deriva.session import Session
from satchel.core.errors import SatchelError
from satchel.core.export.request import ExportRequest
from satchel.core.export.runner import run as export
from satchel.core.jobs.request import Access
from satchel.core.jobs.state import local_context
from two_sites import access


async def bag_of(sandbox: Any, where: Access, folder: Path, rid: str, **more: Any) -> str:
    asked = ExportRequest(
        host=sandbox.host, catalog=more.pop("catalog", sandbox.catalog), rid=rid, out=str(folder), access=where,
        archive=more.pop("archive", "none"), **more,
    )  # fmt: skip
    found = await export(asked, local_context(folder / f"export-{rid}"))
    return str(found.archive or found.bag)


async def clone(request: CloneRequest, folder: Path) -> CloneResult:
    return await run(request, local_context(folder))


def request(bag: str, there: Any, where: Access, **more: Any) -> CloneRequest:
    return CloneRequest(
        host="", catalog="", rid="", from_bag=bag, to_host=there.host, access=where, add_ml_schema=False,
        reinitialize_dataset_versions=False, **more,
    )  # fmt: skip


async def content(session: Session, number: str) -> dict[str, list[dict[str, Any]]]:
    catalog = Catalog(session, number)
    found = {}
    for table in await catalog.model():
        if table.name.schema != "public":
            rows = await catalog.rows(f"entity/{table.name.path}@sort(RID)")
            found[str(table.name)] = [{k: v for k, v in r.items() if k not in ("RMT", "RMB")} for r in rows]
    return found


@pytest.mark.parametrize(("what", "archive"), [("root", "none"), ("dataset", "zip")])
async def test_the_bag_gives_the_very_clone_that_the_server_gives(what, archive, sandbox, empty_sandbox, tmp_path):
    where = access(tmp_path, sandbox, empty_sandbox)
    rid = getattr(sandbox, what)
    bag = await bag_of(sandbox, where, tmp_path, rid, archive=archive)
    from_bag = await clone(request(bag, empty_sandbox, where, orphans="delete"), tmp_path / "bag")
    live = CloneRequest(
        host=sandbox.host, catalog=sandbox.catalog, rid=rid, to_host=empty_sandbox.host, access=where, orphans="delete",
        add_ml_schema=False, reinitialize_dataset_versions=False,
    )  # fmt: skip
    from_server = await clone(live, tmp_path / "live")
    assert from_bag.verified
    assert from_bag.report.summary.total_rows_restored == from_server.report.summary.total_rows_restored > 0
    assert from_bag.report.summary.fkeys_applied == from_server.report.summary.fkeys_applied
    async with session_of(empty_sandbox) as session:
        assert await content(session, from_bag.catalog_id) == await content(session, from_server.catalog_id)


async def test_values_of_all_types_come_through(sandbox, empty_sandbox, tmp_path):
    """Null and empty texts, line ends, quotes, arrays, times, JSON, numbers to the last digit."""
    where = access(tmp_path, sandbox, empty_sandbox)
    columns = {
        "Text": "text", "Array": "text[]", "Ints": "int4[]", "Int": "int8", "Float": "float8", "Number": "numeric",
        "Yes": "boolean", "Json": "jsonb", "When": "timestamptz", "Local": "timestamp", "Day": "date",
    }  # fmt: skip
    rows = [
        {"RID": "1-AAA1", "Text": "", "Array": [], "Ints": [1, None, 3], "Int": 9007199254740993, "Yes": True},
        {"RID": "1-AAA2", "Text": None, "Array": ['a,"b"', "c\\d", "", None, "NULL"], "Float": 1e-7, "Yes": False},
        {
            "RID": "1-AAA3",
            "Text": 'line\nline "quoted", ä\t\\',
            "Number": 12345678901.25,
            "Json": {"a": [1, None, "x"]},
        },
        {"RID": "1-AAA4", "When": "2026-11-21T00:01:15.46+00:00", "Local": "2026-11-21T00:01:15", "Day": "2026-11-21"},
    ]
    async with session_of(sandbox) as session, session_of(empty_sandbox) as there:
        number = (await session.request("POST", "/ermrest/catalog", json={})).json()["id"]
        await session.request("POST", f"/ermrest/catalog/{number}/schema", json=[_document(columns)])
        path = f"/ermrest/catalog/{number}/entity/eye:Thing?nondefaults=RID"
        given = [{c: row.get(c) for c in ("RID", *columns)} for row in rows]
        # One record to which the others refer makes them all belong to it.
        await session.request(
            "POST", path, json=[{**r, "Of": None if r["RID"] == "1-AAA1" else "1-AAA1"} for r in given]
        )
        before = await content(session, number)
        bag = await bag_of(sandbox, where, tmp_path, "1-AAA1", catalog=number)
        found = await clone(request(bag, empty_sandbox, where), tmp_path / "clone")
        assert found.verified
        after = await content(there, found.catalog_id)
        assert after == before
        assert len(after["eye:Thing"]) == 4


def _document(columns: dict[str, str]) -> dict[str, Any]:
    system = {"RID": "text", "RCT": "timestamptz", "RMT": "timestamptz", "RCB": "text", "RMB": "text"}
    definitions = [
        {
            "name": name,
            "type": {"typename": f"ermrest_{name.lower()}", "is_domain": True, "base_type": {"typename": base}},
            "nullok": name not in ("RID", "RCT", "RMT"),
        }
        for name, base in system.items()
    ]
    for name, typename in columns.items():
        base = {"typename": typename}
        if typename.endswith("[]"):
            base |= {"is_array": True, "base_type": {"typename": typename[:-2]}}
        definitions.append({"name": name, "type": base, "nullok": True})
    definitions.append({"name": "Of", "type": {"typename": "text"}, "nullok": True})
    column = {"schema_name": "eye", "table_name": "Thing"}
    key = {
        "foreign_key_columns": [{**column, "column_name": "Of"}],
        "referenced_columns": [{**column, "column_name": "RID"}],
        "names": [["eye", "Thing_Of_fkey"]],
    }
    table = {
        "schema_name": "eye", "table_name": "Thing", "kind": "table", "column_definitions": definitions,
        "keys": [{"unique_columns": ["RID"]}], "foreign_keys": [key],
    }  # fmt: skip
    return {"schema_name": "eye", "tables": {"Thing": table}}


async def test_files_of_the_bag_come_along(sandbox, empty_sandbox, tmp_path):
    where = access(tmp_path, sandbox, empty_sandbox)
    bag = await bag_of(sandbox, where, tmp_path, sandbox.dataset, materialize=True)
    found = await clone(request(bag, empty_sandbox, where, assets="full"), tmp_path / "clone")
    assert found.verified
    async with session_of(empty_sandbox) as session, session_of(sandbox) as source:
        rows = await Catalog(session, found.catalog_id).rows("entity/eye:Image?limit=5")
        assert rows
        for row in rows:
            assert row["URL"].startswith("/hatrac/")
            there = (await Catalog(source, sandbox.catalog).rows(f"entity/eye:Image/RID={row['RID']}"))[0]["URL"]
            assert (await session.request("GET", row["URL"])).body == (await source.request("GET", there)).body


async def test_without_files_in_the_bag_rows_lead_to_the_source(sandbox, empty_sandbox, tmp_path):
    where = access(tmp_path, sandbox, empty_sandbox)
    bag = await bag_of(sandbox, where, tmp_path, sandbox.dataset)
    found = await clone(request(bag, empty_sandbox, where, assets="full"), tmp_path / "clone")
    assert any("the bag does not hold" in issue.message for issue in found.report.issues)
    async with session_of(empty_sandbox) as session:
        rows = await Catalog(session, found.catalog_id).rows("entity/eye:Image?limit=5")
        assert all(row["URL"].startswith(f"https://{sandbox.host}/hatrac/") for row in rows)


async def test_a_damaged_bag_is_refused_before_anything_is_made(sandbox, empty_sandbox, tmp_path):
    where = access(tmp_path, sandbox, empty_sandbox)
    bag = Path(await bag_of(sandbox, where, tmp_path, sandbox.dataset))
    async with session_of(empty_sandbox) as session:
        last = int((await session.request("POST", "/ermrest/catalog", json={})).json()["id"])

        async def refused(match: str) -> None:
            with pytest.raises(SatchelError, match=match):
                await clone(request(str(bag), empty_sandbox, where), tmp_path / "clone")

        records = sorted((bag / "data/records").glob("*.csv"))
        kept = records[0].read_bytes()
        records[0].write_bytes(kept + b"x\n")
        await refused("damaged")
        records[0].unlink()
        await refused("damaged")
        records[0].write_bytes(kept)
        (bag / "data/records/eye.More.csv").write_bytes(b"RID\n")
        await refused("damaged")
        (bag / "data/records/eye.More.csv").unlink()
        (bag / "data/schema.json").write_bytes(b"{}")
        await refused("damaged")
        shutil.rmtree(bag)
        await refused("no ")
        again = int((await session.request("POST", "/ermrest/catalog", json={})).json()["id"])
        assert again == last + 1, "no catalog was made"


async def test_what_dangles_in_a_bag_is_treated_as_in_any_clone(sandbox, empty_sandbox, tmp_path):
    where = access(tmp_path, sandbox, empty_sandbox)
    bag = await bag_of(sandbox, where, tmp_path, sandbox.root)
    asked = request(bag, empty_sandbox, where, orphans="delete", selection=Selection(exclude=("eye:Species",)))
    forecast = (await clone(msgspec.structs.replace(asked, dry_run=True), tmp_path / "dry")).forecast
    found = await clone(asked, tmp_path / "clone")
    assert forecast is not None
    assert found.verified
    assert TableName("eye", "Species") not in {TableName.parse(t.table) for t in found.report.tables}
    states = {key.name: key.state for key in found.report.foreign_keys}
    assert {key.name: key.state for key in forecast.foreign_keys} == states
    assert forecast.chosen.rows_deleted == found.report.summary.orphan_rows_removed


async def test_tables_that_the_bag_has_no_rows_of_can_be_had_empty(sandbox, empty_sandbox, tmp_path):
    where = access(tmp_path, sandbox, empty_sandbox)
    bag = await bag_of(sandbox, where, tmp_path, sandbox.dataset)
    more = "deriva-ml:Asset_Role"
    found = await clone(request(bag, empty_sandbox, where, selection=Selection(include=(more,))), tmp_path / "clone")
    assert found.verified
    async with session_of(empty_sandbox) as session:
        assert (await content(session, found.catalog_id))[more] == []


async def test_other_folders_are_no_source(sandbox, empty_sandbox, tmp_path):
    where = access(tmp_path, sandbox, empty_sandbox)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SatchelError, match="bag"):
        await clone(request(str(tmp_path / "folder"), empty_sandbox, where), tmp_path / "clone")
