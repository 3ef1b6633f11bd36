"""The activity page: what runs and what ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from satchel.gui.home.lists import RecentList
from satchel.gui.jobs_words import icon_and_role, line
from satchel.gui.widgets.boxes import PageHead, ScrollPage
from satchel.gui.widgets.buttons import RowButton

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


class ActivityPage(ScrollPage):
    """All jobs with their states."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self.body.addWidget(PageHead("Activity", "What runs now, and what ran before."))
        self._list = RecentList("Jobs")
        self.body.addWidget(self._list)
        self.body.addStretch(1)
        window.bridge.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        rows: list[QWidget] = []
        for view in self._window.bridge.jobs.views():
            icon, role = icon_and_role(view)
            rows.append(RowButton(icon, view.title, line(view), role=role))
        self._list.put(rows, "Nothing has been exported or checked yet.")
