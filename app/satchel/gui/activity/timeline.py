"""A job's timeline: its phases by name, each with what is known of it, and under the running one its pieces.

The model turns a `JobView` into lines; the delegate paints them. Only lines that changed are announced, so a job with
a thousand tables costs no more than one with three.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from satchel.core import words
from satchel.core.jobs.views import JobView, PartView, StageView
from satchel.gui.theme import tokens


class Mark(Enum):
    """What the dot before a line says."""

    DONE = "done"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline, ready to be shown."""

    title: str
    figures: str
    detail: str
    mark: Mark
    fraction: float | None
    """None: there is no telling how far it is."""
    part: bool = False

    @property
    def spoken(self) -> str:
        """The line as a screen reader says it."""
        return ", ".join(piece for piece in (self.title, self.figures, self.detail, self.mark.value) if piece)


LINE = Qt.ItemDataRole.UserRole
_OVER = {"done", "failed", "cancelled", "interrupted"}


def lines(view: JobView) -> list[Line]:
    """What there is to show of a job, phase by phase."""
    shown: list[Line] = []
    for stage in view.stages:
        line = _stage_line(view, stage)
        shown.append(line)
        if line.mark is not Mark.DONE:
            shown.extend(_part_line(stage, part, line.mark) for part in stage.parts)
    return shown


def _stage_line(view: JobView, stage: StageView) -> Line:
    ended = stage.state == "ended"
    mark = Mark.DONE if ended else Mark.STOPPED if view.state in _OVER else Mark.RUNNING
    if ended:
        figures = words.count(stage.done, stage.unit) if stage.unit and stage.done else ""
        taken = words.duration(stage.seconds) if stage.seconds >= 1 else "less than a second"
        return Line(stage.title, figures, stage.note or taken, mark, 1.0)
    pieces = []
    fraction: float | None = None
    if stage.total:
        fraction = min(1.0, stage.done / stage.total)
        of = words.count(stage.total, stage.unit)
        pieces.append(f"{words.size(stage.done) if stage.unit == 'bytes' else f'{stage.done:,}'} of {of}")
    elif stage.unit:
        pieces.append(words.count(stage.done, stage.unit))
    if mark is Mark.RUNNING and stage.unit and stage.rate:
        pieces.append(words.rate(stage.rate, stage.unit))
        if stage.total and stage.total > stage.done and stage.seconds > 2:
            pieces.append(f"{words.duration((stage.total - stage.done) / stage.rate)} left")
    detail = words.duration(stage.seconds)
    if mark is Mark.RUNNING and not stage.total:
        detail += ", there is no telling how far it is"
    if stage.item:
        detail += f" · {stage.item}"
    return Line(stage.title, " · ".join(pieces), detail, mark, fraction)


def _part_line(stage: StageView, part: PartView, mark: Mark) -> Line:
    done = part.total is not None and part.done >= part.total
    said = words.size(part.done) if stage.unit == "bytes" else f"{part.done:,}"
    figures = said if part.total is None else f"{said} of {words.count(part.total, stage.unit)}"
    fraction = None if part.total is None else 1.0 if done else part.done / max(1, part.total)
    return Line(part.name, figures, "", Mark.DONE if done else mark, fraction, part=True)


