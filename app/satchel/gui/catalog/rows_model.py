"""The rows of a table as a model that grows as it is scrolled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QFont

from satchel.gui.theme import tokens
from satchel.gui.widgets.table import FullTextRole

if TYPE_CHECKING:
    from satchel.core.deriva.browse import Row, RowPage
    from satchel.core.deriva.model import Column

SHOWN = 240
"""Characters of a cell that are displayed; the detail pane and copies have all."""
_SYSTEM = ("RCT", "RMT", "RCB", "RMB")
_NUMBERS = ("int2", "int4", "int8", "float4", "float8", "numeric", "serial2", "serial4", "serial8")
Index = QModelIndex | QPersistentModelIndex


class RowsModel(QAbstractTableModel):
    """Rows that have been read so far; `wanted` asks for the next page."""

    wanted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns: list[Column] = []
        self._order: list[int] = []
        self._rows: list[Row] = []
        self._next: tuple[str | None, ...] | None = None
        self._loading = False

    # -- what is in it ------------------------------------------------------------------------------------------------

    @property
    def next(self) -> tuple[str | None, ...] | None:
        """Where the next page begins; None when all has been read."""
        return self._next

    @property
    def columns(self) -> list[Column]:
        """The columns as they are shown: RID first, the system's own last."""
        return [self._columns[place] for place in self._order]

    def row(self, number: int) -> Row | None:
        """A row that has been read."""
        return self._rows[number] if 0 <= number < len(self._rows) else None

    def value(self, number: int, column: str) -> Any:
        """The value of a column by its name; None where it is null or not there."""
        place = next((i for i, c in enumerate(self._columns) if c.name == column), None)
        row = self.row(number)
        return row.values[place] if row is not None and place is not None else None

    def place_of(self, rid: str) -> int:
        """The place of the row with a RID, -1 where it has not been read."""
        return next((place for place, row in enumerate(self._rows) if row.rid == rid), -1)

    def clear(self) -> None:
        """Forget everything."""
        self.beginResetModel()
        self._columns, self._order, self._rows, self._next, self._loading = [], [], [], None, False
        self.endResetModel()

    def begin(self, page: RowPage) -> None:
        """Show the first page of something."""
        self.beginResetModel()
        self._columns = list(page.columns)
        self._order = _order(self._columns)
        self._rows = list(page.rows)
        self._next, self._loading = page.next, False
        self.endResetModel()

    def more(self, page: RowPage) -> None:
        """Add the next page."""
        first = len(self._rows)
        self._loading = False
        self._next = page.next
        if page.rows:
            self.beginInsertRows(QModelIndex(), first, first + len(page.rows) - 1)
            self._rows.extend(page.rows)
            self.endInsertRows()

    def failed(self) -> None:
        """The next page could not be had; it is asked for again when the view is scrolled."""
        self._loading = False

    # -- the model ------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._order)

    def canFetchMore(self, parent: Index) -> bool:
        return not parent.isValid() and self._next is not None and not self._loading

    def fetchMore(self, parent: Index) -> None:
        if self.canFetchMore(parent):
            self._loading = True
            self.wanted.emit()

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, place = self._rows[index.row()], self._order[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            text = row.cells[place]
            if not text:
                return "" if row.values[place] is not None else "null"
            return text if len(text) <= SHOWN and "\n" not in text else " ".join(text[:SHOWN].split())
        if role == FullTextRole:
            return row.cells[place]
        if role == Qt.ItemDataRole.ForegroundRole and row.values[place] is None:
            return QColor(tokens().disabled)
        if role == Qt.ItemDataRole.FontRole and row.values[place] is None:
            font = QFont()
            font.setItalic(True)
            return font
        if role == Qt.ItemDataRole.TextAlignmentRole and self._columns[place].typename in _NUMBERS:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole and len(row.cells[place]) > 40:
            return row.cells[place][:1000]
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self._order):
            return None
        column = self._columns[self._order[section]]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(part for part in (f"{column.name}: {column.typename}", column.comment) if part)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.typename in _NUMBERS:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None


def _order(columns: list[Column]) -> list[int]:
    """RID first, the system's own columns last, the rest as the catalog has them."""

    def rank(place: int) -> tuple[int, int]:
        name = columns[place].name
        return (0 if name == "RID" else 2 if name in _SYSTEM else 1, place)

    return sorted(range(len(columns)), key=rank)
