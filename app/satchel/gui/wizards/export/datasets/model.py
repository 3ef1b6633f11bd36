"""Datasets as a tree: nested ones below those that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

if TYPE_CHECKING:
    from satchel.core.deriva.datasets import Dataset

Index = QModelIndex | QPersistentModelIndex
HEADS = ("Dataset", "Version", "Types")
DISPLAY = int(Qt.ItemDataRole.DisplayRole)


@dataclass
class Node:
    """One line."""

    dataset: Dataset
    parent: Node | None
    row: int
    children: list[Node] = field(default_factory=list)


class DatasetModel(QAbstractItemModel):
    """A dataset that is nested in several stands below each of them; never below itself."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._roots: list[Node] = []
        self._nodes: list[Node] = []

    def show(self, datasets: Sequence[Dataset]) -> None:
        """Show these."""
        self.beginResetModel()
        self._roots, self._nodes = [], []
        by_rid = {dataset.rid: dataset for dataset in datasets}

        def add(dataset: Dataset, parent: Node | None, above: tuple[str, ...]) -> None:
            siblings = self._roots if parent is None else parent.children
            node = Node(dataset, parent, len(siblings))
            siblings.append(node)
            self._nodes.append(node)
            for child in dataset.children:
                if child in by_rid and child not in above and child != dataset.rid:
                    add(by_rid[child], node, (*above, dataset.rid))

        for dataset in datasets:
            if not any(parent in by_rid for parent in dataset.parents):
                add(dataset, None, ())
        shown = {node.dataset.rid for node in self._nodes}
        for dataset in datasets:  # nested in each other in a circle
            if dataset.rid not in shown:
                add(dataset, None, ())
                shown |= {node.dataset.rid for node in self._nodes}
        self.endResetModel()

    def node(self, index: Index) -> Node | None:
        """What an index stands for."""
        if not index.isValid():
            return None
        found = index.internalPointer()
        return found if isinstance(found, Node) else None

    def find(self, rid: str) -> QModelIndex:
        """Where a dataset stands first."""
        node = next((node for node in self._nodes if node.dataset.rid == rid), None)
        return QModelIndex() if node is None else self.createIndex(node.row, 0, node)

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008 - Qt's
        above = self.node(parent)
        siblings = self._roots if above is None else above.children
        if not (0 <= row < len(siblings) and 0 <= column < len(HEADS)):
            return QModelIndex()
        return self.createIndex(row, column, siblings[row])

    def parent(self, index: Index) -> QModelIndex:  # type: ignore[override]
        node = self.node(index)
        above = node.parent if node is not None else None
        return QModelIndex() if above is None else self.createIndex(above.row, 0, above)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's
        if parent.column() > 0:
            return 0
        node = self.node(parent)
        return len(self._roots if node is None else node.children)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's
        return len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = DISPLAY) -> Any:
        if role == DISPLAY and orientation is Qt.Orientation.Horizontal and 0 <= section < len(HEADS):
            return HEADS[section]
        return None

    def data(self, index: Index, role: int = DISPLAY) -> Any:
        node = self.node(index)
        if node is None:
            return None
        dataset = node.dataset
        newest = dataset.newest
        if role == DISPLAY:
            title = " ".join(dataset.description.split()) or dataset.rid
            return (title, newest.version if newest else "none", ", ".join(dataset.types))[index.column()]
        if role == int(Qt.ItemDataRole.ToolTipRole):
            return f"{dataset.rid}: {dataset.description}"
        if role == int(Qt.ItemDataRole.AccessibleTextRole) and index.column() == 0:
            return f"{' '.join(dataset.description.split())}, {dataset.rid}"
        return None
