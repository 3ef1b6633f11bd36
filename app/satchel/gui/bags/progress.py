"""A running check: its phases as they go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar

from satchel.core import words
from satchel.gui import jobs_words
from satchel.gui.theme import SPACE_2, SPACE_3
from satchel.gui.widgets.boxes import Card, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import Spinner
from satchel.gui.widgets.text import ElidedLabel, label

if TYPE_CHECKING:
    from satchel.core.jobs.views import JobView


class CheckProgress(Card):
    """Says which phase runs, how far it is where that is known, and what is in hand."""

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__(spacing=SPACE_2)
        self.title = label("", "strong")
        self.figures = label("", role="muted")
        self.cancel = button("Cancel", self.cancelled.emit)
        head = row(Spinner(20), self.title, None, self.figures, self.cancel, spacing=SPACE_3)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the check")
        self.item = ElidedLabel("", "caption", "muted")
        self.body.addLayout(head)
        self.body.addWidget(self.bar)
        self.body.addWidget(self.item)

    def show_view(self, view: JobView) -> None:
        """Show where the job stands."""
        fraction, phase = jobs_words.progress(view)
        stage = jobs_words.current_stage(view)
        self.title.setText(phase)
        self.cancel.setEnabled(view.state != "cancelling")
        self.bar.setRange(0, 1000 if fraction is not None else 0)
        if fraction is not None:
            self.bar.setValue(round(fraction * 1000))
        if stage is None:
            self.figures.setText("")
            self.item.set_text("")
            return
        done = words.count(stage.done, stage.unit)
        known = f"{done} of {words.count(stage.total, stage.unit)}" if stage.total is not None else f"{done} so far"
        speed = words.rate(stage.rate, stage.unit) if stage.rate else ""
        self.figures.setText(" · ".join(part for part in (known, speed, words.duration(view.seconds)) if part))
        self.item.set_text(stage.item)
