"""Missing files are fetched as chosen, paused, gone on with, tried again, and broken ones repaired."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QTest

from bag_maker import make_bag
from bags_page import settled
from file_keyring import FileKeyring
from file_server import FileServer, file_server
from gui_helpers import until
from satchel.gui.bags.fetch import FetchDialog
from satchel.gui.bags.fetch_tree import FetchModel
from satchel.gui.bags.fetched import FailuresWindow
from satchel.gui.bags.page import BagsPage
from satchel.gui.sign_in import SignInDialog
from satchel.gui.widgets.notices import Notice
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton
CHECK = Qt.ItemDataRole.CheckStateRole
ON, SOME, OFF = Qt.CheckState.Checked, Qt.CheckState.PartiallyChecked, Qt.CheckState.Unchecked


@pytest.fixture
def server(tmp_path: Path, window: MainWindow) -> Iterator[FileServer]:
    with file_server(tmp_path) as found:
        window.settings.remember_host(found.served.host, ca=found.served.ca)
        yield found


def holey(server: FileServer, folder: Path, files: dict[str, bytes]) -> Path:
    """A bag whose files are on the server."""
    server.files |= {f"/{name}": content for name, content in files.items()}
    remote = {f"data/{name}": (server.url(f"/{name}"), content) for name, content in files.items()}
    return make_bag(folder, {"data/here.txt": b"here"}, remote, [("Source-Host", server.served.host)])


def items(model: FetchModel, parent: QModelIndex | None = None) -> dict[str, QModelIndex]:
    """What is known of the tree, by path."""
    found = {}
    parent = parent or QModelIndex()
    for row in range(model.rowCount(parent)):
        index = model.index(row, 0, parent)
        node = model.node(index)
        assert node is not None
        found[node.path] = index
        found |= items(model, index)
    return found


async def opened(window: MainWindow, page: BagsPage) -> FetchDialog:
    await until(page.facts.fetch.isVisible)
    QTest.mouseClick(page.facts.fetch, LEFT)
    (dialog,) = [d for d in window.findChildren(FetchDialog) if d.isVisible()]
    await until(lambda: dialog.model is not None and "data" in items(dialog.model))
    return dialog


def notes(page: BagsPage) -> list[Notice]:
    return [note for note in page.findChildren(Notice) if note.isVisible() and not page.questions.isAncestorOf(note)]


def test_files_are_chosen_in_a_tree_by_pattern_and_by_size(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path, server: FileServer
) -> None:
    files = {f"img/{n}.png": b"p" * 1000 for n in range(3)} | {f"doc/{n}.txt": b"d" * 10 for n in range(4)}
    files["img/raw/big.tif"] = b"t" * 2_000_000
    bag = holey(server, tmp_path / "bag", files)

    async def body() -> None:
        page.check(bag)
        dialog = await opened(window, page)
        model = dialog.model
        assert model is not None
        await until(lambda: "data/img" in items(model))
        assert dialog.sum.text() == "8 of 8 files, 2.0 MB"
        assert server.served.host in dialog.hosts.text()
        dialog.view.expand(items(model)["data/img"])
        await until(lambda: "data/img/raw" in items(model))
        found = items(model)
        assert found["data/img"].siblingAtColumn(1).data() == "4"
        assert found["data/img"].siblingAtColumn(2).data() == "2.0 MB"
        assert model.setData(found["data/img/raw"], OFF.value, CHECK)
        assert [found[p].data(CHECK) for p in ("data", "data/img", "data/img/raw")] == [SOME, SOME, OFF]
        assert dialog.sum.text() == "7 of 8 files, 3.0 kB"
        dialog.view.setCurrentIndex(found["data/doc"])
        QTest.keyClick(dialog.view, Qt.Key.Key_Space)
        assert found["data/doc"].data(CHECK) == OFF
        assert dialog.sum.text() == "3 of 8 files, 3.0 kB"
        QTest.keyClicks(dialog.only, "*/1.png; */2.png; *.tif")
        await until(lambda: dialog.sum.text() == "2 of 8 files, 2.0 kB")
        QTest.keyClick(dialog.only, Qt.Key.Key_Return)
        await until(lambda: sorted(set(server.asked)) == ["/img/1.png", "/img/2.png"])
        await until(lambda: settled(page) and "6 of them not here" in page.facts.figures.text())

        dialog = await opened(window, page)
        QTest.mouseClick(dialog.limit, LEFT)
        dialog.largest.setValue(1)
        await until(lambda: dialog.sum.text() == "5 of 6 files, 1.0 kB")
        QTest.mouseClick(dialog.fetch, LEFT)
        await until(lambda: settled(page) and "1 of them not here" in page.facts.figures.text())
        assert "/img/raw/big.tif" not in server.asked
        dialog = await opened(window, page)
        assert dialog.model is not None
        only = items(dialog.model)["data"]
        assert only.data(CHECK) == ON
        dialog.model.setData(only, OFF.value, CHECK)
        assert dialog.sum.text() == "Nothing is chosen."
        assert not dialog.fetch.isEnabled()
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        await until(lambda: not window.findChildren(FetchDialog))
        assert "/img/raw/big.tif" not in server.asked
        await window.bridge.stop()

    in_loop(body)


def test_fetching_is_paused_and_goes_on_inside_the_file(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path, server: FileServer
) -> None:
    large = random.Random(1).randbytes(6_000_000)
    bag = holey(server, tmp_path / "bag", {"large.bin": large})
    server.pieces = 200_000

    async def body() -> None:
        page.check(bag)
        dialog = await opened(window, page)
        QTest.mouseClick(dialog.fetch, LEFT)
        await until(lambda: page.progress.files.rows[0][0].text == "data/large.bin" and page.progress.files.isVisible())
        await until(lambda: page.progress.files.rows[0][1].value() > 300)
        assert "of 6.0 MB" in page.progress.files.rows[0][2].text()
        assert "B/s" in page.progress.figures.text()
        QTest.mouseClick(page.progress.pause, LEFT)
        await until(lambda: page.card.isVisible() and page.card.title.text() == "Fetching is paused")
        assert "of 6.0 MB had come" in page.card.text.text()
        assert not (bag / "data" / "large.bin").exists()
        assert page.card.resume.isVisible()
        server.pieces = 0
        QTest.mouseClick(page.card.resume, LEFT)
        await until(lambda: settled(page) and page.card.title.text() == "The bag is valid and complete")
        assert server.ranges
        assert server.ranges[0] >= 1_000_000, "what had come was not fetched again"
        assert (bag / "data" / "large.bin").read_bytes() == large
        await window.bridge.stop()

    in_loop(body)


def test_what_failed_is_told_and_tried_again_alone(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path, server: FileServer
) -> None:
    bag = holey(server, tmp_path / "bag", {f"{n}.txt": b"content %d" % n for n in range(5)})
    lost = {name: server.files.pop(name) for name in ("/1.txt", "/3.txt")}

    async def body() -> None:
        page.check(bag)
        dialog = await opened(window, page)
        model = dialog.model
        assert model is not None
        await until(lambda: "data/4.txt" in items(model))
        model.setData(items(model)["data/4.txt"], OFF.value, CHECK)
        QTest.mouseClick(dialog.fetch, LEFT)
        await until(lambda: notes(page) and settled(page))
        (note,) = notes(page)
        assert note.text.text().startswith("2 files could not be fetched. 2 files fetched and verified")
        assert "Not on its server any more: 2 files" in note.hint.text()
        buttons = {b.accessibleName(): b for b in note.findChildren(type(page.card.again))}
        QTest.mouseClick(buttons["Show them"], LEFT)
        (shown,) = window.findChildren(FailuresWindow)
        await until(lambda: shown.pane.model.rowCount() == 1)
        kind = shown.pane.model.index(0, 0)
        assert [shown.pane.model.text(shown.pane.model.index(n, 0, kind)).split("\t")[1] for n in range(2)] == [
            "data/1.txt",
            "data/3.txt",
        ]
        shown.close()
        server.files |= lost
        server.asked.clear()
        QTest.mouseClick(buttons["Try these again"], LEFT)
        await until(lambda: not notes(page) and settled(page) and "1 of them" in page.facts.figures.text())
        assert sorted(server.asked) == ["/1.txt", "/3.txt"], "neither what is here nor what was not wanted"
        await window.bridge.stop()

    in_loop(body)


def test_repair_fetches_the_bad_files_and_nothing_else(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path, server: FileServer
) -> None:
    bag = holey(server, tmp_path / "bag", {f"{n}.txt": b"content %d" % n for n in range(5)})
    for n in range(4):
        (bag / "data" / f"{n}.txt").write_bytes(b"content %d" % n)
    (bag / "data" / "1.txt").write_bytes(b"content X")
    (bag / "data" / "2.txt").write_bytes(b"cont")

    async def body() -> None:
        page.check(bag)
        await until(lambda: settled(page) and page.card.repair.isVisible())
        assert page.card.title.text() == "The bag is not valid"
        QTest.mouseClick(page.card.repair, LEFT)
        await until(lambda: settled(page) and page.card.title.text() == "The bag is not complete yet")
        assert sorted(server.asked) == ["/1.txt", "/2.txt"]
        assert not page.card.repair.isVisible()
        await window.bridge.stop()

    in_loop(body)


def test_a_queue_is_repaired_with_one_click_and_what_it_asks_is_answered_for_all(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path, server: FileServer
) -> None:
    bags = [
        holey(server, tmp_path / f"bag{n}", {f"{n}-{m}.txt": b"content %d" % m for m in range(2)}) for n in range(4)
    ]
    for n, bag in enumerate(bags):
        for m in range(2):
            (bag / "data" / f"{n}-{m}.txt").write_bytes(b"content %d" % m)
    for n in (0, 2):
        (bags[n] / "data" / f"{n}-1.txt").write_bytes(b"content X")
    (bags[3] / "data" / "3-0.txt").unlink()

    def verdicts() -> list[str]:
        return [page.queue.model.index(row, 1).data() for row in range(4)]

    async def body() -> None:
        page.check_all(bags)
        await until(lambda: page.queue.head.remark.text().startswith("All 4 checked"), 60)
        assert verdicts()[:2] == ["The bag is not valid", "The bag is valid and complete"]
        assert verdicts()[3] == "The bag is not complete yet"
        assert "every checksum" in page.queue.model.index(0, 2).data()
        assert page.queue.repair.accessibleName() == "Repair 2 bags"
        QTest.mouseClick(page.queue.repair, LEFT)
        await until(lambda: page.queue.head.remark.text().startswith("All 4 checked: 3 valid and complete"), 60)
        assert sorted(server.asked) == ["/0-1.txt", "/2-1.txt"]
        assert not page.queue.repair.isVisible()
        assert page.queue.fetch.accessibleName() == "Fetch for 1 bag"
        QTest.mouseClick(page.queue.fetch, LEFT)
        await until(lambda: page.queue.head.remark.text() == "All 4 checked: 4 valid and complete", 60)
        assert sorted(server.asked) == ["/0-1.txt", "/2-1.txt", "/3-0.txt"]

        # Of a server that nobody has vouched for each bag asks; one answer is enough for all.
        window.settings.hosts.clear()
        for n, bag in enumerate(bags):
            (bag / "data" / f"{n}-0.txt").write_bytes(b"content X")
        page.check_all(bags)
        await until(lambda: page.queue.repair.isVisible() and page.queue.repair.accessibleName() == "Repair 4 bags", 60)
        QTest.mouseClick(page.queue.repair, LEFT)
        await until(lambda: page.questions.isVisible() and page.questions.alike.isVisible(), 60)
        QTest.keyClick(page.questions.alike, Qt.Key.Key_Space)
        QTest.mouseClick(page.questions.answers["no"], LEFT)
        await until(lambda: page.queue.head.remark.text() == "All 4 checked: 4 not valid", 60)
        assert verdicts() == ["The bag is not valid; 1 file could not be fetched"] * 4
        assert not page.questions.isVisible()
        await window.bridge.stop()

    in_loop(body)


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A keyring in a file, for this process and for those that run jobs."""
    file = tmp_path / "keyring.json"
    monkeypatch.setenv("TEST_KEYRING", str(file))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "file_keyring.FileKeyring")
    tests = str(Path(__file__).resolve().parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], tests]))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())
    yield file
    keyring.set_keyring(before)


