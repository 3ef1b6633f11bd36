"""Bags come by the command line, by the desktop, by the menu, and again from the list of recent ones."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from test_widgets import drop

from bags_page import a_bag, settled
from gui_helpers import until
from satchel.__main__ import _are_bags
from satchel.gui import settings as settings_module
from satchel.gui.app import FileOpener
from satchel.gui.bags.page import BagsPage
from satchel.gui.settings import Settings
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


def test_files_and_folders_open_the_window_and_commands_stay_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("bag", "validate", "other"):
        Path(name).mkdir()
    assert _are_bags(["other", "./bag"])
    assert _are_bags([str(tmp_path / "validate")])
    assert not _are_bags(["bag"]), "also a command"
    assert not _are_bags(["validate", "other"])
    assert not _are_bags(["nothing"]), "the command line says that there is no such command"
    assert not _are_bags(["other", "nothing"])
    assert not _are_bags(["--json"])


def test_bags_of_the_command_line_are_checked_as_soon_as_the_window_is_there(
    app: QApplication, settings: Settings, qtbot: QtBot, in_loop: InLoop, tmp_path: Path
) -> None:
    bag = a_bag(tmp_path / "bag")
    window = MainWindow(settings, bags=[bag])
    window.build()
    window.show()
    qtbot.waitExposed(window)

    async def body() -> None:
        window.begin()
        assert window.current_page == "bags"
        page = window.page("bags")
        assert isinstance(page, BagsPage)
        await until(lambda: settled(page) and page.card.path.text == str(bag))
        await window.bridge.stop()

    in_loop(body)
    window.hide()
    window.deleteLater()
    QApplication.processEvents()


def test_the_desktop_hands_bags_over(app: QApplication, window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Path] = []
    monkeypatch.setattr(window, "check_bags", got.extend)
    opener = FileOpener(window)
    app.installEventFilter(opener)
    QApplication.sendEvent(app, QFileOpenEvent("/bags/one.zip"))
    app.removeEventFilter(opener)
    assert got == [Path("/bags/one.zip")]


def test_recent_bags_are_in_the_menu_and_remembered(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path
) -> None:
    first, second = a_bag(tmp_path / "first & only"), a_bag(tmp_path / "second")
    window.menus.recent.aboutToShow.emit()
    (nothing,) = window.menus.recent.actions()
    assert not nothing.isEnabled()

    async def body() -> None:
        assert drop(window, QUrl.fromLocalFile(str(first)))
        await until(lambda: settled(page) and page.card.path.text == str(first))
        page.check(second / "bagit.txt")
        await until(lambda: settled(page) and page.card.path.text == str(second))
        assert settings_module.load(window.settings.path).recent_bags == [str(second), str(first)]
        window.menus.recent.aboutToShow.emit()
        actions = window.menus.recent.actions()
        assert [action.text() for action in actions] == [f"&1 {second}", f"&2 {str(first).replace('&', '&&')}"]
        actions[1].trigger()
        await until(lambda: settled(page) and page.card.path.text == str(first))
        await window.bridge.stop()

    in_loop(body)
