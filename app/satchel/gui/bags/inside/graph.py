"""The tables of a bag and what links them, as a picture, and beside it the same as a list."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPen,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QGraphicsItem,
    QGraphicsPathItem,
    QGraphicsScene,
    QGraphicsView,
    QHeaderView,
    QSplitter,
    QStackedWidget,
    QStyleOptionGraphicsItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from satchel.core import words
from satchel.gui.bags.inside.layout import columns
from satchel.gui.theme import RADIUS, SPACE_2, SPACE_3, theme, tokens
from satchel.gui.widgets.boxes import Line, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import BusyLine, EmptyState
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.bags.inside.tasks import Done, Link, Table

GAP_X, GAP_Y = 110, 22
NARROW, WIDE = 130, 260
SMALLEST, LARGEST = 0.15, 4.0
PathRole = int(Qt.ItemDataRole.UserRole) + 1


class _Box(QGraphicsItem):
    """A table."""

    def __init__(self, table: Table, font: QFont) -> None:
        super().__init__()
        self.path, self.title = table.path, table.name
        self.rows = words.count(table.rows, "rows") if table.rows is not None else "not counted"
        self.font = QFont(font)
        self.font.setWeight(QFont.Weight.DemiBold)
        self.small = QFont(font)
        self.small.setPointSizeF(font.pointSizeF() * 0.9)
        strong, small = QFontMetricsF(self.font), QFontMetricsF(self.small)
        wide = max(strong.horizontalAdvance(self.title), small.horizontalAdvance(self.rows)) + 28
        self.size = QRectF(0, 0, min(max(wide, NARROW), WIDE), strong.height() + small.height() + 20)
        self.near = False
        """It is linked to the chosen one."""
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIsSelectable)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(f"{table.path}\n{self.rows}" + (f"\n{table.note}" if table.note else ""))
        self.setZValue(2)

    def boundingRect(self) -> QRectF:
        return self.size.adjusted(-3, -3, 3, 3)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        t = tokens()
        chosen = self.isSelected()
        edge = t.accent if chosen or self.near else t.edge
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(edge), 2.5 if chosen else 1.2))
        painter.setBrush(QColor(t.accent_soft if chosen else t.surface))
        painter.drawRoundedRect(self.size, RADIUS, RADIUS)
        inner = self.size.adjusted(14, 9, -14, -9)
        painter.setPen(QColor(t.text))
        painter.setFont(self.font)
        strong = QFontMetricsF(self.font)
        shown = strong.elidedText(self.title, Qt.TextElideMode.ElideMiddle, inner.width())
        painter.drawText(inner, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, shown)
        painter.setPen(QColor(t.muted))
        painter.setFont(self.small)
        painter.drawText(inner, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, self.rows)


class _Arrow(QGraphicsPathItem):
    """A link, from the table that refers to the one referred to."""

    def __init__(self, link: Link, start: _Box, end: _Box) -> None:
        super().__init__()
        self.link, self.start, self.end = link, start, end
        self.near = False
        self._head = QPolygonF()
        self.setToolTip(
            f"{start.title}: {link.said} of {end.title}{' (guessed from the values)' if link.guessed else ''}"
        )
        self._place()

    def _place(self) -> None:
        a, b = self.start.sceneBoundingRect(), self.end.sceneBoundingRect()
        path = QPainterPath()
        if self.start is self.end:
            path.moveTo(a.right() - 24, a.top() + 3)
            tip = QPointF(a.right() - 3, a.top() + 22)
            path.cubicTo(a.right() - 24, a.top() - 40, a.right() + 46, a.top() - 30, tip.x(), tip.y())
            angle = math.radians(145)
        elif b.right() <= a.left():
            tip = QPointF(b.right() - 3, b.center().y())
            path.moveTo(a.left() + 3, a.center().y())
            bend = max(30.0, (a.left() - tip.x()) / 2)
            path.cubicTo(a.left() - bend, a.center().y(), tip.x() + bend, tip.y(), tip.x(), tip.y())
            angle = math.pi
        else:
            tip = (
                QPointF(b.right() - 3, b.center().y())
                if a.left() >= b.left()
                else QPointF(b.left() + 3, b.center().y())
            )
            right = tip.x() > b.center().x()
            out = 60 if right else -60
            begin = QPointF(a.right() - 3 if right else a.left() + 3, a.center().y())
            path.moveTo(begin)
            path.cubicTo(begin.x() + out, begin.y(), tip.x() + out, tip.y(), tip.x(), tip.y())
            angle = math.pi if right else 0.0
        self.setPath(path)
        self._head = QPolygonF(
            [tip, *(tip + QPointF(-9 * math.cos(angle + s), -9 * math.sin(angle + s)) for s in (0.45, -0.45))]
        )

    def boundingRect(self) -> QRectF:
        return super().boundingRect().adjusted(-10, -10, 10, 10)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        t = tokens()
        color = QColor(t.accent if self.near else t.edge)
        dash = Qt.PenStyle.DashLine if self.link.guessed else Qt.PenStyle.SolidLine
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(color, 2.2 if self.near else 1.2, dash))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self.path())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawPolygon(self._head)


class GraphView(QGraphicsView):
    """The picture: drag to move it, Ctrl and the wheel (or + and -) to scale it, arrow keys to go from box to box."""

    chosen = Signal(str)
    opened = Signal(str)
    """A table's path; Enter or a double click."""

    def __init__(self) -> None:
        self._scene = QGraphicsScene()
        super().__init__(self._scene)
        self._boxes: dict[str, _Box] = {}
        self._arrows: list[_Arrow] = []
        self.setAccessibleName("Tables and their links, as a picture; the list beside it says the same")
        self.viewport().setAccessibleName("Picture of tables and links")
        self.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setFrameShape(QGraphicsView.Shape.NoFrame)
        self._scene.selectionChanged.connect(self._selected)
        theme().changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        self.setBackgroundBrush(tokens().color("window"))
        self.viewport().update()

    def show_graph(self, found: Done) -> None:
        """Draw the tables and links."""
        self._scene.blockSignals(True)
        self._scene.clear()
        self._scene.blockSignals(False)
        font = QApplication.font()
        self._boxes = {table.path: _Box(table, font) for table in found.tables}
        targets: dict[str, set[str]] = {}
        for link in found.links:
            targets.setdefault(link.table, set()).add(link.target)
        names = {table.path: table.name for table in found.tables}
        order = sorted(self._boxes, key=lambda path: names[path].casefold())
        left = 0.0
        for place in columns(order, targets):
            boxes = [self._boxes[path] for path in place]
            high = sum(box.size.height() + GAP_Y for box in boxes) - GAP_Y
            top, wide = -high / 2, max(box.size.width() for box in boxes)
            for box in boxes:
                box.setPos(left, top)
                top += box.size.height() + GAP_Y
                self._scene.addItem(box)
            left += wide + GAP_X
        self._arrows = [_Arrow(link, self._boxes[link.table], self._boxes[link.target]) for link in found.links]
        for arrow in self._arrows:
            self._scene.addItem(arrow)
        self._scene.setSceneRect(self._scene.itemsBoundingRect().adjusted(-40, -40, 40, 40))
        self.fit()

    def fit(self) -> None:
        """Show all of it, or as much as can be read."""
        self.resetTransform()
        room, all_ = self.viewport().size(), self._scene.sceneRect()
        if all_.isEmpty():
            return
        scale = min(room.width() / all_.width(), room.height() / all_.height(), 1.0)
        self.scale(max(scale, 0.6), max(scale, 0.6))
        if scale < 0.6:
            self.centerOn(all_.left() + room.width() / 1.2, all_.center().y())
        else:
            self.centerOn(all_.center())

    def zoom(self, factor: float) -> None:
        """Make it larger or smaller."""
        now = self.transform().m11()
        wanted = min(max(now * factor, SMALLEST), LARGEST)
        self.scale(wanted / now, wanted / now)

    def choose(self, path: str, *, show: bool = True) -> None:
        """Choose a table."""
        box = self._boxes.get(path)
        if box is None or (box.isSelected() and len(self._scene.selectedItems()) == 1):
            return
        self._scene.blockSignals(True)
        self._scene.clearSelection()
        box.setSelected(True)
        self._scene.blockSignals(False)
        self._light()
        if show:
            self.ensureVisible(box, 30, 30)

    def current(self) -> str:
        """The chosen table's path; empty: none."""
        return next((item.path for item in self._scene.selectedItems() if isinstance(item, _Box)), "")

    def _selected(self) -> None:
        self._light()
        if path := self.current():
            self.chosen.emit(path)

    def _light(self) -> None:
        path = self.current()
        near = set()
        for arrow in self._arrows:
            arrow.near = bool(path) and path in (arrow.link.table, arrow.link.target)
            arrow.setZValue(1 if arrow.near else 0)
            if arrow.near:
                near |= {arrow.link.table, arrow.link.target}
        for box in self._boxes.values():
            box.near = box.path in near
        self._scene.update()

    def _box_at(self, place: QPointF) -> _Box | None:
        return next((i for i in self.items(place.toPoint()) if isinstance(i, _Box)), None)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        box = self._box_at(event.position())
        if box is not None:
            self.opened.emit(box.path)
            return
        super().mouseDoubleClickEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(1.0015 ** event.angleDelta().y())
            return
        super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        steps = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}
        if key in steps and self._boxes:
            self._go(*steps[Qt.Key(key)])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(1.25)
        elif key == Qt.Key.Key_Minus:
            self.zoom(0.8)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current():
            self.opened.emit(self.current())
        else:
            super().keyPressEvent(event)

    def _go(self, x: int, y: int) -> None:
        """Choose the nearest box in a direction."""
        here = self._boxes.get(self.current())
        if here is None:
            first = min(self._boxes.values(), key=lambda box: (box.x(), box.y()))
            self.choose(first.path)
            self.chosen.emit(first.path)
            return
        best: tuple[float, str] | None = None
        for box in self._boxes.values():
            way = box.sceneBoundingRect().center() - here.sceneBoundingRect().center()
            along, aside = way.x() * x + way.y() * y, abs(way.x() * y) + abs(way.y() * x)
            if box is not here and along > 1 and (best is None or along + 2 * aside < best[0]):
                best = (along + 2 * aside, box.path)
        if best is not None:
            self.choose(best[1])
            self.chosen.emit(best[1])


