"""The report of a clone, in the words that users of deriva-ml's `CloneReport` know.

`CloneReport.to_dict` has exactly that report's keys and `to_text` its sections; beside them the report holds what that
one lacks: a record for each table and each foreign key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Literal

import msgspec


class Severity(StrEnum):
    """How bad an issue is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Category(StrEnum):
    """What an issue is about."""

    ACCESS_DENIED = "access_denied"
    ORPHAN_ROWS = "orphan_rows"
    DATA_INTEGRITY = "data_integrity"
    SCHEMA_ISSUE = "schema_issue"
    RESTORE_FAILURE = "restore_failure"
    FK_VIOLATION = "fk_violation"
    FK_PRUNED = "fk_pruned"
    POLICY_INCOHERENCE = "policy_incoherence"
    INDEX_REBUILT = "index_rebuilt"


SAMPLES = 10
"""RIDs that are named where there are more."""


class CloneIssue(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the person should know."""

    severity: Severity
    category: Category
    message: str
    table: str | None = None
    details: str | None = None
    action: str | None = None
    """What can be done about it."""
    row_count: int = 0
    skipped_rids: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Its keys; `skipped_rids` only where there are some."""
        values: dict[str, Any] = {
            "severity": str(self.severity),
            "category": str(self.category),
            "message": self.message,
            "table": self.table,
            "details": self.details,
            "action": self.action,
            "row_count": self.row_count,
        }
        if self.skipped_rids:
            values["skipped_rids"] = list(self.skipped_rids)
        return values

    def __str__(self) -> str:
        where = f"{self.table}: " if self.table else ""
        rows = f" ({self.row_count} rows)" if self.row_count else ""
        line = f"[{str(self.severity).upper()}] {where}{self.message}{rows}"
        if not self.skipped_rids:
            return line
        few = len(self.skipped_rids) <= 5
        told = ", ".join(self.skipped_rids) if few else f"{len(self.skipped_rids)} rows (see JSON for full list)"
        return f"{line}\n    Skipped RIDs: {told}"


class TruncatedValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value that was cut because an index refused it."""

    table: str
    rid: str
    column: str
    original_bytes: int
    truncated_bytes: int


class OrphanDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a table's rows whose references lead nowhere."""

    rows_removed: int = 0
    rows_nullified: int = 0
    missing_references: dict[str, int] = {}
    """Referenced table -> rows of this table that were removed or nullified for want of a row there."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The report in numbers."""

    total_issues: int = 0
    errors: int = 0
    """Of the severity error, not critical, as in the report that this one follows."""
    warnings: int = 0
    tables_restored: int = 0
    tables_failed: int = 0
    tables_skipped: int = 0
    total_rows_restored: int = 0
    """Rows copied, before orphans were removed."""
    orphan_rows_removed: int = 0
    orphan_rows_nullified: int = 0
    fkeys_applied: int = 0
    fkeys_failed: int = 0
    fkeys_pruned: int = 0


FkeyState = Literal["applied", "failed", "pruned", "left-out", "pending"]


class ForeignKeyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one foreign key."""

    name: str
    """`schema:constraint_name`."""
    table: str
    columns: tuple[str, ...]
    referenced: str
    referenced_columns: tuple[str, ...]
    state: FkeyState
    strategy: str = "fail"
    orphans: int = 0
    """Rows whose reference led nowhere when this foreign key was dealt with, cascades included."""
    values: int = 0
    """Different values among those; with `fail` only."""
    removed: int = 0
    nullified: int = 0
    sample_rids: tuple[str, ...] = ()
    message: str = ""


class TableReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one table."""

    table: str
    state: Literal["restored", "partial", "failed", "skipped", "pending"]
    expected: int = 0
    """Rows that were to be copied."""
    copied: int = 0
    skipped: int = 0
    removed: int = 0
    nullified: int = 0
    truncated: int = 0
    assets: int = 0
    asset_bytes: int = 0
    seconds: float = 0.0
    verified: bool | None = None
    """Whether rows and digest were found to be right; None: not looked at."""


class CloneReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that a clone has to tell."""

    summary: Summary = Summary()
    issues: tuple[CloneIssue, ...] = ()
    tables_restored: dict[str, int] = {}
    """Table -> rows copied, before orphans were removed."""
    tables_failed: tuple[str, ...] = ()
    tables_skipped: tuple[str, ...] = ()
    orphan_details: dict[str, OrphanDetails] = {}
    tables: tuple[TableReport, ...] = ()
    foreign_keys: tuple[ForeignKeyReport, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The keys of deriva-ml's report, exactly."""
        return {
            "summary": msgspec.to_builtins(self.summary),
            "issues": [issue.to_dict() for issue in self.issues],
            "tables_restored": dict(self.tables_restored),
            "tables_failed": list(self.tables_failed),
            "tables_skipped": list(self.tables_skipped),
            "orphan_details": msgspec.to_builtins(self.orphan_details),
        }

    def to_json(self, indent: int = 2) -> str:
        """The same as JSON."""
        import json

        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    @property
    def assessment(self) -> tuple[str, ...]:
        """How the clone went, in a line or two."""
        s = self.summary
        if s.errors:
            return (
                "Clone completed with ERRORS. Some FKs could not be applied.",
                "The catalog schema may be degraded.",
            )
        if s.orphan_rows_removed or s.orphan_rows_nullified:
            return (
                "Clone completed with orphan handling.",
                "Source catalog may have incoherent row-level policies.",
            )
        if s.fkeys_pruned:
            return (
                "Clone completed with pruned FKs.",
                "Some FK constraints were skipped due to hidden reference data.",
            )
        return ("Clone completed successfully.",)

    def to_text(self) -> str:
        """The report for people, with the sections of deriva-ml's."""
        s, rule = self.summary, "=" * 70
        lines = [rule, "CATALOG CLONE REPORT", rule, "", "SUMMARY", "-" * 40]
        lines += [
            f"  Tables restored:       {s.tables_restored}",
            f"  Tables failed:         {s.tables_failed}",
            f"  Tables skipped:        {s.tables_skipped}",
            f"  Total rows restored:   {s.total_rows_restored}",
            f"  Orphan rows removed:   {s.orphan_rows_removed}",
            f"  Orphan rows nullified: {s.orphan_rows_nullified}",
            f"  FKs applied:           {s.fkeys_applied}",
            f"  FKs failed:            {s.fkeys_failed}",
            f"  FKs pruned:            {s.fkeys_pruned}",
            f"  Errors:                {s.errors}",
            f"  Warnings:              {s.warnings}",
            "",
        ]
        if self.issues:
            lines += ["ISSUES", "-" * 40]
            for severity in (Severity.CRITICAL, Severity.ERROR, Severity.WARNING, Severity.INFO):
                lines += _issues(severity, [issue for issue in self.issues if issue.severity is severity])
            lines.append("")
        if self.orphan_details:
            lines += ["ORPHAN ROW DETAILS", "-" * 40]
            for table, details in sorted(self.orphan_details.items()):
                lines.append(f"  {table}:")
                if details.rows_removed:
                    lines.append(f"    Rows deleted: {details.rows_removed}")
                if details.rows_nullified:
                    lines.append(f"    Rows nullified: {details.rows_nullified}")
                for referenced, count in sorted(details.missing_references.items()):
                    lines.append(f"    -> missing references to {referenced}: {count}")
            lines.append("")
        lines += ["CLONE ASSESSMENT", "-" * 40, *(f"  {line}" for line in self.assessment), rule]
        return "\n".join(lines)


def _issues(severity: Severity, issues: Iterable[CloneIssue]) -> list[str]:
    given = list(issues)
    lines = [f"  {str(severity).upper()} ({len(given)}):"] if given else []
    for issue in given:
        lines.append(f"    - {issue}")
        if issue.details:
            cut = "..." if len(issue.details) > 100 else ""
            lines.append(f"      Details: {issue.details[:100]}{cut}")
        if issue.action:
            lines.append(f"      Action: {issue.action}")
    return lines


def summarize(
    issues: Iterable[CloneIssue],
    restored: Mapping[str, int],
    failed: Iterable[str],
    skipped: Iterable[str],
    orphans: Mapping[str, OrphanDetails],
    fkeys: Iterable[ForeignKeyReport],
) -> Summary:
    """The numbers of a report."""
    severities = [issue.severity for issue in issues]
    states = [fkey.state for fkey in fkeys]
    return Summary(
        total_issues=len(severities),
        errors=severities.count(Severity.ERROR),
        warnings=severities.count(Severity.WARNING),
        tables_restored=len(restored),
        tables_failed=len(list(failed)),
        tables_skipped=len(list(skipped)),
        total_rows_restored=sum(restored.values()),
        orphan_rows_removed=sum(details.rows_removed for details in orphans.values()),
        orphan_rows_nullified=sum(details.rows_nullified for details in orphans.values()),
        fkeys_applied=states.count("applied"),
        fkeys_failed=states.count("failed"),
        fkeys_pruned=states.count("pruned"),
    )


class Findings:
    """What a clone finds while it runs; `report` makes the report of it."""

    def __init__(self) -> None:
        self.issues: list[CloneIssue] = []
        self.tables: dict[str, TableReport] = {}
        self.foreign_keys: dict[str, ForeignKeyReport] = {}
        self.missing: dict[str, dict[str, int]] = {}
        """Table -> referenced table -> rows."""
        self.truncated: list[TruncatedValue] = []

    def add(
        self,
        severity: Severity,
        category: Category,
        message: str,
        *,
        table: str | None = None,
        details: str | None = None,
        action: str | None = None,
        row_count: int = 0,
        skipped_rids: Iterable[str] = (),
    ) -> CloneIssue:
        """Note an issue, once: the same one again, of a job that was resumed, is overlooked."""
        issue = CloneIssue(
            severity=severity,
            category=category,
            message=message,
            table=table,
            details=details,
            action=action,
            row_count=row_count,
            skipped_rids=tuple(skipped_rids),
        )
        if issue not in self.issues:
            self.issues.append(issue)
        return issue

    def report(self) -> CloneReport:
        """The report of what was found so far."""
        orphans: dict[str, OrphanDetails] = {}
        for name, table in self.tables.items():
            if table.removed or table.nullified or self.missing.get(name):
                orphans[name] = OrphanDetails(
                    rows_removed=table.removed,
                    rows_nullified=table.nullified,
                    missing_references=dict(sorted(self.missing.get(name, {}).items())),
                )
        restored = {n: t.copied for n, t in self.tables.items() if t.state in ("restored", "partial")}
        failed = tuple(n for n, t in self.tables.items() if t.state in ("failed", "partial"))
        skipped = tuple(n for n, t in self.tables.items() if t.state == "skipped")
        fkeys = tuple(self.foreign_keys.values())
        return CloneReport(
            summary=summarize(self.issues, restored, failed, skipped, orphans, fkeys),
            issues=tuple(self.issues),
            tables_restored=restored,
            tables_failed=failed,
            tables_skipped=skipped,
            orphan_details=orphans,
            tables=tuple(self.tables.values()),
            foreign_keys=fkeys,
        )
