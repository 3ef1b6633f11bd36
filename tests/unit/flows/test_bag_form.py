"""Forms for bags: what is wrong is known before anything is done, and requests hold what was said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from satchel.core.bags.profiles import Profile, built_in, parse
from satchel.core.flows.bag_form import IDENTIFIER, BagDraft, ChangeDraft, rules


def profile(**more: object) -> Profile:
    found = {
        "BagIt-Profile-Info": {"BagIt-Profile-Identifier": "https://p.example/1", "BagIt-Profile-Version": "1.4.0"}
    }
    return parse(json.dumps({**found, **more}).encode(), "p", ())


def test_rules_are_of_fields_that_people_fill_in() -> None:
    found = profile(**{"Bag-Info": {"A": {}, "B": {"required": True, "values": ["x"], "repeatable": False},
                                    "Payload-Oxum": {"required": True}, IDENTIFIER: {"required": True}}})  # fmt: skip
    assert [(rule.label, rule.required, rule.values, rule.repeatable) for rule in rules(found)] == [
        ("B", True, ("x",), False),
        ("A", False, (), True),
    ]
    assert rules(built_in("bdbag")) == []
    assert rules(None) == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ([], {"info": "The profile requires B."}),
        ([("b", "")], {"info:0": "The profile requires B."}),
        ([("B", "y")], {"info:0": "B can be: x, z."}),
        ([("B", "x"), ("b", "z")], {"info:1": "The profile allows B only once."}),
        ([("B", "x"), ("", ""), ("A", "anything")], {}),
        ([("B", "x"), ("A", "two\nlines")], {"info:1": "A has a line break in it."}),
        ([("B", "x"), ("", "no name")], {"info:1": "cannot be the name"}),
        ([("B", "x"), ("Payload-Oxum", "1.1")], {"info:1": "Payload-Oxum is computed"}),
    ],
)
def test_fields_are_held_against_the_profile(
    tmp_path: Path, fields: list[tuple[str, str]], told: dict[str, str]
) -> None:
    found = profile(**{"Bag-Info": {"B": {"required": True, "values": ["x", "z"], "repeatable": False}}})
    draft = BagDraft(path=str(tmp_path), how="in-place", fields=fields, profile=found)
    problems = {problem.field: problem.message for problem in draft.problems()}
    assert problems.keys() == told.keys()
    for field, text in told.items():
        assert text in problems[field]


def test_nothing_is_made_before_it_is_said_how_and_where(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out" / "there").mkdir(parents=True)
    draft = BagDraft()
    assert [problem.field for problem in draft.problems()] == ["path", "how"]
    draft.path, draft.how = str(tmp_path / "in"), "link"
    assert [problem.field for problem in draft.problems()] == ["out"]
    assert draft.target() == ""
    draft.out, draft.name = str(tmp_path / "out"), "there"
    assert [problem.field for problem in draft.problems()] == ["name"]
    draft.name = "new"
    assert draft.problems() == []
    assert draft.target() == str(tmp_path / "out" / "new")
    draft.out = str(tmp_path / "in")
    assert [problem.field for problem in draft.problems()] == ["out"], "not into itself"
    draft.algorithms = ()
    assert "algorithms" in [problem.field for problem in draft.problems()]
    draft.how = "in-place"
    request = draft.request()
    assert (request.out, request.name, request.how) == (None, None, "in-place")


def test_checksums_and_files_on_servers_follow_the_profile(tmp_path: Path) -> None:
    wants = profile(
        **{"Manifests-Required": ["sha256"], "Manifests-Allowed": ["sha256", "md5"], "Fetch.txt-Required": True}
    )
    draft = BagDraft(path=str(tmp_path), how="in-place", algorithms=("md5",), profile=wants)
    assert [p.message for p in draft.problems() if p.field == "algorithms"] == ["The profile requires sha256."]
    assert [p.field for p in draft.problems()] == ["algorithms", "remote"]
    draft.algorithms, draft.remote = ("md5", "sha256", "sha1"), "/list.csv"
    assert [p.message for p in draft.problems()] == ["The profile does not allow sha1."]
    draft.algorithms = ("sha256", "md5")
    assert draft.problems() == []
    assert draft.request().algorithms == ("md5", "sha256")
    assert draft.request().info == ((IDENTIFIER, "https://p.example/1"),)
    draft.profile = profile(**{"Allow-Fetch.txt": False})
    assert [p.field for p in draft.problems()] == ["remote"]


def test_a_change_holds_what_differs_and_nothing_else() -> None:
    before = [("A", "1"), ("B", "2"), ("B", "3"), ("C", "4"), ("Payload-Oxum", "5.1")]
    draft = ChangeDraft("/bag", before, ("md5",), fields=before[:4])
    assert [p.message for p in draft.problems()] == ["Nothing is changed yet."]
    draft.fields = [("A", "1"), ("B", "2"), ("B", "new"), ("D", "6"), ("E", " ")]
    assert draft.problems() == []
    request = draft.request()
    assert request.info == (("B", "2"), ("B", "new"), ("D", "6"))
    assert request.remove == ("C",)
    assert (request.remanifest, request.algorithms) == (False, None)
    draft.remanifest, draft.algorithms = True, ("sha256", "md5")
    assert draft.request().algorithms == ("md5", "sha256")
    draft.algorithms = ("md5",)
    assert draft.request().algorithms is None
