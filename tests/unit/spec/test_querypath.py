"""Paths that a real server has answered are understood, and none of their names is called unknown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from satchel.core.deriva.model import Model
from satchel.core.deriva.model_reader import read_model
from satchel.core.export.spec.lint_model import check_path
from satchel.core.export.spec.querypath import PathError, parse

RECORDED: list[str] = json.loads((Path(__file__).parent / "recorded_paths.json").read_text())
TABLES = {
    "Subject": ["Name", "Age", "Weight", "Born", "Tags", "Meta", "Alive", "Species"],
    "Visit": ["Subject", "Site", "Room", "Note", "When"],
    "Species": ["Name"],
    "Site Room": ["Site", "Room", "Full Name"],
    "Subject_Image": ["Subject", "Image"],
    "Image": ["URL", "Filename", "Length", "MD5"],
}


def model() -> Model:
    tables = {
        name: {
            "schema_name": "eye",
            "table_name": name,
            "kind": "table",
            "column_definitions": [
                {"name": c, "type": {"typename": "text"}, "nullok": True, "annotations": {}}
                for c in ("RID", "RCT", "RMT", "RCB", "RMB", *columns)
            ],
            "keys": [{"unique_columns": ["RID"]}],
            "foreign_keys": [],
            "annotations": {},
        }
        for name, columns in TABLES.items()
    }
    return read_model({"schemas": {"eye": {"schema_name": "eye", "tables": tables, "annotations": {}}}}, "host")


@pytest.mark.parametrize("path", RECORDED)
def test_what_a_server_answers_is_no_fault(path: str) -> None:
    assert list(check_path(model(), parse(path))) == []


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("entity/eye:Subject", "slash"),
        ("/entities/eye:Subject", "no api"),
        ("/entity/", "no table"),
        ("/entity/eye:Subject//eye:Visit", "two slashes"),
        ("/attribute/eye:Subject", "columns"),
        ("/entity/Name=1", "no table"),
        ("/entity/eye:Subject/(A,B)=(eye:Visit:C)", "links 2 columns to 1"),
        ("/entity/eye:Subject@order(Name)", "no sort"),
    ],
)
def test_what_makes_no_sense_is_told(path: str, why: str) -> None:
    with pytest.raises(PathError, match=why):
        parse(path)


def test_parts_of_a_path() -> None:
    found = parse(
        "/attribute/S:=eye:Subject/Age::gt::7/V:=(S:RID)=(eye:Visit:Subject)/S:Name,n:=V:Note@sort(n)?limit=5"
    )
    assert [e.kind for e in found.elements] == ["table", "filter", "link"]
    assert found.elements[2].table == ("eye", "Visit")
    assert [(p.name, p.column, p.alias) for p in found.projection] == [("Name", "Name", "S"), ("n", "Note", "V")]
    assert (found.sort, found.limit) == (("n",), 5)
    assert found.base == "S:=eye:Subject/Age::gt::7/V:=(S:RID)=(eye:Visit:Subject)"
