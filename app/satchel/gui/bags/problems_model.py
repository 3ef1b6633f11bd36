"""The problems of a bag as a model of two levels: kinds, and under each its problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont, QGuiApplication, QIcon

from satchel.core import words
from satchel.gui.bags.kinds import Group, Listed
from satchel.gui.bags.verdict import Findings
from satchel.gui.icons import icon

Index = QModelIndex | QPersistentModelIndex
HEADS = ("Problem", "File")
_MARKS = {
    "error": ("error", "danger"),
    "warning": ("warning", "warning"),
    "added": ("plus", "success"),
    "removed": ("trash", "danger"),
    "changed": ("refresh", "warning"),
    "unknown": ("help", "muted"),
    "info": ("info", "muted"),
}


class ProblemsModel(QAbstractItemModel):
    """Two levels: kinds (internal id 0) and their problems (internal id: place of the kind + 1).

    Nothing is kept for a problem: what is shown is read when it is shown.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._found: Listed = Findings()
        self._groups: Sequence[Group] = ()
        self._icons: dict[str, QIcon] = {}

    def show(self, found: Listed, groups: Sequence[Group]) -> None:
        """Show these kinds of problems."""
        self.beginResetModel()
        self._found, self._groups = found, groups
        self.endResetModel()

    def repaint(self) -> None:
        """The theme changed."""
        self._icons.clear()
        self.layoutChanged.emit()

    @property
    def found(self) -> Listed:
        """What is shown."""
        return self._found

    @property
    def groups(self) -> Sequence[Group]:
        """The kinds."""
        return self._groups

    def group(self, index: Index) -> Group | None:
        """The kind at an index, or that of the problem at it."""
        if not index.isValid():
            return None
        return self._groups[index.internalId() - 1 if index.internalId() else index.row()]

    def text(self, index: QModelIndex) -> str:
        """A line for the clipboard."""
        columns = [str(self.data(index.siblingAtColumn(column)) or "") for column in range(len(HEADS))]
        return "\t".join(columns).rstrip("\t")

    # -- the model --------------------------------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        if not index.isValid() or index.internalId() == 0:
            return QModelIndex()
        return self.createIndex(index.internalId() - 1, 0, 0)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        if not parent.isValid():
            return len(self._groups)
        return 0 if parent.internalId() or parent.column() else len(self._groups[parent.row()].places)

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008
        return self.rowCount(parent) > 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(HEADS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        group = self.group(index)
        if group is None:
            return None
        if index.internalId() == 0:
            return self._of_group(group, index.column(), role)
        if index.row() >= len(group.places):
            return None
        found, place = self._found, group.places[index.row()]
        text = found.message(place) if index.column() == 0 else found.where(place)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{group.severity}: {text}" if index.column() == 0 else text
        return None

    def _of_group(self, group: Group, column: int, role: int) -> Any:
        said = words.count(len(group.places))
        if role == Qt.ItemDataRole.DisplayRole:
            return group.title if column == 0 else said
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{group.title}, {said}" if column == 0 else said
        if role == Qt.ItemDataRole.FontRole:
            font = QFont(QGuiApplication.font())
            font.setWeight(QFont.Weight.DemiBold)
            return font
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            if group.severity not in self._icons:
                self._icons[group.severity] = icon(*_MARKS[group.severity], 16)
            return self._icons[group.severity]
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        return None
