"""A path that is chosen in a file dialog, shown shortened, and can be taken back."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from satchel.gui.theme import SPACE_2
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import button, icon_button
from satchel.gui.widgets.text import CopyLabel


class PathField(QWidget):
    """A file or folder, or none.

    Args:
        name: what it is: "Export folder".
        nothing: said when there is none: "Asked for each time".
        folder: choose a folder, not a file.
        filters: for the file dialog.
    """

    chosen = Signal(str)
    """The path; empty when it was taken back."""

    def __init__(self, name: str, nothing: str, *, folder: bool = False, filters: Sequence[str] = ()) -> None:
        super().__init__()
        self._name, self._nothing, self._folder, self._filters = name, nothing, folder, list(filters)
        self._path = ""
        self.shown = CopyLabel("", name)
        self.choose_button = button("Choose…", self.choose)
        self.choose_button.setAccessibleName(f"Choose: {name}")
        self.clear_button = icon_button(f"Take back: {name}", "close", self._clear)
        inside = row(self.shown, self.clear_button, self.choose_button, spacing=SPACE_2)
        inside.setStretch(0, 1)
        self.setLayout(inside)
        self.set_path("")

    @property
    def path(self) -> str:
        """The path; empty: none."""
        return self._path

    def set_path(self, path: str) -> None:
        """Show a path."""
        self._path = path
        self.shown.set_text(path or self._nothing)
        self.shown.set_role("text" if path else "muted")
        self.clear_button.setVisible(bool(path))

    def choose(self) -> None:
        """Open the file dialog."""
        dialog = QFileDialog(self, self._name, self._path)
        dialog.setFileMode(QFileDialog.FileMode.Directory if self._folder else QFileDialog.FileMode.ExistingFile)
        if self._filters:
            dialog.setNameFilters(self._filters)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._take)
        dialog.open()

    def _take(self, path: str) -> None:
        self.set_path(path)
        self.chosen.emit(path)

    def _clear(self) -> None:
        self.choose_button.setFocus()
        self._take("")
