"""The tree of problems on the screen, drawn as a table.

Qt's tree lays out every line that could be scrolled to, which takes a second for a million; a table of lines of one
height needs to know nothing but their number. So kinds and the problems of those that are open are lines of a table.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QHeaderView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from satchel.core import words
from satchel.gui.bags.problems_model import HEADS, ProblemsModel
from satchel.gui.icons import pixmap
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import theme, tokens
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.table import RowsTable

if TYPE_CHECKING:
    from satchel.gui.bags.kinds import Group, Listed

Index = QModelIndex | QPersistentModelIndex
INDENT = 22
AT_ONCE = 2_000
"""Problems that are read for the clipboard in one go."""


class LinesModel(QAbstractTableModel):
    """The kinds, and after each that is open its problems."""

    def __init__(self, tree: ProblemsModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tree = tree
        self._open: set[int] = set()
        self._starts: list[int] = []
        self._count = 0
        tree.layoutChanged.connect(self.layoutChanged)

    def show(self, open_groups: set[int]) -> None:
        """The tree shows something else."""
        self.beginResetModel()
        self._open = set(open_groups)
        self._measure()
        self.endResetModel()

    def _measure(self) -> None:
        heights = [1 + (len(g.places) if n in self._open else 0) for n, g in enumerate(self._tree.groups)]
        ends = list(accumulate(heights, initial=0))
        self._starts, self._count = ends[:-1], ends[-1]

    def locate(self, row: int) -> tuple[int, int]:
        """Which kind a line is of, and which of its problems; -1: the kind itself."""
        group = bisect_right(self._starts, row) - 1
        return group, row - self._starts[group] - 1

    def row_of(self, group: int, problem: int = -1) -> int:
        """The line of a kind, or of one of its problems while it is open."""
        return self._starts[group] + problem + 1

    def is_open(self, group: int) -> bool:
        """Whether a kind's problems are shown."""
        return group in self._open

    def set_open(self, group: int, on: bool) -> None:
        """Show a kind's problems, or do not."""
        number = len(self._tree.groups[group].places)
        if on == (group in self._open) or not number:
            return
        first = self._starts[group] + 1
        if on:
            self.beginInsertRows(QModelIndex(), first, first + number - 1)
            self._open.add(group)
            self._measure()
            self.endInsertRows()
        else:
            self.beginRemoveRows(QModelIndex(), first, first + number - 1)
            self._open.discard(group)
            self._measure()
            self.endRemoveRows()
        at = self.index(self._starts[group], 0)
        self.dataChanged.emit(at, at)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= self._count:
            return None
        group, problem = self.locate(index.row())
        above = self._tree.index(group, 0)
        if problem >= 0:
            return self._tree.data(self._tree.index(problem, index.column(), above), role)
        found = self._tree.data(above.siblingAtColumn(index.column()), role)
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == 0:
            return f"{found}, {'open' if group in self._open else 'closed'}"
        return found

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return self._tree.headerData(section, orientation, role)


class _Delegate(QStyledItemDelegate):
    """Moves problems to the right of their kind, which gets a mark that says whether it is open."""

    def __init__(self, view: ProblemsView) -> None:
        super().__init__(view)
        self._view = view

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or index.row() == self._view.currentIndex().row():
            painter.fillRect(option.rect, tokens().color("accent_soft" if chosen else "hover"))
        if index.column() == 0:
            group, problem = self._view.lines.locate(index.row())
            if problem < 0:
                name = "chevron-down" if self._view.lines.is_open(group) else "chevron-right"
                picture = pixmap(name, 14, tokens().muted, self._view.devicePixelRatioF())
                middle = option.rect.top() + (option.rect.height() - 14) // 2
                painter.drawPixmap(option.rect.left() + 6, middle, picture)
            option.rect.setLeft(option.rect.left() + (INDENT if problem < 0 else 2 * INDENT))
        super().paint(painter, option, index)


