"""The problems of a bag as a virtual table with a filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.bags.verdict import Problem
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
        self._problems: Sequence[Problem] = ()
        self._icons: dict[str, QIcon] = {}

    def show(self, problems: Sequence[Problem]) -> None:
        """Show these."""
        self.beginResetModel()
        self._problems = problems
        self.endResetModel()

    def repaint(self) -> None:
        """The theme changed."""
        self._icons.clear()
        self.layoutChanged.emit()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._problems)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        problem = self._problems[index.row()]
        text = problem.message if index.column() == 0 else problem.where
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{problem.severity}: {text}" if index.column() == 0 else text
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            if problem.severity not in self._icons:
                self._icons[problem.severity] = icon(*_MARKS[problem.severity], 16)
            return self._icons[problem.severity]
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        return None


def matching(problems: Sequence[Problem], text: str) -> Sequence[Problem]:
    """The problems with a text in them, in upper or lower case."""
    wanted = text.strip().casefold()
    if not wanted:
        return problems
    return [p for p in problems if wanted in p.message.casefold() or wanted in p.where.casefold()]


class ProblemsPane(QWidget):
    """Heading, filter, table."""

    def __init__(self) -> None:
        super().__init__()
        self._all: Sequence[Problem] = ()
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

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show these, the filter empty."""
        self._all = problems
        self.field.clear()
        self._typing.stop()
        self._show(problems)
        self.view.setColumnWidth(0, 420)

    def _filter(self) -> None:
        if self._filtering is not None:
            self._filtering.cancel()
        self._filtering = spawn(self._filter_aside(self._all, self.field.text()), "filter problems")

    async def _filter_aside(self, problems: Sequence[Problem], text: str) -> None:
        import asyncio

        found = await asyncio.get_running_loop().run_in_executor(None, matching, problems, text)
        if problems is self._all:
            self._show(found)

    def _show(self, problems: Sequence[Problem]) -> None:
        self.model.show(problems)
        every = words.count(len(self._all))
        self.head.set_remark(every if len(problems) == len(self._all) else f"{words.count(len(problems))} of {every}")
        self.stack.setCurrentWidget(self.view if problems or not self._all else self.nothing)
