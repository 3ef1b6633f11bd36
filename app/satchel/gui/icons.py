"""Icons from resources, in the colours of the theme, sharp on every screen.

An icon is one SVG drawn in `currentColor`. `icon` makes a QIcon with a picture for each scale factor of the screens
(QIconEngine cannot be subclassed in PySide6 6.11: it crashes when the icon is copied). `dress` ties an icon to a button
or action, so that it is made anew when the theme changes.
"""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QGuiApplication, QIcon, QPainter, QPaintEvent, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from satchel.gui.resources import resource_folder
from satchel.gui.theme import theme, tokens


@cache
def _source(name: str) -> bytes:
    return (resource_folder() / "icons" / f"{name}.svg").read_bytes()


@cache
def pixmap(name: str, size: int, color: str, scale: float) -> QPixmap:
    """One picture of an icon.

    Args:
        name: file name in resources/icons without its ending.
        size: edge in device-independent pixels.
        color: #rrggbb.
        scale: device pixels in one of these.
    """
    edge = round(size * scale)
    made = QPixmap(edge, edge)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    QSvgRenderer(QByteArray(_source(name).replace(b"currentColor", color.encode()))).render(
        painter, QRectF(0, 0, edge, edge)
    )
    painter.end()
    made.setDevicePixelRatio(scale)
    return made


def _scales() -> list[float]:
    return sorted({1.0, *(screen.devicePixelRatio() for screen in QGuiApplication.screens())})


def icon(name: str, role: str = "text", size: int = 18, selected: str | None = None) -> QIcon:
    """A QIcon in the colour of a role; faint when disabled, in the role `selected` (if given) when on or selected."""
    t = tokens()
    made = QIcon()
    for scale in _scales():
        made.addPixmap(pixmap(name, size, str(getattr(t, role)), scale))
        made.addPixmap(pixmap(name, size, t.disabled, scale), QIcon.Mode.Disabled)
        if selected:
            picture = pixmap(name, size, str(getattr(t, selected)), scale)
            made.addPixmap(picture, QIcon.Mode.Normal, QIcon.State.On)
            made.addPixmap(picture, QIcon.Mode.Selected)
    return made


def dress(
    target: QAbstractButton | QAction, name: str, role: str = "text", size: int = 18, selected: str | None = None
) -> None:
    """Give a button or action an icon that follows the theme."""
    target.setProperty("satchelIcon", [name, role, size, selected or ""])
    target.setIcon(icon(name, role, size, selected))
    if isinstance(target, QAbstractButton):
        target.setIconSize(QSize(size, size))


def redress_all() -> None:
    """Make all icons that `dress` gave anew, in the colours now in force."""
    for widget in QApplication.allWidgets():
        for target in (widget, *widget.actions()):
            told = target.property("satchelIcon")
            if told and isinstance(target, QAbstractButton | QAction):
                name, role, size, selected = told
                target.setIcon(icon(str(name), str(role), int(size), str(selected) or None))


class IconLabel(QWidget):
    """An icon that is only looked at; screen readers pass it by."""

    def __init__(self, name: str, role: str = "muted", size: int = 20, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._role, self._size = name, role, size
        self.setFixedSize(size, size)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def set_icon(self, name: str, role: str) -> None:
        """Show another icon."""
        self._name, self._role = name, role
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        color = str(getattr(tokens(), self._role if self.isEnabled() else "disabled"))
        painter.drawPixmap(0, 0, pixmap(self._name, self._size, color, self.devicePixelRatioF()))


class IconDisc(IconLabel):
    """An icon on a round, softly coloured ground, as actions and empty pages wear it."""

    def __init__(
        self, name: str, role: str = "accent_text", ground: str = "accent_soft", size: int = 44, glyph: int = 22
    ) -> None:
        super().__init__(name, role, size)
        self._ground, self._glyph = ground, glyph

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(str(getattr(tokens(), self._ground))))
        painter.drawEllipse(self.rect())
        inset = (self._size - self._glyph) // 2
        color = str(getattr(tokens(), self._role))
        painter.drawPixmap(inset, inset, pixmap(self._name, self._glyph, color, self.devicePixelRatioF()))


def app_icon() -> QIcon:
    """The application's own icon."""
    return QIcon(str(resource_folder() / "app" / "satchel.svg"))


def follow_theme() -> None:
    """Let all dressed icons follow the theme from now on; call once."""
    theme().changed.connect(redress_all)
