"""Several bags that are checked one after the other: a line each, what can be done with all of them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.bags.queue_model import Line, QueueModel, summary
from satchel.gui.bags.repair import unfetched
from satchel.gui.theme import SPACE_2, theme
from satchel.gui.widgets.boxes import Card, Section
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.table import RowsTable

ARCHIVES = (".zip", ".tgz", ".gz", ".tar", ".bz2", ".xz", ".tbz2", ".txz", ".tbz")


class QueuePane(QWidget):
    """Heading and table."""

    chosen = Signal(str)
    """The path of the bag whose verdict is wanted."""
    stop_wanted = Signal()
    """What has not been checked yet need not be."""
    save_wanted = Signal()
    """One report on all of them."""
    repair_wanted = Signal(list)
    """Paths of bags whose bad files are to be fetched anew, and nothing else."""
    fetch_wanted = Signal(list)
    """Paths of bags whose missing files are to be fetched."""
    again_wanted = Signal(list)
    """Paths of bags that are to be checked once more."""

    def __init__(self) -> None:
        super().__init__()
        self.model = QueueModel(self)
        self.view = RowsTable("Bags of the queue")
        self.view.setModel(self.model)
        self.view.setSelectionBehavior(RowsTable.SelectionBehavior.SelectRows)
        self.view.horizontalHeader().setStretchLastSection(True)
        self.view.setMinimumHeight(190)
        self.view.selectionModel().currentRowChanged.connect(self._moved)
        again = QAction("Check &Again", self)
        again.triggered.connect(lambda: self.again_wanted.emit(self._selected()))
        self.view.row_actions = [again]
        self.repair = button(
            "Repair",
            lambda: self.repair_wanted.emit(self._bad()),
            icon="drop",
            primary=True,
            tip="Fetch the changed, damaged and lost files of these bags anew, and nothing else",
        )
        self.fetch = button(
            "Fetch missing",
            lambda: self.fetch_wanted.emit(self._incomplete()),
            icon="drop",
            tip="Fetch all that the bags list and that is not here",
        )
        self.stop = button("Stop", self.stop_wanted.emit, icon="stop", tip="Check no more of them")
        self.save = button("Save one report…", self.save_wanted.emit, icon="file")
        self.head = Section("Queue", "", self.repair, self.fetch, self.stop, self.save)
        self.head.remark.setWordWrap(True)
        line = self.head.layout()
        if isinstance(line, QHBoxLayout):
            line.setStretch(1, 1)  # all the room there is, before it is wrapped
            line.setStretch(2, 0)
        card = Card(margin=1, spacing=0)
        card.body.addWidget(self.view)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_2)
        inside.addWidget(self.head)
        inside.addWidget(card, 1)
        theme().changed.connect(self.model.repaint)

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show how the queue stands."""
        first = self.model.rowCount() != len(lines)
        self.model.put(lines)
        self.head.set_remark(summary(lines))
        self.stop.setVisible(any(line.under_way for line in lines))
        self.save.setEnabled(any(line.result is not None for line in lines))
        for made, found, text in ((self.repair, self._bad(), "Repair"), (self.fetch, self._incomplete(), "Fetch for")):
            made.setVisible(bool(found))
            made.setText(f" {text} {words.count(len(found))} {'bag' if len(found) == 1 else 'bags'}")
            made.setAccessibleName(made.text().replace("&", "").strip())
        if first:
            self.view.fit_columns()
            for column, width in enumerate((200, 260, 220)):
                self.view.setColumnWidth(column, width)

    def _bad(self) -> list[str]:
        """Folders whose bad files may be had again."""
        return [line.path for line, bad in zip(self.model.lines, self.model.broken, strict=True) if bad]

    def _incomplete(self) -> list[str]:
        folders = set(self._folders())
        lines = (line for line in self.model.lines if line.path in folders)
        return [line.path for line in lines if line.result is not None and unfetched(line.result)]

    def _folders(self) -> list[str]:
        return [line.path for line in self.model.lines if not line.path.lower().endswith(ARCHIVES)]

    def _selected(self) -> list[str]:
        rows = sorted({index.row() for index in self.view.selectedIndexes()})
        return [self.model.lines[row].path for row in rows]

    def _moved(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(self.model.lines[index.row()].path)
