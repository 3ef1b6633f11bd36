"""The dialog in which one signs in to a server. What is typed goes to the engine and is kept nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from satchel.gui.dialogs import Dialog
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_3
from satchel.gui.widgets.boxes import clear
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.choice import Choice
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.deriva.authn import Person
    from satchel.core.jobs.request import Access
    from satchel.gui.window import MainWindow


class SignInDialog(Dialog):
    """User name and password, or a token."""

    def __init__(self, parent: QWidget, window: MainWindow, host: str, then: Callable[[], object]) -> None:
        super().__init__(
            parent,
            f"Sign in to {host}",
            "The sign-in is kept in your system's keyring and sent to this server alone; a password is kept nowhere.",
            "key",
        )
        self._window, self._host, self._then = window, host, then
        self._working: Spawned | None = None
        self.setMinimumWidth(520)
        self.how = Choice("How", (("password", "key", "User name and password"), ("token", "file", "Token")))
        self.how.set_value("password")
        self.how.chosen.connect(self._switch)
        self.user, self.password, self.token = QLineEdit(), QLineEdit(), QLineEdit()
        for edit, name in ((self.user, "User name"), (self.password, "Password"), (self.token, "Token")):
            edit.setAccessibleName(name)
            edit.returnPressed.connect(self.submit)
        for edit in (self.password, self.token):
            edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText("a bearer token, or webauthn=…")
        self.stack = QStackedWidget()
        self.stack.addWidget(_form(("&User name", self.user), ("&Password", self.password)))
        hint = (
            "For servers that sign people in by Globus: sign in there with a browser, or with deriva-py's "
            "deriva-globus-auth-utils, and paste the token here."
        )
        self.stack.addWidget(_form(("&Token", self.token), hint=hint))
        self.busy = BusyLine()
        self.busy.cancelled.connect(self._stop)
        self._errors = QVBoxLayout()
        self.body.addWidget(self.how)
        self.body.addWidget(self.stack)
        self.body.addWidget(self.busy)
        self.body.addLayout(self._errors)
        self.add_button(button("Cancel"))
        self.sign_in_button = button("&Sign in", self.submit, primary=True)
        self.sign_in_button.setDefault(True)
        self._buttons.addWidget(self.sign_in_button)
        self.finished.connect(lambda _: self._stop())
        self.user.setFocus(Qt.FocusReason.OtherFocusReason)

    def submit(self) -> None:
        """Sign in with what was typed."""
        if self._working is not None and not self._working.done:
            return
        by_token = self.stack.currentIndex() == 1
        user = "" if by_token else self.user.text().strip()
        secret = self.token.text().strip() if by_token else self.password.text()
        clear(self._errors)
        missing = None
        if not by_token and not user:
            missing = self.user
        elif not secret:
            missing = self.token if by_token else self.password
        if missing is not None:
            missing.setFocus()
            return
        self.busy.wait_for(f"Signing in to {self._host}")
        self.sign_in_button.setEnabled(False)
        access = self._window.access(self._host)
        self._working = spawn(self._sign_in(access, secret, user), "sign in", self._failed)

    async def _sign_in(self, access: Access, secret: str, user: str) -> None:
        person = await self._window.bridge.call(sign_in, self._host, access, secret, user)
        known = self._window.settings.remember_host(self._host)
        if known.credential:
            # What was just done is meant to count, not a file that was named before.
            known.credential = ""
        self._window.save_settings()
        self._window.toasts.say(f"You are signed in to {self._host} as {person.name}.", "success")
        self.accept()
        self._then()

    def _failed(self, fault: BaseException) -> None:
        self.busy.done()
        self.sign_in_button.setEnabled(True)
        self._errors.addWidget(ErrorCard(as_error(fault), dismissable=False))
        edit = self.token if self.stack.currentIndex() == 1 else self.password
        edit.setFocus()
        edit.selectAll()

    def _switch(self, how: str) -> None:
        self.stack.setCurrentIndex(1 if how == "token" else 0)
        (self.token if how == "token" else self.user).setFocus()

    def _stop(self) -> None:
        if self._working is not None and not self._working.done:
            self._working.cancel()
        self.busy.done()
        self.sign_in_button.setEnabled(True)
        for edit in (self.password, self.token):
            if self.result():
                edit.clear()


def open_sign_in(parent: QWidget, window: MainWindow, host: str, then: Callable[[], object]) -> SignInDialog:
    """Open the dialog.

    Args:
        parent: what it stands before.
        window: whose engine signs in.
        host: where.
        then: called when it has worked.
    """
    dialog = SignInDialog(parent, window, host, then)
    dialog.open()
    return dialog


def _form(*fields: tuple[str, QLineEdit], hint: str = "") -> QWidget:
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(SPACE_3)
    grid.setVerticalSpacing(SPACE_1 * 2)
    grid.setColumnStretch(1, 1)
    for place, (text, edit) in enumerate(fields):
        said = label(text)
        said.setBuddy(edit)
        grid.addWidget(said, place, 0)
        grid.addWidget(edit, place, 1)
    if hint:
        grid.addWidget(label(hint, "caption", "muted", wrap=True), len(fields), 1)
    grid.setRowStretch(len(fields) + 1, 1)
    return made


async def sign_in(host: str, access: Access, secret: str, user: str) -> Person:
    """In the engine's loop, where the imports are paid for. Raises SatchelError."""
    from satchel.core.flows import sign_in

    await sign_in.ready(host, access)
    return await sign_in.sign_in(host, access, secret, user)


async def sign_out(host: str, access: Access) -> tuple[bool, str]:
    """Forget a sign-in. Raises SatchelError."""
    from satchel.core.flows import sign_in

    return await sign_in.sign_out(host, access)


async def who(host: str, access: Access) -> Person | None:
    """As whom the server sees one. Raises SatchelError."""
    from satchel.core.flows import sign_in

    return await sign_in.who(host, access)
