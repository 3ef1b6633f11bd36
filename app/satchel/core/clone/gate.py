"""How many requests are on their way at once: as many as a server bears, and never more than the person allows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from satchel.core.deriva.retry import Log

FIRST = 3


class Gate:
    """A semaphore whose number follows the server: it grows with every answer and halves when one has to be repeated.

    Args:
        most: the cap.
    """

    def __init__(self, most: int) -> None:
        self._most = float(max(1, most))
        self.limit = float(min(FIRST, max(1, most)))
        """How many may be on their way now."""
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a turn."""
        while self._busy >= int(self.limit):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except BaseException:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                else:
                    self._wake()
                raise
        self._busy += 1
        try:
            yield
            self.limit = min(self._most, self.limit + 1 / self.limit)
        finally:
            self._busy -= 1
            self._wake()

    def trouble(self) -> None:
        """A request has to be repeated."""
        self.limit = max(1.0, self.limit / 2)

    def _wake(self) -> None:
        room = int(self.limit) - self._busy
        while room > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1

    def hears(self, log: Log) -> Log:
        """A log for a session that tells this gate of repetitions."""

        def told(message: str, level: str = "info") -> None:
            if level == "debug":
                self.trouble()
            log(message, level)

        return told
