"""What files are shown as that are no tables: pictures, texts, bytes, and those that are not here; and bag-info."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QTextCursor
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from satchel.core import words
from satchel.gui.bags.inside.tree_model import STATES
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_4, mono, tokens
from satchel.gui.widgets.boxes import Line, Section, clear, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.picture import decode
from satchel.gui.widgets.states import BusyLine, EmptyState
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from collections.abc import Callable

    from satchel.core.bags.inside.opening import Bytes, Gone, Picture, Text

MOST_FIELDS = 300
MOST_TEXT = 8 << 20
"""Characters of a text that are shown in all; an editor shows the rest."""


class _Image(QWidget):
    """A picture as large as its room, never larger than it is."""

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self._scaled: QImage | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def put(self, image: QImage | None) -> None:
        """Show it."""
        self._image, self._scaled = image, None
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, 300)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image is None:
            return
        painter = QPainter(self)
        scale = self.devicePixelRatioF()
        room, fit = self.size() * scale, self._image.size() * scale
        if fit.width() > room.width() or fit.height() > room.height():
            fit = fit.scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        if fit.isEmpty():
            return
        if self._scaled is None or self._scaled.size() != fit:
            smooth = Qt.TransformationMode.SmoothTransformation
            self._scaled = self._image.scaled(fit, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
            self._scaled.setDevicePixelRatio(scale)
        wide, high = fit.width() / scale, fit.height() / scale
        place = QRectF((self.width() - wide) / 2, (self.height() - high) / 2, wide, high)
        if self._image.hasAlphaChannel():
            painter.fillRect(place, tokens().color("sunken"))
        painter.drawImage(place, self._scaled)


class PictureView(QWidget):
    """A picture; its bytes are decoded in a thread, within bounds."""

    def __init__(self) -> None:
        super().__init__()
        self._decoding: Spawned | None = None
        self.image = _Image()
        self.image.setAccessibleName("Picture")
        self.note = label("", "caption", "muted")
        self.busy = BusyLine(can_cancel=False)
        foot = row(self.note, self.busy, None)
        foot.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        inside.addWidget(self.image, 1)
        inside.addWidget(Line())
        inside.addLayout(foot)

    def show_picture(self, found: Picture) -> None:
        """Show it."""
        if self._decoding is not None:
            self._decoding.cancel()
        self.image.put(None)
        self.note.setText("")
        self.busy.wait_for("Reading the picture")
        self._decoding = spawn(self._show(found), "decode a picture")

    async def _show(self, found: Picture) -> None:
        import asyncio

        shown = await asyncio.get_running_loop().run_in_executor(None, decode, found.data)
        self.busy.done()
        name = found.path.rpartition("/")[2]
        if shown is None:
            self.note.setText(f"{words.size(len(found.data))}. This is no picture that can be shown.")
            self.image.setAccessibleName(f"{name}: no picture that can be shown")
            return
        image, size = shown
        self.image.put(image)
        self.image.setAccessibleName(f"Picture {name}, {size.width()} by {size.height()} pixels")
        self.note.setText(f"{size.width()} × {size.height()} pixels, {words.size(len(found.data))}")


class TextView(QWidget):
    """A text, or the bytes of what is none; long ones come in parts."""

    more_wanted = Signal(str, int)
    """The piece from a byte on."""

    def __init__(self) -> None:
        super().__init__()
        self._found: Text | None = None
        self.edit = QPlainTextEdit()
        self.edit.setReadOnly(True)
        self.edit.setFont(mono())
        self.edit.setFrameShape(QFrame.Shape.NoFrame)
        self.edit.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.edit.setTabChangesFocus(True)
        self.edit.setAccessibleName("Text")
        self.note = label("", "caption", "muted")
        self.more = button("Show more", self._more)
        foot = row(self.note, None, self.more)
        foot.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        inside.addWidget(self.edit, 1)
        inside.addWidget(Line())
        inside.addLayout(foot)

    def show_text(self, found: Text) -> None:
        """Show a text from its begin."""
        self.edit.setPlainText(found.text)
        self.edit.setAccessibleName(f"Text of {found.path.rpartition('/')[2]}")
        self._say(found)

    def add_text(self, found: Text) -> None:
        """Show what follows."""
        place = self.edit.verticalScrollBar().value()
        cursor = QTextCursor(self.edit.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(found.text)
        self.edit.verticalScrollBar().setValue(place)
        self._say(found)

    def _say(self, found: Text) -> None:
        self._found = found
        size = words.size(found.size)
        full = self.edit.document().characterCount() > MOST_TEXT
        self.more.setVisible(found.next is not None and not full)
        shown = f"{words.size(found.next)} of {size} shown" if found.next is not None else size
        how = {"utf-8": "UTF-8", "cp1252": "not UTF-8, read as Windows-1252", "utf-16": "UTF-16"}[found.encoding]
        self.note.setText(f"{shown} · {how}{' · open it in an editor to see the rest' if full and found.next else ''}")

    def _more(self) -> None:
        if self._found is not None and self._found.next is not None:
            self.more_wanted.emit(self._found.path, self._found.next)

    def show_bytes(self, found: Bytes) -> None:
        """Show the first bytes of what is no text."""
        self._found = None
        self.edit.setPlainText(found.dump)
        self.edit.setAccessibleName(f"First bytes of {found.path.rpartition('/')[2]}")
        self.more.hide()
        first = "its first 4,096 bytes" if found.size > 4096 else "all of its bytes"
        self.note.setText(f"{words.size(found.size)} · no text, table or picture: {first}")


class GoneView(EmptyState):
    """A file that is listed and not here."""

    def __init__(self, fetch: Callable[[], object] | None) -> None:
        self.fetch = button("&Fetch missing files…", fetch, icon="drop", primary=True)
        super().__init__("drop", "", "", self.fetch)
        self._can = fetch is not None

    def show_gone(self, found: Gone) -> None:
        """Say why."""
        size = f" It has {words.size(found.size)}." if found.size is not None else ""
        self.fetch.setVisible(self._can and found.state == "remote")
        if found.state == "remote":
            self.say("Still to be fetched", f"The bag says where this file is, but it is not here yet.{size}")
        else:
            self.say("Not here", f"{STATES.get(found.state, '').capitalize() or 'It is no plain file'}.{size}")


class InfoView(QScrollArea):
    """Bag-info as a form to read and copy from."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        page = QWidget()
        page.setProperty("role", "page")
        self._inside = QVBoxLayout(page)
        self._inside.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        self._inside.setSpacing(SPACE_3)
        self.setWidget(page)

    def show_info(self, fields: tuple[tuple[str, str], ...], remark: str) -> None:
        """Show the fields."""
        from satchel.core.bags.inside.plain import one_line

        clear(self._inside)
        self._inside.addWidget(Section("Bag-info", remark if fields else "The bag says nothing of itself."))
        held = QWidget()
        form = QFormLayout(held)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(SPACE_4)
        form.setVerticalSpacing(SPACE_2)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for name, value in fields[:MOST_FIELDS]:
            shown = QLineEdit(one_line(value))
            shown.setReadOnly(True)
            shown.setCursorPosition(0)
            shown.setAccessibleName(one_line(name))
            shown.setToolTip(one_line(value) if len(value) > 60 else "")
            named = label(one_line(name)[:80], role="muted")
            named.setMinimumHeight(shown.sizeHint().height())
            named.setBuddy(shown)
            form.addRow(named, shown)
        self._inside.addWidget(held)
        if len(fields) > MOST_FIELDS:
            self._inside.addWidget(label(f"and {len(fields) - MOST_FIELDS:,} more fields.", role="muted"))
        self._inside.addStretch(1)
