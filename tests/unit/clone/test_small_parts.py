"""Cutting values, pruning annotations, adapting to servers, the report's words."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.core.clone.gate import Gate
from satchel.core.clone.oversized import SAFE_BYTES, SUFFIX, column_of, cut, refused
from satchel.core.clone.pruning import Pruner
from satchel.core.clone.report import Category, Findings, ForeignKeyReport, Severity, TableReport
from satchel.core.deriva.names import TableName

# -- oversized --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["a", "é", "漢", "😀"])
def test_f25_a_value_is_cut_no_more_than_needed(letter):
    width = len(letter.encode())
    whole = letter * (SAFE_BYTES // width)
    assert cut(whole) == whole
    found = cut(whole + letter * 2)
    assert found.endswith(SUFFIX)
    assert SAFE_BYTES - width < len(found.encode()) <= SAFE_BYTES
    assert whole.startswith(found.removesuffix(SUFFIX))


@given(st.text(max_size=4000))
def test_what_is_cut_fits(text):
    assert len(cut(text, 100).encode()) <= 100


def test_a_servers_words_are_understood():
    small = 'index row size 4496 exceeds btree version 4 maximum 2704 for index "dataset__keywords_idx"'
    large = "index row requires 12816 bytes, maximum size is 8191"
    assert refused(small)
    assert refused(large)
    assert not refused("duplicate key value violates unique constraint")
    assert column_of(small, ["word", "keywords"], "dataset") == "keywords"
    assert column_of('... for index "Observation_Note_idx"', ["Note"], "Observation") == "Note"
    assert column_of('... for index "other"', ["Note"], "Observation") is None
    assert column_of(large, ["Note"], "Observation") is None


# -- annotations ------------------------------------------------------------------------------------------------------

VISIBLE = "tag:isrd.isi.edu,2016:visible-columns"
SOURCES = "tag:isrd.isi.edu,2019:source-definitions"
EXPORT = "tag:isrd.isi.edu,2019:export"


def pruner() -> Pruner:
    here, gone = TableName("s", "Here"), TableName("s", "Gone")
    known = frozenset({("s", "kept"), ("s", "lost")})
    return Pruner(known, frozenset({("s", "kept")}), frozenset({here, gone}), frozenset({here}))


def test_f19_what_leads_to_what_is_not_there_goes_and_all_else_stays():
    prune = pruner()
    annotations = {
        VISIBLE: {
            "*": ["RID", "Hidden", ["s", "kept"], ["s", "lost"], ["s", "never heard of"], {"sourcekey": "a"},
                  {"sourcekey": "b"}, {"source": [{"inbound": ["s", "lost"]}, "RID"], "markdown_name": "x"}],
            "compact": "*",
        },
        SOURCES: {"sources": {"a": {"source": [{"outbound": ["s", "lost"]}, "RID"]},
                              "b": {"source": [{"outbound": ["s", "kept"]}, "RID"]}}},
        EXPORT: {"*": {"templates": [{"outputs": [{"source": {"path": "s:Here/s:Gone"}},
                                                  {"source": {"path": "s:Here"}}]}]}},
        "tag:unknown": [["s", "lost"]],
    }  # fmt: skip
    assert prune.annotations("s:Here", annotations, frozenset({"Hidden"})) == {
        VISIBLE: {
            "*": ["RID", ["s", "kept"], ["s", "never heard of"], {"sourcekey": "b"}],
            "compact": "*",
        },
        SOURCES: {"sources": {"b": {"source": [{"outbound": ["s", "kept"]}, "RID"]}}},
        EXPORT: {"*": {"templates": [{"outputs": [{"source": {"path": "s:Here"}}]}]}},
        "tag:unknown": [["s", "lost"]],
    }
    assert len(prune.pruned[f"s:Here {VISIBLE}"]) == 4


# -- the gate ---------------------------------------------------------------------------------------------------------


async def test_f29_concurrency_follows_what_the_server_bears():
    gate = Gate(6)
    busy, most = 0, 0

    async def work() -> None:
        nonlocal busy, most
        async with gate.slot():
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0)
            busy -= 1

    await asyncio.gather(*(work() for _ in range(200)))
    assert most == 6
    for _ in range(10):
        gate.trouble()
    assert gate.limit == 1
    most = 0
    await asyncio.gather(*(work() for _ in range(3)))
    assert most <= 2


async def test_whoever_gives_up_waiting_leaves_the_turn_to_the_next():
    gate = Gate(1)
    entered = asyncio.Event()

    async def hold() -> None:
        async with gate.slot():
            entered.set()
            await asyncio.sleep(0.01)

    first = asyncio.create_task(hold())
    await entered.wait()
    second, third = asyncio.create_task(hold()), asyncio.create_task(hold())
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait_for(asyncio.gather(first, third), 5)
    with pytest.raises(asyncio.CancelledError):
        await second


# -- the report -------------------------------------------------------------------------------------------------------


def findings() -> Findings:
    found = Findings()
    found.add(
        Severity.ERROR, Category.FK_VIOLATION, "FK constraint failed", table="s:A", details="x" * 150, row_count=10
    )
    found.add(
        Severity.WARNING, Category.ORPHAN_ROWS, "Orphan rows deleted", table="s:B", action="Look", row_count=2,
        skipped_rids=("1-A", "1-B"),
    )  # fmt: skip
    found.tables["s:A"] = TableReport(table="s:A", state="restored", expected=10, copied=10)
    found.tables["s:B"] = TableReport(table="s:B", state="partial", expected=8, copied=7, removed=2, nullified=1)
    found.missing["s:B"] = {"s:P": 3}
    for number, state in enumerate(("applied", "applied", "failed", "pruned", "left-out")):
        found.foreign_keys[f"s:k{number}"] = ForeignKeyReport(
            name=f"s:k{number}", table="s:B", columns=("P",), referenced="s:P", referenced_columns=("RID",),
            state=state,  # type: ignore[arg-type]
        )  # fmt: skip
    return found


def test_the_report_has_the_keys_that_scripts_know():
    report = findings().report()
    values = report.to_dict()
    assert list(values) == [
        "summary", "issues", "tables_restored", "tables_failed", "tables_skipped", "orphan_details",
    ]  # fmt: skip
    assert values["summary"] == {
        "total_issues": 2, "errors": 1, "warnings": 1, "tables_restored": 2, "tables_failed": 1, "tables_skipped": 0,
        "total_rows_restored": 17, "orphan_rows_removed": 2, "orphan_rows_nullified": 1, "fkeys_applied": 2,
        "fkeys_failed": 1, "fkeys_pruned": 1,
    }  # fmt: skip
    assert values["orphan_details"] == {
        "s:B": {"rows_removed": 2, "rows_nullified": 1, "missing_references": {"s:P": 3}}
    }
    assert "skipped_rids" not in values["issues"][0]
    assert values["issues"][1]["skipped_rids"] == ["1-A", "1-B"]
    assert json.loads(report.to_json()) == values
    assert report.summary.errors == 1, "as an attribute, too"


def test_the_report_in_words_has_the_sections_that_people_know():
    text = findings().report().to_text()
    order = ["CATALOG CLONE REPORT", "SUMMARY", "ISSUES", "ERROR (1):", "WARNING (1):", "ORPHAN ROW DETAILS",
             "CLONE ASSESSMENT", "Clone completed with ERRORS."]  # fmt: skip
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "[ERROR] s:A: FK constraint failed (10 rows)" in text
    assert f"Details: {'x' * 100}..." in text
    assert "-> missing references to s:P: 3" in text
    assert "1-A, 1-B" in text
    empty = Findings().report().to_text()
    assert "ISSUES" not in empty
    assert "ORPHAN ROW DETAILS" not in empty
    assert "Clone completed successfully." in empty


def test_an_issue_that_is_found_again_is_told_once():
    found = findings()
    found.add(
        Severity.ERROR, Category.FK_VIOLATION, "FK constraint failed", table="s:A", details="x" * 150, row_count=10
    )
    assert len(found.report().issues) == 2