def test_one_signs_in_where_a_host_asks_and_fetching_goes_on(
    window: MainWindow, page: BagsPage, in_loop: InLoop, tmp_path: Path, server: FileServer, ring: Path
) -> None:
    bag = holey(server, tmp_path / "bag", {f"{n}.txt": b"content %d" % n for n in range(3)})
    server.cookie = "webauthn=good"

    async def body() -> None:
        page.check(bag)
        dialog = await opened(window, page)
        QTest.mouseClick(dialog.fetch, LEFT)
        await until(lambda: notes(page) and settled(page), 50)
        (note,) = notes(page)
        assert "A sign-in is needed: 3 files" in note.hint.text()
        buttons = {b.accessibleName(): b for b in note.findChildren(type(page.card.again))}
        QTest.mouseClick(buttons[f"Sign in to {server.served.host}…"], LEFT)
        (sign_in,) = [d for d in window.findChildren(SignInDialog) if d.isVisible()]
        QTest.keyClicks(sign_in.user, "ada")
        QTest.keyClicks(sign_in.password, "secret")
        QTest.mouseClick(sign_in.sign_in_button, LEFT)
        await until(lambda: settled(page) and page.card.title.text() == "The bag is valid and complete", 50)
        assert not notes(page)
        assert "webauthn=good" in ring.read_text()
        await window.bridge.stop()

    in_loop(body)
