"""The page on which bags are checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from satchel.gui.widgets.boxes import PageHead, ScrollPage

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


class BagsPage(ScrollPage):
    """Check a bag."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self.body.addWidget(PageHead("Bags", "Check that a bag is whole and unchanged."))

    def check(self, path: Path) -> None:
        """Check a bag."""
