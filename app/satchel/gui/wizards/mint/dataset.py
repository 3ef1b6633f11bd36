"""Page one: which dataset and version; one that has none yet is released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, cast

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from satchel.core.flows.export import catalog_problems
from satchel.gui.access import remedies
from satchel.gui.identifiers.source import access_to
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, Section, clear, row
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label
from satchel.gui.wizards.mint import source
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.deriva.datasets import Dataset
    from satchel.core.flows.mint import MintFlow
    from satchel.gui.window import MainWindow

PAUSE = 500
PARTS = (
    ("minor", "Minor: something was added"),
    ("major", "Major: no longer as before"),
    ("patch", "Patch: a correction"),
)


class DatasetPage(WizardPage):
    """Server, catalog, dataset, version."""

    def __init__(self, window: MainWindow, flow: MintFlow) -> None:
        super().__init__()
        self._window, self._flow = window, flow
        self._reading: Spawned | None = None
        self._filling = False
        self.host = QComboBox()
        self.host.setEditable(True)
        self.host.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.host.setAccessibleName("Server")
        self.host.view().setAccessibleName("Known servers")
        self.host.addItems(window.known_hosts())
        self.host_edit: QLineEdit = self.host.lineEdit() or QLineEdit()
        self.host_edit.setAccessibleName("Server")
        self.host_edit.setPlaceholderText("for example www.eye-ai.org")
        self.catalog = QLineEdit()
        self.catalog.setPlaceholderText("number or alias")
        self.catalog.setAccessibleName("Catalog")
        self.dataset = QComboBox()
        self.dataset.setAccessibleName("Dataset")
        self.dataset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.dataset.view().setAccessibleName("Datasets")
        self.version = QComboBox()
        self.version.setAccessibleName("Version")
        self.version.view().setAccessibleName("Versions")
        self.version.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_3)
        grid.setVerticalSpacing(SPACE_1)
        fields = (
            ("&Server", self.host),
            ("&Catalog", self.catalog),
            ("&Dataset", self.dataset),
            ("&Version", self.version),
        )
        for place, (text, field) in enumerate(fields):
            said = label(text)
            said.setBuddy(field)
            across, down = place % 2, place // 2 * 2
            grid.addWidget(said, down, across)
            grid.addWidget(field, down + 1, across)
            grid.setColumnStretch(across, (3, 2)[across])
        self.busy = BusyLine()
        self.busy.cancelled.connect(self._stop)
        self._errors = QVBoxLayout()
        self.release = QCheckBox("&Release the dataset as it is now, and mint for that")
        self.release.setAccessibleName("Release the dataset as it is now")
        self.part = QComboBox()
        self.part.setAccessibleName("Which part of the version's number is raised")
        self.part.view().setAccessibleName("Parts of the version's number")
        for value, title in PARTS:
            self.part.addItem(title, value)
        self.description = QLineEdit()
        self.description.setAccessibleName("What is new in this version")
        self.description.setPlaceholderText("What is new in this version")
        self.said = label("", role="muted", wrap=True)
        card = Card(spacing=SPACE_2)
        card.body.addWidget(Section("A new version"))
        card.body.addWidget(self.release)
        line = row(self.part, self.description)
        line.setStretch(1, 1)
        card.body.addLayout(line)
        card.body.addWidget(self.said)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(24, SPACE_3, 24, SPACE_4)
        inside.setSpacing(SPACE_4)
        inside.addLayout(grid)
        inside.addWidget(self.busy)
        inside.addLayout(self._errors)
        inside.addWidget(card)
        inside.addStretch(1)

        draft = flow.draft
        if draft.host or not self.host.count():
            self.host_edit.setText(draft.host)
        self.catalog.setText(draft.catalog)
        self.release.setChecked(bool(draft.release))
        self.part.setCurrentIndex(max(0, self.part.findData(draft.release)))
        self.description.setText(draft.description)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._read)
        for edit in (self.host_edit, self.catalog):
            edit.textChanged.connect(self._named)
        self.dataset.currentIndexChanged.connect(self._dataset_chosen)
        self.version.currentIndexChanged.connect(self._version_chosen)
        self.release.toggled.connect(self._release_said)
        self.part.currentIndexChanged.connect(self._release_said)
        self.description.textChanged.connect(self._release_said)
        self._show_release()

    def entered(self) -> None:
        self._flow.set_catalog(self.host_edit.text(), self.catalog.text())
        if self._flow.datasets is None:
            self._read()

    def left(self) -> None:
        self._stop()

    def _named(self) -> None:
        self._stop()
        self._flow.set_catalog(self.host_edit.text(), self.catalog.text())
        clear(self._errors)
        self._fill()
        self._timer.start()
        self.changed.emit()

    def _read(self) -> None:
        self._timer.stop()
        draft = self._flow.draft
        if self._flow.datasets is not None or catalog_problems(draft.host, draft.catalog):
            return
        clear(self._errors)
        draft.access = access_to(self._window, f"https://{draft.host}/")
        self.busy.wait_for(f"Reading the datasets of catalog {draft.catalog} on {draft.host}")
        self._reading = spawn(self._ask(draft.host, draft.catalog), "read datasets", self._failed)

    async def _ask(self, host: str, catalog: str) -> None:
        found = await self._window.bridge.call(source.datasets, host, catalog, self._flow.draft.access)
        if (host, catalog) != (self._flow.draft.host, self._flow.draft.catalog):
            return
        self.busy.done()
        self._flow.datasets = found
        self._fill()
        announce(self, f"{len(found)} datasets")
        self.changed.emit()

    def _failed(self, fault: BaseException) -> None:
        self.busy.done()
        clear(self._errors)
        error = as_error(fault)
        actions = remedies(self._window, self, self._flow.draft.host, error, self._read)
        self._errors.addWidget(ErrorCard(error, *actions, dismissable=False))

    def _stop(self) -> None:
        self._timer.stop()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        self.busy.done()

    def _fill(self) -> None:
        """Show the datasets that are known."""
        chosen = self._flow.draft.dataset
        self._filling = True
        self.dataset.clear()
        for one in self._flow.datasets or ():
            first = " ".join(one.description.split("\n")[0].split())
            self.dataset.addItem(f"{one.rid}  {first}", one.rid)
        self.dataset.setCurrentIndex(max(0, self.dataset.findData(chosen)))
        self._filling = False
        self._dataset_chosen()

    def _dataset_chosen(self) -> None:
        if self._filling:
            return
        rid = self.dataset.currentData()
        dataset = next((one for one in self._flow.datasets or () if one.rid == rid), None)
        before = self._flow.draft.version
        self._filling = True
        self.version.clear()
        for one in dataset.versions if dataset is not None else ():
            if one.snapshot:
                has = "  (has an identifier)" if one.minid else ""
                self.version.addItem(f"{one.version}  {' '.join(one.description.split())}{has}", one.version)
        self.version.setCurrentIndex(max(0, self.version.findData(before)))
        self._filling = False
        self._version_chosen()
        if dataset is not None and not self.version.count():
            self.release.setChecked(True)  # it has none that could get an identifier
        self._show_release(dataset)

    def _version_chosen(self) -> None:
        if self._filling:
            return
        self._flow.set_dataset(self.dataset.currentData() or "", self.version.currentData() or "")
        self.changed.emit()

    def _release_said(self) -> None:
        part = cast("Literal['major', 'minor', 'patch']", self.part.currentData())
        self._flow.set_release(part if self.release.isChecked() else "", self.description.text())
        self._show_release(self._flow.dataset)
        self.changed.emit()

    def _show_release(self, dataset: Dataset | None = None) -> None:
        on = self.release.isChecked()
        self.part.setEnabled(on)
        self.description.setEnabled(on)
        self.version.setEnabled(not on)
        family = len(dataset.parents) + len(dataset.children) if dataset is not None else 0
        text = "A released version stays as it is for ever; an identifier is for one such version."
        if on and family:
            text += " The datasets that this one is nested with get their next version, too."
        self.said.setText(text)

    def fields(self) -> Mapping[str, QWidget]:
        return {
            "host": self.host,
            "catalog": self.catalog,
            "dataset": self.dataset,
            "version": self.version,
            "description": self.description,
        }
