"""Small dialogs. They are opened, never executed: the loop runs on underneath."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from satchel import __version__
from satchel.gui.icons import IconDisc, app_icon
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_4, SPACE_6
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.text import label, selectable

if TYPE_CHECKING:
    from satchel.core.jobs.views import JobView


class Dialog(QDialog):
    """A title, words, what the caller adds to `body`, buttons. Esc closes it."""

    def __init__(self, parent: QWidget, title: str, text: str = "", icon: str = "", tone: str = "accent") -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(420)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(SPACE_6, SPACE_6, SPACE_6, SPACE_4)
        whole.setSpacing(SPACE_4)
        head = row(spacing=SPACE_4)
        if icon:
            colors = {"accent": ("accent_text", "accent_soft"), "warning": ("warning", "warning_soft")}[tone]
            head.addWidget(IconDisc(icon, *colors), 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(SPACE_2)
        words.addWidget(label(title, "heading", wrap=True))
        if text:
            words.addWidget(selectable(label(text, wrap=True)))
        head.addLayout(words, 1)
        whole.addLayout(head)
        self.body = QVBoxLayout()
        self.body.setSpacing(SPACE_3)
        whole.addLayout(self.body)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(SPACE_2)
        self._buttons.addStretch(1)
        whole.addLayout(self._buttons)

    def add_button(self, made: QPushButton, do: Callable[[], object] | None = None, *, default: bool = False) -> None:
        """Add a button that closes the dialog and then does something."""
        made.clicked.connect(self.accept)
        if do is not None:
            made.clicked.connect(lambda: do())
        made.setDefault(default)
        self._buttons.addWidget(made)


def ask_to_leave(window: QWidget, running: list[JobView], leave: Callable[[], object]) -> Dialog:
    """Ask whether to quit while jobs run."""
    many = len(running) > 1
    dialog = Dialog(
        window,
        f"{len(running)} jobs are running" if many else "A job is running",
        "Satchel keeps what they have done and offers to go on from there at the next start."
        if many
        else f"“{running[0].title}”: Satchel keeps what it has done and offers to go on from there at the next start.",
        "activity",
        "warning",
    )
    dialog.add_button(button("Stay"), default=True)
    dialog.add_button(button("Quit", primary=True), leave)
    dialog.open()
    return dialog


def ask_to_discard(window: QWidget, views: list[JobView], discard: Callable[[], object]) -> Dialog:
    """Ask before what an interrupted job had gathered is thrown away."""
    what = f"“{views[0].title}”" if len(views) == 1 else f"{len(views)} jobs"
    dialog = Dialog(
        window,
        f"Discard {what}?",
        "What was downloaded for it so far is deleted, and it cannot be resumed. Finished bags are not touched.",
        "trash",
        "warning",
    )
    dialog.add_button(button("Keep"), default=True)
    dialog.add_button(button("Discard", danger=True), discard)
    dialog.open()
    return dialog


def show_shortcuts(window: QWidget, shortcuts: list[tuple[str, str]]) -> Dialog:
    """The list of keys."""
    dialog = Dialog(window, "Keyboard shortcuts")
    inside = QWidget()
    grid = QGridLayout(inside)
    grid.setContentsMargins(0, 0, SPACE_3, 0)
    grid.setHorizontalSpacing(SPACE_6)
    for place, (title, keys) in enumerate(shortcuts):
        grid.addWidget(label(title), place, 0)
        grid.addWidget(label(keys, role="muted"), place, 1, Qt.AlignmentFlag.AlignRight)
    scroll = QScrollArea()
    scroll.setWidget(inside)
    scroll.setWidgetResizable(True)
    scroll.setMinimumHeight(360)
    scroll.setAccessibleName("Keyboard shortcuts")
    dialog.body.addWidget(scroll)
    dialog.add_button(button("Close"), default=True)
    dialog.open()
    return dialog


def show_about(window: QWidget) -> Dialog:
    """What this is."""
    dialog = Dialog(
        window,
        f"Satchel {__version__}",
        "Share data from a DERIVA catalog by pointing and clicking.\n\n"
        "Free software under the Apache License, version 2.0. It stands on deriva-py, bdbag, Qt and PySide6, aiohttp "
        "and many others; their licences are in their packages.",
    )
    mark = label("")
    mark.setPixmap(app_icon().pixmap(QSize(72, 72), window.devicePixelRatioF()))
    mark.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    dialog.body.addWidget(mark)
    dialog.add_button(button("Close"), default=True)
    dialog.open()
    return dialog
