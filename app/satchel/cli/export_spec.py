"""`satchel export --spec` and `satchel export --table`: exports that a spec or a template of the catalog describes."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any

import msgspec

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path, table
from satchel.cli.running import Stop, run
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.request import AssetChoice, ExportRequest
from satchel.core.export.spec.request import SpecRequest, SpecResult
from satchel.core.flows.export import catalog_problems
from satchel.core.jobs.request import Access

TOLD = 10


def add_options(parser: Parser) -> None:
    """What to export by a spec or a template."""
    what = parser.add_argument_group("by a template of the catalog, or by a spec (docs/specs.md)")
    what.add_argument("--table", type=table, metavar="SCHEMA:TABLE", help="export this table's rows, or --rid's alone")
    what.add_argument(
        "--template", metavar="N|NAME", help="which of its templates (`satchel templates`); else the first"
    )
    what.add_argument("--spec", type=path, metavar="FILE", help="run an export spec, as deriva-download-cli does")
    what.add_argument(
        "--env", action="append", nargs="+", default=[], type=pair, metavar="K=V", help="values for its placeholders"
    )
    what.add_argument("--timeout", type=float, metavar="SECONDS", help="how long the server may say nothing (60)")
    what.add_argument("--dry-run", action="store_true", help="count what each query would bring, and make nothing")
    what.add_argument("--as-spec", type=path, metavar="FILE", help="write the export as a spec instead of running it")


def add_choices(parser: Parser) -> None:
    """Which assets are put into a bag, what it says of itself."""
    assets = parser.add_argument_group("which files --materialize puts into the bag (else all)")
    assets.add_argument("--asset-table", action="append", default=[], type=table, metavar="SCHEMA:TABLE")
    assets.add_argument("--asset-pattern", action="append", default=[], metavar="'*.png'")
    assets.add_argument("--asset-largest", type=whole, metavar="BYTES", help="none that is larger")
    assets.add_argument("--asset-bytes", type=whole, metavar="BYTES", help="so many bytes in all")
    assets.add_argument("--asset-count", type=whole, metavar="N", help="so many in all")
    said = parser.add_argument_group("what the bag says of itself")
    said.add_argument(
        "--info", action="append", default=[], type=pair, metavar="LABEL=VALUE", help="a field of bag-info.txt"
    )
    said.add_argument("--no-profile", action="store_true", help="leave out who you are (`satchel profile`)")
    said.add_argument("--ro-crate", action="store_true", help="describe the bag by an RO-Crate as well")


def whole(text: str) -> int:
    """A whole number from 0."""
    if not text.isdigit():
        raise ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def pair(text: str) -> tuple[str, str]:
    """`K=V`."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def choice_of(options: Namespace) -> AssetChoice:
    """Which assets the options choose."""
    return AssetChoice(
        tables=tuple(options.asset_table),
        patterns=tuple(options.asset_pattern),
        largest=options.asset_largest,
        bytes=options.asset_bytes,
        count=options.asset_count,
    )


def wanted(options: Namespace) -> bool:
    """Whether the options are of an export by spec or template."""
    if options.spec and options.table:
        raise SatchelError(Kind.USAGE, "--spec and --table are two ways to say what to export.", "Give one of them.")
    if options.template and not options.table:
        raise SatchelError(Kind.USAGE, "--template needs the table whose template it is.", "Give --table SCHEMA:TABLE.")
    if options.env and not options.spec:
        raise SatchelError(Kind.USAGE, "--env gives values to a spec, and there is none.", "Give --spec FILE.")
    return bool(options.spec or options.table)


def info_of(options: Namespace) -> tuple[tuple[str, str], ...]:
    """Fields of bag-info.txt: those given, and what the person's profile says where nothing else is."""
    from satchel.core import person
    from satchel.core.paths import Home

    given = tuple(options.info)
    taken = {label for label, _ in given}
    mine = () if options.no_profile else person.load(Home.find()).fields()
    return (*given, *((label, value) for label, value in mine if label not in taken))


