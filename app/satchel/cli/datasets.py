"""`satchel datasets`: deriva-ml's datasets of a catalog, one of them, or what changed between two of its versions."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

import msgspec

from satchel.cli.look import access_of, ask
from satchel.cli.output import Output
from satchel.cli.parser import Parser
from satchel.cli.tables import columns
from satchel.core.errors import Kind, SatchelError
from satchel.core.flows.export import catalog_problems, record_problems

if TYPE_CHECKING:
    from satchel.core.deriva.datasets import Dataset, DatasetVersion, Members
    from satchel.core.deriva.datasets.changes import Changes, TableChange

SHOWN = 10
"""Rows that are told one by one; with --json all are."""


def define(parser: Parser) -> None:
    """Its options."""
    parser.add_catalog()
    parser.add_argument("rid", metavar="RID", nargs="?", help="one dataset: its versions and what it holds")
    parser.add_argument("--version", metavar="V", help="the version whose members are told (otherwise the newest)")
    parser.add_argument(
        "--changes", nargs="+", metavar=("OLD", "NEW"), help="what changed from one version to another (or the newest)"
    )
    parser.add_argument("--deleted", action="store_true", help="with those that are marked as deleted")
    parser.add_access()
    parser.set_defaults(run=datasets)


def datasets(options: Namespace, output: Output) -> int:
    """List them, or tell of one."""
    found = record_problems(options.host, options.catalog, options.rid) if options.rid else ()
    for problem in found or catalog_problems(options.host, options.catalog):
        raise SatchelError(Kind.USAGE, problem.message)
    if (options.changes or options.version) and not options.rid:
        raise SatchelError(Kind.USAGE, "Whose versions is missing.", "Name a dataset by its RID, after the catalog.")
    if options.changes and (len(options.changes) > 2 or options.version):
        raise SatchelError(Kind.USAGE, "--changes takes one version or two, and no --version beside it.")
    if options.changes:
        return _changes(options, output)
    return _one(options, output) if options.rid else _all(options, output)


def _all(options: Namespace, output: Output) -> int:
    from satchel.core.deriva.datasets.asking import every

    found = ask(lambda: every(options.host, options.catalog, access_of(options), deleted=options.deleted), output)
    values = [msgspec.to_builtins(dataset) for dataset in found]
    output.result(
        {"result": "datasets", "host": options.host, "catalog": options.catalog, "datasets": values},
        lambda: _tree(found, options),
    )
    return 0


def _one(options: Namespace, output: Output) -> int:
    from satchel.core.deriva.datasets.asking import one

    dataset, version, members = ask(
        lambda: one(options.host, options.catalog, options.rid, options.version, access_of(options)), output
    )
    value: dict[str, Any] = {"result": "dataset", "host": options.host, "catalog": options.catalog}
    value |= msgspec.to_builtins(dataset)
    value |= {"version": version.version, "snapshot": version.snapshot, "members": msgspec.to_builtins(members)}
    output.result(value, lambda: _told(dataset, version, members))
    return 0


def _changes(options: Namespace, output: Output) -> int:
    from satchel.core.deriva.datasets.asking import changed

    old, new = options.changes[0], options.changes[1] if len(options.changes) > 1 else None
    found = ask(lambda: changed(options.host, options.catalog, options.rid, old, new, access_of(options)), output)
    output.result(msgspec.to_builtins(found), lambda: changes_text(found))
    return 0


def _tree(found: tuple[Dataset, ...], options: Namespace) -> str:
    if not found:
        return f"Catalog {options.catalog} on {options.host} has no datasets that you may see."
    by_rid = {dataset.rid: dataset for dataset in found}
    rows = [("dataset", "version", "types", "description")]
    shown: set[str] = set()

    def add(dataset: Dataset, above: tuple[str, ...]) -> None:
        newest = dataset.newest
        name = "  " * len(above) + dataset.rid + (" (deleted)" if dataset.deleted else "")
        rows.append((name, newest.version if newest else "none", ", ".join(dataset.types), _line(dataset.description)))
        if dataset.rid in shown:  # nested in two, or in itself: what is in it is told once
            return
        shown.add(dataset.rid)
        for child in dataset.children:
            if child in by_rid and child not in above:
                add(by_rid[child], (*above, dataset.rid))

    for dataset in found:
        if not any(parent in by_rid for parent in dataset.parents):
            add(dataset, ())
    for dataset in found:
        if dataset.rid not in shown:
            add(dataset, ())
    head = f"{len(found)} datasets in catalog {options.catalog} on {options.host}"
    return f"{head}\n\n{columns(rows)}"


def _told(dataset: Dataset, version: DatasetVersion, members: Members) -> str:
    lines = [f"Dataset {dataset.rid}{' (deleted)' if dataset.deleted else ''}: {_line(dataset.description)}"]
    if dataset.types:
        lines.append(f"Types: {', '.join(dataset.types)}")
    lines.append(f"Made {dataset.made[:10]} by {dataset.by or 'somebody unknown'}")
    if dataset.parents:
        lines.append(f"Nested in: {', '.join(dataset.parents)}")
    rows = [("version", "snapshot", "made", "by", "description")]
    rows += [(v.version, v.snapshot or "none", v.made[:10], _by(v), _line(v.description)) for v in dataset.versions]
    parts = ["\n".join(lines), columns(rows)]
    held = [("members", "its own", "with nested ones")]
    direct = {c.table: c.rows for c in members.direct}
    total = {c.table: c.rows for c in members.total}
    held += [(t, f"{direct.get(t, 0):,}", f"{total.get(t, direct.get(t, 0)):,}") for t in sorted({*direct, *total})]
    parts.append(
        f"Version {version.version} holds\n\n{columns(held, right=(1, 2))}" if len(held) > 1 else "No members."
    )
    return "\n\n".join(parts)


def _by(version: DatasetVersion) -> str:
    execution = version.execution
    if execution is None:
        return version.by
    what = execution.workflow or execution.description or "an execution"
    return f"{execution.by or version.by}, by {what} ({execution.rid})"


def changes_text(found: Changes) -> str:
    """What changed, for people."""
    parts = [f"Dataset {found.dataset}, from version {found.old.version} to {found.new.version}"]
    if found.same:
        return f"{parts[0]}: nothing differs."
    if found.members:
        lines = ["Members"]
        for change in found.members:
            lines += [f"  {change.table}: {len(change.added):,} came, {len(change.removed):,} went"]
            lines += [f"    + {_some(change.added)}"] if change.added else []
            lines += [f"    - {_some(change.removed)}"] if change.removed else []
        parts.append("\n".join(lines))
    if found.tables:
        rows = [("rows that come with it", "added", "removed", "changed", "")]
        rows += [(t.table, f"{t.added:,}", f"{t.removed:,}", f"{t.changed:,}", _remark(t)) for t in found.tables]
        parts.append(columns(rows, right=(1, 2, 3)))
        told = [
            f"  {table.table} {row.rid}: {', '.join(row.columns)}"
            for table in found.tables
            for row in [r for r in table.rows if r.what == "changed"][:SHOWN]
        ]
        if told:
            parts.append("Changed values\n" + "\n".join(told))
    return "\n\n".join(parts)


def _remark(table: TableChange) -> str:
    said = [] if table.compared else ["written to; too many to look which values differ"]
    said += [f"new columns {', '.join(table.new_columns)}"] if table.new_columns else []
    said += [f"lost columns {', '.join(table.lost_columns)}"] if table.lost_columns else []
    return "; ".join(said)


def _some(rids: tuple[str, ...]) -> str:
    more = f" and {len(rids) - SHOWN:,} more" if len(rids) > SHOWN else ""
    return ", ".join(rids[:SHOWN]) + more


def _line(text: str) -> str:
    return " ".join(text.split())
