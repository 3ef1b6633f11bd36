"""Where sign-ins are kept: in a keyring of this computer, in an encrypted file, or for this session only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from satchel.gui.dialogs import Dialog
from satchel.gui.sign_in import engine
from satchel.gui.sign_in.unlock import UnlockDialog
from satchel.gui.tasks import spawn
from satchel.gui.theme import SPACE_2, SPACE_3
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.choice import Choice
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.credentials.chosen import VaultKind
    from satchel.gui.window import MainWindow

_WAYS = (
    ("keyring", "key", "System keyring"),
    ("file", "lock", "Encrypted file"),
    ("memory", "clock", "This session only"),
)
_SAID = {
    "keyring": "The keyring of this computer keeps them, encrypted with your password.",
    "file": "A file, encrypted with a passphrase that you type once in each session.",
    "memory": "They are forgotten when Satchel ends.",
}


class KeepingSection(QWidget):
    """The choice, the keyring where there are several, and forgetting everything."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self.where = Choice("Where sign-ins are kept", _WAYS)
        self.where.chosen.connect(self._chosen)
        self.said = label("", role="muted", wrap=True)
        self.ring = QComboBox()
        self.ring.setAccessibleName("Keyring")
        self.ring.view().setAccessibleName("Keyrings")
        self.ring.activated.connect(lambda _: self._use("keyring"))
        self.ring.hide()
        self.forget = button("&Forget all sign-ins…", self._ask_to_forget, icon="trash", danger=True)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_3)
        inside.addWidget(self.where)
        inside.addWidget(self.said)
        inside.addLayout(row(self.ring, None, self.forget, spacing=SPACE_2))

    def look(self) -> None:
        """Show how it stands; nothing happens before the engine runs."""
        if self._window.bridge.engine is not None:
            spawn(self._look(), "look where sign-ins are kept")

    async def _look(self) -> None:
        kind, _ = await self._window.bridge.call(engine.kept_where)
        self.where.set_value(kind)
        self.said.setText(_SAID[kind])
        rings, mine = await self._window.bridge.call(engine.keyrings)
        self.ring.clear()
        self.ring.addItem("The system's choice", "")
        for name, title in rings:
            self.ring.addItem(title, name)
        self.ring.setCurrentIndex(max(0, self.ring.findData(mine)))
        self.ring.setVisible(kind == "keyring" and len(rings) > 1)

    def _chosen(self, kind: str) -> None:
        if kind == "file":
            spawn(self._to_file(), "keep sign-ins in a file", self._not_done)
        else:
            self._use("memory" if kind == "memory" else "keyring")

    async def _to_file(self) -> None:
        new = not await self._window.bridge.call(engine.has_file)
        dialog = UnlockDialog(self.window(), self._window, self.look, new=new)
        dialog.rejected.connect(self.look)
        dialog.open()

    def _use(self, kind: VaultKind) -> None:
        from satchel.core.credentials.chosen import Choice as Kept

        backend = str(self.ring.currentData() or "") if kind == "keyring" else ""

        async def change() -> None:
            await self._window.bridge.call(engine.keep_in, Kept(kind, backend), "")
            self.look()

        spawn(change(), "keep sign-ins elsewhere", self._not_done)

    def _not_done(self, fault: BaseException) -> None:
        self._window.fail(fault)
        self.look()

    def _ask_to_forget(self) -> None:
        hosts = [known.host for known in self._window.settings.hosts]
        dialog = Dialog(
            self.window(),
            "Forget all sign-ins?",
            f"You will have to sign in again on {', '.join(hosts)}." if hosts else "There is no host in the list.",
            "trash",
            "warning",
        )
        dialog.add_button(button("Keep them"), default=True)
        dialog.add_button(button("Forget all", danger=True), lambda: spawn(self._forget(hosts), "forget all sign-ins"))
        dialog.open()

    async def _forget(self, hosts: list[str]) -> None:
        for host in hosts:
            await self._window.bridge.call(engine.sign_out, host, self._window.access(host))
        self._window.toasts.say("All sign-ins are forgotten.", "success")
        page = self._window.page("settings")
        if callable(show := getattr(page, "show_hosts", None)):
            show()
