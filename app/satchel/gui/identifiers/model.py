"""The identifiers of the list, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from satchel.gui.jobs_words import when
from satchel.gui.widgets.table import FullTextRole

if TYPE_CHECKING:
    from satchel.core.identifiers.shelf import Kept

Index = QModelIndex | QPersistentModelIndex
HEADS = ("Identifier", "Title", "", "Since", "State", "Checked")
STATES = {
    "unchecked": "not checked yet",
    "good": "good",
    "dead": "dead",
    "changed": "changed",
    "inactive": "withdrawn",
    "unknown": "could not be asked",
}


class IdentifiersModel(QAbstractTableModel):
    """What was minted and received, the newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._kept: list[Kept] = []

    def put(self, kept: Sequence[Kept]) -> None:
        """Show these."""
        if [(one.id, one.role) for one in kept] != [(one.id, one.role) for one in self._kept]:
            self.beginResetModel()
            self._kept = list(kept)
            self.endResetModel()
            return
        self._kept = list(kept)
        if kept:
            self.dataChanged.emit(self.index(0, 0), self.index(len(kept) - 1, len(HEADS) - 1))

    def at(self, row: int) -> Kept | None:
        """The identifier of a row."""
        return self._kept[row] if 0 <= row < len(self._kept) else None

    def row_of(self, identifier: str) -> int:
        """Where an identifier is; -1 where it is not."""
        return next((row for row, one in enumerate(self._kept) if one.id == identifier), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._kept)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        kept = self.at(index.row()) if index.isValid() else None
        if kept is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, FullTextRole):
            return self._text(kept, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return kept.note or None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{HEADS[index.column()]} {self._text(kept, index.column())}".strip()
        return None

    @staticmethod
    def _text(kept: Kept, column: int) -> str:
        checked = when(kept.checked) if kept.checked else ""
        words = (kept.compact, kept.record.title, kept.role, when(kept.added), STATES[kept.state], checked)
        return words[column]
