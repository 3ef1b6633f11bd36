"""The problems of a bag as a tree: kinds, and under each its problems, with a filter, to copy and to save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QGuiApplication, QIcon
from PySide6.QtWidgets import QFileDialog, QHeaderView, QStackedWidget, QTreeView, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.bags.kinds import Group, Listed, grouped
from satchel.gui.bags.verdict import Findings
from satchel.gui.icons import icon
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_2, theme
from satchel.gui.widgets.boxes import Card, Section
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.fields import SearchField
from satchel.gui.widgets.states import EmptyState

Index = QModelIndex | QPersistentModelIndex
HEADS = ("Problem", "File")
AT_ONCE = 1000
"""Problems of a kind that a view gets in one go; it asks for more when it is scrolled."""
OPEN = 200
"""A kind with no more problems than this is shown open."""
_MARKS = {
    "error": ("error", "danger"),
    "warning": ("warning", "warning"),
    "added": ("plus", "success"),
    "removed": ("trash", "danger"),
    "changed": ("refresh", "warning"),
    "unknown": ("help", "muted"),
    "info": ("info", "muted"),
}


class ProblemsModel(QAbstractItemModel):
    """Two levels: kinds (internal id 0) and their problems (internal id: place of the kind + 1)."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._found: Listed = Findings()
        self._groups: Sequence[Group] = ()
        self._given: list[int] = []
        self._giving = False
        self._icons: dict[str, QIcon] = {}

    def show(self, found: Listed, groups: Sequence[Group]) -> None:
        """Show these kinds of problems."""
        self.beginResetModel()
        self._found, self._groups = found, groups
        self._given = [min(AT_ONCE, len(group.places)) for group in groups]
        self.endResetModel()

    def repaint(self) -> None:
        """The theme changed."""
        self._icons.clear()
        self.layoutChanged.emit()

    def group(self, index: Index) -> Group | None:
        """The kind at an index, or that of the problem at it."""
        if not index.isValid():
            return None
        return self._groups[index.internalId() - 1 if index.internalId() else index.row()]

    def text(self, index: QModelIndex) -> str:
        """A line for the clipboard."""
        columns = [str(self.data(index.siblingAtColumn(column)) or "") for column in range(len(HEADS))]
        return "\t".join(columns).rstrip("\t")

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
            return len(self._groups)
        return 0 if parent.internalId() or parent.column() else self._given[parent.row()]

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008
        return self.rowCount(parent) > 0

    def canFetchMore(self, parent: Index) -> bool:
        if not parent.isValid() or parent.internalId() or self._giving:
            return False
        return self._given[parent.row()] < len(self._groups[parent.row()].places)

    def fetchMore(self, parent: Index) -> None:
        if not self.canFetchMore(parent):
            return
        row = parent.row()
        given = self._given[row]
        more = min(AT_ONCE, len(self._groups[row].places) - given)
        # Whoever hears of the new rows may ask for more at once.
        self._giving = True
        self.beginInsertRows(self.index(row, 0), given, given + more - 1)
        self._given[row] += more
        self.endInsertRows()
        self._giving = False

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(HEADS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        group = self.group(index)
        if group is None:
            return None
        if index.internalId() == 0:
            return self._of_group(group, index.column(), role)
        if index.row() >= len(group.places):
            return None
        found, place = self._found, group.places[index.row()]
        text = found.message(place) if index.column() == 0 else found.where(place)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{group.severity}: {text}" if index.column() == 0 else text
        return None

    def _of_group(self, group: Group, column: int, role: int) -> Any:
        said = words.count(len(group.places))
        if role == Qt.ItemDataRole.DisplayRole:
            return group.title if column == 0 else said
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{group.title}, {said}" if column == 0 else said
        if role == Qt.ItemDataRole.FontRole:
            font = QFont(QGuiApplication.font())
            font.setWeight(QFont.Weight.DemiBold)
            return font
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            if group.severity not in self._icons:
                self._icons[group.severity] = icon(*_MARKS[group.severity], 16)
            return self._icons[group.severity]
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        return None


class _Tree(QTreeView):
    def __init__(self, model: ProblemsModel) -> None:
        super().__init__()
        self._kept = model
        self.setModel(model)
        self.setAccessibleName("Problems")
        self.setUniformRowHeights(True)
        self.setSelectionMode(QTreeView.SelectionMode.ExtendedSelection)
        self.setAllColumnsShowFocus(True)
        self.setVerticalScrollMode(QTreeView.ScrollMode.ScrollPerPixel)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.header().setStretchLastSection(True)

    def copy(self) -> None:
        """Put the chosen lines on the clipboard."""
        rows = [index for index in self.selectedIndexes() if index.column() == 0]
        if rows:
            QGuiApplication.clipboard().setText("\n".join(self._kept.text(index) for index in rows))


class ProblemsPane(QWidget):
    """Heading, filter, tree, and a button to save all of it."""

    save_wanted = Signal(object)
    """The Path of the report's file."""

    def __init__(self) -> None:
        super().__init__()
        self._all: Listed = Findings()
        self._filtering: Spawned | None = None
        self.suggested: Callable[[], Path] = Path
        """Gives a name for the report."""
        self.field = SearchField("Filter problems", "filter")
        self.field.setFixedWidth(240)
        self.save = button("&Save report…", self._save, icon="file", tip="As a web page, a table (CSV) or JSON")
        self.head = Section("What was found", "", self.field, self.save)
        self.model = ProblemsModel(self)
        self.view = _Tree(self.model)
        self.nothing = EmptyState("filter", "No problem with this text", "Take something out of the filter.")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.view)
        self.stack.addWidget(self.nothing)
        card = Card(margin=1, spacing=0)
        card.body.addWidget(self.stack)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_2)
        inside.addWidget(self.head)
        inside.addWidget(card, 1)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(200)
        self._typing.timeout.connect(self._filter)
        self.field.textChanged.connect(lambda: self._typing.start())
        theme().changed.connect(self.model.repaint)

    def show_found(self, found: Listed) -> None:
        """Show these, the filter empty."""
        self._all = found
        self.field.clear()
        self._typing.stop()
        self._show([])
        self._filter()
        self.view.setColumnWidth(0, 420)

    def _filter(self) -> None:
        if self._filtering is not None:
            self._filtering.cancel()
        self._filtering = spawn(self._filter_aside(self._all, self.field.text()), "filter problems")

    async def _filter_aside(self, found: Listed, text: str) -> None:
        import asyncio

        groups = await asyncio.get_running_loop().run_in_executor(None, grouped, found, text)
        if found is self._all:
            self._show(groups)

    def _show(self, groups: Sequence[Group]) -> None:
        self.model.show(self._all, groups)
        for row, group in enumerate(groups):
            if len(group.places) <= OPEN:
                self.view.expand(self.model.index(row, 0))
        shown, every = sum(len(group.places) for group in groups), len(self._all)
        of = words.count(every)
        self.head.set_remark(of if shown in (0, every) else f"{words.count(shown)} of {of}")
        self.stack.setCurrentWidget(self.nothing if not groups and self.field.text().strip() else self.view)

    def _save(self) -> None:
        ask_for_report(self, self.suggested(), self.save_wanted.emit)


def ask_for_report(parent: QWidget, suggested: Path, then: Callable[[Path], object]) -> None:
    """Ask for a report's file; its ending says the format."""
    dialog = QFileDialog(parent, "Save the report", str(suggested))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(["Web page (*.html)", "Table (*.csv)", "JSON (*.json)"])
    dialog.setDefaultSuffix("html")
    dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(chosen.rpartition(".")[2].rstrip(")")))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda path: then(Path(path)))
    dialog.open()
