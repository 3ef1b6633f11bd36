"""A clone's report as a tree: severity, category, table, issue. Cheap for a million issues."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from satchel.core.clone.report import Category, CloneIssue, CloneReport, Severity

SEVERITIES = (Severity.CRITICAL, Severity.ERROR, Severity.WARNING, Severity.INFO)
TITLES = {
    Severity.CRITICAL: "Critical",
    Severity.ERROR: "Errors",
    Severity.WARNING: "Warnings",
    Severity.INFO: "To know",
}
CATEGORIES = {
    Category.ACCESS_DENIED: "Not allowed to read",
    Category.ORPHAN_ROWS: "References that led nowhere",
    Category.DATA_INTEGRITY: "Data that differ",
    Category.SCHEMA_ISSUE: "Schema",
    Category.RESTORE_FAILURE: "Could not be copied or done",
    Category.FK_VIOLATION: "Foreign keys left off",
    Category.FK_PRUNED: "Foreign keys left out",
    Category.POLICY_INCOHERENCE: "Access rules",
    Category.INDEX_REBUILT: "Indexes",
}
NO_TABLE = "The catalog as a whole"


@dataclass(slots=True)
class Branch:
    """A line that has lines below it.

    Attributes:
        kind: `severity`, `category` or `table`.
        name: the severity's, the category's or the table's.
        number: its place in `ReportTree.branches`.
        above: the number of the branch above; -1: the top.
        row: its place there.
        count: issues below it.
        issues: places in the report's issues, for a table; else empty.
    """

    kind: str
    name: str
    title: str
    number: int
    above: int
    row: int
    count: int = 0
    branches: list[int] = field(default_factory=list)
    issues: array[int] = field(default_factory=lambda: array("L"))


class ReportTree:
    """The tree over a report's issues.

    Args:
        report: whose.
        chosen: places of the issues that are shown; None: all.
    """

    def __init__(self, report: CloneReport, chosen: Iterable[int] | None = None) -> None:
        self.report = report
        self.issues: Sequence[CloneIssue] = report.issues
        self.branches: list[Branch] = []
        self.top: list[int] = []
        places = range(len(self.issues)) if chosen is None else chosen
        groups: dict[tuple[Severity, Category, str], array[int]] = {}
        for place in places:
            issue = self.issues[place]
            groups.setdefault((issue.severity, issue.category, issue.table or ""), array("L")).append(place)
        self.count = sum(len(group) for group in groups.values())
        self._build(groups)

    def _build(self, groups: dict[tuple[Severity, Category, str], array[int]]) -> None:
        known: dict[tuple[str, ...], Branch] = {}
        order = {severity: place for place, severity in enumerate(SEVERITIES)}
        for severity, category, table in sorted(groups, key=lambda g: (order[g[0]], g[1], g[2])):
            issues = groups[severity, category, table]
            first = self._branch(known, (severity,), None, "severity", str(severity), TITLES[severity])
            second = self._branch(
                known, (severity, category), first, "category", str(category), CATEGORIES.get(category, str(category))
            )
            third = self._branch(known, (severity, category, table), second, "table", table, table or NO_TABLE)
            third.issues = issues
            for branch in (first, second, third):
                branch.count += len(issues)

    def _branch(
        self,
        known: dict[tuple[str, ...], Branch],
        key: tuple[str, ...],
        above: Branch | None,
        kind: str,
        name: str,
        title: str,
    ) -> Branch:
        if key not in known:
            siblings = self.top if above is None else above.branches
            made = Branch(kind, name, title, len(self.branches), -1 if above is None else above.number, len(siblings))
            siblings.append(made.number)
            self.branches.append(made)
            known[key] = made
        return known[key]

    def filtered(self, text: str) -> ReportTree:
        """The issues that have the text in their words, table, action or RIDs; letters' case does not matter."""
        wanted = text.casefold().strip()
        if not wanted:
            return ReportTree(self.report)
        return ReportTree(
            self.report, [place for place, issue in enumerate(self.issues) if wanted in _words(issue).casefold()]
        )


def _words(issue: CloneIssue) -> str:
    parts = (
        issue.message,
        issue.table,
        issue.details,
        issue.action,
        *issue.skipped_rids,
        issue.category,
        issue.severity,
    )
    return "\n".join(str(part) for part in parts if part)
