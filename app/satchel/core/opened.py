"""Making in a thread what must be closed, without losing it when nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar


class Closable(Protocol):
    """Has something open, such as a file."""

    def close(self) -> None:
        """Close it."""


C = TypeVar("C", bound=Closable)


async def opened(make: Callable[[], C]) -> C:
    """Run `make` in a thread. When this is cancelled it does not wait; what is made then is closed at once."""
    # A future and no task, for the loop may be closed before the thread has ended.
    making = asyncio.get_running_loop().run_in_executor(None, make)
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        making.add_done_callback(_close)
        raise


def _close(making: asyncio.Future[C]) -> None:
    if not making.cancelled() and making.exception() is None:
        making.result().close()
