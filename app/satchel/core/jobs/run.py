"""Running one job under the journal: lease, checkpoints, warnings, log, result. Engine and command line both use it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs import registry
from satchel.core.jobs.asking import SIGN_IN, SIGNED_IN, STOP
from satchel.core.jobs.events import AnyEvent, Asked, JobStarted, Logged, StageBegan, StageEnded, Warned
from satchel.core.jobs.journal import LOG_LINES, Journal, Lease
from satchel.core.jobs.request import Request, Result
from satchel.core.jobs.state import JobContext, Listener, Sampler
from satchel.core.jobs.trouble import explain
from satchel.core.jobs.views import ErrorView
from satchel.core.logs import log_file
from satchel.core.paths import Home
from satchel.core.secrets import redact

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5


class _Recorder:
    """Collects a job's warnings and log lines and writes them in batches; a checkpoint takes along what came before."""

    def __init__(self, journal: Journal, job: str) -> None:
        self._journal = journal
        self._job = job
        self._lines: deque[tuple[float, str, str]] = deque(maxlen=LOG_LINES)
        self._warnings: list[Warned] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def hear(self, event: AnyEvent) -> None:
        match event:
            case Warned():
                where = f"{event.where}: " if event.where else ""
                line = ("warning", f"{where}{event.message}")
            case Logged():
                line = (event.level, event.message)
            case StageBegan():
                line = ("info", f"{event.title} …")
            case StageEnded():
                line = ("info", f"{event.stage}: {event.note or 'done'} ({event.seconds} s)")
            case Asked():
                line = ("info", f"{event.text} ({', '.join(event.choices)})")
            case _:
                return
        with self._lock:
            self._lines.append((time.time(), *line))
            if isinstance(event, Warned):
                self._warnings.append(event)

    def keep(self, key: str, value: Any) -> None:
        """Write a checkpoint durably."""
        self._write({key: value})

    def flush(self) -> None:
        """Write what has come together. Raises SatchelError; then it is kept for the next time."""
        self._write({})

    def _write(self, kept: dict[str, Any]) -> None:
        with self._turn:  # one after the other: what was said before a checkpoint is on disk no later than it
            with self._lock:
                lines, self._lines = self._lines, deque(maxlen=LOG_LINES)
                warnings, self._warnings = self._warnings, []
            if not (lines or warnings or kept):
                return
            try:
                self._journal.record(self._job, lines=lines, warnings=warnings, kept=kept)
            except SatchelError:
                with self._lock:
                    self._lines.extendleft(reversed(lines))
                    self._warnings[:0] = warnings
                raise


class Run:
    """One run of a job whose lease is held.

    Args:
        journal: where everything goes.
        job: its id.
        request: what to do.
        resumed: whether it goes on from where an earlier run stopped.
        listener: hears every event.
        can_ask: whether somebody will answer questions (`context.answer`).

    Raises:
        SatchelError: the journal or the job's folder cannot be used.
    """

    def __init__(
        self,
        journal: Journal,
        job: str,
        request: Request,
        *,
        resumed: bool,
        listener: Listener | None = None,
        can_ask: bool = False,
    ) -> None:
        self._journal = journal
        self._request = request
        self._home: Home = journal.home
        self._recorder = _Recorder(journal, job)
        try:
            folder = journal.folder(job)
        except OSError as error:
            raise explain(error) from error
        self.context = JobContext(
            job,
            folder,
            resumed=resumed,
            keep=self._recorder.keep,
            kept=journal.kept(job),
            warned=journal.warnings(job),
            listener=listener,
            can_ask=can_ask,
        )
        self.context.listeners.append(self._recorder.hear)

    async def go(
        self,
        *,
        stop_state: Callable[[], str] = lambda: "cancelled",
        cancel: Callable[[], None] | None = None,
    ) -> Result:
        """Run it, and write down how it ended.

        Args:
            stop_state: the state that a cancelled job ends in; asked for when it is cancelled.
            cancel: called on the loop when another process asks for it; None: cancels the task that runs this.

        Returns:
            The runner's result.

        Raises:
            SatchelError: the job failed; it stays resumable.
            asyncio.CancelledError: it was cancelled; it stays resumable.
        """
        context, journal, begin = self.context, self._journal, time.monotonic()
        journal.began(context.job_id)
        context.tell(JobStarted(job=context.job_id, title=self._request.title, resumed=context.resumed))
        watch = asyncio.create_task(self._watch(cancel or _canceller()))
        try:
            result = await self._until_signed_in()
            encoded = registry.encode(result)
        except asyncio.CancelledError:
            context.cancelled.set()
            state = stop_state()
            context.log("Cancelled." if state == "cancelled" else "Interrupted; it can be resumed.")
            self._end(state, begin)
            raise
        except BaseException as error:
            context.cancelled.set()
            told = explain(error)
            self._end("failed", begin, error=self._write_down(told, error))
            if told is error or not isinstance(error, Exception):
                raise
            raise told from error
        else:
            self._recorder.flush()
            taken = time.monotonic() - begin
            journal.ended(context.job_id, "done", taken, result=encoded, stages=self._stages())
            await self._clear()
            return result
        finally:
            watch.cancel()

    async def _until_signed_in(self) -> Result:
        """Run the job; where a sign-in has run out and somebody is there, wait for a new one and go on from there."""
        context, runner = self.context, registry.runner_of(self._request)
        while True:
            try:
                return await runner(self._request, context)
            except Exception as caught:
                error = explain(caught)  # requests in groups fail together
                if error.kind is not Kind.NOT_SIGNED_IN or not error.host or not context.can_ask:
                    raise
                # What was under way has been told to stop, and has; who cancels from here on is heard again.
                context.cancelled.clear()
                question = f"{SIGN_IN}{error.host}"
                text = f"{error.message} The job waits; nothing is lost."
                if await context.ask(question, text, (SIGNED_IN, STOP), SIGNED_IN) != SIGNED_IN:
                    raise
                context.log(f"Goes on with a new sign-in to {error.host}.")
                context.begin_again()

    async def _clear(self) -> None:
        """Remove the folder of a job that is done; whatever happens here, it is done. The next start sweeps."""
        removing = asyncio.create_task(asyncio.to_thread(self._journal.remove_folder, self.context.job_id, done=True))
        try:
            await asyncio.shield(removing)
        except SatchelError as error:
            _log.warning("%s", error.message)
        except asyncio.CancelledError:
            removing.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _stages(self) -> bytes:
        return msgspec.json.encode([stage.look() for stage in self.context.stages])

    def _end(self, state: str, begin: float, error: bytes | None = None) -> None:
        """Write down an end that is none of success. A disk that is full must not hide why."""
        try:
            self._recorder.flush()
            self._journal.ended(
                self.context.job_id, state, time.monotonic() - begin, error=error, stages=self._stages()
            )
        except SatchelError as trouble:
            _log.error("job %s ended (%s) and that could not be written: %s", self.context.job_id, state, trouble)

    def _write_down(self, told: SatchelError, error: BaseException) -> bytes:
        """The error into the job's log, a traceback into the log file only. Returns the error for the journal."""
        detail = redact(told.detail)
        self.context.log(f"{told.message} {detail}".strip(), "error")
        if told.kind is Kind.INTERNAL:
            _log.error("job %s failed", self.context.job_id, exc_info=error)
            self.context.log(f"More about it is in {log_file(self._home)}.", "error")
        return msgspec.json.encode(ErrorView(told.kind, redact(told.message), told.hint, detail))

    async def _watch(self, cancel: Callable[[], None]) -> None:
        """Write the log now and then, and look whether another process wants the job cancelled."""
        asked = False
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await asyncio.to_thread(self._recorder.flush)
                if not asked and await asyncio.to_thread(self._journal.cancel_asked, self.context.job_id):
                    asked = True
                    self.context.cancelled.set()
                    cancel()
            except SatchelError as error:
                _log.warning("job %s: %s", self.context.job_id, error.message)


