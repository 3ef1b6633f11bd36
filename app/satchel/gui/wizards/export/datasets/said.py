"""What is known of a dataset, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.core import words

if TYPE_CHECKING:
    from satchel.core.deriva.datasets import Dataset, DatasetVersion, Members
    from satchel.core.deriva.datasets.changes import Changes

MOST = 12
"""Lines of changes; `satchel datasets --changes` tells all."""


def version_said(dataset: Dataset, version: DatasetVersion) -> str:
    """When it was made, by whom, and why."""
    lines = [" ".join(version.description.split())] if version.description else []
    made = f"Made {version.made[:10]}" + (f" by {version.by}" if version.by else "")
    if version.execution is not None:
        run = version.execution
        what = " · ".join(filter(None, [run.workflow, run.description])) or "an execution"
        made += f", by the run {run.rid} ({what})"
    lines.append(f"{made}.")
    if version.snapshot is None:
        lines.append("It is bound to no snapshot of the catalog, so it cannot be exported.")
    else:
        lines.append(f"Snapshot {version.snapshot}.")
    if dataset.types:
        lines.append(f"Types: {', '.join(dataset.types)}.")
    if version.minid:
        lines.append(f"It has an identifier: {version.minid}")
    return "\n".join(lines)


def members_said(found: Members) -> str:
    """What it holds, by type."""
    direct = {member.table: member.rows for member in found.direct}
    lines = []
    for member in found.total:
        name = "nested datasets" if member.table == "deriva-ml:Dataset" else member.table.partition(":")[2]
        own = direct.get(member.table, 0)
        own_said = f", {own:,} of them its own" if found.nested and own != member.rows else ""
        lines.append(f"{member.rows:,} {name}{own_said}")
    return "\n".join(lines) or "It has no members."


def changes_said(found: Changes) -> str:
    """What changed, in a few lines."""
    if found.same:
        return "Nothing differs."
    lines = []
    for change in found.members:
        name = "nested datasets" if change.table == "deriva-ml:Dataset" else change.table.partition(":")[2]
        lines.append(f"{name}: {len(change.added):,} came, {len(change.removed):,} went")
    for table in found.tables:
        pieces = [
            f"{number:,} {what}"
            for number, what in ((table.added, "new"), (table.removed, "gone"), (table.changed, "changed"))
            if number
        ]
        pieces += [f"new columns {', '.join(table.new_columns)}"] if table.new_columns else []
        pieces += [f"lost columns {', '.join(table.lost_columns)}"] if table.lost_columns else []
        lines.append(f"Rows of {table.table}: {', '.join(pieces)}")
    if len(lines) > MOST:
        more = words.count(len(lines) - MOST, "tables")
        lines[MOST:] = [f"and {more} more; `satchel datasets … --changes` tells all."]
    return "\n".join(lines)
