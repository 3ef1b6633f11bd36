"""The preview's tree on the screen."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QHeaderView, QTreeView

from satchel.gui.wizards.export.tree import Kind
from satchel.gui.wizards.export.tree_model import PreviewModel


class PreviewTree(QTreeView):
    """The tree. Space switches a tick from any column; Enter goes on."""

    def __init__(self, model: PreviewModel) -> None:
        super().__init__()
        self._kept = model
        self.setModel(model)
        self.setAccessibleName("What the bag will hold")
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setSelectionMode(QTreeView.SelectionMode.SingleSelection)
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QTreeView.ScrollMode.ScrollPerPixel)
        self.setIndentation(20)
        header = self.header()
        header.setSectionsMovable(False)
        for section, mode in enumerate(
            (QHeaderView.ResizeMode.Stretch, *[QHeaderView.ResizeMode.ResizeToContents] * 2)
        ):
            header.setSectionResizeMode(section, mode)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(False)
        header.resizeSection(3, 200)

    def open_up(self) -> None:
        """Show the tables, leave the vocabularies closed, and put the cursor on the record's table."""
        self.expandAll()
        vocabularies = self._kept.find("vocabularies", Kind.GROUP)
        if vocabularies.isValid():
            self.collapse(vocabularies)
        flag = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(self._kept.index(0, 0), flag.ClearAndSelect | flag.Rows)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and (node := self._kept.node(self.currentIndex())) is not None:
            if node.ticked is not None:
                state = Qt.CheckState.Unchecked if node.ticked else Qt.CheckState.Checked
                self._kept.setData(self._kept.index_of(node), state, Qt.ItemDataRole.CheckStateRole)
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            # The dialog's default button.
            event.ignore()
            return
        super().keyPressEvent(event)

    def copy(self) -> None:
        """Put the line with the cursor on the clipboard."""
        node = self._kept.node(self.currentIndex())
        if node is not None:
            QGuiApplication.clipboard().setText("\t".join((node.name, node.rows_text, node.assets_text)))
