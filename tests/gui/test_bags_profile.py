"""Bags are checked against BagIt profiles that are chosen on the page, and the choice is remembered."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from bags_page import a_bag, kinds, settled
from gui_helpers import until
from satchel.gui import settings as settings_module
from satchel.gui.bags.page import BagsPage
from satchel.gui.bags.profile import ADDRESS, FILE, AddressDialog
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton
IDENTIFIER = "https://example.org/plain.json"
BDBAG = "http://raw.githubusercontent.com/fair-research/bdbag/master/profiles/bdbag-profile.json"


def choose(page: BagsPage, value: str) -> None:
    """As a person does with the list."""
    place = page.profile.findData(value)
    page.profile.setCurrentIndex(place)
    page.profile.activated.emit(place)


def a_profile(path: Path, contact: bool = False) -> Path:
    rules = {
        "BagIt-Profile-Info": {"BagIt-Profile-Identifier": IDENTIFIER, "BagIt-Profile-Version": "1.3.0"},
        "Bag-Info": {"Contact-Name": {"required": contact}},
        "Manifests-Required": ["sha256"],
        "Accept-BagIt-Version": ["1.0"],
    }
    path.write_text(json.dumps(rules))
    return path


def test_a_broken_profile_is_told_apart_from_a_broken_bag(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path
) -> None:
    bag = a_bag(tmp_path / "bag", info=[f"BagIt-Profile-Identifier: {BDBAG}"])

    async def body() -> None:
        choose(page, "bdbag")
        page.check(bag)
        await until(lambda: settled(page) and page.problems.model.rowCount() > 0)
        assert page.card.title.text() == "The bag does not keep its profile"
        assert "nothing is wrong with what was checked" in page.card.text.text()
        assert BDBAG in page.card.checks.text
        assert "every checksum" in page.card.checks.text
        said = dict(kinds(page))
        assert int(said["Rules of the profile"]) >= 3
        assert set(said) == {"Rules of the profile", "Advice: rules of the profile"}
        assert settings_module.load(window.settings.path).bag_profile == "bdbag"
        choose(page, "")
        QTest.mouseClick(page.card.again, LEFT)
        await until(lambda: settled(page) and page.card.title.text() == "The bag is valid and complete")
        assert "profile" not in page.card.checks.text
        await window.bridge.stop()

    in_loop(body)


def test_a_profile_from_a_file_is_kept_or_broken_and_remembered(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path
) -> None:
    bag = a_bag(tmp_path / "bag", info=[f"BagIt-Profile-Identifier: {IDENTIFIER}"])
    kept, broken = a_profile(tmp_path / "kept.json"), a_profile(tmp_path / "broken.json", contact=True)

    async def body() -> None:
        for file in (kept, broken):
            choose(page, FILE)
            (dialog,) = [d for d in page.findChildren(QFileDialog) if d.isVisible()]
            dialog.fileSelected.emit(str(file))
            dialog.close()
            assert page.profile.currentText() == file.name
            page.check(bag)
            title = "The bag is valid and complete" if file is kept else "The bag does not keep its profile"
            await until(lambda title=title: settled(page) and page.card.title.text() == title)
        assert page.card.text.text().startswith("One rule of its profile is broken")
        assert window.settings.bag_profiles == [str(broken), str(kept)]
        choose(page, str(kept))
        assert page.profile.value == str(kept)
        broken.unlink()
        choose(page, str(broken))
        page.check(bag)
        await until(lambda: page.errors())
        assert "broken.json cannot be read" in page.errors()[0].error.message
        await window.bridge.stop()

    in_loop(body)


def test_an_address_has_to_be_one(window: MainWindow, page: BagsPage) -> None:
    choose(page, ADDRESS)
    (dialog,) = window.findChildren(AddressDialog)
    assert page.profile.value == ""
    assert page.profile.currentText() == "No profile"
    QTest.keyClicks(dialog.field, "http://example.org/p.json")
    QTest.keyClick(dialog.field, Qt.Key.Key_Return)
    assert dialog.problem.isVisible()
    assert "https://" in dialog.problem.text()
    dialog.field.clear()
    QTest.keyClicks(dialog.field, IDENTIFIER)
    QTest.keyClick(dialog.field, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    assert page.profile.value == IDENTIFIER
    assert page.profile.currentText() == "example.org/plain.json"


def test_the_profile_that_a_bag_names_is_offered(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path
) -> None:
    bag = a_bag(tmp_path / "bag", info=[f"BagIt-Profile-Identifier: {BDBAG}"])

    async def body() -> None:
        page.check(bag)
        await until(lambda: settled(page) and page.facts.check_profile.isVisible())
        assert BDBAG in page.facts.profile.text()
        assert page.card.title.text() == "The bag is valid and complete"
        QTest.mouseClick(page.facts.check_profile, LEFT)
        await until(lambda: settled(page) and page.card.title.text() == "The bag does not keep its profile")
        assert page.profile.value == "bag"
        other = a_bag(tmp_path / "other")
        page.check(other)
        await until(lambda: page.card.path.text == str(other) and settled(page))
        assert not page.facts.check_profile.isVisible()
        await window.bridge.stop()

    in_loop(body)
