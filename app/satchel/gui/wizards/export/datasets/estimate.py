"""What a dataset's version would bring, and where its bag is best made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QVBoxLayout

from satchel.core import words
from satchel.core.flows.export import Proposed, Size
from satchel.gui.access import remedies
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, clear, column
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.table import RowsTable
from satchel.gui.widgets.text import label, selectable
from satchel.gui.wizards.export.datasets import source
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.export.datasets.estimate import Estimate, EstimateTable
    from satchel.core.flows.export import ExportFlow
    from satchel.gui.window import MainWindow

Index = QModelIndex | QPersistentModelIndex
HEADS = ("Table", "Rows", "Files", "Their size", "As CSV")
DISPLAY = int(Qt.ItemDataRole.DisplayRole)


class EstimateModel(QAbstractTableModel):
    """The tables of an estimate."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tables: tuple[EstimateTable, ...] = ()

    def show(self, tables: tuple[EstimateTable, ...]) -> None:
        """Show these."""
        self.beginResetModel()
        self.tables = tables
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's
        return 0 if parent.isValid() else len(self.tables)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's
        return 0 if parent.isValid() else len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = DISPLAY) -> Any:
        if role == DISPLAY and orientation is Qt.Orientation.Horizontal:
            return HEADS[section]
        return None

    def data(self, index: Index, role: int = DISPLAY) -> Any:
        table = self.tables[index.row()]
        if role == int(Qt.ItemDataRole.TextAlignmentRole) and index.column():
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role != DISPLAY:
            return None
        unknown = f" and {table.unknown:,} of unknown size" if table.unknown else ""
        return (
            table.table,
            f"{table.rows:,}",
            f"{table.assets:,}" if table.assets else "",
            words.size(table.asset_bytes) + unknown if table.assets else "",
            words.size(table.csv_bytes),
        )[index.column()]


class EstimatePage(WizardPage):
    """The figures, asked for once for each version."""

    def __init__(self, window: MainWindow, flow: ExportFlow) -> None:
        super().__init__()
        self._window, self._flow = window, flow
        self._working: Spawned | None = None
        self._of: tuple[str, ...] = ()
        self._go_on = False
        self.shown: Estimate | None = None
        self.busy = BusyLine(can_cancel=False)
        self._errors = QVBoxLayout()
        self.model = EstimateModel(self)
        self.table = RowsTable("What the bag will hold")
        self.table.setModel(self.model)
        self.total = selectable(label("", "heading", wrap=True))
        self.more = selectable(label("", role="muted", wrap=True))
        self.hidden = selectable(label("", "caption", "warning", wrap=True))
        sums = column(spacing=SPACE_1)
        for part in (self.total, self.more, self.hidden):
            sums.addWidget(part)
        self.card = Card(margin=SPACE_3)
        self.card.body.addLayout(sums)
        self.ground = Card(margin=2, spacing=0)
        self.ground.body.addWidget(self.table)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, SPACE_2, 24, SPACE_4)
        outer.setSpacing(SPACE_3)
        outer.addWidget(self.busy)
        outer.addLayout(self._errors)
        outer.addWidget(self.ground, 1)
        outer.addWidget(self.card)
        outer.addStretch(0)
        self._show(None)

    def entered(self) -> None:
        draft = self._flow.draft
        named = (draft.host, draft.catalog, draft.dataset, draft.version)
        if named != self._of or self._flow.size is None:
            self._of = named
            self._work()
        self.table.setFocus()

    def left(self) -> None:
        self._go_on = False

    def end(self) -> None:
        """The wizard closes."""
        if self._working is not None:
            self._working.cancel()
        self.busy.done()

    def before_next(self) -> bool:
        """Figures that are being worked out are waited for."""
        if self._flow.size is not None:
            return True
        self._go_on = True
        if self._working is None or self._working.done:
            self._work()
        return False

    def _work(self) -> None:
        self.end()
        clear(self._errors)
        self._show(None)
        self._flow.size = None
        self.busy.wait_for("Finding out what comes with the dataset")
        self._working = spawn(self._ask(), "estimate a dataset", self._failed)
        self.changed.emit()

    async def _ask(self) -> None:
        flow = self._flow

        found = await self._window.bridge.call(source.estimate, flow.dataset_request())
        self.busy.done()
        flow.size = Size(rows=found.rows, records=found.csv_bytes, assets=found.asset_bytes)
        flow.proposed = Proposed(
            where=found.proposal,
            reason=found.reason,
            seconds_here=found.seconds_here,
            seconds_server=found.seconds_server,
        )
        flow.draft.server_side = found.proposal == "server"
        self._show(found)
        announce(self, self.total.text())
        self.changed.emit()
        if self._go_on:
            self._go_on = False
            self.advance.emit()

    def _failed(self, fault: BaseException) -> None:
        self._go_on = False
        self.busy.done()
        clear(self._errors)
        error = as_error(fault)
        actions = remedies(self._window, self, self._flow.draft.host, error, self._again)
        self._errors.addWidget(ErrorCard(error, *actions, dismissable=False))
        self.changed.emit()

    def _again(self) -> None:
        self._flow.draft.access = self._window.access(self._flow.draft.host)
        self._work()

    def _show(self, found: Estimate | None) -> None:
        self.shown = found
        self.ground.setVisible(found is not None)
        self.card.setVisible(found is not None)
        if found is None:
            return
        self.model.show(found.tables)
        self.table.fit_columns()
        files = f" · {words.count(found.assets, 'files')}, {words.size(found.asset_bytes)}" if found.assets else ""
        self.total.setText(f"{words.count(found.rows, 'rows')} in {words.count(len(found.tables), 'tables')}{files}")
        self.more.setText(
            f"About {words.size(found.csv_bytes)} of CSV: deriva-ml writes a file for each path to a table, so some "
            f"rows are there several times ({found.repeated:,} in all). About {_time(found.seconds_here)} on this "
            f"computer, {_time(found.seconds_server)} by the server. Version {found.version}, snapshot "
            f"{found.snapshot}. There is nothing to leave out: it is what deriva-ml expects."
        )
        self.hidden.setVisible(bool(found.hidden))
        self.hidden.setText(
            f"You may not read {', '.join(found.hidden)}; that is not in the bag, nor what lies behind it."
        )


def _time(seconds: float) -> str:
    if seconds < 90:
        whole = max(1, round(seconds))
        return f"{whole} second{'' if whole == 1 else 's'}"
    return f"{round(seconds / 60):,} minutes"
