"""Page three: which references would lead nowhere, and what is to become of them; for all, or each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QModelIndex, QTimer
from PySide6.QtWidgets import QButtonGroup, QHeaderView, QRadioButton, QTreeView, QVBoxLayout, QWidget

from satchel.core import words as said
from satchel.gui.access import remedies
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, ScrollPage, Section, clear, column, row
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import CopyLabel, label, selectable
from satchel.gui.wizards.clone import asking, words
from satchel.gui.wizards.clone.dangling_model import DanglingModel
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.clone.forecast import DanglingForecast, Forecast
    from satchel.core.clone.foretelling import Foretelling
    from satchel.core.clone.request import CloneRequest, Strategy
    from satchel.core.flows.clone import CloneFlow
    from satchel.gui.window import MainWindow

LOOK = 100
"""Milliseconds between looks at how far the reading is."""
LISTED = 6


class Strategies(QWidget):
    """The three ways as radio buttons, each with what it would come to."""

    def __init__(self, name: str, *, first: str = "") -> None:
        super().__init__()
        self.group = QButtonGroup(self)
        self.buttons: dict[str, QRadioButton] = {}
        self.outcomes: dict[str, object] = {}
        inside = column(spacing=SPACE_2)
        options = [("", first)] if first else []
        options += list(words.STRATEGIES.items())
        for value, title in options:
            radio = QRadioButton(title)
            radio.setToolTip(words.EXPLAINED.get(value, ""))
            radio.setAccessibleDescription(f"{name}. {words.EXPLAINED.get(value, '')}")
            self.group.addButton(radio)
            self.buttons[value] = radio
            outcome = label("", role="muted", wrap=True)
            self.outcomes[value] = outcome
            line = row(radio, outcome, spacing=SPACE_3)
            line.setStretch(1, 1)
            inside.addLayout(line)
        self.setLayout(inside)

    @property
    def value(self) -> str:
        """The way that is marked."""
        return next((value for value, radio in self.buttons.items() if radio.isChecked()), "")

    def set_value(self, value: str) -> None:
        """Mark one without saying that it was chosen."""
        self.buttons[value].setChecked(True)

    def say(self, value: str, text: str, *, possible: bool = True) -> None:
        """What one would come to."""
        self.outcomes[value].setText(text)  # type: ignore[attr-defined]
        self.buttons[value].setEnabled(possible)


class ForecastPage(WizardPage):
    """Opens the forecast when it is entered, and has it told anew for each choice."""

    def __init__(self, window: MainWindow, flow: CloneFlow) -> None:
        super().__init__()
        self._window, self._flow = window, flow
        self._foretelling: Foretelling | None = None
        self._of = -1
        self._working: Spawned | None = None
        self._go_on = False
        self.busy = BusyLine(can_cancel=False)
        self._errors = QVBoxLayout()
        self._make()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, SPACE_2, 24, SPACE_4)
        outer.setSpacing(SPACE_3)
        outer.addWidget(self.busy)
        outer.addLayout(self._errors)
        outer.addWidget(self.whole, 1)
        outer.addStretch(0)
        self.whole.hide()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK)
        self._timer.timeout.connect(self._look)

    def _make(self) -> None:
        self.total = selectable(label("", "heading", wrap=True))
        self.more = selectable(label("", role="muted", wrap=True))
        sums = Card(margin=SPACE_3, spacing=SPACE_1)
        sums.body.addWidget(self.total)
        sums.body.addWidget(self.more)
        self.for_all = Strategies("For all references")
        self.for_all.group.buttonClicked.connect(lambda _: self._chosen_for_all())
        self.all_card = Card(spacing=SPACE_2)
        self.all_card.body.addWidget(Section("References that lead nowhere", "What is to become of them?"))
        self.all_card.body.addWidget(self.for_all)
        self.model = DanglingModel(self)
        self.list = QTreeView()
        self.list.setModel(self.model)
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setAllColumnsShowFocus(True)
        self.list.setAccessibleName("Foreign keys whose references lead nowhere")
        self.list.setMinimumHeight(150)
        head = self.list.header()
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setStretchLastSection(True)
        self.list.selectionModel().currentChanged.connect(lambda now, _: self._show_key(now))
        self.key_title = selectable(label("", "strong", wrap=True))
        self.key_text = selectable(label("", role="muted", wrap=True))
        self.key_rids = CopyLabel("", "RIDs of some of these rows", "caption", "muted")
        self.for_one = Strategies("For this reference", first="As for all")
        self.for_one.group.buttonClicked.connect(lambda _: self._chosen_for_one())
        self.one_card = Card(spacing=SPACE_2)
        for widget in (self.key_title, self.key_text, self.key_rids, self.for_one):
            self.one_card.body.addWidget(widget)
        self.none = Notice(
            "Nothing dangles", "success", "Every reference leads to a row that comes along.", dismissable=False
        )
        self._notes = column(spacing=SPACE_2)
        self.whole = ScrollPage(width=1200)
        self.whole.body.setContentsMargins(0, 0, 0, 0)
        self.whole.body.setSpacing(SPACE_3)
        for part in (sums, self.none, self.all_card, self.list, self.one_card):
            self.whole.body.addWidget(part)
        self.whole.body.addLayout(self._notes)
        self.whole.body.addStretch(1)

    # -- coming and going -----------------------------------------------------------------------------------------

    def entered(self) -> None:
        if self._of != self._flow.reading:
            self.whole.hide()
        if self._flow.foretold is None:
            self._work()
        if self.whole.isVisible():
            self.for_all.setFocus()

    def left(self) -> None:
        self._go_on = False

    def before_next(self) -> bool:
        """A forecast that is being worked out is waited for."""
        if self._flow.foretold is not None:
            return True
        self._go_on = True
        if self._working is None or self._working.done:
            self._work()
        return False

    def end(self) -> None:
        """The wizard closes: give up what was read."""
        if self._working is not None:
            self._working.cancel()
        self._timer.stop()
        self.busy.done()
        self._drop()

    def _drop(self) -> None:
        self._of = -1
        foretelling, self._foretelling = self._foretelling, None
        if foretelling is not None:
            self._window.bridge.finish(asking.close, foretelling)

    # -- asking ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        if self._working is not None:
            self._working.cancel()
        clear(self._errors)
        if self._foretelling is None or self._of != self._flow.reading:
            self.busy.wait_for("Finding out which references lead nowhere")
            self._timer.start()
        self._working = spawn(self._answer(), "forecast a clone", self._failed)
        self.changed.emit()

    async def _answer(self) -> None:
        request = self._flow.request()
        found = await self.tell(request, there=False)
        if request != self._flow.request():  # chosen meanwhile: the next answer is under way
            return
        self._timer.stop()
        self.busy.done()
        self._flow.draft.snapshot = found.snapshot or None
        self._flow.foretold = found
        self._show(found)
        self.changed.emit()
        if self._go_on:
            self._go_on = False
            self.advance.emit()

    async def tell(self, request: CloneRequest, *, there: bool) -> Forecast:
        """What the clone would do; the source is read first where that has not been done for these rows.

        Args:
            request: the flow's, as it is now.
            there: look at the destination as well.

        Raises:
            SatchelError: a server fails, or refuses.
        """
        call = self._window.bridge.call
        if self._of != self._flow.reading:
            self._drop()
            self._of = self._flow.reading
        if self._foretelling is None:
            foretelling = await call(asking.begin, request)
            self._foretelling = foretelling
            try:
                await call(asking.open_forecast, foretelling)
            except BaseException:
                self._foretelling = None
                raise
        return await call(asking.tell, self._foretelling, request, there)

    def _look(self) -> None:
        stage = self._foretelling.stage() if self._foretelling is not None else None
        if stage is not None:
            of = f" of {stage.total:,}" if stage.total else ""
            self.busy.wait_for(f"{stage.title}: {stage.done:,}{of}" if stage.done else stage.title)

    def _failed(self, fault: BaseException) -> None:
        self._go_on = False
        self._timer.stop()
        self.busy.done()
        clear(self._errors)
        error = as_error(fault)
        actions = remedies(self._window, self, self._flow.draft.host, error, self._work)
        self._errors.addWidget(ErrorCard(error, *actions, dismissable=False))
        self.changed.emit()

    # -- showing --------------------------------------------------------------------------------------------------

    def _show(self, found: Forecast) -> None:
        tables = sum(1 for table in found.tables if table.rows)
        text = f"{said.count(found.rows, 'rows')} in {said.count(tables, 'tables')}"
        if found.assets:
            text += f", with {said.count(found.assets, 'files')} ({said.size(found.asset_bytes)})"
        self.total.setText(text)
        about = f"About {said.size(found.bytes)} of rows. " if found.bytes else ""
        since = f"As of snapshot {found.snapshot}. " if found.snapshot else ""
        self.more.setText(f"{about}{since}With your choices: {words.outcome(found.chosen)}.")
        dangles = bool(found.dangling)
        for widget in (self.all_card, self.list):
            widget.setVisible(dangles)
        self.none.setVisible(not dangles)
        for told in found.outcome:
            self.for_all.say(told.strategy, words.outcome(told))
        self.for_all.set_value(self._flow.draft.orphans)
        self.model.show(found.dangling, frozenset(self._flow.draft.orphans_for))
        if dangles and not self.list.currentIndex().isValid():
            self.list.setCurrentIndex(self.model.index(0, 0))
        self._show_key(self.list.currentIndex())
        self._show_notes(found)
        first = not self.whole.isVisible()
        self.whole.show()
        if first:
            announce(self, f"{text}. {words.outcome(found.chosen)}")

    def _key(self) -> DanglingForecast | None:
        at = self.list.currentIndex()
        return self.model.keys[at.row()] if at.isValid() and at.row() < len(self.model.keys) else None

    def _show_key(self, _: QModelIndex) -> None:
        key = self._key()
        self.one_card.setVisible(key is not None)
        if key is None:
            return
        why = words.REASONS.get(key.reason, key.reason)
        self.key_title.setText(f"{said.count(key.rows, 'rows')} of {key.table} refer to rows that are {why}")
        self.key_text.setText(f"{words.columns(key)} · constraint {key.name}")
        self.key_rids.set_text(", ".join(key.sample_rids))
        self.key_rids.setVisible(bool(key.sample_rids))
        self.for_one.setVisible(key.in_clone)
        if not key.in_clone:
            self.key_text.setText(
                f"{self.key_text.text()}. The table that is referred to is not in the clone, so the constraint is left "
                "out and the rows stay as they are."
            )
            return
        for told in key.strategies:
            self.for_one.say(told.strategy, words.outcome(told), possible=told.possible)
        self.for_one.set_value(key.strategy if key.name in self._flow.draft.orphans_for else "")

    def _show_notes(self, found: Forecast) -> None:
        clear(self._notes)
        hidden = [right for right in found.rights if right.side == "source"]
        if hidden:
            told = [right.message for right in hidden[:LISTED]]
            if len(hidden) > LISTED:
                told.append(f"and {len(hidden) - LISTED:,} more; `satchel clone --dry-run` lists all.")
            self._notes.addWidget(Notice("Not in the clone", "warning", "\n".join(told), dismissable=False))
        if found.oversized:
            lines = [
                f"{o.table}, column {o.column}: {said.count(o.values, 'values')}, the longest {said.size(o.longest)}"
                for o in found.oversized[:LISTED]
            ]
            hint = "\n".join([*lines, "Their index is left out, or they are cut if you choose so on the next page."])
            self._notes.addWidget(Notice("Values that may be too long for an index", "info", hint, dismissable=False))

    # -- choosing -------------------------------------------------------------------------------------------------

    def _chosen_for_all(self) -> None:
        self._flow.set_strategy(cast("Strategy", self.for_all.value))
        self._work()

    def _chosen_for_one(self) -> None:
        key = self._key()
        if key is None:
            return
        if self.for_one.value:
            self._flow.set_strategy(cast("Strategy", self.for_one.value), key.name)
        else:
            self._flow.unset_strategy(key.name)
        self._work()
