"""The home page's lists of recent things."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3
from satchel.gui.widgets.boxes import Card, Section, clear, column
from satchel.gui.widgets.text import label


class RecentList(QWidget):
    """A heading, and rows on a card, or a sentence that says what will be there."""

    def __init__(self, title: str, *right: QWidget) -> None:
        super().__init__()
        self._right = right
        inside = column(spacing=SPACE_2)
        self.setLayout(inside)
        inside.addWidget(Section(title, "", *right))
        self._card = Card(margin=SPACE_1, spacing=0)
        inside.addWidget(self._card)
        inside.addStretch(1)

    def put(self, rows: list[QWidget], empty: str) -> None:
        """Show rows; without any, the sentence."""
        clear(self._card.body)
        for widget in self._right:
            widget.setVisible(bool(rows))
        if not rows:
            note = label(empty, "body", "muted", wrap=True)
            note.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
            rows = [note]
        for widget in rows:
            self._card.body.addWidget(widget)
