"""A spec that is edited: text and values change each other."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from satchel.core.export.spec.editing import EMPTY, KINDS, LISTS, Editing
from satchel.core.export.spec.lint import lint

TEXT = json.dumps(
    {
        "bag": {"bag_name": "b"},
        "catalog": {
            "query_processors": [
                {"processor": "csv", "processor_params": {"query_path": "/entity/s:a", "output_path": "a"}},
                {"processor": "csv", "processor_params": {"query_path": "/entity/s:b", "output_path": "b"}},
            ]
        },
    },
    indent=2,
)


def test_a_value_that_is_set_stands_in_the_text() -> None:
    editing = Editing(TEXT)
    editing.set("/catalog/query_processors/1/processor_params/output_path", "Größe")
    assert '"output_path": "Größe"' in editing.text
    assert json.loads(editing.text)["bag"] == {"bag_name": "b"}
    editing.set("/bag/bag_archiver", "zip")
    editing.set("/env/RID", "1")
    assert editing.get("/env/RID") == "1"
    editing.set("/bag/bag_archiver", None)
    assert "bag_archiver" not in editing.text


def test_text_that_is_no_json_leaves_the_values_as_they_were() -> None:
    editing = Editing(TEXT)
    assert editing.set_text(TEXT[:-1]) is False
    assert editing.broken is not None
    assert editing.get("/bag/bag_name") == "b"
    assert editing.pointer_at(5) == ""
    assert editing.set_text(TEXT.replace('"b"', '"c"', 1)) is True
    assert editing.broken is None


def test_spaces_alone_change_no_value() -> None:
    assert Editing(TEXT).set_text(TEXT.replace("\n", "\n ")) is False


def test_steps_are_added_moved_and_removed() -> None:
    editing = Editing(TEXT)
    pointer = editing.add("query", "fetch")
    assert pointer == "/catalog/query_processors/2"
    assert editing.move(pointer, -5) == "/catalog/query_processors/0"
    assert [s["processor"] for s in editing.steps("query")] == ["fetch", "csv", "csv"]
    editing.remove("/catalog/query_processors/1")
    assert [s["processor_params"]["output_path"] for s in editing.steps("query")] == ["output3", "b"]


def test_what_is_added_is_known_to_the_linter() -> None:
    """Empty fields are faults; the processors themselves and their parameters are none."""
    for what, kinds in KINDS.items():
        for kind in kinds:
            editing = Editing(EMPTY)
            pointer = editing.add(what, kind)
            assert pointer == f"{LISTS[what]}/0"
            codes = {f.code for f in lint(editing.text)}
            assert not codes & {"unknown-processor", "unknown-key", "type", "json"}


def test_the_cursor_tells_which_value_it_is_in() -> None:
    editing = Editing(TEXT)
    place = editing.text.index("/entity/s:b") + 3
    assert editing.pointer_at(place) == "/catalog/query_processors/1/processor_params/query_path"


@given(st.text(max_size=40))
def test_any_text_may_be_typed(text: str) -> None:
    editing = Editing(TEXT)
    editing.set_text(text)
    assert editing.text == text
    editing.set("/bag/bag_name", "new")
    assert json.loads(editing.text)["bag"]["bag_name"] == "new"
