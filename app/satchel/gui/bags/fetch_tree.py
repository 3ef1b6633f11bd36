"""The tree in which files to fetch are ticked: folders with what is in them, asked for when they are opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QHeaderView, QTreeView

from satchel.core import words
from satchel.core.flows.ticks import Ticks
from satchel.gui.icons import icon
from satchel.gui.tasks import Spawned, spawn

if TYPE_CHECKING:
    from satchel.core.fetching.missing import Node

Index = QModelIndex | QPersistentModelIndex
HEADS = ("File", "Files", "Size")
AT_ONCE = 1000
Ask = Callable[[int, int, int], Awaitable[list["Node"]]]
"""Children of a folder (its id), from one on, so many at most."""


class _Line:
    """A node that is known."""

    def __init__(self, node: Node | None, above: _Line | None, row: int) -> None:
        self.node, self.above, self.row = node, above, row
        self.below: list[_Line] = []
        self.whole = node is not None and not node.is_folder
        self.asking: Spawned | None = None


class FetchModel(QAbstractItemModel):
    """Ticks are kept by `satchel.core.flows.ticks`; what is not shown is not known here."""

    ticked = Signal()
    """The person has switched a tick."""

    def __init__(self, ask: Ask, ticks: Ticks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ask = ask
        self.ticks = ticks
        self._top = _Line(None, None, 0)
        self._known: dict[int, _Line] = {}
        self._icons: dict[bool, QIcon] = {}
        self._closed = False

    def close(self) -> None:
        """Ask no more."""
        self._closed = True
        for line in (self._top, *self._known.values()):
            if line.asking is not None:
                line.asking.cancel()

    def repaint(self) -> None:
        """The theme changed."""
        self._icons.clear()
        self.layoutChanged.emit()

    def node(self, index: Index) -> Node | None:
        """The file or folder at an index."""
        return self._line(index).node

    def _line(self, index: Index) -> _Line:
        return self._known.get(index.internalId(), self._top) if index.isValid() else self._top

    def _index(self, line: _Line, column: int = 0) -> QModelIndex:
        return QModelIndex() if line.node is None else self.createIndex(line.row, column, line.node.id)

    # -- what is there -------------------------------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        below = self._line(parent).below
        if not 0 <= row < len(below) or not 0 <= column < len(HEADS):
            return QModelIndex()
        return self._index(below[row], column)

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        above = self._line(index).above if index.isValid() else None
        return self._index(above) if above is not None else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.column() > 0 else len(self._line(parent).below)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(HEADS)

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008
        line = self._line(parent)
        return parent.column() <= 0 and (line.node is None or line.node.is_folder)

    def canFetchMore(self, parent: Index) -> bool:
        line = self._line(parent)
        return not (line.whole or line.asking is not None or self._closed or parent.column() > 0)

    def fetchMore(self, parent: Index) -> None:
        if self.canFetchMore(parent):
            line = self._line(parent)
            line.asking = spawn(self._bring(line), "list files to fetch")

    async def _bring(self, line: _Line) -> None:
        begin = len(line.below)
        try:
            found = await self._ask(line.node.id if line.node is not None else 0, begin, AT_ONCE)
        finally:
            line.asking = None
        line.whole = len(found) < AT_ONCE
        if not found or self._closed:
            return
        self.beginInsertRows(self._index(line), begin, begin + len(found) - 1)
        for node in found:
            made = _Line(node, line, len(line.below))
            line.below.append(made)
            self._known[node.id] = made
        self.endInsertRows()

    # -- what it says --------------------------------------------------------------------------------------------------

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.node(index) is None:
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == 0 else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        node, column = self.node(index), index.column()
        if node is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return (node.name, words.count(node.files) if node.is_folder else "", _size(node))[column]
        if role == Qt.ItemDataRole.TextAlignmentRole and column:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return node.path
        return self._first(node, role) if column == 0 else None

    def _first(self, node: Node, role: int) -> Any:
        if role == Qt.ItemDataRole.CheckStateRole:
            state = self.ticks.state(node)
            if state is None:
                return Qt.CheckState.PartiallyChecked
            return Qt.CheckState.Checked if state else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DecorationRole:
            if node.is_folder not in self._icons:
                self._icons[node.is_folder] = icon("folder" if node.is_folder else "file", "muted", 16)
            return self._icons[node.is_folder]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{node.name}, {words.count(node.files, 'files')}, {_size(node)}" if node.is_folder else node.name
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        line = self._line(index)
        if role != Qt.ItemDataRole.CheckStateRole or line.node is None:
            return False
        above: list[Any] = []
        at = line.above
        while at is not None and at.node is not None:
            above.append(at.node)
            at = at.above
        # A click on what is partly ticked ticks all of it.
        self.ticks.set(line.node, Qt.CheckState(value) != Qt.CheckState.Unchecked, above)
        self._tell(line)
        self.ticked.emit()
        return True

    def _tell(self, line: _Line) -> None:
        """A tick changed, and with it those above and below."""
        at: _Line | None = line
        while at is not None and at.node is not None:
            self.dataChanged.emit(self._index(at), self._index(at))
            at = at.above
        waiting = [line]
        while waiting:
            at = waiting.pop()
            if at.below:
                self.dataChanged.emit(self._index(at.below[0]), self._index(at.below[-1]))
                waiting += [below for below in at.below if below.below]

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


class FetchTree(QTreeView):
    """The tree on the screen: Space ticks, arrows open."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Files that are not here")
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setVerticalScrollMode(QTreeView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(200)
        self._kept: FetchModel | None = None

    def show_model(self, model: FetchModel) -> None:
        """Show a tree, its upper folders open as long as there is nothing to choose in them."""
        self._kept = model
        self.setModel(model)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            self.setColumnWidth(column, 96)
        model.rowsInserted.connect(self._opened)
        if model.canFetchMore(QModelIndex()):
            model.fetchMore(QModelIndex())

    def _opened(self, parent: QModelIndex, first: int, last: int) -> None:
        if first == last == 0 and self._kept is not None:
            self.expand(self._kept.index(0, 0, parent))
            if not self.currentIndex().isValid():
                self.setCurrentIndex(self._kept.index(0, 0, parent))

    def copy(self) -> None:
        """Put the path at the cursor on the clipboard."""
        node = self._kept.node(self.currentIndex()) if self._kept is not None else None
        if node is not None:
            QGuiApplication.clipboard().setText(node.path)


def _size(node: Node) -> str:
    if node.unknown == node.files:
        return "unknown"
    return f"{words.size(node.size)}{' or more' if node.unknown else ''}"
