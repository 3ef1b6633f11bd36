"""What a clone does after its rows and constraints, each step by itself, between two sandboxes."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from catalog_maker import T
from sandbox_catalog import make, ref, session_of
from satchel.core.clone.after.alias import alias_taken, forecast_alias, make_alias
from satchel.core.clone.after.default_table import set_default_table
from satchel.core.clone.after.ml_definition import TERMS, ml_schema
from satchel.core.clone.after.ml_schema import add_ml_schema
from satchel.core.clone.after.policies import forecast_policies
from satchel.core.clone.after.provenance import TAG, note_provenance
from satchel.core.clone.after.users import sync_users
from satchel.core.clone.after.versions import renew_versions
from satchel.core.clone.plan import ClonePlan, KeyPlan, TablePlan
from satchel.core.clone.report import Findings
from satchel.core.clone.request import CloneRequest
from satchel.core.clone.work import Work
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.names import TableName
from satchel.core.deriva.session import Session
from satchel.core.jobs.state import local_context

ROOT = TableName("eye", "Subject")
EYE = {
    "eye:Subject": T(("Name",), rows=[{"RID": "1-AAA1", "Name": "s"}]),
    "eye:Image": T(("Subject",), refs=[ref("Subject", "eye:Subject")], rows=[{"RID": "1-BBB1", "Subject": "1-AAA1"}]),
}


@asynccontextmanager
async def two(sandbox, empty_sandbox, who: str = "admin"):
    async with session_of(empty_sandbox, who) as source, session_of(sandbox) as session:
        yield source, session


async def work_of(
    source: Session,
    number: str,
    session: Session,
    clone: str,
    folder: Path,
    *,
    left_out: tuple[str, ...] = (),
    **more: Any,
) -> Work:
    """A clone whose rows and constraints stand."""
    pinned = await Catalog(source, number).pin()
    model = await pinned.model()
    tables = [t for t in model if t.name.schema != "public" and str(t.name) not in left_out]
    plan = ClonePlan(
        host=source.host,
        catalog=number,
        snapshot=str(pinned.snapshot),
        root=ROOT,
        rid="1-AAA1",
        model=model,
        tables=tuple(TablePlan(t, 1, 1, "root") for t in tables),
        keys=tuple(
            KeyPlan(k, "pending" if k.referenced in {x.name for x in tables} else "left-out", reason="left out")
            for t in tables
            for k in t.foreign_keys
        ),
        skipped={},
    )
    request = CloneRequest(host=source.host, catalog=number, rid="1-AAA1", to_host=session.host, **more)
    context = local_context(folder)
    return Work(request, context, plan, Findings(), pinned, Catalog(session, clone))


async def put_annotation(session: Session, catalog: str, tag: str, value: Any) -> None:
    from urllib.parse import quote

    await session.request("PUT", f"/ermrest/catalog/{catalog}/annotation/{quote(tag, safe='')}", json=value)


async def annotations(work: Work) -> dict[str, Any]:
    return dict((await work.destination.info()).annotations)


def test_the_definition_is_what_deriva_ml_1_17_10_was_seen_to_make():
    observed = json.loads((Path(__file__).parents[1] / "unit/sandbox/deriva_ml_1_17_10.json").read_text())
    made = {
        name: {
            "columns": [[c["name"], c["type"]["typename"], c["nullok"], c["default"]] for c in t["column_definitions"]],
            "keys": sorted([k["names"][0][1], k["unique_columns"]] for k in t["keys"]),
            "foreign_keys": sorted(
                [
                    f["names"][0][1],
                    [c["column_name"] for c in f["foreign_key_columns"]],
                    [":".join((c["schema_name"], c["table_name"], c["column_name"])) for c in f["referenced_columns"]],
                    f["on_delete"],
                    f["on_update"],
                ]
                for f in t["foreign_keys"]
            ),
        }
        for name, t in ml_schema()["tables"].items()
    }
    assert made == observed


async def test_the_ml_schema_is_added_once_with_its_terms(sandbox, empty_sandbox, tmp_path):
    async with two(sandbox, empty_sandbox) as (source, session):
        number, clone = await make(source, EYE), await make(session, EYE)
        work = await work_of(source, number, session, clone, tmp_path)
        await add_ml_schema(work)
        assert work.outcome["ml_schema_added"] is True
        model = await work.destination.model()
        assert {n.table for n in model.tables if n.schema == "deriva-ml"} == set(ml_schema()["tables"])
        for vocabulary, terms in TERMS.items():
            rows = await work.destination.rows(f"entity/deriva-ml:{vocabulary}")
            assert {r["Name"] for r in rows} == set(terms)
            assert {r["ID"] for r in rows} == {f"deriva-ml:{r['RID']}" for r in rows}
        # A job that is resumed does it again: nothing changes.
        before = await work.destination.rows("entity/deriva-ml:Asset_Type@sort(RID)")
        await add_ml_schema(work)
        assert await work.destination.rows("entity/deriva-ml:Asset_Type@sort(RID)") == before
        assert work.outcome["ml_schema_added"] is True
        assert not work.findings.issues


async def test_a_schema_that_is_there_keeps_its_rows_and_gets_the_terms_it_lacks(sandbox, empty_sandbox, tmp_path):
    async with two(sandbox, empty_sandbox) as (source, session):
        number, clone = await make(source, EYE), await make(session, EYE)
        one = {**ml_schema(), "tables": {"Asset_Type": ml_schema()["tables"]["Asset_Type"]}}
        await session.request("POST", f"/ermrest/catalog/{clone}/schema", json=[one])
        mine = [{"Name": "File", "Description": "mine"}, {"Name": "Own", "Description": "own"}]
        path = f"/ermrest/catalog/{clone}/entity/deriva-ml:Asset_Type?defaults=ID,URI"
        await session.request("POST", path, json=mine)
        work = await work_of(source, number, session, clone, tmp_path)
        await add_ml_schema(work)
        assert work.outcome["ml_schema_added"] is False
        rows = {r["Name"]: r["Description"] for r in await work.destination.rows("entity/deriva-ml:Asset_Type")}
        assert set(rows) == {*TERMS["Asset_Type"], "Own"}
        assert rows["File"] == "mine"
        model = await work.destination.model()
        assert [n.table for n in model.tables if n.schema == "deriva-ml"] == ["Asset_Type"]
        assert len(work.outcome["ml_terms_added"]["deriva-ml:Asset_Type"]) == 8
        assert [issue.category for issue in work.findings.issues] == ["schema_issue"]


async def datasets(session: Session) -> str:
    """A catalog with deriva-ml's schema and three datasets, two of them nested in the first."""
    number = await make(session, EYE)
    path = f"/ermrest/catalog/{number}"
    await session.request("POST", f"{path}/schema", json=[ml_schema()])
    sets = [{"RID": f"1-DAT{n}", "Description": str(n), "Version": None} for n in (1, 2, 3)]
    await session.request("POST", f"{path}/entity/deriva-ml:Dataset?nondefaults=RID", json=sets)
    versions = [
        {"RID": "1-VER1", "Dataset": "1-DAT1", "Version": "0.9.0", "Description": "old", "Snapshot": "2ZZ-AAAA-BBBB"},
        {"RID": "1-VER2", "Dataset": "1-DAT1", "Version": "1.2.3", "Description": None, "Snapshot": "2ZZ-AAAA-CCCC"},
        {"RID": "1-VER3", "Dataset": "1-DAT2", "Version": "1.0.0", "Description": "x", "Snapshot": "2ZZ-AAAA-DDDD"},
    ]
    await session.request("POST", f"{path}/entity/deriva-ml:Dataset_Version?nondefaults=RID", json=versions)
    current = [{"RID": "1-DAT1", "Version": "1-VER2"}, {"RID": "1-DAT2", "Version": "1-VER3"}]
    await session.request("PUT", f"{path}/attributegroup/deriva-ml:Dataset/RID;Version", json=current)
    nested = [{"Dataset": "1-DAT1", "Nested_Dataset": f"1-DAT{n}"} for n in (2, 3)]
    await session.request("POST", f"{path}/entity/deriva-ml:Dataset_Dataset", json=nested)
    return number


