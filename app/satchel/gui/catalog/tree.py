"""The catalog's tables at the left, with a filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QTreeView, QVBoxLayout, QWidget

from satchel.gui.catalog.tree_model import TreeModel
from satchel.gui.theme import SPACE_2, SPACE_3, theme
from satchel.gui.widgets.fields import SearchField
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from PySide6.QtCore import QModelIndex

    from satchel.core.deriva.model import Model, Table

OPEN_AT_ONCE = 60
"""A catalog with no more tables than this is shown with all schemas open."""


class TablesPane(QWidget):
    """Filter field and tree."""

    chosen = Signal(object)
    """A satchel.core.deriva.model.Table."""

    def __init__(self) -> None:
        super().__init__()
        self.field = SearchField("Filter tables")
        self.model = TreeModel(self)
        self.view = QTreeView()
        self.view.setAccessibleName("Schemas and tables")
        self.view.setModel(self.model)
        self.view.setHeaderHidden(True)
        self.view.setProperty("role", "nav")
        self.view.setUniformRowHeights(True)
        self.view.setIconSize(QSize(18, 18))
        self.view.setIndentation(18)
        self.view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.nothing = label("No table has this in its name.", "body", "muted", wrap=True)
        self.nothing.hide()
        inside = QVBoxLayout(self)
        inside.setContentsMargins(SPACE_3, SPACE_3, SPACE_2, SPACE_2)
        inside.setSpacing(SPACE_2)
        inside.addWidget(self.field)
        inside.addWidget(self.nothing)
        inside.addWidget(self.view, 1)
        self.field.textChanged.connect(self._filter)
        self.field.returnPressed.connect(self._take_first)
        self.view.selectionModel().currentChanged.connect(self._current)
        theme().changed.connect(self.model.repaint)
        self._current_table: Table | None = None

    def show_model(self, model: Model | None) -> None:
        """Show a catalog's tables."""
        self._current_table = None
        self.field.clear()
        self.model.show(model)
        self._expand()

    def choose(self, schema: str, table: str) -> bool:
        """Select a table. Returns whether it is there."""
        index = self.model.index_of(schema, table)
        if not index.isValid() and self.field.text():
            self.field.clear()
            index = self.model.index_of(schema, table)
        if index.isValid():
            self.view.setCurrentIndex(index)
            self.view.scrollTo(index)
        return index.isValid()

    def _filter(self, text: str) -> None:
        self.model.filter(text)
        self._expand()
        self.nothing.setVisible(bool(text) and self.model.table_count() == 0)
        if self._current_table is not None:
            name = self._current_table.name
            index = self.model.index_of(name.schema, name.table)
            if index.isValid():
                blocked = self.view.selectionModel().blockSignals(True)
                self.view.setCurrentIndex(index)
                self.view.selectionModel().blockSignals(blocked)

    def _expand(self) -> None:
        if self.field.text() or self.model.table_count() <= OPEN_AT_ONCE:
            self.view.expandAll()
        elif self.model.rowCount():
            self.view.expand(self.model.index(0, 0))

    def _take_first(self) -> None:
        if self.model.rowCount():
            first = self.model.index(0, 0, self.model.index(0, 0))
            if first.isValid():
                self.view.setCurrentIndex(first)
                self.view.setFocus()

    def _current(self, index: QModelIndex) -> None:
        table = self.model.table(index)
        if table is not None and table is not self._current_table:
            self._current_table = table
            self.chosen.emit(table)
