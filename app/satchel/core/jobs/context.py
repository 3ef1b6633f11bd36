"""What a running job is given: stages to count in, warnings, checkpoints, a private folder, the cancel flag.

A job is `async def run(request, context) -> Result`. It is cancelled by cancelling its task; code of its own threads
looks at `context.cancelled`. Whatever must survive a crash goes through `checkpoint`.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

KEPT = "kept"
"""The folder in a job's own in which files stay that its result names, for as long as the job is in the journal."""


class Part(Protocol):
    """A piece of a stage with figures of its own: one table, one file."""

    done: int
    total: int | None

    def add(self, units: int) -> None:
        """Count units done, here and in the stage. Cheap: call it as often as you like, from any thread."""


class Stage(Protocol):
    """A phase that is under way. Attributes may be set at any time and are sampled, not sent one by one."""

    total: int | None
    done: int
    item: str
    note: str

    def add(self, units: int) -> None:
        """Count units done. Cheap and safe from any thread."""

    def part(self, name: str, total: int | None = None) -> Part:
        """A piece of this stage; its units count for the stage as well."""


class Context(Protocol):
    """The job's side of a job."""

    job_id: str
    folder: Path
    """Private to the job, survives a crash, is removed when the job ends well (but for `KEPT`) or is discarded."""
    resumed: bool
    cancelled: threading.Event

    def stage(
        self, name: str, title: str, *, total: int | None = None, unit: str = ""
    ) -> AbstractContextManager[Stage]:
        """Begin a phase; it ends with the `with` block. `name` is stable, `title` is for people."""

    def warn(self, code: str, message: str, *, where: str = "", hint: str = "") -> None:
        """Say something that the person should know; kept with the job and repeated in its result."""

    def log(self, message: str, level: str = "info") -> None:
        """Write a line into the job's log. No secrets."""

    def checkpoint(self, key: str, value: Any) -> None:
        """Keep a JSON value durably (on disk when this returns) under the key; replaces the one before."""

    def recall(self, key: str, default: Any = None) -> Any:
        """What `checkpoint` kept, in this run or an earlier one."""

    async def ask(self, question: str, text: str, choices: tuple[str, ...], default: str) -> str:
        """Put a question to the person and wait; where nobody can answer, the default."""