def _canceller() -> Callable[[], None]:
    task = asyncio.current_task()

    def cancel() -> None:
        if task is not None:
            task.cancel()

    return cancel


def begin(journal: Journal, request: Request) -> tuple[str, Lease]:
    """Write a new job down, leased from its first moment on. Returns its id and lease. Raises SatchelError."""
    job = journal.new_id()
    lease = journal.lease(job)
    try:
        journal.add(registry.kind_of(request), request.title, registry.encode(request), job)
    except BaseException:
        lease.retire()
        raise
    return job, lease


def take_up(journal: Journal, job: str) -> tuple[Request, Lease]:
    """Take an old job, to go on with it. Returns its request and lease.

    Raises:
        SatchelError: it runs already, is done, or is of a kind that this version does not know.
    """
    journal.job(job)  # that there is one: a lock alone would be made for any name
    lease = journal.lease(job)
    try:
        entry = journal.job(job)  # again: it may have ended or gone before the lease was had
        if entry.state == "done":
            raise SatchelError(Kind.USAGE, f"Job {job} is done; there is nothing to resume.")
        return registry.decode_request(entry.request), lease
    except BaseException:
        lease.release()
        raise


async def run_job(
    request: Request | None,
    home: Home,
    listener: Listener | None = None,
    resume: str | None = None,
    *,
    stop_state: Callable[[], str] = lambda: "cancelled",
) -> tuple[str, Result]:
    """Run a request, or resume a job of the journal, in the running event loop.

    Args:
        request: what to do; None when resuming.
        home: whose journal.
        listener: hears every event, progress at most ten times a second.
        resume: the id of a job to go on with.
        stop_state: the state that a cancelled job ends in: cancelled, or interrupted when it is to be offered again.

    Returns:
        The job's id and its result.

    Raises:
        SatchelError: it failed, or there is nothing to resume.
        asyncio.CancelledError: it was cancelled, and can be resumed.
    """
    journal = Journal(home)
    try:
        if resume is not None:
            job = resume
            request, lease = take_up(journal, job)
        elif request is not None:
            job, lease = begin(journal, request)
        else:
            raise ValueError("either a request or a job to resume")
        try:
            run = Run(journal, job, request, resumed=resume is not None, listener=listener)
            sampling = asyncio.create_task(Sampler(run.context).run())
            try:
                return job, await run.go(stop_state=stop_state)
            finally:
                sampling.cancel()
        finally:
            lease.release()
    finally:
        journal.close()


async def run_aside(
    function: Callable[[Any, JobContext], Any], request: Request, home: Home, listener: Listener | None = None
) -> Result:
    """Run something that is no job (a preview): no journal, a folder that is removed at the end.

    Args:
        function: async, of a request and a context, as runners are.
        request: what to do.
        home: whose cache folder holds the temporary one.
        listener: hears every event, progress at most ten times a second.

    Raises:
        SatchelError: it failed.
    """
    import tempfile
    from pathlib import Path

    try:
        with tempfile.TemporaryDirectory(prefix="aside-", dir=home.private(home.cache)) as folder:
            context = JobContext("", Path(folder), listener=listener)
            sampling = asyncio.create_task(Sampler(context).run())
            try:
                result: Result = await function(request, context)
                return result
            finally:
                context.cancelled.set()
                sampling.cancel()
    except Exception as error:
        told = explain(error)
        if told.kind is Kind.INTERNAL:
            _log.error("%s failed", request.title, exc_info=error)
        if told is error:
            raise
        raise told from error
