"""Between the window and the engine, which runs in a thread of its own.

The window asks with `await bridge.call(function, *arguments)`; what jobs do is looked at by one timer, 30 times a
second, and only while a job runs. The engine and all that it imports are loaded after the first paint, in a thread.
"""

from __future__ import annotations

import concurrent.futures
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import (
    QAbstractListModel,
    QByteArray,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)

if TYPE_CHECKING:
    import asyncio

    from satchel.core.jobs.engine import Engine
    from satchel.core.jobs.journal import LogLine
    from satchel.core.jobs.request import Request
    from satchel.core.jobs.views import JobView
    from satchel.gui.settings import Settings

_log = logging.getLogger(__name__)
T = TypeVar("T")
TICK = 33
"""Milliseconds between looks at running jobs."""
FINISHING = 3.0
"""Seconds that `stop` waits for what was to be given up."""
ALIVE = frozenset({"queued", "running", "waiting", "cancelling"})
"""As in satchel.core.jobs.views, which is imported with the engine."""
Index = QModelIndex | QPersistentModelIndex


class JobsModel(QAbstractListModel):
    """The engine's jobs, the newest first; a tick that changes nothing tells nobody."""

    ViewRole = int(Qt.ItemDataRole.UserRole) + 1

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._views: list[JobView] = []

    def views(self) -> list[JobView]:
        """What is shown."""
        return list(self._views)

    def view(self, job_id: str) -> JobView | None:
        """The job of that id."""
        return next((view for view in self._views if view.id == job_id), None)

    def put(self, views: Sequence[JobView]) -> bool:
        """Take the engine's newest views. Returns whether anything differs from before."""
        new = list(views)
        if [view.id for view in new] != [view.id for view in self._views]:
            self.beginResetModel()
            self._views = new
            self.endResetModel()
            return True
        pairs = enumerate(zip(self._views, new, strict=True))
        changed = [place for place, (old, now) in pairs if old is not now and old != now]
        self._views = new
        if changed:
            self.dataChanged.emit(self.index(changed[0]), self.index(changed[-1]))
        return bool(changed)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._views)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._views):
            return None
        view = self._views[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return view.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{view.title}, {view.state}"
        if role == self.ViewRole:
            return view
        return None

    def roleNames(self) -> dict[int, QByteArray]:
        return {**super().roleNames(), self.ViewRole: QByteArray(b"view")}


class EngineBridge(QObject):
    """The window's side of the engine."""

    started = Signal()
    """The engine is there; jobs of earlier runs are in `jobs`."""
    changed = Signal()
    """Some job changed; at most 30 times a second."""
    ended = Signal(object)
    """A job's view, once, when it has come to its end."""

    def __init__(self, settings: Settings, make: Callable[[Settings], Engine] | None = None) -> None:
        super().__init__()
        self._settings = settings
        self._make = make or _make_engine
        self._engine: Engine | None = None
        self._starting: asyncio.Future[Engine] | None = None
        self.jobs = JobsModel(self)
        self._moving: set[str] = set()
        self._finishing: set[concurrent.futures.Future[object]] = set()
        self._timer = QTimer(self)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self.look)

    @property
    def engine(self) -> Engine | None:
        """The engine; None until it has started."""
        return self._engine

    async def engine_ready(self) -> Engine:
        """The engine, started first when need be. Raises what starting it raised."""
        import asyncio

        if self._engine is not None:
            return self._engine
        if self._starting is None:
            loop = asyncio.get_running_loop()
            self._starting = loop.run_in_executor(None, self._make, self._settings)
        try:
            engine = await asyncio.shield(self._starting)
        except Exception:
            self._starting = None
            raise
        if self._engine is None:
            self._engine = engine
            self.look()
            self.started.emit()
        return engine

    async def call(self, function: Callable[..., Coroutine[Any, Any, T]], /, *args: Any) -> T:
        """Run a coroutine function of the core in the engine's loop and wait for what it returns.

        Cancelling the waiting cancels the call.

        Raises:
            SatchelError: what the function raised, or a sentence for what should not have happened.
        """
        import asyncio

        engine = await self.engine_ready()
        return await asyncio.wrap_future(engine.call(function, *args))

    def finish(self, function: Callable[..., Coroutine[Any, Any, object]], /, *args: Any) -> None:
        """Have something given up that was opened; `stop` waits until that is done. Failures are logged."""
        if self._engine is None:
            return
        future = self._engine.call(function, *args)
        self._finishing.add(future)
        future.add_done_callback(self._finished)

    def _finished(self, future: concurrent.futures.Future[object]) -> None:
        self._finishing.discard(future)
        if not future.cancelled() and (fault := future.exception()) is not None:
            _log.warning("something could not be given up: %s", fault)

    async def submit(self, request: Request) -> str:
        """Start a job. Returns its id. Raises SatchelError."""
        return await self._ask_journal(lambda engine: engine.submit(request))

    async def resume(self, job_id: str) -> None:
        """Go on with a job that was interrupted, cancelled or has failed. Raises SatchelError."""
        await self._ask_journal(lambda engine: engine.resume(job_id))

    async def discard(self, job_id: str) -> None:
        """Forget a job and what it had gathered. Raises SatchelError."""
        await self._ask_journal(lambda engine: engine.discard(job_id))

    async def look_again(self) -> None:
        """Read the journal: something else than the engine has changed it. Raises SatchelError."""
        await self._ask_journal(lambda engine: engine.refresh())

    async def _ask_journal(self, do: Callable[[Engine], T]) -> T:
        """Do something that writes the journal: in a thread, for the disk may take its time."""
        import asyncio

        engine = await self.engine_ready()
        try:
            return await asyncio.get_running_loop().run_in_executor(None, do, engine)
        finally:
            self.watch()

    async def log(self, job_id: str, after: int) -> list[LogLine]:
        """The newest lines of a job's log behind the number `after`. Raises SatchelError."""
        import asyncio

        engine = await self.engine_ready()
        return await asyncio.get_running_loop().run_in_executor(None, engine.log, job_id, after)

    def cancel(self, job_id: str) -> None:
        """Stop a job; it can be resumed or discarded later."""
        if self._engine is not None:
            self._engine.cancel(job_id)
            self.watch()

    def answer(self, job_id: str, question: str, choice: str) -> None:
        """Answer the question that a job waits for."""
        if self._engine is not None:
            self._engine.answer(job_id, question, choice)

    def watch(self) -> None:
        """Look now, and go on looking while a job runs."""
        self.look()
        if not self._timer.isActive():
            self._timer.start()

    def active(self) -> list[JobView]:
        """Jobs that run or wait to run."""
        return [view for view in self.jobs.views() if view.state in ALIVE]

    def interrupted(self) -> list[JobView]:
        """Jobs that were interrupted: by a crash, or because Satchel was closed."""
        return [view for view in self.jobs.views() if view.state == "interrupted"]

    def look(self) -> None:
        """Take the engine's views once."""
        if self._engine is None:
            return
        differs = self.jobs.put(self._engine.views())
        active = self.active()
        moving = {view.id for view in active}
        ended = self._moving - moving
        self._moving = moving
        if moving and not self._timer.isActive():
            self._timer.start()
        elif not moving:
            self._timer.stop()
        if differs:
            self.changed.emit()
        for job_id in ended:
            view = self.jobs.view(job_id)
            if view is not None:
                self.ended.emit(view)

    async def stop(self) -> None:
        """Stop the engine; running jobs write their checkpoints and are offered at the next start."""
        import asyncio

        self._timer.stop()
        if self._engine is None and self._starting is not None:
            try:
                self._engine = await asyncio.shield(self._starting)
            except Exception:
                _log.exception("the engine had not started")
        if self._engine is not None:
            engine, self._engine = self._engine, None
            loop, last = asyncio.get_running_loop(), list(self._finishing)
            if last:
                await loop.run_in_executor(None, partial(concurrent.futures.wait, last, timeout=FINISHING))
            ended = await asyncio.get_running_loop().run_in_executor(None, engine.stop)
            if not ended:
                _log.warning("some jobs did not stop in time; they are offered at the next start")


def _make_engine(settings: Settings) -> Engine:
    """In a thread: import the engine, open the journal, start. Raises SatchelError."""
    from satchel.core.jobs.engine import Engine
    from satchel.core.paths import Home

    engine = Engine(Home.find(), settings.parallel_jobs, apart=True)
    engine.start()
    return engine
