"""A preview in words: a tree of tables with their figures, what is hidden, and what there is to choose."""

from __future__ import annotations

from satchel.cli.tables import columns
from satchel.core.export.choosing import AssetTotals
from satchel.core.export.preview import Preview, PreviewAssociation, PreviewTable
from satchel.core.words import count, duration, size

_ROLES = (
    ("root", "The record (and others of its table)"),
    ("down", "Belongs to it"),
    ("partner", "On the far side of associations"),
    ("up", "Comes along, as something refers to it"),
    ("vocabulary", "Vocabularies"),
)
_REASONS = {
    "missing": "are not there, or hidden from you row by row",
    "hidden": "are in tables that you may not read",
    "excluded": "are in tables that you left out",
}


def text(found: Preview) -> str:
    """The preview for people."""
    parts = [
        f"{found.table} {found.rid}, catalog {found.catalog} on {found.host}, snapshot {found.snapshot}",
        _tree(found),
    ]
    if found.inside is not None:
        parts.append(_inside(found.inside))
    if found.hidden:
        parts.append("Hidden from you, so not in the bag:\n" + "\n".join(f"  {table}" for table in found.hidden))
    if found.dangling:
        lines = [
            f"  {count(d.rows, 'rows')} of {d.table} ({', '.join(d.columns)}) refer to {d.referenced}; "
            f"those {_REASONS.get(d.reason, d.reason)}"
            for d in found.dangling
        ]
        parts.append("References to what is not in the bag:\n" + "\n".join(lines))
    if found.associations:
        lines = [f"  {line}" for offer in found.associations for line in _offer(offer)]
        parts.append("To choose, for what is on the far side of associations:\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _inside(totals: AssetTotals) -> str:
    least = "" if totals.exact else "at most "
    unknown = f", {count(totals.unknown, 'files')} of unknown length" if totals.unknown else ""
    line = (
        f"Put into the bag: {least}{count(totals.count, 'files')}, {size(totals.bytes)}{unknown}; "
        f"about {duration(totals.seconds)}."
    )
    return f"{line}\n{totals.slow}" if totals.slow else line


def _tree(found: Preview) -> str:
    rows: list[tuple[str, ...]] = [("", "rows", "of all", "files", "their size", "as CSV")]
    known = {role for role, _ in _ROLES}
    for role, title in (*_ROLES, ("", "Others")):
        tables = [t for t in found.tables if t.role == role or (not role and t.role not in known)]
        if tables:
            rows.append((title, "", "", "", "", ""))
            rows += [_line(table, last=table is tables[-1]) for table in tables]
    whole = "not known" if found.csv_bytes is None else f"about {size(found.csv_bytes)}"
    total = f"In all: {len(found.tables)} tables"
    rows.append((total, f"{found.rows:,}", "", f"{found.assets:,}", size(found.asset_bytes), whole))
    return columns(rows, right=(1, 2, 3, 4, 5))


def _line(table: PreviewTable, *, last: bool) -> tuple[str, ...]:
    unknown = table.assets_of_unknown_length
    sizes = size(table.asset_bytes) if table.assets else ""
    if unknown:
        sizes += f" and {unknown:,} of unknown size"
    return (
        f"{'└' if last else '├'} {table.table}",
        f"{table.rows:,}",
        f"{table.total_rows:,}",
        f"{table.assets:,}" if table.assets else "",
        sizes,
        "not known" if table.csv_bytes is None else size(table.csv_bytes),
    )


def _offer(offer: PreviewAssociation) -> list[str]:
    partners = ", ".join(offer.partners)
    option = f"--no-follow {offer.key}" if offer.current else f"--follow {offer.key}"
    state = "comes with what belongs to it" if offer.current else "comes alone"
    return [f"{partners} (by {offer.association}) {state}; {option}: {_cost(offer)}"]


def _cost(offer: PreviewAssociation) -> str:
    if offer.rows is None:
        return "what that costs is not known"
    if not offer.rows and not offer.assets:
        return "changes nothing"
    word = "fewer" if offer.current else "more"
    told = f"{count(abs(offer.rows), 'rows')} {word}"
    if offer.assets:
        told += f", {count(abs(offer.assets), 'files')} ({size(abs(offer.asset_bytes or 0))}) {word}"
    return told
