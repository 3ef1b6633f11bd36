"""Signing in from the window: in place where it is needed, with the sandbox's own people."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keyring
import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from file_keyring import FileKeyring
from gui_helpers import until
from sandbox_process import SandboxProcess, start_sandbox
from satchel.core.credentials import chosen
from satchel.core.errors import Kind, SatchelError
from satchel.gui.access import remedies
from satchel.gui.preferences.hosts import HostCard
from satchel.gui.preferences.keeping import KeepingSection
from satchel.gui.sign_in import SignInDialog
from satchel.gui.sign_in.panels import KeepPanel
from satchel.gui.sign_in.unlock import UnlockDialog, tell_if_locked
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import ErrorCard
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(autouse=True)
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A keyring in a file of this test."""
    file = tmp_path / "keyring.json"
    monkeypatch.setenv("TEST_KEYRING", str(file))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())
    yield file
    keyring.set_keyring(before)


@pytest.fixture(scope="module")
def own_sandbox() -> Iterator[SandboxProcess]:
    """One whose sign-ins may be ended."""
    with start_sandbox("--demo", "none") as running:
        yield running


def dialogs(window: MainWindow) -> list[SignInDialog]:
    return [dialog for dialog in window.findChildren(SignInDialog) if dialog.isVisible()]


async def settings_card(window: MainWindow, sandbox: SandboxProcess) -> HostCard:
    window.settings.remember_host(sandbox.host, ca=sandbox.ca)
    await window.bridge.engine_ready()
    window.show_page("settings")
    card = window.page("settings").findChildren(HostCard)[-1]
    await until(lambda: card.person.text == "Not signed in")
    return card


def test_one_signs_in_with_a_password_and_out_again(
    window: MainWindow, own_sandbox: SandboxProcess, in_loop: InLoop, ring: Path
) -> None:
    async def body() -> None:
        card = await settings_card(window, own_sandbox)
        QTest.mouseClick(card.sign_in, LEFT)
        (dialog,) = dialogs(window)
        QTest.keyClicks(dialog.user, "admin")
        QTest.keyClicks(dialog.password, "wrong")
        QTest.keyClick(dialog.password, Qt.Key.Key_Return)
        await until(lambda: dialog.findChildren(ErrorCard))
        (error,) = dialog.findChildren(ErrorCard)
        assert "does not accept this user name and password" in error.message.text()
        assert not ring.exists(), "nothing is kept of what was refused"
        QTest.keyClicks(dialog.password, "admin")
        QTest.mouseClick(dialog.sign_in_button, LEFT)
        await until(lambda: not dialogs(window))
        await until(lambda: card.person.text.startswith("Signed in as Ada Admin"))
        kept = ring.read_text()
        assert "webauthn=" in kept
        assert '"admin"' not in kept, "the password is kept nowhere"
        assert card.sign_out.isVisible()
        QTest.mouseClick(card.sign_out, LEFT)
        await until(lambda: card.person.text == "Not signed in")
        assert json.loads(ring.read_text()) == {}
        await window.bridge.stop()

    in_loop(body)


def test_one_signs_in_with_a_token(window: MainWindow, own_sandbox: SandboxProcess, in_loop: InLoop) -> None:
    token = json.loads(Path(own_sandbox.users).read_text())["user"]

    async def body() -> None:
        card = await settings_card(window, own_sandbox)
        QTest.mouseClick(card.sign_in, LEFT)
        (dialog,) = dialogs(window)
        QTest.mouseClick(dialog.how.options["token"], LEFT)
        QTest.mouseClick(dialog.sign_in_button, LEFT)
        assert dialog.isVisible(), "without a token nothing happens"
        QTest.keyClicks(dialog.token, token)
        assert dialog.token.displayText() != token, "it is not shown"
        QTest.keyClick(dialog.token, Qt.Key.Key_Return)
        await until(lambda: not dialogs(window))
        await until(lambda: card.person.text.startswith("Signed in as"))
        await window.bridge.stop()

    in_loop(body)


def test_escape_leaves_without_a_word_and_without_a_request(
    window: MainWindow, own_sandbox: SandboxProcess, in_loop: InLoop, ring: Path
) -> None:
    async def body() -> None:
        card = await settings_card(window, own_sandbox)
        QTest.mouseClick(card.sign_in, LEFT)
        (dialog,) = dialogs(window)
        QTest.keyClicks(dialog.user, "admin")
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        await until(lambda: not dialogs(window))
        assert not ring.exists()
        assert card.person.text == "Not signed in"
        await window.bridge.stop()

    in_loop(body)


