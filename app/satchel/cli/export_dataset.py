"""`satchel export --dataset` and `satchel preview --dataset`."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

import msgspec

from satchel.cli import export_spec
from satchel.cli.export import archive_of
from satchel.cli.look import ask
from satchel.cli.output import Output
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.datasets.request import DatasetRequest, DatasetResult
from satchel.core.flows.export import record_problems
from satchel.core.jobs.request import Access
from satchel.core.words import count, size

if TYPE_CHECKING:
    from satchel.core.export.datasets.estimate import Estimate

TOLD = 10


def dataset_request(options: Namespace) -> DatasetRequest:
    """The request that the options stand for. Raises SatchelError where they do not make sense."""
    if not options.dataset:
        raise SatchelError(Kind.USAGE, "--version is of a dataset.", "Name it: --dataset RID.")
    if options.rid:
        raise SatchelError(
            Kind.USAGE,
            "--rid and --dataset are two ways of exporting.",
            "--dataset follows deriva-ml's rule and makes the bag that deriva-ml opens; --rid follows Satchel's own.",
        )
    for problem in record_problems(options.host, options.catalog, options.dataset):
        raise SatchelError(Kind.USAGE, problem.message)
    for name in ("untick", "follow", "no_follow", "snapshot"):
        if getattr(options, name):
            raise SatchelError(
                Kind.USAGE,
                f"--{name.replace('_', '-')} is not for datasets: deriva-ml's rule leaves nothing to choose.",
                "Use --rid in place of --dataset to choose what comes along.",
            )
    return DatasetRequest(
        host=options.host,
        catalog=options.catalog,
        dataset=options.dataset.strip().upper(),
        version=options.version,
        out=options.out or "",
        archive=archive_of(options),
        algorithms=tuple(dict.fromkeys(options.algorithm or ())),
        name=options.name,
        materialize=options.materialize,
        assets=export_spec.choice_of(options),
        info=tuple(options.info),
        ro_crate=options.ro_crate,
        server_side=options.server_side,
        use_cache=not options.no_cache,
        access=Access(ca=tuple(options.ca), credential=options.credential),
    )


def told(result: DatasetResult) -> str:
    """What the export has to say, for people."""
    lines = [
        result.archive or result.bag or "",
        f"Dataset {result.dataset}, version {result.version}: {count(result.rows, 'rows')} in "
        f"{count(len(result.tables), 'files')}, {size(result.bytes)} in the bag, as of snapshot {result.snapshot}.",
    ]
    lines += [w.message for w in result.warnings if w.code in ("hidden-table", "several-domains", "from-identifier")]
    for problem in result.problems[:TOLD]:
        lines.append(f"Missing: {problem.table} {problem.rid}: {problem.message}")
    if len(result.problems) > TOLD:
        lines.append(f"Missing: {len(result.problems) - TOLD:,} more, listed in the bag.")
    if result.cached:
        lines.append("It was made before and comes from the cache, checksums compared.")
    verdict = "The bag is valid" if result.valid else "The bag is NOT valid"
    lines.append(f"{verdict} and complete." if result.complete else f"{verdict} but NOT complete.")
    return "\n".join(lines)


def dataset_preview(options: Namespace, output: Output) -> int:
    """Say what the bag would hold."""
    from satchel.core.export.datasets.estimate import estimate

    found = ask(lambda: estimate(dataset_request(options)), output)
    output.result(msgspec.to_builtins(found), lambda: estimate_text(found))
    return 0


def estimate_text(found: Estimate) -> str:
    """The estimate for people."""
    from satchel.cli.tables import columns

    rows = [("table", "rows", "files", "their size", "as CSV")]
    for table in found.tables:
        assets = f"{table.assets:,}" if table.assets else ""
        sizes = size(table.asset_bytes) if table.assets else ""
        rows.append((table.table, f"{table.rows:,}", assets, sizes, size(table.csv_bytes)))
    rows.append(
        ("In all", f"{found.rows:,}", f"{found.assets:,}", size(found.asset_bytes), f"about {size(found.csv_bytes)}")
    )
    parts = [
        f"Dataset {found.dataset}, version {found.version}, snapshot {found.snapshot}, "
        f"catalog {found.catalog} on {found.host}",
        columns(rows, right=(1, 2, 3, 4)),
        f"{found.outputs:,} queries, of which {found.empty:,} find nothing; rows that several paths lead to are in "
        f"several files, {found.repeated:,} rows in all.",
        f"About {_time(found.seconds_here)} on this computer, {_time(found.seconds_server)} by the server. "
        f"Proposed: {'the server' if found.proposal == 'server' else 'this computer'}. {found.reason}",
    ]
    if found.hidden:
        parts.append("Hidden from you, so not in the bag:\n" + "\n".join(f"  {table}" for table in found.hidden))
    return "\n\n".join(parts)


def _time(seconds: float) -> str:
    if seconds < 90:
        whole = max(1, round(seconds))
        return f"{whole} second{'' if whole == 1 else 's'}"
    return f"{round(seconds / 60):,} minutes"
