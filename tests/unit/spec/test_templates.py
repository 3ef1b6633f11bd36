"""Export annotations become the templates and specs that Chaise makes of them (ermrestjs, js/export.js)."""

from __future__ import annotations

from typing import Any

import pytest

from satchel.core.deriva.model import Model
from satchel.core.deriva.model_reader import read_model
from satchel.core.deriva.names import TableName
from satchel.core.export.errors import ConfigurationError
from satchel.core.export.spec.chaise import candidate, file_name
from satchel.core.export.spec.templates import (
    EXPORT,
    EXPORT_CONTEXTED,
    FRAGMENTS,
    Template,
    Templates,
    make_spec,
    pick,
    templates_of,
)

ASSET = "tag:isrd.isi.edu,2017:asset"
SYSTEM = ("RID", "RCT", "RMT", "RCB", "RMB")


def column(name: str, **annotations: Any) -> dict[str, Any]:
    return {"name": name, "type": {"typename": "text"}, "nullok": name != "RID", "annotations": annotations}


def key(schema: str, name: str, own: str, other: str, theirs: str = "RID", **annotations: Any) -> dict[str, Any]:
    goal = TableName.parse(other)
    return {
        "names": [[schema, name]],
        "foreign_key_columns": [{"schema_name": schema, "table_name": "", "column_name": own}],
        "referenced_columns": [{"schema_name": goal.schema, "table_name": goal.table, "column_name": theirs}],
        "annotations": annotations,
    }


def table(
    name: str, columns: list[dict[str, Any]], *keys: dict[str, Any], unique: Any = (), **notes: Any
) -> dict[str, Any]:
    for one in keys:
        for own in one["foreign_key_columns"]:
            own["table_name"] = name
    return {
        "schema_name": "s",
        "table_name": name,
        "kind": "table",
        "column_definitions": [*(column(c) for c in SYSTEM), *columns],
        "keys": [{"unique_columns": ["RID"]}, *({"unique_columns": list(u)} for u in unique)],
        "foreign_keys": list(keys),
        "annotations": notes.get("annotations", {}),
    }


def catalog(
    annotations: dict[str, Any] | None = None, schema: dict[str, Any] | None = None, **more: dict[str, Any]
) -> Model:
    """Subject, with Visits and Images that refer to it, and Tags by a bare association."""
    asset = {"filename_column": "Filename", "byte_count_column": "Length", "md5": "MD5"}
    tables = [
        table("Subject", [column("Code"), column("Name")], annotations=annotations or {}),
        table("Visit", [column("Subject"), column("Day")], key("s", "Visit_Subject_fkey", "Subject", "s:Subject")),
        table(
            "Image",
            [column("URL", **{ASSET: asset}), column("Filename"), column("Length"), column("MD5"), column("Of")],
            key("s", "Image_Of_fkey", "Of", "s:Subject"),
        ),
        table("Tag", [column("Term")]),
        table(
            "Subject_Tag",
            [column("Subject"), column("Tag")],
            key("s", "ST_Subject_fkey", "Subject", "s:Subject"),
            key("s", "ST_Tag_fkey", "Tag", "s:Tag"),
            unique=[("Subject", "Tag")],
        ),
    ]
    for one in tables:
        one["annotations"].update(more.get(one["table_name"], {}))
    documents = {"s": {"schema_name": "s", "tables": {t["table_name"]: t for t in tables}, "annotations": schema or {}}}
    return read_model({"schemas": documents, "annotations": {}}, "host")


def output(path: str = "x", kind: str = "csv", name: str = "n", api: Any = "entity", **more: Any) -> dict[str, Any]:
    return {"source": {"api": api, "path": path, **more}, "destination": {"name": name, "type": kind}}


def template(name: str = "T", *outputs: Any, **more: Any) -> dict[str, Any]:
    return {"displayname": name, "type": "BAG", "outputs": list(outputs) or [output()], **more}


SUBJECT = TableName("s", "Subject")


def offered(model: Model, catalog_notes: dict[str, Any] | None = None, context: str = "detailed") -> Templates:
    return templates_of(model, catalog_notes or {}, model.tables[SUBJECT], context)


def names(found: Templates) -> list[str]:
    return [t.name for t in found.templates]


# -- which annotation --------------------------------------------------------------------------------------------


def one(name: str) -> dict[str, Any]:
    return {"templates": [template(name)]}


