"""The last page: the identifier, large."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtWidgets import QVBoxLayout

from satchel.gui.identifiers.card import IdentifierCard
from satchel.gui.identifiers.source import access_to
from satchel.gui.tasks import spawn
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import ScrollPage, clear, column, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.notices import Notice
from satchel.gui.wizards.mint import source
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.identifiers.minting import MintResult
    from satchel.gui.window import MainWindow
    from satchel.gui.wizards.export.run import RunPage


class DonePage(WizardPage):
    """What came of it."""

    def __init__(self, window: MainWindow, run: RunPage) -> None:
        super().__init__()
        self._window, self._run = window, run
        self._notes = column(spacing=SPACE_2)
        self.card = IdentifierCard(window)
        self.card.hide()
        self.all = button("Show &all identifiers", self._show_all, icon="key")
        scroll = ScrollPage(width=900)
        scroll.body.setContentsMargins(0, 0, 0, 0)
        scroll.body.setSpacing(SPACE_3)
        scroll.body.addLayout(self._notes)
        scroll.body.addWidget(self.card)
        scroll.body.addLayout(row(self.all, None))
        scroll.body.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, SPACE_2, 24, SPACE_4)
        outer.addWidget(scroll)

    def entered(self) -> None:
        view = self._run.view
        if view is None or view.result is None:
            return
        result = cast("MintResult", view.result)
        clear(self._notes)
        if result.reused:
            text = "It was there already, for this version and this choice of what the bag holds."
            self._notes.addWidget(Notice(text, "info", "Nothing was minted.", dismissable=False))
        elif result.replaced:
            text = f"It takes the place of {result.replaced}, which was for another choice."
            self._notes.addWidget(Notice(text, "info", dismissable=False))
        for warning in view.warnings:
            if warning.code not in ("spec-changed", "algorithm-dropped"):
                self._notes.addWidget(Notice(warning.message, "warning", warning.hint, dismissable=False))
        announce(self, f"{result.compact} is {'there' if result.reused else 'minted'}")
        spawn(self._show(result), "show an identifier")

    async def _show(self, result: MintResult) -> None:
        window = self._window
        record = await window.bridge.call(source.record_of, result, access_to(window, result.landing_page))
        about = f"Version {result.version} of the dataset {result.dataset} in catalog {result.catalog} on {result.host}"
        self.card.show_record(record, about)
        self.card.show()
        self.card.copy_id.setFocus()

    def _show_all(self) -> None:
        self._window.show_page("identifiers")
        self._window.raise_()
        self._window.activateWindow()
