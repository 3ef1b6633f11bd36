"""Page seven: the clone, the verdict on it, and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QVBoxLayout

from satchel.core import words as said
from satchel.gui.clone.report_view import ReportView
from satchel.gui.icons import IconDisc
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, clear, column, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.text import CopyLabel, label, selectable
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.clone.request import CloneResult
    from satchel.core.flows.clone import CloneFlow
    from satchel.gui.window import MainWindow
    from satchel.gui.wizards.export.run import RunPage


class ResultPage(WizardPage):
    """What was made."""

    def __init__(self, window: MainWindow, flow: CloneFlow, run: RunPage) -> None:
        super().__init__()
        self._window, self._flow, self._run = window, flow, run
        self.result: CloneResult | None = None
        self._disc = QVBoxLayout()
        self.title = selectable(label("", "heading", wrap=True))
        self.text = selectable(label("", role="muted", wrap=True))
        self.address = CopyLabel("", "The clone's address")
        self.open = button("&Open the clone", self._open, icon="catalog", primary=True)
        self.chaise = button("Open in a &browser", self._browse, icon="external")
        self.again = button("Clone again with another &strategy…", self._again, icon="refresh")
        names = column(spacing=SPACE_1)
        for widget in (self.title, self.text, self.address):
            names.addWidget(widget)
        head = row(self._disc, names, spacing=SPACE_4)
        head.setStretch(1, 1)
        card = Card()
        card.body.addLayout(head)
        card.body.addLayout(row(self.open, self.chaise, self.again, None))
        self.report = ReportView(window)
        self.report.jump.connect(self._jump)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(24, SPACE_2, 24, SPACE_4)
        inside.setSpacing(SPACE_3)
        inside.addWidget(card)
        inside.addWidget(self.report, 1)

    def entered(self) -> None:
        view = self._run.view
        if view is None or view.result is None:
            return
        result = self.result = cast("CloneResult", view.result)
        summary = result.report.summary
        well = result.verified and not summary.errors
        clear(self._disc)
        tone = "success" if well else "warning"
        self._disc.addWidget(IconDisc(tone, tone, f"{tone}_soft", 56, 30))
        self.title.setText(
            "The clone is made and verified"
            if well
            else "The clone is made, and there is something to look at"
            if result.verified
            else "The clone is made, but it is not as it should be"
        )
        parts = [
            f"{said.count(summary.total_rows_restored, 'rows')} in {said.count(summary.tables_restored, 'tables')}"
        ]
        if summary.orphan_rows_removed:
            parts.append(f"{said.count(summary.orphan_rows_removed, 'rows')} removed")
        if summary.orphan_rows_nullified:
            parts.append(f"{said.count(summary.orphan_rows_nullified, 'references')} emptied")
        parts.append(f"{summary.fkeys_applied:,} foreign keys put on")
        if summary.fkeys_failed:
            parts.append(f"{summary.fkeys_failed:,} left off")
        self.text.setText(f"Catalog {result.catalog_id} on {result.hostname}: {', '.join(parts)}.")
        self.address.set_text(result.url)
        self.report.show_result(result)
        announce(self, f"{self.title.text()}. {self.text.text()}")
        self.open.setFocus()

    def _open(self) -> None:
        if self.result is not None:
            self._window.open_catalog(self.result.hostname, self.result.catalog_id)
            self._window.raise_()
            self._window.activateWindow()

    def _browse(self) -> None:
        if self.result is not None:
            address = f"https://{self.result.hostname}/chaise/recordset/#{self.result.catalog_id}"
            QDesktopServices.openUrl(QUrl(address, QUrl.ParsingMode.StrictMode))

    def _jump(self, rid: str, in_clone: bool) -> None:
        if self.result is None:
            return
        host = self.result.hostname if in_clone else self.result.source_hostname
        catalog = self.result.catalog_id if in_clone else self.result.source_catalog_id
        self._window.open_record(host, catalog, rid)
        self._window.raise_()
        self._window.activateWindow()

    def _again(self) -> None:
        """Another clone, with everything as it was said; this one stays."""
        from satchel.core.flows.clone import CloneFlow
        from satchel.gui.wizards.clone import show

        flow = CloneFlow(CloneFlow.load(self._kept()))
        flow.found, flow.size = self._flow.found, self._flow.size
        flow.again()
        self.window().close()
        show(self._window, flow)

    def _kept(self) -> bytes:
        self._flow.running = self._flow.finished = False
        kept = self._flow.dump()
        self._flow.finished = True
        return kept