@pytest.mark.parametrize(
    ("on_table", "on_schema", "on_catalog", "context", "expected"),
    [
        ({EXPORT: one("old")}, {}, {}, "detailed", ["old"]),
        ({EXPORT: one("old")}, {}, {}, "compact", ["old"]),
        ({EXPORT_CONTEXTED: {"*": one("any")}}, {}, {}, "compact", ["any"]),
        ({EXPORT: one("old"), EXPORT_CONTEXTED: {"*": one("new")}}, {}, {}, "detailed", ["new"]),
        ({EXPORT: one("old"), EXPORT_CONTEXTED: {"detailed": one("new")}}, {}, {}, "compact", ["old"]),
        ({EXPORT_CONTEXTED: {"compact": one("c"), "detailed": one("d")}}, {}, {}, "detailed", ["d"]),
        ({EXPORT_CONTEXTED: {"compact": one("c")}}, {}, {}, "compact/brief", ["c"]),
        ({EXPORT_CONTEXTED: {"detailed": "compact", "compact": one("c")}}, {}, {}, "detailed", ["c"]),
        ({EXPORT_CONTEXTED: {"detailed": None}}, {EXPORT: one("s")}, {}, "detailed", []),
        ({EXPORT_CONTEXTED: {"compact": one("t")}}, {EXPORT_CONTEXTED: {"detailed": one("s")}}, {}, "detailed", ["s"]),
        ({EXPORT_CONTEXTED: {"compact": one("t")}}, {}, {EXPORT_CONTEXTED: {"*": one("c")}}, "detailed", ["c"]),
        ({}, {EXPORT: one("s")}, {EXPORT: one("c")}, "detailed", ["s"]),
        ({}, {}, {}, "detailed", ["BDBag"]),
        ({}, {}, {}, "compact", []),
        ({EXPORT_CONTEXTED: {"compact": one("t")}}, {}, {}, "detailed", ["BDBag"]),
    ],
)
def test_the_first_level_that_defines_the_context_counts(
    on_table: Any, on_schema: Any, on_catalog: Any, context: str, expected: list[str]
) -> None:
    assert names(offered(catalog(on_table, on_schema), on_catalog, context)) == expected


# -- fragments ---------------------------------------------------------------------------------------------------


def fragment(key: str) -> dict[str, str]:
    return {"fragment_key": key}


def test_fragments_are_put_in_and_strung_together_inside_lists() -> None:
    notes = {
        EXPORT_CONTEXTED: {
            "*": {"templates": [{**template(), "outputs": [output("a"), fragment("two"), output("d")]}]}
        },
        FRAGMENTS: {"two": [output("b"), output("c")]},
    }
    (found,) = offered(catalog(notes)).templates
    assert [o["source"]["path"] for o in found.document["outputs"]] == ["a", "b", "c", "d"]


def test_the_nearer_level_wins_and_the_others_fill_up() -> None:
    notes = {
        EXPORT_CONTEXTED: {
            "*": {"templates": [{**template(), "outputs": [fragment("a"), fragment("b"), fragment("c")]}]}
        },
        FRAGMENTS: {"a": output("table")},
    }
    model = catalog(notes, {FRAGMENTS: {"a": output("schema"), "b": output("schema")}})
    (found,) = offered(model, {FRAGMENTS: {k: output("catalog") for k in "abc"}}).templates
    assert [o["source"]["path"] for o in found.document["outputs"]] == ["table", "schema", "catalog"]


@pytest.mark.parametrize(
    ("fragments", "why"),
    [
        ({"a": [fragment("b")], "b": [fragment("a")]}, "contains itself"),
        ({"a": [fragment("a")]}, "contains itself"),
        ({"a": [fragment("none")]}, "there is no fragment none"),
        ({"$a": [output()], "a": [fragment("$a")]}, "there is no fragment $a"),
    ],
)
def test_a_cycle_or_an_unknown_fragment_drops_that_template_alone(fragments: Any, why: str) -> None:
    both = [template("bad", fragment("a")), template("good")]
    found = offered(catalog({EXPORT_CONTEXTED: {"*": {"templates": both}}, FRAGMENTS: fragments}))
    assert names(found) == ["good"]
    assert found.dropped == (f"Template 'bad' is left out: {found.dropped[0].split(': ', 1)[1]}",)
    assert why in found.dropped[0]


def test_a_fragment_may_be_used_twice() -> None:
    notes = {EXPORT: {"templates": [template("t", fragment("a"), fragment("a"))]}, FRAGMENTS: {"a": output()}}
    (found,) = offered(catalog(notes)).templates
    assert len(found.document["outputs"]) == 2


def test_a_whole_template_and_chaises_own_parts_are_fragments() -> None:
    notes = {EXPORT: {"templates": [fragment("$chaise_default_bdbag_template"), fragment("mine")]}, FRAGMENTS: {
        "mine": template("mine", fragment("$chaise_default_bdbag_outputs"), output("more")),
    }}  # fmt: skip
    default, mine = offered(catalog(notes)).templates
    assert default.name == "BDBag"
    assert [*default.document["outputs"], output("more")] == mine.document["outputs"]


