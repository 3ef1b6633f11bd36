"""Changing what a service says of an identifier: a small dialog for each change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from satchel.gui.theme import SPACE_3, SPACE_4
from satchel.gui.widgets.text import label

Done = Callable[[dict[str, Any]], None]


def ask_text(parent: QWidget, title: str, text: str, name: str, do: Callable[[str], None]) -> QDialog:
    """Ask for one line. `do` gets it."""
    dialog = QDialog(parent)
    dialog.setWindowTitle(title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    field = QLineEdit()
    field.setAccessibleName(name)
    field.setMinimumWidth(420)
    said = label(text, wrap=True)
    said.setBuddy(field)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
    inside = QVBoxLayout(dialog)
    inside.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
    inside.setSpacing(SPACE_3)
    inside.addWidget(said)
    inside.addWidget(field)
    inside.addWidget(buttons)
    ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
    ok.setEnabled(False)
    field.textChanged.connect(lambda now: ok.setEnabled(bool(now.strip())))

    def accepted() -> None:
        text = field.text().strip()
        dialog.accept()
        do(text)

    buttons.accepted.connect(accepted)
    buttons.rejected.connect(dialog.reject)
    dialog.open()
    return dialog


def ask_location(parent: QWidget, compact: str, do: Done) -> None:
    """Ask for a location more."""
    ask_text(
        parent,
        "Add a location",
        f"Where can what {compact} names be had as well? It must be the very same file; the next check tells.",
        "Location",
        lambda text: do({"add": [text]}),
    )


def ask_replacement(parent: QWidget, compact: str, do: Done) -> None:
    """Ask which identifier takes another one's place."""
    ask_text(
        parent,
        "Replaced by",
        f"Which identifier takes the place of {compact}? Whoever resolves {compact} is told of it.",
        "Identifier",
        lambda text: do({"replaced_by": text}),
    )
