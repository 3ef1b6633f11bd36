"""The dialog in which one signs in to a server. What is typed goes to the engine and is kept nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from satchel.gui.dialogs import Dialog
from satchel.gui.sign_in import engine
from satchel.gui.sign_in.panels import KeepPanel, PagePanel, form
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.widgets.boxes import clear
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.choice import Choice
from satchel.gui.widgets.path_field import PathField
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.deriva.authn import Person
    from satchel.core.jobs.request import Access
    from satchel.gui.window import MainWindow

_WAYS = (
    ("device", "external", "Browser"),
    ("globus", "external", "Globus"),
    ("password", "key", "Password"),
    ("token", "copy", "Token"),
    ("file", "file", "From a file"),
)
_KEPT = {
    "keyring": "It is kept in your system's keyring and sent to this server alone. Passwords are not kept.",
    "file": "The sign-in is kept in a file encrypted with your passphrase and sent to this server alone.",
    "memory": "The sign-in is kept until Satchel ends, and sent to this server alone.",
}


class SignInDialog(Dialog):
    """Signs in the way that the server does best; the others can be chosen."""

    _told = Signal(str, str, float)
    """From the engine's thread: page, code, and when it is too late."""

    def __init__(self, parent: QWidget, window: MainWindow, host: str, then: Callable[[], object]) -> None:
        super().__init__(parent, f"Sign in to {host}", "", "key")
        self._window, self._host, self._then = window, host, then
        self._working: Spawned | None = None
        self._touched = False
        self.setMinimumWidth(600)
        self.kept = label(_KEPT["keyring"], role="muted", wrap=True)
        self.how = Choice("How", _WAYS)
        for way in ("device", "globus"):
            self.how.options[way].hide()
        self.how.set_value("password")
        self.how.chosen.connect(self._switch)
        for option in self.how.options.values():
            option.clicked.connect(self._touch)
        self._make_panels()
        self.busy = BusyLine()
        self.busy.cancelled.connect(self._stop)
        self._errors = QVBoxLayout()
        for widget in (self.kept, self.how, self.stack, self.busy):
            self.body.addWidget(widget)
        self.body.addLayout(self._errors)
        self.add_button(button("Cancel"))
        self.sign_in_button = button("&Sign in", self.submit, primary=True)
        self.sign_in_button.setDefault(True)
        self._buttons.addWidget(self.sign_in_button)
        self._told.connect(self._page_came)
        self.finished.connect(lambda _: self._stop())
        self.user.setFocus(Qt.FocusReason.OtherFocusReason)
        self._asking = spawn(self._ask(), "ask how one signs in", self._not_told)

    def _make_panels(self) -> None:
        self.user, self.password, self.token = QLineEdit(), QLineEdit(), QLineEdit()
        for edit, name in ((self.user, "User name"), (self.password, "Password"), (self.token, "Token")):
            edit.setAccessibleName(name)
            edit.returnPressed.connect(self.submit)
            edit.textEdited.connect(self._touch)
        for edit in (self.password, self.token):
            edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText("a bearer token, or webauthn=…")
        self.file = PathField("File", "deriva-py's credential.json, or bdbag's keychain.json", filters=["*.json", "*"])
        self.device = PagePanel(f"A page of {self._host} opens in your browser. Sign in there and confirm the code.")
        self.globus = PagePanel("Globus opens in your browser. Sign in there as your institution wants it.")
        hint = (
            "Where a server signs people in by its own page only: sign in there with a browser and paste the value of "
            "the cookie here, as webauthn=…"
        )
        taken = "Satchel takes over what the file holds for this server; the file stays as it is."
        self.panels: dict[str, QWidget] = {
            "device": self.device,
            "globus": self.globus,
            "password": form(("&User name", self.user), ("&Password", self.password)),
            "token": form(("&Token", self.token), hint=hint),
            "file": form(("&File", self.file), hint=taken),
        }
        self.stack = QStackedWidget()
        for panel in self.panels.values():
            self.stack.addWidget(panel)
        self.stack.setCurrentWidget(self.panels["password"])

    @property
    def way(self) -> str:
        """The way that is chosen."""
        return next(way for way, panel in self.panels.items() if panel is self.stack.currentWidget())

    # -- what the server offers -----------------------------------------------------------------------------------

    async def _ask(self) -> None:
        bridge = self._window.bridge
        kind, _ = await bridge.call(engine.kept_where)
        self.kept.setText(_KEPT[kind])
        file = await bridge.call(engine.usual_file)
        if file and not self.file.path:
            self.file.set_path(file)
        found = await bridge.call(engine.ways, self._host, self._window.access(self._host))
        for way in ("device", "globus", "password"):
            self.how.options[way].setVisible(way in found.ways)
        best = next((way for way in found.ways if way in self.panels), "token")
        if not self._touched and best != self.way:
            self.how.set_value(best)
            self._switch(best)

    def _not_told(self, fault: BaseException) -> None:
        """The server does not say; what one signs in with will show why."""

    def _touch(self, *_: object) -> None:
        self._touched = True

    def _switch(self, way: str) -> None:
        self._stop()
        clear(self._errors)
        self.stack.setCurrentWidget(self.panels[way])
        by_page = way in ("device", "globus")
        self.sign_in_button.setText("&Open the browser" if by_page else "&Sign in")
        first = {"password": self.user, "token": self.token, "file": self.file.choose_button}.get(
            way, self.sign_in_button
        )
        first.setFocus()

    # -- signing in -----------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Sign in with what was chosen and typed."""
        if self._working is not None and not self._working.done:
            return
        clear(self._errors)
        access = self._window.access(self._host)
        begun = self._begun(access)
        if begun is None:
            return
        self.busy.wait_for(f"Signing in to {self._host}")
        self.sign_in_button.setEnabled(False)
        self._working = spawn(self._sign_in(begun), "sign in", self._failed)

    def _begun(self, access: Access) -> Coroutine[Any, Any, Person] | None:
        """The question to the engine; None where something is still missing, which gets the focus."""
        call, host, way = self._window.bridge.call, self._host, self.way
        if way in ("device", "globus"):
            return call(engine.by_page, host, access, way, self._tell)
        if way == "file":
            if not self.file.path:
                self.file.choose_button.setFocus()
                return None
            return call(engine.from_file, host, access, self.file.path)
        user = self.user.text().strip() if way == "password" else ""
        secret = self.password.text() if way == "password" else self.token.text().strip()
        missing = self.user if way == "password" and not user else None
        if missing is None and not secret:
            missing = self.password if way == "password" else self.token
        if missing is not None:
            missing.setFocus()
            return None
        return call(engine.by_secret, host, access, secret, user)

    async def _sign_in(self, begun: Coroutine[Any, Any, Person]) -> None:
        person = await begun
        known = self._window.settings.remember_host(self._host)
        if known.credential:
            # What was just done is meant to count, not a file that was named before.
            known.credential = ""
        self._window.save_settings()
        self._window.clock.note(self._host, person.expires)
        self._window.toasts.say(f"You are signed in to {self._host} as {person.name}.", "success")
        self.accept()
        self._then()

    def _tell(self, page: str, code: str, ends: float) -> None:
        with contextlib.suppress(RuntimeError):  # the dialog has just been closed
            self._told.emit(page, code, ends)

    def _page_came(self, page: str, code: str, ends: float) -> None:
        panel = self.stack.currentWidget()
        if isinstance(panel, PagePanel):
            panel.wait_for(page, code, ends)
            self.busy.wait_for("Waiting for you to confirm in the browser")

    def _failed(self, fault: BaseException) -> None:
        self._rest()
        if isinstance(fault, engine.CannotKeep):
            panel = KeepPanel(fault.message, "Where shall it be kept instead?")
            panel.chosen.connect(self._keep_elsewhere)
            self._errors.addWidget(panel)
            panel.passphrase.setFocus()
            return
        self._errors.addWidget(ErrorCard(as_error(fault), dismissable=False))
        edit = {"password": self.password, "token": self.token}.get(self.way)
        if edit is not None:
            edit.setFocus()
            edit.selectAll()

    def _keep_elsewhere(self, kind: str, passphrase: str) -> None:
        from satchel.core.credentials.chosen import Choice as Kept

        async def change() -> None:
            await self._window.bridge.call(engine.keep_in, Kept("file" if kind == "file" else "memory"), passphrase)
            self.kept.setText(_KEPT[kind])
            self.submit()

        spawn(change(), "keep sign-ins elsewhere", self._not_kept)

    def _not_kept(self, fault: BaseException) -> None:
        self._errors.addWidget(ErrorCard(as_error(fault), dismissable=False))

    def _rest(self) -> None:
        self.busy.done()
        self.sign_in_button.setEnabled(True)
        self.device.stop()
        self.globus.stop()

    def _stop(self) -> None:
        if self._working is not None and not self._working.done:
            self._working.cancel()
        self._rest()
        if self.result():
            self._asking.cancel()
            for edit in (self.password, self.token):
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
