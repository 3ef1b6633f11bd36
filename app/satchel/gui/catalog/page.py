"""The catalog page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.gui.widgets.boxes import PageHead, ScrollPage

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


class CatalogPage(ScrollPage):
    """Look around in a catalog."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self.body.addWidget(PageHead("Catalog", "Look around on a server."))

    def choose(self) -> None:
        """Go where a catalog is named."""

    def open(self, host: str, catalog: str) -> None:
        """Open a catalog."""

    def focus_rid(self) -> None:
        """Put the focus into the field for a RID."""

    def chosen_record(self) -> tuple[str, str, str]:
        """Host, catalog and RID of what is chosen; empty where nothing is."""
        return "", "", ""
