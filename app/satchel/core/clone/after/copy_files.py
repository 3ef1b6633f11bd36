"""The mode "full" of a clone's assets: its rows' files are copied to the destination."""

from __future__ import annotations

import msgspec

from satchel.core.clone.assets import AssetProblem, AssetsCopied, copy_assets, copy_bag_assets
from satchel.core.clone.report import SAMPLES, Category, Severity
from satchel.core.clone.work import Work

_KEPT = {
    "elsewhere": "Files of other servers were not copied: their rows lead there still",
    "not-in-bag": "Files that the bag does not hold were not copied: their rows lead to the source still",
    "not-hatrac": "Files that are in no Hatrac were not copied: their rows lead there still",
}


async def copy_files(work: Work) -> None:
    """Copy the files, and say in the report what came of it."""
    if work.request.assets != "full":
        return
    planned = {plan.name for plan in work.plan.tables}
    tables = [table for table in await work.destination.model() if table.name in planned]
    context, destination = work.context, work.destination
    if work.source is not None:
        acls = work.request.copy_policy
        found = await copy_assets(work.source.session, destination, tables, context, acls=acls)
    elif work.bag is not None:
        found = await copy_bag_assets(work.bag, work.bag_folders, work.plan.host, destination, tables, context)
    else:
        return
    work.outcome["assets_copied"] = sum(found.copied.values())
    work.context.checkpoint("files-copied", work.outcome["assets_copied"])
    tell_files(work, found)


def tell_files(work: Work, found: AssetsCopied) -> None:
    """Put what came of copying files into the report."""
    findings = work.findings
    for name, copied in found.copied.items():
        if name in findings.tables:
            findings.tables[name] = msgspec.structs.replace(
                findings.tables[name], assets=copied, asset_bytes=found.copied_bytes.get(name, 0)
            )
    for name, failed in found.failed.items():
        mine = [problem for problem in found.problems if problem.table == name]
        findings.add(
            Severity.ERROR,
            Category.RESTORE_FAILURE,
            "Files could not be copied: their rows lead to the source still",
            table=name,
            details=_details(mine),
            action=f"When the cause is gone: satchel localize {work.destination.host} {work.destination.id} {name}",
            row_count=failed,
            skipped_rids=[problem.rid for problem in mine[:SAMPLES]],
        )
    for why, number in found.kept_why.items():
        if why in _KEPT:
            findings.add(Severity.INFO, Category.DATA_INTEGRITY, _KEPT[why], row_count=number)
    if found.acls_hidden:
        findings.add(
            Severity.INFO,
            Category.ACCESS_DENIED,
            "Who may read the files is shown only to their owners, and was not taken along",
            details=f"{found.acls_hidden:,} files and folders",
            action="Set it at the destination's Hatrac; until then, only you may read the copies",
        )


def _details(problems: list[AssetProblem]) -> str:
    return "; ".join(f"{problem.rid}: {problem.message}" for problem in problems[:SAMPLES])
