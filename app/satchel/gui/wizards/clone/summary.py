"""Page five: what will happen, checked at both servers, and the command that does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout

from satchel.core import words as said
from satchel.gui.access import remedies
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_4, mono
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, ScrollPage, Section, clear, column
from satchel.gui.widgets.buttons import button, icon_button
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label, selectable
from satchel.gui.wizards.clone import words
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.clone.forecast import Forecast
    from satchel.core.flows.clone import CloneFlow
    from satchel.gui.window import MainWindow
    from satchel.gui.wizards.clone.forecast import ForecastPage

_FILES = {
    "references": "The records of {files} name them where they are now.",
    "full": "{files} ({size}) are copied and verified.",
    "none": "No files, and no rows of asset tables.",
}


class SummaryPage(WizardPage):
    """Asks the destination, and says all in sentences."""

    next_text = "&Clone"

    def __init__(self, window: MainWindow, flow: CloneFlow, forecast: ForecastPage) -> None:
        super().__init__()
        self._window, self._flow, self._forecast = window, flow, forecast
        self._working: Spawned | None = None
        self.busy = BusyLine(can_cancel=False)
        self._errors = column(spacing=SPACE_2)
        self.text = column(spacing=SPACE_2)
        card = Card(spacing=SPACE_2)
        card.body.addLayout(self.text)
        self.card = card
        self.command = QPlainTextEdit()
        self.command.setReadOnly(True)
        self.command.setFont(mono())
        self.command.setMaximumHeight(96)
        self.command.setTabChangesFocus(True)
        self.command.setAccessibleName("The command that does the same")
        again = Card(spacing=SPACE_2)
        again.body.addWidget(
            Section("The same from a terminal", "", icon_button("Copy as command", "copy", self._copy))
        )
        again.body.addWidget(self.command)
        scroll = ScrollPage(width=900)
        scroll.body.setContentsMargins(0, 0, 0, 0)
        scroll.body.setSpacing(SPACE_3)
        scroll.body.addWidget(self.busy)
        scroll.body.addLayout(self._errors)
        scroll.body.addWidget(card)
        scroll.body.addWidget(again)
        scroll.body.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, SPACE_2, 24, SPACE_4)
        outer.addWidget(scroll)

    def entered(self) -> None:
        from satchel.core.flows.command import command_line

        self.command.setPlainText(command_line(self._flow.request()))
        if self._flow.checked is None:
            self._work()
        else:
            self._show(self._flow.checked)

    def left(self) -> None:
        if self._working is not None:
            self._working.cancel()
        self.busy.done()

    def _work(self) -> None:
        if self._working is not None:
            self._working.cancel()
        clear(self._errors)
        self.card.hide()
        self.busy.wait_for(f"Asking {self._flow.request().destination} whether this can be done")
        self._working = spawn(self._answer(), "check a clone's destination", self._failed)
        self.changed.emit()

    async def _answer(self) -> None:
        draft = self._flow.draft
        draft.access = self._window.access(draft.host)
        draft.to_access = self._window.access(draft.to_host or draft.host)
        found = await self._forecast.tell(self._flow.request(), there=True)
        self.busy.done()
        self._flow.foretold = self._flow.checked = found
        self._show(found)
        self.changed.emit()

    def _failed(self, fault: BaseException) -> None:
        self.busy.done()
        error = as_error(fault)
        host = self._flow.request().destination
        self._errors.addWidget(
            ErrorCard(error, *remedies(self._window, self, host, error, self._work), dismissable=False)
        )
        self.changed.emit()

    def _show(self, found: Forecast) -> None:
        request = self._flow.request()
        clear(self._errors)
        for right in found.rights:
            if right.side != "destination" and not right.fatal:
                continue
            actions = [button("As&k again", self._work)] if right.fatal else []
            tone = "danger" if right.fatal else "warning"
            self._errors.addWidget(Notice(right.message, tone, right.hint, *actions, dismissable=False))
        clear(self.text)
        for line in self._lines(found):
            self.text.addWidget(selectable(label(line, wrap=True)))
        self.card.show()
        place = f"catalog {request.to_catalog}" if request.to_catalog else "a new catalog"
        announce(
            self, f"Ready to clone into {place} on {request.destination}" if found.possible else "It cannot be done"
        )

    def _lines(self, found: Forecast) -> list[str]:
        request, draft = self._flow.request(), self._flow.draft
        tables = sum(1 for table in found.tables if table.rows)
        place = f"the empty catalog {request.to_catalog}" if request.to_catalog else "a new catalog"
        alias = f", with the alias {request.alias}" if request.alias else ""
        source = f"catalog {found.catalog_id} on {found.hostname}, as of snapshot {found.snapshot}"
        if request.from_bag:
            source = f"the bag {request.from_bag}"
        lines = [
            f"{said.count(found.rows, 'rows')} in {said.count(tables, 'tables')} of {source}, are copied into {place} "
            f"on {request.destination}{alias}. RIDs and creation times are kept.",
            _FILES[draft.assets].format(files=said.count(found.assets, "files"), size=said.size(found.asset_bytes))
            if found.assets or draft.assets == "none"
            else "There are no files.",
            f"References that lead nowhere: {words.outcome(found.chosen)}."
            if found.dangling
            else "Every reference leads to a row that comes along.",
        ]
        applied = sum(1 for key in found.foreign_keys if key.state == "applied")
        others = len(found.foreign_keys) - applied
        keys = f"{applied:,} of {len(found.foreign_keys):,} foreign keys are put on"
        lines.append(f"{keys}; the report names the others." if others else f"All {applied:,} foreign keys are put on.")
        what = [
            ("annotations", draft.copy_annotations),
            ("access rules", draft.copy_policy),
            ("deriva-ml's schema", draft.add_ml_schema),
            ("new versions of datasets", draft.new_versions),
        ]
        with_, without = ([name for name, on in what if on is wanted] for wanted in (True, False))
        lines.append(
            "; ".join(
                part
                for part in (
                    f"With {', '.join(with_)}" if with_ else "",
                    f"without {', '.join(without)}" if without else "",
                )
                if part
            )
            + "."
        )
        lines.append("Afterwards all tables are compared with the source, row by row.")
        return lines

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.command.toPlainText())
        self._window.toasts.say("The command is on the clipboard.")
