"""A bag that somebody has made, registered and written into the dataset's version: the very one that is asked for.

The export looks here before it makes a bag (`satchel.core.export.making`, which knows this module by name, for exports
know nothing of identifiers). What is registered is believed only where it says that it is this bag: by the hash of the
spec that it was made by, or, of deriva-ml 1.17.10, which keeps no hash, by the dataset and snapshot in its metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from satchel.core.deriva.datasets.listing import VERSION
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.paths import equals
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.request import ExportRequest
from satchel.core.export.spec.request import SpecRequest
from satchel.core.identifiers.asking import asking, resolve
from satchel.core.identifiers.download import download
from satchel.core.identifiers.mint import SPEC_KEY
from satchel.core.identifiers.names import parse
from satchel.core.identifiers.record import Record
from satchel.core.identifiers.version import spec_hash, spec_of
from satchel.core.jobs.context import Context


@dataclass(frozen=True, slots=True)
class Known:
    """A registered bag, downloaded; its registered checksum is right."""

    path: Path
    identifier: str
    by: str


async def fetch(
    request: ExportRequest | SpecRequest, session: Session, snapshot: str, target: Path, context: Context
) -> Known | None:
    """Find and download the registered bag of an export.

    Args:
        request: the export.
        session: to the catalog's host.
        snapshot: of the export.
        target: the file to make.
        context: the job's.

    Returns:
        The bag; None where none is registered for this very export, or none can be had.
    """
    rid = request.rid or ""
    if not rid or not _plain(request):
        return None
    row = await _version(Catalog(session, request.catalog), rid, snapshot)
    landing = str(row.get("Minid") or "") if row else ""
    if row is None or not landing:
        return None
    try:
        async with asking(request.access, log=context.log) as asks:
            if urlsplit(landing).netloc.lower() == session.host:
                await asks.named(landing)
            name = parse(landing)
            with context.stage("identifier", f"Ask what {name.compact} is") as stage:
                record = await resolve(asks, name, ())
                same = record.active and _same(request, record, row, rid, snapshot)
                stage.note = "this very bag" if same else "another bag"
            if not same:
                return None
            await download(asks, record, target, context)
    except SatchelError as error:
        if error.kind in (Kind.CANCELLED, Kind.DISK_FULL, Kind.FILES):
            raise
        context.log(f"The identifier {landing} does not lead to the bag, so it is made: {error.message}", "warning")
        return None
    return Known(target, record.compact, record.created_by)


def _plain(request: ExportRequest | SpecRequest) -> bool:
    """Whether nothing is asked for that a registered bag cannot have."""
    if request.archive not in ("zip", "spec") or request.name or request.info or request.ro_crate:
        return False
    if isinstance(request, SpecRequest):
        return request.table == "deriva-ml:Dataset" and not request.materialize and not request.algorithms
    return not request.server_side


async def _version(catalog: Catalog, rid: str, snapshot: str) -> dict[str, Any] | None:
    """The row of the dataset's version that is bound to the snapshot, as the catalog is now."""
    where = f"{equals('Dataset', rid)}&{equals('Snapshot', snapshot)}"
    try:
        rows = await catalog.rows(f"entity/{VERSION.path}/{where}?limit=2")
    except SatchelError:  # no such table, or no right to it
        return None
    return rows[0] if len(rows) == 1 else None


def _same(request: ExportRequest | SpecRequest, record: Record, row: dict[str, Any], rid: str, snapshot: str) -> bool:
    """Whether what is registered is the bag that the export would make."""
    hashed = str(row.get("Minid_Spec_Hash") or "") or record.said(SPEC_KEY)
    if isinstance(request, ExportRequest):
        return bool(hashed) and hashed == spec_hash(spec_of(request, snapshot))
    return not hashed and record.dataset == (rid, snapshot)
