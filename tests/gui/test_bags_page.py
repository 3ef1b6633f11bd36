"""The bags page: what is dropped is checked, said in words, listed by kind, and saved."""

from __future__ import annotations

import hashlib
import json
import tarfile
import zipfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel
from test_widgets import drop

from bags_page import a_bag, exported, kinds, settled, spoiled
from gui_helpers import until
from sandbox_process import SandboxProcess
from satchel.gui.bags.compare import CompareWindow
from satchel.gui.bags.fetch import FetchDialog
from satchel.gui.bags.page import BagsPage
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import ErrorCard
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.mark.parametrize("form", ["folder", "zip", "tgz"])
def test_a_good_bag_in_any_form_is_said_to_be_good(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path, form: str
) -> None:
    bag = a_bag(tmp_path / "bag")
    path = bag
    if form == "zip":
        path = tmp_path / "bag.zip"
        with zipfile.ZipFile(path, "w") as packed:
            for file in bag.rglob("*"):
                packed.write(file, file.relative_to(tmp_path))
    elif form == "tgz":
        path = tmp_path / "bag.tgz"
        with tarfile.open(path, "w:gz") as packed_tar:
            packed_tar.add(bag, "bag")

    async def body() -> None:
        assert drop(page.drop, QUrl.fromLocalFile(str(path)))
        await until(lambda: settled(page))
        assert page.card.title.text() == "The bag is valid and complete"
        assert page.card.path.text == str(path)
        assert not page.problems.isVisible()
        await window.bridge.stop()

    in_loop(body)


def test_what_is_wrong_is_listed_by_kind_filtered_copied_and_saved(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path
) -> None:
    bag = spoiled(a_bag(tmp_path / "bag"))

    async def body() -> None:
        assert drop(page.drop, QUrl.fromLocalFile(str(bag)))
        await until(lambda: settled(page) and page.problems.model.rowCount() > 0)
        assert page.card.title.text() == "The bag is not valid"
        said = dict(kinds(page))
        assert said["Changed files: wrong checksums"] == "1"
        assert said["Missing files"] == "1"
        assert said["Files that no manifest lists"] == "1"
        QTest.keyClicks(page.problems.field, "more.txt")
        await until(lambda: kinds(page) == [("Files that no manifest lists", "1")])
        assert page.problems.head.remark.text().startswith("1 of ")
        view = page.problems.view
        view.go_to(0, 0)
        view.copy()
        assert "data/more.txt" in QApplication.clipboard().text()
        QTest.mouseClick(page.problems.save, LEFT)
        (dialog,) = page.findChildren(QFileDialog)
        dialog.fileSelected.emit(str(tmp_path / "report.json"))
        dialog.close()
        await until((tmp_path / "report.json").exists)
        told = json.loads((tmp_path / "report.json").read_text())
        assert told["valid"] is False
        assert {problem["code"] for problem in told["errors"]} == {"checksum", "missing", "unexpected"}
        await window.bridge.stop()

    in_loop(body)


def test_many_bags_get_a_line_each_and_one_report(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path
) -> None:
    bags = [a_bag(tmp_path / f"bag{number}") for number in range(6)]
    spoiled(bags[2])
    paths = [*bags, tmp_path / "nothing"]

    async def body() -> None:
        assert drop(page.drop, *(QUrl.fromLocalFile(str(path)) for path in paths))
        await until(lambda: page.queue.isVisible() and page.queue.model.rowCount() == 7)
        await until(lambda: "All 7 checked" in page.queue.head.remark.text(), 60)
        assert page.queue.head.remark.text() == (
            "All 7 checked: 5 valid and complete, 1 not valid, 1 could not be checked"
        )
        model = page.queue.model
        assert [model.index(row, 0).data() for row in range(7)] == [path.name for path in paths]
        assert model.index(2, 1).data() == "The bag is not valid"
        assert "nothing" in model.index(6, 1).data()
        page.queue.view.go_to_row(2)
        await until(lambda: settled(page) and page.card.title.text() == "The bag is not valid")
        assert page.queue.isVisible()
        page.queue.view.go_to_row(6)
        await until(lambda: [card for card in page.findChildren(ErrorCard) if card.isVisible()])
        QTest.mouseClick(page.queue.save, LEFT)
        (dialog,) = page.findChildren(QFileDialog)
        dialog.fileSelected.emit(str(tmp_path / "all.csv"))
        dialog.close()
        await until((tmp_path / "all.csv").exists)
        assert (tmp_path / "all.csv").read_text().count(",verdict,") == 7
        assert "/nothing,verdict,,,,could not be checked: There is no" in (tmp_path / "all.csv").read_text()
        await window.bridge.stop()

    in_loop(body)


def test_a_queue_can_be_stopped(window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path) -> None:
    bags = [a_bag(tmp_path / f"bag{number}") for number in range(12)]

    async def body() -> None:
        page.check_all(bags)
        await until(lambda: page.queue.model.rowCount() == 12)
        QTest.mouseClick(page.queue.stop, LEFT)
        await until(lambda: not page.queue.stop.isVisible() and not page.batch.submitting)
        await until(lambda: not window.bridge.active())
        said = [page.queue.model.index(row, 1).data() for row in range(12)]
        assert "Cancelled" in said
        assert set(said) <= {"Cancelled", "The bag is valid and complete"}
        await window.bridge.stop()

    in_loop(body)


