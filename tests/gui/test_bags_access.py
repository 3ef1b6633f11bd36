"""The windows and dialogs of bags: everything has a name for those who cannot see it, and keys of its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

from bags_page import a_bag, settled, spoiled
from gui_helpers import accessible_name, until
from satchel.core.fetching.request import FileProblem
from satchel.gui.bags.change import ChangeWindow
from satchel.gui.bags.fetch import FetchDialog
from satchel.gui.bags.fetched import FailuresWindow
from satchel.gui.bags.holey import HoleyDialog
from satchel.gui.bags.make import MakeWindow
from satchel.gui.bags.page import BagsPage
from satchel.gui.bags.profile import AddressDialog
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


def nameless(window: QWidget) -> list[str]:
    return [
        f"{type(widget).__module__}.{type(widget).__name__} in {type(widget.parentWidget()).__name__}"
        for widget in window.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(widget, QLabel)
        and not accessible_name(widget).strip()
    ]


def keys(window: QWidget) -> Counter[str]:
    """Letters after an & in what is visible."""
    texts = [w.text() for w in window.findChildren(QAbstractButton) if w.isVisible()]
    texts += [w.text() for w in window.findChildren(QLabel) if w.isVisible() and w.buddy() is not None]
    found = (re.search(r"&([^&])", text) for text in texts)
    return Counter(match[1].lower() for match in found if match)


def twice(window: QWidget, menus: str = "") -> list[str]:
    return [letter for letter, number in (keys(window) + Counter(menus)).items() if number > 1]


@pytest.fixture
def shown(window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path) -> Callable[[], None]:
    """The page with a bag on it that has everything: problems, missing files, a profile, details."""
    identifier = "BagIt-Profile-Identifier: https://example.org/p.json"
    bag = spoiled(a_bag(tmp_path / "bag", info=[identifier, "Contact-Name: A"], remote=["https://x.example/a"]))

    def show() -> None:
        async def body() -> None:
            page.check(bag)
            await until(lambda: settled(page) and page.facts.isVisible() and page.problems.model.rowCount() > 0)
            page.facts.more.click()
            await window.bridge.stop()

        in_loop(body)

    return show


def test_the_page_of_a_bag_names_everything_and_gives_no_key_twice(
    window: MainWindow, page: BagsPage, shown: Callable[[], None]
) -> None:
    shown()
    assert nameless(page) == []
    found = (re.search("&(.)", action.text()) for action in window.menuBar().actions())
    assert twice(page, "".join(match[1].lower() for match in found if match)) == []
    assert "The bag is not valid" in page.card.accessibleName()


def test_so_do_the_windows(window: MainWindow, page: BagsPage, shown: Callable[[], None]) -> None:
    shown()
    assert page.found is not None
    problem = FileProblem(code="not-found", path="data/x", message="It is not there.")
    made: list[QWidget] = [
        MakeWindow(window),
        ChangeWindow(window, page.found),
        HoleyDialog(window, lambda _: None),
        AddressDialog(window, lambda _: None),
        FailuresWindow(window, [problem], lambda: None),
    ]
    for dialog in made:
        dialog.show()
        assert (type(dialog).__name__, nameless(dialog), twice(dialog)) == (type(dialog).__name__, [], [])
        assert dialog.windowTitle()
        dialog.close()


def test_so_does_the_choice_of_files(window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path) -> None:
    bag = a_bag(tmp_path / "bag", remote=["https://x.example/a"])

    async def body() -> None:
        page.check(bag)
        await until(lambda: settled(page) and page.facts.fetch.isVisible())
        page.facts.fetch.click()
        (dialog,) = [d for d in window.findChildren(FetchDialog) if d.isVisible()]
        await until(lambda: dialog.model is not None)
        assert nameless(dialog) == []
        assert twice(dialog) == []
        dialog.close()
        await window.bridge.stop()

    in_loop(body)
