"""Labels: plain, elided, and for copying."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QMenu, QSizePolicy, QWidget

from satchel.gui.theme import set_type, tokens


def label(
    text: str, kind: str = "body", role: str = "", *, wrap: bool = False, parent: QWidget | None = None
) -> QLabel:
    """A label in one of the type sizes and colours; never rich text, since much of what is shown comes from servers."""
    made = QLabel(text, parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    set_type(made, kind)
    if role:
        made.setProperty("role", role)
    if wrap:
        made.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        made.setSizePolicy(policy)
    return made


def selectable(made: QLabel) -> QLabel:
    """Let the label's text be selected with the mouse and copied."""
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    made.setCursor(Qt.CursorShape.IBeamCursor)
    return made


class ElidedLabel(QWidget):
    """One line, shortened in the middle where room is short; the whole text is its tool tip and can be copied."""

    def __init__(
        self,
        text: str = "",
        kind: str = "body",
        role: str = "text",
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._text, self._role, self._mode = text, role, mode
        set_type(self, kind)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._tell()

    @property
    def text(self) -> str:
        """The whole text."""
        return self._text

    def set_text(self, text: str) -> None:
        """Show another text."""
        if text != self._text:
            self._text = text
            self._tell()
            self.updateGeometry()
            self.update()

    def set_role(self, role: str) -> None:
        """Show it in another colour."""
        self._role = role
        self.update()

    def _tell(self) -> None:
        self.setAccessibleName(self._text)
        self.setToolTip(self._text if len(self._text) < 400 else self._text[:400] + "…")

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._text) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(
            min(metrics.horizontalAdvance(self._text) + 2, metrics.averageCharWidth() * 8), metrics.height() + 2
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        role = self._role if self.isEnabled() else "disabled"
        painter.setPen(tokens().color(role))
        painter.setFont(self.font())
        shown = self.fontMetrics().elidedText(self._text.replace("\n", " "), self._mode, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = QAction("&Copy", menu)
        copy.triggered.connect(self.copy)
        menu.addAction(copy)
        menu.popup(event.globalPos())

    def copy(self) -> None:
        """Put the whole text on the clipboard."""
        QGuiApplication.clipboard().setText(self._text)


class CopyLabel(ElidedLabel):
    """An elided text that takes the focus, so that the keyboard can copy it (Ctrl+C): a path, a RID, a checksum."""

    def __init__(self, text: str = "", name: str = "", kind: str = "body", role: str = "text") -> None:
        self._name = name
        super().__init__(text, kind, role)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def _tell(self) -> None:
        super()._tell()
        self.setAccessibleName(f"{self._name}: {self._text}" if self._name else self._text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self)
            painter.setPen(tokens().color("accent"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
