"""Millions of rows as a model that reads the pages which are looked at and forgets those which are not."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont

from satchel.core import words
from satchel.gui.theme import tokens
from satchel.gui.widgets.table import FullTextRole

if TYPE_CHECKING:
    from satchel.core.bags.inside.columns import Column
    from satchel.core.bags.inside.records import Page, Row
    from satchel.core.bags.inside.tasks import Link

PAGE = 200
MOST_PAGES = 64
"""Kept in memory."""
MOST_ROWS = 40_000_000
"""More cannot be scrolled: Qt counts pixels in 31 bits."""
SHOWN = 240
_NUMBERS = ("integer", "number")
_DISPLAY, _INK, _FONT, _ALIGN, _TIP, _SPOKEN = map(
    int,
    (
        Qt.ItemDataRole.DisplayRole,
        Qt.ItemDataRole.ForegroundRole,
        Qt.ItemDataRole.FontRole,
        Qt.ItemDataRole.TextAlignmentRole,
        Qt.ItemDataRole.ToolTipRole,
        Qt.ItemDataRole.AccessibleTextRole,
    ),
)
"""As numbers, for a page of cells asks for a thousand of them, and enumerations are slow."""
Index = QModelIndex | QPersistentModelIndex
LinkRole = int(Qt.ItemDataRole.UserRole) + 11
_ROLES = frozenset((_DISPLAY, _INK, _FONT, _ALIGN, _TIP, _SPOKEN, FullTextRole, LinkRole))
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class TableModel(QAbstractTableModel):
    """Rows of a view. What has not been read yet shows as dots, and is asked for."""

    wanted = Signal(int)
    """The number of a page."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns: tuple[Column, ...] = ()
        self._places: list[int] = []
        """Of the shown columns, in the file."""
        self._links: dict[str, Link] = {}
        self._count = 0
        self._pages: OrderedDict[int, Page] = OrderedDict()
        self._asked: OrderedDict[int, None] = OrderedDict()
        self._ask = QTimer(self)
        self._ask.setSingleShot(True)
        self._ask.setInterval(0)
        self._ask.timeout.connect(self._emit)
        self._loading = -1
        self._counts: dict[int, int] = {}
        """How many rows there were when a page was asked for: it may be short for that reason alone."""

    # -- what is in it ------------------------------------------------------------------------------------------------

    @property
    def columns(self) -> tuple[Column, ...]:
        """What the columns hold, as far as is known."""
        return self._columns

    def place(self, column: int) -> int:
        """The place in the file of a column that is shown; -1 for none."""
        return self._places[column] if 0 <= column < len(self._places) else -1

    def column(self, place: int) -> int:
        """Where a column of the file is shown; -1 for none."""
        return self._places.index(place) if place in self._places else -1

    def begin(self, columns: tuple[Column, ...], count: int) -> None:
        """Show another view: so many rows, none of them read."""
        self.beginResetModel()
        self._places = _order([column.name for column in columns])
        self._columns = tuple(columns[place] for place in self._places)
        self._count = min(count, MOST_ROWS)
        self._pages.clear()
        self._asked.clear()
        self._counts.clear()
        self._loading = -1
        self.endResetModel()

    def grow(self, count: int) -> None:
        """More rows were found."""
        count = min(count, MOST_ROWS)
        if count > self._count:
            self.beginInsertRows(QModelIndex(), self._count, count - 1)
            self._count = count
            self.endInsertRows()
        elif count < self._count:
            self.beginRemoveRows(QModelIndex(), count, self._count - 1)
            self._count = count
            self.endRemoveRows()

    def know(self, columns: tuple[Column, ...]) -> None:
        """More is known of the columns."""
        if len(columns) != len(self._columns):
            return
        ordered = tuple(columns[place] for place in self._places)
        if ordered != self._columns:
            self._columns = ordered
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(columns) - 1)

    def link(self, links: dict[str, Link]) -> None:
        """Show the values of these columns as links."""
        self._links = links
        if self._count and self._columns:
            self.dataChanged.emit(self.index(0, 0), self.index(self._count - 1, len(self._columns) - 1))

    def put(self, page: Page) -> None:
        """A page was read."""
        number = page.first // PAGE
        self._loading = -1
        self._pages[number] = page
        while len(self._pages) > MOST_PAGES:
            self._counts.pop(self._pages.popitem(last=False)[0], None)
        last = min(page.first + PAGE, self._count) - 1
        if last >= page.first and self._columns:
            self.dataChanged.emit(self.index(page.first, 0), self.index(last, len(self._columns) - 1))
        self._emit()

    def failed(self) -> None:
        """A page could not be read; it is asked for again when it is looked at again."""
        self._loading = -1
        self._asked.clear()

    def row(self, number: int) -> Row | None:
        """A row that has been read."""
        page = self._pages.get(number // PAGE)
        place = number % PAGE
        return page.rows[place] if page is not None and place < len(page.rows) else None

    def value(self, number: int, column: str) -> str:
        """A cell by its column's name; empty where it has none or has not been read."""
        place = next((n for n, c in enumerate(self._columns) if c.name == column), None)
        row = self.row(number)
        return (row.cells[self._places[place]] or "") if row is not None and place is not None else ""

    def link_of(self, index: Index) -> Link | None:
        """Where the value at an index leads; None where it leads nowhere."""
        row = self.row(index.row()) if index.isValid() else None
        if row is None or not row.cells[self._places[index.column()]]:
            return None
        return self._links.get(self._columns[index.column()].name)

    def _want(self, number: int) -> None:
        if number != self._loading:
            self._asked[number] = None
            self._asked.move_to_end(number)
            self._ask.start()

    def _emit(self) -> None:
        # What was looked at last comes first; what has been scrolled past is not read at all.
        if self._loading >= 0 or not self._asked:
            return
        while len(self._asked) > 4:
            self._asked.popitem(last=False)
        number, _ = self._asked.popitem()
        self._loading = number
        self._counts[number] = self._count
        self.wanted.emit(number)

    # -- the model ------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in _ROLES or not index.isValid():
            return None
        number, place = index.row(), index.column()
        row = self.row(number)
        if row is None:
            if role == _DISPLAY:
                page = number // PAGE
                if page not in self._pages or self._counts.get(page) != self._count:
                    self._want(page)
                return "…"
            return QColor(tokens().disabled) if role == _INK else None
        cell = row.cells[self._places[place]]
        if role == _DISPLAY:
            if cell is None:
                return "null"
            return cell if len(cell) <= SHOWN and cell.isascii() and cell.isprintable() else _plain(cell[:SHOWN])
        if role == FullTextRole:
            return cell or ""
        if role == _INK:
            if cell is None:
                return QColor(tokens().disabled)
            return QColor(tokens().accent_text) if cell and self._columns[place].name in self._links else None
        if role == _FONT:
            return self._font(cell, place)
        if role == _ALIGN and self._columns[place].type in _NUMBERS:
            return _RIGHT
        if role == _TIP and cell:
            link = self._links.get(self._columns[place].name)
            if link is not None:
                return f"{_plain(cell[:SHOWN])}\nEnter or a double click follows it to {_table(link.target)}"
            return _plain_lines(cell[:1000]) if len(cell) > 40 else None
        if role == LinkRole:
            return self.link_of(index)
        if role == _SPOKEN:
            shown = "null" if cell is None else cell[:SHOWN] or "empty"
            to = f", link to {_table(self._links[self._columns[place].name].target)}" if self.link_of(index) else ""
            return f"{self._columns[place].name}: {shown}{to}"
        return None

    def _font(self, cell: str | None, place: int) -> QFont | None:
        if cell is None:
            font = QFont()
            font.setItalic(True)
            return font
        if cell and self._columns[place].name in self._links:
            font = QFont()
            font.setUnderline(True)
            return font
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Vertical or not 0 <= section < len(self._columns):
            return None
        column = self._columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{_plain(column.name)}\n{kind(column)}"
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            link = self._links.get(column.name)
            to = f"\nLeads to {_table(link.target)}{' (guessed)' if link.guessed else ''}" if link else ""
            return f"{_plain(column.name)}: {told(column)}{to}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.name}, {kind(column)}"
        if role == Qt.ItemDataRole.TextAlignmentRole and column.type in _NUMBERS:
            return _RIGHT
        return None


def _order(names: list[str]) -> list[int]:
    """RID first, the catalog's own columns last, the rest as in the file."""
    last = ("RCT", "RMT", "RCB", "RMB") if "RID" in names else ()

    def rank(place: int) -> tuple[int, int]:
        return (0 if names[place] == "RID" else 2 if names[place] in last else 1, place)

    return sorted(range(len(names)), key=rank)


def kind(column: Column) -> str:
    """A column's type in a word or two: "integer", "text?" while that is not sure, "empty"."""
    return column.type if column.sure else f"{column.type}?"


def told(column: Column) -> str:
    """All that is known of a column, in lines."""
    of = "" if column.sure else " of the rows read so far"
    lines = [f"{column.type}{'' if column.sure else ' (by the first rows)'}"]
    lines.append(f"{words.count(column.filled, 'values')}, {words.count(column.empty)} empty{of}")
    if column.distinct is None:
        lines.append("More than 200 different values")
    elif column.filled:
        lines.append(f"{words.count(column.distinct)} different {'value' if column.distinct == 1 else 'values'}")
    lines += [f"    {_plain(value)}: {words.count(count)}" for value, count in column.values[:12]]
    if column.longest:
        lines.append(f"The longest has {words.count(column.longest, 'characters')}")
    return "\n".join(lines)


def _table(path: str) -> str:
    return _plain(path.rpartition("/")[2].rpartition(".")[0])


def _plain(text: str) -> str:
    from satchel.core.bags.inside.plain import one_line

    return one_line(text)


def _plain_lines(text: str) -> str:
    from satchel.core.bags.inside.plain import visible

    return visible(text)
