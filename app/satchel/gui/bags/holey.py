"""The dialog in which files of a bag are left to servers that have them: the bag becomes holey."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl
from PySide6.QtWidgets import QCheckBox, QFileDialog, QGridLayout, QLineEdit

from satchel.gui.bags.path_line import PathLine
from satchel.gui.dialogs import Dialog
from satchel.gui.theme import SPACE_2, SPACE_3
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


@dataclass(frozen=True, slots=True)
class Left:
    """What is to be left to servers.

    Attributes:
        url: the beginning of the addresses, or an address with `{path}` in it; empty: `table` says them.
        table: a list of files and addresses.
        only: patterns of paths; none: all.
        read: read each from its server whole, and compare it.
        allow_private: ask this computer and its local network, too.
    """

    url: str
    table: str
    only: tuple[str, ...]
    read: bool
    allow_private: bool


class HoleyDialog(Dialog):
    """Where the files are, which of them, how they are made sure of."""

    def __init__(self, window: MainWindow, then: Callable[[Left], object]) -> None:
        super().__init__(
            window,
            "Leave files to servers",
            "The files are removed from the bag, and fetch.txt says where they are. Each goes only after its server "
            "has answered for it: its length and checksum, or the file itself. “Fetch missing files” brings them back.",
            "external",
            "warning",
        )
        self._then = then
        self.setMinimumWidth(600)
        self.url, self.only = QLineEdit(), QLineEdit()
        self.url.setAccessibleName("Address")
        self.url.setPlaceholderText("https://example.org/files/, or with {path} in it")
        self.table = PathLine("List of addresses", "or a CSV or JSON list of files and addresses")
        self.only.setAccessibleName("Only files like")
        self.only.setPlaceholderText("all, or patterns such as assets/Image/*; *.csv")
        self.read = QCheckBox("&Read each file from its server whole, and compare its checksums")
        self.private = QCheckBox("Ask this computer and its local &network, too")
        self.problem = label("", role="danger", wrap=True)
        lists = ["Lists (*.csv *.tsv *.json)", "All files (*)"]
        choose = button("Choose…", partial(self.table.choose, QFileDialog.FileMode.ExistingFile, lists))
        choose.setAccessibleName("Choose the list of addresses")
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_3)
        grid.setVerticalSpacing(SPACE_2)
        grid.setColumnStretch(1, 1)
        for place, (text, field) in enumerate(
            (("&Address", self.url), ("&List", self.table), ("&Only files like", self.only))
        ):
            said = label(text)
            said.setBuddy(field)
            grid.addWidget(said, place, 0, Qt.AlignmentFlag.AlignVCenter)
            if field is self.table:
                grid.addLayout(row(field, choose), place, 1)
            else:
                grid.addWidget(field, place, 1)
        grid.addWidget(self.read, 3, 1)
        grid.addWidget(self.private, 4, 1)
        grid.addWidget(self.problem, 5, 0, 1, 2)
        self.body.addLayout(grid)
        self.add_button(button("Cancel"))
        self.go = button("Leave &them there", self.submit, primary=True)
        self.go.setDefault(True)
        self._buttons.addWidget(self.go)
        self.url.setFocus()

    def submit(self) -> None:
        """Go on, where it is said where the files are."""
        url, table = self.url.text().strip(), self.table.path
        problem = ""
        if bool(url) == bool(table):
            problem = "Give the address, or a list: one of both."
        elif url and QUrl(url).scheme() not in ("https", "http", "s3"):
            problem = "The address begins with https://."
        self.problem.setText(problem)
        if problem:
            self.url.setFocus()
            return
        only = tuple(part.strip() for part in self.only.text().split(";") if part.strip())
        self.accept()
        self._then(Left(url, table, only, self.read.isChecked(), self.private.isChecked()))
