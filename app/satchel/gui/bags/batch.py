"""Bags that were dropped together: their jobs, their list, one report on all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject

from satchel.gui.bags.problems import ask_for_report
from satchel.gui.bags.queue import QueuePane
from satchel.gui.engine_bridge import ALIVE

if TYPE_CHECKING:
    from satchel.core.bags.validate import ValidateResult
    from satchel.core.jobs.views import JobView
    from satchel.gui.window import MainWindow


class Batch(QObject):
    """The jobs of the queue, and the pane that shows them when there are several.

    Args:
        show: called with the id of the job whose verdict is wanted.
        save: called with results and the report's file.
    """

    def __init__(
        self,
        window: MainWindow,
        show: Callable[[str], object],
        save: Callable[[Sequence[ValidateResult], Path], object],
    ) -> None:
        super().__init__(window)
        self._window, self._save = window, save
        self.jobs: list[str] = []
        self.pane = QueuePane()
        self.pane.chosen.connect(show)
        self.pane.stop_wanted.connect(self._stop)
        self.pane.save_wanted.connect(self._ask_save)
        self.pane.hide()

    def begin(self, several: bool) -> None:
        """Other bags come."""
        self.jobs = []
        self.pane.setVisible(several)

    def look(self) -> None:
        """Show how the jobs stand."""
        if len(self.jobs) > 1:
            self.pane.show_jobs(self.views())

    def views(self) -> list[JobView]:
        """Of the jobs, in the order of the bags."""
        known = {view.id: view for view in self._window.bridge.jobs.views()}
        return [known[job] for job in self.jobs if job in known]

    def _stop(self) -> None:
        for view in self.views():
            if view.state in ALIVE:
                self._window.bridge.cancel(view.id)

    def _ask_save(self) -> None:
        results = [cast("ValidateResult", view.result) for view in self.views() if view.result is not None]
        suggested = Path(results[0].path).with_name("bags-report.html") if results else Path("bags-report.html")
        ask_for_report(self.pane, suggested, lambda path: self._save(results, path))
