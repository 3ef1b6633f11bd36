"""The activity page: the jobs at the left, the chosen one in full at the right."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFont, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QSplitter,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from satchel.gui.activity.panel import JobPanel
from satchel.gui.engine_bridge import JobsModel
from satchel.gui.icons import pixmap
from satchel.gui.jobs_words import icon_and_role, line, when
from satchel.gui.theme import RADIUS, SCALE, SPACE_3, SPACE_4, SPACE_6, tokens
from satchel.gui.widgets.boxes import PageHead
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import EmptyState

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow

SIZES = [320, 620]


class ActivityPage(QWidget):
    """All jobs, the newest first."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self._wanted = ""
        self.list = _JobList(window.bridge.jobs)
        self.panel = JobPanel(window)
        self.list.selectionModel().currentChanged.connect(lambda index, _: self._choose(index))
        self.list.discard_wanted = self.panel.discard.click
        self.panel.discarded.connect(self.list.setFocus)
        self.panel.repeated.connect(self.show_job)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.setChildrenCollapsible(False)
        right = QFrame()
        inside = QVBoxLayout(right)
        inside.setContentsMargins(SPACE_4, 0, 0, 0)
        inside.addWidget(self.panel)
        self.split.addWidget(self.list)
        self.split.addWidget(right)
        self.split.setStretchFactor(1, 1)
        kept = window.settings.sizes.get("activity")
        self.split.setSizes(kept if kept and len(kept) == len(SIZES) else SIZES)
        self.empty = EmptyState(
            "activity",
            "Nothing has run yet",
            "What you export or check runs here: you see how far it is, can stop it and go on later.",
            button("Export from a catalog…", window.export_chosen, primary=True),
            button("Check a bag…", window.choose_bag),
        )
        self.stack = QStackedWidget()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.split)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(SPACE_6, SPACE_6, SPACE_6, SPACE_6)
        whole.setSpacing(SPACE_4)
        whole.addWidget(PageHead("Activity", "What runs now, and what ran before."))
        whole.addWidget(self.stack, 1)
        window.bridge.changed.connect(self._look)
        window.bridge.started.connect(self._look)
        self._look()

    def show_job(self, job: str) -> None:
        """Choose a job."""
        self._wanted = job
        self._look()

    def keep_sizes(self) -> None:
        """Write the divider's place into the settings."""
        self._window.settings.sizes["activity"] = self.split.sizes()

    def entered(self) -> None:
        """The page came to the front."""
        self._look()
        if self.stack.currentWidget() is self.split:
            self.list.setFocus()

    def _choose(self, index: QModelIndex) -> None:
        view = index.data(JobsModel.ViewRole)
        if view is not None:
            self._wanted = view.id
            self.panel.show_job(view)

    def _look(self) -> None:
        if not self.isVisible() and self.panel.view is not None and not self._wanted:
            return
        views = self._window.bridge.jobs.views()
        self.stack.setCurrentWidget(self.split if views else self.empty)
        if not views:
            return
        place = next((n for n, view in enumerate(views) if view.id == self._wanted), 0)
        self._wanted = views[place].id
        current = self.list.currentIndex()
        if not current.isValid() or current.row() != place:
            self.list.setCurrentIndex(self.list.model().index(place, 0))
        self.panel.show_job(views[place])


class _JobList(QListView):
    """The list; Delete asks to discard."""

    def __init__(self, model: JobsModel) -> None:
        super().__init__()
        self.discard_wanted: Callable[[], object] | None = None
        self._jobs, self._painter = model, _JobDelegate(self)
        self.setModel(model)
        self.setItemDelegate(self._painter)
        self.setAccessibleName("Jobs")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setUniformItemSizes(True)
        self.setMinimumWidth(220)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete and self.discard_wanted is not None:
            self.discard_wanted()
            return
        super().keyPressEvent(event)


class _JobDelegate(QStyledItemDelegate):
    """Icon of the state, title, one line, the time."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(200, 2 * option.fontMetrics.height() + 22)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        view, t, room = index.data(JobsModel.ViewRole), tokens(), option.rect
        if view is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setBrush(t.color("accent_soft"))
            painter.drawRoundedRect(room.adjusted(2, 1, -2, -1), RADIUS, RADIUS)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(t.color("hover"))
            painter.drawRoundedRect(room.adjusted(2, 1, -2, -1), RADIUS, RADIUS)
        icon, role = icon_and_role(view)
        middle = room.center().y()
        scale = option.widget.devicePixelRatioF()
        painter.drawPixmap(room.left() + 12, middle - 9, pixmap(icon, 20, str(getattr(t, role)), scale))
        left = room.left() + 44
        wide = room.right() - 12 - left
        font = QFont(option.font)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(t.color("text"))
        height = painter.fontMetrics().height()
        title = painter.fontMetrics().elidedText(view.title, Qt.TextElideMode.ElideMiddle, wide)
        painter.drawText(QRect(left, middle - height, wide, height), Qt.AlignmentFlag.AlignLeft, title)
        font = QFont(option.font)
        font.setPointSizeF(font.pointSizeF() * SCALE["caption"])
        painter.setFont(font)
        painter.setPen(t.color("muted"))
        moment = when(view.started or view.created)
        used = painter.fontMetrics().horizontalAdvance(moment)
        below = QRect(left, middle + 2, wide, height)
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, moment)
        text = painter.fontMetrics().elidedText(line(view), Qt.TextElideMode.ElideRight, wide - used - SPACE_3)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, text)
        painter.restore()
