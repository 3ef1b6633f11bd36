"""What a page shows when there is nothing, when it waits, and when something went wrong."""

from __future__ import annotations

import math
import time

from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QHideEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QFrame, QLabel, QPlainTextEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from satchel.core.errors import Kind, SatchelError
from satchel.gui.icons import IconDisc, IconLabel
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_4, SPACE_6, mono, tokens
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import button, icon_button
from satchel.gui.widgets.text import label, selectable


class EmptyState(QWidget):
    """Nothing is here yet, and what to do about it."""

    def __init__(self, icon: str, title: str, text: str, *actions: QPushButton) -> None:
        super().__init__()
        self.title = label(title, "heading")
        self.text = label(text, "body", "muted", wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.title.setWordWrap(True)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(SPACE_6, SPACE_6, SPACE_6, SPACE_6)
        inside.setSpacing(SPACE_2)
        inside.addStretch(1)
        inside.addWidget(IconDisc(icon, "muted", "sunken", 56, 26), 0, Qt.AlignmentFlag.AlignHCenter)
        inside.addSpacing(SPACE_2)
        inside.addWidget(self.title)
        self.text.setMaximumWidth(460)
        middle = row(None, self.text, None, spacing=0)
        middle.setStretch(1, 1000)
        inside.addLayout(middle)
        if actions:
            inside.addSpacing(SPACE_2)
            inside.addLayout(row(None, *actions, None))
        inside.addStretch(1)

    def say(self, title: str, text: str) -> None:
        """Change the words."""
        self.title.setText(title)
        self.text.setText(text)


class Spinner(QWidget):
    """A turning arc; it runs only while it is seen."""

    def __init__(self, size: int = 18) -> None:
        super().__init__()
        self.setFixedSize(size, size)
        self._timer = QTimer(self)
        self._timer.setInterval(50)
        self._timer.timeout.connect(self.update)

    def showEvent(self, event: QShowEvent) -> None:
        self._timer.start()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        painter.setPen(QPen(tokens().color("border"), 2))
        painter.drawEllipse(room)
        painter.setPen(QPen(tokens().color("accent"), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        start = -int(math.fmod(time.monotonic() * 1.1, 1.0) * 360 * 16)
        painter.drawArc(room, start, 100 * 16)


class BusyLine(QWidget):
    """Says what is awaited and, after three seconds, for how long. Emits `cancelled` when the person gives up."""

    cancelled = Signal()

    def __init__(self, *, can_cancel: bool = True) -> None:
        super().__init__()
        self._text = ""
        self._since = 0.0
        self._label: QLabel = label("", "body", "muted")
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._cancel = button("Cancel", self.cancelled.emit, link=True)
        if not can_cancel:
            self._cancel.hide()
        inside = row(Spinner(), self._label, self._cancel, spacing=SPACE_3)
        inside.setStretch(1, 1)
        self.setLayout(inside)
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._tick)
        self.hide()

    def wait_for(self, text: str) -> None:
        """Show that something is awaited: "Reading the schema of catalog 1"."""
        self._text, self._since = text, time.monotonic()
        self._label.setText(f"{text}…")
        self.setAccessibleName(text)
        self._timer.start()
        self.show()

    def say(self, text: str) -> None:
        """Change the words of what is awaited still."""
        self._text = text
        self._tick()

    def done(self) -> None:
        """Nothing is awaited any more."""
        self._timer.stop()
        self.hide()

    def _tick(self) -> None:
        waited = int(time.monotonic() - self._since)
        self._label.setText(f"{self._text}… {waited} s" if waited >= 3 else f"{self._text}…")


class ErrorCard(QFrame):
    """A failure: what happened, what to do, and the details for those who want them."""

    dismissed = Signal()

    def __init__(self, error: SatchelError, *actions: QPushButton, dismissable: bool = True) -> None:
        super().__init__()
        self.error = error
        self.setProperty("role", "notice")
        self.setProperty("tone", "danger")
        self.message = selectable(label(error.message, "strong", wrap=True))
        self.hint = selectable(label(error.hint, wrap=True))
        if not error.hint:
            self.hint.hide()
        self.detail = QPlainTextEdit(error.detail)
        self.detail.setReadOnly(True)
        self.detail.setFont(mono())
        self.detail.setAccessibleName("Details of the error")
        self.detail.setMaximumHeight(140)
        self.detail.setTabChangesFocus(True)
        self.detail.hide()
        self.toggle = button("Show details", self._toggle, link=True)
        if not error.detail:
            self.toggle.hide()
        self.copy_button = button("Copy", self.copy, link=True, tip="Copy message, hint and details")
        words = QVBoxLayout()
        words.setSpacing(SPACE_2)
        words.addWidget(self.message)
        words.addWidget(self.hint)
        words.addWidget(self.detail)
        words.addLayout(row(*actions, self.toggle, self.copy_button, None))
        inside = row(spacing=SPACE_3)
        inside.setContentsMargins(SPACE_4, SPACE_3, SPACE_2, SPACE_3)
        inside.addWidget(IconLabel("error", "danger", 22), 0, Qt.AlignmentFlag.AlignTop)
        inside.addLayout(words, 1)
        if dismissable:
            inside.addWidget(icon_button("Dismiss", "close", self._dismiss), 0, Qt.AlignmentFlag.AlignTop)
        self.setLayout(inside)
        self.setAccessibleName(f"Error: {error.message}")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        announce(self, f"{self.error.message} {self.error.hint}", urgent=True)

    def text(self) -> str:
        """All of it, for the clipboard."""
        return "\n\n".join(part for part in (self.error.message, self.error.hint, self.error.detail) if part)

    def copy(self) -> None:
        """Put message, hint and details on the clipboard."""
        QGuiApplication.clipboard().setText(self.text())

    def _toggle(self) -> None:
        self.detail.setVisible(self.detail.isHidden())
        self.toggle.setText("Show details" if self.detail.isHidden() else "Hide details")

    def _dismiss(self) -> None:
        self.hide()
        self.dismissed.emit()


def as_error(fault: BaseException) -> SatchelError:
    """What to show for any exception: itself, or a sentence for one that should not have happened."""
    if isinstance(fault, SatchelError):
        return fault
    return SatchelError(
        Kind.INTERNAL,
        "Satchel met an error of its own.",
        "What you were doing may not have been done; try it again. The log has more.",
        f"{type(fault).__name__}: {fault}",
    )
