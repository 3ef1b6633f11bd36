"""Page four: where the clone is made, and how."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.boxes import Card, ScrollPage, Section, row
from satchel.gui.widgets.choice import Choice
from satchel.gui.widgets.text import label
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.clone.request import Assets
    from satchel.core.flows.clone import CloneFlow, Where
    from satchel.gui.window import MainWindow

_ASSETS = {
    "references": "The clone's records name the files where they are, on the source's server. Quick, and the files can "
    "be copied later (localize). Recommended.",
    "full": "The files are copied to the destination's object store (Hatrac) and verified.",
    "none": "No rows of asset tables; what refers to them leads nowhere and is dealt with as such.",
}
_SWITCHES = (
    ("copy_annotations", "Copy &annotations", "How tables and columns are shown, exported and named."),
    ("copy_policy", "Copy access &rules", "Who may read and change what. Only an owner of the source can read them."),
    (
        "add_ml_schema",
        "Add &deriva-ml's schema where there is none",
        "Datasets, executions and their vocabularies. What is there is completed, never replaced.",
    ),
    (
        "new_versions",
        "Give each dataset a new &version",
        "With a snapshot that exists in the clone; those of the source do not.",
    ),
    (
        "prune_hidden_fkeys",
        "Leave out foreign &keys to rows that you see only in part",
        "They would dangle for want of rights, not of data.",
    ),
    (
        "truncate_oversized",
        "&Cut values that an index refuses",
        "Otherwise the index is left out and the values stay whole, which is recommended.",
    ),
)


class DestinationPage(WizardPage):
    """Server, catalog, files, switches."""

    def __init__(self, window: MainWindow, flow: CloneFlow) -> None:
        super().__init__()
        self._window, self._flow = window, flow
        draft = flow.draft
        self.host = QComboBox()
        self.host.setEditable(True)
        self.host.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.host.setAccessibleName("Destination server")
        self.host.view().setAccessibleName("Known servers")
        self.host.addItems(window.known_hosts())
        self.host_edit: QLineEdit = self.host.lineEdit() or QLineEdit()
        self.host_edit.setAccessibleName("Destination server")
        self.host_edit.setText(draft.to_host or draft.host)
        self.where = Choice(
            "Catalog", (("new", "plus", "A new catalog"), ("existing", "catalog", "An existing, empty catalog"))
        )
        self.where.set_value(draft.where)
        self.to_catalog = _edit("Number or alias of the empty catalog", draft.to_catalog)
        self.alias = _edit("Alias", draft.alias)
        self.alias.setPlaceholderText("a name in place of its number, if you want one")
        self.assets = Choice(
            "Files",
            (("references", "external", "Leave them there"), ("full", "asset", "Copy them"), ("none", "close", "None")),
        )
        self.assets_text = label("", role="muted", wrap=True)
        self.switches = {name: QCheckBox(title) for name, title, _ in _SWITCHES}
        self.concurrency = QSpinBox()
        self.concurrency.setRange(1, 64)
        self.concurrency.setAccessibleName("Requests to the source at once")
        self.concurrency.lineEdit().setAccessibleName("Requests to the source at once")
        self._lay_out()
        self.host_edit.textChanged.connect(self._said)
        self.to_catalog.textChanged.connect(self._said)
        self.alias.textChanged.connect(self._said)
        self.where.chosen.connect(lambda _: self._said())
        self.assets.chosen.connect(self._assets)
        for name, box in self.switches.items():
            box.toggled.connect(partial(self._switch, name))
        self.concurrency.valueChanged.connect(self._requests)

    def _lay_out(self) -> None:
        place = Card(spacing=SPACE_3)
        place.body.addWidget(Section("Where"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_4)
        grid.setVerticalSpacing(SPACE_2)
        grid.setColumnStretch(1, 1)
        self.catalog_label = label("&Empty catalog")
        lines: tuple[tuple[QWidget, QWidget], ...] = (
            (label("&Server"), self.host),
            (label("Catalog"), self.where),
            (self.catalog_label, self.to_catalog),
            (label("A&lias"), self.alias),
        )
        for number, (said, field) in enumerate(lines):
            said.setBuddy(field)  # type: ignore[attr-defined]
            grid.addWidget(said, number, 0)
            grid.addWidget(field, number, 1)
        place.body.addLayout(grid)
        files = Card(spacing=SPACE_2)
        files.body.addWidget(Section("Files (assets)"))
        files.body.addWidget(self.assets)
        files.body.addWidget(self.assets_text)
        more = Card(spacing=SPACE_2)
        more.body.addWidget(Section("What else"))
        for name, _, text in _SWITCHES:
            part = QVBoxLayout()
            part.setSpacing(SPACE_1)
            part.addWidget(self.switches[name])
            remark = label(text, "caption", "muted", wrap=True)
            remark.setIndent(26)
            part.addWidget(remark)
            self.switches[name].setAccessibleDescription(text)
            more.body.addLayout(part)
        requests = label("Re&quests to the source at once, at most")
        requests.setBuddy(self.concurrency)
        more.body.addLayout(row(requests, self.concurrency, None, spacing=SPACE_3))
        scroll = ScrollPage(width=900)
        scroll.body.setContentsMargins(0, 0, 0, 0)
        scroll.body.setSpacing(SPACE_3)
        for card in (place, files, more):
            scroll.body.addWidget(card)
        scroll.body.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, SPACE_2, 24, SPACE_4)
        outer.addWidget(scroll)

    def entered(self) -> None:
        draft = self._flow.draft
        if not self.host_edit.text():
            self.host_edit.setText(draft.to_host or draft.host)
        self.assets.set_value(draft.assets)
        self.assets_text.setText(_ASSETS[draft.assets])
        for name, box in self.switches.items():
            blocked = box.blockSignals(True)
            box.setChecked(getattr(draft, name))
            box.blockSignals(blocked)
        blocked = self.concurrency.blockSignals(True)
        self.concurrency.setValue(draft.concurrency)
        self.concurrency.blockSignals(blocked)
        self._said()
        self.host_edit.setFocus()

    def _said(self) -> None:
        existing = self.where.options["existing"].isChecked()
        self.to_catalog.setVisible(existing)
        self.catalog_label.setVisible(existing)
        host = self.host_edit.text().strip().removeprefix("https://").split("/", 1)[0]
        where: Where = "existing" if existing else "new"
        self._flow.set_destination(host, where, self.to_catalog.text(), self.alias.text())
        self._flow.draft.to_access = self._window.access(host or self._flow.draft.host)
        self.changed.emit()

    def _assets(self, value: str) -> None:
        self._flow.set_assets(cast("Assets", value))
        self.assets_text.setText(_ASSETS[value])
        self.changed.emit()

    def _switch(self, name: str, on: bool) -> None:
        self._flow.set_option(name, on)
        self.changed.emit()

    def _requests(self, number: int) -> None:
        self._flow.draft.concurrency = number

    def fields(self) -> Mapping[str, QWidget]:
        return {"to_host": self.host, "to_catalog": self.to_catalog, "alias": self.alias}


def _edit(name: str, text: str) -> QLineEdit:
    made = QLineEdit(text)
    made.setAccessibleName(name)
    return made
