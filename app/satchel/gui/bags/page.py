"""The page on which bags are checked: drop one, watch, read the verdict and what was found."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QVBoxLayout, QWidget

from satchel.core import words
from satchel.core.errors import SatchelError
from satchel.gui import jobs_words
from satchel.gui.bags import source
from satchel.gui.bags.facts import FactsCard
from satchel.gui.bags.fetch import Choice, FetchDialog
from satchel.gui.bags.problems import ProblemsPane, ask_for_report
from satchel.gui.bags.progress import CheckProgress
from satchel.gui.bags.queue import QueuePane
from satchel.gui.bags.verdict import Findings, verdict
from satchel.gui.engine_bridge import ALIVE
from satchel.gui.folders import show_folder
from satchel.gui.home.lists import RecentList
from satchel.gui.icons import IconDisc
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4, SPACE_6
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, PageHead, clear, row
from satchel.gui.widgets.buttons import RowButton, button
from satchel.gui.widgets.drop_zone import DropZone
from satchel.gui.widgets.states import ErrorCard
from satchel.gui.widgets.text import CopyLabel, label

if TYPE_CHECKING:
    from satchel.core.bags.inspecting import InspectResult
    from satchel.core.bags.unpacking import ExtractResult
    from satchel.core.bags.validate import Level, ValidateResult
    from satchel.core.fetching.request import MaterializeResult
    from satchel.core.jobs.request import Request
    from satchel.core.jobs.views import JobView
    from satchel.gui.window import MainWindow

LEVELS = (
    ("full", "Every checksum (thorough)"),
    ("fast", "Sizes only (fast)"),
    ("completeness", "Whether all files are there"),
    ("structure", "Only how it is built"),
)
BEFORE, FEW = 6, 2
TOLD = 5
_DISCS = {
    "success": ("success", "success", "success_soft"),
    "warning": ("warning", "warning", "warning_soft"),
    "danger": ("error", "danger", "danger_soft"),
}


class BagsPage(QWidget):
    """Check bags."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self._job = ""
        self._path = Path()
        self._settled = False
        self._result: ValidateResult | None = None
        self._facts: InspectResult | None = None
        self._looking: Spawned | None = None
        self._queue: list[str] = []
        self._listed: list[tuple[str, str]] = []
        self.level = QComboBox()
        self.level.setAccessibleName("How thorough")
        self.level.view().setAccessibleName("How thorough")
        for value, title in LEVELS:
            self.level.addItem(title, value)
        how = label("How &thorough", role="muted")
        how.setBuddy(self.level)
        head = PageHead("Bags", "Is anything missing, was anything changed?", how, self.level)

        self.drop = DropZone("Drop a bag here to check it", "A folder or an archive: zip, tgz or tar. Click to choose.")
        self.drop.dropped.connect(self._dropped)
        self.drop.clicked.connect(window.choose_bag)
        self.progress = CheckProgress()
        self.progress.cancelled.connect(lambda: window.bridge.cancel(self._job))
        self.progress.hide()
        self.queue = QueuePane()
        self.queue.chosen.connect(self._follow)
        self.queue.stop_wanted.connect(self._stop_queue)
        self.queue.save_wanted.connect(self._save_queue)
        self.queue.hide()
        self.facts = FactsCard()
        self.facts.fetch.clicked.connect(self._ask_fetch)
        self.facts.unpack.clicked.connect(self._ask_unpack)
        self.facts.pack.clicked.connect(self._ask_pack)
        self.facts.compare.clicked.connect(lambda: window.compare_bags(str(self._path)))
        self.facts.hide()
        self.card = _VerdictCard()
        self.card.again.clicked.connect(lambda: self.check(self._path))
        self.card.open.clicked.connect(self._open)
        self.card.hide()
        self._errors = QVBoxLayout()
        self.problems = ProblemsPane()
        self.problems.save_wanted.connect(lambda path: self._save_report([self._result], path))
        self.problems.suggested = lambda: self._path.with_name(f"{self._path.name}-report.html")
        self.problems.hide()
        self.before = RecentList("Checked before")
        inside = QVBoxLayout(self)
        inside.setContentsMargins(SPACE_6, SPACE_6, SPACE_6, SPACE_6)
        inside.setSpacing(SPACE_4)
        inside.addWidget(head)
        inside.addWidget(self.drop)
        inside.addWidget(self.queue, 1)
        inside.addWidget(self.progress)
        inside.addWidget(self.card)
        inside.addWidget(self.facts)
        inside.addLayout(self._errors)
        inside.addWidget(self.problems, 1)
        inside.addWidget(self.before)
        inside.addStretch(0)
        self._stretch = inside.count() - 1
        self._inside = inside
        window.bridge.changed.connect(self._jobs_changed)
        window.bridge.started.connect(self._jobs_changed)
        self._jobs_changed()

    # -- for the window ------------------------------------------------------------------------------------------------

    def check(self, path: Path) -> None:
        """Check a bag, folder or archive."""
        self.check_all([path])

    def check_all(self, paths: Sequence[Path]) -> None:
        """Check bags one after the other; several get a list with a line each."""
        self._path = paths[0]
        level: Level = self.level.currentData()
        spawn(self._submit(list(dict.fromkeys(paths)), level), "check bags", self._failed)

    def show_job(self, job: str) -> None:
        """Show a check that ran or runs."""
        self._follow(job)

    def focus_filter(self) -> None:
        """Put the focus into the problems' filter."""
        if self.problems.isVisible():
            self.problems.field.setFocus()

    # -- running -------------------------------------------------------------------------------------------------------

    async def _submit(self, paths: Sequence[Path], level: Level) -> None:
        requests = await self._window.bridge.call(source.validate_requests, [str(path) for path in paths], level)
        self._queue = []
        self.queue.setVisible(len(requests) > 1)
        self.before.setVisible(len(requests) == 1)
        for number, request in enumerate(requests):
            job = await self._window.bridge.submit(request)
            self._queue.append(job)
            if number == 0:
                self._follow(job)
        self._jobs_changed()

    def _stop_queue(self) -> None:
        for job in self._queue:
            view = self._window.bridge.jobs.view(job)
            if view is not None and view.state in ALIVE:
                self._window.bridge.cancel(job)

    def _save_queue(self) -> None:
        views = [self._window.bridge.jobs.view(job) for job in self._queue]
        results = [
            cast("ValidateResult", view.result) for view in views if view is not None and view.result is not None
        ]
        ask_for_report(self, self._path.with_name("bags-report.html"), lambda path: self._save_report(results, path))

    def _follow(self, job: str) -> None:
        """Show this job from now on."""
        self._job, self._settled = job, False
        self.drop.set_compact(True)
        clear(self._errors)
        self.card.hide()
        self.problems.hide()
        self._jobs_changed()
        view = self._window.bridge.jobs.view(job)
        path = str(getattr(view.request, "path", "")) if view is not None else ""
        if path:
            self._look(Path(path))

    def _jobs_changed(self) -> None:
        if len(self._queue) > 1:
            views = [self._window.bridge.jobs.view(job) for job in self._queue]
            self.queue.show_jobs([view for view in views if view is not None])
        view = self._window.bridge.jobs.view(self._job) if self._job else None
        if view is None or self._settled:
            self._list_before()
            return
        alive = view.state in ALIVE
        self.progress.setVisible(alive)
        if alive:
            self.progress.show_view(view)
            self._list_before()
            return
        self._settled = True
        if view.result is not None and view.kind != "validate":
            self._done(view)
        elif view.result is not None:
            self._show_verdict(cast("ValidateResult", view.result))
        elif view.error is not None:
            self._failed(SatchelError(view.error.kind, view.error.message, view.error.hint, view.error.detail))
        else:
            what = "The check" if view.kind == "validate" else view.title
            self.card.show_text("warning", f"{what} was {view.state}", "Nothing is said of the bag.", self._path)
            self.card.show()
        self._list_before()

    def _show_verdict(self, result: ValidateResult) -> None:
        said = verdict(result)
        path = Path(result.path)
        self._path, self._result = path, result
        self.card.show_text(said.tone, said.title, said.text, path)
        self.card.show()
        found = Findings(result.errors, result.warnings)
        self.problems.setVisible(len(found) > 0)
        self.problems.show_found(found)
        self._inside.setStretch(self._stretch, 0 if len(found) else 1)
        announce(self, f"{path.name}: {said.title}", urgent=said.tone == "danger")

    def _failed(self, fault: BaseException) -> None:
        from satchel.gui.widgets.states import as_error

        self.progress.hide()
        clear(self._errors)
        self._errors.addWidget(ErrorCard(as_error(fault), button("Try again", lambda: self.check(self._path))))

    # -- what it is, and what can be done with it ---------------------------------------------------------------------

    def _look(self, path: Path) -> None:
        """Say what a bag is, whatever a check says of it."""
        if self._looking is not None:
            self._looking.cancel()
        if self._facts is None or self._facts.path != str(path):
            self._facts = None
            self.facts.hide()
        self._looking = spawn(self._inspect(path), "look at a bag", lambda _: self.facts.hide())

    async def _inspect(self, path: Path) -> None:
        found: InspectResult = await self._window.bridge.call(source.inspect, str(path))
        self._facts = found
        self.facts.show_facts(found)
        self.facts.show()

    def _ask_fetch(self) -> None:
        found = self._facts
        if found is None:
            return
        missing = f"{words.count(found.missing or 0, 'files')} that the bag lists are not here."
        changed = self._result is not None and any(e.code in ("checksum", "length") for e in self._result.errors)
        FetchDialog(self._window, missing, changed, self._fetch).open()

    def _fetch(self, choice: Choice) -> None:
        found = self._facts
        if found is None:
            return
        host = found.origin.host if found.origin is not None else ""
        access = self._window.access(host)
        # What a bag says of its host is trusted no further than the person knows that host.
        known = host if host in self._window.known_hosts() else ""
        request = self._window.bridge.call(source.fetch_request, found.path, choice, access, known)
        spawn(self._run(request), "fetch missing files", self._failed)

    def _ask_unpack(self) -> None:
        dialog = QFileDialog(self, "Choose the folder to unpack into", str(self._path.parent))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        path = str(self._path)
        dialog.fileSelected.connect(
            lambda into: spawn(
                self._run(self._window.bridge.call(source.extract_request, path, into)), "unpack", self._failed
            )
        )
        dialog.open()

    def _ask_pack(self) -> None:
        dialog = QFileDialog(self, "Pack the bag as", str(self._path.with_name(self._path.name + ".zip")))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["ZIP archive (*.zip)", "TGZ archive (*.tgz)"])
        dialog.setDefaultSuffix("zip")
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix("tgz" if "tgz" in chosen else "zip"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        path = str(self._path)

        def pack(out: str) -> None:
            kind = "tgz" if out.endswith((".tgz", ".tar.gz")) else "zip"
            request = self._window.bridge.call(source.archive_request, path, out, kind)
            spawn(self._run(request), "pack a bag", self._failed)

        dialog.fileSelected.connect(pack)
        dialog.open()

    async def _run(self, making: Coroutine[Any, Any, Request]) -> None:
        job = await self._window.bridge.submit(await making)
        self._follow(job)

    def _done(self, view: JobView) -> None:
        """A job that is no check has ended well."""
        if view.kind == "materialize":
            result = cast("MaterializeResult", view.result)
            self._say_fetched(result)
            self.check(Path(result.path))
        elif view.kind == "extract":
            self.check(Path(cast("ExtractResult", view.result).bag))
        else:
            made = jobs_words.made(view)
            self._window.toasts.say(
                f"Packed as {Path(made).name}.",
                "success",
                action="Show",
                do=partial(show_folder, self._window, Path(made)),
            )
            self.check(Path(made))

    def _say_fetched(self, result: MaterializeResult) -> None:
        said = f"{words.count(result.fetched, 'files')} fetched and verified ({words.size(result.bytes)})."
        if not result.problem_count:
            self._window.toasts.say(said, "success")
            return
        told = [f"{problem.path}: {problem.message}" for problem in result.problems[:TOLD]]
        if result.problem_count > len(told):
            told.append(f"and {result.problem_count - len(told):,} more.")
        title = f"{words.count(result.problem_count, 'files')} could not be fetched. {said}"
        self._window.toasts.say(title, "warning", "\n".join(told), action="Try again", do=self._ask_fetch)

    # -- the rest ------------------------------------------------------------------------------------------------------

    def _list_before(self) -> None:
        shown = FEW if self.problems.isVisible() else BEFORE
        views = [view for view in self._window.bridge.jobs.views() if view.kind == "validate" and view.id != self._job]
        views = [view for view in views if view.state not in ALIVE][:shown]
        listed = [(view.id, view.state) for view in views]
        if listed == self._listed and listed:
            return
        self._listed = listed
        rows: list[QWidget] = []
        for view in views:
            icon, role = jobs_words.icon_and_role(view)
            text = jobs_words.line(view)
            if view.result is not None:
                said = verdict(cast("ValidateResult", view.result))
                icon, role, text = _DISCS[said.tone][0], _DISCS[said.tone][1], said.title
            path = str(getattr(view.request, "path", ""))
            title = Path(path).name if path else view.title
            rows.append(RowButton(icon, title, f"{text} · {path}", do=partial(self._follow, view.id), role=role))
        self.before.put(rows, "Bags that you check are listed here, with what was found.")

    def _save_report(self, results: Sequence[ValidateResult | None], path: Path) -> None:
        there = [result for result in results if result is not None]

        async def save() -> None:
            await self._window.bridge.call(source.write_report, there, path)
            self._window.toasts.say(f"The report was saved as {path.name}.", "success")

        if there:
            spawn(save(), "save a report")

    def _dropped(self, paths: list[Path]) -> None:
        self.check_all(paths)

    def _open(self) -> None:
        show_folder(self._window, self._path)


class _VerdictCard(Card):
    """The verdict: a mark, a sentence, the bag's path."""

    def __init__(self) -> None:
        super().__init__()
        self._mark = QVBoxLayout()
        self.title = label("", "heading")
        self.text = label("", role="muted", wrap=True)
        self.path = CopyLabel("", "Bag", "caption", "muted")
        self.again = button("Check again", icon="refresh")
        self.open = button("Open folder", icon="folder")
        words = QVBoxLayout()
        words.setSpacing(SPACE_1)
        words.addWidget(self.title)
        words.addWidget(self.text)
        words.addWidget(self.path)
        line = row(self._mark, words, self.again, self.open, spacing=SPACE_3)
        line.setStretch(1, 1)
        line.setSpacing(SPACE_4)
        self.body.addLayout(line)

    def show_text(self, tone: str, title: str, text: str, path: Path) -> None:
        """Show a verdict."""
        clear(self._mark)
        icon, ink, ground = _DISCS[tone]
        self._mark.addWidget(IconDisc(icon, ink, ground, 56, 30), 0, Qt.AlignmentFlag.AlignVCenter)
        self.title.setText(title)
        self.text.setText(text)
        self.path.set_text(str(path))
        self.setAccessibleName(f"{title}. {text}")
        self.setContentsMargins(SPACE_2, 0, 0, 0)
