"""Finds out what a clone would do, and makes nothing."""

from __future__ import annotations

from satchel.core.clone.forecast import Forecast
from satchel.core.clone.request import CloneRequest
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context


async def forecast(request: CloneRequest, context: Context) -> Forecast:
    """What the clone would do.

    Raises:
        SatchelError: it cannot be told.
    """
    raise SatchelError(Kind.USAGE, "This version of Satchel cannot clone yet.")
