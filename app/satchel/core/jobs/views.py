"""What a job looks like from outside: immutable pictures of its state, made on demand and cheap to make.

The window asks for them up to 30 times a second; nothing is sent to it. Whatever has not changed since the last picture
is the same object again.
"""

from __future__ import annotations

import msgspec

from satchel.core.errors import Kind
from satchel.core.jobs.events import Asked, Warned
from satchel.core.jobs.request import Request, Result

STATES = ("queued", "running", "waiting", "cancelling", "done", "failed", "cancelled", "interrupted")
ALIVE = frozenset({"queued", "running", "waiting", "cancelling"})
RESUMABLE = frozenset({"failed", "cancelled", "interrupted"})


class PartView(msgspec.Struct, frozen=True):
    """A piece of a phase with figures of its own."""

    name: str
    done: int
    total: int | None


class StageView(msgspec.Struct, frozen=True):
    """A phase."""

    name: str
    title: str
    unit: str
    done: int
    total: int | None
    item: str
    note: str
    state: str
    """`begun` or `ended`."""
    seconds: float
    rate: float
    """Units per second, smoothed over the last few seconds; 0 when unknown."""
    parts: tuple[PartView, ...]


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """What a running job has to show at a moment."""

    stages: tuple[StageView, ...] = ()
    warnings: tuple[Warned, ...] = ()
    """The newest ones."""
    warning_count: int = 0
    question: Asked | None = None


class ErrorView(msgspec.Struct, frozen=True):
    """Why a job failed."""

    kind: Kind
    message: str
    hint: str
    detail: str = ""


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A job as lists and panels show it. Times are seconds since 1970."""

    id: str
    kind: str
    title: str
    request: Request | None
    """None when this version of Satchel does not know the kind of job."""
    state: str
    created: float
    started: float | None = None
    ended: float | None = None
    seconds: float = 0.0
    stages: tuple[StageView, ...] = ()
    warnings: tuple[Warned, ...] = ()
    """The newest ones, at most 50."""
    warning_count: int = 0
    question: Asked | None = None
    result: Result | None = None
    error: ErrorView | None = None
