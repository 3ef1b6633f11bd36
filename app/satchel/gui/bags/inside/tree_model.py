"""The files of a bag as a model that reads a folder when it is opened, a part at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QIcon

from satchel.core import words
from satchel.gui.icons import icon
from satchel.gui.theme import tokens

if TYPE_CHECKING:
    from satchel.core.bags.inside.tree import Children, Node

Index = QModelIndex | QPersistentModelIndex
STATES = {
    "here": "",
    "remote": "to be fetched",
    "missing": "missing",
    "unlisted": "in no manifest",
}
_MARKS = {"remote": ("drop", "muted"), "missing": ("error", "danger"), "unlisted": ("warning", "warning")}
_TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".svg", ".tif", ".tiff", ".ico")


class _Item:
    __slots__ = ("asked", "children", "failed", "id", "node", "parent", "place", "total")

    def __init__(self, id_: int, node: Node | None, parent: _Item | None, place: int) -> None:
        self.id, self.node, self.parent, self.place = id_, node, parent, place
        self.children: list[_Item] = []
        self.total = -1
        """-1: not read yet."""
        self.asked = self.failed = False


class TreeModel(QAbstractItemModel):
    """Files and folders below `data`."""

    wanted = Signal(str, int)
    """The children of a folder, from a place on."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._items: dict[int, _Item] = {}
        self._next = 0
        self._root = self._make(None, None, 0)
        self._icons: dict[tuple[str, str], QIcon] = {}
        self.flat = False
        """The result of a search: whole paths instead of names."""

    def _make(self, node: Node | None, parent: _Item | None, place: int) -> _Item:
        self._next += 1
        made = _Item(self._next, node, parent, place)
        self._items[self._next] = made
        return made

    def begin(self, *, flat: bool = False) -> None:
        """Forget all and read the first folder (or the first hits) anew."""
        self.beginResetModel()
        self._items.clear()
        self._root = self._make(None, None, 0)
        self.flat = flat
        self.endResetModel()
        self._ask(self._root)

    def nothing(self) -> None:
        """Show nothing."""
        self.beginResetModel()
        self._items.clear()
        self._root = self._make(None, None, 0)
        self._root.total = 0
        self.endResetModel()

    def _ask(self, item: _Item) -> None:
        if not item.asked:
            item.asked = True
            self.wanted.emit(item.node.path if item.node is not None else "data", len(item.children))

    def put(self, path: str, first: int, found: Children) -> None:
        """Take what was read of a folder."""
        item = self._root if path == "data" else self._find(path)
        if item is None or first != len(item.children):
            return
        item.asked, item.total = False, found.total
        if found.nodes:
            self.beginInsertRows(self._index(item), first, first + len(found.nodes) - 1)
            for node in found.nodes:
                item.children.append(self._make(node, item, len(item.children)))
            self.endInsertRows()
        else:
            item.total = len(item.children)

    def failed(self, path: str) -> None:
        """A folder could not be read."""
        item = self._root if path == "data" else self._find(path)
        if item is not None:
            item.asked, item.failed = False, True

    def _find(self, path: str) -> _Item | None:
        return next((i for i in self._items.values() if i.node is not None and i.node.path == path), None)

    def index_of(self, path: str) -> QModelIndex:
        """Where a file or folder is shown; invalid where it has not been read."""
        item = self._find(path)
        return self._index(item) if item is not None else QModelIndex()

    def node(self, index: Index) -> Node | None:
        """The file or folder at an index."""
        item = self._items.get(index.internalId()) if index.isValid() else None
        return item.node if item is not None else None

    def repaint(self) -> None:
        """The theme changed."""
        self._icons.clear()
        self.layoutChanged.emit()

    # -- the model ------------------------------------------------------------------------------------------------

    def _index(self, item: _Item, column: int = 0) -> QModelIndex:
        return QModelIndex() if item.node is None else self.createIndex(item.place, column, item.id)

    def _item(self, index: Index) -> _Item:
        return self._items.get(index.internalId(), self._root) if index.isValid() else self._root

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        item = self._item(parent)
        if not (0 <= row < len(item.children) and 0 <= column < 2):
            return QModelIndex()
        return self.createIndex(row, column, item.children[row].id)

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        item = self._item(index)
        return QModelIndex() if item.parent is None else self._index(item.parent)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.column() > 0 else len(self._item(parent).children)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 2

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008
        item = self._item(parent)
        if item.node is None:
            return True
        return item.node.folder and item.total != 0

    def canFetchMore(self, parent: Index) -> bool:
        item = self._item(parent)
        if item.asked or item.failed or (item.node is not None and not item.node.folder):
            return False
        return item.total < 0 or len(item.children) < item.total

    def fetchMore(self, parent: Index) -> None:
        if self.canFetchMore(parent):
            self._ask(self._item(parent))

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Name", "Size")[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        node = self.node(index)
        if node is None:
            return None
        size = words.size(node.size) if node.size is not None else ""
        if index.column() == 1:
            if role == Qt.ItemDataRole.DisplayRole:
                return size
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            return QColor(tokens().muted) if role == Qt.ItemDataRole.ForegroundRole else None
        state = STATES[node.state]
        name = _plain(node.path.removeprefix("data/") if self.flat else node.name)
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            below = words.count(node.files, "files") if node.folder else ""
            lead = _plain(node.path) if role == Qt.ItemDataRole.ToolTipRole else name
            return ", ".join(part for part in (lead, "folder" if node.folder else "", below, state, size) if part)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icon(*_MARKS.get(node.state, _kind(node)))
        if role == Qt.ItemDataRole.ForegroundRole and node.state in ("remote", "missing"):
            return QColor(tokens().muted)
        return None

    def _icon(self, name: str, role: str) -> QIcon:
        if (name, role) not in self._icons:
            self._icons[name, role] = icon(name, role, 16)
        return self._icons[name, role]


def _kind(node: Node) -> tuple[str, str]:
    if node.folder:
        return "folder", "text"
    name = node.name.lower()
    if name.endswith(_TABLES) and name != "schema.json":
        return "table", "accent_text"
    return ("asset", "brand") if name.endswith(_PICTURES) else ("file", "muted")


def _plain(name: str) -> str:
    from satchel.core.bags.inside.plain import one_line

    return one_line(name)
