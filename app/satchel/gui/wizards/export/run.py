"""Page four: the export runs, and goes on when the wizard is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout

from satchel.gui.activity.panel import JobPanel
from satchel.gui.engine_bridge import ALIVE
from satchel.gui.tasks import spawn
from satchel.gui.theme import SPACE_2, SPACE_4
from satchel.gui.widgets.boxes import clear
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.flows.record import RecordFlow
    from satchel.core.jobs.views import JobView
    from satchel.gui.window import MainWindow


class RunPage(WizardPage):
    """Starts the job when it is entered, shows it, and goes on when it has ended well."""

    next_text = "&Next"

    def __init__(self, window: MainWindow, flow: RecordFlow, what: str = "export") -> None:
        super().__init__()
        self._window, self._flow, self._what = window, flow, what
        self.job = ""
        self._closed = False
        self.view: JobView | None = None
        self.busy = BusyLine(can_cancel=False)
        self._errors = QVBoxLayout()
        self.panel = JobPanel(window)
        self.panel.hide()
        self.panel.discarded.connect(self._discarded)
        self.panel.repeated.connect(self._repeated)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(24, SPACE_2, 24, SPACE_4)
        inside.addWidget(self.busy)
        inside.addLayout(self._errors)
        inside.addWidget(self.panel, 1)
        inside.addStretch(0)
        window.bridge.changed.connect(self._look)

    def entered(self) -> None:
        if not self._flow.finished and not self._flow.running:
            self._start()

    def _start(self) -> None:
        clear(self._errors)
        self.job, self.view = "", None
        self.panel.hide()
        self._flow.running = True
        self.busy.wait_for(f"Starting the {self._what}")
        spawn(self._submit(), f"start the {self._what}", self._not_started)
        self.changed.emit()

    async def _submit(self) -> None:
        window = self._window
        job = await window.bridge.submit(self._flow.request())
        if self._closed:
            # It runs on all the same, and says by a notice how it ended.
            return
        self.job = job
        window.watched.add(job)
        self.busy.done()
        self.panel.show()
        self._look()
        self.panel.cancel.setFocus()

    def end(self) -> None:
        """The wizard closes; what runs goes on."""
        self._closed = True
        self._window.watched.discard(self.job)

    def _not_started(self, fault: BaseException) -> None:
        if self._closed:
            self._window.fail(fault)
            return
        self.busy.done()
        self._flow.running = False
        clear(self._errors)
        self._errors.addWidget(ErrorCard(as_error(fault), button("Try again", self._start), dismissable=False))
        self.changed.emit()

    def _look(self) -> None:
        view = self._window.bridge.jobs.view(self.job) if self.job else None
        if view is None or view is self.view:
            return
        before, self.view = self.view, view
        if self.isVisible() or before is None:
            self.panel.show_job(view)
        if before is not None and before.state == view.state:
            return
        self._flow.running = view.state in ALIVE
        if view.state == "done" and not self._flow.finished:
            self._flow.finished = True
            self.changed.emit()
            if self.isVisible():
                self.advance.emit()
            return
        self.changed.emit()

    def _repeated(self, job: str) -> None:
        """The same was put into the queue anew: that one is shown from now on."""
        self._window.watched.discard(self.job)
        self.job, self.view = job, None
        self._window.watched.add(job)
        self._flow.running = True
        self._look()

    def _discarded(self) -> None:
        """Thrown away: back to the options, from where it can be started anew."""
        self.job, self.view = "", None
        self.panel.hide()
        self._errors.addWidget(
            Notice(f"The {self._what} was discarded.", "info", "", button("Start anew", self._start))
        )
        self.changed.emit()
