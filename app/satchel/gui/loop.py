"""The event loop under the window: qasync, begun only after the first paint, ended in order.

qasync 0.28 is used for nothing but awaiting: no asyncSlot, no asyncClose, no sockets. It ends when the window
says so, after all tasks have been cancelled and awaited.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import qasync
from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication

from satchel.gui.garbage import GarbageCollection
from satchel.gui.tasks import tasks

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow

_log = logging.getLogger(__name__)
CLOSING_TIME = 8.0
"""Seconds that running jobs have to write their checkpoints."""


class _Signals:
    """Ctrl-C and SIGTERM close the window as its cross does.

    Python runs signal handlers only between its own instructions; the wake-up socket gives it one.
    """

    def __init__(self, stop: Callable[[], object]) -> None:
        self._stop = stop
        self._in, self._out = socket.socketpair()
        self._in.setblocking(False)
        self._out.setblocking(False)
        self._before_fd = signal.set_wakeup_fd(self._in.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._got) for number in (signal.SIGINT, signal.SIGTERM)}
        self._notifier = QSocketNotifier(self._out.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._drain)

    def _got(self, number: int, frame: object) -> None:
        self._stop()

    def _drain(self) -> None:
        try:
            self._out.recv(512)
        except BlockingIOError:
            return

    def end(self) -> None:
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._before_fd)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._in.close()
        self._out.close()


def _unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    fault = context.get("exception")
    _log.error("in the window's loop: %s", context.get("message"), exc_info=fault)
    if isinstance(fault, BaseException):
        tasks.show_failure(fault)


def run(app: QApplication, window: MainWindow) -> int:
    """Run the application until the window has closed. Returns the exit status."""
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    pool = ThreadPoolExecutor(4, thread_name_prefix="satchel-window")
    loop.set_default_executor(pool)
    loop.set_exception_handler(_unhandled)
    signals = _Signals(window.quit)
    garbage = GarbageCollection()
    garbage.start()
    try:
        loop.run_until_complete(_session(loop, window))
    finally:
        garbage.stop()
        signals.end()
        pool.shutdown(wait=False, cancel_futures=True)
        asyncio.set_event_loop(None)
        loop.close()
    return 0


async def _session(loop: asyncio.AbstractEventLoop, window: MainWindow) -> None:
    ended = asyncio.Event()
    window.ended.connect(ended.set)
    tasks.begin(loop)
    window.begin()
    await ended.wait()
    await tasks.end()
    try:
        await asyncio.wait_for(window.bridge.stop(), CLOSING_TIME)
    except TimeoutError:
        _log.warning("the engine did not stop within %s s; its jobs are resumed at the next start", CLOSING_TIME)
    window.end()
