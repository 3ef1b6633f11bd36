"""What belongs to a record, made by the server: as the spec whose queries find those very rows."""

from __future__ import annotations

from typing import Any

import msgspec

from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.session import Session
from satchel.core.export.request import ExportRequest, ExportResult
from satchel.core.export.server_side.run import run as on_server
from satchel.core.export.spec.of_reach import spec_of_reach
from satchel.core.export.spec.request import SpecRequest
from satchel.core.jobs.context import Context

_SPEC = "record-spec"


async def run(request: ExportRequest, context: Context) -> ExportResult:
    """Export what belongs to a record through the server's export service.

    Its bag holds the same rows as one that is made here, laid out as its spec has it (docs/specs.md).

    Raises:
        SatchelError: as an export does; or a table's rows cannot be told by queries.
    """
    kept: dict[str, Any] | None = context.recall(_SPEC)
    if kept is None:
        async with Session.open(request.host, request.access, log=context.log) as session:
            await still_signed_in(session)
            pinned = await Catalog(session, request.catalog).pin(context.recall("snapshot") or request.snapshot)
        spec = await spec_of_reach(msgspec.structs.replace(request, snapshot=pinned.snapshot), context)
        kept = {"spec": spec, "snapshot": pinned.snapshot}
        context.checkpoint(_SPEC, kept)
    made = await on_server(
        SpecRequest(
            access=request.access,
            host=request.host,
            catalog=request.catalog,
            spec=kept["spec"],
            out=request.out,
            rid=request.rid,
            snapshot=kept["snapshot"],
            archive=request.archive,
            algorithms=request.algorithms,
            name=request.name,
            materialize=request.materialize,
            assets=request.assets,
            info=request.info,
            server_side=True,
        ),
        context,
    )
    return ExportResult(
        bag=made.bag,
        archive=made.archive,
        snapshot=made.snapshot or kept["snapshot"],
        valid=made.valid,
        complete=made.complete,
        cached=False,
        rows=made.rows,
        bytes=made.bytes,
        tables=made.tables,
        problems=made.problems,
        warnings=made.warnings,
    )
