"""Page one: a record of a catalog, or a bag that an export has made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from satchel.gui.theme import SPACE_2, SPACE_3
from satchel.gui.widgets.boxes import column, row
from satchel.gui.widgets.choice import Choice
from satchel.gui.widgets.path_field import PathField
from satchel.gui.widgets.text import label
from satchel.gui.wizards.export.what import WhatPage
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.flows.clone import CloneFlow
    from satchel.gui.window import MainWindow

HINT = (
    "For a destination that cannot see the catalog: whoever can exports it as a bag, with its schema, and you make a "
    "catalog of that. Files that are not in the bag are taken from where the bag says they are."
)


class SourcePage(WizardPage):
    """The record's page of the export wizard, and beside it a bag."""

    def __init__(self, window: MainWindow, flow: CloneFlow) -> None:
        super().__init__()
        self._flow = flow
        self.of = Choice(
            "Source", (("record", "record", "A record of a catalog"), ("bag", "bag", "A bag of an export"))
        )
        self.of.chosen.connect(self._switch)
        self.what = WhatPage(window, flow)
        self.what.changed.connect(self.changed)
        self.what.advance.connect(self.advance)
        archives = ["Archives of bags (*.zip *.tgz *.tar.gz *.tar *.tar.bz2 *.tar.xz)", "All files (*)"]
        self.archive = PathField("Archive of the bag", "none", filters=archives)
        self.folder = PathField("Folder of the bag", "none", folder=True)
        self.archive.chosen.connect(self._archive)
        self.folder.chosen.connect(self._folder)
        bag = column(spacing=SPACE_3)
        bag.setContentsMargins(24, SPACE_3, 24, SPACE_3)
        for title, field in (("An archive", self.archive), ("or a folder", self.folder)):
            said = label(title)
            said.setBuddy(field.choose_button)
            said.setMinimumWidth(110)
            line = row(said, field, spacing=SPACE_3)
            line.setStretch(1, 1)
            bag.addLayout(line)
        bag.addWidget(label(HINT, role="muted", wrap=True))
        bag.addStretch(1)
        self.bag = QWidget()
        self.bag.setLayout(bag)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.what)
        self.stack.addWidget(self.bag)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, SPACE_2, 0, 0)
        choice = row(self.of)
        choice.setContentsMargins(24, 0, 24, 0)
        inside.addLayout(choice)
        inside.addWidget(self.stack, 1)

    @property
    def _by_bag(self) -> bool:
        return self.stack.currentWidget() is self.bag

    def entered(self) -> None:
        self.of.set_value("bag" if self._flow.draft.from_bag else "record")
        self.stack.setCurrentWidget(self.bag if self._flow.draft.from_bag else self.what)
        if self._by_bag:
            self._show()
        else:
            self.what.entered()

    def left(self) -> None:
        self.what.left()

    def before_next(self) -> bool:
        return True if self._by_bag else self.what.before_next()

    def fields(self) -> Mapping[str, QWidget]:
        return {"from_bag": self.archive} if self._by_bag else self.what.fields()

    def _switch(self, value: str) -> None:
        self.what.left()
        self.stack.setCurrentWidget(self.bag if value == "bag" else self.what)
        self._flow.set_bag((self.archive.path or self.folder.path) if value == "bag" else None)
        if value == "bag":
            self.archive.choose_button.setFocus()
        else:
            self.what.entered()
        self.changed.emit()

    def _archive(self, path: str) -> None:
        if path:
            self.folder.set_path("")
        self._flow.set_bag(path)
        self.changed.emit()

    def _folder(self, path: str) -> None:
        if path:
            self.archive.set_path("")
        self._flow.set_bag(path)
        self.changed.emit()

    def _show(self) -> None:
        from pathlib import Path

        path = self._flow.draft.from_bag or ""
        is_folder = bool(path) and Path(path).is_dir()
        self.folder.set_path(path if is_folder else "")
        self.archive.set_path("" if is_folder else path)
