"""A process that runs one job for the window, so that what the job computes never holds up the screen.

`satchel worker` speaks with the engine that started it (`satchel.core.jobs.apart`): orders come in as lines of JSON,
pictures go out as MessagePack, each behind its length in four bytes. Everything that must last goes into the journal,
as everywhere; when the engine is gone, the job is interrupted and can be resumed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import sys
import threading
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from satchel.core import handover
from satchel.core.errors import SatchelError
from satchel.core.jobs import registry
from satchel.core.jobs.journal import Journal
from satchel.core.jobs.run import Run
from satchel.core.jobs.views import ErrorView, Picture
from satchel.core.logs import start_log
from satchel.core.loops import new_loop
from satchel.core.paths import Home

EVERY = 0.05
"""Seconds between pictures."""
NICE = 5
"""The window, and whatever else the person does, goes before."""
LENGTH = struct.Struct(">I")


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the engine wants. The first order names the job; later ones stop it or answer its question."""

    home: tuple[str, str, str, str] | None = None
    """Folders for settings, data, cache and log."""
    job: str = ""
    resumed: bool = False
    stop: str = ""
    """The state in which the stopped job is to end: cancelled or interrupted."""
    answer: tuple[str, str] | None = None
    """Question and choice."""
    given: dict[str, Any] | None = None
    """See `satchel.core.handover`."""


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the worker tells."""

    picture: Picture | None = None
    failure: ErrorView | None = None
    """The job failed; the journal may not have been able to take it down."""


def main() -> int:
    """Run the job that the first line on standard input names. Returns 0 when the journal says how it ended."""
    # What libraries print must not get between the frames.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if os.name == "posix":
        os.nice(NICE)
    # Ctrl-C in the terminal of the window is the window's to hear.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Unbuffered: a thread that waits in a buffered file cannot be left behind at the end.
    orders = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    line = orders.readline()
    if not line:
        return 2
    first = msgspec.json.decode(line, type=Order)
    if first.home is None:
        return 2
    home = Home(*map(Path, first.home))
    start_log(home)
    handover.receive(first.given)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_Worker(home, first, orders, out).run())


class _Worker:
    def __init__(self, home: Home, first: Order, orders: FileIO, out: BinaryIO) -> None:
        self._home, self._first, self._orders, self._out = home, first, orders, out
        self._state = "cancelled"
        self._said = b""

    async def run(self) -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        journal = Journal(self._home)
        try:
            request = registry.decode_request(journal.job(self._first.job).request)
            run = Run(journal, self._first.job, request, resumed=self._first.resumed, can_ask=True)

            def stop(state: str) -> None:
                if run.context.cancelled.is_set():
                    return
                self._state = state
                run.context.stop()
                if task is not None:
                    loop.call_soon_threadsafe(task.cancel)

            if os.name == "posix":
                loop.add_signal_handler(signal.SIGTERM, stop, "interrupted")
            listening = threading.Thread(target=self._listen, args=(run, stop), name="orders", daemon=True)
            listening.start()
            telling = asyncio.create_task(self._tell_on(run))
            try:
                await run.go(stop_state=lambda: self._state)
            except asyncio.CancelledError:
                pass  # the journal has it
            except SatchelError as error:
                view = ErrorView(error.kind, error.message, error.hint, error.detail)
                self._send(Frame(failure=view))
            finally:
                telling.cancel()
            self._tell(run)
            return 0
        finally:
            journal.close()

    def _listen(self, run: Run, stop: Callable[[str], None]) -> None:
        for line in self._orders:
            order = msgspec.json.decode(line, type=Order)
            handover.receive(order.given)
            if order.stop:
                stop(order.stop)
            elif order.answer is not None:
                run.context.answer(*order.answer)
        stop("interrupted")

    async def _tell_on(self, run: Run) -> None:
        while True:
            self._tell(run)
            await asyncio.sleep(EVERY)

    def _tell(self, run: Run) -> None:
        self._send(Frame(picture=run.context.look()))

    def _send(self, frame: Frame) -> None:
        data = msgspec.msgpack.encode(frame)
        if data == self._said:
            return
        self._said = data
        try:
            self._out.write(LENGTH.pack(len(data)) + data)
            self._out.flush()
        except OSError:  # the engine is gone; its end of the orders is, too
            return


if __name__ == "__main__":
    sys.exit(main())
