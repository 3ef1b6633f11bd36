"""The page on which bags are checked: drop one, watch, read the verdict and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from satchel.core import words
from satchel.core.errors import SatchelError
from satchel.gui.bags import source
from satchel.gui.bags.batch import Batch
from satchel.gui.bags.before import Before
from satchel.gui.bags.card import VerdictCard
from satchel.gui.bags.doing import Doing
from satchel.gui.bags.facts import FactsCard
from satchel.gui.bags.fetch import Choice
from satchel.gui.bags.problems import ProblemsPane
from satchel.gui.bags.profile import ProfileBox, host_of
from satchel.gui.bags.progress import CheckProgress
from satchel.gui.bags.question import Questions
from satchel.gui.bags.repair import is_broken
from satchel.gui.bags.stored import all_of
from satchel.gui.bags.verdict import checks, verdict
from satchel.gui.engine_bridge import ALIVE
from satchel.gui.folders import show_folder
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_4
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import PageHead, ScrollPage, clear
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.drop_zone import DropZone
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import ErrorCard, as_error
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.bags.inspecting import InspectResult
    from satchel.core.bags.validate import ValidateResult
    from satchel.core.jobs.views import JobView
    from satchel.gui.window import MainWindow

LEVELS = (
    ("full", "Every checksum"),
    ("fast", "Sizes only (fast)"),
    ("completeness", "Are all files there"),
    ("structure", "Structure only"),
)


class BagsPage(QWidget):
    """Check bags."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self._job = ""
        self._settled = False
        self._looking: Spawned | None = None
        self.path = Path()
        """The bag that is shown."""
        self.result: ValidateResult | None = None
        """The verdict on it."""
        self.found: InspectResult | None = None
        """What it says of itself."""
        self.doing = Doing(window, self)
        self.batch = Batch(window, self.follow, self._submit, self._save_report)
        self.level = QComboBox()
        self.level.setAccessibleName("How thorough")
        self.level.view().setAccessibleName("How thorough")
        for value, title in LEVELS:
            self.level.addItem(title, value)
        self.level.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.level.setMinimumContentsLength(11)
        self.level.setCurrentIndex(max(0, self.level.findData(window.settings.bag_level)))
        self.level.activated.connect(self._level_chosen)
        how = label("How &thorough", role="muted")
        how.setBuddy(self.level)
        self.profile = ProfileBox(window.settings, window.save_settings)
        against = label("Pr&ofile", role="muted")
        against.setBuddy(self.profile)
        head = PageHead("Bags", "Is anything missing, was anything changed?", how, self.level, against, self.profile)

        head.subtitle.setWordWrap(True)
        head.subtitle.setMinimumWidth(80)
        line = head.layout()
        if isinstance(line, QHBoxLayout):
            line.setStretch(0, 1)  # all the room there is, before it is wrapped
            line.setStretch(1, 0)
        self.drop = DropZone(
            "Drop a bag here to check it",
            "A folder or an archive (zip, tgz, tar, tar.bz2, tar.xz), or many at once. Click to choose.",
        )
        self.drop.dropped.connect(self.check_all)
        self.drop.clicked.connect(window.choose_bag)
        self.progress = CheckProgress()
        self.progress.cancelled.connect(lambda: window.bridge.cancel(self._job))
        self.progress.hide()
        self.queue = self.batch.pane
        self.questions = Questions(window)
        self.facts = FactsCard()
        self.facts.fetch.clicked.connect(self.doing.ask_fetch)
        self.facts.unpack.clicked.connect(self.doing.ask_unpack)
        self.facts.pack.clicked.connect(self.doing.ask_pack)
        self.facts.compare.clicked.connect(lambda: window.compare_bags(str(self.path)))
        self.facts.look.clicked.connect(self._look_inside)
        self.facts.check_profile.clicked.connect(self._check_named_profile)
        self.facts.change.triggered.connect(lambda: self.doing.ask_change())
        self.facts.holey.triggered.connect(lambda: self.doing.ask_holey())
        self.facts.full.triggered.connect(lambda: self.doing.fetch(Choice(full=True)))
        self.facts.hide()
        self.card = VerdictCard()
        self.card.again.clicked.connect(lambda: self.check(self.path))
        self.card.full.clicked.connect(self._check_fully)
        self.card.repair.clicked.connect(self.doing.repair)
        self.card.make.clicked.connect(lambda: window.make_bag(str(self.path)))
        self.card.resume.clicked.connect(self._resume)
        self.card.open.clicked.connect(lambda: show_folder(window, self.path))
        self.card.hide()
        self._errors, self._notes = QVBoxLayout(), QVBoxLayout()
        self.problems = ProblemsPane()
        self.problems.save_wanted.connect(lambda path: self._save_report([self.result], [], path))
        self.problems.suggested = lambda: self.path.with_name(f"{self.path.name}-report.html")
        self.problems.hide()
        self.before = Before(self.follow)
        # Where the window is low all of it scrolls, rather than be squeezed.
        scroll = ScrollPage(width=16_000)
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(scroll)
        inside = scroll.body
        inside.setSpacing(SPACE_4)
        inside.addWidget(head)
        inside.addWidget(self.drop)
        inside.addWidget(self.queue, 1)
        inside.addWidget(self.questions)
        inside.addWidget(self.progress)
        inside.addWidget(self.card)
        inside.addWidget(self.facts)
        inside.addLayout(self._errors)
        inside.addLayout(self._notes)
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
        """Check bags one after the other; several get a list with a line each. Of a folder its bagit.txt will do."""
        paths = [path.parent if path.name == "bagit.txt" else path for path in paths]
        if paths[0] != self.path:
            clear(self._notes)
        self.path = paths[0]
        for path in reversed(paths):
            self._window.settings.remember_bag(str(path))
        self._window.save_settings()
        self.batch.begin(list(dict.fromkeys(str(path) for path in paths)))
        self.questions.forget()
        spawn(self.batch.check(), "check bags", self.fail)

    def _level_chosen(self) -> None:
        self._window.settings.bag_level = self.level.currentData()
        self._window.save_settings()

    def _check_fully(self) -> None:
        self.level.setCurrentIndex(self.level.findData("full"))
        self.check(self.path)

    def _check_named_profile(self) -> None:
        self.profile.use("bag")
        self.check(self.path)

    def _resume(self) -> None:
        job, self._settled = self._job, False
        self.card.hide()
        spawn(self._window.bridge.resume(job), "go on", self.fail)

    def show_job(self, job: str) -> None:
        """Show a check that ran or runs."""
        self.follow(job)

    def note(self, notice: Notice | None) -> None:
        """Say something that stays until another bag comes, or nothing more."""
        clear(self._notes)
        if notice is not None:
            self._notes.addWidget(notice)

    def errors(self) -> list[ErrorCard]:
        """What could not be done, as it is shown."""
        return [card for card in self.findChildren(ErrorCard) if card.isVisible()]

    def focus_filter(self) -> None:
        """Put the focus into the problems' filter."""
        if self.problems.isVisible():
            self.problems.field.setFocus()

    # -- running -------------------------------------------------------------------------------------------------------

    async def _submit(self, path: str) -> str:
        """Submit a check, as thorough as is chosen. Returns the job's id."""
        profile, level = self.profile.value, self.level.currentData()
        ca = self._window.access(host_of(profile)).ca if "://" in profile else ()
        request = await self._window.bridge.call(source.validate_request, path, level, profile, ca)
        return await self._window.bridge.submit(request)

    def follow(self, job: str) -> None:
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
        self.batch.look()
        view = self._window.bridge.jobs.view(self._job) if self._job else None
        asking = self.batch.views()
        if view is not None and all(other.id != view.id for other in asking):
            asking = [view, *asking]
        self.questions.show_jobs(asking)
        if view is not None and not self._settled:
            alive = view.state in ALIVE
            self.progress.setVisible(alive)
            if alive:
                self.progress.show_view(view)
            else:
                self._settled = True
                self._show_end(view)
        # What was checked before is of interest while there is nothing else to read.
        busy = not (self.problems.isHidden() and self.queue.isHidden()) or self._notes.count() > 0
        self.before.setVisible(not busy)
        if not busy:
            self.before.put_jobs(self._window.bridge.jobs.views(), self.path)

    def _show_end(self, view: JobView) -> None:
        if view.result is not None and view.kind != "validate":
            self.doing.ended(view)
        elif view.result is not None:
            self._show_verdict(cast("ValidateResult", view.result))
        elif view.error is not None:
            self.fail(SatchelError(view.error.kind, view.error.message, view.error.hint, view.error.detail))
        else:
            self._show_stopped(view)

    def _show_stopped(self, view: JobView) -> None:
        if view.kind == "materialize":
            stage = next((stage for stage in view.stages if stage.name == "fetch"), None)
            whole = f" of {words.size(stage.total)}" if stage is not None and stage.total else ""
            done = f"{words.size(stage.done)}{whole} had come. " if stage is not None else ""
            text = f"{done}What is fetched stays, and fetching goes on where it stopped."
            self.card.show_text("warning", "Fetching is paused", text, self.path, resumable=True)
        else:
            what = "The check" if view.kind == "validate" else view.title
            self.card.show_text("warning", f"{what} was {view.state}", "Nothing is said of the bag.", self.path)
        self.card.show()

    def _show_verdict(self, result: ValidateResult) -> None:
        said = verdict(result)
        path = Path(result.path)
        self.path, self.result = path, result
        self.card.show_text(said.tone, said.title, said.text, path, checks(result), less=result.level != "full")
        self._offer_repair()
        self.card.make.setVisible(not result.version and any(e.path == "bagit.txt" for e in result.errors))
        self.card.show()
        found = all_of(result)
        self.problems.setVisible(len(found) > 0)
        self.problems.show_found(found)
        self._inside.setStretch(self._stretch, 0 if len(found) else 1)
        announce(self, f"{path.name}: {said.title}", urgent=said.tone == "danger")

    def fail(self, fault: BaseException) -> None:
        """Say why something could not be done."""
        self.progress.hide()
        clear(self._errors)
        self._errors.addWidget(ErrorCard(as_error(fault), button("Try again", lambda: self.check(self.path))))

    # -- what it is ----------------------------------------------------------------------------------------------------

    def _look(self, path: Path) -> None:
        """Say what a bag is, whatever a check says of it."""
        if self._looking is not None:
            self._looking.cancel()
        if self.found is None or self.found.path != str(path):
            self.found = None
            self.facts.hide()
        self._looking = spawn(self._inspect(path), "look at a bag", lambda _: self.facts.hide())

    def _look_inside(self) -> None:
        from satchel.gui.bags.inside.window import InsideWindow

        fetch = self.doing.ask_fetch if self.found is not None and self.found.kind == "folder" else None
        InsideWindow(self._window, str(self.path), self.doing.ask_unpack, fetch).show()

    async def _inspect(self, path: Path) -> None:
        found: InspectResult = await self._window.bridge.call(source.inspect, str(path))
        self.found = found
        self.facts.show_facts(found)
        self.facts.show()
        self._offer_repair()

    def _offer_repair(self) -> None:
        """Only what fetch.txt tells of can be had again, and only into a folder."""
        found, result = self.found, self.result
        same = found is not None and result is not None and found.path == result.path
        can = found is not None and found.kind == "folder" and found.remote > 0
        self.card.repair.setVisible(same and can and result is not None and is_broken(result))

    def _save_report(
        self, results: Sequence[ValidateResult | None], failed: Sequence[tuple[str, str]], path: Path
    ) -> None:
        there = [result for result in results if result is not None]

        async def save() -> None:
            await self._window.bridge.call(source.write_report, there, list(failed), path)
            self._window.toasts.say(f"The report was saved as {path.name}.", "success")

        if there:
            spawn(save(), "save a report")
