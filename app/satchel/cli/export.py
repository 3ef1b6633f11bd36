"""`satchel export` and `satchel preview`."""

from __future__ import annotations

from argparse import Namespace

import msgspec

from satchel.cli import export_spec
from satchel.cli.output import Output
from satchel.cli.parser import Parser, path, table
from satchel.cli.running import Stop, run
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.request import Archive, ExportRequest, ExportResult, Offers
from satchel.core.flows.export import ALGORITHMS, ExportDraft, ExportFlow, record_problems
from satchel.core.jobs.request import Access

TOLD = 10
"""Problems that are told one by one; the others are counted, and all of them are in the bag and with --json."""


def define(parser: Parser) -> None:
    """The options of both, so that one word turns a preview into an export."""
    parser.add_catalog()
    parser.add_argument("--rid", metavar="RID", help="the record from which all is reached")
    parser.add_argument("--dataset", metavar="RID", help="a deriva-ml dataset, by deriva-ml's own rule instead")
    parser.add_argument("--version", metavar="V", help="its version (otherwise the newest that has a snapshot)")
    where = "the folder that the bag goes into" + ("" if parser.command == "export" else " (makes nothing there)")
    parser.add_argument("--out", type=path, metavar="DIR", help=where)
    parser.add_argument("--name", help="the bag's name (otherwise made of catalog, table and RID)")
    parser.add_argument("--snapshot", metavar="SNAP", help="a snapshot of the catalog (otherwise the newest)")
    what = parser.add_argument_group("what comes along (`satchel preview` shows what there is to choose)")
    what.add_argument(
        "--untick",
        action="append",
        default=[],
        type=table,
        metavar="SCHEMA:TABLE",
        help="leave a table out; may be given again",
    )
    what.add_argument(
        "--follow",
        action="append",
        default=[],
        type=table,
        metavar="SCHEMA:TABLE",
        help="what an association leads to, and what belongs to them; may be given again",
    )
    what.add_argument(
        "--no-follow",
        action="append",
        default=[],
        type=table,
        metavar="SCHEMA:TABLE",
        help="what an association leads to alone, as for the members of a dataset; may be given again",
    )
    what.add_argument(
        "--vocabularies",
        choices=("whole", "used"),
        default="whole",
        help="all terms of a vocabulary that is referred to (whole), or those that are used",
    )
    how = parser.add_argument_group("how it is packed")
    how.add_argument(
        "--archive",
        choices=("zip", "tgz", "none", "tar", "bz2", "xz"),
        help="default zip, or as a spec says; none: a folder; tar, bz2, xz for specs",
    )
    how.add_argument("--materialize", action="store_true", help="put the files into the bag, not only their addresses")
    how.add_argument(
        "--algorithm",
        action="extend",
        nargs="+",
        choices=ALGORITHMS,
        metavar="|".join(ALGORITHMS),
        help="checksums (default md5 and sha256)",
    )
    how.add_argument("--server-side", action="store_true", help="have the server's export service make the bag")
    how.add_argument(
        "--no-cache", action="store_true", help="make it anew even where the same bag was made before, and keep no copy"
    )
    export_spec.add_choices(parser)
    export_spec.add_options(parser)
    parser.add_argument_group("servers")
    parser.add_access()
    parser.set_defaults(run=export if parser.command == "export" else preview)


