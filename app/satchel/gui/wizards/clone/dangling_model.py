"""The foreign keys that would dangle, as a Qt model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from satchel.gui.wizards.clone import words

if TYPE_CHECKING:
    from satchel.core.clone.forecast import DanglingForecast

Index = QModelIndex | QPersistentModelIndex
HEADS = ("Rows of", "refer to rows of", "Rows", "Those are", "What becomes of them")


class DanglingModel(QAbstractTableModel):
    """One line for each foreign key."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.keys: tuple[DanglingForecast, ...] = ()
        self.own: frozenset[str] = frozenset()
        """Those that do not follow the strategy for all."""

    def show(self, keys: tuple[DanglingForecast, ...], own: frozenset[str]) -> None:
        """Show foreign keys; the same ones again keep the cursor where it is."""
        same = [key.name for key in keys] == [key.name for key in self.keys]
        if not same:
            self.beginResetModel()
        self.keys, self.own = keys, own
        if not same:
            self.endResetModel()
        elif keys:
            self.dataChanged.emit(self.index(0, 0), self.index(len(keys) - 1, len(HEADS) - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.keys)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        key = self.keys[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            becomes = words.STRATEGIES[key.strategy] if key.in_clone else "Constraint left out"
            own = " (chosen for it)" if key.name in self.own and key.in_clone else ""
            reason = words.REASONS.get(key.reason, key.reason)
            return (key.table, key.referenced, f"{key.rows:,}", reason, becomes + own)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{key.name}\n{words.columns(key)}"
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == 2:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None
