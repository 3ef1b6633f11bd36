"""More problems than fit into a result: none is lost, and any page of them can be had."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import msgspec
import pytest

from satchel.cli.job import _lists
from satchel.cli.output import JsonOutput
from satchel.core.bags import problems
from satchel.core.bags.problem_store import ProblemStore
from satchel.core.bags.reports import write_report
from satchel.core.bags.validate import ValidateResult
from satchel.gui.bags.kinds import grouped
from satchel.gui.bags.stored import Stored, all_of
from satchel.gui.bags.verdict import Findings
from small_bags import judge, put

MANY = 2_345


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ValidateResult:
    monkeypatch.setattr(problems, "MOST_TOLD", 10)
    bag = put(tmp_path / "bag", manifest="".join(f"{'0' * 64}  ./data/É{n:04}_x\n" for n in range(MANY)))
    return judge(bag)


def test_all_are_in_the_store(result: ValidateResult) -> None:
    assert (result.error_count, len(result.errors), len(result.warnings)) == (MANY + 1, 10, 1)
    with ProblemStore(Path(result.store)) as store:
        kinds = [(kind.severity, kind.code, kind.number) for kind in store.kinds()]
        assert kinds == [("error", "missing", MANY), ("error", "unexpected", 1), ("warning", "relative-path", 1)]
        assert {p.path for p in store.all("error")} == {*(f"data/É{n:04}_x" for n in range(MANY)), "data/hello.txt"}
        assert list(store.all("error"))[:10] == list(result.errors)


def test_pages_are_found_sorted_and_filtered(result: ValidateResult) -> None:
    with ProblemStore(Path(result.store)) as store:
        places = store.places("error", "missing", order="path", descending=True)
        assert len(places) == MANY
        page = store.problems(places[1000:1003])
        assert [problem.path for _, problem in page] == [f"data/É{n:04}_x" for n in (1344, 1343, 1342)]
        assert {severity for severity, _ in page} == {"error"}
        assert len(store.problems(places)) == MANY
        assert store.count("error", text="é000") == 10, "capitals do not count, nor outside ASCII"
        assert [kind.number for kind in store.kinds(text="0001_X")] == [1]
        assert store.count(text="0%1") == store.count(text="0001?x") == 0, "no letter is a joker"
        assert store.count("warning") == 1


def test_reports_leave_nothing_out(result: ValidateResult, tmp_path: Path) -> None:
    write_report([result, result], tmp_path / "r.json")
    told = json.loads((tmp_path / "r.json").read_text())
    assert [len(one["errors"]) for one in told] == [MANY + 1] * 2
    write_report([result], tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(newline="") as file:
        assert sum(row[1] == "error" for row in csv.reader(file)) == MANY + 1


def test_few_need_no_store(tmp_path: Path) -> None:
    assert judge(put(tmp_path / "bag")).store == ""


def test_the_command_tells_all_on_one_line(result: ValidateResult, capsys: pytest.CaptureFixture[str]) -> None:
    JsonOutput().result(msgspec.to_builtins(result), str, _lists(result))
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["valid"], told["error_count"]) == ("result", False, MANY + 1)
    assert [len(told["errors"]), len(told["warnings"])] == [MANY + 1, 1]
    assert told["errors"][0] == msgspec.to_builtins(result.errors[0])


def test_the_window_shows_all_of_them(result: ValidateResult) -> None:
    found = all_of(result)
    assert isinstance(found, Stored)
    assert len(found) == MANY + 2
    groups = grouped(found)
    assert [(g.code, g.severity, len(g.places)) for g in groups] == [
        ("missing", "error", MANY), ("unexpected", "error", 1), ("relative-path", "warning", 1)
    ]  # fmt: skip
    place = groups[0].places[1_000]
    assert (found.code(place), found.severity(place)) == ("missing", "error")
    assert found.where(place) == "data/É1000_x"
    assert "data/É1000_x" in found.message(place)
    assert [len(group.places) for group in grouped(found, "é234")] == [5]
    Path(result.store).unlink()
    assert isinstance(all_of(result), Findings), "the first of them are in the result"
