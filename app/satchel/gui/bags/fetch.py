"""The dialog that asks which of a bag's missing files to fetch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QSpinBox, QWidget

from satchel.gui.dialogs import Dialog
from satchel.gui.theme import SPACE_2, SPACE_3
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.text import label

MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person wants to be fetched.

    Attributes:
        only: patterns of paths; none: all.
        largest: bytes; None: of any size.
        repair: also what is here and was changed.
        allow_private: also from this computer and its local network.
    """

    only: tuple[str, ...]
    largest: int | None
    repair: bool
    allow_private: bool


class FetchDialog(Dialog):
    """Patterns, size, repair."""

    def __init__(self, parent: QWidget, missing: str, changed: bool, then: Callable[[Choice], object]) -> None:
        super().__init__(
            parent,
            "Fetch missing files",
            f"{missing} Each is compared with its checksums before it counts as there.",
            "drop",
        )
        self._then = then
        self.setMinimumWidth(520)
        self.only = QLineEdit()
        self.only.setAccessibleName("Only files like")
        self.only.setPlaceholderText("all, or patterns such as assets/Image/*; *.csv")
        self.limit = QCheckBox("&No larger than")
        self.largest = QSpinBox()
        self.largest.setRange(1, 1_000_000)
        self.largest.setValue(100)
        self.largest.setSuffix(" MB")
        self.largest.setAccessibleName("No larger than")
        self.largest.lineEdit().setAccessibleName("No larger than")
        self.largest.setEnabled(False)
        self.limit.toggled.connect(self.largest.setEnabled)
        self.repair = QCheckBox("Fetch anew what is here and was &changed or damaged")
        self.repair.setChecked(changed)
        self.private = QCheckBox("Fetch from this computer and its &local network, too")
        self.private.setToolTip(
            "A bag from somebody else can name addresses inside your network, so that is done only when you say so."
        )
        said = label("&Only files like")
        said.setBuddy(self.only)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_3)
        grid.setVerticalSpacing(SPACE_2)
        grid.setColumnStretch(1, 1)
        grid.addWidget(said, 0, 0, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.only, 0, 1)
        grid.addLayout(row(self.limit, self.largest, None), 1, 1)
        grid.addWidget(self.repair, 2, 1)
        grid.addWidget(self.private, 3, 1)
        self.body.addLayout(grid)
        self.add_button(button("Cancel"))
        self.fetch = button("&Fetch", primary=True)
        self.add_button(self.fetch, self._go, default=True)
        self.only.setFocus()

    def _go(self) -> None:
        patterns = tuple(part.strip() for part in self.only.text().split(";") if part.strip())
        largest = self.largest.value() * MEGA if self.limit.isChecked() else None
        self._then(Choice(patterns, largest, self.repair.isChecked(), self.private.isChecked()))
