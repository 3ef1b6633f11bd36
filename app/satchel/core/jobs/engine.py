"""The engine: an event loop in a thread of its own that runs jobs and answers the window's questions.

Every public method may be called from any thread and returns at once, but for `start` and `stop`. Nothing is pushed:
the window looks at `version` and, when it has changed, at `views`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs import registry
from satchel.core.jobs.journal import Entry, Journal, Lease, LogLine
from satchel.core.jobs.request import Request
from satchel.core.jobs.run import prepare, run_leased
from satchel.core.jobs.state import JobContext
from satchel.core.jobs.trouble import explain
from satchel.core.jobs.views import RESUMABLE, ErrorView, JobView
from satchel.core.paths import Home

T = TypeVar("T")
_log = logging.getLogger(__name__)
WARNINGS_SHOWN = 50
STOP_SECONDS = 5.0


@dataclass(slots=True)
class _Live:
    """A job that this engine runs or will run."""

    entry: Entry
    request: Request
    lease: Lease
    resumed: bool
    context: JobContext | None = None
    task: asyncio.Task[None] | None = None
    state: str = "queued"
    stop_state: str = "cancelled"
    began: float = 0.0


class Engine:
    """Runs jobs.

    Args:
        home: whose journal, cache and folders.
        parallel: how many jobs run at once; further ones wait in the order in which they were submitted.
    """

    def __init__(self, home: Home, parallel: int = 2) -> None:
        self.home = home
        self._parallel = parallel
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._journal: Journal | None = None
        self._live: dict[str, _Live] = {}
        self._past: dict[str, JobView] = {}
        self._order: list[str] = []
        self._lock = threading.RLock()
        self._version = 0
        self._stopping = False
        self._calls: set[asyncio.Task[Any]] = set()
        self._gone = threading.Event()

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the journal and start the thread. Raises SatchelError when the journal cannot be opened."""
        self._journal = Journal(self.home)
        for entry in reversed(self._journal.jobs()):
            self._order.append(entry.id)
            self._past[entry.id] = self._past_view(entry)
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="satchel-engine", daemon=True)
        self._thread.start()
        ready.wait()

    def _run(self, ready: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        pool = concurrent.futures.ThreadPoolExecutor(8, thread_name_prefix="satchel-worker")
        loop.set_default_executor(pool)
        self._loop = loop
        loop.call_soon(ready.set)
        try:
            loop.run_forever()
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            loop.close()
            self._gone.set()

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Interrupt what runs, so that it can be resumed, and end the thread.

        Returns:
            Whether everything ended in time. What did not is left to the journal: it shows as interrupted.
        """
        loop = self._loop
        if loop is None or self._thread is None or self._stopping:
            return True
        self._stopping = True
        asyncio.run_coroutine_threadsafe(self._wind_down(seconds), loop)
        ended = self._gone.wait(seconds + 1)
        if ended and self._journal is not None:
            self._journal.close()
        return ended

    async def _wind_down(self, seconds: float) -> None:
        tasks: list[asyncio.Task[Any]] = [*self._calls]
        for live in list(self._live.values()):
            live.stop_state = "interrupted"
            if live.context is not None:
                live.context.cancelled.set()
            if live.task is not None:
                tasks.append(live.task)
            else:
                live.lease.release()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        asyncio.get_running_loop().stop()

    @property
    def journal(self) -> Journal:
        """The journal of a started engine."""
        if self._journal is None:
            raise RuntimeError("the engine has not been started")
        return self._journal

    def _post(self, function: Callable[[], None]) -> None:
        if self._loop is not None and not self._stopping:
            self._loop.call_soon_threadsafe(function)

    # -- questions ------------------------------------------------------------------------------------------------

    def call(
        self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[T]:
        """Run an async function on the engine's loop. Cancelling the future cancels it; errors are `SatchelError`s."""
        loop = self._loop
        if loop is None or self._stopping:
            raise RuntimeError("the engine is not running")

        async def answer() -> T:
            task = asyncio.current_task()
            if task is not None:
                self._calls.add(task)
            try:
                return await function(*args, **kwargs)
            except Exception as error:
                told = explain(error)
                if told.kind is Kind.INTERNAL:
                    _log.error("a question to the engine failed", exc_info=error)
                raise told from error
            finally:
                if task is not None:
                    self._calls.discard(task)

        return asyncio.run_coroutine_threadsafe(answer(), loop)

    # -- jobs -----------------------------------------------------------------------------------------------------

    def submit(self, request: Request) -> str:
        """Put a job into the queue; it is in the journal when this returns. Returns its id. Raises SatchelError."""
        journal = self.journal
        job = journal.add(registry.kind_of(request), request.title, registry.encode(request))
        self._enqueue(journal.job(job), request, journal.lease(job), resumed=False)
        return job

    def resume(self, job: str) -> None:
        """Put a job that was cancelled, interrupted or failed back into the queue. Raises SatchelError."""
        journal = self.journal
        entry = journal.job(job)
        if entry.state not in RESUMABLE:
            raise SatchelError(Kind.USAGE, f"Job {job} is {entry.state}; there is nothing to resume.")
        self._enqueue(entry, registry.decode_request(entry.request), journal.lease(job), resumed=True)

    def _enqueue(self, entry: Entry, request: Request, lease: Lease, *, resumed: bool) -> None:
        with self._lock:
            self._live[entry.id] = _Live(entry, request, lease, resumed)
            if entry.id not in self._order:
                self._order.append(entry.id)
            self._version += 1
        self._post(self._fill)

    def cancel(self, job: str) -> None:
        """Cancel a waiting or running job; what it has done is kept for resuming."""
        with self._lock:
            live = self._live.get(job)
            if live is None or live.state == "cancelling":
                return
            live.state = "cancelling"
            self._version += 1
            if live.context is not None:
                live.context.cancelled.set()
        self._post(lambda: self._cancel(job))

    def _cancel(self, job: str) -> None:
        live = self._live.get(job)
        if live is None:
            return
        if live.task is not None:
            live.task.cancel()
        else:
            self.journal.ended(job, "cancelled", 0.0)
            self._settle(live)

    def discard(self, job: str) -> None:
        """Forget a job that does not run, with its leftovers. Raises SatchelError while it runs."""
        if job in self._live:
            raise SatchelError(Kind.USAGE, "The job is still running.", "Cancel it first.")
        self.journal.discard(job)
        with self._lock:
            self._past.pop(job, None)
            self._order = [j for j in self._order if j != job]
            self._version += 1

    def answer(self, job: str, question: str, choice: str) -> None:
        """Answer the question that a job waits for."""
        live = self._live.get(job)
        if live is not None and live.context is not None:
            live.context.answer(question, choice)

    def log(self, job: str, after: int = 0, limit: int = 2_000) -> list[LogLine]:
        """The newest log lines of a job behind the number `after`."""
        return self.journal.log_lines(job, after, limit)

    def _fill(self) -> None:
        """Start waiting jobs while there is room. On the loop."""
        running = sum(1 for live in self._live.values() if live.task is not None)
        for live in list(self._live.values()):
            if running >= self._parallel or self._stopping:
                return
            if live.task is None and live.state == "queued":
                live.task = asyncio.get_running_loop().create_task(self._job(live), name=f"job {live.entry.id}")
                running += 1

    async def _job(self, live: _Live) -> None:
        job = live.entry.id
        try:
            live.context = prepare(self.journal, job, resumed=live.resumed)
            live.context.listeners.append(lambda _event: None)  # somebody may answer questions
            live.began = time.monotonic()
            if live.state == "cancelling":
                live.context.cancelled.set()
                raise asyncio.CancelledError
            live.state = "running"
            with self._lock:
                self._version += 1
            await run_leased(self.journal, live.request, live.context, stop_state=lambda: live.stop_state)
        except asyncio.CancelledError:
            if live.state == "cancelling" and live.began == 0.0:
                self.journal.ended(job, "cancelled", 0.0)
        except SatchelError as error:
            _log.info("job %s: %s", job, error.message)
        except Exception:
            _log.exception("job %s", job)
        finally:
            self._settle(live)

    def _settle(self, live: _Live) -> None:
        """A job has ended: give it free, keep its last picture, start the next."""
        job = live.entry.id
        stages = tuple(stage.look() for stage in live.context.stages) if live.context else ()
        live.lease.release()
        with contextlib.suppress(SatchelError):
            view = msgspec.structs.replace(self._past_view(self.journal.job(job)), stages=stages)
            with self._lock:
                self._past[job] = view
        with self._lock:
            self._live.pop(job, None)
            self._version += 1
        self._post(self._fill)

    # -- pictures -------------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """Grows when jobs come, go or change state; while any runs, `views` changes all the time."""
        return self._version

    @property
    def busy(self) -> bool:
        """Whether any job waits or runs."""
        return bool(self._live)

    def views(self) -> tuple[JobView, ...]:
        """All jobs, newest first."""
        with self._lock:
            order, live, past = list(self._order), dict(self._live), dict(self._past)
        shown = (self._live_view(live[job]) if job in live else past.get(job) for job in reversed(order))
        return tuple(view for view in shown if view is not None)

    def view(self, job: str) -> JobView | None:
        """One job, None when it is not there."""
        with self._lock:
            live, past = self._live.get(job), self._past.get(job)
        return self._live_view(live) if live is not None else past

    def _past_view(self, entry: Entry) -> JobView:
        request, result, error = None, None, None
        with contextlib.suppress(SatchelError):  # a job of a newer version: shown by its title alone
            request = registry.decode_request(entry.request)
            result = registry.decode_result(entry.result) if entry.result else None
        if entry.error:
            error = msgspec.json.decode(entry.error, type=ErrorView)
        return JobView(
            id=entry.id,
            kind=entry.kind,
            title=entry.title,
            request=request,
            state=entry.state,
            created=entry.created,
            started=entry.started,
            ended=entry.ended,
            seconds=entry.seconds,
            warnings=tuple(self.journal.warnings(entry.id, WARNINGS_SHOWN)) if entry.warnings else (),
            warning_count=entry.warnings,
            result=result,
            error=error,
        )

    @staticmethod
    def _live_view(live: _Live) -> JobView:
        entry, context = live.entry, live.context
        question = context.question if context else None
        return JobView(
            id=entry.id,
            kind=entry.kind,
            title=entry.title,
            request=live.request,
            state="waiting" if question is not None and live.state == "running" else live.state,
            created=entry.created,
            started=entry.created,
            seconds=entry.seconds + (time.monotonic() - live.began if live.began else 0.0),
            stages=tuple(stage.look() for stage in context.stages) if context else (),
            warnings=tuple(context.warnings) if context else (),
            warning_count=entry.warnings + (context.warning_count if context else 0),
            question=question,
        )
