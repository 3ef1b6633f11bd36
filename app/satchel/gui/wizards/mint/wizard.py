"""The mint wizard's window."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtGui import QCloseEvent

from satchel.gui.wizards.export.run import RunPage
from satchel.gui.wizards.mint import source
from satchel.gui.wizards.mint.about import AboutPage
from satchel.gui.wizards.mint.dataset import DatasetPage
from satchel.gui.wizards.mint.done import DonePage
from satchel.gui.wizards.mint.needs import NeedsPage
from satchel.gui.wizards.mint.summary import SummaryPage
from satchel.gui.wizards.shell import Wizard

if TYPE_CHECKING:
    from satchel.core.flows.mint import MintFlow
    from satchel.core.flows.record import RecordFlow
    from satchel.gui.window import MainWindow


class MintWizard(Wizard):
    """Six pages over a `MintFlow`; what was said is kept when it is closed."""

    def __init__(self, window: MainWindow, flow: MintFlow) -> None:
        self.flow = flow
        self.dataset = DatasetPage(window, flow)
        self.needs = NeedsPage(window, flow)
        self.about = AboutPage(flow)
        self.summary = SummaryPage(flow)
        # Of a flow the page needs no more than whether it runs and what it asks for.
        self.run = RunPage(window, cast("RecordFlow", flow), "minting")
        self.done_page = DonePage(window, self.run)
        pages = {
            "dataset": self.dataset,
            "needs": self.needs,
            "about": self.about,
            "summary": self.summary,
            "run": self.run,
            "done": self.done_page,
        }
        self._main = window
        super().__init__("Mint an identifier", flow, pages, window)
        kept = window.settings.sizes.get("mint")
        if kept and len(kept) == 2:
            self.resize(*kept)
        window.ended.connect(self.close)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._main.settings.sizes["mint"] = [self.width(), self.height()]
        self._main.save_settings()
        self.run.end()
        source.keep_draft(self.flow)
        super().closeEvent(event)
