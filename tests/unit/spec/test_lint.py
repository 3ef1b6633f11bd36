"""The linter marks every fault of the broken specs, at its line, and finds none in the good ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.core.deriva.model import Model
from satchel.core.deriva.model_reader import read_model
from satchel.core.export.errors import ConfigurationError
from satchel.core.export.spec.document import JsonError, parse
from satchel.core.export.spec.lint import lint
from satchel.core.export.spec.model import read
from satchel.core.export.spec.placeholders import Env

FOLDER = Path(__file__).resolve().parents[2] / "export_specs"
BROKEN: dict[str, dict[str, object]] = json.loads((FOLDER / "broken.json").read_text())
ENV: dict[str, dict[str, str]] = json.loads((FOLDER / "env.json").read_text())
GOOD = sorted((FOLDER / "good").glob("*.json"))


def test_there_are_enough_of_both() -> None:
    assert len(BROKEN) >= 60
    assert len(GOOD) >= 40
    assert {p.stem for p in (FOLDER / "broken").glob("*.json")} == set(BROKEN)


@pytest.mark.parametrize("name", BROKEN)
def test_the_fault_is_marked_where_it_stands(name: str) -> None:
    expected = BROKEN[name]
    found = lint((FOLDER / "broken" / f"{name}.json").read_bytes())
    assert [(f.code, f.line, f.pointer) for f in found] == [(expected["code"], expected["line"], expected["pointer"])]
    (fault,) = found
    assert fault.message.endswith(".")
    assert " " in fault.message
    assert fault.column >= 1


@pytest.mark.parametrize("path", GOOD, ids=lambda p: p.stem)
def test_good_specs_have_no_fault(path: Path) -> None:
    assert lint(path.read_bytes(), ENV.get(path.stem)) == []


def refusal(document: object) -> ConfigurationError | None:
    try:
        read(document)
    except ConfigurationError as error:
        return error
    return None


def test_what_cannot_be_run_is_refused_with_a_sentence_before_anybody_is_asked() -> None:
    """Not all that the linter marks: much of it can be run, and is only not what was meant."""
    refused = {}
    for name in BROKEN:
        try:
            document = json.loads((FOLDER / "broken" / f"{name}.json").read_text())
        except ValueError:
            continue
        if (error := refusal(document)) is not None:
            refused[name] = error
    for error in refused.values():
        assert error.message.endswith(".")
        assert error.hint
        assert error.exit_status == 2
    assert {
        "no-catalog", "no-queries", "queries-not-a-list", "processor-not-an-object", "processor-without-name",
        "processor-unknown", "processor-misspelt", "params-not-an-object", "bag-not-an-object", "bag-algorithm",
        "bag-archiver", "bag-name-number", "transform-unknown", "post-unknown", "env-not-an-object",
    } <= refused.keys()  # fmt: skip


def test_a_value_that_is_given_fills_a_placeholder() -> None:
    text = (FOLDER / "broken" / "variable-missing.json").read_bytes()
    assert lint(text, {"RID": "1-0000"}) == []


def test_the_specs_own_value_wins_and_that_is_said() -> None:
    text = (FOLDER / "good" / "env-value.json").read_bytes()
    assert [f.code for f in lint(text, {"RID": "1-0000"})] == ["env-wins"]


def test_a_spec_for_another_server_is_told() -> None:
    text = (FOLDER / "good" / "chaise-server-side.json").read_bytes()
    assert lint(text, host="localhost") == []
    assert [f.code for f in lint(text, host="www.example.org")] == ["other-host"]


def _model() -> Model:
    def column(name: str) -> dict[str, object]:
        return {"name": name, "type": {"typename": "text"}, "nullok": True, "annotations": {}}

    def table(schema: str, name: str, *columns: str) -> dict[str, object]:
        return {
            "schema_name": schema,
            "table_name": name,
            "kind": "table",
            "column_definitions": [column(c) for c in ("RID", *columns)],
            "keys": [{"unique_columns": ["RID"]}],
            "foreign_keys": [],
            "annotations": {},
        }

    tables = [table("eye", "Subject", "Code", "Name"), table("eye", "Visit", "Subject", "Day"), table("lab", "Visit")]
    schemas: dict[str, dict[str, object]] = {}
    for one in tables:
        schema = schemas.setdefault(
            str(one["schema_name"]), {"schema_name": one["schema_name"], "tables": {}, "annotations": {}}
        )
        schema["tables"][one["table_name"]] = one  # type: ignore[index]
    return read_model({"schemas": schemas, "annotations": {}}, "host")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/entity/eye:Subjekt", "'eye:Subjekt'"),
        ("/entity/eyes:Subject", "schema called 'eyes'"),
        ("/entity/Visit", "several tables"),
        ("/entity/eye:Subject/code=1", "'code'"),
        ("/entity/eye:Subject@sort(Kode)", "'Kode'"),
        ("/attribute/eye:Subject/Kode", "'Kode'"),
        ("/attribute/S:=eye:Subject/V:=(S:RID)=(eye:Visit:Subjekt)/V:Day", "'Subjekt'"),
        ("/attribute/S:=eye:Subject/V:=(S:RID)=(eye:Visit:Subject)/V:Code", "'Code'"),
        ("/attribute/S:=eye:Subject/V:=(S:RID)=(eye:Visit:Subject)/T:Code", "alias called 'T'"),
        ("/attribute/S:=eye:Subject/V:=(S:RID)=(eye:Visit:Subject)/$X/Code", "alias called 'X'"),
        ("/attributegroup/eye:Subject/Codex;n:=cnt(RID)", "'Codex'"),
        ("/aggregate/eye:Subject/n:=max(Age)", "'Age'"),
        ("/entity/eye:Subject/(eye:Visit:Subjects)", "'Subjects'"),
    ],
)
def test_names_are_looked_up_in_the_schema(path: str, said: str) -> None:
    text = _spec(path)
    assert lint(text) == []
    (fault,) = lint(text, model=_model())
    assert said in fault.message
    assert fault.line == 5


@pytest.mark.parametrize(
    "path",
    [
        "/entity/eye:Subject/Code=1/(RID)=(eye:Visit:Subject)@sort(Day)",
        "/attribute/S:=eye:Subject/V:=left(S:RID)=(eye:Visit:Subject)/$S/RID,Day:=V:Date_of_nobody".replace(
            "Date_of_nobody", "Day"
        ),
        "/attribute/A:=eye:Subject/*",
        "/attribute/A:=eye:Subject/B:=(eye:Visit:Subject)/A:Code,B:*",
        "/aggregate/eye:Subject/n:=cnt(*)",
    ],
)
def test_names_that_are_there_are_no_fault(path: str) -> None:
    assert lint(_spec(path), model=_model()) == []


def _spec(path: str) -> str:
    return (
        '{"bag": {"bag_name": "b"},\n "catalog": {"query_processors": [\n  {"processor": "csv",\n'
        f'   "processor_params": {{\n    "query_path": {json.dumps(path)},\n    "output_path": "x"}}}}]}}}}\n'
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_json_is_read_as_json(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        assert parse(text).value == value


@given(st.text(alphabet='{}[]",: 1\\atrue\n', max_size=30))
def test_what_is_no_json_is_refused_with_a_place(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(JsonError) as caught:
            parse(text)
        assert caught.value.line >= 1
        assert caught.value.column >= 1
    else:
        assert parse(text).value == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_whatever_the_document_is_the_linter_answers(value: object) -> None:
    for document in (value, {"catalog": value}, {"bag": value, "env": value, "catalog": {"query_processors": [value]}}):
        for fault in lint(json.dumps(document)):
            assert fault.line >= 1


def test_the_services_way_of_passing_values_on_is_understood() -> None:
    env = Env({"RID": "1-AB"}, {"RID": "{RID}", "brace": "{", "none": "{nope}", "n": 7}, "host")
    assert [env.values()[k] for k in ("RID", "brace", "none", "n", "RID_urlencoded")] == [
        "1-AB",
        "{",
        "{nope}",
        7,
        "1-AB",
    ]


def test_what_deriva_pys_own_specs_have_is_no_fault() -> None:
    """A class of its own for a processor, remarks, and rows of which all columns come."""
    steps = [
        {
            "processor": "csv",
            "processor_type": "deriva.transfer.download.processors.CSVQueryProcessor",
            "processor_params": {"query_path": "/entity/s:a", "output_path": "a"},
        },
        {
            "processor": "download",
            "processor_params": {"query_path": "/attribute/s:a/url:=URL,*", "output_path": "x {Any Column}"},
        },
    ]
    document = {"comment": "why", "bag": {"bag_name": "b"}, "catalog": {"query_processors": steps}}
    assert lint(json.dumps(document)) == []
    assert [(s.kind, s.impl) for s in read(document).queries] == [("csv", None), ("download", None)]


def test_a_value_that_is_passed_on_has_to_be_given() -> None:
    passed_on = json.loads((FOLDER / "good" / "csv-one.json").read_text())
    passed_on["env"] = {"RID": "{RID}"}
    assert lint(json.dumps(passed_on), {"RID": "1-AB"}) == []
    assert [f.pointer for f in lint(json.dumps(passed_on))] == ["/env/RID"]
