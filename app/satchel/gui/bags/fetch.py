"""The dialog that asks which of a bag's missing files to fetch: by tree, by pattern, by size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QSpinBox, QStackedWidget, QVBoxLayout, QWidget

from satchel.core import words
from satchel.core.flows.ticks import Ticks
from satchel.gui.bags import source
from satchel.gui.bags.fetch_tree import FetchModel, FetchTree
from satchel.gui.dialogs import Dialog
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_2, SPACE_3, theme
from satchel.gui.widgets.boxes import Card, clear, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label, selectable

if TYPE_CHECKING:
    from satchel.core.bags.inspecting import InspectResult
    from satchel.core.fetching.missing import Node, Sum
    from satchel.gui.window import MainWindow

MEGA = 1_000_000
HOSTS = 3
"""Servers that are named."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person wants to be fetched.

    Attributes:
        only: patterns of paths; none: all.
        largest: bytes; None: of any size.
        repair: also what is here and was changed.
        allow_private: also from this computer and its local network.
        pick: files and folders that are ticked; none: all.
        skip: files and folders that are not.
        full: make it a bag that fetches nothing, once all is here.
    """

    only: tuple[str, ...] = ()
    largest: int | None = None
    repair: bool = False
    allow_private: bool = False
    pick: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    full: bool = False


class FetchDialog(Dialog):
    """Tree, patterns, size, repair; below, what it all comes to."""

    def __init__(
        self, window: MainWindow, found: InspectResult, changed: bool, then: Callable[[Choice], object]
    ) -> None:
        missing = words.count(found.missing or 0, "files")
        super().__init__(
            window,
            "Fetch missing files",
            f"{missing} that the bag lists are not here. Each is compared with its checksums before it counts as "
            "there.",
            "drop",
        )
        self._window, self._then = window, then
        self._tree: source.MissingTree | None = None
        self._summing: Spawned | None = None
        self.model: FetchModel | None = None
        self.setMinimumWidth(600)
        self.resize(680, 620)
        self.view = FetchTree()
        self.busy = BusyLine(can_cancel=False)
        self._errors = QVBoxLayout()
        waiting = QWidget()
        room = QVBoxLayout(waiting)
        room.addWidget(self.busy)
        room.addLayout(self._errors)
        room.addStretch(1)
        self.stack = QStackedWidget()
        self.stack.addWidget(waiting)
        self.stack.addWidget(self.view)
        card = Card(margin=1, spacing=0)
        card.body.addWidget(self.stack)
        self.body.addWidget(card, 1)
        self.only = QLineEdit()
        self.only.setAccessibleName("Only files like")
        self.only.setPlaceholderText("all, or patterns such as assets/Image/*; *.csv")
        self.limit = QCheckBox("&No larger than")
        self.largest = QSpinBox()
        self.largest.setRange(1, 1_000_000)
        self.largest.setValue(100)
        self.largest.setSuffix(" MB")
        self.largest.setAccessibleName("No larger than")
        self.largest.lineEdit().setAccessibleName("No larger than")
        self.largest.setEnabled(False)
        self.limit.toggled.connect(self.largest.setEnabled)
        self.repair = QCheckBox("Fetch anew what is here and was &changed or damaged")
        self.repair.setChecked(changed)
        self.private = QCheckBox("Fetch from this computer and its &local network, too")
        self.private.setToolTip(
            "A bag from somebody else can name addresses inside your network, so that is done only when you say so."
        )
        said = label("&Only files like")
        said.setBuddy(self.only)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_3)
        grid.setVerticalSpacing(SPACE_2)
        grid.setColumnStretch(1, 1)
        grid.addWidget(said, 0, 0, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.only, 0, 1)
        grid.addLayout(row(self.limit, self.largest, None), 1, 1)
        grid.addWidget(self.repair, 2, 1)
        grid.addWidget(self.private, 3, 1)
        self.body.addLayout(grid)
        self.sum = selectable(label("", "strong", wrap=True))
        self.hosts = selectable(label("", "caption", "muted", wrap=True))
        self.body.addWidget(self.sum)
        self.body.addWidget(self.hosts)
        self.add_button(button("Cancel"))
        self.fetch = button("&Fetch", primary=True)
        self.add_button(self.fetch, self._go, default=True)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(200)
        self._typing.timeout.connect(self._count)
        self.only.textChanged.connect(lambda: self._typing.start())
        self.largest.valueChanged.connect(lambda: self._typing.start())
        self.limit.toggled.connect(self._count)
        self.finished.connect(lambda _: self._end())
        self.only.setFocus()
        host = found.origin.host if found.origin is not None else ""
        self.busy.wait_for("Looking what is missing")
        self._looking = spawn(self._look(found.path, host), "list what is missing", self._failed)

    async def _look(self, path: str, host: str) -> None:
        tree = await self._window.bridge.call(source.missing_tree, path, host)
        if not self.isVisible() and self.result():
            self._window.bridge.finish(tree.close)
            return
        self._tree = tree

        async def children(parent: int, begin: int, most: int) -> list[Node]:
            return await self._window.bridge.call(tree.children, parent, begin, most)

        self.model = FetchModel(children, Ticks(tree.all.files, tree.all.size), self)
        self.model.ticked.connect(self._count)
        theme().changed.connect(self.model.repaint)
        self.view.show_model(self.model)
        self.busy.done()
        self.stack.setCurrentWidget(self.view)
        hosts = [f"{name} ({words.count(files)})" for name, files in tree.hosts[:HOSTS]]
        more = len(tree.hosts) - HOSTS
        hosts += [f"{words.count(more)} more"] if more > 0 else []
        self.hosts.setText(f"From {', '.join(hosts)}" if hosts else "")
        self._count()

    def _failed(self, fault: BaseException) -> None:
        self.busy.done()
        clear(self._errors)
        self._errors.addWidget(ErrorCard(as_error(fault), dismissable=False))

    @property
    def choice(self) -> Choice:
        """What was chosen."""
        patterns = tuple(part.strip() for part in self.only.text().split(";") if part.strip())
        largest = self.largest.value() * MEGA if self.limit.isChecked() else None
        ticks = self.model.ticks if self.model is not None else None
        pick, skip = (ticks.pick, ticks.skip) if ticks is not None else ((), ())
        return Choice(patterns, largest, self.repair.isChecked(), self.private.isChecked(), pick, skip)

    # -- what it comes to ----------------------------------------------------------------------------------------------

    def _count(self) -> None:
        if self._summing is not None:
            self._summing.cancel()
        tree, model, choice = self._tree, self.model, self.choice
        if tree is None or model is None:
            return
        if not choice.only and choice.largest is None:
            self._say(model.ticks.files, model.ticks.size, tree.all.unknown > 0, tree.all)
            return
        self._summing = spawn(self._sum(tree, choice), "count what is to be fetched")

    async def _sum(self, tree: source.MissingTree, choice: Choice) -> None:
        found = await self._window.bridge.call(tree.sum, choice)
        self._say(found.files, found.size, found.unknown > 0, tree.all)

    def _say(self, files: int, size: int, open_end: bool, every: Sum) -> None:
        if not files and not self.repair.isChecked():
            self.sum.setText("Nothing is chosen.")
        else:
            more = " or more" if open_end else ""
            self.sum.setText(f"{words.count(files)} of {words.count(every.files, 'files')}, {words.size(size)}{more}")
        self.fetch.setEnabled(files > 0 or self.repair.isChecked())

    def _go(self) -> None:
        self._then(self.choice)

    def _end(self) -> None:
        self._looking.cancel()
        if self._summing is not None:
            self._summing.cancel()
        if self.model is not None:
            self.model.close()
        if self._tree is not None:
            self._window.bridge.finish(self._tree.close)
            self._tree = None
