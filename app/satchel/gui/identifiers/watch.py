"""Looking after identifiers now and then, quietly: a notice when one is dead, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from satchel.gui.tasks import spawn

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow

FIRST = 3 * 60_000
"""Milliseconds after the window has opened."""
EVERY = 6 * 3600_000


class Watch(QObject):
    """Asks at long intervals whether identifiers that were not looked at for a week are still good."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.timer = QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.timeout.connect(self.look)
        self.timer.start(FIRST)

    def look(self) -> None:
        """Look now."""
        self.timer.start(EVERY)
        # Whatever keeps it from looking (no network, no list) is no news.
        spawn(self._look(), "look after identifiers", lambda _: None)

    async def _look(self) -> None:
        from satchel.gui.identifiers import source

        window = self._window
        for sentence in await window.bridge.call(source.look_after, source.access_to(window)):
            window.toasts.say(sentence, "warning", action="Show", do=lambda: window.show_page("identifiers"))
