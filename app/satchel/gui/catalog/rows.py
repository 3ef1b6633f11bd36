"""The rows of the chosen table: head, filter, table, and what is said when there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.catalog import source
from satchel.gui.catalog.rows_model import RowsModel
from satchel.gui.catalog.tree_model import KINDS, kind_of
from satchel.gui.icons import IconLabel, dress
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.badge import Badge
from satchel.gui.widgets.boxes import Line, row
from satchel.gui.widgets.buttons import button, icon_button
from satchel.gui.widgets.fields import SearchField
from satchel.gui.widgets.states import BusyLine, EmptyState, ErrorCard, as_error
from satchel.gui.widgets.table import RowsTable
from satchel.gui.widgets.text import ElidedLabel, label

if TYPE_CHECKING:
    from satchel.core.deriva.browse import Opened, RowPage
    from satchel.core.deriva.model import Table
    from satchel.gui.engine_bridge import EngineBridge

TYPING = 350
"""Milliseconds after the last letter before the server is asked."""


class RowsPane(QWidget):
    """Shows one table's rows; they are read page by page as the view is scrolled."""

    current = Signal(int)
    """The place of the row that the cursor is on; -1: none."""
    clone_wanted = Signal(str)
    localize_wanted = Signal(str, str)
    """An asset table, `schema:table`, and the RID of the row that the cursor is on."""
    export_wanted = Signal(str)
    """A RID."""

    def __init__(self, bridge: EngineBridge) -> None:
        super().__init__()
        self._bridge = bridge
        self._opened: Opened | None = None
        self.table: Table | None = None
        self._running: Spawned | None = None
        self._go_to = ""
        self.setMinimumWidth(320)

        self.icon = IconLabel("table", "muted", 20)
        self.title = ElidedLabel("", "heading")
        self.kind = Badge()
        self.note = ElidedLabel("", "caption", "muted")
        self.field = SearchField("Filter rows", "filter", placeholder="Filter rows: text in any column")
        self.reload_button = icon_button("Read these rows again", "refresh", self.reload, shortcut="F5")
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING)
        self._typing.timeout.connect(self.reload)
        self.field.textEdited.connect(lambda: self._typing.start())
        self.field.textChanged.connect(self._cleared)
        self.field.returnPressed.connect(self._now)

        self.model = RowsModel(self)
        self.model.wanted.connect(self._more)
        self.view = RowsTable("Rows")
        self.view.setModel(self.model)
        self.view.selectionModel().currentRowChanged.connect(lambda now: self.current.emit(now.row()))
        self.export_action = QAction("&Export what belongs to this record…", self)
        dress(self.export_action, "export")
        self.export_action.triggered.connect(self._export)
        self.view.row_actions.append(self.export_action)
        self.clone_action = QAction("C&lone what belongs to this record…", self)
        dress(self.clone_action, "copy")
        self.clone_action.triggered.connect(self._clone)
        self.view.row_actions.append(self.clone_action)

        self.busy = BusyLine()
        self.busy.cancelled.connect(self._cancel)
        self.status = label("", "caption", "muted")
        self._clear_filter = button("Clear the filter", self.clear_filter)
        self.empty = EmptyState("table", "", "", self._clear_filter)
        self.errors = QWidget()
        self._error_place = QVBoxLayout(self.errors)
        self._error_place.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        self.stack = QStackedWidget()
        for part in (self.view, self.empty, self.errors):
            self.stack.addWidget(part)

        self.localize = button(
            "Copy &files here…", self._localize, icon="asset", tip="Localize the files of this table"
        )
        self.localize.hide()
        title = row(self.icon, self.title, self.kind, self.localize, spacing=SPACE_2)
        title.setStretch(1, 1)
        head = QVBoxLayout()
        head.setContentsMargins(SPACE_3, SPACE_3, SPACE_3, SPACE_3)
        head.setSpacing(SPACE_2)
        head.addLayout(title)
        head.addWidget(self.note)
        head.addLayout(row(self.field, self.reload_button))
        foot = row(self.status, self.busy, spacing=SPACE_3)
        foot.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        foot.setStretch(1, 1)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        inside.addLayout(head)
        inside.addWidget(Line())
        inside.addWidget(self.stack, 1)
        inside.addWidget(Line())
        inside.addLayout(foot)
        self.show_nothing()

    # -- what is shown ----------------------------------------------------------------------------------------------

    def show_nothing(self) -> None:
        """No table is chosen."""
        self._cancel()
        self.table = None
        self.model.clear()
        self.title.set_text("Rows")
        self.kind.say("")
        self.note.hide()
        self.status.setText("")
        self.icon.set_icon("table", "muted")
        self.field.setEnabled(False)
        self.reload_button.setEnabled(False)
        self._clear_filter.hide()
        self.empty.say("Choose a table", "Its rows are shown here. Start with one that holds what you want to share.")
        self.stack.setCurrentWidget(self.empty)

    def show_table(self, opened: Opened, table: Table, filter_text: str = "", go_to: str = "") -> None:
        """Show a table's rows, filtered; put the cursor on the row with the RID `go_to`."""
        self._opened, self.table = opened, table
        self._go_to = go_to
        kind = kind_of(table)
        name, role, word = KINDS[kind]
        self.icon.set_icon(name, role)
        self.title.set_text(table.display_name)
        self.kind.say("" if kind == "table" else word, "neutral")
        self.localize.setVisible(kind == "asset")
        self.note.set_text(table.comment)
        self.note.setVisible(bool(table.comment))
        self.view.setAccessibleName(f"Rows of {table.display_name}")
        self.field.setEnabled(kind != "hidden")
        self.reload_button.setEnabled(kind != "hidden")
        self.field.setText(filter_text)
        self._typing.stop()
        self.reload()

    def clear_filter(self) -> None:
        """Show all rows again."""
        self.field.clear()
        self._now()

    def reload(self) -> None:
        """Read the rows again from the first."""
        if self.table is None or self._opened is None:
            return
        self._cancel()
        self.model.clear()
        self.current.emit(-1)
        self.status.setText("")
        if kind_of(self.table) == "hidden":
            self._clear_filter.hide()
            self.empty.say(
                "You may not read this table", "It is there, but its rows are not for you. Ask its owner for access."
            )
            self.stack.setCurrentWidget(self.empty)
            return
        self.stack.setCurrentWidget(self.view)
        self.busy.wait_for(f"Reading {self.table.display_name}")
        self._running = spawn(self._first(self._opened, self.table, self.field.text().strip()), "rows", self._failed)

    async def _first(self, opened: Opened, table: Table, filter_text: str) -> None:
        page = await self._bridge.call(source.rows, opened, table.name, None, filter_text)
        self.busy.done()
        self.model.begin(page)
        self.view.fit_columns()
        if not page.rows:
            self._say_empty(table, filter_text, page)
            return
        self._say_count(page)
        go_to, self._go_to = self._go_to, ""
        place = self.model.place_of(go_to) if go_to else 0
        self.view.go_to_row(max(place, 0))

    def _say_empty(self, table: Table, filter_text: str, page: RowPage) -> None:
        self._clear_filter.setVisible(bool(filter_text))
        if filter_text:
            searched = "None of its text columns holds this text, in upper or lower case."
            if page.unsearched:
                searched += f" Not looked into: {', '.join(page.unsearched)}."
            self.empty.say(f"No row with “{filter_text}”", searched)
        else:
            self.empty.say("No rows", f"{table.display_name} is empty, or none of its rows is for you.")
        self.status.setText("0 rows")
        self.stack.setCurrentWidget(self.empty)

    def _say_count(self, page: RowPage) -> None:
        count = words.count(self.model.rowCount(), "rows")
        text = f"{count} read, more follow as you scroll" if page.next is not None else count
        if page.unsearched:
            text += f" · not looked into: {', '.join(page.unsearched)}"
        self.status.setText(text)

    def _more(self) -> None:
        if self.table is None or self._opened is None:
            return
        self.busy.wait_for("Reading more rows")
        reading = self._next(self._opened, self.table, self.field.text().strip())
        self._running = spawn(reading, "more rows", self._more_failed)

    async def _next(self, opened: Opened, table: Table, filter_text: str) -> None:
        page = await self._bridge.call(source.rows, opened, table.name, self.model.next, filter_text)
        self.busy.done()
        self.model.more(page)
        self._say_count(page)

    # -- trouble ----------------------------------------------------------------------------------------------------

    def _failed(self, fault: BaseException) -> None:
        self.busy.done()
        while (item := self._error_place.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        card = ErrorCard(as_error(fault), button("Try again", self.reload), dismissable=False)
        self._error_place.addWidget(card)
        self._error_place.addStretch(1)
        self.stack.setCurrentWidget(self.errors)

    def _more_failed(self, fault: BaseException) -> None:
        self.busy.done()
        self.model.failed()
        self.status.setText(f"{as_error(fault).message} Scroll to try again.")

    def _cancel(self) -> None:
        if self._running is not None and not self._running.done:
            self._running.cancel()
            self.model.failed()
        self._running = None
        self.busy.done()

    # -- keys and clicks --------------------------------------------------------------------------------------------

    def _cleared(self, text: str) -> None:
        if not text and self.field.isEnabled() and self.table is not None:
            self._typing.start()

    def _now(self) -> None:
        self._typing.stop()
        self.reload()

    def _localize(self) -> None:
        if self.table is not None:
            found = self.model.row(self.view.currentIndex().row())
            self.localize_wanted.emit(str(self.table.name), found.rid if found is not None else "")

    def _clone(self) -> None:
        found = self.model.row(self.view.currentIndex().row())
        if found is not None and found.rid:
            self.clone_wanted.emit(found.rid)

    def _export(self) -> None:
        found = self.model.row(self.view.currentIndex().row())
        if found is not None and found.rid:
            self.export_wanted.emit(found.rid)