@pytest.mark.parametrize(
    "bad",
    [
        "a text",
        {"type": "BAG", "outputs": [output()]},
        {"displayname": "x", "outputs": [output()]},
        template(type="ZIP"),
        {**template(), "outputs": []},
        {**template(), "outputs": {}},
        template("x", {"source": {"api": "entity"}}),
        template("x", {"source": {}, "destination": {"type": "csv"}}),
        template("x", {"source": {"api": "entity"}, "destination": {"name": "x"}}),
        template("x", "text"),
    ],
)
def test_what_chaise_does_not_offer_is_left_out_and_told(bad: Any) -> None:
    found = offered(catalog({EXPORT: {"templates": [bad, template("good")]}}))
    assert names(found) == ["good"]
    assert len(found.dropped) == 1


# -- specs -------------------------------------------------------------------------------------------------------


def made(document: dict[str, Any], rid: str | None = "1-AB") -> dict[str, Any]:
    model = catalog()
    chosen = Template(document["displayname"], document["type"], document, "table")
    return make_spec(chosen, "www.example.org", "7", model.tables[SUBJECT], rid).spec


def queries(document: dict[str, Any], rid: str | None = "1-AB") -> list[str]:
    return [q["processor_params"]["query_path"] for q in made(document, rid)["catalog"]["query_processors"]]


ROOT = "M:=s:Subject/RID=1-AB"


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ({"api": "entity"}, f"/entity/{ROOT}?limit=none"),
        ({"api": "entity", "path": "/(RID)=(s:Visit:Subject)/"}, f"/entity/{ROOT}/(RID)=(s:Visit:Subject)?limit=none"),
        ({"api": "entity", "path": "s:Visit", "skip_root_path": True}, "/entity/s:Visit?limit=none"),
        ({"api": "attribute", "path": "Code?limit=5"}, f"/attribute/{ROOT}/Code?limit=5"),
        ({"api": "attribute", "path": "Code?a=1&limit=5"}, f"/attribute/{ROOT}/Code?a=1&limit=5"),
        ({"api": "attribute", "path": "Code?a=1"}, f"/attribute/{ROOT}/Code?a=1&limit=none"),
        ({"api": "aggregate", "path": "n:=cnt(*)", "skip_limit": True}, f"/aggregate/{ROOT}/n:=cnt(*)"),
        ({"api": False, "path": "schema", "skip_root_path": True}, "/schema"),
        ({"api": False, "path": "entity/s:Tag", "skip_root_path": True}, "/entity/s:Tag?limit=none"),
        (
            {"api": "entity", "path": "Code::regexp::%5Ba%5D{2}"},
            f"/entity/{ROOT}/Code::regexp::%5Ba%5D{{{{2}}}}?limit=none",
        ),
    ],
)
def test_paths_are_put_together_as_chaise_does(source: dict[str, Any], path: str) -> None:
    assert queries(template("t", {"source": source, "destination": {"type": "csv", "name": "x"}})) == [path]


def test_placeholders_stay_where_the_template_finds_their_values() -> None:
    outputs = [output("Code", "env", "e", "attribute"), output("Code={Code}", "csv", "{Code}/x")]
    assert queries(template("t", *outputs))[1] == f"/entity/{ROOT}/Code={{Code}}?limit=none"


def test_all_rows_of_a_table_have_no_filter() -> None:
    assert queries(template("t", output("Code", api="attribute")), None) == ["/attribute/M:=s:Subject/Code?limit=none"]


def test_the_rest_of_a_spec() -> None:
    document = template(
        "t",
        {
            "source": {"api": "entity"},
            "destination": {"type": "fetch", "name": "a/b", "impl": "my.Class", "params": {"output_filename": "f"}},
        },
        {"source": {"api": "entity"}, "destination": {"type": "json"}},
        transforms=[{"processor": "cat"}],
        postprocessors=[{"processor": "identifier"}],
        public=True,
        bag_archiver="tgz",
        bag_idempotent=True,
    )
    assert made(document) == {
        "bag": {
            "bag_name": "Subject_1-AB",
            "bag_algorithms": ["md5"],
            "bag_archiver": "tgz",
            "bag_metadata": {},
            "bag_idempotent": True,
        },
        "catalog": {
            "host": "https://www.example.org",
            "catalog_id": "7",
            "query_processors": [
                {
                    "processor": "fetch",
                    "processor_type": "my.Class",
                    "processor_params": {
                        "query_path": f"/entity/{ROOT}?limit=none",
                        "output_path": "a/b",
                        "output_filename": "f",
                    },
                },
                {
                    "processor": "json",
                    "processor_params": {"query_path": f"/entity/{ROOT}?limit=none", "output_path": "Subject"},
                },
            ],
        },
        "transform_processors": [{"processor": "cat"}],
        "post_processors": [{"processor": "identifier"}],
        "public": True,
    }


