"""What can be done with the bag on the page: fetch what is missing, repair, unpack, pack."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog

from satchel.core import words
from satchel.gui import jobs_words
from satchel.gui.bags import fetched, source
from satchel.gui.bags.change import ChangeWindow
from satchel.gui.bags.fetch import Choice, FetchDialog
from satchel.gui.bags.fetching import fetching
from satchel.gui.bags.holey import HoleyDialog, Left
from satchel.gui.bags.profile import host_of
from satchel.gui.bags.repair import broken
from satchel.gui.folders import show_folder
from satchel.gui.tasks import spawn
from satchel.gui.widgets.notices import Notice

if TYPE_CHECKING:
    from satchel.core.bags.unpacking import ExtractResult
    from satchel.core.fetching.request import HoleyResult, MaterializeRequest, MaterializeResult
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
        self._page.note(None)

        async def submit() -> None:
            self._page.follow(await self._window.bridge.submit(await making))

        spawn(submit(), name, self._page.fail)

    # -- fetching ------------------------------------------------------------------------------------------------------

    def ask_fetch(self) -> None:
        """Ask which of the missing files are to be fetched."""
        page, found = self._page, self._page.found
        if found is None:
            return
        changed = page.result is not None and any(e.code in ("checksum", "length") for e in page.result.errors)
        FetchDialog(self._window, found, changed, self.fetch).open()

    def fetch(self, choice: Choice) -> None:
        """Fetch what was chosen."""
        found = self._page.found
        if found is not None:
            self.start(fetching(self._window, found.path, choice), "fetch missing files")

    def repair(self) -> None:
        """Fetch anew what was changed, damaged or lost, and nothing else."""
        found, result = self._page.found, self._page.result
        if found is None or result is None:
            return

        async def bad() -> Request:
            pick = await self._window.bridge.call(broken, result)
            return await fetching(self._window, found.path, Choice(repair=True, pick=pick))

        self.start(bad(), "repair a bag")

    def _again(self, request: MaterializeRequest, result: MaterializeResult, host: str = "") -> None:
        """Fetch what failed, and nothing else; after a sign-in to a host with that."""
        found = self._page.found
        home = found.origin.host if found is not None and found.origin is not None else host
        hosts = tuple(dict.fromkeys([*request.hosts, *([host] if host else [])]))
        making = self._window.bridge.call(source.retry_request, request, result, self._window.access(home), hosts)
        self.start(making, "fetch what failed")

    # -- changing it ---------------------------------------------------------------------------------------------------

    def ask_change(self) -> None:
        """Open the window in which bag-info and manifests are changed."""
        if self._page.found is not None:
            ChangeWindow(self._window, self._page.found).show()

    def ask_holey(self) -> None:
        """Ask which files are left to which servers."""
        HoleyDialog(self._window, self._leave).open()

    def _leave(self, left: Left) -> None:
        host = host_of(left.url)
        hosts = (host,) if host in self._window.known_hosts() else ()
        access = self._window.access(host)
        request = self._window.bridge.call(source.holey_request, str(self._page.path), left, access, hosts)
        self.start(request, "leave files to servers")

    # -- archives ------------------------------------------------------------------------------------------------------

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
            self._page.check(Path(result.path))
            self._say_fetched(cast("MaterializeRequest", view.request), result)
        elif view.kind == "extract":
            self._page.check(Path(cast("ExtractResult", view.result).bag))
        else:
            made = Path(jobs_words.made(view))
            if view.kind == "holey":
                self._say_left(cast("HoleyResult", view.result))
            else:
                said = {"bag": f"{made.name} is a bag now.", "rebag": f"{made.name} was changed."}
                text = said.get(view.kind, f"Packed as {made.name}.")
                self._window.toasts.say(text, "success", action="Show", do=partial(show_folder, self._window, made))
            self._page.check(made)

    def _say_left(self, result: HoleyResult) -> None:
        said = f"{words.count(result.files, 'files')} ({words.size(result.bytes)}) are left to servers."
        if not result.problem_count:
            self._window.toasts.say(said, "success")
            return
        title = f"{words.count(result.problem_count, 'files')} stay here. {said}"
        told = "\n".join(problem.message for problem in result.problems[:TOLD])
        self._page.note(Notice(title, "warning", told))

    def _say_fetched(self, request: MaterializeRequest, result: MaterializeResult) -> None:
        if not result.problem_count:
            said = f"{words.count(result.fetched, 'files')} fetched and verified ({words.size(result.bytes)})."
            self._window.toasts.say(said, "success")
            return
        again = partial(self._again, request, result)

        def show() -> None:
            fetched.FailuresWindow(self._window, result.problems, again).show()

        def sign_in(host: str) -> None:
            from satchel.gui.sign_in import open_sign_in

            open_sign_in(self._window, self._window, host, partial(self._again, request, result, host))

        self._page.note(fetched.notice(result, again, sign_in, show))
