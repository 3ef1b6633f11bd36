"""The encrypted file of sign-ins waits for its passphrase: said at the start, asked for when the person wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from satchel.gui.dialogs import Dialog
from satchel.gui.sign_in import engine
from satchel.gui.sign_in.panels import form
from satchel.gui.tasks import spawn
from satchel.gui.widgets.boxes import clear
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import ErrorCard, as_error

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


class UnlockDialog(Dialog):
    """Asks for the passphrase.

    Args:
        parent: what it stands before.
        window: whose engine opens the file.
        new: there is no file yet: it is made with this passphrase, which is typed twice.
        then: called when the file is open.
    """

    def __init__(self, parent: QWidget, window: MainWindow, then: Callable[[], object], *, new: bool = False) -> None:
        super().__init__(
            parent,
            "Choose a passphrase" if new else "Unlock your sign-ins",
            "It encrypts the file in which sign-ins are kept. Nobody can recover it; who forgets it signs in anew."
            if new
            else "They are kept in an encrypted file.",
            "lock",
        )
        self._window, self._then, self._new = window, then, new
        self.passphrase, self.again = QLineEdit(), QLineEdit()
        fields: list[tuple[str, QWidget]] = [("&Passphrase", self.passphrase)]
        if new:
            fields.append(("&Once more", self.again))
        for edit, name in ((self.passphrase, "Passphrase"), (self.again, "Passphrase once more")):
            edit.setEchoMode(QLineEdit.EchoMode.Password)
            edit.setAccessibleName(name)
            edit.returnPressed.connect(self.submit)
        self.body.addWidget(form(*fields))
        self._errors = QVBoxLayout()
        self.body.addLayout(self._errors)
        self.add_button(button("Cancel"))
        self.unlock_button = button("&Encrypt" if new else "&Unlock", self.submit, primary=True)
        self.unlock_button.setDefault(True)
        self._buttons.addWidget(self.unlock_button)
        self.passphrase.setFocus()

    def submit(self) -> None:
        """Try what was typed."""
        clear(self._errors)
        if not self.passphrase.text():
            self.passphrase.setFocus()
        elif self._new and self.again.text() != self.passphrase.text():
            self._failed(ValueError("The two passphrases differ."))
            self.again.setFocus()
        else:
            self.unlock_button.setEnabled(False)
            spawn(self._unlock(), "unlock sign-ins", self._failed)

    async def _unlock(self) -> None:
        from satchel.core.credentials.chosen import Choice

        await self._window.bridge.call(engine.keep_in, Choice("file"), self.passphrase.text())
        self.accept()
        self._then()

    def _failed(self, fault: BaseException) -> None:
        from satchel.core.errors import Kind, SatchelError

        self.unlock_button.setEnabled(True)
        told = (
            SatchelError(Kind.USAGE, str(fault), "Type them again.")
            if isinstance(fault, ValueError)
            else as_error(fault)
        )
        self._errors.addWidget(ErrorCard(told, dismissable=False))
        self.passphrase.selectAll()


async def tell_if_locked(window: MainWindow) -> None:
    """Say once, at the start, that the encrypted file waits."""
    kind, locked = await window.bridge.call(engine.kept_where)
    if kind != "file" or not locked:
        return

    def unlock() -> None:
        UnlockDialog(window, window, lambda: window.toasts.say("Your sign-ins are unlocked.", "success")).open()

    window.toasts.say(
        "Your sign-ins are locked.", "warning", "Until then servers take you for nobody.", action="Unlock…", do=unlock
    )
