"""Showing files and folders in the desktop's own file manager."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


def show_folder(window: MainWindow, path: Path) -> None:
    """Open the folder, or the one that holds the file; says so where no program does that."""
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        window.toasts.say(f"There is no folder {folder} any more.", "warning")
    elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
        window.toasts.say("No program was found that shows folders.", "warning", str(folder))
