"""The window in which a bag is made of any folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QButtonGroup, QFileDialog, QLineEdit, QRadioButton, QWidget

from satchel.core.flows.bag_form import BagDraft
from satchel.gui.bags.form_window import FormWindow
from satchel.gui.bags.path_line import PathLine
from satchel.gui.theme import SPACE_2
from satchel.gui.widgets.boxes import Section, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.text import CopyLabel, label

if TYPE_CHECKING:
    from satchel.core.bags.making import How
    from satchel.core.flows.flow import Problem
    from satchel.core.jobs.request import Request
    from satchel.gui.window import MainWindow

HOW: tuple[tuple[How, str, str], ...] = (
    ("copy", "A &copy of the files", "The folder stays as it is. The bag takes as much room again."),
    (
        "link",
        "&Hard links to the files",
        "Takes no room, on the same disk. Whoever changes a file later changes it in the bag as well.",
    ),
    (
        "in-place",
        "&In place",
        "The folder becomes the bag: its files are moved into data/ in it. Programs that look for them will not find "
        "them where they were.",
    ),
)


class MakeWindow(FormWindow):
    """Folder, how, where, checksums, profile, bag-info, files on servers."""

    def __init__(self, window: MainWindow, folder: str = "") -> None:
        super().__init__(
            window, "New bag of a folder", "A bag proves later that nothing is missing and nothing was changed.",
            "&Make the bag",
        )  # fmt: skip
        self.draft = BagDraft(path=folder, out=window.settings.export_folder)
        modes = QFileDialog.FileMode
        self.folder = PathLine("Folder", "the folder with the files; drop it here")
        self.folder.setText(folder)
        self.out = PathLine("Folder of the bag", "the folder that the bag is to be in")
        self.out.setText(self.draft.out)
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the bag")
        self.remote = PathLine("List of files on servers", "none; or a CSV or JSON list of addresses and checksums")
        self.target = CopyLabel("", "Makes", "caption", "muted")
        self._group = QButtonGroup(self)
        self.how = {value: QRadioButton(text) for value, text, _ in HOW}
        grid = self.grid()
        self.add(grid, "F&older", self._chosen(self.folder, "Choose the folder", modes.Directory), self.folder)
        hows = []
        for value, _, meaning in HOW:
            self._group.addButton(self.how[value])
            self.how[value].setAccessibleDescription(meaning)
            self.how[value].toggled.connect(self.look)
            said = label(meaning, "caption", "muted", wrap=True)
            said.setContentsMargins(28, 0, 0, 0)
            hows.append(self.stack(self.how[value], said))
        self.add(grid, "How", self.stack(*hows))
        self.add(grid, "In&to", self._chosen(self.out, "Choose the bag's folder", modes.Directory), self.out)
        self.add(grid, "&Name", self.stack(self.name, self.target), self.name)
        proof = label(
            "Proof that nothing was changed: written into the bag's manifests.", "caption", "muted", wrap=True
        )
        self.add(grid, "Checksums", self.stack(self.sums(), proof))
        self.add(grid, "&Profile", row(self.profile, None), self.profile)
        lists = ["Lists (*.csv *.tsv *.json)", "All files (*)"]
        told = (
            "Files that stay on servers: each with its address, length and checksums. The bag lists them in fetch.txt."
        )
        chosen = self._chosen(self.remote, "Choose the list", modes.ExistingFile, lists)
        self.add(
            grid,
            "Fi&les on servers",
            self.stack(chosen, label(told, "caption", "muted", wrap=True)),
            self.remote,
        )
        self.body.addLayout(grid)
        self.body.addWidget(Section("What the bag says of itself (bag-info)"))
        self.body.addWidget(self.form)
        for name in self.draft.algorithms:
            self.algorithms[name].setChecked(True)
        for edit in (self.folder, self.out, self.name, self.remote):
            edit.textChanged.connect(self.look)
        self.form.set_fields([(name, "") for name in ("Source-Organization", "Contact-Name", "External-Description")])
        self.look()
        (self.out if folder else self.folder).setFocus()

    def _chosen(
        self, line: PathLine, name: str, mode: QFileDialog.FileMode, filters: list[str] | None = None
    ) -> QWidget:
        made = button("Choose…", partial(line.choose, mode, filters or ()))
        made.setAccessibleName(name)
        both = row(line, made, spacing=SPACE_2)
        both.setStretch(0, 1)
        around = QWidget()
        around.setLayout(both)
        return around

    def changed(self) -> None:
        draft = self.draft
        draft.path, draft.out, draft.name = self.folder.path, self.out.path, self.name.text()
        draft.how = next((value for value, made in self.how.items() if made.isChecked()), None)
        draft.algorithms, draft.fields = self.chosen_sums(), self.form.fields
        draft.remote, draft.profile = self.remote.path, self.profile_found
        elsewhere = draft.how != "in-place"
        for field in (self.out, self.name):
            field.setEnabled(elsewhere)
        self.name.setPlaceholderText(Path(draft.path).name)
        target = draft.target()
        self.target.set_text(f"Makes {target}" if target else "")
        self.target.setVisible(bool(target))

    def problems(self) -> list[Problem]:
        return self.draft.problems()

    def request(self) -> Request:
        return self.draft.request()

    def places(self) -> dict[str, QWidget]:
        return {
            "path": self.folder,
            "how": self.how["copy"],
            "out": self.out,
            "name": self.name,
            "remote": self.remote,
            "algorithms": self.algorithms["md5"],
        }
