"""Where the best existing clone goes wrong: each fault by its number (F1 to F31), with what this one does instead.

Those of orphans (F11 to F14, F26) are in tests/unit/clone/test_settling.py and test_clone_truth.py, interruption (F28,
F29) in test_clone_faults.py, localize and what comes after the constraints (F20 to F22, F27) in files of their own.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from catalog_maker import T
from clone_catalog import clone, contents, foresee, keys_of, make_source, request_of, stable
from sandbox_catalog import ref, session_of
from sandbox_client import Peer
from sandbox_process import SandboxProcess
from satchel.core.clone.report import Category, Severity
from satchel.core.clone.request import Selection
from satchel.core.deriva.paths import escape
from satchel.core.errors import Kind, SatchelError

ROOT = "1-R00T"
VISIBLE = "tag:isrd.isi.edu,2016:visible-columns"
VISIBLE_KEYS = "tag:isrd.isi.edu,2016:visible-foreign-keys"
EXPORT = "tag:isrd.isi.edu,2019:export"
FRAGMENTS = "tag:isrd.isi.edu,2021:export-fragment-definitions"
INDEXING = "tag:isrd.isi.edu,2018:indexing-preferences"
STATE = "tag:isrd.isi.edu,2018:clone-state"


def study(**more: T) -> dict[str, T]:
    """Two studies with a subject each, observations of both, and a species that both are of."""
    return {
        "s:Study": T(rows=[{"RID": ROOT}, {"RID": "1-0THER"}]),
        "s:Species": T(vocabulary=True, keys=[["Name"]], rows=[term("1-V1", "mouse"), term("1-V2", "fish")]),
        "s:Subject": T(
            columns=["Study", "Species"],
            refs=[ref("Study", "s:Study"), ref("Species", "s:Species", "Name")],
            rows=[
                {"RID": "1-S1", "Study": ROOT, "Species": "mouse"},
                {"RID": "1-S2", "Study": "1-0THER", "Species": "mouse"},
            ],
        ),
        "s:Observation": T(
            columns=["Subject", "Note"],
            refs=[ref("Subject", "s:Subject")],
            rows=[{"RID": "1-01", "Subject": "1-S1", "Note": "a"}, {"RID": "1-02", "Subject": "1-S2", "Note": "b"}],
        ),
        "s:Elsewhere": T(columns=["Secret"], rows=[{"RID": "1-E1", "Secret": "x"}]),
        **more,
    }


def term(rid: str, name: str) -> dict[str, Any]:
    return {"RID": rid, "ID": name, "URI": f"/id/{name}", "Name": name, "Description": "", "Synonyms": None}


def annotate(box: SandboxProcess, catalog: str, where: str, tag: str, value: Any) -> None:
    with Peer(box) as peer:
        peer.ask("PUT", f"/ermrest/catalog/{catalog}/{where}annotation/{escape(tag)}", value)


async def cloned(box: SandboxProcess, catalog: str, folder: Path, **request: Any):
    """The result, and the clone's schema and rows."""
    result = await clone(request_of(box, catalog, ROOT, **request), folder)
    async with session_of(box) as session:
        model, rows = await contents(session, result.catalog_id)
    return result, model, rows


async def made(box: SandboxProcess, tables: dict[str, T]) -> str:
    async with session_of(box) as session:
        return await make_source(session, tables)


# -- what is copied -------------------------------------------------------------------------------------------------