async def test_f27_each_dataset_gets_one_version_whose_snapshot_the_clone_has(sandbox, empty_sandbox, tmp_path):
    async with two(sandbox, empty_sandbox) as (source, session):
        number, clone = await datasets(source), await datasets(session)
        work = await work_of(source, number, session, clone, tmp_path)
        await renew_versions(work)
        assert work.outcome["datasets_reinitialized"] == 3
        catalog = work.destination
        versions = {r["RID"]: r for r in await catalog.rows("entity/deriva-ml:Dataset_Version")}
        sets = {r["RID"]: r for r in await catalog.rows("entity/deriva-ml:Dataset")}
        assert len(versions) == 6
        now = {rid: versions[r["Version"]] for rid, r in sets.items()}
        assert {rid: v["Version"] for rid, v in now.items()} == {
            "1-DAT1": "1.2.4",
            "1-DAT2": "1.0.1",
            "1-DAT3": "0.1.0",
        }
        for rid, version in now.items():
            assert version["Dataset"] == rid
            assert version["Description"] == f"Cloned from {source.host}:{number} (snapshot {work.plan.snapshot})"
            # The snapshot is the clone's, and shows the dataset with this version.
            then = catalog.at(version["Snapshot"])
            assert (await then.rows(f"entity/deriva-ml:Dataset/RID={rid}"))[0]["Version"] == version["RID"]
        assert versions["1-VER1"]["Snapshot"] == "2ZZ-AAAA-BBBB"
        assert versions["1-VER1"]["Description"].startswith("old\n\n[Of ")
        # Again, as a resumed job does it.
        await renew_versions(work)
        again = {r["RID"]: r for r in await catalog.rows("entity/deriva-ml:Dataset_Version")}
        assert again == versions
        assert work.outcome["datasets_reinitialized"] == 3


