"""What can be done with the bag on the page: fetch what is missing, unpack, pack."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog

from satchel.core import words
from satchel.gui import jobs_words
from satchel.gui.bags import source
from satchel.gui.bags.fetch import Choice, FetchDialog
from satchel.gui.folders import show_folder
from satchel.gui.tasks import spawn

if TYPE_CHECKING:
    from satchel.core.bags.unpacking import ExtractResult
    from satchel.core.fetching.request import MaterializeResult
    from satchel.core.jobs.request import Request
    from satchel.core.jobs.views import JobView
    from satchel.gui.bags.page import BagsPage
    from satchel.gui.window import MainWindow

TOLD = 5


class Doing(QObject):
    """Asks, submits the job, and says what came of it."""

    def __init__(self, window: MainWindow, page: BagsPage) -> None:
        super().__init__(page)
        self._window, self._page = window, page

    def start(self, making: Coroutine[Any, Any, Request], name: str) -> None:
        """Submit a request that is being made, and show its job."""

        async def submit() -> None:
            self._page.follow(await self._window.bridge.submit(await making))

        spawn(submit(), name, self._page.fail)

    # -- asking --------------------------------------------------------------------------------------------------------

    def ask_fetch(self) -> None:
        """Ask which of the missing files are to be fetched."""
        page, found = self._page, self._page.found
        if found is None:
            return
        missing = f"{words.count(found.missing or 0, 'files')} that the bag lists are not here."
        changed = page.result is not None and any(e.code in ("checksum", "length") for e in page.result.errors)
        FetchDialog(self._window, missing, changed, self._fetch).open()

    def _fetch(self, choice: Choice) -> None:
        found = self._page.found
        if found is None:
            return
        host = found.origin.host if found.origin is not None else ""
        access = self._window.access(host)
        # What a bag says of its host is trusted no further than the person knows that host.
        known = host if host in self._window.known_hosts() else ""
        request = self._window.bridge.call(source.fetch_request, found.path, choice, access, known)
        self.start(request, "fetch missing files")

    def ask_unpack(self) -> None:
        """Ask for the folder to unpack into."""
        path = str(self._page.path)
        dialog = QFileDialog(self._page, "Choose the folder to unpack into", str(self._page.path.parent))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(
            lambda into: self.start(self._window.bridge.call(source.extract_request, path, into), "unpack")
        )
        dialog.open()

    def ask_pack(self) -> None:
        """Ask for the archive's name."""
        path = self._page.path
        dialog = QFileDialog(self._page, "Pack the bag as", str(path.with_name(path.name + ".zip")))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["ZIP archive (*.zip)", "TGZ archive (*.tgz)"])
        dialog.setDefaultSuffix("zip")
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix("tgz" if "tgz" in chosen else "zip"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def pack(out: str) -> None:
            kind = "tgz" if out.endswith((".tgz", ".tar.gz")) else "zip"
            self.start(self._window.bridge.call(source.archive_request, str(path), out, kind), "pack a bag")

        dialog.fileSelected.connect(pack)
        dialog.open()

    # -- what came of it -----------------------------------------------------------------------------------------------

    def ended(self, view: JobView) -> None:
        """A job that is no check has ended well: say so, and check what it made."""
        if view.kind == "materialize":
            result = cast("MaterializeResult", view.result)
            self._say_fetched(result)
            self._page.check(Path(result.path))
        elif view.kind == "extract":
            self._page.check(Path(cast("ExtractResult", view.result).bag))
        else:
            made = Path(jobs_words.made(view))
            self._window.toasts.say(
                f"Packed as {made.name}.", "success", action="Show", do=partial(show_folder, self._window, made)
            )
            self._page.check(made)

    def _say_fetched(self, result: MaterializeResult) -> None:
        said = f"{words.count(result.fetched, 'files')} fetched and verified ({words.size(result.bytes)})."
        if not result.problem_count:
            self._window.toasts.say(said, "success")
            return
        told = [f"{problem.path}: {problem.message}" for problem in result.problems[:TOLD]]
        if result.problem_count > len(told):
            told.append(f"and {result.problem_count - len(told):,} more.")
        title = f"{words.count(result.problem_count, 'files')} could not be fetched. {said}"
        self._window.toasts.say(title, "warning", "\n".join(told), action="Try again", do=self.ask_fetch)
