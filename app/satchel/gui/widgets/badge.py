"""A word or a number on a small coloured ground."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from satchel.gui.theme import set_type, tokens

_TONES = {
    "neutral": ("muted", "sunken"),
    "accent": ("accent_text", "accent_soft"),
    "solid": ("on_accent", "accent"),
    "success": ("success", "success_soft"),
    "warning": ("warning", "warning_soft"),
    "danger": ("danger", "danger_soft"),
    "brand": ("brand", "brand_soft"),
}


class Badge(QWidget):
    """A badge; its words carry the meaning, the colour only supports it."""

    def __init__(self, text: str = "", tone: str = "neutral") -> None:
        super().__init__()
        self._text, self._tone = text, tone
        set_type(self, "caption")
        font = self.font()
        font.setWeight(QFont.Weight.DemiBold)
        self.setFont(font)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(text)
        if not text:
            self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text

    def say(self, text: str, tone: str | None = None) -> None:
        """Change it; an empty text hides it."""
        self._text, self._tone = text, tone or self._tone
        self.setAccessibleName(text)
        self.setVisible(bool(text))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        height = metrics.height() + 4
        return QSize(max(metrics.horizontalAdvance(self._text) + 14, height), height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink, ground = _TONES[self._tone]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens().color(ground))
        room = QRectF(self.rect())
        painter.drawRoundedRect(room, room.height() / 2, room.height() / 2)
        painter.setPen(tokens().color(ink))
        painter.setFont(self.font())
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, self._text)