def test_a_bag_is_looked_at_completed_and_then_whole(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path, sandbox: SandboxProcess
) -> None:
    window.settings.remember_host(sandbox.host, ca=sandbox.ca, credential=sandbox.credential)
    bag = exported(sandbox, tmp_path / "out")

    async def body() -> None:
        assert drop(page.drop, QUrl.fromLocalFile(str(bag)))
        await until(lambda: settled(page) and page.facts.isVisible())
        assert page.card.title.text() == "The bag is not complete yet"
        assert "96 files listed to be fetched" in page.facts.figures.text()
        assert f"{sandbox.root} of catalog {sandbox.catalog} on {sandbox.host}" in page.facts.origin.text()
        QTest.mouseClick(page.facts.more, LEFT)
        assert page.facts.inside.isVisible()
        texts = {label.text() for label in page.facts.inside.findChildren(QLabel)}
        assert {"eye.Subject", "40 rows", "Payload-Oxum"} <= texts
        QTest.mouseClick(page.facts.fetch, LEFT)
        (dialog,) = window.findChildren(FetchDialog)
        QTest.keyClicks(dialog.only, "assets/Image/*")
        QTest.keyClick(dialog.only, Qt.Key.Key_Return)
        await until(lambda: "11 of them not here" in page.facts.figures.text() or _left(bag) == 11, 60)
        await until(lambda: settled(page) and _left(bag) == 11, 60)
        await until(lambda: "11 of them not here" in page.facts.figures.text())
        QTest.mouseClick(page.facts.fetch, LEFT)
        dialog = next(d for d in window.findChildren(FetchDialog) if d.isVisible())
        QTest.mouseClick(dialog.fetch, LEFT)
        await until(lambda: settled(page) and page.card.title.text() == "The bag is valid and complete", 60)
        await until(lambda: not page.facts.fetch.isVisible())
        await window.bridge.stop()

    in_loop(body)


def _left(bag: Path) -> int:
    lines = (bag / "fetch.txt").read_text().splitlines() if (bag / "fetch.txt").exists() else []
    return sum(1 for line in lines if not (bag / line.split(None, 2)[2]).exists())


def test_a_bag_is_packed_and_unpacked(window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path) -> None:
    bag = a_bag(tmp_path / "bag")

    async def body() -> None:
        page.check(bag)
        await until(lambda: settled(page) and page.facts.isVisible())
        QTest.mouseClick(page.facts.pack, LEFT)
        dialog = next(d for d in page.findChildren(QFileDialog) if d.isVisible())
        dialog.fileSelected.emit(str(tmp_path / "packed.tgz"))
        dialog.close()
        await until(lambda: settled(page) and page.card.path.text == str(tmp_path / "packed.tgz"), 60)
        assert page.card.title.text() == "The bag is valid and complete"
        await until(lambda: page.facts.unpack.isVisible())
        (tmp_path / "elsewhere").mkdir()
        QTest.mouseClick(page.facts.unpack, LEFT)
        dialog = next(d for d in page.findChildren(QFileDialog) if d.isVisible())
        dialog.fileSelected.emit(str(tmp_path / "elsewhere"))
        dialog.close()
        await until(lambda: settled(page) and page.card.path.text == str(tmp_path / "elsewhere" / "bag"), 60)
        assert page.card.title.text() == "The bag is valid and complete"
        await window.bridge.stop()

    in_loop(body)


def test_two_bags_are_compared_file_by_file_and_row_by_row(window: MainWindow, in_loop: InLoop, tmp_path: Path) -> None:
    before, after = a_bag(tmp_path / "before"), a_bag(tmp_path / "after")
    for bag, rows in ((before, "1-A,one\n1-B,two\n"), (after, "1-A,one\n1-B,zwei\n1-C,three\n")):
        records = bag / "data" / "records" / "eye.Subject.csv"
        records.parent.mkdir()
        records.write_text(f"RID,Name\n{rows}")
        line = f"{hashlib.sha256(records.read_bytes()).hexdigest()}  data/records/eye.Subject.csv\n"
        with (bag / "manifest-sha256.txt").open("a") as manifest:
            manifest.write(line)
    (after / "data" / "2.txt").unlink()
    lines = (after / "manifest-sha256.txt").read_text().splitlines(keepends=True)
    (after / "manifest-sha256.txt").write_text("".join(line for line in lines if "2.txt" not in line))

    async def body() -> None:
        window.menus.actions["compare"].trigger()
        (compare,) = window.findChildren(CompareWindow)
        compare.compare()
        assert compare.empty.isVisible(), "without two bags nothing is compared"
        assert drop(compare.fields[0], QUrl.fromLocalFile(str(before)))
        QTest.keyClicks(compare.fields[1], str(after))
        QTest.keyClick(compare.fields[1], Qt.Key.Key_Return)
        await until(lambda: compare.found.isVisible() and compare.found.model.rowCount() > 0)
        (notice,) = [n for n in compare.findChildren(Notice) if not n.isHidden()]
        assert notice.text.text() == "The bags differ"
        assert "1 file only in the first" in notice.hint.text()
        assert "1 added, 0 removed, 1 changed" in notice.hint.text()
        model = compare.found.model
        shown = {
            model.index(row, 0).data(): [
                model.text(model.index(n, 0, model.index(row, 0))) for n in range(model.rowCount(model.index(row, 0)))
            ]
            for row in range(model.rowCount())
        }
        assert shown["Files that are only in the first"] == ["data/2.txt"]
        assert shown["Rows of eye.Subject.csv, with other values"] == ["1-B\tName"]
        assert shown["Rows of eye.Subject.csv, only in the second"] == ["1-C"]
        for field in compare.fields:
            field.setText(str(before))
        QTest.mouseClick(compare.go, LEFT)
        await until(lambda: any(n.text.text() == "Both bags hold the same" for n in compare.findChildren(Notice)))
        assert not compare.found.isVisible()
        QTest.keyClick(compare, Qt.Key.Key_Escape)
        await until(lambda: not window.findChildren(CompareWindow))
        await window.bridge.stop()

    in_loop(body)
