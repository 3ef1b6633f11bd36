"""The clone wizard's window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QCloseEvent

from satchel.gui.wizards.clone import asking
from satchel.gui.wizards.clone.destination import DestinationPage
from satchel.gui.wizards.clone.forecast import ForecastPage
from satchel.gui.wizards.clone.result import ResultPage
from satchel.gui.wizards.clone.source_page import SourcePage
from satchel.gui.wizards.clone.summary import SummaryPage
from satchel.gui.wizards.clone.take import TakePage
from satchel.gui.wizards.export.run import RunPage
from satchel.gui.wizards.shell import Wizard

if TYPE_CHECKING:
    from satchel.core.flows.clone import CloneFlow
    from satchel.gui.window import MainWindow


class CloneWizard(Wizard):
    """Seven pages over a `CloneFlow`; what was said is kept when it is closed."""

    def __init__(self, window: MainWindow, flow: CloneFlow) -> None:
        self.flow = flow
        self.what = SourcePage(window, flow)
        self.take = TakePage(window, flow)
        self.forecast = ForecastPage(window, flow)
        self.destination = DestinationPage(window, flow)
        self.summary = SummaryPage(window, flow, self.forecast)
        self.run = RunPage(window, flow, "clone")
        self.result_page = ResultPage(window, flow, self.run)
        pages = {
            "what": self.what,
            "take": self.take,
            "forecast": self.forecast,
            "destination": self.destination,
            "summary": self.summary,
            "run": self.run,
            "result": self.result_page,
        }
        self._main = window
        super().__init__("Clone", flow, pages, window)
        kept = window.settings.sizes.get("clone")
        if kept and len(kept) == 2:
            self.resize(*kept)
        window.ended.connect(self.close)

    def go_on(self) -> None:
        """The record is known: go to the tree as soon as the server has confirmed it."""
        self._next()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._main.settings.sizes["clone"] = [self.width(), self.height()]
        self._main.save_settings()
        self.take.end()
        self.forecast.end()
        self.run.end()
        asking.keep_draft(self.flow)
        super().closeEvent(event)
