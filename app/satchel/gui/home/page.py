"""Where one begins: three things to do, a place to drop a bag on, what was done lately, what was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from satchel.gui.home import source
from satchel.gui.home.lists import RecentList
from satchel.gui.jobs_words import icon_and_role, line, when
from satchel.gui.tasks import spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_4
from satchel.gui.widgets.boxes import ScrollPage, clear, column
from satchel.gui.widgets.buttons import ActionTile, RowButton, button
from satchel.gui.widgets.drop_zone import DropZone
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import BusyLine
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.jobs.views import JobView
    from satchel.gui.window import MainWindow

SHOWN = 5
"""Rows of each list at most."""


class HomePage(ScrollPage):
    """The first page."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(width=980)
        self._window = window
        self._shown_jobs: list[tuple[str, str]] | None = None
        head = column(spacing=SPACE_1)
        head.addWidget(label("What would you like to share?", "display"))
        head.addWidget(label("Take data out of a Deriva catalog as a bag that proves its own integrity.", role="muted"))
        self.body.addLayout(head)
        self.busy = BusyLine(can_cancel=False)
        self.body.addWidget(self.busy)
        self._notices = QVBoxLayout()
        self._notices.setSpacing(SPACE_2)
        self.body.addLayout(self._notices)

        self.tiles = [
            ActionTile(
                "export",
                "Export from a catalog",
                "Pick a record, see everything that belongs to it, and take it along as a bag.",
                "Ctrl+E",
                window.export_chosen,
            ),
            ActionTile(
                "catalog",
                "Open a catalog",
                "Look around on a server: schemas, tables, rows and pictures.",
                "Ctrl+O",
                window.choose_catalog,
            ),
            ActionTile(
                "check-bag",
                "Check a bag",
                "Is anything missing, was anything changed? Every file is compared with its checksum.",
                "Ctrl+B",
                window.choose_bag,
                tone="brand",
            ),
        ]
        grid = QGridLayout()
        grid.setSpacing(SPACE_4)
        for place, tile in enumerate(self.tiles):
            grid.addWidget(tile, 0, place)
            grid.setColumnStretch(place, 1)
        self.body.addLayout(grid)

        self.drop = DropZone("Drop a bag here to check it", "A folder or an archive: zip, tgz or tar. Click to choose.")
        self.drop.dropped.connect(self._dropped)
        self.drop.clicked.connect(window.choose_bag)
        self.body.addWidget(self.drop)

        self.catalogs = RecentList("Recent catalogs")
        self.jobs = RecentList("Recent work", button("Show all", lambda: window.show_page("activity"), link=True))
        lists = QGridLayout()
        lists.setSpacing(SPACE_4)
        for place, part in enumerate((self.catalogs, self.jobs)):
            lists.addWidget(part, 0, place)
            lists.setColumnStretch(place, 1)
        self.body.addLayout(lists)
        self.body.addStretch(1)
        self.refresh()

    def wait_for(self, text: str) -> None:
        """Say what is awaited; an empty text ends that."""
        if text:
            self.busy.wait_for(text)
        else:
            self.busy.done()

    def entered(self) -> None:
        """The page came to the front."""
        self.refresh()

    def refresh(self) -> None:
        """Show the recent catalogs and jobs anew."""
        window = self._window
        rows: list[QWidget] = []
        if (place := window.sandbox_place) is not None:
            rows.append(
                RowButton(
                    "catalog",
                    "Demo catalog",
                    f"the sandbox on this machine, {place.host}",
                    do=lambda: window.open_catalog(place.host, place.catalog),
                    role="brand",
                )
            )
        for recent in window.settings.recent:
            rows.append(
                RowButton(
                    "catalog",
                    recent.title or f"Catalog {recent.catalog}",
                    f"{recent.host}, catalog {recent.catalog}",
                    when(recent.opened),
                    partial(window.open_catalog, recent.host, recent.catalog),
                )
            )
        self.catalogs.put(rows[:SHOWN], "Catalogs that you open are listed here. Begin with Open a catalog.")
        self._shown_jobs = None
        self.jobs_changed()

    def jobs_changed(self) -> None:
        """Some job moved: show states anew where they differ."""
        window = self._window
        views = window.bridge.jobs.views()
        shown = [(str(view.id), line(view)) for view in views]
        if shown == self._shown_jobs:
            return
        self._shown_jobs = shown
        rows: list[QWidget] = []
        for view in views[:SHOWN]:
            icon, role = icon_and_role(view)
            do = partial(window.show_job, view)
            rows.append(RowButton(icon, view.title, line(view), when(view.created), do, role=role))
        self.jobs.put(rows, "What you export or check is listed here, with its result.")
        self._offer_interrupted(window.bridge.interrupted())

    def _offer_interrupted(self, views: Sequence[JobView]) -> None:
        clear(self._notices)
        if not views:
            return
        window = self._window
        ids = [view.id for view in views]

        def resume() -> None:
            for job_id in ids:
                spawn(window.bridge.resume(job_id), "resume a job")
            window.show_page("activity")

        def discard() -> None:
            from satchel.gui.dialogs import ask_to_discard

            def really() -> None:
                for job_id in ids:
                    spawn(window.bridge.discard(job_id), "discard a job")

            ask_to_discard(window, list(views), really)

        them = "They go" if len(views) > 1 else "It goes"
        text = f"{len(views)} jobs were interrupted." if len(views) > 1 else f"“{views[0].title}” was interrupted."
        hint = f"What was done is kept. {them} on from there."
        actions = (button("Resume", resume, primary=True), button("Discard…", discard))
        self.interrupted = Notice(text, "warning", hint, *actions, dismissable=False)
        self._notices.addWidget(self.interrupted)
        if window.bridge.engine is not None:
            spawn(self._ask_servers(ids, list(views)), "look whether a server still works")

    async def _ask_servers(self, ids: list[str], views: list[JobView]) -> None:
        """An export that a server makes goes on without Satchel; then nothing was lost at all."""
        running = await self._window.bridge.call(source.on_servers, ids)
        notice = self.interrupted
        if not running or ids != [view.id for view in self._window.bridge.interrupted()]:
            return
        titles = [view.title for view in views if view.id in running]
        also = f" The other {len(ids) - len(running)} go on from where they were." if len(running) < len(ids) else ""
        notice.say(
            f"Your export is still running on the server: “{titles[0]}”."
            if len(titles) == 1
            else f"{len(titles)} exports are still running on servers.",
            f"Resume follows it and brings home what it makes.{also}",
        )

    def _dropped(self, paths: list[Path]) -> None:
        self._window.check_bags(paths)