class ProblemsView(RowsTable):
    """Right and left, Space, Enter and a double click open and close kinds."""

    def __init__(self, model: ProblemsModel) -> None:
        super().__init__("Problems")
        self._tree = model
        self.lines = LinesModel(model, self)
        self._copying: Spawned | None = None
        self.setModel(self.lines)
        self.setItemDelegate(_Delegate(self))
        self.setSelectionBehavior(RowsTable.SelectionBehavior.SelectRows)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        # A head asks of each line whether it is chosen whenever it is painted: seconds, once a million are.
        self._nothing = QItemSelectionModel(self.lines, self)
        for head in (header, self.verticalHeader()):
            head.setSelectionModel(self._nothing)
        self.setColumnWidth(0, 520)
        self.activated_row.connect(self._toggle)
        theme().changed.connect(self.viewport().update)

    def show_groups(self, open_groups: set[int]) -> None:
        """Show the model's kinds, some of them open."""
        if self._copying is not None:
            self._copying.cancel()
        self.lines.show(open_groups)

    def open(self, group: int, on: bool = True) -> None:
        """Show a kind's problems, or do not."""
        self.lines.set_open(group, on)

    def go_to(self, group: int, problem: int = -1) -> None:
        """Put the cursor on a kind or a problem, and show it."""
        if problem >= 0:
            self.open(group)
        self.go_to_row(self.lines.row_of(group, problem))

    def _toggle(self, row: int) -> None:
        group, problem = self.lines.locate(row)
        if problem < 0:
            self.open(group, not self.lines.is_open(group))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        on_mark = index.isValid() and index.column() == 0 and event.position().x() < INDENT
        if on_mark and event.button() == Qt.MouseButton.LeftButton and self.lines.locate(index.row())[1] < 0:
            self.go_to_row(index.row())
            self._toggle(index.row())
            return
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, keys = self.currentIndex().row(), Qt.Key
        if row >= 0 and event.key() in (keys.Key_Right, keys.Key_Left, keys.Key_Space):
            group, problem = self.lines.locate(row)
            if event.key() == keys.Key_Space:
                self._toggle(row)
            elif problem >= 0 and event.key() == keys.Key_Left:
                self.go_to_row(self.lines.row_of(group))
            elif problem < 0:
                self.open(group, event.key() == keys.Key_Right)
            return
        super().keyPressEvent(event)

    # -- the clipboard -------------------------------------------------------------------------------------------------

    def copy(self) -> None:
        """Put the chosen lines on the clipboard; many are read in a thread."""
        self._copy(heads=False)

    def copy_with_heads(self) -> None:
        """The same with the columns' names on the first line."""
        self._copy(heads=True)

    def _copy(self, *, heads: bool) -> None:
        ranges = sorted((found.top(), found.bottom()) for found in self.selectionModel().selection().toList())
        if not ranges:
            return
        if self._copying is not None:
            self._copying.cancel()
        head = ["\t".join(HEADS)] if heads else []
        pieces = [piece for top, bottom in ranges for piece in self._pieces(top, bottom)]
        if sum(len(piece[1]) or 1 for piece in pieces) <= AT_ONCE:
            QGuiApplication.clipboard().setText("\n".join([*head, *_lines(self._tree.found, pieces)]))
        else:
            self._copying = spawn(self._copy_aside(self._tree.found, pieces, head), "copy problems")

    def _pieces(self, top: int, bottom: int) -> list[tuple[Group, Sequence[int]]]:
        """Lines from one to another: kinds (with no places), and places of problems."""
        found: list[tuple[Group, Sequence[int]]] = []
        row = top
        while row <= bottom:
            number, problem = self.lines.locate(row)
            group = self._tree.groups[number]
            if problem < 0:
                found.append((group, ()))
                row += 1
            else:
                end = min(len(group.places), problem + bottom - row + 1)
                found.append((group, group.places[problem:end]))
                row += end - problem
        return found

    async def _copy_aside(self, found: Listed, pieces: list[tuple[Group, Sequence[int]]], head: list[str]) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        lines = list(head)
        for group, places in pieces:
            if not places:
                lines += _lines(found, [(group, ())])
            for begin in range(0, len(places), AT_ONCE):
                piece = [(group, places[begin : begin + AT_ONCE])]
                lines += await loop.run_in_executor(None, _lines, found, piece)
        text = await loop.run_in_executor(None, "\n".join, lines)
        QGuiApplication.clipboard().setText(text)
        announce(self, f"{words.count(len(lines) - len(head))} lines are on the clipboard.")


def _lines(found: Listed, pieces: Sequence[tuple[Group, Sequence[int]]]) -> list[str]:
    lines: list[str] = []
    for group, places in pieces:
        if not places:
            lines.append(f"{group.title}\t{words.count(len(group.places))}")
        elif callable(many := getattr(found, "many", None)):
            lines += [f"{message}\t{where}".rstrip("\t") for message, where in many(places)]
        else:
            lines += [f"{found.message(place)}\t{found.where(place)}".rstrip("\t") for place in places]
    return lines
