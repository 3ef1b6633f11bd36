"""Which dataset, and which of its versions: the list, what a version holds, and what changed since another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHeaderView,
    QLineEdit,
    QSplitter,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from satchel.core.flows.export import catalog_problems
from satchel.gui.access import remedies
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, ScrollPage, clear, row
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label, selectable
from satchel.gui.wizards.export.datasets import source
from satchel.gui.wizards.export.datasets.model import DatasetModel
from satchel.gui.wizards.export.datasets.said import changes_said, members_said, version_said

if TYPE_CHECKING:
    from satchel.core.deriva.datasets import Dataset, Members
    from satchel.core.flows.export import ExportFlow
    from satchel.gui.window import MainWindow

PAUSE = 500
"""Milliseconds after the last letter before the server is asked."""
_NO_CHANGES = "nothing (choose a version)"


class DatasetPane(QWidget):
    """Server and catalog above, the datasets at the left, the one that is chosen at the right."""

    changed = Signal()

    def __init__(self, window: MainWindow, flow: ExportFlow) -> None:
        super().__init__()
        self._window, self._flow = window, flow
        self._asked: Spawned | None = None
        self._members: Spawned | None = None
        self._comparing: Spawned | None = None
        self._of = ("", "")
        self.datasets: tuple[Dataset, ...] = ()
        self.host = QComboBox()
        self.host.setEditable(True)
        self.host.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.host.setAccessibleName("Server")
        self.host.view().setAccessibleName("Known servers")
        self.host.addItems(window.known_hosts())
        self.host_edit: QLineEdit = self.host.lineEdit() or QLineEdit()
        self.host_edit.setAccessibleName("Server")
        self.catalog = QLineEdit()
        self.catalog.setPlaceholderText("number or alias")
        self.catalog.setAccessibleName("Catalog")
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_3)
        grid.setVerticalSpacing(SPACE_1)
        for place, (text, field) in enumerate((("&Server", self.host), ("&Catalog", self.catalog))):
            said = label(text)
            said.setBuddy(field)
            grid.addWidget(said, 0, place)
            grid.addWidget(field, 1, place)
            grid.setColumnStretch(place, (3, 2)[place])
        self.busy = BusyLine(can_cancel=False)
        self._errors = QVBoxLayout()
        self.model = DatasetModel(self)
        self.tree = QTreeView()
        self.tree.setModel(self.model)
        self.tree.setAccessibleName("Datasets")
        self.tree.setUniformRowHeights(True)
        self.tree.setAllColumnsShowFocus(True)
        self.tree.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        header = self.tree.header()
        header.setSectionsMovable(False)
        header.setStretchLastSection(False)
        for section in range(3):
            mode = QHeaderView.ResizeMode.Stretch if section == 0 else QHeaderView.ResizeMode.ResizeToContents
            header.setSectionResizeMode(section, mode)
        self.tree.selectionModel().currentChanged.connect(self._picked)
        self.version = QComboBox()
        self.version.setAccessibleName("Version")
        self.version.view().setAccessibleName("Versions")
        self.version.currentIndexChanged.connect(self._version_picked)
        self.since = QComboBox()
        self.since.setAccessibleName("What changed since")
        self.since.view().setAccessibleName("Earlier versions")
        self.since.activated.connect(self._compare)
        self.title = selectable(label("", "strong", wrap=True))
        self.about = selectable(label("", role="muted", wrap=True))
        self.held = selectable(label("", wrap=True))
        self.changes = selectable(label("", "caption", "muted", wrap=True))
        version_label, since_label = label("&Version"), label("What c&hanged since")
        version_label.setBuddy(self.version)
        since_label.setBuddy(self.since)
        detail = ScrollPage(width=700)
        detail.body.setContentsMargins(SPACE_3, SPACE_2, SPACE_2, SPACE_2)
        detail.body.setSpacing(SPACE_2)
        detail.body.addWidget(self.title)
        detail.body.addLayout(row(version_label, self.version, None, spacing=SPACE_2))
        detail.body.addWidget(self.about)
        detail.body.addWidget(self.held)
        detail.body.addLayout(row(since_label, self.since, None, spacing=SPACE_2))
        detail.body.addWidget(self.changes)
        detail.body.addStretch(1)
        self.detail = detail
        left = Card(margin=2, spacing=0)
        left.body.addWidget(self.tree)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.addWidget(left)
        self.split.addWidget(detail)
        self.split.setSizes([460, 420])
        self.split.setChildrenCollapsible(False)
        self.split.hide()
        inside = QVBoxLayout(self)
        inside.setContentsMargins(24, SPACE_2, 24, SPACE_3)
        inside.setSpacing(SPACE_3)
        inside.addLayout(grid)
        inside.addWidget(self.busy)
        inside.addLayout(self._errors)
        inside.addWidget(self.split, 1)
        inside.addStretch(0)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._load)
        for edit in (self.host_edit, self.catalog):
            edit.textChanged.connect(self._said)

    def fields(self) -> Mapping[str, QWidget]:
        """By the names that problems give them."""
        return {"host": self.host, "catalog": self.catalog, "dataset": self.tree}

    def come(self) -> None:
        """It has come to the front: show the server and catalog of the draft, and ask for their datasets."""
        draft = self._flow.draft
        for edit, text in ((self.host_edit, draft.host), (self.catalog, draft.catalog)):
            if text and edit.text() != text:
                blocked = edit.blockSignals(True)
                edit.setText(text)
                edit.blockSignals(blocked)
        self._flow.set_record(self.host_edit.text(), self.catalog.text(), draft.rid)
        self._load()
        (self.catalog if not self.catalog.text() else self.tree).setFocus(Qt.FocusReason.TabFocusReason)

    def go(self) -> None:
        """It was left: what is being asked is given up."""
        self._timer.stop()
        for asked in (self._asked, self._members, self._comparing):
            if asked is not None:
                asked.cancel()
        self.busy.done()

    # -- asking ---------------------------------------------------------------------------------------------------

    def _said(self) -> None:
        host = self.host_edit.text().strip().removeprefix("https://").split("/", 1)[0]
        self._flow.set_record(host, self.catalog.text(), self._flow.draft.rid)
        self._of = ("", "")
        self.split.hide()
        clear(self._errors)
        self._timer.start()
        self.changed.emit()

    def _load(self) -> None:
        self._timer.stop()
        draft = self._flow.draft
        if self._of == (draft.host, draft.catalog) or catalog_problems(draft.host, draft.catalog):
            return
        if self._asked is not None:
            self._asked.cancel()
        clear(self._errors)
        draft.access = self._window.access(draft.host)
        self.busy.wait_for(f"Looking for the datasets of catalog {draft.catalog} on {draft.host}")
        self._asked = spawn(self._list(), "list datasets", self._failed)

    async def _list(self) -> None:
        draft = self._flow.draft
        of = (draft.host, draft.catalog)
        found = await self._window.bridge.call(source.every, *of, draft.access)
        if of != (draft.host, draft.catalog):
            return
        self._of, self.datasets = of, found
        self.busy.done()
        self.model.show(found)
        self.tree.expandAll()
        self.split.setVisible(bool(found))
        if not found:
            self._errors.addWidget(label("This catalog has no datasets that you may see.", role="muted", wrap=True))
        announce(self, f"{len(found)} datasets")
        wanted = self.model.find(draft.dataset)
        first = wanted if wanted.isValid() else self.model.index(0, 0)
        if first.isValid():
            flag = QItemSelectionModel.SelectionFlag
            self.tree.selectionModel().setCurrentIndex(first, flag.ClearAndSelect | flag.Rows)
            self._show(self.model.node(first).dataset)  # type: ignore[union-attr]
        self.changed.emit()

    def _failed(self, fault: BaseException) -> None:
        self.busy.done()
        clear(self._errors)
        error = as_error(fault)
        actions = remedies(self._window, self, self._flow.draft.host, error, self._load)
        self._errors.addWidget(ErrorCard(error, *actions, dismissable=False))
        self.changed.emit()

    # -- choosing -------------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> Dataset | None:
        """The dataset that the cursor is on."""
        node = self.model.node(self.tree.currentIndex())
        return node.dataset if node is not None else None

    def _picked(self) -> None:
        dataset = self.chosen
        if dataset is not None:
            self._show(dataset)

    def _show(self, dataset: Dataset) -> None:
        draft = self._flow.draft
        wanted = draft.version if dataset.rid == draft.dataset else ""
        self.title.setText(f"{' '.join(dataset.description.split()) or 'No description'} ({dataset.rid})")
        blocked = self.version.blockSignals(True)
        self.version.clear()
        for version in dataset.versions:
            self.version.addItem(version.version if version.snapshot else f"{version.version} (not released)")
        numbers = [version.version for version in dataset.versions]
        released = next((n for n, version in enumerate(dataset.versions) if version.snapshot), -1)
        self.version.setCurrentIndex(numbers.index(wanted) if wanted in numbers else released)
        self.version.blockSignals(blocked)
        self._version_picked()

    def _version_picked(self) -> None:
        dataset, place = self.chosen, self.version.currentIndex()
        self.changes.clear()
        if dataset is None or not 0 <= place < len(dataset.versions):
            self._flow.set_dataset("", "")
            self.about.setText("This dataset has no version that can be exported.")
            self.held.clear()
            self.changed.emit()
            return
        version = dataset.versions[place]
        self._flow.set_dataset(dataset.rid if version.snapshot else "", version.version if version.snapshot else "")
        self.about.setText(version_said(dataset, version))
        self.held.setText("")
        blocked = self.since.blockSignals(True)
        self.since.clear()
        self.since.addItem(_NO_CHANGES, "")
        for other in dataset.versions:
            if other.snapshot and other is not version:
                self.since.addItem(other.version, other.version)
        self.since.setCurrentIndex(0)
        self.since.setEnabled(self.since.count() > 1 and version.snapshot is not None)
        self.since.blockSignals(blocked)
        for asked in (self._members, self._comparing):
            if asked is not None:
                asked.cancel()
        if version.snapshot:
            self.held.setText("Counting its members …")
            self._members = spawn(self._count(dataset.rid, version.version), "count members", self._not_counted)
        self.changed.emit()

    async def _count(self, rid: str, version: str) -> None:
        draft = self._flow.draft
        _, _, found = await self._window.bridge.call(
            source.members, draft.host, draft.catalog, rid, version, draft.access
        )
        if (draft.dataset, draft.version) == (rid, version):
            self._held(found)

    def _held(self, found: Members) -> None:
        self.held.setText(members_said(found))

    def _not_counted(self, fault: BaseException) -> None:
        self.held.setText(as_error(fault).message)

    def _compare(self) -> None:
        old = str(self.since.currentData() or "")
        draft = self._flow.draft
        if self._comparing is not None:
            self._comparing.cancel()
        if not old or not draft.dataset:
            self.changes.clear()
            return
        self.changes.setText(f"Comparing {draft.version} with {old} …")
        self._comparing = spawn(self._compared(draft.dataset, old, draft.version), "compare versions", self._uncompared)

    async def _compared(self, rid: str, old: str, new: str) -> None:
        draft = self._flow.draft
        found = await self._window.bridge.call(source.changes, draft.host, draft.catalog, rid, old, new, draft.access)
        if (draft.dataset, draft.version, str(self.since.currentData())) == (rid, new, old):
            self.changes.setText(changes_said(found))
            announce(self, f"Compared with {old}")

    def _uncompared(self, fault: BaseException) -> None:
        self.changes.setText(as_error(fault).message)
