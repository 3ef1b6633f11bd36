"""The state of a running job: what `Context` promises to runners, and what views are made from.

Counting is two additions under a lock and nothing else. Speed is worked out when somebody looks.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from satchel.core.jobs.events import AnyEvent, Asked, Logged, StageBegan, StageEnded, StageProgress, Warned
from satchel.core.jobs.views import PartView, StageView

Listener = Callable[[AnyEvent], None]
_SHOWN_WARNINGS = 50
_RATE_WINDOW = 5.0
_SAMPLE = 0.1


class PartState:
    """See `context.Part`."""

    __slots__ = ("_stage", "done", "name", "total", "view")

    def __init__(self, stage: StageState, name: str, total: int | None) -> None:
        self._stage = stage
        self.name = name
        self.done = 0
        self.total = total
        self.view = PartView(name, 0, total)

    def add(self, units: int) -> None:
        """Count units done, here and in the stage."""
        with self._stage.lock:
            self.done += units
            self._stage.done += units

    def look(self) -> PartView:
        """The newest picture; the same object while nothing changed."""
        if self.view.done != self.done or self.view.total != self.total:
            self.view = PartView(self.name, self.done, self.total)
        return self.view


class StageState:
    """See `context.Stage`."""

    def __init__(self, name: str, title: str, total: int | None, unit: str) -> None:
        self.lock = threading.Lock()
        self.name = name
        self.title = title
        self.unit = unit
        self.total = total
        self.done = 0
        self.item = ""
        self.note = ""
        self.parts: dict[str, PartState] = {}
        self.began = time.monotonic()
        self.ended: float | None = None
        self._samples: deque[tuple[float, int]] = deque([(self.began, 0)])

    def add(self, units: int) -> None:
        """Count units done."""
        with self.lock:
            self.done += units

    def part(self, name: str, total: int | None = None) -> PartState:
        """A piece of this stage; the same one when asked for again."""
        with self.lock:
            part = self.parts.get(name)
            if part is None:
                part = self.parts[name] = PartState(self, name, total)
            elif total is not None:
                part.total = total
            return part

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return (self.ended or time.monotonic()) - self.began

    def rate(self) -> float:
        """Units per second over the last seconds."""
        now, samples = self.ended or time.monotonic(), self._samples
        if now - samples[-1][0] > 0.2:
            samples.append((now, self.done))
        while len(samples) > 2 and now - samples[1][0] > _RATE_WINDOW:
            samples.popleft()
        (then, before), past = samples[0], max(now - samples[0][0], 1e-6)
        return max(0.0, (self.done - before) / past) if now > then else 0.0

    def look(self) -> StageView:
        """A picture of the stage."""
        with self.lock:
            parts = list(self.parts.values())
        return StageView(
            self.name,
            self.title,
            self.unit,
            self.done,
            self.total,
            self.item,
            self.note,
            "begun" if self.ended is None else "ended",
            self.seconds,
            self.rate(),
            tuple(part.look() for part in parts),
        )


class JobContext:
    """See `context.Context`. Subclasses and hooks say where checkpoints, warnings and logs go.

    Args:
        job_id: names the job.
        folder: private to the job; it exists.
        resumed: whether an earlier run left something.
        keep: writes a checkpoint durably before it returns.
        kept: checkpoints of earlier runs.
        listener: hears events, on whatever thread they happen.
    """

    def __init__(
        self,
        job_id: str,
        folder: Path,
        *,
        resumed: bool = False,
        keep: Callable[[str, Any], None] | None = None,
        kept: dict[str, Any] | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.job_id = job_id
        self.folder = folder
        self.resumed = resumed
        self.cancelled = threading.Event()
        self.stages: list[StageState] = []
        self.warnings: deque[Warned] = deque(maxlen=_SHOWN_WARNINGS)
        self.warning_count = 0
        self.question: Asked | None = None
        self._answer: asyncio.Future[str] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keep = keep
        self._kept = dict(kept or {})
        self._lock = threading.Lock()
        self.listeners: list[Listener] = [listener] if listener else []

    def tell(self, event: AnyEvent) -> None:
        """Pass an event on to whoever listens."""
        for listener in self.listeners:
            listener(event)

    @contextmanager
    def stage(self, name: str, title: str, *, total: int | None = None, unit: str = "") -> Iterator[StageState]:
        """Begin a phase; it ends with the `with` block, well or not."""
        stage = StageState(name, title, total, unit)
        self.stages.append(stage)
        self.tell(StageBegan(stage=name, title=title, unit=unit, total=total))
        # A phase that fails stays where it was: it is not shown as done.
        yield stage
        stage.ended = time.monotonic()
        self.tell(StageEnded(stage=name, done=stage.done, seconds=round(stage.seconds, 3), note=stage.note))

    def warn(self, code: str, message: str, *, where: str = "", hint: str = "") -> None:
        """Say something that the person should know."""
        warning = Warned(code=code, message=message, where=where, hint=hint)
        with self._lock:
            self.warnings.append(warning)
            self.warning_count += 1
        self.tell(warning)

    def log(self, message: str, level: str = "info") -> None:
        """Write a line into the job's log."""
        self.tell(Logged(level=level, message=message))

    def checkpoint(self, key: str, value: Any) -> None:
        """Keep a value durably under the key."""
        if self._keep is not None:
            self._keep(key, value)
        with self._lock:
            self._kept[key] = value

    def recall(self, key: str, default: Any = None) -> Any:
        """What `checkpoint` kept."""
        with self._lock:
            return self._kept.get(key, default)

    async def ask(self, question: str, text: str, choices: tuple[str, ...], default: str) -> str:
        """Put a question and wait for `answer`; the default at once where nobody listens."""
        asked = Asked(question=question, text=text, choices=choices, default=default)
        if not self.listeners:
            return default
        self._loop = asyncio.get_running_loop()
        self._answer = self._loop.create_future()
        self.question = asked
        self.tell(asked)
        try:
            return await self._answer
        finally:
            self.question = None
            self._answer = None

    def answer(self, question: str, choice: str) -> None:
        """Answer the open question; nothing happens when it is another one, or the choice is none of it. Any thread."""
        asked, waiting, loop = self.question, self._answer, self._loop
        if (
            asked is None
            or waiting is None
            or loop is None
            or asked.question != question
            or choice not in asked.choices
        ):
            return
        loop.call_soon_threadsafe(lambda: None if waiting.done() else waiting.set_result(choice))


class Sampler:
    """Turns the state into progress events, at most ten times a second, for listeners that cannot look themselves."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._told: dict[tuple[str, str], tuple[int, int | None, str]] = {}

    def sample(self) -> None:
        """Tell what has changed since the last time."""
        for stage in self._context.stages:
            if stage.ended is None or (stage.name, "") in self._told:
                self._tell(stage, "", stage.done, stage.total, stage.item)
                for view in (part.look() for part in list(stage.parts.values())):
                    self._tell(stage, view.name, view.done, view.total, "")

    def _tell(self, stage: StageState, part: str, done: int, total: int | None, item: str) -> None:
        figures = (done, total, item)
        if self._told.get((stage.name, part)) != figures:
            self._told[stage.name, part] = figures
            self._context.tell(
                StageProgress(stage=stage.name, done=done, total=total, unit=stage.unit, part=part, item=item)
            )

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            await asyncio.sleep(_SAMPLE)
            self.sample()


def local_context(folder: Path, listener: Listener | None = None) -> JobContext:
    """A context without journal, for tests and for questions that are no jobs; checkpoints live in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    return JobContext("local", folder, listener=listener)
