"""The state of a running job: what `Context` promises to runners, and what views are made from.

Counting is two additions under a lock and nothing else. Speed is worked out when somebody looks.
"""

from __future__ import annotations

import asyncio
import operator
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from satchel.core.jobs.events import AnyEvent, Asked, Logged, StageBegan, StageEnded, StageProgress, Warned
from satchel.core.jobs.views import PartView, Picture, StageView
from satchel.core.secrets import redact

Listener = Callable[[AnyEvent], None]
_SHOWN_WARNINGS = 50
_RATE_WINDOW = 5.0
_RATE_STEP = 0.2
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
        self.broken: float | None = None
        """When it was left by an exception: its clock stands still, and it is not shown as ended."""
        self._view: StageView | None = None
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

    def leave(self, *, well: bool) -> None:
        """The phase is over."""
        now = time.monotonic()
        with self.lock:
            self.ended, self.broken = (now, None) if well else (None, now)

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return (self.ended or self.broken or time.monotonic()) - self.began

    def rate(self) -> float:
        """Units per second over the last seconds; over all of it when it has ended."""
        with self.lock:
            if self.ended is not None:
                return self.done / max(self.ended - self.began, 1e-6)
            if self.broken is not None:
                return 0.0
            now, samples = time.monotonic(), self._samples
            if now - samples[-1][0] > _RATE_STEP:
                samples.append((now, self.done))
            while len(samples) > 2 and now - samples[1][0] > _RATE_WINDOW:
                samples.popleft()
            then, before = samples[0]
            return max(0.0, (self.done - before) / (now - then)) if now > then else 0.0

    def look(self) -> StageView:
        """A picture of the stage; the same object again once it has ended."""
        old = self._view
        if old is not None and old.state == "ended":
            return old
        ended = self.ended is not None
        with self.lock:
            parts = list(self.parts.values())
        seen = tuple([part.look() for part in parts])
        self._view = StageView(
            self.name,
            self.title,
            self.unit,
            self.done,
            self.total,
            self.item,
            self.note,
            "ended" if ended else "begun",
            self.seconds,
            self.rate(),
            # The same tuple as before where no part moved, so that whoever compares pictures is done at once.
            old.parts if old is not None and _same(old.parts, seen) else seen,
        )
        return self._view


def _same(old: tuple[PartView, ...], new: tuple[PartView, ...]) -> bool:
    return len(old) == len(new) and all(map(operator.is_, old, new))


class JobContext:
    """See `context.Context`.

    Args:
        job_id: names the job.
        folder: private to the job; it exists.
        resumed: whether an earlier run left something.
        keep: writes a checkpoint durably before it returns.
        kept: checkpoints of earlier runs.
        warned: warnings of earlier runs; they are not said again.
        listener: hears events, on whatever thread they happen.
        can_ask: whether anybody will call `answer`.
    """

    def __init__(
        self,
        job_id: str,
        folder: Path,
        *,
        resumed: bool = False,
        keep: Callable[[str, Any], None] | None = None,
        kept: dict[str, Any] | None = None,
        warned: Iterable[Warned] = (),
        listener: Listener | None = None,
        can_ask: bool = False,
    ) -> None:
        self.job_id = job_id
        self.folder = folder
        self.resumed = resumed
        self.cancelled = threading.Event()
        self.stages: list[StageState] = []
        self.warnings: deque[Warned] = deque(maxlen=_SHOWN_WARNINGS)
        self._warned: set[int] = set()
        for warning in warned:
            self._warned.add(hash(warning))
            self.warnings.append(warning)
        self.question: Asked | None = None
        self._answer: asyncio.Future[str] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._can_ask = can_ask
        self._asking = asyncio.Lock()
        self._keep = keep
        self._kept = dict(kept or {})
        self._lock = threading.Lock()
        self.listeners: list[Listener] = [listener] if listener else []
        self.sampler: Sampler | None = None

    @property
    def can_ask(self) -> bool:
        """Whether somebody will answer a question."""
        return self._can_ask

    def begin_again(self) -> None:
        """The runner is about to go on from what was kept, as it would in a later run; phases are shown anew."""
        self.resumed = True
        self.stages.clear()
        with self._lock:  # as they come back from the journal
            self._kept = msgspec.json.decode(msgspec.json.encode(self._kept))

    @property
    def warning_count(self) -> int:
        """Different warnings, those of earlier runs among them."""
        return len(self._warned)

    def look(self) -> Picture:
        """Where the job stands. Any thread."""
        return Picture(
            stages=tuple([stage.look() for stage in list(self.stages)]),
            warnings=tuple(self.warnings),
            warning_count=self.warning_count,
            question=self.question,
        )

    def stop(self) -> None:
        """Tell the job's threads that it is cancelled. Any thread."""
        self.cancelled.set()

    def tell(self, event: AnyEvent) -> None:
        """Pass an event on to whoever listens."""
        for listener in self.listeners:
            listener(event)

    @contextmanager
    def stage(self, name: str, title: str, *, total: int | None = None, unit: str = "") -> Iterator[StageState]:
        """Begin a phase; it ends with the `with` block. Left by an exception, it stays shown as far as it came."""
        stage = StageState(name, title, total, unit)
        self.stages.append(stage)
        self.tell(StageBegan(stage=name, title=title, unit=unit, total=total))
        try:
            yield stage
        except BaseException:
            stage.leave(well=False)
            raise
        stage.leave(well=True)
        if self.sampler is not None:
            self.sampler.last(stage)
        self.tell(StageEnded(stage=name, done=stage.done, seconds=round(stage.seconds, 3), note=stage.note))

    def warn(self, code: str, message: str, *, where: str = "", hint: str = "") -> None:
        """Say something that the person should know; the very same again, in this run or a later one, is not said."""
        warning = Warned(code=code, message=redact(message), where=where, hint=hint)
        with self._lock:
            if hash(warning) in self._warned:
                return
            self._warned.add(hash(warning))
            self.warnings.append(warning)
        self.tell(warning)

    def log(self, message: str, level: str = "info") -> None:
        """Write a line into the job's log."""
        self.tell(Logged(level=level, message=redact(message)))

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
        """Put a question and wait for `answer`; where nobody can answer, the default, with a line in the log."""
        asked = Asked(question=question, text=text, choices=choices, default=default)
        if not self._can_ask:
            self.tell(asked)
            self.log(f"{text} Nobody can be asked, so: {default}")
            return default
        async with self._asking:  # one question at a time
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
        self._told: dict[tuple[int, str], tuple[int, int | None, str]] = {}
        context.sampler = self

    def sample(self) -> None:
        """Tell what has changed since the last time, of the phases under way."""
        for stage in list(self._context.stages):
            if stage.ended is None and stage.broken is None:
                self._look(stage)

    def last(self, stage: StageState) -> None:
        """Tell where a phase came to, before it is told that it ended."""
        self._look(stage)

    def _look(self, stage: StageState) -> None:
        self._tell(stage, "", stage.done, stage.total, stage.item)
        with stage.lock:
            parts = list(stage.parts.values())
        for part in parts:
            self._tell(stage, part.name, part.done, part.total, "")

    def _tell(self, stage: StageState, part: str, done: int, total: int | None, item: str) -> None:
        figures, key = (done, total, item), (id(stage), part)
        if self._told.get(key, (0, None, "")) != figures:
            self._told[key] = figures
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
