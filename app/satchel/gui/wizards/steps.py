"""The list of steps at a wizard's left: where one is, what is behind, what comes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

_ROW = 44
_DOT = 24


class Steps(QWidget):
    """Numbered steps, one of them current. For the eye only: the window's title says the same to a screen reader."""

    def __init__(self, titles: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._titles = list(titles)
        self._current = 0
        self.setFixedWidth(188)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self._tell()

    def set_current(self, index: int) -> None:
        """Mark a step as the current one; all before it count as done."""
        if index != self._current:
            self._current = index
            self._tell()
            self.update()

    def _tell(self) -> None:
        self.setAccessibleName(f"Step {self._current + 1} of {len(self._titles)}: {self._titles[self._current]}")

    def sizeHint(self) -> QSize:
        return QSize(188, 24 + _ROW * len(self._titles))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.AlternateBase))
        accent = palette.color(QPalette.ColorRole.Highlight)
        text = palette.color(QPalette.ColorRole.WindowText)
        faint = QColor(text)
        faint.setAlphaF(0.55)
        left = 20.0
        for place, title in enumerate(self._titles):
            middle = 20 + _ROW * place + _ROW / 2
            done, current = place < self._current, place == self._current
            if place + 1 < len(self._titles):
                line = QPen(accent if done else faint, 1.5)
                painter.setPen(line)
                x = left + _DOT / 2
                painter.drawLine(QPointF(x, middle + _DOT / 2 + 3), QPointF(x, middle + _ROW - _DOT / 2 - 3))
            dot = QRectF(left, middle - _DOT / 2, _DOT, _DOT)
            painter.setPen(QPen(accent if done or current else faint, 1.5))
            painter.setBrush(accent if current else Qt.BrushStyle.NoBrush)
            painter.drawEllipse(dot)
            font = QFont(self.font())
            font.setBold(current)
            painter.setFont(font)
            if done:
                tick = QPen(accent, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
                painter.setPen(tick)
                painter.drawPolyline(
                    [QPointF(left + 7, middle), QPointF(left + 10.5, middle + 4), QPointF(left + 17, middle - 4)]
                )
            else:
                painter.setPen(palette.color(QPalette.ColorRole.HighlightedText) if current else faint)
                painter.drawText(dot, Qt.AlignmentFlag.AlignCenter, str(place + 1))
            painter.setPen(text if done or current else faint)
            room = QRectF(left + _DOT + 12, middle - _ROW / 2, self.width() - left - _DOT - 20, _ROW)
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, title)
