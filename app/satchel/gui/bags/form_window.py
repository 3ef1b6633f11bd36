"""What the windows that make and change bags share: profile, checksums, bag-info, what is wrong, one button."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QGridLayout, QHBoxLayout, QLayout, QVBoxLayout, QWidget

from satchel.core.flows.bag_form import ALGORITHMS, LABELS, rules
from satchel.gui.bags import source
from satchel.gui.bags.info_form import InfoForm
from satchel.gui.bags.profile import ProfileBox, host_of
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4, SPACE_6
from satchel.gui.widgets.boxes import Card, PageHead, ScrollPage, clear, column, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import ErrorCard, as_error
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.bags.profiles import Profile
    from satchel.core.flows.flow import Problem
    from satchel.core.jobs.request import Request
    from satchel.gui.window import MainWindow

NAMES = {"md5": "MD5", "sha1": "SHA-1", "sha224": "SHA-224", "sha256": "SHA-256", "sha384": "SHA-384",
         "sha512": "SHA-512"}  # fmt: skip


class FormWindow(QDialog):
    """A window beside the main one. Subclasses fill `body`, and say what is wrong and what to submit."""

    def __init__(self, window: MainWindow, title: str, text: str, do: str) -> None:
        super().__init__(window, Qt.WindowType.Window)
        self._window = window
        self._checking = False
        self._fetching: Spawned | None = None
        self.profile_found: Profile | None = None
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumSize(QSize(640, 480))
        self.resize(820, 760)
        self.body = column(spacing=SPACE_4)
        self.profile = ProfileBox(window.settings, window.save_settings, own=True)
        self.profile.chosen.connect(self._find_profile)
        self.form = InfoForm(LABELS)
        self.form.changed.connect(self.look)
        self.algorithms = {name: QCheckBox(NAMES[name]) for name in ALGORITHMS}
        for box in self.algorithms.values():
            box.toggled.connect(self.look)
        scroll = ScrollPage(width=900)
        scroll.body.setContentsMargins(SPACE_6, SPACE_6, SPACE_6, SPACE_4)
        scroll.body.setSpacing(SPACE_4)
        scroll.body.addWidget(PageHead(title, text))
        card = Card(margin=SPACE_4)
        card.body.addLayout(self.body)
        scroll.body.addWidget(card)
        scroll.body.addStretch(1)
        self._errors = QVBoxLayout()
        self.problem = label("", role="danger", wrap=True)
        self.go = button(do, self.submit, primary=True)
        self.go.setDefault(True)
        foot = row(self.problem, button("Cancel", self.close), self.go, spacing=SPACE_2)
        foot.setStretch(0, 1)
        below = column(spacing=SPACE_3, margins=(SPACE_6, SPACE_3, SPACE_6, SPACE_4))
        below.addLayout(self._errors)
        below.addLayout(foot)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        inside.addWidget(scroll, 1)
        inside.addLayout(below)

    # -- for subclasses ------------------------------------------------------------------------------------------------

    def problems(self) -> list[Problem]:
        """What keeps it from being done."""
        raise NotImplementedError

    def request(self) -> Request:
        """What is to be done."""
        raise NotImplementedError

    def places(self) -> dict[str, QWidget]:
        """Where problems are, by the names of their fields."""
        return {}

    def changed(self) -> None:
        """Something was typed or chosen."""

    def add(self, grid: QGridLayout, text: str, what: QWidget | QLayout, buddy: QWidget | None = None) -> None:
        """A line of the form."""
        line = grid.rowCount()
        said = label(text)
        said.setContentsMargins(0, 6, 0, 0)
        if buddy is not None:
            said.setBuddy(buddy)
        grid.addWidget(said, line, 0, Qt.AlignmentFlag.AlignTop)
        if isinstance(what, QWidget):
            grid.addWidget(what, line, 1)
        else:
            grid.addLayout(what, line, 1)

    @staticmethod
    def grid() -> QGridLayout:
        """Names at the left, fields at the right."""
        made = QGridLayout()
        made.setHorizontalSpacing(SPACE_4)
        made.setVerticalSpacing(SPACE_3)
        made.setColumnStretch(1, 1)
        made.setColumnMinimumWidth(0, 110)
        return made

    def sums(self) -> QHBoxLayout:
        """The boxes for checksums."""
        return row(*self.algorithms.values(), None, spacing=SPACE_2)

    def chosen_sums(self) -> tuple[str, ...]:
        """The checksums that are ticked."""
        return tuple(name for name, box in self.algorithms.items() if box.isChecked())

    @staticmethod
    def stack(*parts: QWidget | QLayout) -> QVBoxLayout:
        """One below the other."""
        made = column(spacing=SPACE_1)
        for part in parts:
            if isinstance(part, QWidget):
                made.addWidget(part)
            else:
                made.addLayout(part)
        return made

    # -- what is wrong, and going on -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Take over what was typed; once the person has tried to go on, say what is wrong."""
        self.changed()
        if self._checking:
            self._say(self.problems())

    def _say(self, problems: Sequence[Problem]) -> None:
        others = [problem for problem in problems if not problem.field.startswith("info:")]
        self.problem.setText(others[0].message if others else "See what is marked." if problems else "")
        self.form.show_problems(problems)
        for name, field in self.places().items():
            wrong = any(problem.field == name for problem in problems)
            if bool(field.property("invalid")) != wrong:
                field.setProperty("invalid", wrong)
                field.style().unpolish(field)
                field.style().polish(field)

    def submit(self) -> None:
        """Do it, or go where something is wrong."""
        self._checking = True
        self.changed()
        clear(self._errors)
        problems = self.problems()
        self._say(problems)
        if problems:
            first = problems[0]
            if first.field.startswith("info"):
                self.form.go_to(first)
            elif first.field in self.places():
                self.places()[first.field].setFocus()
            return
        self.go.setEnabled(False)
        spawn(self._submit(self.request()), "make or change a bag", self._failed)

    async def _submit(self, request: Request) -> None:
        job = await self._window.bridge.submit(request)
        self._window.follow_bag_job(job)
        self.close()

    def _failed(self, fault: BaseException) -> None:
        self.go.setEnabled(True)
        clear(self._errors)
        self._errors.addWidget(ErrorCard(as_error(fault), dismissable=False))

    # -- the profile ---------------------------------------------------------------------------------------------------

    def _find_profile(self, profile: str) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
        self._fetching = spawn(self._take_profile(profile), "read a profile", self._failed)

    async def _take_profile(self, profile: str) -> None:
        ca = self._window.access(host_of(profile)).ca if "://" in profile else ()
        found = await self._window.bridge.call(source.profile_of, profile, ca)
        clear(self._errors)
        self.profile_found = found
        self.form.set_rules(rules(found))
        if found is not None:
            for name in (*found.manifests_required, *found.tag_manifests_required):
                box = self.algorithms.get(name.lower().replace("-", ""))
                if box is not None:
                    box.setChecked(True)
        self.look()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
            return
        super().keyPressEvent(event)
