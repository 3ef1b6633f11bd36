"""The window's left side: where to go, and what is running."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QIcon, QKeyEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QButtonGroup, QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from satchel.gui import jobs_words
from satchel.gui.icons import app_icon, pixmap
from satchel.gui.theme import RADIUS, SIDEBAR_WIDTH, SPACE_2, SPACE_3, SPACE_4, tokens
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import Painted
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.jobs.views import JobView

PAGES = (
    ("home", "Home", "home"),
    ("catalog", "Catalog", "catalog"),
    ("bags", "Bags", "bag"),
    ("identifiers", "Identifiers", "key"),
    ("activity", "Activity", "activity"),
    ("settings", "Settings", "settings"),
)
"""Name, title and icon of the window's pages, in the order of Ctrl+1 on."""


class NavButton(Painted):
    """One page's button. A count at its right says how many things there want attention."""

    walked = Signal(int)
    """An arrow key was pressed: 1 down, -1 up."""

    def __init__(self, title: str, icon: str, shortcut: str) -> None:
        super().__init__()
        self._title, self._icon, self._count = title, icon, 0
        self.setText(title)
        self.setCheckable(True)
        self.setToolTip(f"{title} ({shortcut})")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_count(0)

    def set_count(self, count: int) -> None:
        """Show a number; 0 shows none."""
        self._count = count
        self.setAccessibleName(f"{self._title}, {count} running" if count else self._title)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(SIDEBAR_WIDTH - 24, self.fontMetrics().height() + 20)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.walked.emit(1 if event.key() == Qt.Key.Key_Down else -1)
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        t, on = tokens(), self.isChecked()
        room = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        ring = QPen(t.color("text" if on else "accent"), 2) if self.hasFocus() else QPen(Qt.PenStyle.NoPen)
        painter.setPen(ring)
        if on:
            painter.setBrush(t.color("accent"))
        elif self.underMouse():
            painter.setBrush(t.color("window"))
        painter.drawRoundedRect(room, RADIUS, RADIUS)
        ink = t.on_accent if on else t.text
        middle = self.height() // 2
        painter.drawPixmap(12, middle - 10, pixmap(self._icon, 20, ink, self.devicePixelRatioF()))
        painter.setFont(self.font_of("body", QFont.Weight.DemiBold if on else QFont.Weight.Normal))
        painter.setPen(t.color("on_accent" if on else "text"))
        painter.drawText(QRect(42, 0, self.width() - 84, self.height()), Qt.AlignmentFlag.AlignVCenter, self._title)
        if self._count:
            text = str(self._count)
            painter.setFont(self.font_of("caption", QFont.Weight.Bold))
            wide = max(painter.fontMetrics().horizontalAdvance(text) + 12, 20)
            pill = QRectF(self.width() - wide - 10, middle - 10, wide, 20)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(t.color("on_accent" if on else "accent"))
            painter.drawRoundedRect(pill, 10, 10)
            painter.setPen(t.color("accent" if on else "on_accent"))
            painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, text)


class JobsStatus(Painted):
    """What runs now, in two lines and a bar; a click opens the activity page."""

    def __init__(self, do: Callable[[], object]) -> None:
        super().__init__()
        self._title = self._line = ""
        self._fraction: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clicked.connect(lambda: do())
        self.setAccessibleName("Nothing runs")
        self.hide()

    def show_jobs(self, views: list[JobView]) -> None:
        """Show the jobs that run; hides itself when there are none."""
        if not views:
            self.hide()
            return
        first = next((view for view in views if view.state != "queued"), views[0])
        self._fraction, phase = jobs_words.progress(first)
        self._title = first.title if len(views) == 1 else f"{len(views)} jobs are running"
        self._line = phase if self._fraction is None else f"{self._fraction:.0%} · {phase}"
        self.setAccessibleName(f"{self._title}: {self._line}")
        self.setToolTip(f"{self._title}\n{self._line}")
        self.setText(self._title)
        self.show()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(SIDEBAR_WIDTH - 24, 2 * self.fontMetrics().height() + 34)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        t = tokens()
        self.paint_ground(painter, RADIUS, border=True, rest=t.surface)
        line = self.fontMetrics().height()
        room = self.width() - 24
        painter.setFont(self.font_of("body", QFont.Weight.DemiBold))
        painter.setPen(t.color("text"))
        shown = painter.fontMetrics().elidedText(self._title, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QRect(12, 8, room, line + 2), Qt.AlignmentFlag.AlignLeft, shown)
        painter.setFont(self.font_of("caption"))
        painter.setPen(t.color("muted"))
        shown = painter.fontMetrics().elidedText(self._line, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRect(12, 11 + line, room, line + 2), Qt.AlignmentFlag.AlignLeft, shown)
        bar = QRectF(12, self.height() - 13, room, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(t.color("border"))
        painter.drawRoundedRect(bar, 2, 2)
        if self._fraction is not None:
            bar.setWidth(max(4.0, room * min(self._fraction, 1.0)))
            painter.setBrush(t.color("accent"))
            painter.drawRoundedRect(bar, 2, 2)


class Sidebar(QFrame):
    """Brand, pages, running jobs."""

    chosen = Signal(str)
    """The name of a page."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self.setFixedWidth(SIDEBAR_WIDTH)
        mark = _Brand()
        name = label("Satchel", "heading")
        brand = row(mark, name, None, spacing=SPACE_3)
        brand.setContentsMargins(SPACE_2, 0, 0, SPACE_4)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(SPACE_3, SPACE_4, SPACE_3, SPACE_3)
        inside.setSpacing(2)
        inside.addLayout(brand)
        self.buttons: dict[str, NavButton] = {}
        self._group = QButtonGroup(self)
        for place, (page, title, icon) in enumerate(PAGES, 1):
            button = NavButton(title, icon, f"Ctrl+{place}")
            self._group.addButton(button)
            self.buttons[page] = button
            button.clicked.connect(lambda _=False, page=page: self.chosen.emit(page))
            button.walked.connect(partial(self._walk, place - 1))
            if page == "settings":
                inside.addStretch(1)
                self.status = JobsStatus(lambda: self.chosen.emit("activity"))
                inside.addWidget(self.status)
                inside.addSpacing(SPACE_2)
            inside.addWidget(button)

    def _walk(self, place: int, step: int) -> None:
        """Move the focus to the next button up or down; it stays at the ends."""
        buttons = list(self.buttons.values())
        buttons[min(max(place + step, 0), len(buttons) - 1)].setFocus(Qt.FocusReason.TabFocusReason)

    def set_current(self, page: str) -> None:
        """Mark the page that is in front."""
        self.buttons[page].setChecked(True)

    def show_jobs(self, views: list[JobView]) -> None:
        """Show how many jobs run."""
        self.buttons["activity"].set_count(len(views))
        self.status.show_jobs(views)


class _Brand(QLabel):
    """The application's mark, drawn small."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(28, 28)
        self._icon: QIcon = app_icon()

    def paintEvent(self, event: QPaintEvent) -> None:
        scale = self.devicePixelRatioF()
        picture: QPixmap = self._icon.pixmap(QSize(28, 28), scale)
        QPainter(self).drawPixmap(0, 0, picture)
