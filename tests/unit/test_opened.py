"""What is made in a thread is closed, also when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading

import pytest

from satchel.core.opened import opened


class Thing:
    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


async def test_what_was_waited_for_is_open() -> None:
    thing = await opened(Thing)
    assert not thing.closed.is_set()


@pytest.mark.parametrize("fails", [False, True])
async def test_what_nobody_waits_for_is_closed(fails: bool) -> None:
    begun, go_on = threading.Event(), threading.Event()
    thing = Thing()

    def make() -> Thing:
        begun.set()
        go_on.wait()
        if fails:
            raise OSError("it cannot be made")
        return thing

    task = asyncio.create_task(opened(make))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    if not fails:
        await asyncio.to_thread(thing.closed.wait)


async def test_what_goes_wrong_is_heard() -> None:
    def make() -> Thing:
        raise OSError("it cannot be made")

    with pytest.raises(OSError, match="cannot be made"):
        await opened(make)
