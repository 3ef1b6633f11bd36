"""Page two: where the bag goes, and whether all is ready, each thing with a tick or what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from satchel.core.errors import SatchelError
from satchel.gui.icons import IconLabel
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, ScrollPage, Section, clear, column, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.choice import Choice
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label, selectable
from satchel.gui.wizards.mint import source
from satchel.gui.wizards.mint.keys import ask_keys
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.flows.mint import MintFlow
    from satchel.core.identifiers.readiness import Check
    from satchel.gui.window import MainWindow

MARKS = {
    "ok": ("success", "success", "Ready"),
    "warning": ("warning", "warning", "To note"),
    "missing": ("error", "danger", "Missing"),
    "unknown": ("help", "muted", "Not known"),
}
FIELDS = (
    ("bucket", "&Bucket", "s3://my-bucket/folder; empty: as the lab's profile or the catalog says"),
    ("endpoint", "S3 &store", "https://…, where it is not Amazon's"),
    ("region", "R&egion", "of the bucket; mostly found by itself"),
    ("aws_profile", "AWS &profile", "with the keys, as in ~/.aws; empty: keyring, then the default"),
    (
        "public_url",
        "P&ublic address",
        "https://…, where everybody gets what is in the bucket, if not at the store's own",
    ),
    ("service", "&Identifier service", "https://…; empty: the lab's, or identifiers.fair-research.org"),
)


class NeedsPage(WizardPage):
    """Fields, checks."""

    next_text = "&Next"
    _told = Signal(object)

    def __init__(self, window: MainWindow, flow: MintFlow) -> None:
        super().__init__()
        self._window, self._flow = window, flow
        self._looking: Spawned | None = None
        self._go_on = False
        self.way = Choice(
            "Who makes the bag",
            (("here", "monitor", "This computer"), ("server", "server", "The catalog's export service")),
        )
        self.way.set_value(flow.draft.way)
        self.way.chosen.connect(lambda value: self._said(way=value))
        self.edits: dict[str, QLineEdit] = {}
        form = QFormLayout()
        form.setHorizontalSpacing(SPACE_3)
        form.setVerticalSpacing(SPACE_2)
        for name, title, hint in FIELDS:
            edit = QLineEdit(getattr(flow.draft, name))
            edit.setPlaceholderText(hint)
            edit.setAccessibleName(title.replace("&", ""))
            edit.textChanged.connect(lambda text, field=name: self._said(**{field: text}))
            self.edits[name] = edit
            form.addRow(title, edit)
        self.private = QCheckBox("Leave the rights of the object as the bucket &has them")
        self.private.setChecked(flow.draft.private)
        self.private.toggled.connect(lambda on: self._said(private=on))
        self.test = QCheckBox("A &test identifier, to try things out")
        self.test.setChecked(flow.draft.test)
        self.test.toggled.connect(lambda on: self._said(test=on))
        self.keys = button("&Keys to the bucket…", self._ask_keys, icon="key", tip="Put them into the keyring")
        self.look_button = button("&Look again", self.look, icon="refresh")
        self.busy = BusyLine()
        self.busy.cancelled.connect(self._stop)
        self.checks = column(spacing=SPACE_2)
        self._errors = QVBoxLayout()
        self.where_button = button(
            "&Where it goes…", icon="settings", tip="Bucket, store and service, where not as found"
        )
        self.where_button.setCheckable(True)
        where = self.where = Card(spacing=SPACE_2)
        where.body.addWidget(
            Section("Where it goes", "What is left empty is as the lab's profile or the catalog says.")
        )
        where.body.addWidget(self.way)
        where.body.addLayout(form)
        where.body.addWidget(self.private)
        where.body.addWidget(self.test)
        self.keep = button(
            "Keep as the lab's p&rofile", self._keep, icon="file", tip="Proposed from now on; holds no secret"
        )
        where.body.addLayout(row(self.keep, None))
        ready = Card(spacing=SPACE_2)
        ready.body.addWidget(Section("What minting needs", "", self.where_button, self.keys, self.look_button))
        ready.body.addWidget(self.busy)
        ready.body.addLayout(self.checks)
        ready.body.addLayout(self._errors)
        scroll = ScrollPage(width=900)
        scroll.body.setContentsMargins(0, 0, 0, 0)
        scroll.body.setSpacing(SPACE_3)
        scroll.body.addWidget(ready)
        scroll.body.addWidget(where)
        scroll.body.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, SPACE_2, 24, SPACE_4)
        outer.addWidget(scroll)
        # Who has a profile, or a catalog that says where bags go, need not hear of buckets.
        said = any(getattr(flow.draft, name) for name, _, _ in FIELDS)
        self.where.setVisible(said)
        self.where_button.setChecked(said)
        self.where_button.toggled.connect(self.where.setVisible)
        # Checks are told by the engine's thread.
        self._told.connect(self._add, Qt.ConnectionType.QueuedConnection)

    def entered(self) -> None:
        if self._flow.readiness is None:
            self.look()

    def left(self) -> None:
        self._stop()

    def before_next(self) -> bool:
        """Go on when all is ready; else look first."""
        if self._flow.readiness is not None:
            return True
        self._go_on = True
        self.look()
        return False

    def _said(self, **said: Any) -> None:
        self._flow.set_place(**said)
        if self._flow.readiness is None:
            self._stop()
            clear(self.checks)
            clear(self._errors)
        self.changed.emit()

    def look(self) -> None:
        """Look at everything that minting needs."""
        self._stop(keep=True)
        clear(self.checks)
        clear(self._errors)
        self._flow.readiness = None
        try:
            request = self._flow.request()
        except SatchelError as error:
            self._go_on = False
            self._errors.addWidget(ErrorCard(error, dismissable=False))
            return
        self.busy.wait_for("Looking whether all is ready")
        self._looking = spawn(self._ask(request), "look what minting needs", self._failed)

    async def _ask(self, request: Any) -> None:
        found = await self._window.bridge.call(source.look, request, self._told.emit)
        self.busy.done()
        clear(self.checks)
        for check in found.checks:
            self._show(check)
        self._flow.readiness = found
        if not self._flow.draft.title:
            self._flow.draft.title = found.suggested
        if not self._flow.draft.authors and found.settled is not None:
            self._flow.draft.authors = found.settled.authors
        if any(check.code in ("bucket", "service", "store") and check.mark == "missing" for check in found.checks):
            self.where_button.setChecked(True)
        announce(self, "All is ready" if found.ready else "Something is missing")
        self.changed.emit()
        if self._go_on:
            self._go_on = False
            self.advance.emit()

    def _add(self, check: Check) -> None:
        if self._looking is not None and not self._looking.done:
            self._show(check)

    def _show(self, check: Check) -> None:
        icon, role, word = MARKS[check.mark]
        texts = column(spacing=SPACE_1)
        texts.addWidget(selectable(label(check.title, "strong", wrap=True)))
        texts.addWidget(selectable(label(check.message, wrap=True)))
        if check.hint:
            texts.addWidget(selectable(label(check.hint, role="muted", wrap=True)))
        line = QWidget()
        inside = row(IconLabel(icon, role, 20), texts, spacing=SPACE_3)
        inside.setStretch(1, 1)
        line.setLayout(inside)
        line.setAccessibleName(f"{word}: {check.title}. {check.message} {check.hint}".strip())
        self.checks.addWidget(line)

    def _failed(self, fault: BaseException) -> None:
        self._go_on = False
        self.busy.done()
        clear(self._errors)
        self._errors.addWidget(ErrorCard(as_error(fault), button("Try again", self.look), dismissable=False))

    def _stop(self, *, keep: bool = False) -> None:
        self._go_on = self._go_on and keep
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self.busy.done()

    def _keep(self) -> None:
        spawn(self._write_profile(), "keep a profile")

    async def _write_profile(self) -> None:
        await self._window.bridge.call(source.keep_profile, self._flow)
        self._window.toasts.say("That is the lab's profile from now on.", "success")

    def _ask_keys(self) -> None:
        settled = self._flow.readiness.settled if self._flow.readiness is not None else None
        draft = self._flow.draft
        bucket = draft.bucket or (
            f"s3://{settled.place.bucket}" if settled is not None and settled.place.bucket else ""
        )
        endpoint = draft.endpoint if draft.bucket else settled.place.endpoint if settled is not None else ""
        ask_keys(self, self._window, bucket, endpoint, self.look)

    def fields(self) -> Mapping[str, QWidget]:
        return dict(self.edits)
