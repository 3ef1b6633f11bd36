"""A table of rows of one height, whose cells can be copied."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractItemModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from satchel.gui.theme import tokens

FullTextRole = int(Qt.ItemDataRole.UserRole) + 10
"""The whole text of a cell, where what is displayed is shortened."""
_NARROW, _WIDE, _SAMPLE = 72, 320, 60


class _RowDelegate(QStyledItemDelegate):
    """Lights up the whole row that the cursor is in."""

    def __init__(self, view: QTableView) -> None:
        super().__init__(view)
        self._view = view

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        if index.row() == self._view.currentIndex().row():
            painter.fillRect(option.rect, tokens().color("hover"))
        super().paint(painter, option, index)


class RowsTable(QTableView):
    """A table to read and copy from."""

    activated_row = Signal(int)
    """Enter or a double click on a row."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectItems)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setItemDelegate(_RowDelegate(self))
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 14)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(48)
        header.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)
        self.row_actions: list[QAction] = []
        """Shown first in the context menu."""
        self.doubleClicked.connect(lambda index: self.activated_row.emit(index.row()))

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().currentChanged(current, previous)
        if current.row() != previous.row():
            self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.activated_row.emit(self.currentIndex().row())
            return
        super().keyPressEvent(event)

    def fit_columns(self) -> None:
        """Give each column the width of its head and its first rows, within bounds."""
        model = self.model()
        if model is None:
            return
        metrics = QFontMetrics(self.font())
        display = Qt.ItemDataRole.DisplayRole
        for column in range(model.columnCount()):
            head = str(model.headerData(column, Qt.Orientation.Horizontal, display) or "")
            widest = metrics.horizontalAdvance(head) * 1.15 + 30
            for row in range(min(model.rowCount(), _SAMPLE)):
                text = str(model.index(row, column).data(display) or "")[:60]
                widest = max(widest, metrics.horizontalAdvance(text) + 26)
            self.setColumnWidth(column, int(min(max(widest, _NARROW), _WIDE)))

    def go_to_row(self, row: int) -> None:
        """Put the cursor on a row and show it."""
        model = self.model()
        if model is None or not 0 <= row < model.rowCount():
            return
        column = max(self.currentIndex().column(), 0)
        index = model.index(row, column)
        how = QItemSelectionModel.SelectionFlag.ClearAndSelect
        if self.selectionBehavior() == QAbstractItemView.SelectionBehavior.SelectRows:
            how |= QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(index, how)
        self.scrollTo(index)

    def copy(self) -> None:
        """Put the selected cells on the clipboard: tabs between columns, a line for each row."""
        text = self.selected_text()
        if text:
            QGuiApplication.clipboard().setText(text)

    def copy_with_heads(self) -> None:
        """The same with the columns' names on the first line."""
        text = self.selected_text(heads=True)
        if text:
            QGuiApplication.clipboard().setText(text)

    def selected_text(self, *, heads: bool = False) -> str:
        """The selected cells as tab-separated text; cells outside the selection but inside its box are empty."""
        chosen = {(index.row(), index.column()): index for index in self.selectedIndexes()}
        if not chosen:
            return ""
        rows = sorted({row for row, _ in chosen})
        columns = sorted({column for _, column in chosen})
        model = self.model()
        lines: list[Sequence[str]] = []
        if heads and model is not None:
            lines.append([str(model.headerData(c, Qt.Orientation.Horizontal) or "") for c in columns])
        for row in rows:
            cells = [chosen.get((row, column)) for column in columns]
            lines.append([_text(index) if index is not None else "" for index in cells])
        return "\n".join("\t".join(_cell(text) for text in line) for line in lines)

    def _menu(self, place: QPoint) -> None:
        if not self.indexAt(place).isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self.row_actions:
            menu.addActions(self.row_actions)
            menu.addSeparator()
        copy = menu.addAction("&Copy")
        copy.triggered.connect(self.copy)
        heads = menu.addAction("Copy with Column &Names")
        heads.triggered.connect(self.copy_with_heads)
        menu.popup(self.viewport().mapToGlobal(place))

    def setModel(self, model: QAbstractItemModel | None) -> None:
        super().setModel(model)
        # PySide keeps no reference for a view's model.
        self._kept = model


def _text(index: QModelIndex) -> str:
    full = index.data(FullTextRole)
    return str(full) if full is not None else str(index.data() or "")


def _cell(text: str) -> str:
    """As spreadsheets read it: quoted where it holds a tab, a line break or begins with a quote."""
    if any(sign in text for sign in "\t\n\r") or text.startswith('"'):
        return '"' + text.replace('"', '""') + '"'
    return text
