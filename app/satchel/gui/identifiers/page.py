"""The identifiers page: receive, what was minted and received, its state, and what can be done with each."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout

from satchel.gui.identifiers import changes, source
from satchel.gui.identifiers.card import IdentifierCard
from satchel.gui.identifiers.model import STATES, IdentifiersModel
from satchel.gui.identifiers.receive import ReceiveBox, are_pictures
from satchel.gui.jobs_words import when
from satchel.gui.tasks import spawn
from satchel.gui.theme import SPACE_3
from satchel.gui.widgets.boxes import PageHead, ScrollPage
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.drop_zone import dropped_paths
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import EmptyState
from satchel.gui.widgets.table import RowsTable

if TYPE_CHECKING:
    from satchel.core.identifiers.shelf import Kept
    from satchel.core.jobs.views import JobView
    from satchel.gui.window import MainWindow

KINDS = ("mint", "resolve", "check-identifiers")
"""Jobs after which the list may be another one."""


class IdentifiersPage(ScrollPage):
    """All that this person minted or received."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(width=1100)
        self._window = window
        self.setAcceptDrops(True)
        self.mint = button("&Mint an identifier…", window.mint, icon="plus", primary=True)
        self.check = button(
            "Check &now", self._check_all, icon="refresh", tip="Do they resolve, do their locations answer?"
        )
        self.check_full = button(
            "Check &thoroughly", partial(self._check_all, full=True), icon="check-bag",
            tip="Read everything that they lead to, and compute the checksums",
        )  # fmt: skip
        self.receive = ReceiveBox(window)
        self.model = IdentifiersModel(self)
        self.table = RowsTable("Identifiers")
        self.table.setModel(self.model)
        self.table.setMinimumHeight(180)
        self.table.selectionModel().currentRowChanged.connect(self._chosen)
        self.actions_by_name = self._actions()
        self.table.row_actions = list(self.actions_by_name.values())
        self.empty = EmptyState(
            "key", "No identifiers yet", "What you mint or receive is listed here, cited, and looked after."
        )
        self.stack = QStackedWidget()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.table)
        self.card = IdentifierCard(window)
        self.card.hide()
        self._notice = QVBoxLayout()
        self.body.setSpacing(SPACE_3)
        self.body.addWidget(
            PageHead("Identifiers", "Citable names for datasets.", self.check, self.check_full, self.mint)
        )
        self.body.addWidget(self.receive)
        self.body.addWidget(self.stack)
        self.body.addLayout(self._notice)
        self.body.addWidget(self.card)
        self.body.addStretch(1)
        window.bridge.ended.connect(self._ended)
        self.reload()

    def _actions(self) -> dict[str, QAction]:
        made: dict[str, QAction] = {}
        for name, title, do in (
            ("check", "Check &Now", self._check_one),
            ("bag", "Open the &Bag", self._open_bag),
            ("location", "Add a &Location…", self._add_location),
            ("replaced", "&Replaced by…", self._replace),
            ("inactive", "Make &Inactive", partial(self._change, {"active": False})),
            ("active", "Make &Active", partial(self._change, {"active": True})),
            ("forget", "&Take off the List", self._forget),
        ):
            action = QAction(title, self)
            action.triggered.connect(partial(_without_argument, do))
            made[name] = action
        return made

    # -- what is shown ---------------------------------------------------------------------------------------------

    def entered(self) -> None:
        """The page came to the front."""
        self.reload()

    def reload(self) -> None:
        """Read the list again."""
        spawn(self._read(), "read the identifiers")

    async def _read(self) -> None:
        chosen = self.chosen
        kept = await self._window.bridge.call(source.shelf)
        first = not self.model.rowCount()
        self.model.put(kept)
        self.stack.setCurrentWidget(self.table if kept else self.empty)
        for one in (self.check, self.check_full):
            one.setEnabled(bool(kept))
        if first:
            self.table.fit_columns()
        place = self.model.row_of(chosen.id) if chosen is not None else 0
        self.table.go_to_row(max(place, 0))
        self._chosen()

    @property
    def chosen(self) -> Kept | None:
        """The identifier that the cursor is on."""
        return self.model.at(self.table.currentIndex().row())

    def _chosen(self, *_: object) -> None:
        kept = self.chosen
        self.card.setVisible(kept is not None)
        while (item := self._notice.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        if kept is None:
            return
        for name, on in (
            ("bag", bool(kept.path)),
            ("inactive", kept.record.active),
            ("active", not kept.record.active),
        ):
            self.actions_by_name[name].setEnabled(on)
        if kept.state in ("dead", "changed", "inactive", "unknown"):
            tone = "warning" if kept.state in ("inactive", "unknown") else "danger"
            self._notice.addWidget(
                Notice(f"{kept.compact} is {STATES[kept.state]}", tone, kept.note, dismissable=False)
            )
        elif kept.note:
            self._notice.addWidget(Notice(kept.note, "warning", dismissable=False))
        current = self.card.record
        if current is None or current != kept.record:
            self.card.show_record(kept.record, self._about(kept))

    @staticmethod
    def _about(kept: Kept) -> str:
        what = f"{kept.role.capitalize()} {when(kept.added)}"
        if kept.dataset:
            what += f", version {kept.version} of the dataset {kept.dataset} in catalog {kept.catalog} on {kept.host}"
        return f"{what}, here as {kept.path}" if kept.path else what

    def _ended(self, view: JobView) -> None:
        if view.kind in KINDS:
            self.reload()

    # -- what can be done ------------------------------------------------------------------------------------------

    def _check_all(self, *, full: bool = False) -> None:
        self._check((), full)

    def _check_one(self) -> None:
        if (kept := self.chosen) is not None:
            self._check((kept.id,), False)

    def _check(self, ids: tuple[str, ...], full: bool) -> None:
        spawn(self._submit_check(ids, full), "check identifiers")

    async def _submit_check(self, ids: tuple[str, ...], full: bool) -> None:
        window = self._window
        request = await window.bridge.call(source.check_request, ids, full, source.access_to(window))
        await window.bridge.submit(request)

    def _open_bag(self) -> None:
        if (kept := self.chosen) is not None and kept.path:
            self._window.check_bag(Path(kept.path))

    def _add_location(self) -> None:
        if (kept := self.chosen) is not None:
            changes.ask_location(self, kept.compact, self._change)

    def _replace(self) -> None:
        if (kept := self.chosen) is not None:
            changes.ask_replacement(self, kept.compact, self._change)

    def _change(self, wanted: dict[str, Any]) -> None:
        if (kept := self.chosen) is not None:
            spawn(self._send(kept, wanted), "change an identifier")

    async def _send(self, kept: Kept, wanted: dict[str, Any]) -> None:
        window = self._window
        access = source.access_to(window, kept.record.service)
        await window.bridge.call(source.change, kept.id, access, wanted)
        window.toasts.say(f"{kept.compact} was changed.", "success")
        await self._read()

    def _forget(self) -> None:
        if (kept := self.chosen) is not None:
            spawn(self._drop(kept), "forget an identifier")

    async def _drop(self, kept: Kept) -> None:
        await self._window.bridge.call(source.forget, kept.id)
        await self._read()

    # -- drops -----------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if are_pictures(dropped_paths(event)) or (not dropped_paths(event) and event.mimeData().hasText()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = dropped_paths(event)
        event.acceptProposedAction()
        if are_pictures(paths):
            self.receive.receive_picture(paths[0])
        elif not paths:
            self.receive.receive(event.mimeData().text())


def _without_argument(do: Any, _checked: bool = False) -> None:
    do()
