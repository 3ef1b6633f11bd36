"""The clone job: schema, data, constraints, and what comes after; each stage can be gone on with."""

from __future__ import annotations

from satchel.core.clone.request import CloneRequest, CloneResult
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context


async def run(request: CloneRequest, context: Context) -> CloneResult:
    """Clone what is reachable from a record. See `satchel.core.clone.request`.

    Raises:
        SatchelError: something that the person must know or do; what was done is kept for resuming.
    """
    raise SatchelError(Kind.USAGE, "This version of Satchel cannot clone yet.")
