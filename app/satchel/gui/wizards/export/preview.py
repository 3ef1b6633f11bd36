"""Page two: what the bag will hold, table by table, and what each choice costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from satchel.core import words
from satchel.core.deriva import snapshots
from satchel.core.flows.export import ExportFlow, Size
from satchel.gui.access import remedies
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4, theme
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, clear, column, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label, selectable
from satchel.gui.wizards.export import source
from satchel.gui.wizards.export.tree import Kind, Node, build
from satchel.gui.wizards.export.tree_model import PreviewModel
from satchel.gui.wizards.export.tree_view import PreviewTree
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.export.choosing import AssetTotals
    from satchel.core.export.preview import Preview, PreviewCost
    from satchel.core.export.previewing import Previewing
    from satchel.core.export.request import AssetChoice, Offers
    from satchel.core.flows.record import RecordFlow
    from satchel.gui.window import MainWindow

LOOK = 100
"""Milliseconds between looks at how far the reading is."""
_WHY = {
    "missing": "to rows that are not there or hidden from you",
    "hidden": "to tables that you may not read",
    "excluded": "to tables that are left out",
}


class PreviewPage(WizardPage):
    """The tree with its ticks, and what it all comes to."""

    def __init__(self, window: MainWindow, flow: RecordFlow) -> None:
        super().__init__()
        self._window, self._flow = window, flow
        self._previewing: Previewing | None = None
        self._of: tuple[str, str, str] = ("", "", "")
        self._wholes: dict[Offers, Preview] = {}
        self._costs: dict[Offers, dict[str, PreviewCost]] = {}
        self._working: Spawned | None = None
        self._settled = False
        self._go_on = False
        self.shown: Preview | None = None

        self.busy = BusyLine(can_cancel=False)
        self._errors = QVBoxLayout()
        self.model = PreviewModel(self)
        self.model.ticked.connect(self._ticked)
        self.tree = PreviewTree(self.model)
        theme().changed.connect(self.model.repaint)
        self.used_only = QCheckBox("Of &vocabularies, only the terms that are used")
        self.used_only.setToolTip("Otherwise a vocabulary that is referred to comes whole.")
        self.used_only.toggled.connect(self._vocabularies)
        self.everything = button("&Take everything again", self._reset, link=True)
        self.as_spec = button(
            "Make a &spec of it…", self._as_spec, link=True, tip="Queries that any client of Deriva can run"
        )
        self.as_spec.setVisible(isinstance(flow, ExportFlow))
        self.again = button("As&k again", self._ask_again, icon="refresh", tip="Read the catalog as it is now (F5)")
        self.again.setShortcut("F5")
        self.total = selectable(label("", "heading", wrap=True))
        self.more = selectable(label("", role="muted", wrap=True))
        self.dangling = selectable(label("", "caption", "warning", wrap=True))
        self.dangling.hide()
        sums = column(spacing=SPACE_1)
        sums.addWidget(self.total)
        sums.addWidget(self.more)
        sums.addWidget(self.dangling)
        card = Card(margin=SPACE_3)
        card.body.addLayout(sums)
        self.whole = QWidget()
        inside = QVBoxLayout(self.whole)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_3)
        ground = Card(margin=2, spacing=0)
        ground.body.addWidget(self.tree)
        inside.addWidget(ground, 1)
        inside.addLayout(row(self.used_only, None, self.as_spec, self.everything, self.again, spacing=SPACE_2))
        inside.addWidget(card)
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

    # -- coming and going -----------------------------------------------------------------------------------------

    def entered(self) -> None:
        draft = self._flow.draft
        named = (draft.host, draft.catalog, draft.rid)
        if named != self._of:
            self.end()
            self._of = named
            draft.snapshot = None
            self.whole.hide()
        blocked = self.used_only.blockSignals(True)
        self.used_only.setChecked(draft.offers.vocabularies == "used")
        self.used_only.blockSignals(blocked)
        if not self._settled:
            self._work()
        if self.whole.isVisible():
            self.tree.setFocus()

    def left(self) -> None:
        self._go_on = False

    def before_next(self) -> bool:
        """Figures that are being worked out are waited for."""
        if self._settled:
            return True
        self._go_on = True
        if self._working is None or self._working.done:
            self._work()
        return False

    def end(self) -> None:
        """The wizard closes, or asks about another record: give up what was read."""
        if self._working is not None:
            self._working.cancel()
        self._timer.stop()
        self.busy.done()
        self._settled = False
        self._wholes.clear()
        self._costs.clear()
        previewing, self._previewing = self._previewing, None
        if previewing is not None:
            self._window.bridge.finish(source.close, previewing)

    # -- asking ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Work out everything for the choices as they are now; what was being worked out for others is dropped."""
        if self._working is not None:
            self._working.cancel()
        clear(self._errors)
        self._settled = False
        if self._previewing is None:
            self._flow.size = None
            self.busy.wait_for("Finding out what belongs to the record")
            self._timer.start()
        self._working = spawn(self._answer(self._flow.draft.offers), "preview an export", self._failed)
        self.changed.emit()

    async def _answer(self, offers: Offers) -> None:
        call = self._window.bridge.call
        if self._previewing is None:
            previewing = await call(source.begin, self._flow.preview_request())
            self._previewing = previewing
            try:
                await call(source.open_preview, previewing)
            except BaseException:
                self._previewing = None
                raise
        previewing = self._previewing
        bare = msgspec.structs.replace(offers, exclude=())
        if bare not in self._wholes:
            self._wholes[bare] = await call(source.solve, previewing, bare, False)
        whole = self._wholes[bare]
        now = whole if offers == bare else await call(source.solve, previewing, offers, False)
        self._show(whole, now, offers)
        self._settle(now)
        # The figures are there; what other choices would cost follows.
        now = await call(source.solve, previewing, offers, True)
        self._show(whole, now, offers)
        costs = self._costs.setdefault(offers, {})
        for node in self._by_interest():
            if node.name not in costs:
                costs[node.name] = await call(source.cost, previewing, offers, node.name)
                self.model.set_cost(node.name, costs[node.name])

    def _by_interest(self) -> list[Node]:
        """Tables that can be switched, the one with the cursor first."""
        here = self.model.node(self.tree.currentIndex())
        tables = [node for node in self.model.nodes() if node.kind is Kind.TABLE and node.ticked is not None]
        return sorted(tables, key=lambda node: node is not here)

    def _settle(self, now: Preview) -> None:
        self._timer.stop()
        self.busy.done()
        self._settled = True
        self._flow.draft.snapshot = now.snapshot
        self._flow.size = Size(rows=now.rows, records=now.csv_bytes, assets=now.asset_bytes)
        self.changed.emit()
        if self._go_on:
            self._go_on = False
            self.advance.emit()

    def _failed(self, fault: BaseException) -> None:
        self._go_on = False
        self._timer.stop()
        self.busy.done()
        self.whole.setVisible(self._previewing is not None)
        clear(self._errors)
        error = as_error(fault)
        actions = remedies(self._window, self, self._flow.draft.host, error, self._try_again)
        self._errors.addWidget(ErrorCard(error, *actions, dismissable=False))
        self.changed.emit()

    def _try_again(self) -> None:
        self._flow.draft.access = self._window.access(self._flow.draft.host)
        self._work()

    def _look(self) -> None:
        stage = self._previewing.stage() if self._previewing is not None else None
        if stage is not None and stage.done:
            far = f"{stage.done:,}" + (f" of {stage.total:,}" if stage.total else "")
            self.busy.say(f"Finding out what belongs to the record: {far} rows looked at")

    # -- showing --------------------------------------------------------------------------------------------------

    def _show(self, whole: Preview, now: Preview, offers: Offers) -> None:
        first = self.shown is None or not self.whole.isVisible()
        self.shown = now
        self.model.show(build(whole, now, offers, self._costs.get(offers, {})))
        self.whole.show()
        if first:
            self.tree.open_up()
            self.tree.setFocus()
        tables = sum(1 for table in now.tables if table.rows)
        pieces = [f"{words.count(now.rows, 'rows')} in {words.count(tables, 'tables')}"]
        unknown = sum(table.assets_of_unknown_length for table in now.tables)
        if now.assets:
            size = words.size(now.asset_bytes) + (f" and {unknown:,} of unknown size" if unknown else "")
            pieces.append(f"{words.count(now.assets, 'files')}, {size}")
        self.total.setText(" · ".join(pieces))
        csv = f"About {words.size(now.csv_bytes)} of CSV. " if now.csv_bytes is not None else ""
        moment = f"{snapshots.moment(now.snapshot):%Y-%m-%d %H:%M} UTC"
        self.more.setText(
            f"{csv}As of {moment}, snapshot {now.snapshot} of catalog {now.catalog} on {now.host}: a snapshot is the "
            "catalog as it was at one moment."
        )
        told = [
            f"{words.count(d.rows, 'rows')} of {d.table} refer ({', '.join(d.columns)}) {_WHY.get(d.reason, d.reason)}"
            f": {d.referenced}."
            for d in now.dangling
        ]
        self.dangling.setText("\n".join(told[:4] + ([f"And {len(told) - 4} more such references."] * (len(told) > 4))))
        self.dangling.setVisible(bool(told))
        self.everything.setVisible(bool(offers.exclude or offers.follow or offers.stop))
        announce(self, self.total.text())

    # -- choosing -------------------------------------------------------------------------------------------------

    def _ticked(self, node: Node, on: bool) -> None:
        if node.kind is Kind.OFFER:
            self._flow.set_followed(node.name, on, default=self._default(node.name))
        else:
            self._flow.set_included(node.name, on)
        self._work()

    def _default(self, key: str) -> bool:
        offers = self.shown.associations if self.shown is not None else ()
        return next((offer.default for offer in offers if offer.key == key), False)

    def _vocabularies(self, used: bool) -> None:
        self._flow.set_vocabularies("used" if used else "whole")
        self._work()

    async def totals(self, choice: AssetChoice) -> AssetTotals | None:
        """What a choice of files comes to; None while the preview is not there."""
        if self._previewing is None:
            return None
        draft = self._flow.draft
        return await self._window.bridge.call(source.totals, self._previewing, draft.offers, choice)

    def _as_spec(self) -> None:
        from satchel.core.export.request import ExportRequest
        from satchel.gui.export_spec import open_as_spec

        request = self._flow.request()
        if isinstance(request, ExportRequest):
            open_as_spec(self._window, request)

    def _reset(self) -> None:
        draft = self._flow.draft
        draft.offers = msgspec.structs.replace(draft.offers, exclude=(), follow=(), stop=())
        self.tree.setFocus()
        self._work()

    def _ask_again(self) -> None:
        self.end()
        self._flow.draft.snapshot = None
        self._work()
