"""Waiting for work in a thread without leaving it behind."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from satchel.core.bags.digests import StoppedError

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(stop: threading.Event, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread. When this is cancelled, once or more, the thread is told by `stop` and waited
    for.

    So nothing that the work uses (a file, a database) is closed under it. The work looks at `stop` often and raises
    `StoppedError`, which comes out as a cancellation.
    """
    task = asyncio.create_task(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        # Whoever is impatient cancels again; the thread is still at work then.
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody is left to hear of it
        raise
    except StoppedError:
        raise asyncio.CancelledError from None
