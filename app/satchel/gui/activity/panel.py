"""One job in full: what it is, how far it is, what it said, and what can be done with it.

The same panel stands on the activity page and on the last pages of the wizards.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from satchel.core import words
from satchel.core.errors import SatchelError
from satchel.core.jobs.asking import SIGN_IN, SIGNED_IN, STOP
from satchel.gui import jobs_words
from satchel.gui.activity.log import LogView
from satchel.gui.activity.timeline import Timeline
from satchel.gui.engine_bridge import ALIVE
from satchel.gui.folders import show_folder
from satchel.gui.icons import IconDisc
from satchel.gui.tasks import spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.boxes import Card, clear, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import ErrorCard
from satchel.gui.widgets.text import CopyLabel, label, selectable

if TYPE_CHECKING:
    from satchel.core.clone.request import CloneResult
    from satchel.core.jobs.views import JobView
    from satchel.gui.window import MainWindow

RESUMABLE = frozenset({"failed", "cancelled", "interrupted"})
WARNINGS = 4
"""Warnings that are shown; the log has all."""
_GROUNDS = {
    "success": "success_soft",
    "warning": "warning_soft",
    "danger": "danger_soft",
    "accent_text": "accent_soft",
    "muted": "sunken",
}


class JobPanel(QWidget):
    """Shows a `JobView`; `show_job` is called again whenever it has changed."""

    repeated = Signal(str)
    """The same request was put into the queue anew: the new job's id."""
    discarded = Signal()
    """The person has thrown the job away."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self._view: JobView | None = None
        self._shown: tuple[str, str] = ("", "")
        self._warned = -1
        self._disc = QVBoxLayout()
        self.title = selectable(label("", "heading", wrap=True))
        self.state = label("", role="muted")
        self.made = CopyLabel("", "Made", "caption", "muted")

        bridge = window.bridge
        self.cancel = button("&Cancel", self._cancel, icon="stop", tip="Stop it. What is done is kept for resuming.")
        self.resume = button("&Resume", self._resume, icon="play", primary=True, tip="Go on from where it stopped")
        self.open = button("&Open folder", self._open, icon="folder")
        self.check = button("Check the &bag", self._check, icon="check-bag")
        self.again = button("Run a&gain", self._again, icon="refresh", tip="Put the same request into the queue anew")
        self.report = button("Show &report", self._report, icon="detail")
        self.copy_command = button(
            "Copy as co&mmand", self._copy, icon="copy", tip="Copy the command that does the same in a terminal"
        )
        self.log_button = button("Show &log", icon="detail")
        self.log_button.setCheckable(True)
        self.log_button.toggled.connect(self._toggle_log)
        self.discard = button("&Discard…", self._discard, icon="trash", danger=True)
        self.log = LogView(bridge)
        self.log.hide()
        self.timeline = Timeline()
        self._notes = QVBoxLayout()
        self._notes.setSpacing(SPACE_2)

        names = QVBoxLayout()
        names.setSpacing(SPACE_1)
        names.addWidget(self.title)
        names.addWidget(self.state)
        names.addWidget(self.made)
        head = row(self._disc, names, self.cancel, self.resume, spacing=SPACE_4)
        head.setStretch(1, 1)
        tools = row(
            self.open,
            self.check,
            self.report,
            self.again,
            self.copy_command,
            self.log_button,
            None,
            self.discard,
            spacing=SPACE_2,
        )
        card = Card(margin=SPACE_2, spacing=0)
        card.body.addWidget(self.timeline)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_3)
        inside.addLayout(head)
        inside.addLayout(self._notes)
        inside.addWidget(card, 3)
        inside.addWidget(self.log, 2)
        inside.addLayout(tools)

    @property
    def view(self) -> JobView | None:
        """The job that is shown."""
        return self._view

    def show_job(self, view: JobView) -> None:
        """Show a job, or a newer view of it."""
        self._view = view
        self.timeline.show_job(view)
        said = jobs_words.line(view) if view.state != "failed" else jobs_words.state_words(view)
        self.state.setText(f"{said} · {words.duration(view.seconds)}" if view.started else said)
        now = (view.id, view.state)
        if now == self._shown and view.warning_count == self._warned:
            return
        another = view.id != self._shown[0]
        self._shown, self._warned = now, view.warning_count
        self._show_head(view)
        self._show_notes(view)
        if another:
            self.log.follow(view.id)

    def _show_head(self, view: JobView) -> None:
        self.title.setText(view.title)
        clear(self._disc)
        icon, role = jobs_words.icon_and_role(view)
        self._disc.addWidget(IconDisc(icon, role, _GROUNDS.get(role, "sunken")))
        path = jobs_words.made(view)
        self.made.set_text(path)
        self.made.setVisible(bool(path))
        alive = view.state in ALIVE
        self.cancel.setVisible(alive)
        self.cancel.setEnabled(view.state != "cancelling")
        self.resume.setVisible(view.state in RESUMABLE and view.request is not None)
        self.open.setVisible(bool(path))
        self.again.setVisible(view.state in ("done", *RESUMABLE) and view.request is not None)
        self.report.setVisible(view.kind == "clone" and view.state == "done")
        self.check.setVisible(view.kind in ("export", "export-spec", "export-dataset") and bool(path))
        self.copy_command.setVisible(view.request is not None)
        self.discard.setVisible(not alive)

    def _show_notes(self, view: JobView) -> None:
        clear(self._notes)
        if view.question is not None:
            asked = view.question
            say = partial(self._window.bridge.answer, view.id, asked.question)
            answers = [button(c, partial(say, c), primary=c == asked.default) for c in asked.choices]
            if asked.question.startswith(SIGN_IN):
                host = asked.question.removeprefix(SIGN_IN)
                sign_in = partial(self._sign_in, host, partial(say, SIGNED_IN))
                answers = [button("&Sign in…", sign_in, icon="key", primary=True), button(STOP, partial(say, STOP))]
            self._notes.addWidget(Notice(asked.text, "warning", "", *answers, dismissable=False))
        if view.error is not None and view.state == "failed":
            error = SatchelError(view.error.kind, view.error.message, view.error.hint, view.error.detail)
            self._notes.addWidget(ErrorCard(error, dismissable=False))
        title, tone, text = jobs_words.outcome(view)
        if title:
            self._notes.addWidget(Notice(title, tone, text, dismissable=False))
        if view.warning_count:
            told = [f"{w.message} {w.hint}".strip() for w in view.warnings[-WARNINGS:]]
            if view.warning_count > len(told):
                told.append(f"and {view.warning_count - len(told):,} more; the log has them all.")
            title = words.count(view.warning_count, "warnings") if view.warning_count > 1 else "One warning"
            self._notes.addWidget(Notice(title, "warning", "\n".join(told), dismissable=False))

    # -- what is done ---------------------------------------------------------------------------------------------

    def _cancel(self) -> None:
        if self._view is not None:
            self._window.bridge.cancel(self._view.id)

    def _sign_in(self, host: str, then: Callable[[], object]) -> None:
        from satchel.gui.sign_in import open_sign_in

        open_sign_in(self.window(), self._window, host, then)

    def _resume(self) -> None:
        if self._view is not None:
            spawn(self._window.bridge.resume(self._view.id), "resume a job")

    def _discard(self) -> None:
        view = self._view
        if view is None:
            return
        if view.kind == "clone":
            from satchel.gui.clone.discard import ask_to_discard as ask_about_clone

            ask_about_clone(self._window, view, self.discarded.emit)
            return
        from satchel.gui.dialogs import ask_to_discard

        async def really() -> None:
            await self._window.bridge.discard(view.id)
            self.discarded.emit()

        ask_to_discard(self.window(), [view], lambda: spawn(really(), "discard a job"))

    def _open(self) -> None:
        if self._view is not None:
            show_folder(self._window, Path(jobs_words.made(self._view)))

    def _check(self) -> None:
        if self._view is not None:
            self._window.check_bag(Path(jobs_words.made(self._view)))
            if self.window() is not self._window:
                self._window.raise_()
                self._window.activateWindow()

    def _again(self) -> None:
        request = self._view.request if self._view is not None else None
        if request is None:
            return

        async def submit() -> None:
            self.repeated.emit(await self._window.bridge.submit(request))

        spawn(submit(), "run a job again")

    def _report(self) -> None:
        result = self._view.result if self._view is not None else None
        if result is not None:
            from satchel.gui.clone.report_view import ReportWindow

            ReportWindow(self._window, cast("CloneResult", result)).show()

    def _copy(self) -> None:
        if self._view is not None and self._view.request is not None:
            from satchel.core.flows.command import command_line

            try:
                text = command_line(self._view.request)
            except TypeError:  # a spec that was edited and saved nowhere
                self._window.toasts.say("There is no command for this job.", "warning", "Save the spec, and run that.")
                return
            QGuiApplication.clipboard().setText(text)
            self._window.toasts.say("The command is on the clipboard.")

    def _toggle_log(self, on: bool) -> None:
        self.log.setVisible(on)
        self.log_button.setText(" Hide &log" if on else " Show &log")
