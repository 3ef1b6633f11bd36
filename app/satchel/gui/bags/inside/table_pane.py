"""A file of records as a table: sorted by a click, filtered by a text, its links to be followed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QItemSelectionRange, QModelIndex, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QFont, QFontMetrics, QGuiApplication, QKeyEvent, QPainter
from PySide6.QtWidgets import QDialog, QHeaderView, QMenu, QPlainTextEdit, QStackedWidget, QVBoxLayout, QWidget

from satchel.core import words
from satchel.core.bags.inside.plain import one_line, visible
from satchel.core.errors import Kind, SatchelError
from satchel.gui.bags.inside import source
from satchel.gui.bags.inside.table_model import MOST_ROWS, PAGE, TableModel
from satchel.gui.icons import pixmap
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SCALE, SPACE_2, SPACE_3, mono, tokens
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Line, clear, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.fields import SearchField
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import BusyLine, EmptyState, ErrorCard, as_error
from satchel.gui.widgets.table import RowsTable
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.bags.inside.records import Records, View
    from satchel.core.bags.inside.tasks import Done, Link
    from satchel.gui.engine_bridge import EngineBridge

TYPING = 350
MOST_COPIED, COPIED_AT_ONCE = 1_000_000, 1000
GROWTH = 1.5
LOOK = 100
"""Milliseconds between looks at what is being worked out."""


class Header(QHeaderView):
    """A column's name and below it what it holds."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self.fontMetrics().height() * 2 + 16)

    def paintSection(self, painter: QPainter, room: QRect, section: int) -> None:
        t, model = tokens(), self.model()
        text = str(model.headerData(section, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole) or "")
        name, _, kind = text.partition("\n")
        aside = model.headerData(section, Qt.Orientation.Horizontal, Qt.ItemDataRole.TextAlignmentRole)
        across = Qt.AlignmentFlag.AlignRight if aside is not None else Qt.AlignmentFlag.AlignLeft
        painter.save()
        painter.fillRect(room, t.color("sunken"))
        painter.setPen(t.color("border"))
        painter.drawLine(room.topRight(), room.bottomRight())
        painter.drawLine(room.bottomLeft(), room.bottomRight())
        inner = room.adjusted(10, 6, -10, -6)
        if self.isSortIndicatorShown() and self.sortIndicatorSection() == section:
            up = self.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder
            mark = QRect(inner.right() - 13, inner.top() + 1, 14, 14)
            picture = pixmap("chevron-down", 14, t.accent_text, self.devicePixelRatioF())
            painter.save()
            if up:
                painter.translate(mark.center() + QPoint(1, 1))
                painter.rotate(180)
                painter.translate(-(mark.center() + QPoint(1, 1)))
            painter.drawPixmap(mark.topLeft(), picture)
            painter.restore()
            inner.setRight(inner.right() - 16)
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(t.color("text"))
        shown = QFontMetrics(font).elidedText(name, Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, across | Qt.AlignmentFlag.AlignTop, shown)
        font.setWeight(QFont.Weight.Normal)
        font.setPointSizeF(font.pointSizeF() * SCALE["caption"])
        painter.setFont(font)
        painter.setPen(t.color("muted"))
        painter.drawText(inner, across | Qt.AlignmentFlag.AlignBottom, kind)
        painter.restore()


class RecordsTable(RowsTable):
    """The table; Enter and a double click follow the link in a cell."""

    followed = Signal(object)
    """QModelIndex"""
    value_wanted = Signal(object)
    """Show all of the cell at this QModelIndex."""
    copy_wanted = Signal(bool)
    """Copy the selected cells, with the columns' names or without."""

    def __init__(self) -> None:
        super().__init__("Rows")
        header = Header(self)
        self.setHorizontalHeader(header)
        header.setSectionsClickable(True)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(48)
        header.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.doubleClicked.connect(self.followed.emit)
        self.customContextMenuRequested.disconnect()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.followed.emit(self.currentIndex())
            return
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if event.key() == Qt.Key.Key_Menu or (event.key() == Qt.Key.Key_F10 and shift):
            self.customContextMenuRequested.emit(self.visualRect(self.currentIndex()).center())
            return
        if event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            self.value_wanted.emit(self.currentIndex())
            return
        super().keyPressEvent(event)

    def copy(self) -> None:
        self.copy_wanted.emit(False)

    def copy_with_heads(self) -> None:
        self.copy_wanted.emit(True)


