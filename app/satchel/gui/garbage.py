"""Cycles are collected in the window's thread alone.

Python's collector runs in whatever thread happens to allocate, so the engine's thread would take apart Qt objects that
lie in a cycle; Qt forbids that (timers, widgets) and may crash. The collector's own trigger is switched off while the
window lives, and a timer of the window asks for the same collections at the same thresholds.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

EVERY = 500
"""Milliseconds between looks at the collector's counters: a look costs a microsecond."""


class GarbageCollection(QObject):
    """Collects cycles in the thread that made it, from `start` to `stop`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY)
        self._timer.timeout.connect(self.look)
        self._thresholds = gc.get_threshold()

    def start(self) -> None:
        """Take the collector over. What is there now, modules mostly, lives to the end and need not be gone through."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._timer.start()

    def stop(self) -> None:
        """Give the collector back."""
        self._timer.stop()
        gc.collect()
        gc.unfreeze()
        gc.enable()

    def look(self) -> None:
        """Collect the oldest generation that is due."""
        counts = gc.get_count()
        for generation in (2, 1, 0):
            if counts[generation] > self._thresholds[generation]:
                gc.collect(generation)
                return
