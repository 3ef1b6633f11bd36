"""Signing in from the window: in place where it is needed, with the sandbox's own people."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from file_keyring import FileKeyring
from gui_helpers import until
from sandbox_process import SandboxProcess, start_sandbox
from satchel.core.errors import Kind, SatchelError
from satchel.gui.access import remedies
from satchel.gui.preferences.hosts import HostCard
from satchel.gui.sign_in import SignInDialog
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
