"""`satchel diff`."""

from __future__ import annotations

from argparse import Namespace

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path
from satchel.core.bags.compare import DiffRequest, DiffResult, TableChange
from satchel.core.words import count

TOLD = 50
"""Files, and rows of each table, that are told one by one; --json has all."""
_SIGN = {"added": "+", "removed": "-", "changed": "~", "unknown": "?"}


def define(parser: Parser) -> None:
    """Its options."""
    parser.add_argument("path", type=path, metavar="BAG", help="a bag's folder or archive")
    parser.add_argument("other", type=path, metavar="OTHER", help="the one to compare it with")
    parser.add_argument("--files-only", action="store_true", help="do not compare records row by row")
    parser.set_defaults(run=diff)


def request_of(options: Namespace) -> DiffRequest:
    """The request that the options stand for."""
    return DiffRequest(path=options.path, other=options.other, rows=not options.files_only)


def diff(options: Namespace, output: Output) -> int:
    """Compare the bags."""
    from satchel.cli.job import run_request

    return run_request(request_of(options), output)


def told(result: DiffResult) -> str:
    """What differs, for people."""
    lines = [f"{_SIGN[change.kind]} {change.path}" for change in result.files[:TOLD]]
    total = result.added + result.removed + result.changed + result.unknown
    if total > TOLD:
        lines.append(f"and {total - TOLD:,} more files; --json tells all")
    for table in result.tables:
        lines += _table(table)
    for field in result.info:
        before, after = (", ".join(values) or "(nothing)" for values in (field.before, field.after))
        lines.append(f"bag-info {field.label}: {before} -> {after}")
    if result.same:
        lines.append(f"The payloads are the same ({count(result.unchanged, 'files')}).")
    else:
        unknown = f", {result.unknown:,} that cannot be compared" if result.unknown else ""
        lines.append(
            f"{count(total, 'files')} differ: {result.added:,} added, {result.removed:,} removed, {result.changed:,} "
            f"changed{unknown}; {result.unchanged:,} are the same."
        )
    return "\n".join(lines)


def _table(table: TableChange) -> list[str]:
    lines = [f"{table.path}: {table.added:,} rows added, {table.removed:,} removed, {table.changed:,} changed"]
    if table.note:
        lines = [f"{table.path}: {table.note}"]
    for word, columns in (("added", table.columns_added), ("removed", table.columns_removed)):
        if columns:
            lines.append(f"  columns {word}: {', '.join(columns)}")
    for row in table.rows[:TOLD]:
        lines.append(f"  {_SIGN[row.kind]} {row.rid}{': ' if row.columns else ''}{', '.join(row.columns)}")
    more = table.added + table.removed + table.changed - TOLD
    if more > 0:
        lines.append(f"  and {more:,} more rows; --json tells more")
    return lines
