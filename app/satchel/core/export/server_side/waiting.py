"""Having the server asked, and hearing what it said, however often the one who wants to know is restarted."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from satchel.core.errors import Kind, SatchelError
from satchel.core.export.server_side.answers import Answer
from satchel.core.export.server_side.waiter import ANSWER, BEGAN, LOCK, Order
from satchel.core.jobs import lease
from satchel.core.paths import Home

LOOK = 0.2
"""Seconds between two looks."""
START = 60.0
"""Seconds that the waiting process may take to begin."""


def is_waiting(folder: Path) -> bool:
    """Whether a process waits for the server on behalf of the job that has this folder."""
    return lease.is_taken(folder / LOCK, "export")


def of_job(home: Home, job: str) -> bool:
    """Whether a server still works for an interrupted job, or has answered it meanwhile. Blocking."""
    folder = home.data / "jobs" / job
    return begun(folder) is not None and (kept_answer(folder) is not None or is_waiting(folder))


def kept_answer(folder: Path) -> Answer | None:
    """What the server said, if it has; None while it has not, or where that cannot be read."""
    try:
        return msgspec.json.decode((folder / ANSWER).read_bytes(), type=Answer)
    except (OSError, msgspec.MsgspecError):
        return None


def begun(folder: Path) -> float | None:
    """When the server was asked, in seconds since 1970; None when it was not."""
    try:
        return float((folder / BEGAN).read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def forget(folder: Path) -> None:
    """Make ready for asking anew."""
    for name in (ANSWER, BEGAN):
        (folder / name).unlink(missing_ok=True)


async def start(order: Order) -> None:
    """Start the process that asks.

    Raises:
        SatchelError: it could not be started.
    """
    folder = Path(order.folder)
    await asyncio.to_thread(_start, order)
    end = time.monotonic() + START
    while begun(folder) is None and kept_answer(folder) is None:
        if time.monotonic() > end:
            raise SatchelError(Kind.INTERNAL, "The process that waits for the server does not begin.", "Try again.")
        await asyncio.sleep(LOOK / 4)


def _start(order: Order) -> None:
    if getattr(sys, "frozen", False):
        command = [sys.executable, "await-export"]
    else:
        command = [sys.executable, "-m", "satchel", "await-export"]
    errors = Path(order.folder) / "await-export.log"
    more: dict[str, object] = {"start_new_session": True}
    if os.name == "nt":
        more = {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    try:
        with errors.open("ab") as log:
            process = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603 - our own program
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=order.folder, **more
            )
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            process.stdin.close()
    except OSError as error:
        raise SatchelError(
            Kind.INTERNAL, "The process that waits for the server could not be started.", "Try again.", str(error)
        ) from error
    # It ends when the server has answered; nobody waits for it, and it must not be reported as forgotten.
    process.returncode = 0


async def listen(folder: Path, tick: Callable[[float], None]) -> Answer | None:
    """Wait for the answer.

    Args:
        folder: the job's.
        tick: told now and then for how many seconds the server has been at it.

    Returns:
        The answer; None where whoever waited for it is gone (the computer was switched off).
    """
    while True:
        answer = kept_answer(folder)
        if answer is not None:
            return answer
        if not await asyncio.to_thread(is_waiting, folder):
            await asyncio.sleep(LOOK)  # between its last word and its end, or its begin and its first
            return kept_answer(folder)
        tick(max(0.0, time.time() - (begun(folder) or time.time())))
        await asyncio.sleep(LOOK)
