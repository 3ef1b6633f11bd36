"""The problems of a bag as a virtual table with a filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.bags.verdict import Findings
from satchel.gui.icons import icon
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_2, theme
from satchel.gui.widgets.boxes import Card, Section
from satchel.gui.widgets.fields import SearchField
from satchel.gui.widgets.states import EmptyState
from satchel.gui.widgets.table import RowsTable

Index = QModelIndex | QPersistentModelIndex
HEADS = ("Problem", "File")
_MARKS = {"error": ("error", "danger"), "warning": ("warning", "warning")}


class ProblemsModel(QAbstractTableModel):
    """Problems, as many as there are: nothing is made before it is shown."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._found = Findings()
        self._places: Sequence[int] = ()
        self._icons: dict[str, QIcon] = {}

    def show(self, found: Findings, places: Sequence[int]) -> None:
        """Show those at these places."""
        self.beginResetModel()
        self._found, self._places = found, places
        self.endResetModel()

    def repaint(self) -> None:
        """The theme changed."""
        self._icons.clear()
        self.layoutChanged.emit()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._places)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        found, place = self._found, self._places[index.row()]
        text = found.message(place) if index.column() == 0 else found.where(place)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{found.severity(place)}: {text}" if index.column() == 0 else text
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            severity = found.severity(place)
            if severity not in self._icons:
                self._icons[severity] = icon(*_MARKS[severity], 16)
            return self._icons[severity]
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        return None


class ProblemsPane(QWidget):
    """Heading, filter, table."""

    def __init__(self) -> None:
        super().__init__()
        self._all = Findings()
        self._filtering: Spawned | None = None
        self.field = SearchField("Filter problems", "filter")
        self.field.setFixedWidth(240)
        self.head = Section("What was found", "", self.field)
        self.model = ProblemsModel(self)
        self.view = RowsTable("Problems")
        self.view.setModel(self.model)
        self.view.horizontalHeader().setStretchLastSection(True)
        self.nothing = EmptyState("filter", "No problem with this text", "Take something out of the filter.")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.view)
        self.stack.addWidget(self.nothing)
        card = Card(margin=1, spacing=0)
        card.body.addWidget(self.stack)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_2)
        inside.addWidget(self.head)
        inside.addWidget(card, 1)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(200)
        self._typing.timeout.connect(self._filter)
        self.field.textChanged.connect(lambda: self._typing.start())
        theme().changed.connect(self.model.repaint)

    def show_found(self, found: Findings) -> None:
        """Show these, the filter empty."""
        self._all = found
        self.field.clear()
        self._typing.stop()
        self._show(range(len(found)))
        self.view.setColumnWidth(0, 420)

    def _filter(self) -> None:
        if self._filtering is not None:
            self._filtering.cancel()
        self._filtering = spawn(self._filter_aside(self._all, self.field.text()), "filter problems")

    async def _filter_aside(self, found: Findings, text: str) -> None:
        import asyncio

        places = await asyncio.get_running_loop().run_in_executor(None, found.matching, text)
        if found is self._all:
            self._show(places)

    def _show(self, places: Sequence[int]) -> None:
        self.model.show(self._all, places)
        every = words.count(len(self._all))
        self.head.set_remark(every if len(places) == len(self._all) else f"{words.count(len(places))} of {every}")
        self.stack.setCurrentWidget(self.view if places or not len(self._all) else self.nothing)
