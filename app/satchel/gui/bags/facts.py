"""What a bag says of itself, before and beside any check: figures, where it is from, its bag-info, its tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QMenu, QScrollArea, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.boxes import Card, Section, clear, column, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.flow import Flow
from satchel.gui.widgets.text import label, selectable

if TYPE_CHECKING:
    from satchel.core.bags.inspecting import InspectResult

MOST_FIELDS, MOST_TABLES = 200, 500


def figures(found: InspectResult) -> str:
    """One line: "BagIt 1.0 · 128 files, 1.3 MB · md5, sha256 · 12 files to be fetched (3.4 MB)"."""
    size = f", {words.size(found.bytes)}" if found.bytes is not None else ""
    pieces = [f"BagIt {found.version}", f"{words.count(found.files, 'files')}{size}", ", ".join(found.algorithms)]
    if found.remote:
        remote = f" ({words.size(found.remote_bytes)})" if found.remote_bytes is not None else ""
        pieces.append(f"{words.count(found.remote, 'files')} listed to be fetched{remote}")
    if found.missing:
        pieces.append(f"{words.count(found.missing)} of them not here")
    return " · ".join(piece for piece in pieces if piece)


def origin(found: InspectResult) -> str:
    """Where a Deriva bag is from; empty where it does not say."""
    from_ = found.origin
    if from_ is None or not from_.host:
        return ""
    record = f"{from_.table} {from_.rid}".strip()
    catalog = f"catalog {from_.catalog} on {from_.host}" if from_.catalog else from_.host
    said = f"{record} of {catalog}" if record else f"From {catalog}"
    return f"{said}, snapshot {from_.snapshot}" if from_.snapshot else said


class FactsCard(Card):
    """The figures, things to do, and on demand all of bag-info and the tables."""

    def __init__(self) -> None:
        super().__init__(spacing=SPACE_2)
        self.figures = selectable(label("", wrap=True))
        self.origin = selectable(label("", role="muted", wrap=True))
        self.profile = selectable(label("", role="muted", wrap=True))
        self.check_profile = button("Check against it", link=True, tip="Check the bag by the rules of this profile")
        self.fetch = button("Fetch missing fi&les…", icon="drop", primary=True)
        self.unpack = button("&Unpack…", icon="folder")
        self.pack = button("&Pack…", icon="bag")
        self.tools = button("&Change", icon="settings", tip="Change what the bag is, or where its files are")
        menu = QMenu(self.tools)
        self.change = menu.addAction("Bag-&info and Manifests…")
        self.holey = menu.addAction("&Leave Files to Servers…")
        self.full = menu.addAction("Fetch &All and Drop fetch.txt")
        self.tools.setMenu(menu)
        self.compare = button("Co&mpare…", icon="copy", tip="Compare it with another bag")
        self.look = button("Look &inside", icon="detail", tip="Its files, tables, pictures, texts, and what links them")
        self.more = button("&Details", icon="info", tip="Its bag-info and tables, here")
        self.more.setCheckable(True)
        self.more.toggled.connect(self._toggle)
        texts = column(spacing=SPACE_1)
        texts.addWidget(self.figures)
        texts.addWidget(self.origin)
        named = row(self.profile, self.check_profile, None)
        named.setStretch(0, 1)
        texts.addLayout(named)
        self.body.addLayout(texts)
        self.body.addLayout(Flow(self.fetch, self.unpack, self.pack, self.tools, self.compare, self.look, self.more))
        inside = QWidget()
        self._inside = QVBoxLayout(inside)
        self._inside.setContentsMargins(0, SPACE_2, SPACE_3, 0)
        self._inside.setSpacing(SPACE_3)
        self.inside = QScrollArea()
        self.inside.setWidgetResizable(True)
        self.inside.setWidget(inside)
        self.inside.setAccessibleName("What the bag says of itself")
        self.inside.setMinimumHeight(220)
        self.inside.hide()
        self.body.addWidget(self.inside)

    def show_facts(self, found: InspectResult) -> None:
        """Show what a bag says of itself."""
        self.figures.setText(figures(found))
        said = origin(found)
        self.origin.setText(said)
        self.origin.setVisible(bool(said))
        self.profile.setText(f"It says that it keeps the profile {found.profile}" if found.profile else "")
        self.profile.setVisible(bool(found.profile))
        self.check_profile.setVisible(bool(found.profile))
        folder = found.kind == "folder"
        self.fetch.setVisible(folder and bool(found.missing))
        self.unpack.setVisible(not folder)
        self.pack.setVisible(folder)
        self.tools.setVisible(folder)
        self.full.setEnabled(found.remote > 0)
        clear(self._inside)
        self._inside.addWidget(Section("Bag-info", "" if found.info else "The bag says nothing of itself."))
        self._inside.addLayout(_pairs(found.info[:MOST_FIELDS]))
        if found.tables:
            self._inside.addWidget(Section("Tables of records", words.count(len(found.tables))))
            shown = [(table.name, words.count(table.rows, "rows")) for table in found.tables[:MOST_TABLES]]
            self._inside.addLayout(_pairs(shown))
        self._inside.addStretch(1)
        self.setAccessibleName(f"{Path(found.path).name}: {self.figures.text()}")

    def _toggle(self, on: bool) -> None:
        self.inside.setVisible(on)


def _pairs(pairs: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(SPACE_4)
    grid.setVerticalSpacing(SPACE_1)
    grid.setColumnStretch(1, 1)
    top = Qt.AlignmentFlag.AlignTop
    for place, (name, value) in enumerate(pairs):
        grid.addWidget(label(name, role="muted"), place, 0, top)
        grid.addWidget(selectable(label(value, wrap=True)), place, 1, top)
    return grid
