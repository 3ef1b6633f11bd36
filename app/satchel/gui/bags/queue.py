"""Several bags that are checked one after the other: a line each, with its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui import jobs_words
from satchel.gui.bags.verdict import verdict
from satchel.gui.engine_bridge import ALIVE
from satchel.gui.icons import icon
from satchel.gui.theme import SPACE_2, theme
from satchel.gui.widgets.boxes import Card, Section
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.table import FullTextRole, RowsTable

if TYPE_CHECKING:
    from satchel.core.bags.validate import ValidateResult
    from satchel.core.jobs.views import JobView

Index = QModelIndex | QPersistentModelIndex
HEADS = ("Bag", "Verdict", "Files", "Size", "Where")
_ICONS = {"success": ("success", "success"), "warning": ("warning", "warning"), "danger": ("error", "danger")}


class QueueModel(QAbstractTableModel):
    """The jobs of the queue, in the order in which the bags were dropped."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._views: list[JobView] = []
        self._lines: list[tuple[str, str, tuple[str, ...]]] = []
        self._icons: dict[str, QIcon] = {}

    def put(self, views: Sequence[JobView]) -> None:
        """Show these; only lines that differ are told."""
        lines = [_line(view) for view in views]
        if [view.id for view in views] != [view.id for view in self._views]:
            self.beginResetModel()
            self._views, self._lines = list(views), lines
            self.endResetModel()
            return
        changed = [row for row, line in enumerate(lines) if line != self._lines[row]]
        self._views, self._lines = list(views), lines
        if changed:
            self.dataChanged.emit(self.index(changed[0], 0), self.index(changed[-1], len(HEADS) - 1))

    def job(self, row: int) -> str:
        """The id of the job in a row."""
        return self._views[row].id

    def repaint(self) -> None:
        """The theme changed."""
        self._icons.clear()
        self.layoutChanged.emit()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._lines):
            return None
        symbol, tone, texts = self._lines[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, FullTextRole):
            return texts[index.column()]
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            if symbol not in self._icons:
                self._icons[symbol] = icon(symbol, tone, 16)
            return self._icons[symbol]
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        return None


def _line(view: JobView) -> tuple[str, str, tuple[str, ...]]:
    path = Path(str(getattr(view.request, "path", view.title)))
    if view.result is not None:
        result = cast("ValidateResult", view.result)
        said = verdict(result)
        symbol, tone = _ICONS[said.tone]
        figures = (words.count(result.files), words.size(result.bytes))
        return symbol, tone, (path.name, said.title, *figures, str(path.parent))
    symbol, tone = jobs_words.icon_and_role(view)
    return symbol, tone, (path.name, jobs_words.line(view), "", "", str(path.parent))


def summary(views: Sequence[JobView]) -> str:
    """How it stands with all: "7 of 100 checked: 5 valid and complete, 1 not complete, 1 not valid"."""
    ended = [view for view in views if view.state not in ALIVE]
    results = [cast("ValidateResult", view.result) for view in ended if view.result is not None]
    whole = sum(1 for result in results if result.valid and result.complete)
    partly = sum(1 for result in results if result.sound and not result.complete)
    bad = sum(1 for result in results if not result.sound)
    counts = ((whole, "valid and complete"), (partly, "not complete"), (bad, "not valid"))
    pieces = [f"{number:,} {text}" for number, text in counts if number]
    if len(ended) > len(results):
        pieces.append(f"{len(ended) - len(results):,} could not be checked")
    told = f"{len(ended):,} of {len(views):,} checked" if len(ended) < len(views) else f"All {len(views):,} checked"
    return f"{told}: {', '.join(pieces)}" if pieces else told


class QueuePane(QWidget):
    """Heading and table."""

    chosen = Signal(str)
    """The id of the job whose verdict is wanted."""
    stop_wanted = Signal()
    """What has not been checked yet need not be."""
    save_wanted = Signal()
    """One report on all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.model = QueueModel(self)
        self.view = RowsTable("Bags of the queue")
        self.view.setModel(self.model)
        self.view.setSelectionBehavior(RowsTable.SelectionBehavior.SelectRows)
        self.view.horizontalHeader().setStretchLastSection(True)
        self.view.setMinimumHeight(160)
        self.view.selectionModel().currentRowChanged.connect(self._moved)
        self.stop = button("Stop", self.stop_wanted.emit, icon="stop", tip="Check no more of them")
        self.save = button("Save one report…", self.save_wanted.emit, icon="file")
        self.head = Section("Bags that were dropped together", "", self.stop, self.save)
        card = Card(margin=1, spacing=0)
        card.body.addWidget(self.view)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_2)
        inside.addWidget(self.head)
        inside.addWidget(card, 1)
        theme().changed.connect(self.model.repaint)

    def show_jobs(self, views: Sequence[JobView]) -> None:
        """Show how the queue stands."""
        first = self.model.rowCount() != len(views)
        self.model.put(views)
        self.head.set_remark(summary(views))
        self.stop.setVisible(any(view.state in ALIVE for view in views))
        self.save.setEnabled(any(view.result is not None for view in views))
        if first:
            self.view.fit_columns()
            self.view.setColumnWidth(0, 220)
            self.view.setColumnWidth(1, 240)

    def _moved(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(self.model.job(index.row()))
