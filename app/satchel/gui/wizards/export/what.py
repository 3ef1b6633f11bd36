"""Page one: which record. It is looked up as soon as it is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from satchel.core.deriva.addresses import record_address
from satchel.core.flows.export import ExportFlow, record_problems
from satchel.gui.access import remedies
from satchel.gui.icons import IconDisc
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, clear, column, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label, selectable
from satchel.gui.wizards.export import source
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.flows.export import Found
    from satchel.core.flows.record import RecordFlow
    from satchel.gui.window import MainWindow

PAUSE = 500
"""Milliseconds after the last letter before the server is asked."""
HINT = (
    "Every row of a Deriva catalog has a RID, a short identifier such as 1-ABCD. It stands in a record's address and "
    "in its first column. Paste the record's address into any of these fields, or choose “Export what belongs to it” "
    "on the Catalog page: both fill all of them in."
)


class WhatPage(WizardPage):
    """Server, catalog and RID."""

    def __init__(self, window: MainWindow, flow: RecordFlow) -> None:
        super().__init__()
        self._window, self._flow = window, flow
        self._looking: Spawned | None = None
        self._go_on = False
        self.host = QComboBox()
        self.host.setEditable(True)
        self.host.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.host.setAccessibleName("Server")
        self.host.view().setAccessibleName("Known servers")
        self.host.addItems(window.known_hosts())
        self.host_edit: QLineEdit = self.host.lineEdit() or QLineEdit()
        self.host_edit.setPlaceholderText("for example www.eye-ai.org")
        self.host_edit.setAccessibleName("Server")
        self.catalog = QLineEdit()
        self.catalog.setPlaceholderText("number or alias")
        self.catalog.setAccessibleName("Catalog")
        self.rid = QLineEdit()
        self.rid.setPlaceholderText("for example 1-ABCD")
        self.rid.setAccessibleName("RID of the record")
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_3)
        grid.setVerticalSpacing(SPACE_1)
        fields = (("&Server", self.host), ("&Catalog", self.catalog), ("&RID of the record", self.rid))
        for place, (text, field) in enumerate(fields):
            said = label(text)
            said.setBuddy(field)
            grid.addWidget(said, 0, place)
            grid.addWidget(field, 1, place)
            grid.setColumnStretch(place, (3, 2, 2)[place])
        self.busy = BusyLine()
        self.busy.cancelled.connect(self._stop)
        self.found = Card(spacing=SPACE_1)
        self.found_title = selectable(label("", "strong", wrap=True))
        self.found_text = selectable(label("", role="muted", wrap=True))
        texts = column(spacing=SPACE_1)
        texts.addWidget(self.found_title)
        texts.addWidget(self.found_text)
        self.templates = button(
            "By a &template of the catalog…",
            self._by_template,
            link=True,
            tip="What the catalog's own Export button offers, to be looked at, changed and run",
        )
        self.templates.setVisible(isinstance(flow, ExportFlow))
        texts.addLayout(row(self.templates, None))
        line = row(IconDisc("record", "success", "success_soft"), texts, spacing=SPACE_3)
        line.setStretch(1, 1)
        self.found.body.addLayout(line)
        self._errors = QVBoxLayout()
        inside = QVBoxLayout(self)
        inside.setContentsMargins(24, SPACE_3, 24, SPACE_4)
        inside.setSpacing(SPACE_4)
        inside.addLayout(grid)
        inside.addWidget(label(HINT, role="muted", wrap=True))
        inside.addWidget(self.busy)
        inside.addWidget(self.found)
        inside.addLayout(self._errors)
        inside.addStretch(1)
        inside.setSpacing(SPACE_4 + SPACE_2)

        draft = flow.draft
        if draft.host or not self.host.count():
            self.host_edit.setText(draft.host)
        self.catalog.setText(draft.catalog)
        self.rid.setText(draft.rid)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._look_up)
        for edit in (self.host_edit, self.catalog, self.rid):
            edit.textChanged.connect(self._said)
        self._show()

    def entered(self) -> None:
        self._flow.set_record(self.host_edit.text(), self.catalog.text(), self.rid.text())
        if self._flow.found is None:
            self._look_up()
        first = next((edit for edit in (self.host_edit, self.catalog, self.rid) if not edit.text()), self.rid)
        first.setFocus(Qt.FocusReason.TabFocusReason)

    def left(self) -> None:
        self._stop()

    def before_next(self) -> bool:
        """Go on when the record is known; else look it up first."""
        if self._flow.found is not None or record_problems(*self._named()):
            return True
        self._go_on = True
        if self._looking is None or self._looking.done:
            self._look_up()
        return False

    def _named(self) -> tuple[str, str, str]:
        draft = self._flow.draft
        return draft.host, draft.catalog, draft.rid

    def _said(self) -> None:
        self._stop()
        self._take_address()
        host = self.host_edit.text().strip().removeprefix("https://").split("/", 1)[0]
        self._flow.set_record(host, self.catalog.text(), self.rid.text())
        clear(self._errors)
        self._show()
        self._timer.start()
        self.changed.emit()

    def _take_address(self) -> None:
        """An address that was copied from a browser fills in all fields, whichever it was put into."""
        edits = (self.host_edit, self.catalog, self.rid)
        found = next((a for edit in edits if "/" in edit.text() and (a := record_address(edit.text()))), None)
        if found is None:
            return
        for edit, text in zip(edits, (found.host, found.catalog or self.catalog.text(), found.rid), strict=True):
            blocked = edit.blockSignals(True)
            edit.setText(text if "://" not in text else "")
            edit.blockSignals(blocked)

    def _look_up(self) -> None:
        self._timer.stop()
        if self._flow.found is not None or record_problems(*self._named()):
            return
        clear(self._errors)
        draft = self._flow.draft
        draft.access = self._window.access(draft.host)
        self.busy.wait_for(f"Looking for {draft.rid} in catalog {draft.catalog} on {draft.host}")
        self._looking = spawn(self._find(), "find a record", self._not_found)

    async def _find(self) -> None:
        named = self._named()
        found: Found = await self._window.bridge.call(source.find, self._flow.draft)
        if named != self._named():
            return
        self.busy.done()
        self._flow.found = found
        self._show()
        announce(self, f"Found: {found.title}")
        self.changed.emit()
        if self._go_on:
            self._go_on = False
            self.advance.emit()

    def _not_found(self, fault: BaseException) -> None:
        self._go_on = False
        self.busy.done()
        clear(self._errors)
        error = as_error(fault)
        actions = remedies(self._window, self, self._flow.draft.host, error, self._look_up)
        self._errors.addWidget(ErrorCard(error, *actions, dismissable=False))
        self.changed.emit()

    def _show(self) -> None:
        found = self._flow.found
        self.found.setVisible(found is not None)
        if found is not None:
            self.found_title.setText(found.title)
            self.found_text.setText(f"A row of the table {found.table}")

    def _by_template(self) -> None:
        """Leave what belongs to the record, and see what the catalog offers for its table."""
        draft, found = self._flow.draft, self._flow.found
        if found is not None:
            self._window.edit_spec(draft.host, draft.catalog, str(found.table), draft.rid)

    def _stop(self) -> None:
        self._timer.stop()
        self._go_on = False
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self.busy.done()

    def fields(self) -> Mapping[str, QWidget]:
        return {"host": self.host, "catalog": self.catalog, "rid": self.rid}
