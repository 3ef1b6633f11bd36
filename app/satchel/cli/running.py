"""Runs a command's asynchronous part, and stops it as signals ask.

SIGINT (Ctrl-C) cancels in good order, a second one goes at once. SIGTERM and a terminal that closes end promptly; a job
can then be resumed, as it can after a crash.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

from satchel.cli.output import Output, say
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.events import Logged
from satchel.core.logs import start_log
from satchel.core.loops import new_loop
from satchel.core.paths import Home
from satchel.core.secrets import redact

T = TypeVar("T")
CANCELLED = 4
PROMPT_SECONDS = 4.0
"""After SIGTERM, whatever has not ended by then is left as it stands; the journal can deal with that."""
_THREAD_SECONDS = 1.0
_SHOW_CURSOR = "\x1b[?25h"


class Stop:
    """Whether and how the command was asked to stop."""

    def __init__(self) -> None:
        self.state = "cancelled"
        """What a job that is cancelled now becomes: cancelled, or interrupted."""
        self.asked = False


def run(work: Callable[[Stop], Coroutine[Any, Any, T]], output: Output) -> T:
    """Run `work` to its end.

    Args:
        work: makes the coroutine; jobs take `Stop.state` as the state to end in.
        output: told when its reader has gone, which ends the work like SIGTERM.

    Returns:
        What the coroutine gives.

    Raises:
        SatchelError: it failed, or was cancelled. When threads do not end after that, the process ends here.
    """
    _keep_log(output)
    stop = Stop()
    loop = new_loop()
    threads = concurrent.futures.ThreadPoolExecutor(16, thread_name_prefix="satchel-worker")
    loop.set_default_executor(threads)
    ended = False
    try:
        task = loop.create_task(work(stop))

        def end(state: str) -> None:
            stop.asked, stop.state = True, state
            loop.call_soon_threadsafe(task.cancel)

        output.gone = lambda: end("interrupted")
        with _signals(stop, end):
            value = loop.run_until_complete(task)
        ended = True
        return value
    except asyncio.CancelledError:
        told = "Cancelled." if stop.state == "cancelled" else "Interrupted."
        raise SatchelError(Kind.CANCELLED, told) from None
    finally:
        output.gone = lambda: None
        with contextlib.suppress(RuntimeError):
            loop.run_until_complete(loop.shutdown_asyncgens())
        threads.shutdown(wait=ended, cancel_futures=not ended)
        loop.close()


class _Passed(logging.Handler):
    """Passes on what the core has to say where no job is there to say it, such as of a credential file."""

    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        if not record.exc_info:
            self._output.hear(Logged(level="warning", message=redact(record.getMessage())))


def _keep_log(output: Output) -> None:
    """Write the log file. Nothing of it reaches the terminal but warnings, and those in the output's own way."""
    start_log(Home.find())
    logging.getLogger().addHandler(logging.NullHandler())  # where there is no log file, Python would use the terminal
    for name in ("satchel.core.deriva", "satchel.core.credentials"):
        logger = logging.getLogger(name)
        logger.handlers = [_Passed(output)]


def leave(status: int) -> int:
    """The exit status, once all words are said; but where threads still work on what was cancelled, leaves at once."""
    deadline = time.monotonic() + _THREAD_SECONDS
    for thread in threading.enumerate():
        if thread.name.startswith("satchel-worker"):
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                _go(status)
    return status


@contextlib.contextmanager
def _signals(stop: Stop, end: Callable[[str], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if stop.asked:
            _go(CANCELLED)
        say("Cancelling. Press Ctrl-C again to leave at once.")
        end("cancelled")

    def terminate(_number: int, _frame: FrameType | None) -> None:
        watch = threading.Timer(PROMPT_SECONDS, _go, (CANCELLED,))
        watch.daemon = True
        watch.start()
        end("interrupted")

    wanted: dict[int, Any] = {signal.SIGINT: interrupt, signal.SIGTERM: terminate}
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        wanted[signal.SIGHUP] = terminate
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _go(status: int) -> None:
    with contextlib.suppress(Exception):
        if sys.stderr.isatty():
            sys.stderr.write(_SHOW_CURSOR)
        sys.stderr.flush()
    os._exit(status)