def request_of(options: Namespace) -> ExportRequest:
    """The request that the options stand for. Raises SatchelError where they do not make sense."""
    flow = ExportFlow(ExportDraft())
    flow.set_record(options.host, options.catalog, options.rid or "")
    if not options.rid:
        raise SatchelError(
            Kind.USAGE,
            "What to export is missing.",
            "Name a record by its RID: --rid RID, as `satchel resolve` and the window show it.",
        )
    for problem in record_problems(flow.draft.host, flow.draft.catalog, flow.draft.rid):
        raise SatchelError(Kind.USAGE, problem.message)
    twice = set(options.follow) & set(options.no_follow)
    if twice:
        raise SatchelError(Kind.USAGE, f"{min(twice)} is both to be followed and not to be followed.")
    draft = flow.draft
    draft.out = options.out or ""
    draft.name = options.name or ""
    draft.snapshot = options.snapshot
    draft.offers = Offers(
        exclude=tuple(options.untick),
        follow=tuple(options.follow),
        stop=tuple(options.no_follow),
        vocabularies=options.vocabularies,
    )
    draft.archive = archive_of(options)
    draft.materialize = options.materialize
    if options.algorithm:
        draft.algorithms = tuple(dict.fromkeys(options.algorithm))
    draft.access = Access(ca=tuple(options.ca), credential=options.credential)
    return msgspec.structs.replace(
        flow.preview_request(),
        server_side=options.server_side,
        use_cache=not options.no_cache,
        assets=export_spec.choice_of(options),
        info=export_spec.info_of(options),
        ro_crate=options.ro_crate,
    )


def archive_of(options: Namespace) -> Archive:
    """How a bag that no spec describes is packed."""
    if options.archive in ("tar", "bz2", "xz"):
        raise SatchelError(Kind.USAGE, f"{options.archive} is for specs alone.", "Use zip, tgz or none.")
    found: Archive = options.archive or "zip"
    return found


def export(options: Namespace, output: Output) -> int:
    """Make the bag."""
    from satchel.cli.job import run_request

    if export_spec.wanted(options):
        return export_spec.export(options, output)
    if options.dry_run and not options.as_spec:
        return preview(options, output)
    if options.as_spec:
        return export_spec.as_spec(request_of(options), options.as_spec, output)
    if not options.out:
        raise SatchelError(Kind.USAGE, "Where the bag goes is missing.", "Name a folder: --out DIR.")
    if options.dataset or options.version:
        from satchel.cli.export_dataset import dataset_request

        return run_request(dataset_request(options), output)
    return run_request(request_of(options), output)


def told(result: ExportResult) -> str:
    """What an export has to say, for people."""
    from satchel.core.words import count, size

    assets = sum(table.assets for table in result.tables)
    lines = [
        result.archive or result.bag or "",
        f"{count(result.rows, 'rows')} of {count(len(result.tables), 'tables')}, {count(assets, 'assets')}, "
        f"{size(result.bytes)} in the bag, as of snapshot {result.snapshot}.",
    ]
    if result.hidden:
        lines.append(f"You may not read {', '.join(result.hidden)}, to which the record leads.")
    for problem in result.problems[:TOLD]:
        lines.append(f"Missing: {problem.table} {problem.rid}: {problem.message}")
    if len(result.problems) > TOLD:
        lines.append(f"Missing: {len(result.problems) - TOLD:,} more, listed in the bag.")
    if result.cached:
        lines.append("It was made before and comes from the cache, checksums compared.")
    verdict = "The bag is valid" if result.valid else "The bag is NOT valid"
    lines.append(f"{verdict} and complete." if result.complete else f"{verdict} but NOT complete.")
    return "\n".join(lines)


def preview(options: Namespace, output: Output) -> int:
    """Say what the bag would hold."""
    from satchel.cli.preview import text
    from satchel.core.export.preview import Preview
    from satchel.core.export.preview import preview as look
    from satchel.core.jobs.run import run_aside
    from satchel.core.paths import Home

    if export_spec.wanted(options):
        return export_spec.dry_run(export_spec.request_of(options, output), output)
    if options.dataset or options.version:
        from satchel.cli.export_dataset import dataset_preview

        return dataset_preview(options, output)
    request = request_of(options)

    async def work(_stop: Stop) -> Preview:
        found = await run_aside(look, request, Home.find(), output.hear)
        assert isinstance(found, Preview)  # noqa: S101 - what `look` gives
        return found

    found = run(work, output)
    output.result(msgspec.to_builtins(found), lambda: text(found))
    return 0
