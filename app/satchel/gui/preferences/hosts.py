"""One host on the settings page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout

from satchel.gui.icons import IconLabel
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_6
from satchel.gui.widgets.boxes import Card, row
from satchel.gui.widgets.buttons import icon_button
from satchel.gui.widgets.path_field import PathField
from satchel.gui.widgets.text import ElidedLabel, label

if TYPE_CHECKING:
    from satchel.gui.settings import Host


class HostCard(Card):
    """A host with its certificate authority and credential file."""

    changed = Signal()
    removed = Signal()

    def __init__(self, host: Host) -> None:
        super().__init__(spacing=SPACE_3)
        self._host = host
        name = ElidedLabel(host.host, "strong")
        self.remove = icon_button(f"Remove {host.host} from the list", "trash", self.removed.emit)
        head = row(IconLabel("server", "muted", 20), name, self.remove, spacing=SPACE_2)
        head.setStretch(1, 1)
        self.body.addLayout(head)
        pem = ["Certificates (*.pem *.crt *.cer)", "All files (*)"]
        self.ca = PathField(f"Certificate authority for {host.host}", "As the system", filters=pem)
        self.ca.set_path(host.ca)
        self.ca.chosen.connect(self._ca)
        files = ["Credential files (*.json)", "All files (*)"]
        self.credential = PathField(f"Credential file for {host.host}", "From the keyring", filters=files)
        self.credential.set_path(host.credential)
        self.credential.chosen.connect(self._credential)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_6)
        grid.setVerticalSpacing(SPACE_2)
        grid.setColumnStretch(1, 1)
        for place, (text, field) in enumerate((("Certificate authority", self.ca), ("Credentials", self.credential))):
            grid.addWidget(label(text, role="muted"), place, 0)
            grid.addWidget(field, place, 1)
        self.body.addLayout(grid)

    def _ca(self, path: str) -> None:
        self._host.ca = path
        self.changed.emit()

    def _credential(self, path: str) -> None:
        self._host.credential = path
        self.changed.emit()
