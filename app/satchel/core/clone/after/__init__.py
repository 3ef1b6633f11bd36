"""What a clone does besides schema, rows and constraints.

A step is `async def step(work: Work) -> None`. It may be run again when a job is resumed, so it looks first whether it
is done. What goes wrong in it becomes an issue of the report.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from satchel.core.clone.work import Work

Step = Callable[[Work], Awaitable[None]]

BEFORE_CONSTRAINTS: tuple[tuple[str, str, Step], ...] = ()
"""(name, title, step): after the rows, before orphans are looked for. Here belong the users that rows name."""
STEPS: tuple[tuple[str, str, Step], ...] = ()
"""(name, title, step), in their order, after the constraints."""
