"""Bags are made of folders, changed, left to servers and completed again, in windows."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QFileDialog, QLineEdit
from test_widgets import drop

from bag_maker import tree
from bags_page import a_bag, settled
from file_server import file_server
from gui_helpers import accessible_name, until
from satchel.gui.bags.change import ChangeWindow
from satchel.gui.bags.holey import HoleyDialog
from satchel.gui.bags.info_form import FieldLine, InfoForm
from satchel.gui.bags.make import MakeWindow
from satchel.gui.bags.page import BagsPage
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton


def a_folder(path: Path) -> Path:
    (path / "deep").mkdir(parents=True)
    (path / "a.txt").write_text("a")
    (path / "deep" / "b.txt").write_text("bb")
    return path


def a_profile(path: Path) -> Path:
    rules = {
        "BagIt-Profile-Info": {"BagIt-Profile-Identifier": "https://example.org/p.json"},
        "Bag-Info": {
            "Contact-Name": {"required": True},
            "Rights": {"required": True, "values": ["CC0", "CC-BY"]},
            "Payload-Oxum": {"required": True},
        },
        "Manifests-Required": ["sha512"],
        "Accept-BagIt-Version": ["1.0"],
    }
    path.write_text(json.dumps(rules))
    return path


def line(form: InfoForm, name: str) -> FieldLine:
    return next(line for line in form.lines if line.name.text() == name)


def fill(form: InfoForm, name: str, value: str) -> None:
    field = line(form, name).value
    if isinstance(field, QComboBox):
        field.setCurrentText(value)
    else:
        field.setText(value)


def info(bag: Path) -> list[str]:
    return (bag / "bag-info.txt").read_text().splitlines()


def test_a_bag_is_made_as_a_copy_with_what_its_profile_requires(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path
) -> None:
    folder, out = a_folder(tmp_path / "pictures"), tmp_path / "out"
    out.mkdir()
    before = tree(folder)

    async def body() -> None:
        window.menus.actions["make-bag"].trigger()
        (made,) = window.findChildren(MakeWindow)
        QTest.mouseClick(made.go, LEFT)
        assert made.problem.text() == "Choose the folder to make a bag of."
        assert made.folder.property("invalid")
        assert drop(made.folder, QUrl.fromLocalFile(str(folder)))
        assert made.problem.text() == "Say how: as a copy, with hard links, or in place."
        assert not any(made.how[how].isChecked() for how in ("copy", "link", "in-place")), "nobody decides unasked"
        made.how["copy"].click()
        made.out.setText(str(out))
        assert made.target.text == f"Makes {out / 'pictures'}"
        made.profile.use(str(a_profile(tmp_path / "p.json")))
        await until(lambda: any(rule.name.text() == "Rights" for rule in made.form.lines))
        assert line(made.form, "Contact-Name").mark.text() == "required"
        assert accessible_name(line(made.form, "Rights").value) == "Rights (required)"
        assert made.algorithms["sha512"].isChecked()
        assert window.settings.bag_profile == "", "bags are not checked against it unasked"
        fill(made.form, "Source-Organization", "Example")
        QTest.mouseClick(made.go, LEFT)
        assert made.form.problem.text() == "The profile requires Contact-Name."
        fill(made.form, "Contact-Name", "Ada Löw")
        assert made.form.problem.text() == "The profile requires Rights."
        fill(made.form, "Rights", "CC0")
        assert made.form.problem.isHidden()
        assert made.problem.text() == ""
        QTest.mouseClick(made.go, LEFT)
        await until(lambda: settled(page) and page.card.path.text == str(out / "pictures"))
        assert page.card.title.text() == "The bag is valid and complete"
        await until(lambda: not window.findChildren(MakeWindow))
        await window.bridge.stop()

    in_loop(body)
    bag = out / "pictures"
    assert tree(folder) == before
    assert tree(bag / "data") == before
    said = info(bag)
    assert said[:3] == ["Contact-Name: Ada Löw", "Rights: CC0", "Source-Organization: Example"]
    assert "BagIt-Profile-Identifier: https://example.org/p.json" in said
    assert (bag / "manifest-sha512.txt").exists()


def test_a_folder_that_is_no_bag_is_offered_to_become_one_in_place(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path
) -> None:
    folder = a_folder(tmp_path / "plain")
    before = tree(folder)

    async def body() -> None:
        page.check(folder)
        await until(lambda: settled(page) and page.card.make.isVisible())
        QTest.mouseClick(page.card.make, LEFT)
        (made,) = window.findChildren(MakeWindow)
        assert made.folder.path == str(folder)
        made.how["in-place"].click()
        assert not made.out.isEnabled()
        assert tree(folder) == before, "nothing before the button is pressed"
        QTest.mouseClick(made.go, LEFT)
        await until(lambda: settled(page) and page.card.title.text() == "The bag is valid and complete")
        await window.bridge.stop()

    in_loop(body)
    assert tree(folder / "data") == before


def test_bag_info_is_changed_and_manifests_are_made_anew(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path
) -> None:
    bag = a_bag(tmp_path / "bag", info=["Contact-Name: Old", "External-Description: Gone", "Custom: a", "Custom: b"])
    (bag / "data" / "new.txt").write_text("new")

    async def body() -> None:
        page.check(bag)
        await until(lambda: settled(page) and page.facts.isVisible())
        assert page.card.title.text() == "The bag is not valid"
        page.facts.change.trigger()
        (change,) = window.findChildren(ChangeWindow)
        QTest.mouseClick(change.go, LEFT)
        assert "Nothing is changed yet." in (change.problem.text(), change.form.problem.text())
        fill(change.form, "Contact-Name", "New")
        QTest.mouseClick(line(change.form, "External-Description").remove, LEFT)
        QTest.mouseClick(change.form.add, LEFT)
        last = change.form.lines[-1]
        assert isinstance(last.value, QLineEdit)
        last.name.setText("Bag: Count")
        last.value.setText("1 of 2")
        QTest.mouseClick(change.go, LEFT)
        assert "cannot be the name of a field" in change.form.problem.text()
        last.name.setText("Bag-Count")
        assert not change.algorithms["md5"].isEnabled()
        change.anew.click()
        change.algorithms["md5"].click()
        QTest.mouseClick(change.go, LEFT)
        await until(lambda: settled(page) and page.card.title.text() == "The bag is valid and complete")
        await window.bridge.stop()

    in_loop(body)
    said = info(bag)
    assert said[:3] == ["Contact-Name: New", "Custom: a", "Custom: b"]
    assert "Bag-Count: 1 of 2" in said
    assert not any(text.startswith("External-Description") for text in said)
    assert "data/new.txt" in (bag / "manifest-md5.txt").read_text()


def test_files_are_left_to_a_server_and_fetched_back_for_good(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path
) -> None:
    bag = a_bag(tmp_path / "bag", files=4)
    before = tree(bag / "data")

    async def body() -> None:
        with file_server(tmp_path) as server:
            window.settings.remember_host(server.served.host, ca=server.served.ca)
            server.files |= {f"/files/{n}.txt": f"content {n}".encode() for n in range(3)}
            page.check(bag)
            await until(lambda: settled(page) and page.facts.isVisible())
            assert not page.facts.full.isEnabled()
            page.facts.holey.trigger()
            (dialog,) = window.findChildren(HoleyDialog)
            QTest.mouseClick(dialog.go, LEFT)
            assert dialog.problem.text() == "Give the address, or a list: one of both."
            QTest.keyClicks(dialog.url, server.url("/files/"))
            dialog.read.click()
            dialog.private.click()
            QTest.keyClick(dialog.url, Qt.Key.Key_Return)
            await until(lambda: settled(page) and page.card.title.text() == "The bag is not complete yet")
            assert sorted(path.name for path in (bag / "data").iterdir()) == ["3.txt"], "nobody has the fourth"
            await until(lambda: page.facts.full.isEnabled())
            page.facts.full.trigger()
            await until(lambda: page.questions.isVisible() or page.card.title.text() == "The bag is valid and complete")
            if page.questions.isVisible():
                QTest.mouseClick(page.questions.answers["yes"], LEFT)
            await until(lambda: settled(page) and page.card.title.text() == "The bag is valid and complete")
            await window.bridge.stop()

    in_loop(body)
    assert tree(bag / "data") == before
    assert not (bag / "fetch.txt").exists()


def test_the_file_dialog_fills_in_paths(window: MainWindow, tmp_path: Path) -> None:
    made = MakeWindow(window)
    made.show()
    made.remote.choose(QFileDialog.FileMode.ExistingFile)
    (dialog,) = made.remote.findChildren(QFileDialog)
    dialog.fileSelected.emit("/lists/remote.csv")
    dialog.close()
    assert made.draft.remote == "/lists/remote.csv"
    QTest.keyClick(made, Qt.Key.Key_Escape)
    assert not made.isVisible()
