"""Which files are put into the bag: by name, by size, by number; with what that comes to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QLineEdit, QSpinBox, QVBoxLayout, QWidget

from satchel.core import words
from satchel.core.export.choosing import AssetTotals
from satchel.core.export.request import AssetChoice
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.text import label

PAUSE = 300
MEGA = 1_000_000
Totals = Callable[[AssetChoice], Coroutine[Any, Any, AssetTotals | None]]


class AssetChoiceRow(QWidget):
    """The choice, and its totals as soon as they are known.

    Args:
        choice: as it is.
    """

    changed = Signal()

    def __init__(self, choice: AssetChoice) -> None:
        super().__init__()
        self._tables = choice.tables
        self._bytes = choice.bytes
        self.ask: Totals | None = None
        """Gives the totals of a choice; None: nobody can."""
        self._asking: Spawned | None = None
        self.patterns = QLineEdit(", ".join(choice.patterns))
        self.patterns.setPlaceholderText("all, or *.png, *.txt")
        self.patterns.setAccessibleName("Names of files")
        self.largest = _number("Largest file in megabytes", " MB", (choice.largest or 0) // MEGA)
        self.count = _number("Most files", " files", choice.count or 0)
        self.totals = label("", "caption", "muted", wrap=True)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_1)
        inside.addLayout(
            row(label("Those like"), self.patterns, label("up to"), self.largest, self.count, spacing=SPACE_2)
        )
        inside.addWidget(self.totals)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self.look)
        self.patterns.textEdited.connect(self._said)
        for box in (self.largest, self.count):
            box.valueChanged.connect(self._said)

    def choice(self) -> AssetChoice:
        """What was chosen."""
        return AssetChoice(
            tables=self._tables,
            patterns=tuple(p.strip() for p in self.patterns.text().split(",") if p.strip()),
            largest=self.largest.value() * MEGA or None,
            bytes=self._bytes,
            count=self.count.value() or None,
        )

    def _said(self) -> None:
        self._timer.start()
        self.changed.emit()

    def look(self) -> None:
        """Ask what the choice comes to."""
        if self.ask is None or not self.isVisibleTo(self.window()):
            return
        if self._asking is not None:
            self._asking.cancel()
        self._asking = spawn(self._look(self.ask), "work out which files are chosen", lambda _: self.totals.clear())

    async def _look(self, ask: Totals) -> None:
        found = await ask(self.choice())
        if found is not None:
            self.show_totals(found)

    def show_totals(self, found: AssetTotals) -> None:
        """Say what the choice comes to."""
        least = "" if found.exact else "At most "
        size, time = words.size(found.bytes), words.duration(found.seconds)
        text = f"{least}{words.count(found.count, 'files')}, {size}; about {time}"
        self.totals.setText(f"{text}. {found.slow}".strip())


def _number(name: str, unit: str, value: int) -> QSpinBox:
    made = QSpinBox()
    made.setRange(0, 1_000_000)
    made.setSpecialValueText(f"any{unit}" if unit != " MB" else "any size")
    made.setSuffix(unit)
    made.setValue(value)
    made.setAccessibleName(name)
    line = made.lineEdit()
    if line is not None:
        line.setAccessibleName(name)
    return made
