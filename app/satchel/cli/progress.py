"""Progress for people, on standard error: bars on a terminal, plain lines elsewhere.

What is not known is said to be unknown.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from satchel.cli.output import printable, say
from satchel.core.jobs.events import AnyEvent, Asked, JobStarted, Logged, StageBegan, StageEnded, StageProgress, Warned
from satchel.core.words import count, duration, rate

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

WINDOW_SECONDS = 5.0
EVERY_SECONDS = 10.0
"""Between two plain lines about the same phase, whether it moves or not."""


@dataclass(slots=True)
class Phase:
    """A phase under way, and how fast it is."""

    title: str
    unit: str
    total: int | None
    done: int = 0
    item: str = ""
    resumed: bool = False
    """Part of what is done was done by an earlier run, in a time that nobody knows here."""
    began: float = field(default_factory=time.monotonic)
    samples: deque[tuple[float, int]] = field(default_factory=deque)

    def at(self, event: StageProgress) -> None:
        """Take the newest figures."""
        now = time.monotonic()
        self.done, self.total, self.item = event.done, event.total, event.item
        self.samples.append((now, event.done))
        while len(self.samples) > 2 and now - self.samples[1][0] > WINDOW_SECONDS:
            self.samples.popleft()

    @property
    def speed(self) -> float:
        """Units per second over the last seconds; 0: not known."""
        if len(self.samples) < 2:
            return 0.0
        (then, before), (now, done) = self.samples[0], self.samples[-1]
        return max(0.0, (done - before) / (now - then)) if now > then else 0.0

    def figures(self) -> str:
        """For example `12,340 of 48,000 rows, 1,200 rows/s, about 0:29 left`."""
        if not self.done and self.total is None:
            return "it is not known how far"
        told = [self._counted()]
        speed = self.speed
        if speed:
            told.append(rate(speed, self.unit))
        if self.total is None:
            told.append("how many in all is not known")
        elif speed and self.total > self.done:
            told.append(f"about {duration((self.total - self.done) / speed)} left")
        return ", ".join(told)

    def _counted(self) -> str:
        if self.total is None:
            return count(self.done, self.unit)
        if self.unit == "bytes":
            return f"{count(self.done, 'bytes')} of {count(self.total, 'bytes')}"
        return f"{self.done:,} of {count(self.total, self.unit)}"


class Shown(Protocol):
    """Something that shows events."""

    def hear(self, event: AnyEvent) -> None:
        """Show an event."""

    def close(self) -> None:
        """Show no more."""


def progress() -> Shown:
    """What fits standard error."""
    if sys.stderr.isatty():
        return Bars()
    return Lines()


def sentence(event: AnyEvent, phases: dict[str, Phase]) -> str:
    """What an event is told as when it is told in a line; empty: not at all."""
    match event:
        case JobStarted():
            return f"{event.title}{' (resumed)' if event.resumed else ''}: job {event.job}"
        case Warned():
            where = f"{event.where}: " if event.where and event.where not in event.message else ""
            return f"Warning: {where}{event.message}{' ' + event.hint if event.hint else ''}"
        case Logged():
            return event.message if event.level == "warning" else ""  # an error is told at the end
        case Asked():
            return f"{event.text} Nobody can be asked here: {event.default}."
        case StageEnded():
            phase = phases.get(event.stage)
            if phase is None:
                return ""
            note = event.note or (count(event.done, phase.unit) if event.done else "done")
            measured = event.seconds >= 1 and event.done and phase.unit and not phase.resumed
            speed = event.done / event.seconds if measured else 0.0
            told = [note, duration(event.seconds), *([rate(speed, phase.unit)] if speed else [])]
            return f"{phase.title}: {', '.join(told)}"
        case _:
            return ""


class Lines:
    """A line when a phase begins and ends, and now and then in between."""

    def __init__(self) -> None:
        self._resumed = False
        self._phases: dict[str, Phase] = {}
        self._open: dict[str, Phase] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._remind, name="satchel-progress", daemon=True).start()

    def hear(self, event: AnyEvent) -> None:
        """Show an event."""
        if isinstance(event, StageBegan):
            phase = Phase(event.title, event.unit, event.total, resumed=self._resumed)
            self._phases[event.stage] = self._open[event.stage] = phase
            say(f"{event.title} ...")
        elif isinstance(event, StageProgress):
            known = self._phases.get(event.stage)
            if known is not None and not event.part:
                known.at(event)
        else:
            if isinstance(event, JobStarted):
                self._resumed = event.resumed
            if isinstance(event, StageEnded):
                self._open.pop(event.stage, None)
            if told := sentence(event, self._phases):
                say(told)

    def _remind(self) -> None:
        while not self._closed.wait(EVERY_SECONDS):
            for phase in list(self._open.values()):
                since = time.monotonic() - phase.began
                if since >= EVERY_SECONDS / 2:
                    say(f"{phase.title}: {phase.figures()} ({duration(since)} so far)")

    def close(self) -> None:
        """Show no more."""
        self._closed.set()


class Bars:
    """A bar for each phase under way, and lines above for what is over."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._resumed = False
        self._phases: dict[str, Phase] = {}
        self._tasks: dict[str, TaskID] = {}
        self._console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._progress: Progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(30),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            TextColumn("{task.fields[item]}", markup=False, style="dim"),
            console=self._console,
            transient=True,
        )
        self._progress.start()

    def hear(self, event: AnyEvent) -> None:
        """Show an event."""
        if isinstance(event, StageBegan):
            phase = Phase(event.title, event.unit, event.total, resumed=self._resumed)
            self._phases[event.stage] = phase
            self._tasks[event.stage] = self._progress.add_task(printable(event.title), **self._fields(phase))
        elif isinstance(event, StageProgress):
            known = self._phases.get(event.stage)
            if known is not None and not event.part:
                known.at(event)
                self._progress.update(self._tasks[event.stage], **self._fields(known))
        else:
            if isinstance(event, JobStarted):
                self._resumed = event.resumed
            if isinstance(event, StageEnded) and event.stage in self._tasks:
                self._progress.remove_task(self._tasks.pop(event.stage))
                self._progress.refresh()  # or what is printed next would bring it back once more
            if told := sentence(event, self._phases):
                style = "yellow" if isinstance(event, (Warned, Logged)) else None
                self._console.print(printable(told), style=style, soft_wrap=True)

    @staticmethod
    def _fields(phase: Phase) -> dict[str, Any]:
        return {
            "total": phase.total,
            "completed": phase.done,
            "figures": phase.figures(),
            "item": printable(phase.item)[-40:],
        }

    def close(self) -> None:
        """Take the bars away."""
        self._progress.stop()
