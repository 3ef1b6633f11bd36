"""`spawn`: how plain slots start coroutines.

Slots are ordinary functions. What has to wait goes into a coroutine that is spawned: a strong reference is kept, a
failure is shown, and what is spawned before the loop runs (the window is painted first) waits for it. Nothing here may
call `exec()`: a nested loop inside a task loses every other task that wakes meanwhile (qasync 0.28).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

_log = logging.getLogger(__name__)


class Spawned:
    """A coroutine that runs, or will as soon as there is a loop."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.task: asyncio.Task[Any] | None = None
        self._cancelled = False

    @property
    def done(self) -> bool:
        """Whether it has ended, in any way."""
        return self._cancelled if self.task is None else self.task.done()

    def cancel(self) -> None:
        """Stop it; nothing happens when it has ended."""
        self._cancelled = True
        if self.task is not None:
            self.task.cancel()


class Tasks:
    """The coroutines of one window."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[tuple[Coroutine[Any, Any, Any], Spawned, Callable[[BaseException], None] | None]] = []
        self._running: set[asyncio.Task[Any]] = set()
        self.show_failure: Callable[[BaseException], None] = _log_failure

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop runs: start what was waiting for it."""
        self._loop = loop
        waiting, self._waiting = self._waiting, []
        for coroutine, spawned, failed in waiting:
            if spawned.done:
                coroutine.close()
            else:
                self._start(loop, coroutine, spawned, failed)

    def spawn(
        self, coroutine: Coroutine[Any, Any, Any], name: str, failed: Callable[[BaseException], None] | None = None
    ) -> Spawned:
        """Run a coroutine beside everything else.

        Args:
            coroutine: what to run.
            name: for the log.
            failed: told of the exception it ends with; None: the window shows it. Cancelling is no failure.
        """
        spawned = Spawned(name)
        if self._loop is None:
            self._waiting.append((coroutine, spawned, failed))
        else:
            self._start(self._loop, coroutine, spawned, failed)
        return spawned

    def _start(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any],
        spawned: Spawned,
        failed: Callable[[BaseException], None] | None,
    ) -> None:
        task = loop.create_task(coroutine, name=spawned.name)
        spawned.task = task
        self._running.add(task)

        def ended(task: asyncio.Task[Any]) -> None:
            self._running.discard(task)
            if task.cancelled():
                return
            fault = task.exception()
            if fault is not None:
                (failed or self.show_failure)(fault)

        task.add_done_callback(ended)

    async def end(self) -> None:
        """Cancel everything but the caller and wait until it has ended."""
        import asyncio

        for coroutine, _, _ in self._waiting:
            coroutine.close()
        self._waiting.clear()
        mine = asyncio.current_task()
        rest = [task for task in self._running if task is not mine]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        self._loop = None


def _log_failure(fault: BaseException) -> None:
    _log.error("a task failed", exc_info=fault)


tasks = Tasks()


def spawn(
    coroutine: Coroutine[Any, Any, Any], name: str, failed: Callable[[BaseException], None] | None = None
) -> Spawned:
    """Run a coroutine on the window's loop; see `Tasks.spawn`."""
    return tasks.spawn(coroutine, name, failed)
