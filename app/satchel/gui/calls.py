"""Calls into the engine from the window: the answer comes back on the window's thread, or not at all.

The engine hands out `concurrent.futures.Future`s that are completed on its own thread. A `Call` carries the answer over
with a queued signal. Whoever goes away, or asks again, cancels the call and hears nothing more of it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from PySide6.QtCore import QObject, Signal

from satchel.core.errors import Kind, SatchelError


class Call(QObject):
    """One question to the engine."""

    _completed = Signal()

    def __init__(
        self,
        future: Future[Any],
        parent: QObject,
        done: Callable[[Any], None],
        failed: Callable[[SatchelError], None],
    ) -> None:
        super().__init__(parent)
        self._future: Future[Any] | None = future
        self._done = done
        self._failed = failed
        self._completed.connect(self._deliver)
        future.add_done_callback(self._arrived)

    def cancel(self) -> None:
        """Stop asking; neither callback is called any more."""
        future, self._future = self._future, None
        if future is not None:
            future.cancel()
            self.deleteLater()

    def _arrived(self, _future: Future[Any]) -> None:
        # On the engine's thread, and perhaps after the window has gone: then there is nobody to tell.
        try:
            self._completed.emit()
        except RuntimeError:
            return

    def _deliver(self) -> None:
        future, self._future = self._future, None
        if future is None:
            return
        self.deleteLater()
        try:
            answer = future.result(timeout=0)
        except CancelledError:
            return
        except SatchelError as error:
            self._failed(error)
        except Exception as error:
            self._failed(
                SatchelError(
                    Kind.INTERNAL, "Something went wrong inside Satchel.", "", f"{type(error).__name__}: {error}"
                )
            )
        else:
            self._done(answer)
