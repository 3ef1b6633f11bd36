"""The problems of a bag: kinds, and under each its problems, with a filter, to copy and to save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.bags.kinds import Group, Listed, grouped
from satchel.gui.bags.problems_model import ProblemsModel
from satchel.gui.bags.problems_view import ProblemsView
from satchel.gui.bags.verdict import Findings
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_2, theme
from satchel.gui.widgets.boxes import Card, Section
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.fields import SearchField
from satchel.gui.widgets.states import EmptyState

OPEN = 200
"""A kind with no more problems than this is shown open."""


class ProblemsPane(QWidget):
    """Heading, filter, tree, and a button to save all of it."""

    save_wanted = Signal(object)
    """The Path of the report's file."""

    def __init__(self) -> None:
        super().__init__()
        self._all: Listed = Findings()
        self._filtering: Spawned | None = None
        self.suggested: Callable[[], Path] = Path
        """Gives a name for the report."""
        self.field = SearchField("Filter problems", "filter")
        self.field.setFixedWidth(240)
        self.save = button("&Save report…", self._save, icon="file", tip="As a web page, a table (CSV) or JSON")
        self.head = Section("What was found", "", self.field, self.save)
        self.model = ProblemsModel(self)
        self.view = ProblemsView(self.model)
        self.nothing = EmptyState("filter", "No problem with this text", "Take something out of the filter.")
        self.stack = QStackedWidget()
        self.stack.setMinimumHeight(200)
        self.stack.addWidget(self.view)
        self.stack.addWidget(self.nothing)
        card = Card(margin=1, spacing=0)
        card.body.addWidget(self.stack)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_2)
        inside.addWidget(self.head)
        inside.addWidget(card, 1)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(200)
        self._typing.timeout.connect(self._filter)
        self.field.textChanged.connect(lambda: self._typing.start())
        theme().changed.connect(self.model.repaint)

    def show_found(self, found: Listed) -> None:
        """Show these, the filter empty."""
        self._all = found
        self.field.clear()
        self._typing.stop()
        self._show([])
        self._filter()

    def _filter(self) -> None:
        if self._filtering is not None:
            self._filtering.cancel()
        self._filtering = spawn(self._filter_aside(self._all, self.field.text()), "filter problems")

    async def _filter_aside(self, found: Listed, text: str) -> None:
        import asyncio

        groups = await asyncio.get_running_loop().run_in_executor(None, grouped, found, text)
        if found is self._all:
            self._show(groups)

    def _show(self, groups: Sequence[Group]) -> None:
        self.model.show(self._all, groups)
        self.view.show_groups({row for row, group in enumerate(groups) if len(group.places) <= OPEN})
        shown, every = sum(len(group.places) for group in groups), len(self._all)
        of = words.count(every)
        advice = sum(len(group.places) for group in groups if group.severity == "warning")
        if shown not in (0, every):
            self.head.set_remark(f"{words.count(shown)} of {of}")
        elif advice:
            self.head.set_remark(f"{words.count(shown - advice)}, and {words.count(advice)} of advice")
        else:
            self.head.set_remark(of)
        self.stack.setCurrentWidget(self.nothing if not groups and self.field.text().strip() else self.view)

    def _save(self) -> None:
        ask_for_report(self, self.suggested(), self.save_wanted.emit)


def ask_for_report(parent: QWidget, suggested: Path, then: Callable[[Path], object]) -> None:
    """Ask for a report's file; its ending says the format."""
    dialog = QFileDialog(parent, "Save the report", str(suggested))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(["Web page (*.html)", "Table (*.csv)", "JSON (*.json)"])
    dialog.setDefaultSuffix("html")
    dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(chosen.rpartition(".")[2].rstrip(")")))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda path: then(Path(path)))
    dialog.open()
