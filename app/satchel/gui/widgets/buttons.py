"""Buttons: plain, primary, links, icons, tiles and rows."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QEnterEvent, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QApplication, QPushButton, QSizePolicy, QToolButton, QWidget

from satchel.gui.icons import dress, pixmap
from satchel.gui.theme import RADIUS, RADIUS_LARGE, SCALE, tokens


def button(
    text: str,
    do: Callable[[], object] | None = None,
    *,
    icon: str = "",
    primary: bool = False,
    danger: bool = False,
    link: bool = False,
    tip: str = "",
) -> QPushButton:
    """A push button. `text` may carry a mnemonic (&)."""
    # Fusion leaves no room between icon and words.
    made = QPushButton(f" {text}" if icon else text)
    made.setAutoDefault(False)
    made.setAccessibleName(text.replace("&", ""))
    for name, on in (("primary", primary), ("danger", danger), ("link", link)):
        if on:
            made.setProperty(name, True)
    if link:
        made.setCursor(Qt.CursorShape.PointingHandCursor)
    if icon:
        role = "on_accent" if primary else "danger" if danger else "accent_text" if link else "text"
        dress(made, icon, role, 16)
    if tip:
        made.setToolTip(tip)
    if do is not None:
        made.clicked.connect(lambda: do())
    return made


def icon_button(name: str, icon: str, do: Callable[[], object] | None = None, *, shortcut: str = "") -> QToolButton:
    """A button of an icon only; `name` is its tool tip and what a screen reader says."""
    made = QToolButton()
    made.setAccessibleName(name)
    made.setToolTip(f"{name} ({shortcut})" if shortcut else name)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    dress(made, icon, "muted", 18, "accent_text")
    if do is not None:
        made.clicked.connect(lambda: do())
    return made


class Painted(QAbstractButton):
    """A button that paints itself: hover, press and focus are alike for tiles, rows and the sidebar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.update()
        super().leaveEvent(event)

    def font_of(self, kind: str, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
        """The system's font in a size of the theme."""
        font = QFont(QApplication.font())
        font.setPointSizeF(font.pointSizeF() * SCALE[kind])
        font.setWeight(weight)
        return font

    def paint_ground(self, painter: QPainter, radius: int, *, border: bool, rest: str) -> None:
        """Paint what is behind the words, and the ring when it has the focus; `rest` is its colour at rest."""
        t = tokens()
        fill = t.sunken if self.isDown() else t.hover if self.underMouse() and self.isEnabled() else rest
        room = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if self.hasFocus():
            painter.setPen(QPen(t.color("accent"), 2))
        elif border:
            edge = t.accent if self.underMouse() and self.isEnabled() else t.border
            painter.setPen(QPen(QColor(edge), 1))
            room = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(fill) if fill else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(room, radius, radius)


class ActionTile(Painted):
    """A large action: icon on a disc, title, a sentence, its shortcut."""

    def __init__(
        self, icon: str, title: str, text: str, shortcut: str, do: Callable[[], object], *, tone: str = "accent"
    ) -> None:
        super().__init__()
        self._icon, self._title, self._text_line, self._shortcut = icon, title, text, shortcut
        self._colors = ("brand", "brand_soft") if tone == "brand" else ("accent_text", "accent_soft")
        self.setText(title)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.clicked.connect(lambda: do())

    def _text_height(self, width: int) -> int:
        metrics = QFontMetrics(self.font_of("body"))
        room = metrics.boundingRect(QRect(0, 0, width - 40, 1000), Qt.TextFlag.TextWordWrap, self._text_line)
        return room.height()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return 20 + 44 + 14 + self.fontMetrics().height() + 10 + self._text_height(width) + 20

    def sizeHint(self) -> QSize:
        return QSize(260, self.heightForWidth(260))

    def minimumSizeHint(self) -> QSize:
        return QSize(190, self.heightForWidth(190))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        t = tokens()
        self.paint_ground(painter, RADIUS_LARGE, border=True, rest=t.surface)
        glyph, disc = self._colors
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(t.color(disc))
        painter.drawEllipse(QRectF(20, 20, 44, 44))
        painter.drawPixmap(31, 31, pixmap(self._icon, 22, str(getattr(t, glyph)), self.devicePixelRatioF()))
        painter.setFont(self.font_of("caption"))
        painter.setPen(t.color("muted"))
        painter.drawText(
            QRect(72, 20, self.width() - 92, 20),
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop,
            self._shortcut,
        )
        painter.setFont(self.font_of("heading", QFont.Weight.DemiBold))
        painter.setPen(t.color("text"))
        line = painter.fontMetrics().height()
        painter.drawText(QRect(20, 78, self.width() - 40, line), Qt.AlignmentFlag.AlignLeft, self._title)
        painter.setFont(self.font_of("body"))
        painter.setPen(t.color("muted"))
        below = QRect(20, 78 + line + 6, self.width() - 40, self.height())
        painter.drawText(below, Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft, self._text_line)


class RowButton(Painted):
    """A line in a list that can be opened: icon, title, a second line, a remark at the right."""

    def __init__(
        self,
        icon: str,
        title: str,
        text: str = "",
        remark: str = "",
        do: Callable[[], object] | None = None,
        *,
        role: str = "muted",
    ) -> None:
        super().__init__()
        self._icon, self._title, self._second, self._remark, self._role = icon, title, text, remark, role
        self.setText(title)
        self.setAccessibleName(", ".join(part for part in (title, text, remark) if part))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if do is not None:
            self.clicked.connect(lambda: do())

    def sizeHint(self) -> QSize:
        line = self.fontMetrics().height()
        return QSize(320, (2 * line + 20) if self._second else (line + 18))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        t = tokens()
        self.paint_ground(painter, RADIUS, border=False, rest="")
        middle = self.height() // 2
        painter.drawPixmap(
            12, middle - 10, pixmap(self._icon, 20, str(getattr(t, self._role)), self.devicePixelRatioF())
        )
        right = self.width() - 12
        painter.setFont(self.font_of("caption"))
        metrics = painter.fontMetrics()
        wide = metrics.horizontalAdvance(self._remark)
        painter.setPen(t.color("muted"))
        painter.drawText(QRect(right - wide, 0, wide, self.height()), Qt.AlignmentFlag.AlignVCenter, self._remark)
        left, room = 44, right - wide - 16 - 44
        painter.setFont(self.font_of("body", QFont.Weight.Medium))
        line = painter.fontMetrics().height()
        top = middle - line if self._second else middle - line // 2
        painter.setPen(t.color("text"))
        shown = painter.fontMetrics().elidedText(self._title, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QRect(left, top, room, line), Qt.AlignmentFlag.AlignLeft, shown)
        if self._second:
            painter.setFont(self.font_of("caption"))
            painter.setPen(t.color("muted"))
            shown = painter.fontMetrics().elidedText(self._second, Qt.TextElideMode.ElideMiddle, room)
            painter.drawText(QRect(left, middle + 1, room, line), Qt.AlignmentFlag.AlignLeft, shown)
