"""One host on the settings page: who one is there, and how it is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout

from satchel.gui.icons import IconLabel
from satchel.gui.session_clock import lasts
from satchel.gui.sign_in import open_sign_in, renew, sign_out, who
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_6
from satchel.gui.widgets.boxes import Card, row
from satchel.gui.widgets.buttons import button, icon_button
from satchel.gui.widgets.path_field import PathField
from satchel.gui.widgets.states import as_error
from satchel.gui.widgets.text import ElidedLabel, label

if TYPE_CHECKING:
    from satchel.gui.settings import Host
    from satchel.gui.window import MainWindow


class HostCard(Card):
    """A host with its certificate authority and credential file."""

    changed = Signal()
    removed = Signal()

    def __init__(self, host: Host, window: MainWindow) -> None:
        super().__init__(spacing=SPACE_3)
        self._host, self._window = host, window
        self._asking: Spawned | None = None
        name = ElidedLabel(host.host, "strong")
        self.remove = icon_button(f"Remove {host.host} from the list", "trash", self.removed.emit)
        head = row(IconLabel("server", "muted", 20), name, self.remove, spacing=SPACE_2)
        head.setStretch(1, 1)
        self.body.addLayout(head)
        self.person = ElidedLabel("", "body", "muted")
        self.sign_in = button("Sign in…", self._sign_in, icon="key")
        self.sign_in.setAccessibleName(f"Sign in to {host.host}")
        self.sign_out = button("Sign out", self._sign_out)
        self.sign_out.setAccessibleName(f"Sign out of {host.host}")
        self.sign_out.hide()
        self.renew = button("Renew", self._renew, tip="Make the session last longer")
        self.renew.setAccessibleName(f"Renew the sign-in to {host.host}")
        self.renew.hide()
        who_line = row(self.person, self.renew, self.sign_in, self.sign_out, spacing=SPACE_2)
        who_line.setStretch(0, 1)
        self.body.addLayout(who_line)
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

    def look(self) -> None:
        """Ask the server who one is there; nothing happens before the engine runs."""
        if self._window.bridge.engine is None:
            return
        if self._asking is not None:
            self._asking.cancel()
        self.person.set_text("Asking the server who you are…")
        self._asking = spawn(self._ask(), "ask who one is", self._not_told)

    def stop(self) -> None:
        """Ask no more: the card goes."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self) -> None:
        host = self._host.host
        found = await self._window.bridge.call(who, host, self._window.access(host))
        if found is None:
            self.person.set_text("Not signed in")
        else:
            self.person.set_text(f"Signed in as {found.name}{lasts(found.expires)}")
            self._window.clock.note(host, found.expires)
        # What a file says is not Satchel's to end.
        own = found is not None and not self._host.credential
        self.sign_out.setVisible(own)
        self.renew.setVisible(own)

    def _not_told(self, fault: BaseException) -> None:
        self.person.set_text(as_error(fault).message)
        self.sign_out.hide()
        self.renew.hide()

    def _sign_in(self) -> None:
        open_sign_in(self.window(), self._window, self._host.host, self._signed_in)

    def _signed_in(self) -> None:
        self.credential.set_path(self._host.credential)
        self.look()

    def _renew(self) -> None:
        async def longer() -> None:
            host = self._host.host
            person = await self._window.bridge.call(renew, host, self._window.access(host))
            self._window.toasts.say(
                f"Your sign-in to {host} counts{lasts(person.expires).removeprefix(',')}.", "success"
            )
            self.look()

        spawn(longer(), "renew a sign-in")

    def _sign_out(self) -> None:
        async def leave() -> None:
            host = self._host.host
            _, trouble = await self._window.bridge.call(sign_out, host, self._window.access(host))
            if trouble:
                self._window.toasts.say(trouble, "warning")
            self.look()

        spawn(leave(), "sign out")

    def _ca(self, path: str) -> None:
        self._host.ca = path
        self.changed.emit()

    def _credential(self, path: str) -> None:
        self._host.credential = path
        self.changed.emit()
