"""The JSON text: line numbers, marks where faults are, completion of tables and columns (Ctrl+Space)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, QStringListModel, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QCompleter, QPlainTextEdit, QTextEdit, QToolTip, QWidget

from satchel.core.export.spec.findings import Finding
from satchel.gui.theme import mono, tokens

_WORD = re.compile(r"[\w:%.-]+$")
_SHORTEST = 2


class Completing(QPlainTextEdit):
    """A text in which names are completed: after Ctrl+Space, or as one types a table with its schema."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFont(mono())
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.names = QStringListModel(self)
        self.completer = QCompleter(self.names, self)
        self.completer.setWidget(self)
        self.completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.completer.activated.connect(self.complete)
        popup = self.completer.popup()
        assert popup is not None  # noqa: S101 - a completer makes one when it is asked
        self.popup = popup
        self.popup.setAccessibleName("Completions")

    def word(self) -> str:
        """What stands before the cursor and may be completed."""
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        match = _WORD.search(before)
        return match[0] if match else ""

    def complete(self, name: str) -> None:
        """Put a name in place of the word before the cursor."""
        cursor = self.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(self.word()))
        cursor.insertText(name)
        self.setTextCursor(cursor)

    def offer(self, *, asked: bool) -> None:
        """Show what the word may become; where nobody asked, only when it is long enough."""
        word = self.word()
        if not self.names.rowCount() or (not asked and len(word) < _SHORTEST):
            self.popup.hide()
            return
        self.completer.setCompletionPrefix(word)
        count = self.completer.completionCount()
        if not count or (count == 1 and self.completer.currentCompletion() == word):
            self.popup.hide()
            return
        place = self.cursorRect()
        place.setWidth(360)
        self.completer.complete(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        shown = self.popup.isVisible()
        if shown and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape, Qt.Key.Key_Tab):
            event.ignore()
            return
        if event.key() == Qt.Key.Key_Space and event.modifiers() == Qt.KeyboardModifier.ControlModifier:
            self.offer(asked=True)
            return
        super().keyPressEvent(event)
        if shown or (":" in self.word() and event.text().isprintable() and event.text()):
            self.offer(asked=False)


class _Numbers(QWidget):
    def __init__(self, text: SpecText) -> None:
        super().__init__(text)
        self._text = text

    def sizeHint(self) -> QSize:
        return QSize(self._text.numbers_width(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._text.paint_numbers(event)


class SpecText(Completing):
    """The text of a spec."""

    pointed = Signal(int)
    """The cursor was put at this place of the text."""

    def __init__(self) -> None:
        super().__init__("Spec as JSON")
        self._findings: list[Finding] = []
        self._numbers = _Numbers(self)
        self.blockCountChanged.connect(self._make_room)
        self.updateRequest.connect(self._scrolled)
        self.cursorPositionChanged.connect(lambda: self.pointed.emit(self.textCursor().position()))
        self._make_room()

    def replace(self, text: str) -> None:
        """Put another text in, as one step that can be undone; the cursor stays on its line."""
        if text == self.toPlainText():
            return
        line = self.textCursor().blockNumber()
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        self.go_to(line + 1, 1, focus=False)

    def go_to(self, line: int, column: int, *, focus: bool = True) -> None:
        """Put the cursor at a place, from 1."""
        block = self.document().findBlockByNumber(min(line, self.blockCount()) - 1)
        cursor = QTextCursor(block)
        cursor.setPosition(block.position() + max(0, min(column - 1, block.length() - 1)))
        self.setTextCursor(cursor)
        self.centerCursor()
        if focus:
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def mark(self, findings: Sequence[Finding]) -> None:
        """Mark the lines of faults."""
        self._findings = list(findings)
        marks = []
        for fault in findings:
            block = self.document().findBlockByNumber(fault.line - 1)
            if not block.isValid():
                continue
            mark = QTextEdit.ExtraSelection()
            cursor = QTextCursor(block)
            cursor.setPosition(block.position() + max(0, min(fault.column - 1, block.length() - 1)))
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            color = tokens().color("danger" if fault.severity == "error" else "warning")
            form = QTextCharFormat()
            form.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            form.setUnderlineColor(color)
            form.setProperty(QTextFormat.Property.TextToolTip, fault.message)
            mark.format = form
            mark.cursor = cursor
            marks.append(mark)
        self.setExtraSelections(marks)
        self._numbers.update()

    def marked_lines(self) -> dict[int, str]:
        """Lines with faults, from 1, and how bad the worst of each is."""
        found: dict[int, str] = {}
        for fault in self._findings:
            if found.get(fault.line) != "error":
                found[fault.line] = fault.severity
        return found

    # -- line numbers ----------------------------------------------------------------------------------------------

    def numbers_width(self) -> int:
        """Of the column of line numbers."""
        digits = max(3, len(str(self.blockCount())))
        return 16 + self.fontMetrics().horizontalAdvance("9") * digits

    def _make_room(self) -> None:
        self.setViewportMargins(self.numbers_width(), 0, 0, 0)

    def _scrolled(self, place: QRect, by: int) -> None:
        if by:
            self._numbers.scroll(0, by)
        else:
            self._numbers.update(0, place.y(), self._numbers.width(), place.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        inside = self.contentsRect()
        self._numbers.setGeometry(QRect(inside.left(), inside.top(), self.numbers_width(), inside.height()))

    def paint_numbers(self, event: QPaintEvent) -> None:
        """Paint the numbers that are to be seen."""
        painter = QPainter(self._numbers)
        painter.fillRect(event.rect(), QColor(tokens().sunken))
        marked = self.marked_lines()
        block = self.firstVisibleBlock()
        top = round(self.blockBoundingGeometry(block).translated(self.contentOffset()).top())
        height = self.fontMetrics().height()
        while block.isValid() and top <= event.rect().bottom():
            line = block.blockNumber() + 1
            if block.isVisible() and top + height >= event.rect().top():
                severity = marked.get(line)
                role = {"error": "danger", "warning": "warning"}.get(severity or "", "muted")
                painter.setPen(tokens().color(role))
                box = QRect(0, top, self._numbers.width() - 8, height)
                painter.drawText(box, Qt.AlignmentFlag.AlignRight, str(line))
                if severity:
                    painter.fillRect(QRect(0, top, 3, height), tokens().color(role))
            top += round(self.blockBoundingRect(block).height())
            block = block.next()

    def viewportEvent(self, event: object) -> bool:
        if isinstance(event, QHelpEvent):
            line = self.cursorForPosition(event.pos()).blockNumber() + 1
            said = [f"{f.message} {f.hint}".strip() for f in self._findings if f.line == line]
            QToolTip.showText(event.globalPos(), "\n".join(said), self)
            return True
        return bool(super().viewportEvent(event))  # type: ignore[arg-type]
