"""A forecast of a clone in words."""

from __future__ import annotations

from satchel.cli.tables import columns
from satchel.core.clone.forecast import DanglingForecast, Forecast, StrategyForecast
from satchel.core.words import count, size

_REASONS = {
    "missing": "not there, or hidden from you row by row",
    "hidden": "in a table that you may not read",
    "excluded": "in a table that you left out",
    "assets": "asset rows, which are not taken",
}


def text(found: Forecast) -> str:
    """The forecast for people."""
    parts = [
        f"{found.root_table} {found.rid}, catalog {found.catalog_id} on {found.hostname}, snapshot {found.snapshot},\n"
        f"to {found.destination}. Nothing was made."
    ]
    for right in found.rights:
        sign = "Stop" if right.fatal else "Note"
        parts.append(f"{sign}: {right.message} {right.hint}".rstrip())
    rows: list[tuple[str, ...]] = [("table", "rows", "of all", "deleted", "nullified", "files", "their size")]
    rows += [
        (
            table.table,
            f"{table.rows:,}",
            f"{table.total_rows:,}",
            f"{table.removed:,}" if table.removed else "",
            f"{table.nullified:,}" if table.nullified else "",
            f"{table.assets:,}" if table.assets else "",
            size(table.asset_bytes) if table.assets else "",
        )
        for table in found.tables
    ]
    files = f"{found.assets:,}"
    rows.append((f"In all: {len(found.tables)}", f"{found.rows:,}", "", "", "", files, size(found.asset_bytes)))
    parts.append(columns(rows, right=(1, 2, 3, 4, 5, 6)))
    if found.dangling:
        parts.append("References that lead nowhere:\n" + "\n".join(_dangling(d) for d in found.dangling))
        parts.append("Strategies, each for all:\n" + "\n".join(f"  {_outcome(o)}" for o in found.outcome))
        parts.append(f"As chosen:\n  {_outcome(found.chosen)}")
    if found.oversized:
        lines = [
            f"  {o.table} {o.column}: {count(o.values, 'values')}, the longest {size(o.longest)}"
            for o in found.oversized
        ]
        parts.append("Perhaps too long for an index:\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _dangling(found: DanglingForecast) -> str:
    rids = ", ".join(found.sample_rids) + (", ..." if found.rows > len(found.sample_rids) else "")
    what = f"{count(found.rows, 'rows')} of {found.table} ({', '.join(found.columns)})"
    why = _REASONS.get(found.reason, found.reason)
    lines = [f"  {found.name}: {what} refer to {found.referenced}; that is {why}.", f"    {rids}"]
    if not found.in_clone:
        lines.append("    The clone does not have that table: the foreign key is left out, the rows stay as they are.")
    else:
        lines.append(f"    --orphans-for {found.name}={found.strategy} (now)")
        lines += [f"    {_outcome(o)}" for o in found.strategies]
    return "\n".join(lines)


def _outcome(found: StrategyForecast) -> str:
    if not found.possible:
        return f"{found.strategy}: not possible, no column allows null; dealt with as fail"
    return (
        f"{found.strategy}: {count(found.rows_deleted, 'rows')} deleted, {found.rows_nullified:,} set to null, "
        f"{found.fkeys_left_off:,} foreign keys left off"
    )
