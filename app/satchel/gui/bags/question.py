"""What running jobs ask, with the reason, put where they run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from satchel.core import words
from satchel.core.jobs.asking import SIGN_IN, SIGNED_IN
from satchel.gui.engine_bridge import ALIVE
from satchel.gui.theme import SPACE_2
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import clear
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.notices import Notice

if TYPE_CHECKING:
    from PySide6.QtWidgets import QPushButton

    from satchel.core.jobs.events import Asked
    from satchel.core.jobs.views import JobView
    from satchel.gui.window import MainWindow

_WORDS = {"yes": "&Yes", "no": "&No", "unpack": "&Unpack it all the same", "stop": "Do &not unpack", "fetch": "&Fetch"}


PATIENCE = 1.0
"""Seconds until an answer must have been heard."""


class Questions(QWidget):
    """The first question that one of some jobs waits with; where several ask, one answer can be given to all."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window, self._bridge = window, window.bridge
        self._shown: tuple[str, str, int] = ("", "", 0)
        self._always: dict[str, str] = {}
        self._given: dict[tuple[str, str], tuple[str, float]] = {}
        """Answers, and when they were given last."""
        self.notice: Notice | None = None
        self.answers: dict[str, QPushButton] = {}
        self.alike = QCheckBox("Ans&wer the same for all other bags that ask this")
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_2)
        self._room = QVBoxLayout()
        inside.addLayout(self._room)
        inside.addWidget(self.alike)
        self.hide()

    def forget(self) -> None:
        """Other bags come: an answer for all of those before does not count for them."""
        self._always.clear()
        self._given.clear()

    def show_jobs(self, views: Sequence[JobView]) -> None:
        """Show the question of the first that asks one; nothing where none does."""
        waiting = []
        for view in views:
            asked = view.question
            if asked is None:
                continue
            if (given := self._given.get((view.id, asked.question))) is not None:
                # The job needs a moment until it has heard it; one that asks again is told the same.
                if time.monotonic() - given[1] <= PATIENCE:
                    continue
                if asked.question.startswith(SIGN_IN):  # that one did not do
                    del self._given[view.id, asked.question]
                    waiting.append((view, asked))
                else:
                    self._answer(view.id, asked.question, given[0])
            elif (choice := self._always.get(asked.question)) is not None:
                self._answer(view.id, asked.question, choice)
            else:
                waiting.append((view, asked))
        now = (waiting[0][0].id, waiting[0][1].question, len(waiting)) if waiting else ("", "", 0)
        if now != self._shown:
            self._shown = now
            self._show(waiting, several=sum(view.state in ALIVE for view in views) > 1)

    def _show(self, waiting: list[tuple[JobView, Asked]], *, several: bool) -> None:
        clear(self._room)
        self.notice, self.answers = None, {}
        self.setVisible(bool(waiting))
        self.alike.setVisible(several)
        if not waiting:
            return
        view, asked = waiting[0]
        name = Path(str(getattr(view.request, "path", ""))).name or view.title
        hint = f"{name}. Suggested: {said(asked.default)}."
        if len(waiting) > 1:
            hint += f" {words.count(len(waiting) - 1)} more ask something."
        for choice in asked.choices:
            text = _WORDS.get(choice, choice.replace("-", " ").capitalize())
            self.answers[choice] = button(
                text, partial(self._chosen, view.id, asked.question, choice), primary=choice == asked.default
            )
        if asked.question.startswith(SIGN_IN):
            hint = f"{name}."
            host = asked.question.removeprefix(SIGN_IN)
            go_on = partial(self._chosen, view.id, asked.question, SIGNED_IN)
            self.answers[SIGNED_IN] = button("&Sign in…", partial(self._sign_in, host, go_on), icon="key", primary=True)
        self.notice = Notice(asked.text, "warning", hint, *self.answers.values(), dismissable=False)
        self._room.addWidget(self.notice)
        announce(self, f"{asked.text} {hint}", urgent=True)

    def _sign_in(self, host: str, then: Callable[[], object]) -> None:
        from satchel.gui.sign_in import open_sign_in

        open_sign_in(self._window, self._window, host, then)

    def _chosen(self, job: str, question: str, choice: str) -> None:
        if self.alike.isVisible() and self.alike.isChecked():
            self._always[question] = choice
            self.alike.setChecked(False)
        self._answer(job, question, choice)
        self._shown = ("", "", 0)
        self._show([], several=False)

    def _answer(self, job: str, question: str, choice: str) -> None:
        self._given[job, question] = choice, time.monotonic()
        self._bridge.answer(job, question, choice)


def said(choice: str) -> str:
    """An answer as a sentence names it: "Do not unpack"."""
    return _WORDS.get(choice, choice.replace("-", " ").capitalize()).replace("&", "")
