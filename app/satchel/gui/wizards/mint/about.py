"""Page three: title, authors, who sees it, and whether the files are in the bag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.text import label
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.flows.mint import MintFlow


class AboutPage(WizardPage):
    """What is registered."""

    def __init__(self, flow: MintFlow) -> None:
        super().__init__()
        self._flow = flow
        self.title = QLineEdit()
        self.title.setAccessibleName("Title")
        self.authors = QPlainTextEdit()
        self.authors.setAccessibleName("Authors, one on each line")
        self.authors.setPlaceholderText("Lovelace, Ada\nHopper, Grace")
        self.authors.setTabChangesFocus(True)
        self.authors.setMaximumHeight(110)
        self.public = QCheckBox("&Everybody sees it")
        self.few = QLineEdit()
        self.few.setAccessibleName("Who sees it")
        self.few.setPlaceholderText("else: identities or groups as the service names them, with spaces between")
        self.materialize = QCheckBox("Put the &files into the bag, not only their addresses")
        self.layout_ml = QCheckBox("Make the bag as &deriva-ml does, so that its programs open it")
        self.layout_ml.setToolTip("deriva-ml's programs follow the identifier of a version, and open only such bags")
        inside = QVBoxLayout(self)
        inside.setContentsMargins(24, SPACE_3, 24, SPACE_4)
        inside.setSpacing(SPACE_2)
        for text, field in (
            ("&Title", self.title),
            ("&Authors, one on each line: family name, given name", self.authors),
        ):
            said = label(text)
            said.setBuddy(field)
            inside.addWidget(said)
            inside.addWidget(field)
        inside.addSpacing(SPACE_2)
        inside.addWidget(self.public)
        inside.addWidget(self.few)
        inside.addSpacing(SPACE_2)
        inside.addWidget(self.materialize)
        hint = (
            "Without its files a bag is small, and who receives it fetches them from the server, as far as they may. "
            "With them it is complete for ever."
        )
        inside.addWidget(label(hint, role="muted", wrap=True))
        inside.addWidget(self.layout_ml)
        inside.addStretch(1)
        for signal in (self.title.textChanged, self.authors.textChanged, self.few.textChanged):
            signal.connect(self._said)
        for tick in (self.public, self.materialize, self.layout_ml):
            tick.toggled.connect(self._said)

    def entered(self) -> None:
        draft = self._flow.draft
        for field in (self.title, self.authors, self.few, self.public, self.materialize, self.layout_ml):
            field.blockSignals(True)
        self.title.setText(draft.title)
        self.authors.setPlainText("\n".join(draft.authors))
        self.public.setChecked("public" in draft.visible_to)
        self.few.setText(" ".join(who for who in draft.visible_to if who != "public"))
        self.materialize.setChecked(draft.materialize)
        self.layout_ml.setChecked(draft.layout == "deriva-ml" or draft.way == "server")
        for field in (self.title, self.authors, self.few, self.public, self.materialize, self.layout_ml):
            field.blockSignals(False)
        self.few.setEnabled(not self.public.isChecked())
        # The export service makes bags as deriva-ml does, with addresses.
        self.materialize.setEnabled(draft.way == "here")
        self.layout_ml.setEnabled(draft.way == "here")
        self.title.setFocus()

    def _said(self) -> None:
        draft = self._flow.draft
        draft.title = self.title.text()
        draft.authors = tuple(
            " ".join(line.split()) for line in self.authors.toPlainText().splitlines() if line.strip()
        )
        self.few.setEnabled(not self.public.isChecked())
        draft.visible_to = ("public",) if self.public.isChecked() else tuple(self.few.text().split())
        draft.materialize = self.materialize.isChecked() and draft.way == "here"
        draft.layout = "deriva-ml" if self.layout_ml.isChecked() and draft.way == "here" else "complete"
        self.changed.emit()

    def fields(self) -> Mapping[str, QWidget]:
        return {"title": self.title, "visible": self.few}
