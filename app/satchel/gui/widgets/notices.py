"""Notices: a short message that floats over a page and goes by itself, or stays when it asks for something."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

from satchel.core.errors import SatchelError
from satchel.gui.icons import IconLabel
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import button, icon_button
from satchel.gui.widgets.states import ErrorCard
from satchel.gui.widgets.text import label, selectable

_ICONS = {"info": "info", "success": "success", "warning": "warning", "danger": "error"}
_ROLES = {"info": "accent_text", "success": "success", "warning": "warning", "danger": "danger"}


class Notice(QFrame):
    """One message: icon, a sentence, a second line, things to do."""

    dismissed = Signal()

    def __init__(
        self, text: str, tone: str = "info", hint: str = "", *actions: QPushButton, dismissable: bool = True
    ) -> None:
        super().__init__()
        self.setProperty("role", "notice")
        self.setProperty("tone", tone)
        self.text = selectable(label(text, "strong" if hint else "body", wrap=True))
        self.hint = selectable(label(hint, wrap=True))
        if not hint:
            self.hint.hide()
        words = QVBoxLayout()
        words.setSpacing(SPACE_2)
        words.addWidget(self.text)
        words.addWidget(self.hint)
        inside = row(spacing=SPACE_3)
        inside.setContentsMargins(SPACE_4, SPACE_3, SPACE_2 if dismissable else SPACE_4, SPACE_3)
        inside.addWidget(IconLabel(_ICONS[tone], _ROLES[tone], 20))
        inside.addLayout(words, 1)
        for action in actions:
            inside.addWidget(action)
        if dismissable:
            inside.addWidget(icon_button("Dismiss", "close", self.dismiss))
        self.setLayout(inside)
        self.setAccessibleName(f"{text} {hint}".strip())

    def say(self, text: str, hint: str) -> None:
        """Change the words."""
        self.text.setText(text)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        self.setAccessibleName(f"{text} {hint}".strip())

    def dismiss(self) -> None:
        """Go away."""
        self.hide()
        self.dismissed.emit()
        self.deleteLater()


class Toasts(QWidget):
    """The notices at the lower right of a window, the newest at the bottom."""

    WIDTH = 420

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._stack = QVBoxLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.setSpacing(SPACE_2)
        window.installEventFilter(self)
        self.hide()

    def say(
        self, text: str, tone: str = "info", hint: str = "", *, action: str = "", do: Callable[[], object] | None = None
    ) -> Notice:
        """Show a notice; where nothing is wrong it goes by itself."""
        actions = [button(action, do, link=True)] if action and do else []
        notice = Notice(text, tone, hint, *actions)
        self._add(notice)
        notice.dismissed.connect(self._settle)
        for made in actions:
            made.clicked.connect(notice.dismiss)
        if tone in ("info", "success"):
            QTimer.singleShot(10_000 if actions else 6000, notice, notice.dismiss)
        announce(self, f"{text} {hint}", urgent=tone == "danger")
        return notice

    def fail(self, error: SatchelError) -> ErrorCard:
        """Show an error; it stays until it is dismissed."""
        card = ErrorCard(error)
        card.dismissed.connect(card.deleteLater)
        card.dismissed.connect(self._settle)
        self._add(card)
        return card

    def _add(self, widget: QWidget) -> None:
        while self._stack.count() >= 3:
            item = self._stack.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.hide()
                old.deleteLater()
        self._stack.addWidget(widget)
        self.show()
        self.raise_()
        self._settle()

    def _settle(self) -> None:
        items = [self._stack.itemAt(place) for place in range(self._stack.count())]
        shown = [widget for item in items if item is not None and (widget := item.widget()) is not None]
        if all(widget.isHidden() for widget in shown):
            self.hide()
            return
        width = min(self.WIDTH, self._window.width() - 2 * SPACE_4)
        self.setFixedWidth(width)
        self._stack.activate()
        height = self._stack.totalHeightForWidth(width) if self._stack.hasHeightForWidth() else self.sizeHint().height()
        self.setFixedHeight(max(height, 1))
        self.move(self._window.width() - width - SPACE_4, self._window.height() - height - SPACE_4)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest) and self.isVisible():
            QTimer.singleShot(0, self, self._settle)
        return False
