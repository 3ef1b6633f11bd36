"""What running jobs ask is shown where they run, with the reason and what is suggested, and answered there."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from bags_page import a_bag, settled
from gui_helpers import accessible_name, until
from satchel.gui.bags.fetch import FetchDialog
from satchel.gui.bags.page import BagsPage
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton


def test_a_private_address_is_asked_for_on_the_page(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path
) -> None:
    bag = a_bag(tmp_path / "bag", remote=["https://127.0.0.1:9/a", "https://127.0.0.1:9/b"])

    async def body() -> None:
        page.check(bag)
        await until(lambda: settled(page) and page.facts.fetch.isVisible())
        QTest.mouseClick(page.facts.fetch, LEFT)
        (dialog,) = [d for d in window.findChildren(FetchDialog) if d.isVisible()]
        await until(dialog.fetch.isEnabled)
        QTest.mouseClick(dialog.fetch, LEFT)
        await until(lambda: page.questions.isVisible() and page.questions.notice is not None)
        notice = page.questions.notice
        assert notice is not None
        assert "127.0.0.1" in notice.text.text()
        assert "local network" in notice.text.text()
        assert "Suggested: No." in notice.hint.text()
        assert not page.questions.alike.isVisible(), "one bag alone asks"
        no = page.questions.answers["no"]
        assert no.property("primary")
        assert accessible_name(no) == "No"
        QTest.mouseClick(no, LEFT)
        await until(lambda: settled(page) and not page.questions.isVisible())
        assert page.facts.fetch.isVisible(), "nothing was fetched"
        await window.bridge.stop()

    in_loop(body)