class ValueDialog(QDialog):
    """All of a cell."""

    def __init__(self, parent: QWidget, title: str, text: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(one_line(title))
        self.resize(560, 360)
        self.edit = QPlainTextEdit(visible(_laid_out(text)))
        self.edit.setReadOnly(True)
        self.edit.setFont(mono())
        self.edit.setAccessibleName(one_line(title))
        self.edit.setTabChangesFocus(True)
        close = button("&Close", self.close)
        inside = QVBoxLayout(self)
        inside.addWidget(self.edit, 1)
        inside.addLayout(row(label(words.count(len(text), "characters"), "caption", "muted"), None, close))


class TablePane(QWidget):
    """Filter, table, and what is known of it."""

    link_wanted = Signal(object, list)
    """Follow a Link from a row with these values."""
    back_wanted = Signal(object, list)
    """Show the rows that refer by a Link to a row with these values."""
    all_wanted = Signal(str)
    """Show the whole table with this path."""

    def __init__(self, bridge: EngineBridge) -> None:
        super().__init__()
        self._bridge = bridge
        self._records: Records | None = None
        self._view: View | None = None
        self._coming: View | None = None
        self._path = ""
        self._links: tuple[Link, ...] = ()
        self._names: dict[str, str] = {}
        self._told = ""
        self._reading: Spawned | None = None
        self._arranging: Spawned | None = None
        self.field = SearchField("Filter rows", "filter", placeholder="Filter rows: text in any column")
        self.found = label("", "strong")
        self.show_all = button("Show all rows", self._all, link=True)
        self.model = TableModel(self)
        self.model.wanted.connect(self._read)
        self.view = RecordsTable()
        self.view.setModel(self.model)
        self.view.followed.connect(self._follow)
        self.view.horizontalHeader().sectionClicked.connect(self._clicked)
        self.view.customContextMenuRequested.connect(self._menu)
        self.view.copy_wanted.connect(self._copy)
        self.view.value_wanted.connect(self._show_value)
        self.view.selectionModel().currentRowChanged.connect(lambda: self._where())
        self.status = label("", "caption", "muted")
        self.where = label("", "caption", "muted")
        self.busy = BusyLine()
        self.busy.cancelled.connect(self._give_up)
        self._notices = QVBoxLayout()
        self.empty = EmptyState("table", "", "", button("Clear the filter", self.clear_filter))
        self.stack = QStackedWidget()
        self.stack.addWidget(self.view)
        self.stack.addWidget(self.empty)
        head = row(self.found, self.show_all, self.field, None, spacing=SPACE_2)
        head.setStretch(2, 1000)
        head.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        self._notices.setContentsMargins(SPACE_3, 0, SPACE_3, 0)
        foot = row(self.status, self.busy, None, self.where, spacing=SPACE_3)
        foot.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        foot.setStretch(1, 1)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        inside.addLayout(head)
        inside.addLayout(self._notices)
        inside.addWidget(Line())
        inside.addWidget(self.stack, 1)
        inside.addWidget(Line())
        inside.addLayout(foot)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING)
        self._typing.timeout.connect(self._filter)
        self.field.textChanged.connect(lambda: self._typing.start())
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK)
        self._looking.timeout.connect(self.look)

    @property
    def current_view(self) -> View | None:
        """What is shown."""
        return self._view

    # -- what is shown ----------------------------------------------------------------------------------------------

    def show_records(self, path: str, records: Records, view: View | None = None) -> None:
        """Show a file, all of it or some of its rows."""
        self.stop()
        self._path, self._records, self._view, self._told = path, records, view or records.plain, ""
        blocked = self.field.blockSignals(True)
        self.field.setText(self._view.text)
        self.field.blockSignals(blocked)
        self._typing.stop()
        clear(self._notices)
        self.view.setAccessibleName(f"Rows of {records.name}")
        self.found.setText(_found(self._view.title))
        self.found.setVisible(bool(self._view.title))
        self.show_all.setVisible(bool(self._view.title))
        self.field.setVisible(not self._view.title)
        self._begin(self._view)
        self.model.link(self._out())
        self.look()
        self._looking.start()

    def show_links(self, found: Done) -> None:
        """Take what links the tables."""
        self._links = found.links
        self._names = {table.path: table.name for table in found.tables}
        self.model.link(self._out())

    def _out(self) -> dict[str, Link]:
        return {link.columns[0]: link for link in self._links if link.table == self._path}

    def _begin(self, view: View) -> None:
        records = self._records
        if records is None:
            return
        count, _ = records.total(view)
        self._forget(view)
        self._view = view
        self.model.begin(records.state.columns, count)
        header = self.view.horizontalHeader()
        header.setSortIndicatorShown(view.column >= 0)
        if view.column >= 0:
            order = Qt.SortOrder.DescendingOrder if view.descending else Qt.SortOrder.AscendingOrder
            header.setSortIndicator(self.model.column(view.column), order)
        self.stack.setCurrentWidget(self.view)
        if count:
            self.view.go_to_row(0)

    def end(self) -> None:
        """The window is closed: whatever is heard of from now on, nobody is there to see it."""
        self.stop()
        self._records = None

    def _forget(self, next_: View | None) -> None:
        """Of millions of rows an order takes room on the disk. Rows that a link led to can be gone back to."""
        old = self._view
        if old is None or old.file is None or old.title or self._records is None:
            return
        if next_ is None or next_.file != old.file:
            self._bridge.finish(source.drop, self._records, old)
            self._view = None

    def stop(self) -> None:
        """Nothing of it is looked at any more."""
        self._looking.stop()
        self._typing.stop()
        if self._reading is not None:
            self._reading.cancel()
        self._give_up()
        self._forget(None)

    def look(self) -> None:
        """See what has been worked out since."""
        records, view = self._records, self._view
        if records is None or view is None:
            return
        state = records.state
        count, done = records.total(view)
        # Each growth has the view measure all its rows anew, so a file's millions come in a few large steps.
        if done or count > self.model.rowCount() * GROWTH:
            self.model.grow(count)
        self.model.know(state.columns)
        if count and self.view.currentIndex().row() < 0:
            self.view.go_to_row(0)
        self._say(records, view, count, done)
        coming = self._coming
        if coming is not None:
            part = f" {coming.progress:.0%}" if 0 < coming.progress < 1 else ""
            self.busy.say(f"{self._what(coming)}{part}")
            if coming.done:
                self._arrive(coming)
        if done and coming is None:
            self._say_empty(count)
        if done and state.read and coming is None:
            self._looking.stop()

    def _say(self, records: Records, view: View, count: int, done: bool) -> None:
        state = records.state
        whole = words.count(count, "rows") if done else f"at least {words.count(count, 'rows')} so far"
        if view.text:
            whole = f"{whole} of {words.count(state.rows)}{'' if state.counted else ' or more'}"
        parts = [whole, words.count(len(records.form.columns), "columns"), records.form.said]
        if count > MOST_ROWS:
            parts.append(f"the first {words.count(MOST_ROWS)} are shown; filter to see others")
        if not state.read and state.failure is None:
            parts.append(f"types are being made sure of: {state.reading:.0%}")
        self.status.setText(" · ".join(parts))
        said = ""
        if state.failure is not None:
            said = f"{state.failure.message} {state.failure.hint}".strip()
        elif state.problem_count:
            more = f" And {state.problem_count - 1:,} more." if state.problem_count > 1 else ""
            said = f"{state.problems[0].message}{more}"
        elif state.extra:
            some = ", ".join(state.extra[:5]) + (" and others" if len(state.extra) > 5 else "")
            said = f"Later rows have fields that are no columns here: {some}."
        if said != self._told:
            self._told = said
            clear(self._notices)
            if said:
                tip = "\n".join(problem.message for problem in state.problems[:20])
                notice = Notice(said, "warning", dismissable=False)
                notice.setToolTip(tip)
                self._notices.addWidget(notice)

    def _say_empty(self, count: int) -> None:
        if count:
            self.stack.setCurrentWidget(self.view)
            return
        view = self._view
        if view is not None and view.text:
            self.empty.say(f"No row with “{view.text}”", "Upper and lower case do not matter.")
        elif view is not None and view.title:
            self.empty.say("No such row in this bag", "The other row exists in the catalog, but was not exported.")
        else:
            self.empty.say("No rows", "The file has a header and nothing below it.")
        self.stack.setCurrentWidget(self.empty)
        for each in self.empty.findChildren(QWidget):
            if each.accessibleName() == "Clear the filter":
                each.setVisible(bool(view is not None and view.text))

    # -- rows -------------------------------------------------------------------------------------------------------

    def _read(self, number: int) -> None:
        if self._records is None or self._view is None:
            return
        reading = self._page(self._records, self._view, number)
        self._reading = spawn(reading, "read rows", self._failed)

    async def _page(self, records: Records, view: View, number: int) -> None:
        fit = number == 0 and self.model.row(0) is None
        page = await self._bridge.call(source.page, records, view, number * PAGE, PAGE)
        if records is self._records and view is self._view:
            self.model.put(page)
            self._where()
            if fit:
                self.view.fit_columns()

    def _failed(self, fault: BaseException) -> None:
        if self._records is None:
            return
        self.model.failed()
        clear(self._notices)
        self._notices.addWidget(ErrorCard(as_error(fault)))

    def _where(self) -> None:
        """Say which row of the file the cursor is in."""
        found = self.model.row(self.view.currentIndex().row())
        self.where.setText(f"Row {words.count(found.number)} of the file" if found is not None else "")

    def _show_value(self, index: QModelIndex) -> None:
        """Show all of a cell, which a line of a table may have no room for."""
        found = self.model.row(index.row())
        if found is None:
            return
        column = self.model.columns[index.column()]
        text = found.cells[self.model.place(index.column())] or ""
        dialog = ValueDialog(self, f"{column.name}, row {words.count(found.number)}", text)
        dialog.open()

    def _copy(self, heads: bool) -> None:
        """Put the selected cells on the clipboard, those too that have not been read yet."""
        selection = cast("list[QItemSelectionRange]", self.view.selectionModel().selection())
        ranges = [(r.top(), r.bottom(), r.left(), r.right()) for r in selection]
        cells = sum((bottom - top + 1) * (right - left + 1) for top, bottom, left, right in ranges)
        if cells > MOST_COPIED:
            error = SatchelError(
                Kind.USAGE,
                f"{words.count(cells)} cells are too many for the clipboard.",
                f"Choose at most {words.count(MOST_COPIED)}, or open the file in another program.",
            )
            self._failed(error)
        elif cells and self._records is not None and self._view is not None:
            spawn(self._copy_cells(self._records, self._view, ranges, heads), "copy cells", self._failed)

    async def _copy_cells(
        self, records: Records, view: View, ranges: list[tuple[int, int, int, int]], heads: bool
    ) -> None:
        places = {column: self.model.place(column) for _, _, left, right in ranges for column in range(left, right + 1)}
        shown = sorted(places)
        lines = ["\t".join(quoted(self.model.columns[column].name) for column in shown)] if heads else []
        chosen: dict[int, set[int]] = {}
        for top, bottom, left, right in ranges:
            for number in range(top, bottom + 1):
                chosen.setdefault(number, set()).update(range(left, right + 1))
        wanted = sorted(chosen)
        while wanted:
            first = wanted[0]
            page = await self._bridge.call(source.page, records, view, first, COPIED_AT_ONCE)
            last = first + len(page.rows)
            for number in (n for n in wanted if n < last):
                cells = page.rows[number - first].cells
                found = ((cells[places[c]] or "") if c in chosen[number] else "" for c in shown)
                lines.append("\t".join(map(quoted, found)))
            wanted = [n for n in wanted if n >= last] if page.rows else []
        QGuiApplication.clipboard().setText("\n".join(lines))

    # -- order ------------------------------------------------------------------------------------------------------

    def _clicked(self, column: int) -> None:
        """Smallest first, largest first, as in the file."""
        view = self._coming or self._view
        if view is None or view.title:
            return
        column = self.model.place(column)
        if view.column != column:
            self.arrange(column)
        elif not view.descending:
            self.arrange(column, descending=True)
        else:
            self.arrange(-1)

    def _filter(self) -> None:
        view = self._coming or self._view
        if view is not None and self.field.text().strip() != view.text.strip():
            self.arrange(view.column, descending=view.descending)

    def clear_filter(self) -> None:
        """Show all rows again."""
        self.field.clear()
        self._typing.stop()
        self._filter()

    def arrange(self, column: int, *, descending: bool = False) -> None:
        """Sort by a column (-1: as in the file), with the filter that is in the field."""
        records, view = self._records, self._view
        if records is None or view is None:
            return
        text = self.field.text().strip()
        self._give_up()
        if view.done and view.file is not None and (view.column, view.text) == (column, text) and column >= 0:
            self._begin(replace(view, descending=descending))  # the same places, read the other way
            self.look()
            return
        self._arranging = spawn(self._arrange(records, column, descending, text), "arrange rows", self._failed)

    async def _arrange(self, records: Records, column: int, descending: bool, text: str) -> None:
        view = await self._bridge.call(source.arrange, records, column, descending, text)
        if records is not self._records:
            return
        if view.file is None or view.column < 0:
            self._begin(view)  # as in the file: rows can be shown while more are found
        if not view.done:
            self._coming = view
            self.busy.wait_for(self._what(view))
        self._looking.start()
        self.look()

    def _what(self, view: View) -> str:
        if view.column < 0:
            return f"Looking for “{view.text}”"
        return f"Sorting by {self._records.form.columns[view.column]}" if self._records is not None else "Sorting"

    def _arrive(self, view: View) -> None:
        self._coming = None
        self.busy.done()
        if view.failure is not None:
            self._failed(view.failure)
            return
        if view is not self._view:
            self._begin(view)
        announce(self, f"{words.count(view.count, 'rows')}")

    def _give_up(self) -> None:
        coming, self._coming = self._coming, None
        self.busy.done()
        if self._arranging is not None:
            self._arranging.cancel()
        if coming is not None and self._records is not None:
            self._bridge.finish(source.drop, self._records, coming)
            if coming is self._view:
                self._begin(self._records.plain)
                blocked = self.field.blockSignals(True)
                self.field.clear()
                self.field.blockSignals(blocked)

    # -- links ------------------------------------------------------------------------------------------------------

    def _follow(self, index: object) -> None:
        if isinstance(index, QModelIndex) and (link := self.model.link_of(index)) is not None:
            self.link_wanted.emit(link, self._values(index.row(), link.columns))

    def _values(self, number: int, columns: tuple[str, ...]) -> list[str]:
        return [self.model.value(number, name) for name in columns]

    def _all(self) -> None:
        self.all_wanted.emit(self._path)

    def menu_for(self, number: int, column: int) -> QMenu:
        """What can be done with a cell and its row."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        out = [link for link in self._links if link.table == self._path]
        for link in out:
            values = self._values(number, link.columns)
            if all(values):
                text = f"Go to {self._name(link.target)} {', '.join(values)}"
                self._add(menu, text, partial(self.link_wanted.emit, link, values))
        for link in self._links:
            values = self._values(number, link.target_columns) if link.target == self._path else []
            if values and all(values):
                text = f"Rows of {self._name(link.table)} that refer to this by {', '.join(link.columns)}"
                self._add(menu, text, partial(self.back_wanted.emit, link, values))
        if not menu.isEmpty():
            menu.addSeparator()
        if self._view is not None and not self._view.title and 0 <= column < len(self.model.columns):
            name, place = _short(self.model.columns[column].name), self.model.place(column)
            self._add(menu, f"Sort by {name}", partial(self.arrange, place))
            self._add(menu, f"Sort by {name}, largest first", partial(self.arrange, place, descending=True))
            self._add(menu, "As in the file", partial(self.arrange, -1))
            menu.addSeparator()
        whole = self.model.index(number, column)
        self._add(menu, "Show the whole value (Space)", partial(self._show_value, whole))
        self._add(menu, "&Copy", self.view.copy)
        self._add(menu, "Copy with Column &Names", self.view.copy_with_heads)
        return menu

    def _add(self, menu: QMenu, text: str, do: object) -> None:
        action = QAction(_short(text.replace("&", "&&") if text[0] != "&" and "&N" not in text else text), menu)
        action.triggered.connect(lambda _=False: do())  # type: ignore[operator]
        menu.addAction(action)

    def _name(self, path: str) -> str:
        return self._names.get(path) or path.rpartition("/")[2]

    def _menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        if index.isValid():
            self.menu_for(index.row(), index.column()).popup(self.view.viewport().mapToGlobal(place))


def _laid_out(text: str) -> str:
    """JSON on several lines; other texts as they are."""
    if not text.startswith(("{", "[")):
        return text
    import json

    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def quoted(text: str) -> str:
    """A cell as spreadsheets read it: quoted where it holds a tab, a line break or begins with a quote."""
    if any(sign in text for sign in "\t\n\r") or text.startswith('"'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _short(text: str) -> str:
    return text if len(text) <= 90 else f"{text[:88]}…"


def _found(title: str) -> str:
    return f"With {_short(title)}" if title else ""
