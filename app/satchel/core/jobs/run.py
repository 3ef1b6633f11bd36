"""Running one job under the journal: lease, checkpoints, warnings, log, result. Engine and command line both use it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import traceback
from collections.abc import Callable

import msgspec

from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs import registry
from satchel.core.jobs.events import AnyEvent, JobStarted, Logged, StageBegan, StageEnded, Warned
from satchel.core.jobs.journal import Journal, Lease
from satchel.core.jobs.request import Request, Result
from satchel.core.jobs.state import JobContext, Listener, Sampler
from satchel.core.jobs.trouble import explain
from satchel.core.jobs.views import ErrorView
from satchel.core.paths import Home

_log = logging.getLogger(__name__)
_FLUSH_SECONDS = 0.5


class _Writer:
    """Collects a job's log lines and writes them to the journal in batches, warnings at once."""

    def __init__(self, journal: Journal, job: str) -> None:
        self._journal = journal
        self._job = job
        self._lines: list[tuple[float, str, str]] = []

    def hear(self, event: AnyEvent) -> None:
        match event:
            case Warned():
                self._journal.warn(self._job, event)
                self._lines.append((time.time(), "warning", event.message))
            case Logged():
                self._lines.append((time.time(), event.level, event.message))
            case StageBegan():
                self._lines.append((time.time(), "info", f"{event.title} …"))
            case StageEnded():
                self._lines.append((time.time(), "info", f"{event.stage}: {event.note or 'done'} ({event.seconds} s)"))
            case _:
                pass

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._journal.log(self._job, lines)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await asyncio.to_thread(self.flush)


def prepare(journal: Journal, job: str, *, resumed: bool, listener: Listener | None = None) -> JobContext:
    """The context of a job that is about to run."""
    return JobContext(
        job,
        journal.folder(job),
        resumed=resumed,
        keep=lambda key, value: journal.keep(job, key, value),
        kept=journal.kept(job),
        listener=listener,
    )


async def run_leased(
    journal: Journal, request: Request, context: JobContext, *, stop_state: Callable[[], str] = lambda: "cancelled"
) -> Result:
    """Run a job whose lease is held, and write down how it ended.

    Args:
        journal: where everything goes.
        request: what to do.
        context: from `prepare`.
        stop_state: the state that a cancelled job ends in; asked for when it is cancelled.

    Returns:
        The runner's result.

    Raises:
        SatchelError: the job failed; it stays resumable.
        asyncio.CancelledError: it was cancelled; it stays resumable.
    """
    job, begin = context.job_id, time.monotonic()
    writer = _Writer(journal, job)
    context.listeners.append(writer.hear)
    journal.began(job)
    context.tell(JobStarted(job=job, title=request.title, resumed=context.resumed))
    flushing = asyncio.create_task(writer.run())
    try:
        result = await registry.runner_of(request)(request, context)
    except asyncio.CancelledError:
        context.cancelled.set()
        writer.flush()
        journal.ended(job, stop_state(), time.monotonic() - begin)
        raise
    except BaseException as error:
        context.cancelled.set()
        told = explain(error)
        if told.kind is Kind.INTERNAL:
            _log.error("job %s failed", job, exc_info=error)
            context.log("".join(traceback.format_exception(error)), "error")
        context.log(f"{told.message} {told.detail}".strip(), "error")
        with contextlib.suppress(SatchelError):  # a full disk must not hide why the job failed
            writer.flush()
            kept = msgspec.json.encode(ErrorView(told.kind, told.message, told.hint, told.detail))
            journal.ended(job, "failed", time.monotonic() - begin, error=kept)
        if isinstance(error, Exception):
            raise told from error
        raise
    else:
        writer.flush()
        journal.ended(job, "done", time.monotonic() - begin, result=registry.encode(result))
        journal.forget_checkpoints(job)
        journal.remove_folder(job)
        return result
    finally:
        flushing.cancel()


async def run_job(
    request: Request | None, home: Home, listener: Listener | None = None, resume: str | None = None
) -> tuple[str, Result]:
    """Run a request, or resume a job of the journal, in the running event loop.

    Args:
        request: what to do; None when resuming.
        home: whose journal.
        listener: hears every event, progress at most ten times a second.
        resume: the id of a job to go on with.

    Returns:
        The job's id and its result.

    Raises:
        SatchelError: it failed, or there is nothing to resume.
        asyncio.CancelledError: it was cancelled, and can be resumed.
    """
    journal = Journal(home)
    lease: Lease | None = None
    try:
        if resume is not None:
            entry = journal.job(resume)
            if entry.state == "done":
                raise SatchelError(Kind.USAGE, f"Job {resume} is done; there is nothing to resume.")
            request, job = registry.decode_request(entry.request), resume
        elif request is not None:
            job = journal.add(registry.kind_of(request), request.title, registry.encode(request))
        else:
            raise ValueError("either a request or a job to resume")
        lease = journal.lease(job)
        context = prepare(journal, job, resumed=resume is not None, listener=listener)
        sampler = Sampler(context)
        sampling = asyncio.create_task(sampler.run())
        try:
            result = await run_leased(journal, request, context)
            sampler.sample()
            return job, result
        finally:
            sampling.cancel()
    finally:
        if lease is not None:
            lease.release()
        journal.close()
