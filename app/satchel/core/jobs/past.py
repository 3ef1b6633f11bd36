"""The picture of a job that is not running here, made from the journal."""

from __future__ import annotations

import contextlib

import msgspec

from satchel.core.errors import SatchelError
from satchel.core.jobs import registry
from satchel.core.jobs.journal import Entry, Journal
from satchel.core.jobs.views import ALIVE, ErrorView, JobView, StageView

WARNINGS_SHOWN = 50


def past_view(journal: Journal, entry: Entry) -> JobView:
    """The picture; what a newer version wrote and this one cannot read is left out of it."""
    request, result, error = None, None, None
    stages: tuple[StageView, ...] = ()
    with contextlib.suppress(SatchelError):  # a job of a newer version: shown by its title alone
        request = registry.decode_request(entry.request)
    with contextlib.suppress(SatchelError, msgspec.MsgspecError):
        result = registry.decode_result(entry.result) if entry.result else None
    with contextlib.suppress(msgspec.MsgspecError):
        error = msgspec.json.decode(entry.error, type=ErrorView) if entry.error else None
    with contextlib.suppress(msgspec.MsgspecError):
        stages = msgspec.json.decode(entry.stages, type=tuple[StageView, ...]) if entry.stages else ()
    return JobView(
        id=entry.id,
        kind=entry.kind,
        title=entry.title,
        request=request,
        state="cancelling" if entry.cancel_asked and entry.state in ALIVE else entry.state,
        created=entry.created,
        started=entry.started,
        ended=entry.ended,
        seconds=entry.seconds,
        stages=stages,
        warnings=tuple(journal.warnings(entry.id, WARNINGS_SHOWN)) if entry.warnings else (),
        warning_count=entry.warnings,
        result=result,
        error=error,
    )
