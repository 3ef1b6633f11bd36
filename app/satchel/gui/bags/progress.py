"""A running job of the page: its phases as they go by, large files one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QProgressBar, QWidget

from satchel.core import words
from satchel.gui import jobs_words
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3
from satchel.gui.widgets.boxes import Card, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import Spinner
from satchel.gui.widgets.text import ElidedLabel, label

if TYPE_CHECKING:
    from satchel.core.jobs.views import JobView, PartView

FILES = 4
"""Files that are shown one by one; more are on their way at once."""
PAUSABLE = frozenset({"materialize"})
"""Kinds of job that go on where they were stopped."""


class CheckProgress(Card):
    """Says which phase runs, how far it is where that is known, how long it takes yet, and what is in hand."""

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__(spacing=SPACE_2)
        self.title = label("", "strong")
        self.figures = label("", role="muted")
        self.cancel = button("Cancel", self.cancelled.emit, icon="stop")
        self.pause = button("P&ause", self.cancelled.emit, icon="pause", tip="What is fetched stays; go on at any time")
        head = row(Spinner(20), self.title, None, self.figures, self.pause, self.cancel, spacing=SPACE_3)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.past = ElidedLabel("", "caption", "muted")
        self.item = ElidedLabel("", "caption", "muted")
        self.files = FilesUnderWay()
        self.body.addLayout(head)
        self.body.addWidget(self.bar)
        self.body.addWidget(self.past)
        self.body.addWidget(self.item)
        self.body.addWidget(self.files)

    def show_view(self, view: JobView) -> None:
        """Show where the job stands."""
        fraction, phase = jobs_words.progress(view)
        stage = jobs_words.current_stage(view)
        self.title.setText(phase)
        pausable = view.kind in PAUSABLE
        self.pause.setVisible(pausable)
        self.cancel.setVisible(not pausable)
        for stop in (self.pause, self.cancel):
            stop.setEnabled(view.state != "cancelling")
        self.bar.setRange(0, 1000 if fraction is not None else 0)
        if fraction is not None:
            self.bar.setValue(round(fraction * 1000))
        ended = [done for done in view.stages if done.state == "ended"]
        self.past.set_text(" · ".join(f"✓ {done.title}{f': {done.note}' if done.note else ''}" for done in ended))
        self.past.setVisible(bool(ended))
        self.files.show_parts(stage.parts if stage is not None else ())
        if stage is None:
            self.figures.setText("")
            self.item.set_text("")
            return
        done = words.count(stage.done, stage.unit)
        known = f"{done} of {words.count(stage.total, stage.unit)}" if stage.total is not None else f"{done} so far"
        if not stage.unit and not stage.done:
            known = ""
        speed = words.rate(stage.rate, stage.unit) if stage.rate else ""
        left = jobs_words.time_left(view)
        self.figures.setText(" · ".join(part for part in (known, speed, words.duration(view.seconds), left) if part))
        self.item.set_text(stage.item)


class FilesUnderWay(QWidget):
    """Large files that are on their way: name, bar, bytes."""

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(SPACE_3)
        grid.setVerticalSpacing(SPACE_1)
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(1, 2)
        self.rows = [(ElidedLabel("", "caption"), QProgressBar(), label("", "caption", "muted")) for _ in range(FILES)]
        for place, parts in enumerate(self.rows):
            parts[1].setTextVisible(False)
            for column, part in enumerate(parts):
                grid.addWidget(part, place, column)
                part.hide()
        self.more = label("", "caption", "muted")
        grid.addWidget(self.more, FILES, 0)
        self.hide()

    def show_parts(self, parts: Sequence[PartView]) -> None:
        """Show those that have begun and not ended."""
        under_way = [part for part in parts if part.total is None or part.done < part.total]
        self.setVisible(bool(under_way))
        for place, (name, bar, figures) in enumerate(self.rows):
            there = place < len(under_way)
            for widget in (name, bar, figures):
                widget.setVisible(there)
            if not there:
                continue
            part = under_way[place]
            name.set_text(part.name)
            bar.setAccessibleName(part.name)
            bar.setRange(0, 1000 if part.total else 0)
            if part.total:
                bar.setValue(round(1000 * part.done / part.total))
            whole = f" of {words.size(part.total)}" if part.total is not None else ""
            figures.setText(f"{words.size(part.done)}{whole}")
        more = len(under_way) - FILES
        self.more.setText(f"and {words.count(more, 'files')} more" if more > 0 else "")
        self.more.setVisible(more > 0)
