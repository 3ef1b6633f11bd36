"""A QR code on the screen: always dark on light, for that is what cameras read."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

EDGE = 176


class QrCode(QWidget):
    """Shows a code; nothing while it has none."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[Sequence[bool]] = ()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("QR code")

    def show_code(self, rows: Sequence[Sequence[bool]], text: str) -> None:
        """Show another code, of this text."""
        self._rows = rows
        self.setAccessibleName(f"QR code of {text}" if rows else "QR code")
        self.setToolTip(text)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(EDGE, EDGE)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._rows:
            return
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("white"))
        step = min(self.width(), self.height()) / len(self._rows)
        for y, modules in enumerate(self._rows):
            for x, dark in enumerate(modules):
                if dark:
                    painter.fillRect(QRectF(x * step, y * step, step, step), QColor("black"))
