"""What a bag says of itself: the same for everybody, in words that can be read back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from catalog_maker import T, gathered_of, schema_document
from satchel.core.bags.names import LONGEST
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach import solve
from satchel.core.export.naming import asset_folders, bag_name, record_paths, target
from satchel.core.export.report import bag_info, impersonal, problems_json, schema_json
from satchel.core.export.request import AssetProblem, ExportRequest, Offers

WHEN = datetime(2026, 11, 21, 3, 4, 5, 678901, UTC)
ROOT = TableName("eye", "Study")
PROBLEM = AssetProblem(table="eye:Image", rid="3-A", url="/hatrac/a", reason="missing", message="It is gone.")


def request(**other: Any) -> ExportRequest:
    known = {"host": "example.org", "catalog": "1", "rid": "1-A", "out": "/home/ada/bags"}
    return ExportRequest(**{**known, **other})


def info(folder: Path, tables: dict[str, T], asked: ExportRequest, *problems: AssetProblem) -> list[tuple[str, str]]:
    gathered = gathered_of(tables, str(ROOT), "1-A", asked.offers, folder / "reach.sqlite")
    try:
        with solve(gathered, asked.offers) as found:
            return list(bag_info(asked, "361-FHRB-PTNM", WHEN, ROOT, found, ["md5"], problems))
    finally:
        gathered.close()


def study() -> dict[str, T]:
    to_study = [(("Study",), "eye:Study", ("RID",))]
    return {
        "eye:Study": T(rows=[{"RID": "1-A"}]),
        "eye:Image": T(
            columns=["Study"],
            asset=True,
            refs=to_study,
            rows=[{"RID": "3-A", "Study": "1-A", "URL": "/a", "Length": 7}],
        ),
        "eye:Note": T(columns=["Study"], refs=to_study, rows=[{"RID": "4-A", "Study": "1-A"}]),
        "eye:Secret": T(columns=["Study"], refs=to_study, select=False),
    }


def test_a_bag_says_where_it_is_from_and_what_it_lacks(tmp_path: Path) -> None:
    asked = request(offers=Offers(exclude=("eye:Note",)), algorithms=("md5", "sha256"))
    said = dict(info(tmp_path, study(), asked, PROBLEM))
    assert said["External-Identifier"] == "https://example.org/id/1/1-A@361-FHRB-PTNM"
    assert (said["Source-Host"], said["Source-Catalog"], said["Source-Snapshot"]) == (
        "example.org",
        "1",
        "361-FHRB-PTNM",
    )
    assert (said["Root-Table"], said["Root-RID"]) == ("eye:Study", "1-A")
    assert (said["Bagging-Date"], said["Source-Snapshot-Time"]) == ("2026-11-21", "2026-11-21T03:04:05.678901+00:00")
    assert (said["Row-Count"], said["Asset-Count"], said["Table-Count"]) == ("2", "1", "2")
    assert said["Left-Out-Table"] == "eye:Note"
    assert said["Hidden-Table"] == "eye:Secret"
    assert said["Dropped-Algorithm"] == "sha256"
    assert said["Incomplete"] == "1 of 1 assets are missing; satchel/problems.json lists them"


def test_a_bag_that_lacks_nothing_does_not_say_so(tmp_path: Path) -> None:
    said = dict(info(tmp_path, {"eye:Study": T(rows=[{"RID": "1-A"}])}, request(algorithms=("md5",))))
    assert not {"Incomplete", "Hidden-Table", "Left-Out-Table", "Dropped-Algorithm"} & set(said)


def test_nothing_of_the_person_or_the_machine_is_said(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    said = info(tmp_path / "a", study(), request())
    assert said == info(tmp_path / "b", study(), request(out="/elsewhere", name="other", archive="tgz"))
    assert not any("ada" in value or "/home" in value for _, value in said)


def test_the_schema_is_the_same_for_everybody() -> None:
    tables = {"eye:rights": T(columns=["acls", "rights"]), "eye:acl_bindings": T(columns=["rights"])}
    tables["eye:rights"].refs = [(("acls",), "eye:acl_bindings", ("RID",))]
    mine, theirs = schema_document(tables), schema_document(tables)
    for schema in theirs["schemas"].values():
        schema |= {"rights": {"create": True}, "acls": {"owner": ["me"]}}
        for table in schema["tables"].values():
            table |= {"rights": {"select": False}, "acls": {}, "acl_bindings": {"x": {}}}
            for part in ("column_definitions", "keys", "foreign_keys"):
                for item in table[part]:
                    item |= {"rights": {"select": False}, "acls": {"select": []}}
    theirs |= {"rights": {"owner": True}, "acls": {}}
    assert schema_json(mine) == schema_json(theirs)
    kept = json.loads(schema_json(theirs))
    assert set(kept["schemas"]["eye"]["tables"]) == {"rights", "acl_bindings"}, "tables may be called so"
    names = [c["name"] for c in kept["schemas"]["eye"]["tables"]["rights"]["column_definitions"]]
    assert names[-2:] == ["acls", "rights"]
    assert "rights" in mine["schemas"]["eye"]["tables"]["rights"], "what was given is not changed"


@pytest.mark.parametrize(
    "document", [None, [], "x", {"schemas": None}, {"schemas": {"a": None}}, {"schemas": {"a": {}}}]
)
def test_a_schema_that_is_none_is_no_crash(document: Any) -> None:
    assert impersonal(document) == document


def test_what_is_missing_is_listed_in_one_order() -> None:
    others = [PROBLEM, AssetProblem(table="eye:Image", rid="2-A", url="/x", reason="length", message="Short.")]
    assert problems_json(others) == problems_json(others[::-1])
    listed = json.loads(problems_json(others))
    assert [problem["rid"] for problem in listed] == ["2-A", "3-A"]
    assert listed[1] == {
        "table": "eye:Image",
        "rid": "3-A",
        "url": "/hatrac/a",
        "reason": "missing",
        "message": "It is gone.",
    }


def test_names_of_bags_and_files_are_safe_and_different() -> None:
    assert bag_name(request(), TableName("eye", "Study")) == "1_Study_1-A"
    assert target(request(archive="tgz"), ROOT) == Path("/home/ada/bags/1_Study_1-A.tgz")
    for name in ("../../x", "/etc/passwd", "..", "CON", "a\nb", "n" * 1000):
        found = bag_name(request(name=name), ROOT)
        assert Path(found).name == found
        assert found not in (".", "..", "CON")
        assert len(found.encode()) <= LONGEST
        assert target(request(name=name), ROOT).parent == Path("/home/ada/bags")
    tables = [TableName(*pair) for pair in (("a", "b.c"), ("a.b", "c"), ("A", "B.C"), ("a", "../x"), ("a", "é"))]
    tables += [TableName("a", "e\u0301"), TableName("a", "%2e"), TableName("", "")]
    for paths in (record_paths(tables), asset_folders(tables)):
        assert len({path.casefold() for path in paths.values()}) == len(tables)
        assert all(path.startswith("data/") and ".." not in path.split("/") for path in paths.values())
        assert paths == (record_paths if "records" in next(iter(paths.values())) else asset_folders)(tables[::-1])