class TimelineModel(QAbstractListModel):
    """The lines of one job."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[Line] = []

    def show(self, view: JobView | None) -> None:
        """Take over a newer view of the job; None empties the list."""
        new = lines(view) if view is not None else []
        old = self._lines
        if len(new) > len(old):
            self.beginInsertRows(QModelIndex(), len(old), len(new) - 1)
            self._lines = old + new[len(old) :]
            self.endInsertRows()
        elif len(new) < len(old):
            self.beginRemoveRows(QModelIndex(), len(new), len(old) - 1)
            self._lines = old[: len(new)]
            self.endRemoveRows()
        changed = [row for row, line in enumerate(new) if row >= len(old) or line != old[row]]
        self._lines = new
        if changed:
            self.dataChanged.emit(self.index(changed[0]), self.index(changed[-1]))

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._lines)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._lines):
            return None
        line = self._lines[index.row()]
        if role == LINE:
            return line
        if role == Qt.ItemDataRole.DisplayRole:
            return line.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return line.spoken
        if role == Qt.ItemDataRole.ToolTipRole:
            return line.detail or None
        return None


class TimelineDelegate(QStyledItemDelegate):
    """Paints a line: dot, title, figures at the right, a bar below."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        line: Line = index.data(LINE)
        height = option.fontMetrics.height()
        if line.part:
            return QSize(200, height + 12)
        return QSize(200, 2 * height + (18 if line.mark is Mark.DONE else 26))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        line: Line = index.data(LINE)
        rect: QRect = option.rect
        t = tokens()
        text, faint, accent = t.color("text"), t.color("muted"), t.color("accent")
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(accent, 1))
            painter.drawRoundedRect(QRectF(rect).adjusted(1, 1, -1, -1), 6, 6)
        font = QFont(option.font)
        height = option.fontMetrics.height()
        indent = 44 if line.part else 12
        dot = QRectF(rect.left() + indent, rect.top() + (6 if line.part else 10) + (height - 14) / 2, 14, 14)
        self._dot(painter, dot, line.mark, accent, faint)
        left = dot.right() + 10
        top = rect.top() + (6 if line.part else 10)
        room = QRectF(left, top, rect.right() - left - 12, height)
        font.setBold(not line.part and line.mark is Mark.RUNNING)
        painter.setFont(font)
        painter.setPen(faint if line.part else text)
        metrics = painter.fontMetrics()
        figures_width = metrics.horizontalAdvance(line.figures) + 12
        title = metrics.elidedText(line.title, Qt.TextElideMode.ElideMiddle, int(room.width() - figures_width))
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)
        font.setBold(False)
        painter.setFont(font)
        painter.setPen(faint if line.part else text)
        painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, line.figures)
        if not line.part:
            below = QRectF(left, room.bottom() + 2, room.width(), height)
            if line.mark is not Mark.DONE:
                bar = QRectF(left, room.bottom() + 5, room.width(), 4)
                self._bar(painter, bar, line, accent, faint)
                below.moveTop(bar.bottom() + 3)
            painter.setPen(faint)
            detail = painter.fontMetrics().elidedText(line.detail, Qt.TextElideMode.ElideMiddle, int(below.width()))
            painter.drawText(below, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, detail)
        painter.restore()

    @staticmethod
    def _dot(painter: QPainter, dot: QRectF, mark: Mark, accent: QColor, faint: QColor) -> None:
        if mark is Mark.DONE:
            painter.setPen(QPen(accent, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
            x, y = dot.left(), dot.center().y()
            painter.drawPolyline([QPointF(x + 1, y), QPointF(x + 5, y + 4), QPointF(x + 13, y - 5)])
        elif mark is Mark.RUNNING:
            painter.setPen(QPen(accent, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(dot.adjusted(1, 1, -1, -1))
            painter.setBrush(accent)
            painter.drawEllipse(dot.adjusted(5, 5, -5, -5))
        else:
            painter.setPen(QPen(faint, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(dot.adjusted(2, 2, -2, -2))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    @staticmethod
    def _bar(painter: QPainter, bar: QRectF, line: Line, accent: QColor, faint: QColor) -> None:
        ground = QColor(faint)
        ground.setAlphaF(0.2)
        painter.setPen(Qt.PenStyle.NoPen)
        if line.fraction is None:
            # Dashes, not a moving stripe: nothing is known, and nothing is pretended.
            dash = QColor(accent if line.mark is Mark.RUNNING else faint)
            dash.setAlphaF(0.45)
            painter.setBrush(dash)
            x = bar.left()
            while x < bar.right():
                painter.drawRoundedRect(QRectF(x, bar.top(), min(10.0, bar.right() - x), bar.height()), 2, 2)
                x += 18
            return
        painter.setBrush(ground)
        painter.drawRoundedRect(bar, 2, 2)
        if line.fraction > 0:
            painter.setBrush(accent if line.mark is not Mark.STOPPED else faint)
            painter.drawRoundedRect(QRectF(bar.left(), bar.top(), bar.width() * line.fraction, bar.height()), 2, 2)


class Timeline(QListView):
    """The timeline of one job."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines = TimelineModel(self)
        self.painter_delegate = TimelineDelegate(self)
        self.setModel(self.lines)
        self.setItemDelegate(self.painter_delegate)
        self.setAccessibleName("Phases of the job")
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setResizeMode(QListView.ResizeMode.Adjust)

    def show_job(self, view: JobView | None) -> None:
        """Show a newer view of the job."""
        self.lines.show(view)
