"""The settings page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.gui.widgets.boxes import PageHead, ScrollPage

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


class PreferencesPage(ScrollPage):
    """What the person can set."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self.body.addWidget(PageHead("Settings"))
