"""The catalog page: name a catalog, then look around in it: tables, rows, one record."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from satchel.gui.catalog import source
from satchel.gui.catalog.connect import ConnectPanel
from satchel.gui.catalog.detail import DetailPane
from satchel.gui.catalog.rows import RowsPane
from satchel.gui.catalog.tree import TablesPane
from satchel.gui.icons import IconLabel
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.badge import Badge
from satchel.gui.widgets.boxes import clear, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.fields import SearchField
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import ElidedLabel

if TYPE_CHECKING:
    from satchel.core.deriva.browse import Opened
    from satchel.core.deriva.model import Table
    from satchel.core.deriva.names import TableName
    from satchel.gui.window import MainWindow

SIZES = [230, 530, 310]


class CatalogPage(QWidget):
    """Look around in a catalog."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self._opened: Opened | None = None
        self._running: Spawned | None = None
        self._finding: Spawned | None = None
        self.connect_panel = ConnectPanel(window)
        self.connect_panel.wanted.connect(self.open)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.connect_panel)
        self.browser = self._make_browser()
        self.stack.addWidget(self.browser)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.stack)

    def _make_browser(self) -> QWidget:
        self.title = ElidedLabel("", "heading")
        self.place = ElidedLabel("", "caption", "muted")
        self.number = Badge("", "accent")
        self.rid = SearchField("Find RID")
        self.rid.setToolTip("Go to the record with this RID, in whichever table it is (Ctrl+R)")
        self.rid.setFixedWidth(150)
        self.rid.setMaxLength(64)
        self.rid.returnPressed.connect(self._find)
        self.change: QPushButton = button("Other catalog…", self.choose)
        names = QVBoxLayout()
        names.setSpacing(0)
        first = row(self.title, self.number, spacing=SPACE_2)
        first.setStretch(0, 0)
        first.addStretch(1)
        names.addLayout(first)
        names.addWidget(self.place)
        self.find_busy = BusyLine()
        self.find_busy.cancelled.connect(self._cancel_find)
        line = row(
            IconLabel("catalog", "accent_text", 24), names, self.find_busy, self.rid, self.change, spacing=SPACE_3
        )
        line.setStretch(1, 1)
        line.setContentsMargins(SPACE_4, SPACE_3, SPACE_4, SPACE_3)
        bar = QFrame()
        bar.setProperty("role", "bar")
        bar.setLayout(line)
        self._errors = QVBoxLayout()
        self._errors.setContentsMargins(0, 0, 0, 0)

        bridge = self._window.bridge
        self.tables = TablesPane()
        self.rows = RowsPane(bridge)
        self.detail = DetailPane(bridge)
        self.tables.chosen.connect(self._table_chosen)
        self.rows.current.connect(self._row_chosen)
        self.rows.export_wanted.connect(self._export)
        self.rows.clone_wanted.connect(self._clone)
        self.rows.localize_wanted.connect(self._localize)
        self.detail.export_wanted.connect(self._export)
        self.detail.clone_wanted.connect(self._clone)
        self.detail.mint_wanted.connect(self._mint)
        self.detail.link.connect(self._follow)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.setChildrenCollapsible(False)
        for part in (self.tables, self.rows, self.detail):
            self.split.addWidget(part)
        self.split.setStretchFactor(0, 0)
        self.split.setStretchFactor(1, 1)
        self.split.setStretchFactor(2, 0)
        kept = self._window.settings.sizes.get("catalog")
        self.split.setSizes(kept if kept and len(kept) == len(SIZES) else SIZES)
        inside = QWidget()
        whole = QVBoxLayout(inside)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(bar)
        whole.addLayout(self._errors)
        whole.addWidget(self.split, 1)
        return inside

    # -- for the window ----------------------------------------------------------------------------------------------

    def choose(self) -> None:
        """Go where a catalog is named."""
        self.connect_panel.refresh()
        self.stack.setCurrentWidget(self.connect_panel)
        self.connect_panel.host_edit.setFocus()
        self.connect_panel.host_edit.selectAll()

    def open(self, host: str, catalog: str) -> None:
        """Open a catalog; nothing happens when it is open already but that it is shown."""
        opened = self._opened
        if opened is not None and (opened.host, opened.catalog.id) == (host, catalog):
            self.stack.setCurrentWidget(self.browser)
            return
        if self._running is not None:
            self._running.cancel()
        panel = self.connect_panel
        panel.host_edit.setText(host)
        panel.catalog.setText(catalog)
        self.stack.setCurrentWidget(panel)
        self._running = spawn(
            self._open(host, catalog), "open a catalog", lambda fault: panel.show_error(as_error(fault), host)
        )
        panel.wait(f"Opening catalog {catalog} on {host}", self._running)

    def open_record(self, host: str, catalog: str, rid: str) -> None:
        """Open a catalog, where it is not open already, and go to a record."""

        async def go() -> None:
            running = self._running
            if running is not None and running.task is not None:
                await asyncio.wait([running.task])
            if self._opened is not None and (self._opened.host, self._opened.catalog.id) == (host, catalog):
                self.rid.setText(rid)
                self._find()

        self.open(host, catalog)
        spawn(go(), "go to a record")

    async def _open(self, host: str, catalog: str) -> None:
        bridge = self._window.bridge
        opened = await bridge.call(source.open_catalog, host, catalog, self._window.access(host))
        before, self._opened = self._opened, opened
        self.connect_panel.done()
        self._show(opened)
        self._window.catalog_opened(host, catalog, opened.info.title)
        if before is not None:
            await bridge.call(source.close, before)

    def _show(self, opened: Opened) -> None:
        clear(self._errors)
        title = opened.info.title or f"Catalog {opened.catalog.id}"
        self.title.set_text(title)
        self.number.say("" if title == f"catalog {opened.catalog.id}" else f"catalog {opened.catalog.id}")
        self.place.set_text(opened.host)
        self.rows.show_nothing()
        self.detail.show_nothing()
        self.tables.show_model(opened.model)
        self.rid.clear()
        self.stack.setCurrentWidget(self.browser)
        self.tables.view.setFocus()

    def chosen_record(self) -> tuple[str, str, str]:
        """Host, catalog and RID of the row that the cursor is on; empty where there is none."""
        if self._opened is None or self.stack.currentWidget() is not self.browser:
            return "", "", ""
        found = self.rows.model.row(self.rows.view.currentIndex().row())
        return self._opened.host, self._opened.catalog.id, found.rid if found is not None else ""

    def focus_filter(self) -> None:
        """Put the focus into the filter of the rows, or of the tables when it is there already."""
        field = self.tables.field if self.rows.field.hasFocus() or self.rows.table is None else self.rows.field
        field.setFocus()
        field.selectAll()

    def focus_rid(self) -> None:
        """Put the focus into the field for a RID."""
        if self.stack.currentWidget() is self.browser:
            self.rid.setFocus()
            self.rid.selectAll()
        else:
            self.choose()

    def reload(self) -> None:
        """Read the rows again."""
        if self.stack.currentWidget() is self.browser:
            self.rows.reload()

    def keep_sizes(self) -> None:
        """Write the places of the dividers into the settings."""
        self._window.settings.sizes["catalog"] = self.split.sizes()

    # -- looking around ----------------------------------------------------------------------------------------------

    def _table_chosen(self, table: Table) -> None:
        if self._opened is not None:
            self.rows.show_table(self._opened, table)

    def _row_chosen(self, number: int) -> None:
        if self._opened is None or self.rows.table is None or number < 0:
            self.detail.show_nothing()
        else:
            self.detail.show_record(self._opened, self.rows.table, self.rows.model, number)

    def _export(self, rid: str) -> None:
        if self._opened is not None:
            self._window.start_export(self._opened.host, self._opened.catalog.id, rid)

    def _mint(self, rid: str) -> None:
        if self._opened is not None:
            self._window.mint(self._opened.host, self._opened.catalog.id, rid)

    def _localize(self, table: str, rid: str) -> None:
        if self._opened is not None:
            from satchel.gui.clone.localize import LocalizeDialog

            rids = (rid,) if rid else ()
            LocalizeDialog(self._window, self._opened.host, self._opened.catalog.id, table, rids).open()

    def _clone(self, rid: str) -> None:
        if self._opened is not None:
            self._window.start_clone(self._opened.host, self._opened.catalog.id, rid)

    def _follow(self, name: TableName, column: str, value: str) -> None:
        """Go to the rows of a table that hold a value."""
        self._go(name, value, value if column == "RID" else "")

    def _go(self, name: TableName, filter_text: str, go_to: str) -> None:
        if self._opened is None:
            return
        table = self._opened.model.tables.get(name)
        if table is None:
            return
        self.tables.chosen.disconnect(self._table_chosen)
        self.tables.choose(name.schema, name.table)
        self.tables.chosen.connect(self._table_chosen)
        self.rows.show_table(self._opened, table, filter_text, go_to)

    def _find(self) -> None:
        wanted = self.rid.text().strip().upper()
        if not wanted or self._opened is None:
            return
        clear(self._errors)
        self._cancel_find()
        self.find_busy.wait_for(f"Looking for {wanted}")
        self._finding = spawn(self._find_record(self._opened, wanted), "find a RID", self._find_failed)

    async def _find_record(self, opened: Opened, wanted: str) -> None:
        record = await self._window.bridge.call(source.find, opened, wanted)
        self.find_busy.done()
        self._go(record.table, record.rid, record.rid)
        self.rows.view.setFocus()

    def _find_failed(self, fault: BaseException) -> None:
        self.find_busy.done()
        clear(self._errors)
        card = ErrorCard(as_error(fault))
        around = row(card)
        around.setContentsMargins(SPACE_4, SPACE_3, SPACE_4, SPACE_3)
        holder = QWidget()
        holder.setLayout(around)
        card.dismissed.connect(holder.deleteLater)
        self._errors.addWidget(holder)

    def _cancel_find(self) -> None:
        if self._finding is not None:
            self._finding.cancel()
        self.find_busy.done()
