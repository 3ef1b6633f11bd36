"""The verdict on a bag: a mark, a sentence, the bag's path."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout

from satchel.gui.icons import IconDisc
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.boxes import Card, clear, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.text import CopyLabel, label, selectable

DISCS = {
    "success": ("success", "success", "success_soft"),
    "warning": ("warning", "warning", "warning_soft"),
    "danger": ("error", "danger", "danger_soft"),
}
"""Icon, ink and ground of a verdict's tone."""


class VerdictCard(Card):
    """Words, colour and icon."""

    def __init__(self) -> None:
        super().__init__()
        self._mark = QVBoxLayout()
        self.title = selectable(label("", "heading", wrap=True))
        self.text = selectable(label("", role="muted", wrap=True))
        self.path = CopyLabel("", "Bag", "caption", "muted")
        self.checks = CopyLabel("", "Checked", "caption", "muted")
        self.resume = button("Res&ume", icon="play", primary=True)
        self.repair = button(
            "&Repair", icon="drop", primary=True, tip="Fetch the changed, damaged and lost files anew, and nothing else"
        )
        self.full = button("Check every chec&ksum", icon="check-bag", primary=True)
        self.make = button("Make a &bag of it…", icon="plus", primary=True)
        self.again = button("Check again", icon="refresh")
        self.open = button("Open folder", icon="folder")
        words = QVBoxLayout()
        words.setSpacing(SPACE_1)
        words.addWidget(self.title)
        words.addWidget(self.text)
        words.addWidget(self.checks)
        words.addWidget(self.path)
        line = row(
            self._mark, words, self.resume, self.repair, self.make, self.full, self.again, self.open, spacing=SPACE_3
        )
        line.setStretch(1, 1)
        line.setSpacing(SPACE_4)
        self.body.addLayout(line)

    def show_text(
        self,
        tone: str,
        title: str,
        text: str,
        path: Path,
        checks: str = "",
        *,
        resumable: bool = False,
        less: bool = False,
    ) -> None:
        """Show a verdict.

        Args:
            tone: success, warning or danger.
            title: the verdict.
            text: more of it.
            path: the bag's.
            checks: which ran.
            resumable: whether a job can go on where it stopped.
            less: whether a more thorough check is to be offered.
        """
        clear(self._mark)
        icon, ink, ground = DISCS[tone]
        self._mark.addWidget(IconDisc(icon, ink, ground, 56, 30), 0, Qt.AlignmentFlag.AlignVCenter)
        self.title.setText(title)
        self.text.setText(text)
        self.path.set_text(str(path))
        self.checks.set_text(f"Checked: {checks}" if checks else "")
        self.checks.setVisible(bool(checks))
        self.resume.setVisible(resumable)
        self.full.setVisible(less)
        self.repair.hide()
        self.make.hide()
        self.setAccessibleName(f"{title}. {text}")
        self.setContentsMargins(SPACE_2, 0, 0, 0)
