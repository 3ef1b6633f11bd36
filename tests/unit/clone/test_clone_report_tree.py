"""A clone's report as a tree and as files: every issue once, found by its words, safe on a page."""

from __future__ import annotations

import json
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.core.clone.report import Category, CloneIssue, CloneReport, Findings, Severity, TableReport
from satchel.core.clone.report_files import save
from satchel.core.clone.report_page import page
from satchel.core.clone.report_tree import ReportTree
from satchel.core.clone.request import CloneResult
from satchel.core.errors import SatchelError

ISSUES = st.lists(
    st.builds(
        CloneIssue,
        severity=st.sampled_from(list(Severity)),
        category=st.sampled_from(list(Category)),
        message=st.text(max_size=12),
        table=st.one_of(st.none(), st.sampled_from(["a:b", "a:c", "<script>"])),
        details=st.one_of(st.none(), st.text(max_size=8)),
        skipped_rids=st.lists(st.sampled_from(["1-A", "1-B", "2-C"]), max_size=3).map(tuple),
        row_count=st.integers(0, 9),
    ),
    max_size=40,
)


def result(report: CloneReport, **more: object) -> CloneResult:
    return CloneResult(catalog_id="7", hostname="h", report=report, verified=True, root_rid="1-A", **more)  # type: ignore[arg-type]


@given(ISSUES)
def test_every_issue_is_in_the_tree_once_and_counted_on_every_level(issues: list[CloneIssue]) -> None:
    tree = ReportTree(CloneReport(issues=tuple(issues)))
    leaves = [place for branch in tree.branches for place in branch.issues]
    assert sorted(leaves) == list(range(len(issues)))
    assert sum(tree.branches[number].count for number in tree.top) == len(issues) == tree.count
    for branch in tree.branches:
        below = [tree.branches[number] for number in branch.branches]
        assert branch.count == (sum(b.count for b in below) if below else len(branch.issues))
        assert all(b.above == branch.number and branch.branches[b.row] == b.number for b in below)
        for place in branch.issues:
            assert branch.name == (issues[place].table or "")


@given(ISSUES, st.sampled_from(["", "1-b", "A:C", "zz no such"]))
def test_the_filter_keeps_what_has_the_words(issues: list[CloneIssue], text: str) -> None:
    tree = ReportTree(CloneReport(issues=tuple(issues))).filtered(text)
    found = {place for branch in tree.branches for place in branch.issues}
    for place, issue in enumerate(issues):
        words = (
            f"{issue.message}\n{issue.table}\n{issue.details}\n{issue.skipped_rids}\n{issue.category}\n{issue.severity}"
        )
        if text.casefold() in words.casefold() or not text:
            assert place in found or text == ""
    if text == "zz no such":
        assert not found


def test_a_report_of_a_million_issues_is_grouped_while_one_looks() -> None:
    some = [
        CloneIssue(severity=Severity.ERROR, category=Category.ORPHAN_ROWS, message=f"m{n}", table=f"s:t{n % 50}")
        for n in range(1000)
    ]
    report = CloneReport(issues=tuple(some) * 1000)
    began = time.monotonic()
    tree = ReportTree(report)
    assert tree.count == 1_000_000
    assert len(tree.branches) == 52
    print(f"{time.monotonic() - began:.1f} s")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in ("src", "href"), value


@given(ISSUES)
def test_the_page_holds_all_and_runs_nothing(issues: list[CloneIssue]) -> None:
    findings = Findings()
    for issue in issues:
        findings.issues.append(issue)
    findings.tables["<b>:<script>alert(1)</script>"] = TableReport(
        table="<b>:<script>alert(1)</script>", state="restored", copied=3, verified=True
    )
    text = page(result(findings.report()))
    parser = _Tags()
    parser.feed(text)
    assert "script" not in parser.tags
    assert "svg" in parser.tags
    assert "&lt;script&gt;" in text


def test_a_report_is_saved_as_its_name_says(tmp_path: Path) -> None:
    report = CloneReport(
        issues=(CloneIssue(severity=Severity.ERROR, category=Category.FK_VIOLATION, message="Schlüssel", table="s:t"),)
    )
    for ending in ("json", "txt", "html"):
        save(result(report), tmp_path / f"report.{ending}")
    assert json.loads((tmp_path / "report.json").read_text("utf-8")) == report.to_dict()
    assert (tmp_path / "report.txt").read_text("utf-8") == report.to_text() + "\n"
    assert "Schlüssel" in (tmp_path / "report.html").read_text("utf-8")
    with pytest.raises(SatchelError, match="which kind"):
        save(result(report), tmp_path / "report.doc")
    with pytest.raises(SatchelError, match="cannot be written"):
        save(result(report), tmp_path / "no" / "report.txt")
