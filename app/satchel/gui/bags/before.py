"""The bags that were checked before, with what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtWidgets import QWidget

from satchel.gui import jobs_words
from satchel.gui.bags.card import DISCS
from satchel.gui.bags.verdict import verdict
from satchel.gui.engine_bridge import ALIVE
from satchel.gui.home.lists import RecentList
from satchel.gui.widgets.buttons import RowButton

if TYPE_CHECKING:
    from satchel.core.bags.validate import ValidateResult
    from satchel.core.jobs.views import JobView

MANY = 6


class Before(RecentList):
    """A line for each.

    Args:
        show: called with the id of the job whose verdict is wanted.
    """

    def __init__(self, show: Callable[[str], object]) -> None:
        super().__init__("Checked before")
        self._show = show
        self._listed: list[tuple[str, str]] | None = None

    def put_jobs(self, views: Sequence[JobView], but: Path) -> None:
        """List the newest check of each bag, the newest first.

        Args:
            views: of all jobs, the newest first.
            but: the bag that is on the page already.
        """
        newest: dict[str, JobView] = {}
        for view in views:
            path = str(getattr(view.request, "path", ""))
            if view.kind == "validate" and view.state not in ALIVE and path and path != str(but):
                newest.setdefault(path, view)
        over = list(newest.values())[:MANY]
        listed = [(view.id, view.state) for view in over]
        if listed != self._listed:
            self._listed = listed
            rows: list[QWidget] = [self._row(view) for view in over]
            self.put(rows, "Bags that you check are listed here, with what was found.")

    def _row(self, view: JobView) -> RowButton:
        icon, role = jobs_words.icon_and_role(view)
        text = jobs_words.line(view)
        if view.result is not None:
            said = verdict(cast("ValidateResult", view.result))
            icon, role, text = DISCS[said.tone][0], DISCS[said.tone][1], said.title
        path = str(getattr(view.request, "path", ""))
        title = Path(path).name if path else view.title
        return RowButton(icon, title, f"{text} · {path}", do=partial(self._show, view.id), role=role)