def env_of(options: Namespace) -> dict[str, str]:
    """The values that are given."""
    return {name: value for group in options.env for name, value in group}


def access_of(options: Namespace) -> Access:
    """How the options want servers to be reached."""
    return Access(ca=tuple(options.ca), credential=options.credential)


def read_spec(file: str, env: dict[str, str], host: str | None = None) -> dict[str, Any]:
    """The spec in a file.

    Raises:
        SatchelError: it cannot be read, or has faults that keep it from running; the first is told with its line.
    """
    from satchel.core.export.errors import ConfigurationError
    from satchel.core.export.spec.lint import lint

    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise SatchelError(Kind.FILES, f"{file} cannot be read: {error.strerror}.", "Check its name.") from error
    faults = [f for f in lint(data, env, host=host) if f.severity == "error" and f.code in _CERTAIN]
    if faults:
        first = faults[0]
        more = f" {len(faults) - 1} more." if len(faults) > 1 else ""
        raise ConfigurationError(
            f"{file}, line {first.line}: {first.message}{more}",
            f"{first.hint} All faults: satchel spec check {file}".strip(),
            first.pointer,
        )
    document = json.loads(data)
    assert isinstance(document, dict)  # noqa: S101 - the linter has seen it
    return document


_CERTAIN = frozenset(
    {
        "json", "type", "no-catalog", "no-queries", "no-processor", "unknown-processor", "brace", "missing-variable",
        "outside", "archiver", "algorithm", "no-input", "no-template", "substitutions", "pattern", "column-transforms",
        "no-target",
    }
)  # fmt: skip
"""Faults with which a spec certainly cannot run. With others it may, or the server is to judge."""


def request_of(options: Namespace, output: Output) -> SpecRequest:
    """The request that the options stand for. Asks the server where a template is wanted. Raises SatchelError."""
    for problem in catalog_problems(options.host, options.catalog):
        raise SatchelError(Kind.USAGE, problem.message)
    request = SpecRequest(
        host=options.host,
        catalog=options.catalog,
        spec={},
        out=options.out or "",
        snapshot=options.snapshot,
        archive=options.archive or "spec",
        algorithms=tuple(dict.fromkeys(options.algorithm or ())),
        name=options.name,
        materialize=options.materialize,
        assets=choice_of(options),
        info=info_of(options),
        ro_crate=options.ro_crate,
        timeout=options.timeout,
        server_side=getattr(options, "server_side", False),
        use_cache=not options.no_cache,
        access=access_of(options),
    )
    if options.spec:
        env = env_of(options)
        return msgspec.structs.replace(
            request,
            spec=read_spec(options.spec, env, options.host),
            env=env,
            label=Path(options.spec).name,
            file=options.spec,
            rid=options.rid,
        )
    return from_template(request, options, output)


def from_template(request: SpecRequest, options: Namespace, output: Output) -> SpecRequest:
    """The request with the spec that a template makes."""
    from satchel.cli.look import ask
    from satchel.core.export.spec.making import choose, spec_of

    async def work() -> SpecRequest:
        made = await spec_of(
            request.host, request.catalog, options.table, options.rid, request.access,
            snapshot=request.snapshot, which=lambda templates: choose(templates, options.template, options.table),
        )  # fmt: skip
        return msgspec.structs.replace(
            request, spec=made.spec, label=made.template, table=options.table, rid=options.rid
        )

    return ask(work, output)


def export(options: Namespace, output: Output) -> int:
    """Run it, count it, or write the spec."""
    from satchel.cli.job import run_request

    request = request_of(options, output)
    if options.as_spec:
        return write_spec(request.spec, options.as_spec, output)
    if options.dry_run:
        return dry_run(request, output)
    if not options.out:
        raise SatchelError(Kind.USAGE, "Where the bag goes is missing.", "Name a folder: --out DIR.")
    return run_request(request, output)


