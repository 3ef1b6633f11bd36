"""Page two: what to take. The export wizard's tree, with what only a clone has to choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox

from satchel.gui.theme import SPACE_4
from satchel.gui.widgets.boxes import row
from satchel.gui.wizards.export.preview import PreviewPage

if TYPE_CHECKING:
    from satchel.core.flows.clone import CloneFlow
    from satchel.gui.window import MainWindow


class TakePage(PreviewPage):
    """The tree, and two switches below it."""

    def __init__(self, window: MainWindow, flow: CloneFlow) -> None:
        super().__init__(window, flow)
        self._clone = flow
        self.associations = QCheckBox("&Associations: tables that only connect two others")
        self.annotation = QCheckBox("Only what the e&xport annotation of the root's table names")
        self.annotation.setToolTip(
            "Where it has one. Associations between those tables, and vocabularies that they refer to, are added. The "
            "next page shows what comes of it; the tree here shows what the rule itself would take."
        )
        self.associations.toggled.connect(lambda on: self._set("associations", on))
        self.annotation.toggled.connect(lambda on: self._set("by_annotation", on))
        layout = self.whole.layout()
        layout.addItem(row(self.associations, self.annotation, None, spacing=SPACE_4))  # type: ignore[union-attr]

    def entered(self) -> None:
        for box, name in ((self.associations, "associations"), (self.annotation, "by_annotation")):
            blocked = box.blockSignals(True)
            box.setChecked(getattr(self._clone.draft, name))
            box.blockSignals(blocked)
        super().entered()

    def _set(self, name: str, on: bool) -> None:
        self._clone.set_option(name, on)
        self.changed.emit()