class GraphPane(QWidget):
    """Picture and list."""

    opened = Signal(str)
    """A table's path."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = False
        self.picture = GraphView()
        self.list = QTreeWidget()
        self.list.setAccessibleName("Tables and their links")
        self.list.setHeaderLabels(["Table", "Rows"])
        self.list.setUniformRowHeights(True)
        self.list.setMinimumSize(QSize(200, 0))
        self.list.header().setStretchLastSection(False)
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.picture.chosen.connect(self._choose)
        self.picture.opened.connect(self.opened.emit)
        self.list.currentItemChanged.connect(self._listed)
        self.list.activated.connect(self._activated)
        self.note = label("", "caption", "muted")
        self.busy = BusyLine(can_cancel=False)
        larger = button("+", lambda: self.picture.zoom(1.25), tip="Larger (+)")
        larger.setAccessibleName("Larger")
        smaller = button("−", lambda: self.picture.zoom(0.8), tip="Smaller (-)")
        smaller.setAccessibleName("Smaller")
        self.fit = button("Show all", self.picture.fit, tip="All tables (0)")
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.addWidget(self.picture)
        self.split.addWidget(self.list)
        self.split.setStretchFactor(0, 1)
        self.split.setSizes([620, 280])
        self.split.setChildrenCollapsible(False)
        self.empty = EmptyState("schema", "No tables", "No file of this bag holds records (CSV or JSON).")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.split)
        foot = row(self.note, self.busy, None, smaller, larger, self.fit, spacing=SPACE_2)
        foot.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        inside.addWidget(self.stack, 1)
        inside.addWidget(Line())
        inside.addLayout(foot)

    def show_graph(self, found: Done) -> None:
        """Show tables and links."""
        from satchel.core.bags.inside.plain import one_line

        self.busy.done()
        self.shown = True
        self.stack.setCurrentWidget(self.split if found.tables else self.empty)
        guessed = sum(link.guessed for link in found.links)
        told = f"{words.count(len(found.tables), 'tables')}, {words.count(len(found.links), 'links')}"
        if guessed:
            told += ". The bag has no schema: links are guessed from RIDs (dashed)"
        self.note.setText(told)
        self.picture.show_graph(found)
        names = {table.path: one_line(table.name) for table in found.tables}
        lines: dict[str, list[tuple[str, str]]] = {table.path: [] for table in found.tables}
        for link in found.links:
            by, maybe = ", ".join(link.columns), " (guessed)" if link.guessed else ""
            lines[link.table].append((f"{by} → {names[link.target]}{maybe}", link.target))
            if link.target != link.table:
                lines[link.target].append((f"← {names[link.table]} by {by}{maybe}", link.table))
        self.list.clear()
        for table in sorted(found.tables, key=lambda table: names[table.path].casefold()):
            rows = words.count(table.rows) if table.rows is not None else ""
            item = QTreeWidgetItem([names[table.path], rows])
            item.setData(0, PathRole, table.path)
            item.setToolTip(0, one_line(table.path) + (f"\n{table.note}" if table.note else ""))
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            for text, path in lines[table.path]:
                self._add(item, text, path)
            self.list.addTopLevelItem(item)

    @staticmethod
    def _add(item: QTreeWidgetItem, text: str, path: str) -> None:
        from satchel.core.bags.inside.plain import one_line

        child = QTreeWidgetItem([one_line(text), ""])
        child.setData(0, PathRole, path)
        child.setToolTip(0, one_line(text))
        item.addChild(child)

    def _choose(self, path: str) -> None:
        for place in range(self.list.topLevelItemCount()):
            item = self.list.topLevelItem(place)
            if item is not None and item.data(0, PathRole) == path:
                blocked = self.list.blockSignals(True)
                self.list.setCurrentItem(item)
                self.list.blockSignals(blocked)
                self.list.scrollToItem(item)

    def _listed(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            top = item.parent() or item
            self.picture.choose(str(top.data(0, PathRole)))

    def _activated(self, index: QModelIndex) -> None:
        path = index.siblingAtColumn(0).data(PathRole)
        if path:
            self.opened.emit(str(path))