async def test_f31_an_alias_is_never_taken_from_another_catalog_and_its_failure_is_told(
    sandbox, empty_sandbox, tmp_path
):
    async with two(sandbox, empty_sandbox) as (source, session):
        number, clone, other = await make(source, EYE), await make(session, EYE), await make(session, EYE)
        work = await work_of(source, number, session, clone, tmp_path, alias=f"lab-{clone}")
        assert await forecast_alias(session, work.request.alias) is None
        await make_alias(work)
        await make_alias(work)
        assert work.outcome["alias"] == f"lab-{clone}"
        assert (await Catalog(session, f"lab-{clone}").info()).id
        mine = await work_of(source, number, session, other, tmp_path, alias=f"lab-{clone}")
        told = await forecast_alias(session, mine.request.alias)
        assert told is not None
        assert told.code == "alias-taken"
        await make_alias(mine)
        assert "alias" not in mine.outcome
        assert [issue.severity for issue in mine.findings.issues] == ["warning"]
        found = (await session.request("GET", f"/ermrest/alias/lab-{clone}", accept="application/json")).json()
        assert found["alias_target"] == clone
        assert await alias_taken(session, "12") is not None
        assert await alias_taken(session, "a b") is not None


async def test_chaise_begins_with_the_roots_table(sandbox, empty_sandbox, tmp_path):
    async with two(sandbox, empty_sandbox) as (source, session):
        number, clone = await make(source, EYE), await make(session, EYE)
        tag = "tag:isrd.isi.edu,2019:chaise-config"
        await put_annotation(
            session, clone, tag, {"navbarBrandText": "Eyes", "defaultTable": {"schema": "x", "table": "y"}}
        )
        work = await work_of(source, number, session, clone, tmp_path)
        await set_default_table(work)
        assert (await annotations(work))[tag] == {
            "navbarBrandText": "Eyes",
            "defaultTable": {"schema": "eye", "table": "Subject"},
        }


