"""A line for a path: typed, chosen in the file dialog, or dropped on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QLineEdit

from satchel.gui.widgets.drop_zone import dropped_paths


class PathLine(QLineEdit):
    """A file's or folder's path.

    Args:
        name: what it is.
        hint: shown while it is empty.
    """

    def __init__(self, name: str, hint: str = "a folder or an archive; drop it here") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(hint)
        self.setAcceptDrops(True)

    @property
    def path(self) -> str:
        """What stands there, without spaces around it."""
        return self.text().strip()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = dropped_paths(event)
        if paths:
            event.acceptProposedAction()
            self.setText(str(paths[0]))

    def choose(self, mode: QFileDialog.FileMode, filters: Sequence[str] = ()) -> None:
        """Open the file dialog."""
        dialog = QFileDialog(self, self.accessibleName(), str(Path(self.path).parent) if self.path else "")
        dialog.setFileMode(mode)
        if filters:
            dialog.setNameFilters(list(filters))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.setText)
        dialog.open()
