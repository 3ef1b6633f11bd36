"""A clone's report as one page of HTML that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from html import escape

from satchel.core.clone.report import CloneIssue, CloneReport, TableReport
from satchel.core.clone.report_tree import CATEGORIES, SEVERITIES, TITLES
from satchel.core.clone.request import CloneResult

LISTED = 5000
"""Issues of a severity that are listed; the JSON has all."""
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#1d2124}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #dedad2;padding:.3em .6em;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}td.n{text-align:right}.good{color:#1b6e3f}.bad{color:#ab241c}"
    "svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif}small{color:#5d6266}"
)
_COLOURS = {
    "good": ("#e3f1e8", "#1b6e3f", "as in the source"),
    "changed": ("#fdf0d5", "#8a5a00", "rows removed or references set to null"),
    "bad": ("#fae3e1", "#ab241c", "failed, incomplete or different"),
    "skipped": ("#eeeeec", "#5d6266", "not in the clone"),
}
_BOX = (190, 46)
_GAP = (34, 26)
_COLUMNS = 5


def page(result: CloneResult) -> str:
    """The page.

    Args:
        result: of the clone.
    """
    report = result.report
    title = f"Clone {result.catalog_id} on {result.hostname}"
    source = f"{result.root_rid} of catalog {result.source_catalog_id} on {result.source_hostname}"
    if result.source_snapshot:
        source += f", snapshot {result.source_snapshot}"
    verdict = (
        '<p class="good">✓ Verified: rows and digests of all tables are as they should be.</p>'
        if result.verified
        else '<p class="bad">✗ Not verified: not all tables are as they should be.</p>'
    )
    parts = [
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>",
        f"<p>Made of {escape(source)}.<br>{escape(result.url)}</p>{verdict}",
        "".join(f"<p>{escape(line)}</p>" for line in report.assessment),
        _summary(report),
        "<h2>Tables</h2>",
        diagram(report),
        _tables(report.tables),
        _keys(report),
        _issues(report.issues),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def diagram(report: CloneReport) -> str:
    """The tables as boxes coloured by what became of them, the foreign keys as lines: an SVG."""
    tables = sorted(report.tables, key=lambda t: t.table)
    if not tables:
        return ""
    width, height = _BOX
    columns = min(_COLUMNS, len(tables))
    places = {
        table.table: ((n % columns) * (width + _GAP[0]) + 4, (n // columns) * (height + _GAP[1]) + 4)
        for n, table in enumerate(tables)
    }
    whole = (
        columns * (width + _GAP[0]) - _GAP[0] + 8,
        ((len(tables) + columns - 1) // columns) * (height + _GAP[1]) - _GAP[1] + 34,
    )
    pieces = [
        f'<svg viewBox="0 0 {whole[0]} {whole[1]}" role="img" aria-label="Tables of the clone, coloured by outcome" '
        f'xmlns="http://www.w3.org/2000/svg">'
    ]
    for key in report.foreign_keys:
        if key.table in places and key.referenced in places and key.table != key.referenced:
            (x1, y1), (x2, y2) = places[key.table], places[key.referenced]
            dashed = "" if key.state == "applied" else ' stroke-dasharray="4 3"'
            colour = "#9aa0a4" if key.state == "applied" else _COLOURS["bad"][1]
            pieces.append(
                f'<line x1="{x1 + width / 2}" y1="{y1 + height / 2}" x2="{x2 + width / 2}" y2="{y2 + height / 2}" '
                f'stroke="{colour}"{dashed}><title>{escape(key.name)}: {escape(key.state)}</title></line>'
            )
    for table in tables:
        x, y = places[table.table]
        fill, edge, said = _COLOURS[outcome(table)]
        schema, _, name = table.table.partition(":")
        pieces.append(
            f'<g><title>{escape(table.table)}: {escape(said)}</title><rect x="{x}" y="{y}" width="{width}" '
            f'height="{height}" rx="6" fill="{fill}" stroke="{edge}"/><text x="{x + 10}" y="{y + 19}" fill="#1d2124">'
            f'{escape(_short(name or schema))}</text><text x="{x + 10}" y="{y + 36}" fill="{edge}">'
            f"{table.copied - table.removed:,} rows</text></g>"
        )
    x = 4
    for fill, edge, said in _COLOURS.values():
        y = whole[1] - 20
        pieces.append(
            f'<rect x="{x}" y="{y}" width="12" height="12" rx="3" fill="{fill}" stroke="{edge}"/>'
            f'<text x="{x + 18}" y="{y + 11}" fill="#5d6266">{said}</text>'
        )
        x += 40 + 7 * len(said)
    pieces.append("</svg>")
    return "".join(pieces)


def outcome(table: TableReport) -> str:
    """What became of a table, in one of four words: good, changed, bad, skipped."""
    if table.state == "skipped":
        return "skipped"
    if table.state in ("failed", "partial", "pending") or table.verified is False:
        return "bad"
    return "changed" if table.removed or table.nullified or table.truncated else "good"


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"


def _summary(report: CloneReport) -> str:
    s = report.summary
    rows = (
        ("Tables copied", s.tables_restored),
        ("Tables that failed", s.tables_failed),
        ("Tables left out", s.tables_skipped),
        ("Rows copied", s.total_rows_restored),
        ("Rows removed, as their references led nowhere", s.orphan_rows_removed),
        ("References set to null", s.orphan_rows_nullified),
        ("Foreign keys put on", s.fkeys_applied),
        ("Foreign keys left off", s.fkeys_failed),
        ("Foreign keys left out", s.fkeys_pruned),
        ("Errors", s.errors),
        ("Warnings", s.warnings),
    )
    return "<table>" + "".join(f'<tr><td>{name}</td><td class="n">{n:,}</td></tr>' for name, n in rows) + "</table>"


def _tables(tables: tuple[TableReport, ...]) -> str:
    lines = ["<table><tr><th>Table</th><th>State</th><th>Rows</th><th>Removed</th><th>Nulled</th><th>Files</th></tr>"]
    lines += [
        f"<tr><td>{escape(t.table)}</td><td>{escape(t.state)}{'' if t.verified is not False else ', differs'}</td>"
        + "".join(f'<td class="n">{n:,}</td>' for n in (t.copied, t.removed, t.nullified, t.assets))
        + "</tr>"
        for t in tables
    ]
    return "".join([*lines, "</table>"])


def _keys(report: CloneReport) -> str:
    told = [key for key in report.foreign_keys if key.state != "applied" or key.orphans]
    if not told:
        return ""
    lines = [
        "<h2>Foreign keys that were not simply put on</h2><table><tr><th>Foreign key</th><th>From</th><th>To</th>"
        "<th>State</th><th>Orphans</th><th>RIDs</th></tr>"
    ]
    lines += [
        f"<tr><td>{escape(k.name)}</td><td>{escape(k.table)} ({escape(', '.join(k.columns))})</td>"
        f"<td>{escape(k.referenced)} ({escape(', '.join(k.referenced_columns))})</td><td>{escape(k.state)}</td>"
        f'<td class="n">{k.orphans:,}</td><td><small>{escape(", ".join(k.sample_rids))}</small></td></tr>'
        for k in told
    ]
    return "".join([*lines, "</table>"])


def _issues(issues: tuple[CloneIssue, ...]) -> str:
    parts = []
    for severity in SEVERITIES:
        mine = [issue for issue in issues if issue.severity is severity]
        if not mine:
            continue
        parts.append(f"<h2>{TITLES[severity]} ({len(mine):,})</h2><table>")
        parts += [_issue(issue) for issue in mine[:LISTED]]
        parts.append("</table>")
        if len(mine) > LISTED:
            parts.append(f"<p>and {len(mine) - LISTED:,} more; the report as JSON has them all.</p>")
    return "".join(parts)


def _issue(issue: CloneIssue) -> str:
    more = [escape(text) for text in (issue.details, issue.action) if text]
    if issue.skipped_rids:
        more.append(f"<small>{escape(', '.join(issue.skipped_rids[:50]))}</small>")
    rows = f"{issue.row_count:,}" if issue.row_count else ""
    return (
        f"<tr><td>{CATEGORIES.get(issue.category, str(issue.category))}</td><td>{escape(issue.table or '')}</td>"
        f'<td>{escape(issue.message)}{"".join(f"<br>{text}" for text in more)}</td><td class="n">{rows}</td></tr>'
    )
