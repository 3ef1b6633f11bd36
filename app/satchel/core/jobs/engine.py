"""The engine: an event loop in a thread of its own that runs jobs and answers the window's questions.

Every public method may be called from any thread. `views`, `view`, `version`, `busy`, `cancel`, `answer` and `call`
return at once; `start`, `stop`, `submit`, `resume`, `discard` and `log` wait for the disk, so the window calls them
from a thread. Nothing is pushed: the window looks at `version` and `views`.

Jobs of other processes (a second window, a command) are shown as well; the engine looks at the journal every second.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.apart import Apart
from satchel.core.jobs.journal import Entry, Journal, Lease, LogLine, Pulse
from satchel.core.jobs.past import past_view
from satchel.core.jobs.request import Request
from satchel.core.jobs.run import Run, begin, take_up
from satchel.core.jobs.state import JobContext
from satchel.core.jobs.trouble import explain
from satchel.core.jobs.views import ALIVE, RESUMABLE, ErrorView, JobView, Picture
from satchel.core.loops import let_go, new_loop
from satchel.core.paths import Home
from satchel.core.secrets import redact

T = TypeVar("T")
_log = logging.getLogger(__name__)
STOP_SECONDS = 5.0
LOOK_SECONDS = 1.0
"""Between looks at what other processes do."""
_THREADS = 16


@dataclass(slots=True)
class _Live:
    """A job that this engine runs or will run."""

    entry: Entry
    request: Request
    lease: Lease
    resumed: bool
    context: JobContext | Apart | None = None
    task: asyncio.Task[None] | None = None
    state: str = "queued"
    stop_state: str = "cancelled"
    began: float = 0.0
    """By the monotonic clock; 0 before."""
    started: float | None = None
    failure: ErrorView | None = None
    """Why it failed, should the journal not be able to tell."""
    written: bool = field(default=False)
    """Whether `Run.go` has written down how it ended."""


class Engine:
    """Runs jobs.

    Args:
        home: whose journal, cache and folders.
        parallel: how many jobs run at once; further ones wait in the order in which they were submitted.
        apart: run each job in a process of its own, so that it does not hold up this one's other threads.
    """

    def __init__(self, home: Home, parallel: int = 2, *, apart: bool = False) -> None:
        self.home = home
        self._apart = apart
        self._parallel = max(1, parallel)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._journal: Journal | None = None
        self._live: dict[str, _Live] = {}
        self._past: dict[str, JobView] = {}
        self._pulses: dict[str, Pulse] = {}
        self._order: list[str] = []
        self._lock = threading.RLock()
        self._looking = threading.Lock()
        self._version = 0
        self._stopping = False
        self._calls: set[asyncio.Task[Any]] = set()
        self._gone = threading.Event()

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the journal and start the thread. Raises SatchelError when the journal cannot be opened."""
        self._journal = Journal(self.home)
        self._journal.sweep()
        self.refresh()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="satchel-engine", daemon=True)
        self._thread.start()
        ready.wait()

    @property
    def notice(self) -> str:
        """A sentence for the person about the journal, empty when all is well."""
        aside = self._journal.set_aside if self._journal else None
        if aside is None:
            return ""
        return f"The list of jobs was damaged and begins anew; the old one is kept as {aside}."

    def _run(self, ready: threading.Event) -> None:
        loop = new_loop()
        asyncio.set_event_loop(loop)
        pool = concurrent.futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="satchel-worker")
        loop.set_default_executor(pool)
        self._loop = loop
        watch = loop.create_task(self._watch())
        loop.call_soon(ready.set)
        try:
            loop.run_forever()
            watch.cancel()
            loop.run_until_complete(asyncio.gather(watch, return_exceptions=True))
            let_go(loop)
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
        if loop is None or self._thread is None:
            return True
        with self._lock:
            first, self._stopping = not self._stopping, True
        if first:
            asyncio.run_coroutine_threadsafe(self._wind_down(seconds), loop)
        ended = self._gone.wait(seconds + 1)
        if ended and first and self._journal is not None:
            self._thread.join(1)
            self._journal.close()
        return ended

    async def _wind_down(self, seconds: float) -> None:
        tasks: list[asyncio.Task[Any]] = [*self._calls]
        for live in list(self._live.values()):
            # What the person has cancelled stays cancelled; the rest is offered at the next start.
            if live.state != "cancelling":
                live.stop_state = "interrupted"
            if live.task is not None:
                tasks.append(live.task)
                if live.context is not None:
                    live.context.stop()
            else:
                self._settle(live)
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                _log.warning("%s did not end within %s seconds", task.get_name(), seconds)
        asyncio.get_running_loop().stop()

    @property
    def journal(self) -> Journal:
        """The journal of a started engine."""
        if self._journal is None:
            raise RuntimeError("the engine has not been started")
        return self._journal

    @property
    def parallel(self) -> int:
        """How many jobs run at once; may be changed at any time."""
        return self._parallel

    @parallel.setter
    def parallel(self, jobs: int) -> None:
        self._parallel = max(1, jobs)
        self._post(self._fill)

    def _post(self, function: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None and not self._stopping:
            with contextlib.suppress(RuntimeError):  # it was closed just now
                loop.call_soon_threadsafe(function)

    # -- questions ------------------------------------------------------------------------------------------------

    def call(
        self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[T]:
        """Run an async function on the engine's loop. Cancelling the future cancels it; errors are `SatchelError`s.

        Raises:
            SatchelError: the engine does not run (any more).
        """
        loop = self._loop
        if loop is None or self._stopping:
            raise SatchelError(Kind.CANCELLED, "Satchel is about to close.")

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
                if told is error:
                    raise
                raise told from error
            finally:
                if task is not None:
                    self._calls.discard(task)

        return asyncio.run_coroutine_threadsafe(answer(), loop)

    # -- jobs -----------------------------------------------------------------------------------------------------

    def submit(self, request: Request) -> str:
        """Put a job into the queue; it is in the journal when this returns. Returns its id. Raises SatchelError."""
        self._check_open()
        job, lease = begin(self.journal, request)
        self._enqueue(self.journal.job(job), request, lease, resumed=False)
        return job

    def resume(self, job: str) -> None:
        """Put a job that was cancelled, interrupted or failed back into the queue. Raises SatchelError."""
        self._check_open()
        state = self.journal.job(job).state
        if state not in RESUMABLE:
            raise SatchelError(Kind.USAGE, f"Job {job} is {state}; there is nothing to resume.")
        request, lease = take_up(self.journal, job)
        self._enqueue(self.journal.job(job), request, lease, resumed=True)

    def _check_open(self) -> None:
        if self._stopping:
            raise SatchelError(Kind.CANCELLED, "Satchel is about to close.")

    def _enqueue(self, entry: Entry, request: Request, lease: Lease, *, resumed: bool) -> None:
        with self._lock:
            self._live[entry.id] = _Live(entry, request, lease, resumed)
            if entry.id not in self._order:
                self._order.append(entry.id)
            self._version += 1
        self._post(self._fill)

    def cancel(self, job: str) -> None:
        """Cancel a waiting or running job, one of another process too; what it has done is kept for resuming."""
        with self._lock:
            live = self._live.get(job)
            if live is None:
                past = self._past.get(job)
                if past is not None and past.state in ALIVE:
                    self._past[job] = msgspec.structs.replace(past, state="cancelling")
                    self._version += 1
                    self._post(lambda: self._ask_elsewhere(job))
                return
            if live.state == "cancelling":
                return
            live.state = "cancelling"
            self._version += 1
            if live.context is not None:
                live.context.stop()
        self._post(lambda: self._cancel(job))

    def _ask_elsewhere(self, job: str) -> None:
        asking = asyncio.get_running_loop().run_in_executor(None, self.journal.ask_cancel, job)
        asking.add_done_callback(
            lambda done: _log.warning("%s", done.exception()) if not done.cancelled() and done.exception() else None
        )

    def _cancel(self, job: str) -> None:
        live = self._live.get(job)
        if live is None:
            return
        if live.task is not None:
            live.task.cancel()
        else:
            self._settle(live)

    def discard(self, job: str) -> None:
        """Forget a job that does not run, with its leftovers. Raises SatchelError while it runs."""
        if job in self._live:
            raise SatchelError(Kind.USAGE, "The job is still running.", "Cancel it first.")
        try:
            self.journal.discard(job)
        finally:
            if job not in self.journal.pulses():
                self._drop(job)

    def answer(self, job: str, question: str, choice: str) -> None:
        """Answer the question that a job waits for."""
        live = self._live.get(job)
        if live is not None and live.context is not None:
            live.context.answer(question, choice)

    def log(self, job: str, after: int = 0, limit: int = 2_000) -> list[LogLine]:
        """The newest log lines of a job behind the number `after`. Raises SatchelError."""
        return self.journal.log_lines(job, after, limit)

    def _fill(self) -> None:
        """Start waiting jobs while there is room. On the loop."""
        with self._lock:
            waiting = [live for live in self._live.values() if live.task is None and live.state == "queued"]
            running = sum(1 for live in self._live.values() if live.task is not None)
        for live in waiting:
            if running >= self._parallel or self._stopping:
                return
            live.task = asyncio.get_running_loop().create_task(self._job(live), name=f"job {live.entry.id}")
            # Not in `_job` itself: a task that is cancelled before its first step never enters its code.
            live.task.add_done_callback(lambda _task, live=live: self._settle(live))  # type: ignore[misc]
            running += 1

    async def _job(self, live: _Live) -> None:
        job = live.entry.id
        try:
            if self._apart:
                await self._job_apart(live)
                return
            run = Run(self.journal, job, live.request, resumed=live.resumed, can_ask=True)
            self._begun(live, run.context)
            live.written = True
            await run.go(stop_state=lambda: live.stop_state, cancel=lambda: self.cancel(job))
        except asyncio.CancelledError:
            pass  # `_settle` says how it ended
        except Exception as error:
            told = explain(error)
            live.failure = ErrorView(told.kind, told.message, told.hint, redact(told.detail))
            if told.kind is Kind.INTERNAL:
                _log.debug("job %s", job, exc_info=error)
            else:
                _log.info("job %s: %s", job, told.message)

    async def _job_apart(self, live: _Live) -> None:
        apart = Apart(self.home, live.entry.id, live.lease, resumed=live.resumed, stop_state=lambda: live.stop_state)
        self._begun(live, apart)
        try:
            await apart.run()
        finally:
            live.failure = apart.failure
            # What a process leaves unwritten, because it was ended by force, is written down here.
            live.written = self.journal.job(live.entry.id).ended is not None

    def _begun(self, live: _Live, context: JobContext | Apart) -> None:
        live.context = context
        live.began, live.started = time.monotonic(), time.time()
        with self._lock:
            if live.state == "queued":
                live.state = "running"
            else:
                context.stop()
            self._version += 1

    def _settle(self, live: _Live) -> None:
        """A job has ended: write that down if its run could not, give it free, keep its picture, start the next."""
        job, failure = live.entry.id, live.failure
        state = "failed" if failure else live.stop_state
        try:
            if not live.written:
                error = msgspec.json.encode(failure) if failure else None
                self.journal.ended(job, state, 0.0, error=error)
            live.lease.release()
            view = past_view(self.journal, self.journal.job(job))
        except SatchelError as error:
            _log.error("job %s: %s", job, error.message)
            view = msgspec.structs.replace(self._live_view(live), state=state, question=None, ended=time.time())
        finally:
            live.lease.release()
        if failure is not None and view.error is None:  # the journal could not be written, for a full disk perhaps
            view = msgspec.structs.replace(view, state="failed", error=failure)
        with self._lock:
            self._past[job] = view
            self._live.pop(job, None)
            self._version += 1
        self._post(self._fill)

    # -- other processes ------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await asyncio.to_thread(self.refresh)
            except SatchelError as error:
                _log.warning("%s", error.message)

    def refresh(self) -> None:
        """Look which jobs came, moved or went without this engine. Any thread. Raises SatchelError."""
        with self._looking:  # what was read earlier must not be written down later
            with self._lock:
                # Only those that had ended before the journal is read: one submitted since is not gone.
                ended = list(self._past)
            pulses = self.journal.pulses()
            with self._lock:
                own = dict(self._live)
                before = self._pulses
                gone = [job for job in ended if job not in pulses and job not in own]
            moved: dict[str, JobView] = {}
            for job, pulse in pulses.items():
                if job in own:
                    if pulse.cancel_asked and own[job].task is None:  # one that runs looks itself
                        self.cancel(job)
                elif before.get(job) != pulse or job not in self._past:
                    with contextlib.suppress(SatchelError):  # discarded between two looks
                        moved[job] = past_view(self.journal, self.journal.job(job))
            with self._lock:
                self._pulses = pulses
                for job, view in moved.items():
                    # One that this engine has taken meanwhile is known better already.
                    if job not in self._live:
                        self._past[job] = view
                        self._version += 1
                    if job not in self._order:
                        self._order.append(job)
                for job in gone:
                    if job not in self._live:
                        self._drop(job)

    def _drop(self, job: str) -> None:
        with self._lock:
            if self._past.pop(job, None) is not None:
                self._order.remove(job)
                self._version += 1

    # -- pictures -------------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """Grows when jobs come, go or change state; while any runs, `views` changes all the time."""
        return self._version

    @property
    def busy(self) -> bool:
        """Whether any job waits or runs in this engine."""
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

    @staticmethod
    def _live_view(live: _Live) -> JobView:
        entry = live.entry
        picture = live.context.look() if live.context is not None else Picture(warning_count=live.entry.warnings)
        return JobView(
            id=entry.id,
            kind=entry.kind,
            title=entry.title,
            request=live.request,
            state="waiting" if picture.question is not None and live.state == "running" else live.state,
            created=entry.created,
            started=live.started,
            seconds=entry.seconds + (time.monotonic() - live.began if live.began else 0.0),
            stages=picture.stages,
            warnings=picture.warnings,
            warning_count=picture.warning_count,
            question=picture.question,
        )
