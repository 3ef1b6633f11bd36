"""`satchel clone`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from typing import cast

import msgspec

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path, table
from satchel.cli.running import Stop, run
from satchel.core.clone.request import CloneRequest, CloneResult, Selection, Strategy
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access

STRATEGIES = ("fail", "delete", "nullify")


def define(parser: Parser) -> None:
    """Its options."""
    plain = CloneRequest(host="", catalog="", rid="")
    parser.add_argument("host", nargs="?", metavar="HOST", help="the source's server")
    parser.add_argument("catalog", nargs="?", metavar="CATALOG", help="its catalog, number or alias")
    parser.add_argument("rid", nargs="?", metavar="RID", help="the record from which all is reached")
    parser.add_argument("--from-bag", type=path, metavar="PATH", help="a bag of an export as the source instead")
    parser.add_argument("--snapshot", metavar="SNAP", help="a snapshot of the source (otherwise the newest)")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, and make nothing")
    parser.add_argument(
        "--delete",
        metavar="JOB",
        help="delete the catalog that a clone which did not end has made, and forget the job (with --dry-run: only say "
        "what is in it)",
    )

    there = parser.add_argument_group("where it goes")
    there.add_argument("--to", metavar="HOST", help="the destination's server (otherwise the source's)")
    there.add_argument("--to-catalog", metavar="CATALOG", help="an existing, empty catalog (otherwise a new one)")
    there.add_argument("--alias", help="a name for the new catalog")

    what = parser.add_argument_group("what comes along (`satchel preview` shows what there is to choose)")
    _tables(what, "--untick", "leave a table out")
    what.add_argument("--exclude-schema", action="append", default=[], metavar="SCHEMA", help="leave a schema out")
    _tables(what, "--include", "have a table in the clone even if none of its rows is reached")
    what.add_argument(
        "--include-schema", action="append", default=[], metavar="SCHEMA", help="the same for all tables of a schema"
    )
    _tables(what, "--follow", "what an association leads to, and what belongs to them")
    _tables(what, "--no-follow", "what an association leads to alone, as for the members of a dataset")
    what.add_argument(
        "--vocabularies",
        choices=("whole", "used", "none"),
        default=plain.selection.vocabularies,
        help="all terms of a vocabulary that is referred to (whole), those that are used, or none",
    )
    what.add_argument("--no-associations", action="store_true", help="leave out tables that only connect two others")
    what.add_argument("--by-annotation", action="store_true", help="as the export annotation of the root's table says")
    what.add_argument(
        "--assets",
        choices=("none", "references", "full"),
        default=plain.assets,
        help="rows of asset tables not at all, with the files' addresses (references), or with the files (full)",
    )

    how = parser.add_argument_group("references to rows that do not come along")
    how.add_argument(
        "--orphans",
        choices=STRATEGIES,
        default=plain.orphans,
        help="leave the foreign key off and say so (fail), delete the rows, or set their references to null",
    )
    how.add_argument(
        "--orphans-for",
        action="append",
        default=[],
        type=_strategy,
        metavar="SCHEMA:TABLE=STRATEGY",
        help="another one for a table, or for a foreign key (SCHEMA:CONSTRAINT=STRATEGY); may be given again",
    )
    how.add_argument("--prune-hidden-fkeys", action="store_true", help="leave out foreign keys to hidden rows")
    how.add_argument("--truncate-oversized", action="store_true", help="cut values that an index refuses")

    rest = parser.add_argument_group("what else is made")
    rest.add_argument("--no-annotations", action="store_true", help="no annotations (but of files and indexes)")
    rest.add_argument("--no-policy", action="store_true", help="no access rules")
    rest.add_argument("--no-ml-schema", action="store_true", help="do not add deriva-ml's schema where there is none")
    rest.add_argument("--no-new-versions", action="store_true", help="give datasets no new version")
    rest.add_argument(
        "--concurrency",
        type=_number,
        default=plain.concurrency,
        metavar="N",
        help=f"requests to the source at once, at most (default {plain.concurrency})",
    )
    parser.add_argument_group("servers")
    parser.add_access()
    parser.add_argument(
        "--dest-credential", type=path, metavar="FILE", help="the credential file for the destination, if another"
    )
    parser.add_argument(
        "--dest-ca", action="append", default=[], type=path, metavar="FILE", help="trust this one at the destination"
    )
    parser.set_defaults(run=clone)


def _tables(group: argparse._ArgumentGroup, option: str, text: str) -> None:
    group.add_argument(
        option, action="append", default=[], type=table, metavar="SCHEMA:TABLE", help=f"{text}; may be given again"
    )


def _strategy(text: str) -> tuple[str, str]:
    name, _, strategy = text.rpartition("=")
    if not name or strategy not in STRATEGIES:
        raise argparse.ArgumentTypeError(f"{text!r} is not SCHEMA:TABLE=fail, =delete or =nullify")
    return table(name), strategy


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 64")
    return int(text)


def request_of(options: Namespace) -> CloneRequest:
    """The request that the options stand for. Raises SatchelError where they do not make sense."""
    if options.from_bag:
        if options.host:
            raise SatchelError(Kind.USAGE, "A bag is the whole source: leave out server, catalog and record.")
        if not options.to:
            raise SatchelError(Kind.USAGE, "Where the clone goes is missing.", "Name the server: --to HOST.")
    elif not options.rid:
        raise SatchelError(
            Kind.USAGE, "What to clone is missing.", "Name server, catalog and record: satchel clone HOST CATALOG RID."
        )
    access = Access(ca=tuple(options.ca), credential=options.credential)
    there = None
    if options.dest_credential or options.dest_ca:
        there = Access(ca=tuple(options.dest_ca) or access.ca, credential=options.dest_credential or options.credential)
    return CloneRequest(
        host=options.host or "",
        catalog=options.catalog or "",
        rid=options.rid or "",
        snapshot=options.snapshot,
        from_bag=options.from_bag,
        to_host=options.to,
        to_catalog=options.to_catalog,
        access=access,
        dest_access=there,
        selection=Selection(
            exclude=tuple(options.untick),
            exclude_schemas=tuple(options.exclude_schema),
            include=tuple(options.include),
            include_schemas=tuple(options.include_schema),
            follow=tuple(options.follow),
            stop=tuple(options.no_follow),
            vocabularies=options.vocabularies,
            associations=not options.no_associations,
            by_annotation=options.by_annotation,
        ),
        assets=options.assets,
        orphans=options.orphans,
        orphans_for={name: cast(Strategy, strategy) for name, strategy in options.orphans_for},
        copy_annotations=not options.no_annotations,
        copy_policy=not options.no_policy,
        prune_hidden_fkeys=options.prune_hidden_fkeys,
        truncate_oversized=options.truncate_oversized,
        concurrency=options.concurrency,
        alias=options.alias,
        add_ml_schema=not options.no_ml_schema,
        reinitialize_dataset_versions=not options.no_new_versions,
        dry_run=options.dry_run,
    )


def clone(options: Namespace, output: Output) -> int:
    """Make the clone, say what it would be, or take away one that did not end."""
    if options.delete:
        return _delete(options, output)
    request = request_of(options)
    if request.dry_run:
        return _forecast(request, output)
    from satchel.cli.job import run_request

    return run_request(request, output)


def _forecast(request: CloneRequest, output: Output) -> int:
    from satchel.cli.forecast import text
    from satchel.core.clone.forecast import Forecast
    from satchel.core.clone.forecasting import forecast
    from satchel.core.jobs.run import run_aside
    from satchel.core.paths import Home

    async def work(_stop: Stop) -> Forecast:
        found = await run_aside(forecast, request, Home.find(), output.hear)
        assert isinstance(found, Forecast)  # noqa: S101 - what `forecast` gives
        return found

    found = run(work, output)
    output.result(msgspec.to_builtins(found), lambda: text(found))
    return 0 if found.possible else 1


def _delete(options: Namespace, output: Output) -> int:
    from satchel.core.clone.removing import remove
    from satchel.core.paths import Home

    if options.dry_run:
        return _leftover(options, output)

    async def work(_stop: Stop) -> str:
        return await remove(Home.find(), options.delete)

    said = run(work, output)
    output.result({"result": "deleted", "id": options.delete, "message": said}, lambda: said)
    return 0


def _leftover(options: Namespace, output: Output) -> int:
    """Say what deleting would delete, and delete nothing."""
    from satchel.core.clone.leftovers import Leftover, describe
    from satchel.core.paths import Home

    async def work(_stop: Stop) -> Leftover:
        return await describe(Home.find(), options.delete)

    found = run(work, output)
    values = {"result": "leftover", "id": options.delete, **msgspec.to_builtins(found), "message": found.text}
    output.result(values, lambda: found.text)
    return 0


def told(result: CloneResult) -> str:
    """What a clone has to say, for people."""
    if result.forecast is not None:
        from satchel.cli.forecast import text

        return text(result.forecast)
    lines = [result.url, "", result.report.to_text(), ""]
    lines += [
        f"Cut: {value.table} {value.rid}, {value.column}: {value.original_bytes:,} bytes to {value.truncated_bytes:,}"
        for value in result.truncated_values
    ]
    lines.append(
        "Verified: rows and digests of all tables are as they should be."
        if result.verified
        else "NOT verified: not all tables are as they should be; see the report."
    )
    return "\n".join(lines)
