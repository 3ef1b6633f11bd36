"""Page four: what will happen, in words and as a command."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout

from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_4, mono
from satchel.gui.widgets.boxes import Card, Section, clear, column
from satchel.gui.widgets.buttons import icon_button
from satchel.gui.widgets.text import label, selectable
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.flows.mint import MintFlow


class SummaryPage(WizardPage):
    """The last look."""

    next_text = "&Mint"

    def __init__(self, flow: MintFlow) -> None:
        super().__init__()
        self._flow = flow
        self.lines = column(spacing=SPACE_2)
        card = Card(spacing=SPACE_2)
        card.body.addLayout(self.lines)
        self.command = QPlainTextEdit()
        self.command.setReadOnly(True)
        self.command.setFont(mono())
        self.command.setMaximumHeight(110)
        self.command.setTabChangesFocus(True)
        self.command.setAccessibleName("The command that does the same")
        again = Card(spacing=SPACE_2)
        again.body.addWidget(
            Section("The same from a terminal", "", icon_button("Copy as command", "copy", self._copy))
        )
        again.body.addWidget(self.command)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(24, SPACE_3, 24, SPACE_4)
        inside.setSpacing(SPACE_3)
        inside.addWidget(card)
        inside.addWidget(again)
        inside.addStretch(1)

    def entered(self) -> None:
        from satchel.core.flows.command import command_line

        clear(self.lines)
        for text in self.sentences():
            self.lines.addWidget(selectable(label(text, wrap=True)))
        self.command.setPlainText(command_line(self._flow.request()))

    def sentences(self) -> list[str]:
        """What will happen."""
        flow, draft = self._flow, self._flow.draft
        found = flow.readiness
        settled = found.settled if found is not None else None
        said = []
        where = f"in catalog {draft.catalog} on {draft.host}"
        if draft.release:
            said.append(
                f"The dataset {draft.dataset} {where} is released: a new {draft.release} version, as it is now."
            )
        else:
            said.append(f"Version {draft.version} of the dataset {draft.dataset} {where} gets an identifier.")
        who = "This computer" if draft.way == "here" else "The catalog's export service"
        files = "with its files" if draft.materialize else "with the addresses of its files"
        place = settled.place.shown if settled is not None else ""
        said.append(f"{who} makes its bag, {files}, and uploads it to {place}.")
        if settled is not None:
            kind = "a test identifier" if settled.test else "an identifier"
            said.append(f"It is registered at {urlsplit(settled.service).netloc} as {kind}: “{draft.title.strip()}”.")
        people = "; ".join(draft.authors) or "nobody yet"
        said.append(f"Authors: {people}.")
        if draft.visible_to == ("public",):
            said.append("Everybody will see it, and get the bag, signed in or not.")
        else:
            said.append(f"Only these will see it: {', '.join(draft.visible_to)}.")
        if found is not None and found.minid and not draft.release:
            said.append(f"The version has an identifier: {found.minid}. For the same choice that one is given back.")
        return said

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.command.toPlainText())
