"""A choice of a few, side by side, each with an icon."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QButtonGroup, QSizePolicy, QWidget

from satchel.gui.icons import pixmap
from satchel.gui.theme import RADIUS, SPACE_2, tokens
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import Painted


class _Option(Painted):
    def __init__(self, icon: str, title: str) -> None:
        super().__init__()
        self._icon = icon
        self.setText(title)
        self.setAccessibleName(title)
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 76, self.fontMetrics().height() + 24)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Left to QAbstractButton, which walks an exclusive group with the arrows.
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        t, on = tokens(), self.isChecked()
        painter.setBrush(t.color("accent_soft" if on else "hover" if self.underMouse() else "surface"))
        edge = "accent" if on or self.hasFocus() else "edge"
        painter.setPen(QPen(t.color(edge), 2 if self.hasFocus() else 1))
        inset = 1.0 if self.hasFocus() else 0.5
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), RADIUS, RADIUS)
        middle = self.height() // 2
        ink = t.accent_text if on else t.muted
        painter.drawPixmap(14, middle - 9, pixmap(self._icon, 18, ink, self.devicePixelRatioF()))
        painter.setFont(self.font_of("body", QFont.Weight.DemiBold if on else QFont.Weight.Normal))
        painter.setPen(t.color("text"))
        painter.drawText(QRect(42, 0, self.width() - 46, self.height()), Qt.AlignmentFlag.AlignVCenter, self.text())


class Choice(QWidget):
    """One of a few."""

    chosen = Signal(str)

    def __init__(self, name: str, options: Sequence[tuple[str, str, str]]) -> None:
        """`options`: value, icon and title of each."""
        super().__init__()
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self.options: dict[str, _Option] = {}
        line = row(spacing=SPACE_2)
        for value, icon, title in options:
            option = _Option(icon, title)
            option.setAccessibleDescription(name)
            self._group.addButton(option)
            self.options[value] = option
            option.toggled.connect(lambda on, value=value: self.chosen.emit(value) if on else None)
            line.addWidget(option)
        line.addStretch(1)
        self.setLayout(line)

    def set_value(self, value: str) -> None:
        """Mark one without saying that it was chosen."""
        blocked = self.blockSignals(True)
        self.options[value].setChecked(True)
        self.blockSignals(blocked)
