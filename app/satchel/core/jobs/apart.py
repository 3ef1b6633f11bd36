"""Running a job in a process of its own: the engine's side of `satchel.core.jobs.worker`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import IO

import msgspec

from satchel.core import handover
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.lease import Lease
from satchel.core.jobs.views import ErrorView, Picture
from satchel.core.jobs.worker import LENGTH, Frame, Order
from satchel.core.logs import log_file
from satchel.core.paths import Home

LARGEST = 64 << 20
"""Bytes of one frame; more is nonsense."""
PATIENCE = 8.0
"""Seconds that a job that was told to stop may take to write its checkpoints, before it is ended by force."""


class Apart:
    """One job in one process.

    Args:
        home: whose journal.
        job: its id; its lease is held.
        lease: it; the process holds it as well, so that the job stays leased when this one ends first.
        resumed: whether it goes on from where an earlier run stopped.
        stop_state: the state that a stopped job ends in; asked for when it is stopped.
    """

    def __init__(self, home: Home, job: str, lease: Lease, *, resumed: bool, stop_state: Callable[[], str]) -> None:
        self._home, self._job, self._lease, self._resumed, self._stop_state = home, job, lease, resumed, stop_state
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._picture = Picture()
        self._stopped = False
        self.failure: ErrorView | None = None
        """Why the job failed, if it did and could still say so."""

    def look(self) -> Picture:
        """Where the job stands. Any thread."""
        return self._picture

    def stop(self) -> None:
        """Tell the process at once, and once; `run` waits for it. Any thread."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        self._order(Order(stop=self._stop_state()))

    def answer(self, question: str, choice: str) -> None:
        """Answer the job's question. Any thread."""
        self._order(Order(answer=(question, choice), given=handover.collect()))

    async def run(self) -> None:
        """From the process's begin to its end. The journal then says how the job ended.

        Raises:
            SatchelError: the process could not be started, or ended by itself before it could say how the job did.
            asyncio.CancelledError: this was cancelled. The process was told, and has ended.
        """
        work = asyncio.create_task(asyncio.to_thread(self._work))
        cancelled = False
        while not work.done():
            try:
                await asyncio.wait([work], timeout=PATIENCE if cancelled else None)
            except asyncio.CancelledError:
                if not cancelled:
                    cancelled = True
                    self.stop()
                continue
            if cancelled and not work.done() and self._process is not None:
                self._process.kill()
        work.result()
        if cancelled:
            raise asyncio.CancelledError

    def _work(self) -> None:
        descriptor = self._lease.descriptor
        log = log_file(self._home)
        try:
            self._home.private(log.parent)
            with log.open("ab") as errors:
                self._process = process = subprocess.Popen(  # noqa: S603 - our own program
                    _command(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    pass_fds=() if descriptor is None else (descriptor,),
                    cwd=self._home.data,
                    env={**os.environ, "PYTHONFAULTHANDLER": "1"},
                )
        except OSError as error:
            raise SatchelError(
                Kind.INTERNAL, "A process for the job could not be started.", "Try it again.", str(error)
            ) from error
        assert process.stdout is not None  # noqa: S101 - for the type checker
        home = self._home
        folders = (str(home.config), str(home.data), str(home.cache), str(home.log))
        self._order(Order(home=folders, job=self._job, resumed=self._resumed, given=handover.collect()))
        with self._lock:
            stopped = self._stopped
        if stopped:  # before there was anybody to tell
            self._order(Order(stop=self._stop_state()))
        with process.stdout:
            for frame in _frames(process.stdout):
                if frame.picture is not None:
                    self._picture = frame.picture
                if frame.failure is not None:
                    self.failure = frame.failure
        status = process.wait()
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        if status != 0 and not self._stopped:
            raise SatchelError(
                Kind.INTERNAL,
                "The process that ran the job ended by itself.",
                f"Resume the job. {log} may say why; the computer may have run out of memory.",
                f"exit status {status}",
            )

    def _order(self, order: Order) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        with self._lock, contextlib.suppress(OSError, ValueError):  # it has just ended
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            process.stdin.flush()


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, "worker"]
    return [sys.executable, "-m", "satchel", "worker"]


def _frames(stream: IO[bytes]) -> Iterator[Frame]:
    """What the process tells, until it ends."""
    while len(head := stream.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        if length > LARGEST:
            return
        body = stream.read(length)
        if len(body) < length:
            return
        yield msgspec.msgpack.decode(body, type=Frame)
