"""A place to drop files and folders on; a click or Enter opens a file dialog instead."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QFont,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy

from satchel.gui.icons import pixmap
from satchel.gui.theme import RADIUS_LARGE, tokens
from satchel.gui.widgets.buttons import Painted


def dropped_paths(event: QDropEvent) -> list[Path]:
    """The local files and folders that a drag carries."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]


class DropZone(Painted):
    """Takes one or more local paths."""

    dropped = Signal(list)
    """list of pathlib.Path"""

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._second, self._over, self._compact = title, text, False, False
        self.setText(title)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self.setAcceptDrops(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_compact(self, compact: bool) -> None:
        """Take one line only, where there is something else to look at."""
        if compact != self._compact:
            self._compact = compact
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        if self._compact:
            return QSize(400, self.fontMetrics().height() + 32)
        return QSize(400, 24 + 28 + 10 + 2 * self.fontMetrics().height() + 8 + 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_paths(event):
            event.acceptProposedAction()
            self._over = True
            self.update()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._over = False
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        self._over = False
        self.update()
        if paths := dropped_paths(event):
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        t = tokens()
        lit = self._over or self.underMouse() or self.hasFocus()
        pen = QPen(t.color("accent" if lit else "edge"), 2 if lit else 1.5)
        pen.setDashPattern([4, 3])
        if self.hasFocus():
            pen.setStyle(Qt.PenStyle.SolidLine)
        painter.setPen(pen)
        painter.setBrush(t.color("accent_soft") if self._over else t.color("surface"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_LARGE, RADIUS_LARGE)
        ink = t.accent_text if lit else t.muted
        line = self.fontMetrics().height()
        if self._compact:
            self._paint_line(painter, ink)
            return
        top = (self.height() - (28 + 10 + 2 * line + 4)) // 2
        painter.drawPixmap(self.width() // 2 - 14, top, pixmap("drop", 28, ink, self.devicePixelRatioF()))
        painter.setFont(self.font_of("body", QFont.Weight.DemiBold))
        painter.setPen(t.color("text"))
        middle = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(QRectF(12, top + 38, self.width() - 24, line + 4), middle, self._title)
        painter.setFont(self.font_of("body"))
        painter.setPen(t.color("muted"))
        painter.drawText(QRectF(12, top + 42 + line, self.width() - 24, line + 4), middle, self._second)

    def _paint_line(self, painter: QPainter, ink: str) -> None:
        painter.setFont(self.font_of("body", QFont.Weight.DemiBold))
        wide = painter.fontMetrics().horizontalAdvance(self._title)
        left = (self.width() - wide - 30) / 2
        painter.drawPixmap(round(left), self.height() // 2 - 10, pixmap("drop", 20, ink, self.devicePixelRatioF()))
        painter.setPen(tokens().color("text"))
        room = QRectF(left + 30, 0, wide + 4, self.height())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._title)
