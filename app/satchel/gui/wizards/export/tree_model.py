"""The preview's tree as a Qt model with ticks."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QFont, QIcon

from satchel.gui.icons import icon
from satchel.gui.theme import tokens
from satchel.gui.wizards.export.tree import Kind, Node, walk

Index = QModelIndex | QPersistentModelIndex
HEADS = ("Table", "Rows", "Files", "If switched")
_ROLES = {"asset": "brand", "vocabulary": "success", "association": "accent_text", "record": "accent_text"}


class PreviewModel(QAbstractItemModel):
    """Columns: table, rows, files, what switching its tick would change."""

    ticked = Signal(object, bool)
    """The person has switched a tick: the Node, and whether it is on now."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._top: list[Node] = []
        self._known: dict[int, Node] = {}
        """Lines by what their indexes carry; an index of an earlier tree finds nothing, or a line that is there."""
        self._icons: dict[str, QIcon] = {}

    def show(self, top: list[Node]) -> None:
        """Show another tree. One of the same shape keeps what is open and where the cursor is."""
        if _shape(top) == _shape(self._top):
            # Indexes hold nodes: the new figures go into those that are there.
            for old, new in zip(walk(self._top), walk(top), strict=True):
                _take_over(old, new)
            for node in walk(self._top):
                self.dataChanged.emit(self.index_of(node), self.index_of(node, len(HEADS) - 1))
            return
        self.beginResetModel()
        self._top = top
        self._known = {id(node): node for node in walk(top)}
        self.endResetModel()

    def set_cost(self, name: str, cost: Any) -> None:
        """It is known now what a table's tick would change."""
        for node in walk(self._top):
            if node.name == name and node.kind is Kind.TABLE:
                node.cost = cost
                place = self.index_of(node, 3)
                self.dataChanged.emit(place, place)

    def repaint(self) -> None:
        """The theme changed: icons are to be made anew."""
        self._icons.clear()
        self.layoutChanged.emit()

    def nodes(self) -> list[Node]:
        """All lines, from the top."""
        return walk(self._top)

    def node(self, index: Index) -> Node | None:
        """The line at an index."""
        return self._known.get(index.internalId()) if index.isValid() else None

    def index_of(self, node: Node, column: int = 0) -> QModelIndex:
        """Where a line is."""
        siblings = node.parent.children if node.parent is not None else self._top
        return self.createIndex(siblings.index(node), column, id(node))

    def find(self, name: str, kind: Kind = Kind.TABLE) -> QModelIndex:
        """Where a table (or an offer, by its key) is shown; invalid where it is not."""
        for node in walk(self._top):
            if node.name == name and node.kind is kind:
                return self.index_of(node)
        return QModelIndex()

    # -- the model --------------------------------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        above = self.node(parent)
        siblings = above.children if above is not None else self._top
        if not 0 <= row < len(siblings) or not 0 <= column < len(HEADS):
            return QModelIndex()
        return self.createIndex(row, column, id(siblings[row]))

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        node = self.node(index)
        return QModelIndex() if node is None or node.parent is None else self.index_of(node.parent)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        if parent.column() > 0:
            return 0
        node = self.node(parent)
        return len(node.children) if node is not None else len(self._top)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section in (1, 2):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        node = self.node(index)
        if node is None:
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == 0 and node.ticked is not None:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        node = self.node(index)
        if node is None:
            return None
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return (node.title, node.rows_text, node.assets_text, node.cost_text)[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return node.why or None
        if role == Qt.ItemDataRole.ForegroundRole:
            faint = column == 3 or node.kind is Kind.HIDDEN or node.ticked is False or not node.reached
            return QColor(tokens().muted if faint else tokens().text)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (1, 2):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return self._first(node, role) if column == 0 else None

    def _first(self, node: Node, role: int) -> Any:
        if role == Qt.ItemDataRole.CheckStateRole and node.ticked is not None:
            return Qt.CheckState.Checked if node.ticked else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DecorationRole and node.kind is not Kind.OFFER:
            return self._icon(node.icon)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return node.spoken
        if role == Qt.ItemDataRole.FontRole and node.kind is Kind.OFFER:
            font = QFont()
            font.setItalic(True)
            return font
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        node = self.node(index)
        if role != Qt.ItemDataRole.CheckStateRole or node is None or node.ticked is None:
            return False
        node.ticked = Qt.CheckState(value) == Qt.CheckState.Checked
        node.cost = None
        self.dataChanged.emit(self.index_of(node), self.index_of(node, len(HEADS) - 1))
        self.ticked.emit(node, node.ticked)
        return True

    def _icon(self, name: str) -> QIcon:
        if name not in self._icons:
            self._icons[name] = icon(name, _ROLES.get(name, "muted"), 18)
        return self._icons[name]


def _shape(nodes: list[Node]) -> list[tuple[str, str, object]]:
    return [(node.kind.value, node.name, _shape(node.children)) for node in nodes]


def _take_over(old: Node, new: Node) -> None:
    for name in ("title", "icon", "role", "ticked", "reached", "rows", "total_rows", "assets", "asset_bytes"):
        setattr(old, name, getattr(new, name))
    old.unknown, old.cost = new.unknown, new.cost