async def test_f1_nothing_that_is_not_reached_is_copied(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    catalog = await made(empty_sandbox, study())
    result, _, rows = await cloned(empty_sandbox, catalog, tmp_path)
    assert {name: set(found) for name, found in rows.items()} == {
        "s:Study": {ROOT},
        "s:Subject": {"1-S1"},
        "s:Observation": {"1-01"},
        "s:Species": {"1-V1", "1-V2"},  # a vocabulary comes whole
    }
    assert result.verified


def export_annotation(*paths: str) -> dict[str, Any]:
    outputs = [
        {"source": {"api": "entity", "path": path}, "destination": {"name": f"n{n}", "type": "csv"}}
        for n, path in enumerate(paths)
    ]
    return {"detailed": {"templates": [{"displayname": "BDBag", "type": "BAG", "outputs": outputs}]}}


async def test_f2_fragments_aliases_joins_and_filters_of_the_annotation_are_understood(
    empty_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    catalog = await made(empty_sandbox, study())
    where = "schema/s/table/Study/"
    fragment = {"source": {"api": "entity", "path": "(RID)=(s:Subject:Study)/O:=s:Observation/Note=a"},
                "destination": {"name": "o", "type": "csv"}}  # fmt: skip
    annotate(empty_sandbox, catalog, where, FRAGMENTS, {"observations": fragment})
    templates = {"templates": [{"displayname": "B", "type": "BAG", "outputs": [{"fragment_key": "observations"}]}]}
    annotate(empty_sandbox, catalog, where, EXPORT, {"detailed": templates, "compact": "detailed"})
    chosen = Selection(by_annotation=True)
    result, model, rows = await cloned(empty_sandbox, catalog, tmp_path, selection=chosen)
    assert {name: set(found) for name, found in rows.items()} == {
        "s:Study": {ROOT},
        "s:Subject": {"1-S1"},
        "s:Observation": {"1-01"},
        "s:Species": {"1-V1", "1-V2"},
    }
    assert keys_of(model) == {"s:Subject_0_fkey", "s:Subject_1_fkey", "s:Observation_0_fkey"}
    assert result.verified


async def test_f4_rows_of_all_paths_of_the_annotation_are_taken(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    tables = study()
    tables["s:Picture"] = T(
        columns=["Subject", "Study"],
        refs=[ref("Subject", "s:Subject"), ref("Study", "s:Study")],
        rows=[{"RID": "1-P1", "Subject": "1-S1", "Study": None}, {"RID": "1-P2", "Subject": None, "Study": ROOT},
              {"RID": "1-P3", "Subject": "1-S2", "Study": None}],
    )  # fmt: skip
    catalog = await made(empty_sandbox, tables)
    paths = ("s:Subject/s:Picture", "(RID)=(s:Picture:Study)")
    annotate(empty_sandbox, catalog, "schema/s/table/Study/", EXPORT, export_annotation(*paths))
    _, _, rows = await cloned(empty_sandbox, catalog, tmp_path, selection=Selection(by_annotation=True))
    assert set(rows["s:Picture"]) == {"1-P1", "1-P2"}


async def test_f7_associations_with_vocabularies_are_taken(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    tables = study()
    tables["s:Study_Species"] = T(
        columns=["Study", "Species"],
        keys=[["Study", "Species"]],
        refs=[ref("Study", "s:Study"), ref("Species", "s:Species", "Name")],
        rows=[
            {"RID": "1-A1", "Study": ROOT, "Species": "fish"},
            {"RID": "1-A2", "Study": "1-0THER", "Species": "fish"},
        ],
    )
    catalog = await made(empty_sandbox, tables)
    annotate(empty_sandbox, catalog, "schema/s/table/Study/", EXPORT, export_annotation("s:Subject"))
    for chosen in (Selection(), Selection(by_annotation=True)):
        _, _, rows = await cloned(empty_sandbox, catalog, tmp_path, selection=chosen)
        assert set(rows["s:Study_Species"]) == {"1-A1"}


async def test_f6_a_source_that_changes_meanwhile_is_copied_as_it_was(
    slow_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    catalog = await made(slow_sandbox, study())

    async def edit() -> None:
        async with session_of(slow_sandbox) as session:
            path = f"/ermrest/catalog/{catalog}/entity/s:Observation"
            for n in range(40):
                row = {"Subject": "1-S1", "Note": f"new {n}"}
                await session.request("POST", f"{path}?defaults=RID", json=[row])
                if n == 1:
                    await session.request("DELETE", f"{path}/Note=a")

    editing = asyncio.create_task(edit())
    await asyncio.sleep(0.3)
    async with session_of(slow_sandbox) as session:
        document = (await session.request("GET", f"/ermrest/catalog/{catalog}")).json()
        snapshot = document["snaptime"]
        expected = (
            await session.request("GET", f"/ermrest/catalog/{catalog}@{snapshot}/entity/s:Observation/Subject=1-S1")
        ).json()
    result, _, rows = await cloned(slow_sandbox, catalog, tmp_path, snapshot=snapshot)
    await editing
    assert result.source_snapshot == snapshot
    assert {rid: stable(row) for rid, row in rows["s:Observation"].items()} == {
        row["RID"]: stable(row) for row in expected
    }


async def test_f8_f18_what_is_left_out_stays_out_and_references_into_it_are_told(
    empty_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    catalog = await made(empty_sandbox, study())
    chosen = Selection(exclude=("s:Species",), include=("s:Elsewhere",))
    result, model, rows = await cloned(empty_sandbox, catalog, tmp_path, selection=chosen)
    assert "s:Species" not in rows
    assert rows["s:Elsewhere"] == {}, "the table, and no row that is not reached"
    assert rows["s:Subject"]["1-S1"]["Species"] == "mouse", "values stay"
    assert "s:Subject_1_fkey" not in keys_of(model)
    (told,) = [issue for issue in result.report.issues if issue.message == "FK left out"]
    assert (told.severity, told.table, told.row_count) == (Severity.WARNING, "s:Subject", 1)
    (key,) = [key for key in result.report.foreign_keys if key.state == "left-out"]
    assert (key.name, key.referenced) == ("s:Subject_1_fkey", "s:Species")
    with pytest.raises(SatchelError) as caught:
        await clone(request_of(empty_sandbox, catalog, ROOT, selection=Selection(exclude=("s:Nope",))), tmp_path)
    assert caught.value.kind is Kind.USAGE


async def test_f10_names_that_are_no_identifiers(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    tables = {
        "my-lab:A study": T(columns=['Said "so"', "é/ü?&=;:"], rows=[{"RID": ROOT, 'Said "so"': "x", "é/ü?&=;:": "y"}]),
        "my-lab:Sub ject's": T(
            columns=["The study"],
            refs=[ref("The study", "my-lab:A study")],
            rows=[{"RID": f"1-{n:04}", "The study": ROOT} for n in range(120)],
        ),
    }
    catalog = await made(empty_sandbox, tables)
    result, _, rows = await cloned(empty_sandbox, catalog, tmp_path)
    assert result.verified
    assert len(rows["my-lab:Sub ject's"]) == 120
    assert rows["my-lab:A study"][ROOT]["é/ü?&=;:"] == "y"


# -- constraints ----------------------------------------------------------------------------------------------------


async def test_f3_foreign_keys_to_what_depends_on_the_row_are_pruned_when_asked(
    empty_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    tables = study()
    tables["s:Room"] = T(columns=["Shown"], rows=[{"RID": "1-RM1", "Shown": "yes"}])
    tables["s:Observation"].columns = ["Subject", "Note", "Room"]
    tables["s:Observation"].refs = [ref("Subject", "s:Subject"), ref("Room", "s:Room")]
    tables["s:Observation"].rows[0]["Room"] = "1-RM1"
    catalog = await made(empty_sandbox, tables)
    for prune, expected in ((True, 1), (False, 0)):
        result, model, _ = await cloned(empty_sandbox, catalog, tmp_path, who="user", prune_hidden_fkeys=prune)
        assert result.fkeys_pruned == result.report.summary.fkeys_pruned == expected
        assert ("s:Observation_1_fkey" in keys_of(model)) is not prune
        assert [i.category for i in result.report.issues].count(Category.FK_PRUNED) == expected


async def test_f15_a_violation_is_told_with_rows_values_and_rids(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    tables = study()
    tables["s:Clinic"] = T(columns=["Shown"], rows=[{"RID": f"1-C{n}", "Shown": None} for n in range(3)])
    tables["s:Visit"] = T(
        columns=["Subject", "Clinic"],
        refs=[ref("Subject", "s:Subject"), ref("Clinic", "s:Clinic")],
        rows=[{"RID": f"1-V{n:02}", "Subject": "1-S1", "Clinic": f"1-C{n % 3}"} for n in range(12)],
    )
    catalog = await made(empty_sandbox, tables)
    result, _, _ = await cloned(empty_sandbox, catalog, tmp_path, who="user")
    (key,) = [key for key in result.report.foreign_keys if key.state == "failed"]
    assert (key.name, key.orphans, key.values) == ("s:Visit_1_fkey", 12, 3)
    assert key.sample_rids == tuple(f"1-V{n:02}" for n in range(10))
    (issue,) = [issue for issue in result.report.issues if issue.category is Category.FK_VIOLATION]
    assert (issue.severity, issue.row_count) == (Severity.ERROR, 12)
    assert "s:Visit_1_fkey" in str(issue.details)


async def test_f12d_no_rule_of_the_database_deletes_rows_uncounted(
    empty_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    """All deletions come before any foreign key: ON DELETE CASCADE and SET NULL find nothing to do."""
    tables = study()
    tables["s:Clinic"] = T(columns=["Shown"], rows=[{"RID": "1-C1", "Shown": None}])
    tables["s:Subject"].columns = ["Study", "Species", "Clinic"]
    tables["s:Subject"].refs = [*tables["s:Subject"].refs, ref("Clinic", "s:Clinic")]
    tables["s:Subject"].rows[0]["Clinic"] = "1-C1"
    catalog = await made(empty_sandbox, tables)
    with Peer(empty_sandbox) as peer:
        path = f"/ermrest/catalog/{catalog}/schema/s/table/Observation/foreignkey/Subject/reference/s:Subject/RID"
        peer.ask("PUT", path, {"on_delete": "CASCADE"})
    result, model, rows = await cloned(empty_sandbox, catalog, tmp_path, who="user", orphans="delete")
    assert rows["s:Subject"] == rows["s:Observation"] == {}
    assert result.orphan_rows_removed == 2
    assert {n: d.rows_removed for n, d in result.report.orphan_details.items()} == {"s:Subject": 1, "s:Observation": 1}
    (key,) = model.document["schemas"]["s"]["tables"]["Observation"]["foreign_keys"]
    assert key["on_delete"] == "CASCADE"


# -- schema, annotations, policy ------------------------------------------------------------------------------------


async def test_f19_annotations_name_nothing_that_is_not_there(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    catalog = await made(empty_sandbox, study())
    columns = {"detailed": ["RID", ["s", "Subject_0_fkey"], ["s", "Subject_1_fkey"],
                            {"source": [{"outbound": ["s", "Subject_1_fkey"]}, "Name"]}]}  # fmt: skip
    annotate(empty_sandbox, catalog, "schema/s/table/Subject/", VISIBLE, columns)
    annotate(empty_sandbox, catalog, "schema/s/table/Species/", VISIBLE_KEYS, {"*": [["s", "Subject_1_fkey"]]})
    annotate(empty_sandbox, catalog, "schema/s/table/Subject/", STATE, 1)
    result, model, _ = await cloned(empty_sandbox, catalog, tmp_path, selection=Selection(exclude=("s:Species",)))
    annotations = model.document["schemas"]["s"]["tables"]["Subject"]["annotations"]
    assert annotations == {VISIBLE: {"detailed": ["RID", ["s", "Subject_0_fkey"]]}}
    (told,) = [issue for issue in result.report.issues if "pruned" in issue.message]
    assert "Subject_1_fkey" in str(told.details)


async def test_f23_rules_that_only_owners_see_are_told_and_those_seen_are_copied(
    empty_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    tables = study()
    tables["s:Subject"].columns = ["Study", "Species", "Shown"]
    for row in tables["s:Subject"].rows:
        row["Shown"] = "yes"
    catalog = await made(empty_sandbox, tables)
    result, model, _ = await cloned(empty_sandbox, catalog, tmp_path, who="user")
    assert any("not copied" in i.message for i in result.report.issues if i.category is Category.ACCESS_DENIED)
    assert "shown" not in model.document["schemas"]["s"]["tables"]["Subject"]["acl_bindings"]
    result, model, _ = await cloned(empty_sandbox, catalog, tmp_path)
    assert "shown" in model.document["schemas"]["s"]["tables"]["Subject"]["acl_bindings"]
    with Peer(empty_sandbox) as peer:
        acls = peer.get(f"/ermrest/catalog/{result.catalog_id}")["acls"]
    assert acls["select"] == ["*"]
    result, model, _ = await cloned(empty_sandbox, catalog, tmp_path, copy_policy=False)
    with Peer(empty_sandbox) as peer:
        acls = peer.get(f"/ermrest/catalog/{result.catalog_id}")["acls"]
    assert acls["select"] != ["*"]


async def test_f24_without_annotations_assets_stay_assets_and_hints_stay(
    empty_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    tables = study()
    tables["s:File"] = T(
        columns=["Study"], refs=[ref("Study", "s:Study")], asset=True,
        rows=[{"RID": "1-F1", "Study": ROOT, "URL": "/hatrac/a", "Filename": "a", "Length": 1, "MD5": "x"}],
    )  # fmt: skip
    catalog = await made(empty_sandbox, tables)
    annotate(empty_sandbox, catalog, "schema/s/table/File/column/Filename/", INDEXING, {"btree": False})
    annotate(empty_sandbox, catalog, "schema/s/table/File/", VISIBLE, {"*": ["RID"]})
    _, model, _ = await cloned(empty_sandbox, catalog, tmp_path, copy_annotations=False)
    (table,) = [table for table in model if table.name.table == "File"]
    assert table.asset is not None
    assert table.column("Filename").annotations == {INDEXING: {"btree": False}}
    assert dict(table.annotations) == {}


# -- data -----------------------------------------------------------------------------------------------------------


def noise(length: int, seed: int = 1) -> str:
    return "".join(
        random.Random(seed).choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=length)
    )


async def long_values(box: SandboxProcess) -> str:
    """A source whose column once had no index: two values among many are too long for one, others are not."""
    tables = study()
    tables["s:Observation"].rows = [{"RID": f"1-0{n:03}", "Subject": "1-S1", "Note": f"note {n}"} for n in range(300)]
    async with session_of(box) as session:
        catalog = await make_source(session, {k: (v if k != "s:Observation" else T(columns=v.columns, refs=v.refs))
                                              for k, v in tables.items()})  # fmt: skip
        path = f"/ermrest/catalog/{catalog}"
        table = f"{path}/schema/s/table/Observation"
        await session.request("DELETE", f"{table}/column/Note")
        column = {"name": "Note", "type": {"typename": "text"}, "annotations": {INDEXING: {"btree": False}}}
        await session.request("POST", f"{table}/column", json=column)
        rows = tables["s:Observation"].rows
        rows[7]["Note"], rows[211]["Note"] = noise(5_000), noise(12_000, 2)
        rows[8]["Note"] = "compressible " * 600
        rows[9]["Note"] = noise(2_650, 3)
        await session.request("POST", f"{path}/entity/s:Observation?nondefaults=RID", json=rows)
        await session.request("DELETE", f"{table}/column/Note/annotation/{escape(INDEXING)}")
    return catalog


async def test_f25_only_what_an_index_refuses_is_cut_and_listed(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    catalog = await long_values(empty_sandbox)
    async with session_of(empty_sandbox) as session:
        _, before = await contents(session, catalog)
    result, _, rows = await cloned(empty_sandbox, catalog, tmp_path, truncate_oversized=True)
    assert result.verified
    cut = {value.rid: value for value in result.truncated_values}
    assert set(cut) == {"1-0007", "1-0211"}
    assert (cut["1-0007"].table, cut["1-0007"].column) == ("s:Observation", "Note")
    assert (cut["1-0007"].original_bytes, cut["1-0211"].original_bytes) == (5_000, 12_000)
    for rid, row in rows["s:Observation"].items():
        whole = before["s:Observation"][rid]["Note"]
        if rid not in cut:
            assert row["Note"] == whole
        else:
            assert row["Note"].endswith("...[TRUNCATED]")
            assert whole.startswith(row["Note"].removesuffix("...[TRUNCATED]"))
            assert len(row["Note"].encode()) == cut[rid].truncated_bytes <= 2_600


async def test_f25_a_clone_that_was_killed_cuts_no_value_twice(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    """Killed after a page with cut values was written, and before that was written down."""
    from satchel.core.jobs.journal import Journal
    from satchel.core.jobs.run import run_job
    from satchel.core.paths import Home

    catalog = await long_values(empty_sandbox)
    request = request_of(empty_sandbox, catalog, ROOT, truncate_oversized=True)
    home = Home.under(tmp_path)

    class KilledError(Exception):
        pass

    def kill(event: Any) -> None:
        if getattr(event, "stage", "") == "orphans":
            raise KilledError

    with pytest.raises(SatchelError):
        await run_job(request, home, kill)
    journal = Journal(home)
    (job,) = journal.jobs()
    assert len(journal.kept(job.id)["truncated"]) == 2
    journal.keep(job.id, "copied/s:Observation", None)
    journal.close()
    _, result = await run_job(None, home, resume=job.id)
    assert result.verified
    assert {value.rid for value in result.truncated_values} == {"1-0007", "1-0211"}


async def test_f25_an_index_that_cannot_hold_its_column_is_left_out(
    empty_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    catalog = await long_values(empty_sandbox)
    async with session_of(empty_sandbox) as session:
        _, before = await contents(session, catalog)
    forecast = await foresee(request_of(empty_sandbox, catalog, ROOT), tmp_path)
    (told,) = forecast.oversized
    assert (told.table, told.column, told.longest) == ("s:Observation", "Note", 12_000)
    assert {"1-0007", "1-0211"} <= set(told.sample_rids)
    result, model, rows = await cloned(empty_sandbox, catalog, tmp_path)
    assert result.verified
    assert result.truncated_values == ()
    assert {r: stable(row) for r, row in rows["s:Observation"].items()} == {
        r: stable(row) for r, row in before["s:Observation"].items()
    }
    (column,) = [
        c for c in model.document["schemas"]["s"]["tables"]["Observation"]["column_definitions"] if c["name"] == "Note"
    ]
    assert column["annotations"][INDEXING] == {"btree": False}
    assert any(issue.category is Category.INDEX_REBUILT for issue in result.report.issues)


async def test_f26_relative_addresses_lead_to_the_source_from_another_server(
    empty_sandbox: SandboxProcess, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    tables = study()
    url = "/hatrac/a%20b:VERS"
    tables["s:File"] = T(
        columns=["Study"], refs=[ref("Study", "s:Study")], asset=True,
        rows=[{"RID": "1-F1", "Study": ROOT, "URL": url}, {"RID": "1-F2", "Study": ROOT, "URL": "https://x.org/y"},
              {"RID": "1-F3", "Study": ROOT, "URL": None}],
    )  # fmt: skip
    catalog = await made(empty_sandbox, tables)
    result = await clone(request_of(empty_sandbox, catalog, ROOT, sandbox), tmp_path)
    assert result.verified
    async with session_of(sandbox) as session:
        _, rows = await contents(session, result.catalog_id)
    assert {rid: row["URL"] for rid, row in rows["s:File"].items()} == {
        "1-F1": f"https://{empty_sandbox.host}{url}",
        "1-F2": "https://x.org/y",
        "1-F3": None,
    }
    _, _, rows = await cloned(empty_sandbox, catalog, tmp_path)
    assert rows["s:File"]["1-F1"]["URL"] == url, "within one server it stays right as it is"


# -- where it goes --------------------------------------------------------------------------------------------------


async def test_a_catalog_that_is_there_must_be_empty_and_owned(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    catalog = await made(empty_sandbox, study())
    with Peer(empty_sandbox) as peer:
        empty = str(peer.ask("POST", "/ermrest/catalog", {})["id"])
    with pytest.raises(SatchelError) as caught:
        await clone(request_of(empty_sandbox, catalog, ROOT, to_catalog=catalog), tmp_path)
    assert "not empty" in caught.value.message
    forecast = await foresee(request_of(empty_sandbox, catalog, ROOT, to_catalog=catalog), tmp_path)
    assert not forecast.possible
    result, _, rows = await cloned(empty_sandbox, catalog, tmp_path, to_catalog=empty)
    assert (result.catalog_id, set(rows["s:Subject"])) == (empty, {"1-S1"})


async def test_who_may_not_create_catalogs_is_told_whom_to_ask(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    import msgspec

    catalog = await made(empty_sandbox, study())
    request = request_of(empty_sandbox, catalog, ROOT)
    request = msgspec.structs.replace(request, access=request.dest_access, dest_access=None)
    nobody = msgspec.structs.replace(request.access, credential=empty_sandbox.credential_user)
    request = msgspec.structs.replace(request, access=nobody)
    forecast = await foresee(request, tmp_path)
    (told,) = [right for right in forecast.rights if right.fatal]
    assert (told.side, told.code) == ("destination", "may-not-create")
    assert "administrator" in told.hint
    with pytest.raises(SatchelError) as caught:
        await clone(request, tmp_path)
    assert caught.value.kind is Kind.NOT_ALLOWED


async def test_values_of_all_kinds_are_the_same_to_the_byte(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    """Nulls of SQL and of JSON, empty texts, long numbers, times, arrays: as CSV, which tells all of them apart."""
    plain = {"Int": "int8", "Float": "float8", "Num": "numeric", "Day": "date", "When": "timestamptz",
             "Yes": "boolean", "Texts": "text[]", "Text": "markdown"}  # fmt: skip
    kinds = {"Plain": plain, "Vague": {**plain, "Json": "jsonb", "Old": "json"}}
    rows: list[dict[str, Any]] = [
        {"Int": 9_007_199_254_740_993, "Float": 0.1 + 0.2, "Num": 1.5, "Day": "2024-02-29", "Yes": False,
         "When": "2001-02-03T04:05:06.789012+02:00", "Json": {"b": [1, None], "a": "ü\n"}, "Old": {"b": 1, "a": 2},
         "Texts": ["a,b", 'c"d', "", None], "Text": 'a,"b"\nc\\d\te'},
        {"Text": "", "Texts": []},
        {"Float": 1e300, "Json": None},
    ]  # fmt: skip
    tables = {"s:Root": T(rows=[{"RID": ROOT}])}
    tables.update({f"s:{name}": T(columns=["Root"], refs=[ref("Root", "s:Root")]) for name in kinds})
    catalog = await made(empty_sandbox, tables)
    path = f"/ermrest/catalog/{catalog}"
    with Peer(empty_sandbox) as peer:
        for number, (table, columns) in enumerate(kinds.items()):
            for name, kind in columns.items():
                base = kind.removesuffix("[]")
                array = {"is_array": True, "base_type": {"typename": base}} if base != kind else {}
                column = {"name": name, "type": {"typename": kind, **array}, "nullok": True}
                peer.ask("POST", f"{path}/schema/s/table/{table}/column", column)
            given = [
                {"RID": f"1-{number}{n:03}", "Root": ROOT, **{c: v for c, v in row.items() if c in columns}}
                for n, row in enumerate(rows)
            ]
            peer.ask("POST", f"{path}/entity/s:{table}?nondefaults=RID", given)
        # A null of SQL's in a column of JSON values cannot be written as JSON.
        names = ["RID", "Root", *kinds["Vague"]]
        record = ",".join(names) + f"\n1-SQL,{ROOT}," + "," * (len(names) - 3) + "\n"
        csv = {"Content-Type": "text/csv"}
        peer.ask("POST", f"{path}/entity/s:Vague?nondefaults=RID", record, headers=csv)
        result = await clone(request_of(empty_sandbox, catalog, ROOT), tmp_path)
        assert result.verified
        there = f"/ermrest/catalog/{result.catalog_id}"
        for table, columns in kinds.items():
            wanted = f"attribute/s:{table}/RID,RCT,RCB,Root,{','.join(columns)}@sort(RID)"
            answers = [peer.send("GET", f"{here}/{wanted}", headers={"Accept": "text/csv"}) for here in (path, there)]
            assert answers[0].content == answers[1].content
            assert answers[0].content.count(b"\n") >= 4
