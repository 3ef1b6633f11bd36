"""Having tasks worked out in a process of their own, and hearing how far they are."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable

import msgspec

from satchel.core.bags.inside.tasks import AnyTask, Done, Frame, Progress
from satchel.core.errors import Kind, SatchelError
from satchel.core.logs import log_file
from satchel.core.paths import Home

LARGEST = 64 << 20


async def work_out(task: AnyTask, told: Callable[[Progress], None] | None = None) -> Done:
    """Have a task done. When this is cancelled, its process is ended at once.

    Args:
        task: what to do.
        told: hears of progress, in another thread.

    Raises:
        SatchelError: it could not be done.
    """
    started: list[subprocess.Popen[bytes]] = []
    lock = threading.Lock()
    gone = threading.Event()
    work = asyncio.create_task(asyncio.to_thread(_work, task, told, started, lock, gone))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        with lock:
            gone.set()
            for process in started:
                process.kill()
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        if not work.cancelled():
            work.exception()
        raise


def _work(
    task: AnyTask,
    told: Callable[[Progress], None] | None,
    started: list[subprocess.Popen[bytes]],
    lock: threading.Lock,
    gone: threading.Event,
) -> Done:
    with lock:
        if gone.is_set():
            raise SatchelError(Kind.CANCELLED, "It was given up.")
        try:
            home = Home.find()
            log = log_file(home)
            home.private(log.parent)
            with log.open("ab") as errors:
                process = subprocess.Popen(  # noqa: S603 - our own program
                    _command(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={**os.environ, "PYTHONFAULTHANDLER": "1"},
                )
        except OSError as error:
            raise SatchelError(
                Kind.INTERNAL, "A process to read the file could not be started.", "Try it again.", str(error)
            ) from error
        started.append(process)
    assert process.stdin is not None  # noqa: S101 - for the type checker
    assert process.stdout is not None  # noqa: S101
    done: Done | None = None
    failed = None
    with process.stdout, process.stdin:
        with contextlib.suppress(OSError):
            process.stdin.write(msgspec.json.encode(task) + b"\n")
            process.stdin.flush()
        while (line := process.stdout.readline(LARGEST)).endswith(b"\n"):
            frame = msgspec.json.decode(line, type=Frame)
            if frame.progress is not None and told is not None:
                told(frame.progress)
            if frame.done is not None or frame.failed is not None:
                done, failed = frame.done, frame.failed
                break
    status = process.wait()
    if failed is not None:
        raise SatchelError(Kind(failed.kind), failed.message, failed.hint, failed.detail)
    if done is None:
        raise SatchelError(
            Kind.INTERNAL,
            "The process that read the file ended by itself.",
            "Try it again; the computer may have run out of memory.",
            f"exit status {status}",
        )
    return done


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, "look-worker"]
    return [sys.executable, "-m", "satchel", "look-worker"]
