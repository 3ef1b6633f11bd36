"""A job's log, followed while it is shown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QPlainTextEdit

from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import mono

if TYPE_CHECKING:
    from satchel.core.jobs.journal import LogLine
    from satchel.gui.engine_bridge import EngineBridge

LINES = 5_000
"""The view holds this many of the newest lines; the journal holds no more of a job."""
LOOK = 500
"""Milliseconds between looks."""


class LogView(QPlainTextEdit):
    """The lines of one job's log, the newest at the bottom."""

    def __init__(self, bridge: EngineBridge) -> None:
        super().__init__()
        self._bridge = bridge
        self._job, self._last = "", 0
        self._reading: Spawned | None = None
        self.setReadOnly(True)
        self.setMaximumBlockCount(LINES)
        self.setFont(mono())
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setAccessibleName("Log of the job")
        self.setPlaceholderText("Nothing has been written yet.")
        self.setTabChangesFocus(True)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK)
        self._timer.timeout.connect(self._look)

    def follow(self, job: str) -> None:
        """Show another job's log."""
        if job == self._job:
            return
        if self._reading is not None:
            self._reading.cancel()
        self._job, self._last = job, 0
        self.clear()
        if self.isVisible():
            self._look()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _look(self) -> None:
        if self._job and (self._reading is None or self._reading.done):
            self._reading = spawn(self._read(self._job), "read a log")

    async def _read(self, job: str) -> None:
        lines: list[LogLine] = await self._bridge.log(job, self._last)
        if job != self._job or not lines:
            return
        self._last = lines[-1].number
        at_end = self.verticalScrollBar().value() >= self.verticalScrollBar().maximum() - 4
        self.appendPlainText("\n".join(_text(line) for line in lines))
        if at_end:
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())


def _text(line: LogLine) -> str:
    said = time.strftime("%H:%M:%S", time.localtime(line.at))
    level = "" if line.level == "info" else f"{line.level}: "
    return f"{said}  {level}{line.message}"