async def test_f20_f21_where_a_clone_came_from_is_kept_with_it(sandbox, empty_sandbox, tmp_path):
    async with two(sandbox, empty_sandbox) as (source, session):
        number, clone = await make(source, EYE), await make(session, EYE)
        work = await work_of(source, number, session, clone, tmp_path, orphans="delete")
        await note_provenance(work)
        note = (await annotations(work))[TAG]
        details = note["clone_details"]
        assert note["creation_method"] == "clone"
        assert note["hostname"] == session.host
        assert note["created_by"]
        assert (details["source_hostname"], details["source_catalog_id"]) == (source.host, number)
        assert (details["root_rid"], details["source_snapshot"]) == ("1-AAA1", work.plan.snapshot)
        assert details["orphan_strategy"] == "delete"
        kept = (await session.request("GET", details["source_schema_url"])).json()
        assert kept == work.plan.model.document
        await note_provenance(work)
        assert (await annotations(work))[TAG] == note


async def test_f18_who_made_the_rows_comes_along(sandbox, empty_sandbox, tmp_path):
    async with two(sandbox, empty_sandbox) as (source, session):
        number, clone = await make(source, EYE), await make(session, EYE)
        people = [{"ID": f"https://id.example.org/{n}", "Full_Name": f"Person {n}"} for n in range(3)]
        for person in people:
            person["Client_Object"] = {"id": person["ID"]}  # type: ignore[assignment]
        await source.request("POST", f"/ermrest/catalog/{number}/entity/public:ERMrest_Client", json=people)
        rows = [
            {"RID": "1-CCC1", "RCB": people[0]["ID"], "Name": "a"},
            {"RID": "1-CCC2", "RCB": people[1]["ID"], "Name": "b"},
            {"RID": "1-CCC3", "RCB": "https://id.example.org/nobody", "Name": "c"},
        ]
        path = f"/ermrest/catalog/{clone}/entity/eye:Subject?nondefaults=RID,RCB"
        await session.request("POST", path, json=rows)
        work = await work_of(source, number, session, clone, tmp_path)
        await sync_users(work)
        await sync_users(work)
        known = {r["ID"]: r["Full_Name"] for r in await work.destination.rows("entity/public:ERMrest_Client")}
        shown = {p["ID"]: p["Full_Name"] for p in people[:2]}
        assert {i: n for i, n in known.items() if "example.org" in i} == {
            **shown,
            "https://id.example.org/nobody": None,
        }
        assert [issue.row_count for issue in work.findings.issues] == [1]


async def test_f23_policies_that_do_not_come_along_or_cannot_hold_are_foreseen(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        number, clone = await make(source, EYE), await make(session, EYE)
        base = f"/ermrest/catalog/{number}"
        for acl in ("enumerate", "select"):
            await source.request("PUT", f"{base}/acl/{acl}", json=["*"])
        constraint = next(
            k.name
            for k in (await Catalog(source, number).model()).tables[TableName("eye", "Image")].foreign_keys
            if k.referenced == ROOT
        )
        binding = {
            "types": ["select"],
            "projection": [{"outbound": ["eye", constraint]}, "RCB"],
            "projection_type": "acl",
        }
        await source.request("PUT", f"{base}/schema/eye/table/Image/acl_binding/by_subject", json=binding)
        live = (await Catalog(source, number).model()).document
        whole = await work_of(source, number, session, clone, tmp_path)
        assert [told.code for told in forecast_policies(whole.request, whole.plan, True, live)] in (
            [],
            ["owners-copied"],
        )
        part = await work_of(source, number, session, clone, tmp_path, left_out=("eye:Subject",))
        told = [t for t in forecast_policies(part.request, part.plan, True, live) if t.code == "policy-incoherent"]
        assert len(told) == 1
        assert "eye:Image (by_subject)" in told[0].message
        async with session_of(empty_sandbox, "user") as plain:
            seen = await work_of(plain, number, session, clone, tmp_path)
            assert [t.code for t in forecast_policies(seen.request, seen.plan, False)] == ["policy-not-copied"]
            none = await work_of(plain, number, session, clone, tmp_path, copy_policy=False)
            assert forecast_policies(none.request, none.plan, False) == []


@pytest.mark.parametrize("seed", ["a", "b"])
def test_far_rids_look_like_rids_and_are_the_same_again(seed):
    from satchel.core.clone.after.rids import far_rid

    rid = far_rid("x", seed)
    assert rid == far_rid("x", seed) != far_rid("y", seed)
    assert [len(part) for part in rid.split("-")][1:] == [4, 4]
    assert not set(rid) & set("ILOU")
