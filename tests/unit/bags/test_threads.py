"""A thread is never left behind, however impatient whoever waits for it is."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from satchel.core.bags.digests import StoppedError
from satchel.core.bags.threads import in_thread


async def test_it_gives_back_what_the_work_returns() -> None:
    assert await in_thread(threading.Event(), lambda a, b: a + b, 1, b=2) == 3


@pytest.mark.parametrize("cancels", [1, 2, 5])
async def test_a_cancelled_one_is_told_and_waited_for_however_often(cancels: int) -> None:
    stop, began, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        stop.wait(20)
        time.sleep(0.1)
        ended.set()
        raise StoppedError

    waiting = asyncio.create_task(in_thread(stop, work))
    await asyncio.to_thread(began.wait)
    for _ in range(cancels):
        waiting.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert stop.is_set()
    assert ended.is_set()


async def test_work_that_stops_itself_is_a_cancellation() -> None:
    def work() -> None:
        raise StoppedError

    with pytest.raises(asyncio.CancelledError):
        await in_thread(threading.Event(), work)
