"""The window in which a bag is looked into: tree, tables, texts, pictures, links, all by keyboard too."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QBuffer, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QWidget
from pytestqt.modeltest import ModelTester
from test_bags_page import a_bag, settled

from gui_helpers import accessible_name, until
from satchel.core.bags.inside.columns import Column
from satchel.core.bags.inside.records import Page, Row
from satchel.core.bags.inside.tasks import Done, Link, Table
from satchel.core.bags.inside.tree import Children, Node
from satchel.gui.bags.inside.layout import columns
from satchel.gui.bags.inside.table_model import PAGE, TableModel
from satchel.gui.bags.inside.table_pane import ValueDialog
from satchel.gui.bags.inside.tree_model import TreeModel
from satchel.gui.bags.inside.window import InsideWindow, Place
from satchel.gui.bags.page import BagsPage
from satchel.gui.theme import theme
from satchel.gui.widgets.states import ErrorCard
from satchel.gui.window import MainWindow
from small_bags import put

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton
SUBJECTS = 1000
SUBJECT, STUDY = "data/records/eye.Subject.csv", "data/records/eye.Study.csv"


def picture() -> bytes:
    image = QImage(40, 30, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return bytes(buffer.data().data())


def rich_bag(folder: Path) -> Path:
    subjects = "".join(f"2-{n:04},1-000{n % 2},{(n * 7919) % 1000},note {n}\n" for n in range(SUBJECTS))
    return put(
        folder,
        {
            STUDY: b"RID,Title\n1-0000,One\n1-0001,Two\n",
            SUBJECT: f"RID,Study,Age,Note\n{subjects}".encode(),
            "data/red.png": picture(),
            "data/notes.txt": ("\u202eevil\x1b " + "line\n" * 100_000).encode(),
            "data/bytes.bin": bytes(range(256)) * 30,
            "data/broken.csv": b"a,b\n1,2\n3\n",
            "data/far.dat": b"x",
        },
        info="Source-Organization: Somewhere\nContact-Name: Ada\n",
        fetch="https://example.org/far 5000 data/far.dat\n",
    )


def opened(window: MainWindow, bag: Path) -> InsideWindow:
    made = InsideWindow(window, str(bag))
    made.show()
    return made


async def ready(inside: InsideWindow) -> None:
    await until(lambda: inside._now is not None and inside.graph.shown)


async def closed(window: MainWindow, inside: InsideWindow) -> None:
    inside.close()
    await window.bridge.stop()


def names(model: TreeModel, parent: Any = None) -> list[str]:
    from PySide6.QtCore import QModelIndex

    above = parent if parent is not None else QModelIndex()
    return [model.index(row, 0, above).data() for row in range(model.rowCount(above))]


def column(inside: InsideWindow, name: str) -> int:
    return next(n for n, c in enumerate(inside.table.model.columns) if c.name == name)


def cells(inside: InsideWindow, name: str, rows: int = 5) -> list[str]:
    model, place = inside.table.model, column(inside, name)
    return [model.index(row, place).data() for row in range(min(rows, model.rowCount()))]


async def table(inside: InsideWindow, path: str) -> None:
    inside.go(Place("file", path))
    await until(lambda: inside.stack.currentWidget() is inside.table and inside.table._path == path)
    await until(lambda: inside.table.model.row(0) is not None)


def test_the_bags_page_leads_inside(window: MainWindow, in_loop: InLoop, tmp_path: Path) -> None:
    bag = a_bag(tmp_path / "bag")
    page = window.show_page("bags")
    assert isinstance(page, BagsPage)

    async def body() -> None:
        page.check(bag)
        await until(lambda: settled(page) and page.facts.isVisible())
        QTest.mouseClick(page.facts.look, LEFT)
        (inside,) = window.findChildren(InsideWindow)
        await ready(inside)
        assert names(inside.model) == ["0.txt", "1.txt", "2.txt"]
        assert inside.files.text() == "3 files"
        inside.tree.setCurrentIndex(inside.model.index(1, 0))
        await until(lambda: inside.text.edit.toPlainText() == "content 1")
        QTest.keyClick(inside, Qt.Key.Key_Escape)
        await until(lambda: not window.findChildren(InsideWindow))
        await window.bridge.stop()

    in_loop(body)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_each_kind_of_file_has_its_view(window: MainWindow, in_loop: InLoop, tmp_path: Path, form: str) -> None:
    path = rich_bag(tmp_path / "bag")
    if form == "zip":
        archive = tmp_path / "bag.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            for file in path.rglob("*"):
                packed.write(file, file.relative_to(tmp_path))
        path = archive
    else:
        (path / "data/far.dat").unlink()

    async def body() -> None:
        inside = opened(window, path)
        await ready(inside)
        assert inside.stack.currentWidget() is inside.info
        shown = {field.accessibleName(): field.text() for field in inside.info.findChildren(QLineEdit)}
        assert shown == {"Source-Organization": "Somewhere", "Contact-Name": "Ada"}
        inside.go(Place("file", "data/red.png"))
        await until(lambda: "40 × 30 pixels" in inside.picture.note.text())
        assert inside.open_button.isVisible() == (form == "folder")
        inside.go(Place("file", "data/notes.txt"))
        await until(lambda: inside.stack.currentWidget() is inside.text)
        assert inside.text.edit.toPlainText().startswith("‹RLO›evil␛ line")
        before = inside.text.edit.document().characterCount()
        QTest.mouseClick(inside.text.more, LEFT)
        await until(lambda: inside.text.edit.document().characterCount() > before)
        assert not inside.text.more.isVisible()
        inside.go(Place("file", "data/bytes.bin"))
        await until(lambda: inside.text.edit.toPlainText().startswith("00000000  00 01 02"))
        if form == "folder":
            inside.go(Place("file", "data/far.dat"))
            await until(lambda: inside.stack.currentWidget() is inside.gone)
            assert inside.gone.title.text() == "Still to be fetched"
            assert not inside.open_button.isVisible()
        await table(inside, "data/broken.csv")
        await until(lambda: "has 1 field where there are 2 columns" in inside.table._told)
        assert "line 3 of broken.csv" in inside.table._told
        QTest.keySequence(inside, "Alt+Left")
        await until(lambda: inside.stack.currentWidget() is not inside.table)
        QTest.keySequence(inside, "Alt+Right")
        await until(lambda: inside.stack.currentWidget() is inside.table)
        await closed(window, inside)

    in_loop(body)


def test_a_table_is_sorted_filtered_and_copied(
    window: MainWindow, in_loop: InLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = rich_bag(tmp_path / "bag")

    async def body() -> None:
        inside = opened(window, bag)
        await ready(inside)
        await table(inside, SUBJECT)
        pane, model = inside.table, inside.table.model
        await until(lambda: model.columns[column(inside, "Age")].sure)
        age = column(inside, "Age")
        horizontal = Qt.Orientation.Horizontal
        assert model.headerData(age, horizontal) == "Age\ninteger"
        tip = model.headerData(age, horizontal, Qt.ItemDataRole.ToolTipRole)
        assert "1,000 values, 0 empty" in tip
        assert pane.status.text() == "1,000 rows · 4 columns · CSV"
        header = pane.view.horizontalHeader()
        place = header.sectionViewportPosition(age) + 10
        QTest.mouseClick(header.viewport(), LEFT, pos=header.rect().center().__class__(place, 10))
        await until(lambda: cells(inside, "Age", 3) == ["0", "1", "2"])
        assert header.isSortIndicatorShown()
        header.sectionClicked.emit(age)
        await until(lambda: cells(inside, "Age", 3) == ["999", "998", "997"])
        QTest.keyClicks(pane.field, "NOTE 99")
        await until(lambda: model.rowCount() == 11 and "…" not in cells(inside, "Age", 11))
        ages = [int(text) for text in cells(inside, "Age", 11)]
        assert ages == sorted(ages, reverse=True), "the order stays"
        header.sectionClicked.emit(age)
        await until(lambda: cells(inside, "Note", 2) == ["note 99", "note 990"])
        pane.view.selectRow(0)
        pane.view.setCurrentIndex(model.index(0, 0))
        pane.view.selectAll()
        QTest.keyClick(pane.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
        row = ["2-0099", "1-0001", "981", "note 99"]
        await until(lambda: QApplication.clipboard().text().splitlines()[:1] == ["\t".join(row)])
        assert len(QApplication.clipboard().text().splitlines()) == 11
        assert pane.where.text() == "Row 100 of the file"
        pane.field.setText("nowhere")
        await until(lambda: pane.stack.currentWidget() is pane.empty)
        assert "nowhere" in pane.empty.title.text()
        pane.clear_filter()
        await until(lambda: model.rowCount() == SUBJECTS and model.row(0) is not None)
        pane.view.setFocus()
        pane.view.setCurrentIndex(model.index(2, column(inside, "Note")))
        QTest.keyClick(pane.view, Qt.Key.Key_Space)
        (dialog,) = pane.findChildren(ValueDialog)
        assert dialog.edit.toPlainText() == "note 2"
        assert dialog.windowTitle() == "Note, row 3"
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        await until(lambda: not pane.findChildren(ValueDialog))
        assert inside.isVisible()
        pane.view.selectAll()
        pane.view.copy_with_heads()  # rows, too, that were never looked at
        await until(lambda: len(QApplication.clipboard().text().splitlines()) == SUBJECTS + 1)
        lines = QApplication.clipboard().text().splitlines()
        assert lines[0] == "RID\tStudy\tAge\tNote"
        assert lines[-1].startswith("2-0999\t1-0001")
        monkeypatch.setattr("satchel.gui.bags.inside.table_pane.MOST_COPIED", 100)
        pane.view.copy()
        await until(lambda: [card for card in pane.findChildren(ErrorCard) if card.isVisible()])
        assert len(QApplication.clipboard().text().splitlines()) == SUBJECTS + 1
        pane.view.go_to_row(SUBJECTS - 1)
        await until(lambda: model.index(SUBJECTS - 1, 0).data() == "2-0999")
        await closed(window, inside)

    in_loop(body)


def test_sorting_can_be_given_up(window: MainWindow, in_loop: InLoop, tmp_path: Path) -> None:
    rows = 200_000
    bag = put(tmp_path / "bag", {"data/long.csv": b"a,b\n" + b"".join(b"%d,x\n" % (rows - n) for n in range(rows))})

    async def body() -> None:
        inside = opened(window, bag)
        await ready(inside)
        await table(inside, "data/long.csv")
        pane = inside.table
        pane.arrange(0)
        await until(pane.busy.isVisible)
        assert pane.busy.accessibleName() == "Sorting by a"
        pane.busy.cancelled.emit()
        assert not pane.busy.isVisible()
        assert cells(inside, "a", 1) == [str(rows)], "the rows are as they were"
        pane.arrange(0)
        await until(lambda: cells(inside, "a", 2) == ["1", "2"], 60)
        assert pane.model.rowCount() == rows
        await closed(window, inside)
        assert not list((tmp_path / "home" / "cache").glob("look-*"))

    in_loop(body)


@pytest.mark.qt_log_ignore("This plugin does not support")  # a menu, where there is no screen
def test_links_are_followed_there_and_back(window: MainWindow, in_loop: InLoop, tmp_path: Path) -> None:
    bag = rich_bag(tmp_path / "bag")

    async def body() -> None:
        inside = opened(window, bag)
        await ready(inside)
        await table(inside, SUBJECT)
        pane, model = inside.table, inside.table.model
        place = model.index(1, column(inside, "Study"))
        assert model.data(place, Qt.ItemDataRole.FontRole).underline()
        assert "link to eye.Study" in model.data(place, Qt.ItemDataRole.AccessibleTextRole)
        pane.view.setFocus()
        pane.view.setCurrentIndex(place)
        QTest.keyClick(pane.view, Qt.Key.Key_Return)
        await until(lambda: pane._path == STUDY and model.row(0) is not None)
        assert cells(inside, "Title") == ["Two"]
        assert pane.found.text() == "With RID 1-0001"
        pane.view.setCurrentIndex(model.index(0, 0))
        QTest.keyClick(pane.view, Qt.Key.Key_Menu)
        await until(lambda: pane.findChildren(QMenu))
        menu = next(menu for menu in pane.findChildren(QMenu) if not menu.isEmpty())
        referring = next(a for a in menu.actions() if "refer to this by Study" in a.text())
        referring.trigger()
        await until(lambda: pane._path == SUBJECT and model.rowCount() == SUBJECTS // 2)
        await until(lambda: set(cells(inside, "Study", 20)) == {"1-0001"})
        menu.close()
        QTest.mouseClick(inside.back_button, LEFT)
        await until(lambda: pane._path == STUDY and model.rowCount() == 1)
        QTest.mouseClick(pane.show_all, LEFT)
        await until(lambda: model.rowCount() == 2)
        await closed(window, inside)

    in_loop(body)


def test_the_graph_is_a_picture_and_a_list(window: MainWindow, in_loop: InLoop, tmp_path: Path) -> None:
    bag = rich_bag(tmp_path / "bag")

    async def body() -> None:
        inside = opened(window, bag)
        await ready(inside)
        QTest.mouseClick(inside.graph_button, LEFT)
        graph = inside.graph
        assert graph.note.text().startswith("3 tables, 1 link. The bag has no schema")
        listed = [graph.list.topLevelItem(n) for n in range(3)]
        assert [item.text(0) for item in listed if item] == ["broken", "eye.Study", "eye.Subject"]
        assert listed[2] is not None
        assert listed[2].child(0).text(0) == "Study → eye.Study (guessed)"
        graph.picture.setFocus()
        QTest.keyClick(graph.picture, Qt.Key.Key_Right)
        assert graph.picture.current() == STUDY
        QTest.keyClick(graph.picture, Qt.Key.Key_Right)
        assert graph.picture.current() == SUBJECT
        assert graph.list.currentItem() is listed[2]
        before = graph.picture.transform().m11()
        QTest.keyClick(graph.picture, Qt.Key.Key_Minus)
        assert graph.picture.transform().m11() < before
        graph.list.setCurrentItem(listed[1])
        assert graph.picture.current() == STUDY
        QTest.keyClick(graph.picture, Qt.Key.Key_Return)
        await until(lambda: inside.stack.currentWidget() is inside.table and inside.title.text == STUDY)
        await until(lambda: inside.model.node(inside.tree.currentIndex()) is not None)
        assert inside.model.node(inside.tree.currentIndex()).path == STUDY, "its folder was opened for it"
        theme().use("dark")
        inside.grab()
        await closed(window, inside)

    in_loop(body)


def test_a_search_finds_files_anywhere(window: MainWindow, in_loop: InLoop, tmp_path: Path) -> None:
    bag = rich_bag(tmp_path / "bag")

    async def body() -> None:
        inside = opened(window, bag)
        await ready(inside)
        inside.tree.expand(inside.model.index_of("data/records"))
        await until(lambda: inside.model.index_of(SUBJECT).isValid())
        QTest.keyClicks(inside.field, "subj")
        await until(lambda: names(inside.model) == ["records/eye.Subject.csv"])
        inside.field.setText("nothing like it")
        await until(lambda: "No file has" in inside.files.text())
        inside.field.setFocus()
        QTest.keyClick(inside.field, Qt.Key.Key_Escape)
        assert inside.isVisible(), "the first Esc empties the field"
        await until(lambda: "records" in names(inside.model))
        await closed(window, inside)

    in_loop(body)


def test_f5_shows_what_has_come_since(window: MainWindow, in_loop: InLoop, tmp_path: Path) -> None:
    bag = rich_bag(tmp_path / "bag")
    far = bag / "data/far.dat"
    content = far.read_bytes()
    far.unlink()
    asked: list[bool] = []

    async def body() -> None:
        inside = InsideWindow(window, str(bag), None, lambda: asked.append(True))
        inside.show()
        await ready(inside)
        inside.go(Place("file", "data/far.dat"))
        await until(lambda: inside.stack.currentWidget() is inside.gone)
        QTest.mouseClick(inside.gone.fetch, LEFT)
        assert asked == [True]
        far.write_bytes(content)
        QTest.keyClick(inside, Qt.Key.Key_F5)
        await until(lambda: inside.stack.currentWidget() is inside.text)
        assert inside.title.text == "data/far.dat"
        await closed(window, inside)

    in_loop(body)


def test_closing_satchel_leaves_nothing_behind(window: MainWindow, in_loop: InLoop, tmp_path: Path) -> None:
    cache = tmp_path / "home" / "cache"
    bag = rich_bag(tmp_path / "bag")

    async def body() -> None:
        inside = opened(window, bag)
        await ready(inside)
        await table(inside, SUBJECT)
        assert list(cache.glob("look-*"))
        window.ended.emit()
        await window.bridge.stop()

    in_loop(body)
    assert list(cache.glob("look-*")) == []


def test_what_cannot_be_looked_into_is_said(window: MainWindow, in_loop: InLoop, tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(tmp_path / "bag.tgz", "w:gz") as packed:
        packed.add(rich_bag(tmp_path / "bag"), "bag")

    async def body() -> None:
        inside = opened(window, tmp_path / "bag.tgz")
        await until(lambda: inside.stack.currentWidget() is inside.archive)
        inside.close()
        inside = opened(window, tmp_path / "none")
        await until(lambda: inside.stack.currentWidget() is inside.errors)
        (card,) = inside.errors.findChildren(ErrorCard)
        assert "There is no" in card.message.text()
        await closed(window, inside)

    in_loop(body)


def test_everything_that_takes_the_focus_has_a_name(window: MainWindow, in_loop: InLoop, tmp_path: Path) -> None:
    bag = rich_bag(tmp_path / "bag")

    async def body() -> None:
        inside = opened(window, bag)
        await ready(inside)
        await table(inside, SUBJECT)
        nameless = [
            f"{type(widget).__name__} in {type(widget.parent()).__name__}"
            for widget in inside.findChildren(QWidget)
            if widget.focusPolicy() != Qt.FocusPolicy.NoFocus
            and not accessible_name(widget)
            and not widget.objectName().startswith("qt_")
        ]
        assert nameless == []
        await closed(window, inside)

    in_loop(body)


def test_a_table_of_ten_million_rows_asks_only_for_what_is_seen(app: QApplication) -> None:
    model = TableModel()
    asked: list[int] = []
    model.wanted.connect(asked.append)
    model.begin((Column(name="a", type="integer"),), 10_000_000)
    for row in (0, 1, 5_000_000, 9_999_999):
        assert model.index(row, 0).data() == "…"
    QApplication.processEvents()
    assert asked == [9_999_999 // PAGE], "one page at a time, what was looked at last comes first"
    model.put(Page(asked[0] * PAGE, tuple(Row(n, (str(n),)) for n in range(PAGE))))
    assert model.index(9_999_999, 0).data() == str(PAGE - 1)
    assert asked[1] == 5_000_000 // PAGE
    model.grow(10_000_001)
    assert model.rowCount() == 10_000_001


def test_a_page_that_was_read_too_early_is_read_again_and_one_that_is_damaged_is_not(app: QApplication) -> None:
    model = TableModel()
    asked: list[int] = []
    model.wanted.connect(asked.append)
    model.begin((Column(name="a", type="text"),), 2)
    assert model.index(0, 0).data() == "…"
    QApplication.processEvents()
    model.grow(5)
    model.put(Page(0, (Row(1, ("one",)), Row(2, ("two",)))))
    assert model.index(1, 0).data() == "two"
    assert model.index(4, 0).data() == "…"
    QApplication.processEvents()
    assert asked == [0, 0]
    model.put(Page(0, tuple(Row(n, (str(n),)) for n in range(3))))
    assert model.index(4, 0).data() == "…"
    QApplication.processEvents()
    assert asked == [0, 0], "there is no more of it"


def test_the_models_keep_qts_rules(app: QApplication, qtmodeltester: ModelTester) -> None:
    model = TreeModel()
    model.begin()
    qtmodeltester.check(model, force_py=False)
    nodes = tuple(Node(str(n), f"data/{n}", n < 2, 5, 3, "here") for n in range(5))
    model.put("data", 0, Children(nodes, 7, True))
    model.put("data/0", 0, Children((Node("x", "data/0/x", False, None, 0, "remote"),), 1, True))
    model.put("data", 5, Children((Node("late", "data/late", False, 1, 0, "missing"),), 7, True))
    assert names(model) == ["0", "1", "2", "3", "4", "late"]
    assert model.rowCount(model.index(0, 0)) == 1
    assert "to be fetched" in model.data(model.index_of("data/0/x"), Qt.ItemDataRole.AccessibleTextRole)


def test_boxes_stand_right_of_what_they_refer_to() -> None:
    found = columns(["a", "b", "c", "d", "e"], {"b": {"a"}, "c": {"b", "a", "c"}, "d": {"e"}, "e": {"d"}})
    place = {name: number for number, names_ in enumerate(found) for name in names_}
    assert place["a"] < place["b"] < place["c"]
    assert sorted(place) == ["a", "b", "c", "d", "e"], "circles lose nobody"


def test_a_graph_of_many_tables_is_drawn(app: QApplication) -> None:
    from satchel.gui.bags.inside.graph import GraphPane

    pane = GraphPane()
    tables = tuple(Table(path=f"data/{n}.csv", name=f"t{n}", rows=n) for n in range(300))
    links = tuple(
        Link(table=f"data/{n}.csv", columns=("x",), target=f"data/{n // 3}.csv", target_columns=("RID",))
        for n in range(1, 300)
    )
    pane.show_graph(Done(tables=tables, links=links))
    pane.resize(900, 600)
    assert not pane.grab().isNull()
    assert pane.list.topLevelItemCount() == 300
