"""Schemas and their tables as a model, filtered in Python (a few hundred names, rebuilt at each letter)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QIcon

from satchel.gui.icons import icon
from satchel.gui.theme import tokens

if TYPE_CHECKING:
    from satchel.core.deriva.model import Model, Table

TableRole = int(Qt.ItemDataRole.UserRole) + 1
Index = QModelIndex | QPersistentModelIndex
KINDS = {
    "table": ("table", "muted", "table"),
    "asset": ("asset", "brand", "files"),
    "vocabulary": ("vocabulary", "success", "vocabulary"),
    "association": ("association", "accent_text", "association"),
    "view": ("detail", "muted", "view"),
    "hidden": ("hidden", "disabled", "hidden from you"),
}
"""For each kind of table: icon, colour's role, and the words for it."""


def kind_of(table: Table) -> str:
    """One of the keys of `KINDS`."""
    if not table.selectable:
        return "hidden"
    if table.asset is not None:
        return "asset"
    if table.is_vocabulary:
        return "vocabulary"
    if table.is_association:
        return "association"
    return "view" if table.kind == "view" else "table"


class TreeModel(QAbstractItemModel):
    """Two levels: schemas (internal id 0), tables (internal id: place of the schema + 1)."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: list[tuple[str, list[Table]]] = []
        self._shown: list[tuple[str, list[Table]]] = []
        self._filter = ""
        self._icons: dict[str, QIcon] = {}

    def show(self, model: Model | None) -> None:
        """Show a catalog's tables; None: nothing."""
        tables: dict[str, list[Table]] = {name: [] for name in model.schemas()} if model is not None else {}
        for table in model or ():
            tables.setdefault(table.name.schema, []).append(table)
        self._all = [
            (name, sorted(found, key=lambda table: table.display_name.casefold()))
            for name, found in sorted(tables.items(), key=lambda item: _rank(item[0]))
            if found
        ]
        self._rebuild()

    def filter(self, text: str) -> None:
        """Show only tables with this text in their name or their schema's."""
        self._filter = text.strip().casefold()
        self._rebuild()

    def repaint(self) -> None:
        """The theme changed: icons are to be made anew."""
        self._icons.clear()
        self.layoutChanged.emit()

    def _rebuild(self) -> None:
        self.beginResetModel()
        wanted = self._filter
        if not wanted:
            self._shown = self._all
        else:
            self._shown = []
            for schema, tables in self._all:
                hits = [
                    table
                    for table in tables
                    if wanted in f"{schema}:{table.name.table} {table.display_name}".casefold()
                ]
                if hits:
                    self._shown.append((schema, hits))
        self.endResetModel()

    def table_count(self) -> int:
        """Tables shown."""
        return sum(len(tables) for _, tables in self._shown)

    def index_of(self, schema: str, table: str) -> QModelIndex:
        """Where a table is shown; invalid where it is not."""
        for row, (name, tables) in enumerate(self._shown):
            if name == schema:
                for place, found in enumerate(tables):
                    if found.name.table == table:
                        return self.createIndex(place, 0, row + 1)
        return QModelIndex()

    def table(self, index: Index) -> Table | None:
        """The table at an index; None at a schema."""
        if not index.isValid() or index.internalId() == 0:
            return None
        return self._shown[index.internalId() - 1][1][index.row()]

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
            return len(self._shown)
        if parent.internalId() or parent.column():
            return 0
        return len(self._shown[parent.row()][1])

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        table = self.table(index)
        if table is None:
            return self._schema_data(index.row(), role)
        kind = kind_of(table)
        if role == Qt.ItemDataRole.DisplayRole:
            return table.display_name
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icon(KINDS[kind][0], KINDS[kind][1])
        if role == Qt.ItemDataRole.ForegroundRole and kind == "hidden":
            return QColor(tokens().disabled)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{table.display_name}, {KINDS[kind][2]}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(part for part in (f"{table.name}: {KINDS[kind][2]}", table.comment) if part)
        if role == TableRole:
            return table
        return None

    def _schema_data(self, row: int, role: int) -> Any:
        name, tables = self._shown[row]
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icon("schema", "text")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"Schema {name}, {len(tables)} tables"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"Schema {name}: {len(tables)} tables"
        return None

    def _icon(self, name: str, role: str) -> QIcon:
        key = f"{name} {role}"
        if key not in self._icons:
            self._icons[key] = icon(name, role, 18)
        return self._icons[key]


def _rank(schema: str) -> tuple[bool, str]:
    """The catalog's own schemas last: people look for theirs."""
    return (schema in ("public", "WWW", "_acl_admin", "isa_internal"), schema.casefold())
