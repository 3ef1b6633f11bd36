"""Page three: where the bag goes and how it is packed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDir, QStandardPaths, Qt
from PySide6.QtWidgets import QCheckBox, QFileDialog, QGridLayout, QLabel, QLayout, QLineEdit, QVBoxLayout, QWidget

from satchel.core import words
from satchel.core.export.request import Archive, AssetChoice
from satchel.core.flows.export import ALGORITHMS
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_4, SPACE_6
from satchel.gui.widgets.boxes import Card, ScrollPage, column, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.choice import Choice
from satchel.gui.widgets.text import CopyLabel, label
from satchel.gui.wizards.export.assets import AssetChoiceRow
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.flows.export import ExportFlow
    from satchel.gui.window import MainWindow

ARCHIVES: tuple[tuple[Archive, str, str], ...] = (
    ("zip", "bag", "ZIP archive"),
    ("tgz", "bag", "TGZ archive"),
    ("none", "folder", "Folder"),
)
MEANINGS = {
    "zip": "One file that every computer can open.",
    "tgz": "One file, for Unix tools.",
    "none": "Not packed: to look inside or work on at once.",
}
OF_RECORD = (
    "This computer is proposed: what belongs to the record has been worked out here. Made here it shows how far it is, "
    "can be stopped at once and goes on where it was."
)
PLACES = (("here", "monitor", "This computer"), ("server", "server", "The server"))
NAMES = {"md5": "&MD5", "sha256": "SHA-&256", "sha512": "SHA-&512"}


class OptionsPage(WizardPage):
    """Folder, name, packing, files, checksums. Each choice goes into the draft at once."""

    next_text = "&Export"

    def __init__(self, window: MainWindow, flow: ExportFlow) -> None:
        super().__init__()
        self._window, self._flow = window, flow
        draft = flow.draft
        if not draft.out:
            draft.out = window.settings.export_folder or _usual_folder()
        self.out = QLineEdit(QDir.toNativeSeparators(draft.out))
        self.out.setAccessibleName("Folder")
        self.choose = button("C&hoose…", self._choose)
        self.choose.setAccessibleName("Choose the folder")
        self.name = QLineEdit(draft.name)
        self.name.setAccessibleName("Name")
        self.archive = Choice("Pack it as", ARCHIVES)
        self.archive.set_value(draft.archive)
        self.archive.chosen.connect(self._said)
        self.meaning = label("", "caption", "muted", wrap=True)
        self.materialize = QCheckBox("&Put the files themselves into the bag")
        self.materialize.setChecked(draft.materialize)
        self.materialize_hint = label("", "caption", "muted", wrap=True)
        self.assets = AssetChoiceRow(draft.assets)
        self.ro_crate = QCheckBox("Describe the bag as an RO-C&rate, too")
        self.ro_crate.setChecked(draft.ro_crate)
        self.algorithms: dict[str, QCheckBox] = {}
        sums = row(spacing=SPACE_4)
        for algorithm in ALGORITHMS:
            box = QCheckBox(NAMES[algorithm])
            box.setChecked(algorithm in draft.algorithms)
            box.toggled.connect(self._said)
            self.algorithms[algorithm] = box
            sums.addWidget(box)
        sums.addStretch(1)
        self.target = CopyLabel("", "Makes", "body", "muted")

        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_4)
        grid.setVerticalSpacing(SPACE_4)
        grid.setColumnStretch(1, 1)
        folder = row(self.out, self.choose, spacing=SPACE_2)
        folder.setStretch(0, 1)
        self._add(grid, "Fol&der", self.out, folder)
        self._add(grid, "&Name", self.name, self.name)
        self._add(grid, "Pack it as", None, _stack(self.archive, self.meaning))
        self._add(grid, "Files (assets)", None, _stack(self.materialize, self.assets, self.materialize_hint))
        self._add(grid, "Description", None, self.ro_crate)
        self.place = Choice("Made by", PLACES)
        self.place.set_value("server" if draft.server_side else "here")
        self.place.chosen.connect(self._said)
        self.why = label("", "caption", "muted", wrap=True)
        self._add(grid, "Made by", None, _stack(self.place, self.why))
        said = "Proof that nothing was changed: written into the bag's manifests."
        self._add(grid, "Checksums", None, _stack(sums, label(said, "caption", "muted", wrap=True)))
        card = Card(margin=SPACE_6)
        card.body.addLayout(grid)
        scroll = ScrollPage(width=900)
        scroll.body.setContentsMargins(0, 0, 0, 0)
        scroll.body.addWidget(card)
        scroll.body.addWidget(self.target)
        scroll.body.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, SPACE_2, 24, SPACE_4)
        outer.addWidget(scroll)
        for edit in (self.out, self.name):
            edit.textChanged.connect(self._said)
        self.materialize.toggled.connect(self._said)
        self.materialize.toggled.connect(self.assets.look)
        self.assets.changed.connect(self._said)
        self.ro_crate.toggled.connect(self._said)

    @staticmethod
    def _add(grid: QGridLayout, text: str, buddy: QWidget | None, what: QWidget | QLayout) -> QLabel:
        line = grid.rowCount()
        said = label(text)
        said.setContentsMargins(0, 7, 0, 0)
        if buddy is not None:
            said.setBuddy(buddy)
        grid.addWidget(said, line, 0, Qt.AlignmentFlag.AlignTop)
        if isinstance(what, QWidget):
            grid.addWidget(what, line, 1)
        else:
            grid.addLayout(what, line, 1)
        return said

    def entered(self) -> None:
        self.place.set_value("server" if self._flow.draft.server_side else "here")
        for algorithm, box in self.algorithms.items():  # those of a dataset are others than those of a record
            blocked = box.blockSignals(True)
            box.setChecked(algorithm in self._flow.draft.algorithms)
            box.blockSignals(blocked)
        self._describe()
        self.assets.look()
        self.out.setFocus(Qt.FocusReason.TabFocusReason)

    def _said(self) -> None:
        draft = self._flow.draft
        draft.out = QDir.fromNativeSeparators(self.out.text().strip())
        draft.name = self.name.text().strip()
        draft.materialize = self.materialize.isChecked()
        draft.assets = self.assets.choice()
        draft.ro_crate = self.ro_crate.isChecked()
        draft.archive = next((kind for kind, _, _ in ARCHIVES if self.archive.options[kind].isChecked()), "zip")
        draft.algorithms = tuple(a for a, box in self.algorithms.items() if box.isChecked())
        draft.server_side = self.place.options["server"].isChecked()
        self._describe()
        self.changed.emit()

    def _describe(self) -> None:
        draft, size = self._flow.draft, self._flow.size
        self.meaning.setText(MEANINGS[draft.archive])
        proposed = self._flow.proposed
        if draft.what == "record":
            self.why.setText(OF_RECORD)
        elif proposed is not None:
            better = "The server" if proposed.where == "server" else "This computer"
            self.why.setText(f"{better} is proposed: {proposed.reason[:1].lower()}{proposed.reason[1:]}")
        assets = words.size(size.assets) if size is not None else "an unknown size"
        self.materialize.setEnabled(size is None or size.assets > 0 or draft.materialize)
        self.assets.setVisible(draft.materialize and (size is None or size.assets > 0))
        if size is not None and not size.assets:
            self.materialize_hint.setText("No files belong to what is exported.")
        elif draft.materialize:
            self.materialize_hint.setText(
                f"Downloads {assets} now. The bag is whole by itself."
                if draft.assets == AssetChoice()
                else "Downloads those that are chosen now; where the others are stands in fetch.txt."
            )
        else:
            self.materialize_hint.setText(
                f"The bag lists where the files are ({assets}) in its fetch.txt, with their checksums; whoever has it "
                "can fetch (materialize) them later."
            )
        target = self._flow.target()
        # The name that is used when none is typed: an empty field must not be a riddle.
        stem = target.name.removesuffix(".zip").removesuffix(".tgz") if target is not None else ""
        if not self.name.text():
            self.name.setPlaceholderText(stem)
        self.target.set_text(f"Makes {target}" if target is not None else "")

    def _choose(self) -> None:
        dialog = QFileDialog(self, "Choose the folder that the bag goes into")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, True)
        if Path(self.out.text()).is_dir():
            dialog.setDirectory(self.out.text())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.out.setText(QDir.toNativeSeparators(path)))
        dialog.open()

    def fields(self) -> Mapping[str, QWidget]:
        return {"out": self.out, "name": self.name, "algorithms": self.algorithms["md5"]}


def _stack(*parts: QWidget | QLayout) -> QVBoxLayout:
    made = column(spacing=SPACE_1)
    for part in parts:
        if isinstance(part, QWidget):
            made.addWidget(part)
        else:
            made.addLayout(part)
    return made


def _usual_folder() -> str:
    """Where downloads go; the home folder where there is no such place."""
    where = QStandardPaths.StandardLocation
    for place in (where.DownloadLocation, where.DocumentsLocation, where.HomeLocation):
        found = QStandardPaths.writableLocation(place)
        if found and Path(found).is_dir():
            return found
    return ""
