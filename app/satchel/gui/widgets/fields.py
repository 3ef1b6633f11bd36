"""Input fields."""

from __future__ import annotations

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit

from satchel.gui.icons import icon
from satchel.gui.theme import theme


class SearchField(QLineEdit):
    """A line with an icon before it and a cross that empties it; its icons follow the theme."""

    def __init__(self, name: str, icon_name: str = "search", *, placeholder: str = "") -> None:
        super().__init__()
        self._icon_name = icon_name
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder or name)
        self.setProperty("leading", True)
        self._lens = self.addAction(icon(icon_name, "muted", 16), QLineEdit.ActionPosition.LeadingPosition)
        self.setClearButtonEnabled(True)
        self._cross = self.findChild(QAction, "_q_qlineeditclearaction")
        theme().changed.connect(self._theme)
        self._theme()

    def _theme(self) -> None:
        self._lens.setIcon(icon(self._icon_name, "muted", 16))
        if self._cross is not None:
            self._cross.setIcon(icon("close", "muted", 16))
