"""The export wizard's window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QCloseEvent

from satchel.gui.wizards.export import source
from satchel.gui.wizards.export.datasets.estimate import EstimatePage
from satchel.gui.wizards.export.done import DonePage
from satchel.gui.wizards.export.options import OptionsPage
from satchel.gui.wizards.export.preview import PreviewPage
from satchel.gui.wizards.export.run import RunPage
from satchel.gui.wizards.export.switch import ChoosingPage, ForeseeingPage
from satchel.gui.wizards.export.what import WhatPage
from satchel.gui.wizards.shell import Wizard

if TYPE_CHECKING:
    from satchel.core.flows.export import ExportFlow
    from satchel.gui.window import MainWindow


class ExportWizard(Wizard):
    """Five pages over an `ExportFlow`; what was said is kept when it is closed."""

    def __init__(self, window: MainWindow, flow: ExportFlow) -> None:
        self.flow = flow
        self.what = WhatPage(window, flow)
        self.choosing = ChoosingPage(window, flow, self.what)
        self.preview = PreviewPage(window, flow)
        self.estimate = EstimatePage(window, flow)
        self.foreseeing = ForeseeingPage(flow, self.preview, self.estimate)
        self.options = OptionsPage(window, flow)
        self.options.assets.ask = self.preview.totals
        self.run = RunPage(window, flow)
        self.done_page = DonePage(window, self.run)
        pages = {
            "what": self.choosing,
            "preview": self.foreseeing,
            "options": self.options,
            "run": self.run,
            "done": self.done_page,
        }
        self._main = window
        super().__init__("Export", flow, pages, window)
        kept = window.settings.sizes.get("export")
        if kept and len(kept) == 2:
            self.resize(*kept)
        window.ended.connect(self.close)

    def go_on(self) -> None:
        """The record is known: go to the preview as soon as the server has confirmed it."""
        self._next()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._main.settings.sizes["export"] = [self.width(), self.height()]
        self._main.save_settings()
        self.foreseeing.end()
        self.choosing.left()
        self.run.end()
        source.keep_draft(self.flow)
        super().closeEvent(event)