def as_spec(request: ExportRequest, file: str, output: Output) -> int:
    """Write what belongs to a record as a spec."""
    from satchel.core.export.spec.of_reach import spec_of_reach
    from satchel.core.jobs.run import run_aside
    from satchel.core.paths import Home

    async def work(_stop: Stop) -> dict[str, Any]:
        found: Any = await run_aside(spec_of_reach, request, Home.find(), output.hear)
        return dict(found)

    return write_spec(run(work, output), file, output)


def write_spec(spec: dict[str, Any], file: str, output: Output) -> int:
    """Write a spec into a file that is not there yet."""
    target = Path(file)
    try:
        with target.open("x", encoding="utf-8") as opened:
            opened.write(json.dumps(spec, indent=2, ensure_ascii=False) + "\n")
    except FileExistsError:
        raise SatchelError(Kind.FILES, f"{file} is already there.", "Choose another name.") from None
    queries = spec["catalog"]["query_processors"]
    output.result({"spec": file, "queries": len(queries)}, lambda: f"{file}\n{len(queries)} queries.")
    return 0


def dry_run(request: SpecRequest, output: Output) -> int:
    """Count what each query would bring."""
    from satchel.cli.look import ask
    from satchel.core.deriva.ermrest import Catalog
    from satchel.core.deriva.session import Session
    from satchel.core.export.spec.counting import DryRun, count
    from satchel.core.export.spec.model import read

    spec = read(request.spec)

    async def work() -> DryRun:
        async with Session.open(request.host, request.access, inactivity=request.timeout) as session:
            return await count(await Catalog(session, request.catalog).pin(request.snapshot), spec, request.env)

    found = ask(work, output)

    def text() -> str:
        from satchel.cli.tables import columns
        from satchel.core.words import count as counted
        from satchel.core.words import size

        rows = [("", "rows", "files", "bytes", "")]
        for one in found.counts:
            rows.append(
                (
                    one.output or one.kind,
                    "?" if one.rows is None else f"{'' if one.exact else 'at most '}{one.rows:,}",
                    f"{one.files:,}" if one.kind in ("fetch", "download") else "",
                    size(one.bytes) if one.bytes is not None else "",
                    one.problem,
                )
            )
        lines = [columns(rows, right=(1, 2, 3))]
        lines.append(
            f"In all {counted(found.rows, 'rows')} and {counted(found.files, 'files')} ({size(found.bytes)}), "
            f"as of snapshot {found.snapshot}."
        )
        if found.slow:
            lines.append(found.slow)
        return "\n".join(lines)

    output.result(msgspec.to_builtins(found), text)
    return 1 if found.problems else 0


def told(result: SpecResult) -> str:
    """What the run of a spec has to say, for people."""
    from satchel.core.words import count, size

    lines = [result.archive or result.bag or "\n".join(result.files)]
    at = f", as of snapshot {result.snapshot}" if result.snapshot else ""
    lines.append(f"{count(result.rows, 'rows')} in {count(len(result.outputs), 'files')}, {size(result.bytes)}{at}.")
    lines += [f"Identifier: {identifier}" for identifier in result.identifiers]
    lines += [f"It can be had at {address}" for address in result.remote]
    for problem in result.problems[:TOLD]:
        lines.append(f"Missing: {problem.rid or problem.url}: {problem.message}")
    if len(result.problems) > TOLD:
        lines.append(f"Missing: {len(result.problems) - TOLD:,} more.")
    if result.cached:
        lines.append("It was made before and comes from the cache, checksums compared.")
    if result.bag or result.archive:
        verdict = "The bag is valid" if result.valid else "The bag is NOT valid"
        lines.append(f"{verdict} and complete." if result.complete else f"{verdict} but NOT complete.")
    return "\n".join(lines)
