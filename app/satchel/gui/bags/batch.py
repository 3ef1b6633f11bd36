"""Bags that were dropped together: their jobs, repairing them, one report on all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from satchel.gui.bags.fetch import Choice
from satchel.gui.bags.fetching import fetching
from satchel.gui.bags.problems import ask_for_report
from satchel.gui.bags.queue import QueuePane
from satchel.gui.bags.queue_model import Line
from satchel.gui.bags.repair import broken
from satchel.gui.engine_bridge import ALIVE
from satchel.gui.tasks import spawn

if TYPE_CHECKING:
    from satchel.core.bags.validate import ValidateResult
    from satchel.core.jobs.views import JobView
    from satchel.gui.window import MainWindow

Failed = tuple[str, str]


class _Bag:
    """One of them: the newest jobs that check it and fetch into it."""

    def __init__(self) -> None:
        self.check = self.mend = self.settled = ""
        self.stopped = False
        """Whether it is not to be checked any more, before it was."""
        self.busy = False
        """Whether the next job is being made. `settled` is the fetching after which it was checked."""


class Batch(QObject):
    """The bags of the queue, and the pane that shows them when there are several.

    Args:
        show: called with the id of the job whose verdict is wanted.
        submit: submits a check of a bag; gives the job's id.
        save: called with results, bags that could not be checked, and the report's file.
    """

    def __init__(
        self,
        window: MainWindow,
        show: Callable[[str], object],
        submit: Callable[[str], Awaitable[str]],
        save: Callable[[Sequence[ValidateResult], Sequence[Failed], Path], object],
    ) -> None:
        super().__init__(window)
        self._window, self._show, self._submit, self._save = window, show, submit, save
        self._bags: dict[str, _Bag] = {}
        self._number = 0
        self.submitting = 0
        """Drops whose checks are being submitted."""
        self._lines: list[Line] = []
        self._shown = ""
        self.pane = QueuePane()
        self.pane.chosen.connect(self._chosen)
        self.pane.stop_wanted.connect(self._stop)
        self.pane.save_wanted.connect(self._ask_save)
        self.pane.repair_wanted.connect(self._repair)
        self.pane.fetch_wanted.connect(lambda paths: self._mend(paths, _all))
        self.pane.again_wanted.connect(self._again)
        self.pane.hide()

    def begin(self, paths: Sequence[str]) -> None:
        """Other bags come."""
        self._bags = {path: _Bag() for path in paths}
        self._number += 1
        self._lines = []
        self.pane.setVisible(len(paths) > 1)

    async def check(self) -> None:
        """Submit a check of each, and show the first."""
        number = self._number
        self.submitting += 1
        try:
            for place, path in enumerate(list(self._bags)):
                if number != self._number:  # others have come meanwhile, or these were stopped
                    return
                job = await self._submit(path)
                if number != self._number:
                    self._window.bridge.cancel(job)
                    return
                self._bags[path].check = job
                if not place:
                    self._shown = path
                    self._show(job)
        finally:
            self.submitting -= 1

    @property
    def several(self) -> bool:
        """Whether there is a list."""
        return len(self._bags) > 1

    def look(self) -> None:
        """Show how the jobs stand; check again what files were fetched into."""
        if not self._bags:
            return
        known = {view.id: view for view in self._window.bridge.jobs.views()}
        lines = []
        for path, bag in self._bags.items():
            mend = known.get(bag.mend)
            if mend is not None and mend.state not in ALIVE and not bag.busy and mend.id != bag.settled:
                bag.busy = True
                spawn(self._recheck(path, bag, mend), "check a bag again", self._window.fail)
            lines.append(Line(path, known.get(bag.check), mend, bag.stopped))
        self._lines = lines
        if self.several:
            self.pane.show_lines(lines)

    def views(self) -> list[JobView]:
        """The jobs, in the order of the bags."""
        found = [line.mend if line.is_mending else line.check for line in self._lines]
        return [view for view in found if view is not None]

    def _chosen(self, path: str) -> None:
        bag = self._bags.get(path)
        if bag is not None and bag.check:
            self._shown = path
            self._show(bag.check)

    def _stop(self) -> None:
        self._number += 1  # what is not submitted yet need not be
        for bag in self._bags.values():
            bag.stopped = bag.stopped or not bag.check
        for view in self.views():
            if view.state in ALIVE:
                self._window.bridge.cancel(view.id)
        self.look()

    def _again(self, paths: Sequence[str]) -> None:
        async def go() -> None:
            for path in paths:
                await self._check_once_more(path, self._bags[path])

        spawn(go(), "check bags again", self._window.fail)

    async def _check_once_more(self, path: str, bag: _Bag) -> None:
        bag.check, bag.stopped = await self._submit(path), False
        if path == self._shown:
            self._show(bag.check)
        self.look()

    # -- mending -------------------------------------------------------------------------------------------------------

    def _repair(self, paths: Sequence[str]) -> None:
        results = {line.path: line.result for line in self._lines}

        async def bad(path: str) -> Choice:
            result = results[path]
            pick = await self._window.bridge.call(broken, result) if result is not None else ()
            return Choice(repair=True, pick=pick)

        self._mend(paths, bad)

    def _mend(self, paths: Sequence[str], choice: Callable[[str], Awaitable[Choice]]) -> None:
        async def go() -> None:
            for path in paths:
                bag = self._bags.get(path)
                if bag is None or bag.busy:
                    continue
                bag.busy = True
                try:
                    request = await fetching(self._window, path, await choice(path))
                    bag.mend = await self._window.bridge.submit(request)
                finally:
                    bag.busy = False
                self.look()

        spawn(go(), "repair bags", self._window.fail)

    async def _recheck(self, path: str, bag: _Bag, mend: JobView) -> None:
        try:
            bag.settled = mend.id
            if self._bags.get(path) is bag and mend.state in ("done", "failed"):
                await self._check_once_more(path, bag)
        finally:
            bag.busy = False

    # -- the report ----------------------------------------------------------------------------------------------------

    def _ask_save(self) -> None:
        results = [line.result for line in self._lines if line.result is not None]
        failed = [
            (line.path, _why(line.check)) for line in self._lines if line.result is None and line.check is not None
        ]
        suggested = Path(results[0].path).with_name("bags-report.html") if results else Path("bags-report.html")
        ask_for_report(self.pane, suggested, lambda path: self._save(results, failed, path))


async def _all(_path: str) -> Choice:
    return Choice()


def _why(view: JobView) -> str:
    if view.error is not None:
        return view.error.message
    return {"cancelled": "it was stopped", "interrupted": "it was interrupted"}.get(view.state, "it is not over")
