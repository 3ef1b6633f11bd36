"""A picture that fits its room and stays sharp."""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QImageReader, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from satchel.gui.theme import RADIUS, tokens

LARGEST = 1600
"""Pixels of the longer edge that are kept; larger pictures are scaled down while they are read."""
MOST_PIXELS = 200_000_000


def decode(data: bytes) -> tuple[QImage, QSize] | None:
    """Read a picture; safe in any thread.

    Returns:
        The picture, scaled down where it is large, and its true size; None when it is none that Qt reads, or when it
        claims more pixels than any honest picture has.
    """
    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    buffer.open(QBuffer.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer)
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid():
        if size.width() * size.height() > MOST_PIXELS:
            return None
        if max(size.width(), size.height()) > LARGEST:
            reader.setScaledSize(size.scaled(LARGEST, LARGEST, Qt.AspectRatioMode.KeepAspectRatio))
    image = reader.read()
    if image.isNull():
        return None
    return image, size if size.isValid() else image.size()


class Picture(QWidget):
    """Shows an image as large as its room allows, one of its pixels is never larger than one of the layout's."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._image: QImage | None = None
        self._scaled: QImage | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(name)
        self.hide()

    def show_image(self, image: QImage | None, description: str = "") -> None:
        """Show a picture; None hides it."""
        self._image, self._scaled = image, None
        self.setAccessibleName(description or self._name)
        self.setVisible(image is not None)
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if self._image is None or not self._image.width():
            return 0
        height = round(width * self._image.height() / self._image.width())
        return min(height, 340, max(self._image.height(), 64))

    def sizeHint(self) -> QSize:
        return QSize(260, self.heightForWidth(260))

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        path = QPainterPath()
        path.addRoundedRect(QRectF(self.rect()), RADIUS, RADIUS)
        painter.setClipPath(path)
        painter.fillRect(self.rect(), tokens().color("sunken"))
        scale = self.devicePixelRatioF()
        room = self.size() * scale
        fit = self._image.size() * scale
        if fit.width() > room.width() or fit.height() > room.height():
            fit = fit.scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        if self._scaled is None or self._scaled.size() != fit:
            smooth = Qt.TransformationMode.SmoothTransformation
            self._scaled = self._image.scaled(fit, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
            self._scaled.setDevicePixelRatio(scale)
        left = (self.width() - fit.width() / scale) / 2
        top = (self.height() - fit.height() / scale) / 2
        painter.drawImage(QRectF(left, top, fit.width() / scale, fit.height() / scale), self._scaled)
