"""What a job tells while it runs.

Events are small and rare: begin and end of a stage, warnings, log lines, and progress sampled from the job's state at
most ten times a second (`satchel.core.jobs.state`), however fast the job itself counts.
"""

from __future__ import annotations

import msgspec

UNITS = ("rows", "files", "bytes", "tables", "requests", "")
"""What a stage may count; the empty one for a stage that cannot count."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    """Anything that a job tells."""


class JobStarted(Event, tag="started", frozen=True, kw_only=True):
    """The first event of every run."""

    job: str
    title: str
    resumed: bool = False


class StageBegan(Event, tag="stage-began", frozen=True, kw_only=True):
    """A named phase begins."""

    stage: str
    title: str
    unit: str = ""
    total: int | None = None
    """None: unknown, and said to be unknown."""


class StageProgress(Event, tag="progress", frozen=True, kw_only=True):
    """Where a stage stands; `part` names a piece of it (a table) when the figures are that piece's."""

    stage: str
    done: int
    total: int | None = None
    unit: str = ""
    part: str = ""
    item: str = ""
    """What is in hand: a file or table name."""


class StageEnded(Event, tag="stage-ended", frozen=True, kw_only=True):
    """A phase is over. `note` sums it up in a few words."""

    stage: str
    done: int = 0
    seconds: float = 0.0
    note: str = ""


class Warned(Event, tag="warning", frozen=True, kw_only=True):
    """Something that the person should know and that does not stop the job."""

    code: str
    """Stable and machine-readable, such as `hidden-table` or `asset-missing`."""
    message: str
    where: str = ""
    """Table, file or RID that it concerns."""
    hint: str = ""


class Logged(Event, tag="log", frozen=True, kw_only=True):
    """A line for the log; level is debug, info, warning or error."""

    level: str
    message: str


class Confirm(Event, tag="confirm", frozen=True, kw_only=True):
    """A sign-in waits for a page to be confirmed in a browser."""

    page: str
    code: str = ""
    """What the page asks for, or shows to be compared; empty: nothing."""


class Asked(Event, tag="question", frozen=True, kw_only=True):
    """The job waits for an answer, one of `choices`."""

    question: str
    text: str
    choices: tuple[str, ...]
    default: str


AnyEvent = JobStarted | StageBegan | StageProgress | StageEnded | Warned | Logged | Asked | Confirm
