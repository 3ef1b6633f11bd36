"""`satchel inspect`."""

from __future__ import annotations

from argparse import Namespace

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path
from satchel.cli.tables import columns
from satchel.core.bags.inside.plain import one_line
from satchel.core.bags.inspecting import InspectRequest, InspectResult
from satchel.core.words import count, size


def define(parser: Parser) -> None:
    """Its options."""
    parser.add_argument("path", type=path, metavar="PATH", help="the bag's folder or archive")
    parser.add_argument(
        "--columns", action="store_true", help="read all records: what each column holds, and what links the tables"
    )
    parser.set_defaults(run=inspect)


def request_of(options: Namespace) -> InspectRequest:
    """The request that the options stand for."""
    return InspectRequest(path=options.path, columns=options.columns)


def inspect(options: Namespace, output: Output) -> int:
    """Say what the bag is."""
    from satchel.cli.job import run_request

    return run_request(request_of(options), output)


def told(result: InspectResult) -> str:
    """What it is, for people."""
    kind = {"folder": "a folder", "zip": "a zip archive", "tar": "a tar archive"}[result.kind]
    packed = f" of {size(result.size)}" if result.size is not None else ""
    whole = f", {size(result.bytes)}" if result.bytes is not None else ""
    lines = [
        f"{result.path}: {kind}{packed}",
        f"BagIt {result.version}, {result.encoding}, checksums {', '.join(result.algorithms) or 'none'}",
        f"{count(result.files, 'files')}{whole} in all{_remote(result)}",
    ]
    if result.profile:
        lines.append(f"Profile {result.profile}")
    if result.origin is not None:
        of = result.origin
        at = f", snapshot {of.snapshot}" if of.snapshot else ""
        root = f": {of.table} {of.rid}" if of.rid else ""
        lines.append(f"From catalog {of.catalog} on {of.host}{at}{root}")
    if result.info:
        lines += ["", columns([(f"  {label}", value) for label, value in result.info])]
    if result.tables:
        lines += [
            "",
            columns([("  Table", "rows"), *((f"  {t.name}", f"{t.rows:,}") for t in result.tables)], right=(1,)),
        ]
    lines += _records(result)
    return "\n".join([*lines, "", "Nothing was checked; `satchel validate` does."])


def _records(result: InspectResult) -> list[str]:
    """What the columns hold and what links the tables."""
    lines: list[str] = []
    for table in result.records:
        lines += ["", f"{one_line(table.name)}: {count(table.rows, 'rows')}"]
        rows = [("  column", "type", "empty", "different", "")]
        links = {link.columns: link for link in result.links if link.table == table.path}
        names = {each.path: each.name for each in result.records}
        for column in table.columns:
            link = links.get((column.name,))
            guessed = " (guessed)" if link is not None and link.guessed else ""
            to = f"-> {names.get(link.target, link.target)}({link.target_columns[0]}){guessed}" if link else ""
            different = f"{column.distinct:,}" if column.distinct is not None else ">200"
            rows.append((f"  {one_line(column.name)}", column.type, f"{column.empty:,}", different, one_line(to)))
        lines.append(columns(rows, right=(2, 3)))
        lines += [f"  {problem.message}" for problem in table.problems[:5]]
        if table.problem_count > 5:
            lines.append(f"  and {table.problem_count - 5:,} more.")
    return lines


def _remote(result: InspectResult) -> str:
    if not result.remote:
        return ""
    how = f" ({size(result.remote_bytes)})" if result.remote_bytes is not None else ""
    here = "" if result.missing is None else f", {result.missing:,} of them not here"
    return f"; {count(result.remote, 'files')}{how} to be fetched{here}"
