"""Where a clone came from: the annotation tag:deriva-ml.org,2025:catalog-provenance, and the source's schema as a file.

The annotation has the keys that deriva-ml's `get_catalog_provenance` reads, and beside them what that one keeps only in
prose: the root, its table, and each foreign key's strategy.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from satchel import __version__
from satchel.core.clone.report import Category, Severity
from satchel.core.clone.work import Work
from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.hatrac_write import Content, HatracWriter
from satchel.core.errors import SatchelError

TAG = "tag:deriva-ml.org,2025:catalog-provenance"
MOST_RIDS = 100


async def note_provenance(work: Work) -> None:
    """Keep the source's schema and write the annotation. Both may be written again."""
    url = await _keep_schema(work)
    catalog = work.destination
    present = (await catalog.info()).annotations.get(TAG)
    before: dict[str, Any] = dict(present) if isinstance(present, dict) else {}
    mine = before.get("job") == work.context.job_id
    person = await still_signed_in(catalog.session)
    note = {
        "creation_method": "clone",
        "created_at": before.get("created_at") if mine else datetime.now(UTC).isoformat(timespec="seconds"),
        "hostname": catalog.host,
        "catalog_id": catalog.id,
        "created_by": person.id if person is not None else None,
        "name": work.request.alias or f"Clone of {work.plan.catalog}",
        "description": f"Partial clone from {work.plan.host}:{work.plan.catalog} (root: {work.plan.rid})",
        "workflow_url": None,
        "workflow_version": f"Satchel {__version__}",
        "job": work.context.job_id,
        "clone_details": _details(work, url),
    }
    path = f"{catalog.path}/annotation/{quote(TAG, safe='')}"
    await catalog.session.request("PUT", path, json=note)


def _details(work: Work, schema_url: str | None) -> dict[str, Any]:
    request, report = work.request, work.findings.report()
    skipped = [rid for issue in report.issues for rid in issue.skipped_rids]
    return {
        "source_hostname": work.plan.host,
        "source_catalog_id": work.plan.catalog,
        "source_snapshot": work.plan.snapshot,
        "source_schema_url": schema_url,
        "source_bag": request.from_bag.rpartition("/")[2] if request.from_bag else None,
        "root_rid": work.plan.rid,
        "root_table": str(work.plan.root),
        "orphan_strategy": request.orphans,
        "orphan_strategies": dict(request.orphans_for),
        "truncate_oversized": request.truncate_oversized,
        "prune_hidden_fkeys": request.prune_hidden_fkeys,
        "schema_only": False,
        "asset_mode": {"references": "refs"}.get(request.assets, request.assets),
        "exclude_schemas": list(request.selection.exclude_schemas),
        "exclude_objects": list(request.selection.exclude),
        "include_tables": list(request.selection.include),
        "add_ml_schema": request.add_ml_schema,
        "copy_annotations": request.copy_annotations,
        "copy_policy": request.copy_policy,
        "reinitialize_dataset_versions": request.reinitialize_dataset_versions,
        "rows_copied": report.summary.total_rows_restored,
        "rows_skipped": sum(table.skipped for table in report.tables),
        "skipped_rids": skipped[:MOST_RIDS],
        "truncated_count": len(work.findings.truncated),
        "orphan_rows_removed": report.summary.orphan_rows_removed,
        "orphan_rows_nullified": report.summary.orphan_rows_nullified,
        "fkeys_pruned": report.summary.fkeys_pruned,
    }


async def _keep_schema(work: Work) -> str | None:
    """The source's schema as an object of the destination's Hatrac; None, and an issue, where that takes none."""
    kept = work.context.recall("source-schema")
    if isinstance(kept, str):
        return kept
    body = msgspec.json.encode(work.plan.model.document, order="deterministic")
    writer = HatracWriter(work.destination.session)
    folder = f"/hatrac/catalog/{quote(work.destination.id, safe='')}/provenance"
    path = f"{folder}/source-schema.json"
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    try:
        there = await writer.find(path)
        if there is not None and there.md5 == digest and there.version is not None:
            url = there.version
        else:
            await writer.make_namespaces(folder)
            content = Content(len(body), digest, None, "application/json", "source-schema.json")
            url = await writer.put(path, content, body, fresh=False)
    except SatchelError as error:
        work.findings.add(
            Severity.WARNING,
            Category.RESTORE_FAILURE,
            "The source's schema could not be kept with the clone",
            details=error.message,
            action=f"Ask for the right to write into {work.destination.host}'s Hatrac, below /hatrac/catalog.",
        )
        return None
    work.context.checkpoint("source-schema", url)
    return url