def test_a_refusal_offers_to_sign_in_and_goes_on_afterwards(
    window: MainWindow, sandbox: SandboxProcess, in_loop: InLoop
) -> None:
    """Whatever was refused is tried again by itself."""
    window.settings.remember_host(sandbox.host, ca=sandbox.ca)

    async def body() -> None:
        tried: list[str] = []
        error = SatchelError(Kind.NOT_SIGNED_IN, "You are not signed in.")
        made = remedies(window, window, sandbox.host, error, lambda: tried.append("again"))
        assert [b.accessibleName() for b in made] == ["Sign in…", "Use a credential file…", "Try again"]
        holder = QPushButton(window)
        for one in made:
            one.setParent(holder)
        made[0].click()
        await until(lambda: dialogs(window))
        (dialog,) = dialogs(window)
        QTest.keyClicks(dialog.user, "user")
        QTest.keyClicks(dialog.password, "user")
        QTest.keyClick(dialog.password, Qt.Key.Key_Return)
        await until(lambda: tried == ["again"])
        await window.bridge.stop()

    in_loop(body)


class Browser(QObject):
    """Stands in for the system's browser: it notes what it is to open."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.opened.append(url.toString())


@pytest.fixture
def browser() -> Iterator[Browser]:
    made = Browser()
    QDesktopServices.setUrlHandler("https", made, "open")
    yield made
    QDesktopServices.unsetUrlHandler("https")


def confirm(sandbox: SandboxProcess, page: str) -> None:
    data = urllib.parse.urlencode({"username": "user", "password": "user"}).encode()
    request = urllib.request.Request(page, data)
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=sandbox.ca)) as answer:
        assert answer.status == 200


def test_the_server_is_asked_how_and_a_page_in_the_browser_signs_in(
    window: MainWindow, own_sandbox: SandboxProcess, in_loop: InLoop, ring: Path, browser: Browser
) -> None:
    async def body() -> None:
        card = await settings_card(window, own_sandbox)
        QTest.mouseClick(card.sign_in, LEFT)
        (dialog,) = dialogs(window)
        await until(lambda: dialog.way == "device")
        assert dialog.how.options["device"].isVisible()
        assert not dialog.how.options["globus"].isVisible(), "the sandbox takes no tokens of Globus"
        QTest.keyClick(dialog.sign_in_button, Qt.Key.Key_Return)
        await until(lambda: browser.opened)
        panel = dialog.device
        assert panel.code.isVisible()
        assert panel.code.text in browser.opened[0]
        assert "Waits for you another" in panel.left.text()
        await asyncio.to_thread(confirm, own_sandbox, browser.opened[0])
        await until(lambda: not dialogs(window))
        await until(lambda: card.person.text.startswith("Signed in as Uwe User, until "))
        QTest.mouseClick(card.renew, LEFT)
        await until(lambda: any("counts until" in n.text.text() for n in window.toasts.findChildren(Notice)))
        QTest.mouseClick(card.sign_out, LEFT)
        await until(lambda: card.person.text == "Not signed in")

    in_loop(body)


def test_giving_up_stops_the_waiting(
    window: MainWindow, own_sandbox: SandboxProcess, in_loop: InLoop, ring: Path, browser: Browser
) -> None:
    async def body() -> None:
        card = await settings_card(window, own_sandbox)
        QTest.mouseClick(card.sign_in, LEFT)
        (dialog,) = dialogs(window)
        await until(lambda: dialog.way == "device")
        dialog.submit()
        await until(lambda: browser.opened)
        QTest.mouseClick(dialog.how.options["token"], LEFT)
        assert dialog.sign_in_button.isEnabled()
        assert not dialog.device.waiting.isVisible()
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        await until(lambda: not dialogs(window))
        assert not ring.exists()

    in_loop(body)


def test_without_a_keyring_one_is_asked_where_the_sign_in_is_to_be_kept(
    window: MainWindow, own_sandbox: SandboxProcess, in_loop: InLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyring.backends.fail import Keyring

    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path / "own-home"))
    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    chosen.use(None)

    async def body() -> None:
        card = await settings_card(window, own_sandbox)
        QTest.mouseClick(card.sign_in, LEFT)
        (dialog,) = dialogs(window)
        QTest.mouseClick(dialog.how.options["password"], LEFT)
        QTest.keyClicks(dialog.user, "admin")
        QTest.keyClicks(dialog.password, "admin")
        QTest.keyClick(dialog.password, Qt.Key.Key_Return)
        await until(lambda: dialog.findChildren(KeepPanel))
        (panel,) = dialog.findChildren(KeepPanel)
        assert "keyring cannot be used" in panel.text.text()
        QTest.keyClicks(panel.passphrase, "correct horse")
        QTest.keyClick(panel.passphrase, Qt.Key.Key_Return)
        await until(lambda: card.person.text.startswith("Signed in as Ada Admin"))
        assert chosen.read_choice().kind == "file"
        assert b"webauthn" not in chosen.sealed_file().read_bytes()

    try:
        in_loop(body)
    finally:
        chosen.use(None)
        keyring.set_keyring(before)


def test_a_word_is_said_before_a_session_ends(window: MainWindow, in_loop: InLoop) -> None:
    async def body() -> None:
        soon = datetime.fromtimestamp(time.time() + 600, UTC).isoformat()
        window.clock.note("www.example.org", soon)
        window.clock.note("www.example.org", soon)
        window.clock.note("later.example.org", datetime.fromtimestamp(time.time() + 9000, UTC).isoformat())
        told = [notice.text.text() for notice in window.toasts.findChildren(Notice)]
        assert len(told) == 1
        assert told[0].startswith("Your sign-in to www.example.org ends in ")

    in_loop(body)


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path / "own-home"))
    chosen.use(None)
    yield tmp_path
    chosen.use(None)


def test_one_chooses_where_sign_ins_are_kept(window: MainWindow, in_loop: InLoop, own_home: Path) -> None:
    async def body() -> None:
        await window.bridge.engine_ready()
        window.show_page("settings")
        part = window.page("settings").findChild(KeepingSection)
        await until(lambda: part.where.options["keyring"].isChecked())
        QTest.mouseClick(part.where.options["memory"], LEFT)
        await until(lambda: "forgotten when Satchel ends" in part.said.text())
        assert chosen.read_choice().kind == "memory"
        QTest.mouseClick(part.where.options["file"], LEFT)
        await until(lambda: window.findChildren(UnlockDialog))
        (dialog,) = window.findChildren(UnlockDialog)
        QTest.keyClicks(dialog.passphrase, "correct horse")
        QTest.keyClicks(dialog.again, "correct house")
        QTest.keyClick(dialog.again, Qt.Key.Key_Return)
        assert "differ" in dialog.findChildren(ErrorCard)[0].message.text()
        dialog.again.setText("correct horse")
        QTest.mouseClick(dialog.unlock_button, LEFT)
        await until(lambda: "passphrase" in part.said.text())
        assert chosen.read_choice().kind == "file"
        QTest.mouseClick(part.where.options["keyring"], LEFT)
        await until(lambda: chosen.read_choice().kind == "keyring")

    in_loop(body)


def test_locked_sign_ins_are_told_of_and_unlocked(window: MainWindow, in_loop: InLoop, own_home: Path) -> None:
    chosen.choose(chosen.Choice("file"), "correct horse")
    chosen.use(None)  # as after a new start

    async def body() -> None:
        await window.bridge.engine_ready()
        await tell_if_locked(window)
        notice = next(n for n in window.toasts.findChildren(Notice) if "locked" in n.text.text())
        QTest.mouseClick(notice.findChildren(QPushButton)[0], LEFT)
        (dialog,) = window.findChildren(UnlockDialog)
        QTest.keyClicks(dialog.passphrase, "wrong")
        QTest.keyClick(dialog.passphrase, Qt.Key.Key_Return)
        await until(lambda: dialog.findChildren(ErrorCard))
        assert "not the passphrase" in dialog.findChildren(ErrorCard)[0].message.text()
        QTest.keyClicks(dialog.passphrase, "correct horse")
        QTest.mouseClick(dialog.unlock_button, LEFT)
        await until(lambda: not [d for d in window.findChildren(UnlockDialog) if d.isVisible()])
        assert chosen.current().kind == "file"

    in_loop(body)