def test_a_file_template_makes_no_bag() -> None:
    assert "bag" not in made({**template(), "type": "FILE"})


def test_outputs_that_chaise_would_leave_out_are_in_and_told() -> None:
    model = catalog()
    document = template("t", output("Code=" + "x" * 4000, name="long"), output("Code=1", name="short"))
    found = make_spec(Template("t", "BAG", document, "table"), "h", "1", model.tables[SUBJECT], "1-AB")
    assert found.long == ("long",)
    assert len(found.spec["catalog"]["query_processors"]) == 2


# -- the default -------------------------------------------------------------------------------------------------


def default(model: Model) -> list[tuple[str, str, str]]:
    (found,) = offered(model).templates
    assert found.where == "default"
    return [
        (o["destination"]["type"], o["destination"]["name"], o["source"]["path"]) for o in found.document["outputs"]
    ]


def test_the_default_has_the_record_what_is_related_and_all_assets() -> None:
    assert default(catalog()) == [
        ("csv", "Subject", "RID;RCT,RMT,RCB,RMB,Code,Name"),
        (
            "csv",
            "Image",
            "R:=(RID)=(s:Image:Of)/F1:=left(Of)=(s:Subject:RID)/$R/RID;"
            "RCT,RMT,RCB,RMB,URL,Filename,Length,MD5,Of,Subject.Name:=F1:Name",
        ),
        (
            "fetch",
            "assets/Image/URL",
            "R:=(RID)=(s:Image:Of)/!(URL::null::)/url:=URL,length:=Length,filename:=Filename,md5:=MD5",
        ),
        (
            "csv",
            "Subject_Tag",
            "(RID)=(s:Subject_Tag:Subject)/R:=(Tag)=(s:Tag:RID)/RID,Subject.RID:=M:RID;RCT,RMT,RCB,RMB,Term",
        ),
        (
            "csv",
            "Visit",
            "R:=(RID)=(s:Visit:Subject)/F1:=left(Subject)=(s:Subject:RID)/$R/RID;"
            "RCT,RMT,RCB,RMB,Subject,Subject.Name:=F1:Name,Day",
        ),
    ]


def test_visible_columns_and_foreign_keys_are_heeded() -> None:
    columns = "tag:isrd.isi.edu,2016:visible-columns"
    keys = "tag:isrd.isi.edu,2016:visible-foreign-keys"
    model = catalog(
        {
            columns: {"detailed": ["Name", "nope"], "export/detailed": ["Code", "Name"], "compact": ["RID"]},
            keys: {"*": [["s", "Visit_Subject_fkey"]]},
        },
        Visit={
            columns: {"*": ["Day", ["s", "Visit_Subject_fkey"]]},
            "tag:misd.isi.edu,2015:display": {"name": "Visits: all"},
        },
    )
    assert default(model) == [
        ("csv", "Subject", "RID;Code,Name"),
        (
            "csv",
            "Visits_ all",
            "R:=(RID)=(s:Visit:Subject)/F1:=left(Subject)=(s:Subject:RID)/$R/RID;Day,Subject,Subject.Name:=F1:Name",
        ),
    ]


def test_sources_are_followed() -> None:
    keys = "tag:isrd.isi.edu,2016:visible-foreign-keys"
    through = [{"inbound": ["s", "ST_Subject_fkey"]}, {"outbound": ["s", "ST_Tag_fkey"]}, "RID"]
    model = catalog({keys: {"detailed": [{"source": through, "markdown_name": "Tags"}]}})
    assert default(model)[1][:2] == ("csv", "Tags")
    assert default(model)[1][2].startswith("(RID)=(s:Subject_Tag:Subject)/R:=(Tag)=(s:Tag:RID)/RID,Subject.RID:=M:RID;")


def test_names_as_ermrestjs_makes_them() -> None:
    assert file_name('a/b:c"d') == "a_b_c_d"
    assert file_name("con") == "_"
    assert file_name("x. ") == "x_"
    assert candidate(["RID", "Accession Number", "na_me"]) == "na_me"
    assert candidate(["RID", "Value"]) is None


# -- choosing ----------------------------------------------------------------------------------------------------


def test_a_template_is_chosen_by_name_or_number() -> None:
    found = offered(catalog({EXPORT: {"templates": [template("One"), template("2"), template("Three")]}}))
    assert pick(found, None, "s:Subject").name == "One"
    assert pick(found, "three", "s:Subject").name == "Three"
    assert pick(found, "2", "s:Subject").name == "2"
    assert pick(found, "3", "s:Subject").name == "Three"
    with pytest.raises(ConfigurationError, match="no template 'Four'") as caught:
        pick(found, "Four", "s:Subject")
    assert "1 One, 2 2, 3 Three" in caught.value.hint
