"""The parts that pages are made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from gui_helpers import accessible_name
from satchel.core.errors import Kind, SatchelError
from satchel.gui.widgets.badge import Badge
from satchel.gui.widgets.buttons import ActionTile, RowButton, button, icon_button
from satchel.gui.widgets.choice import Choice
from satchel.gui.widgets.drop_zone import DropZone
from satchel.gui.widgets.fields import SearchField
from satchel.gui.widgets.flow import Flow
from satchel.gui.widgets.notices import Toasts
from satchel.gui.widgets.path_field import PathField
from satchel.gui.widgets.picture import Picture, decode
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.table import RowsTable
from satchel.gui.widgets.text import CopyLabel, ElidedLabel

pytestmark = pytest.mark.usefixtures("app")
FAULT = SatchelError(
    Kind.UNTRUSTED, "The certificate is not trusted.", "Add its authority.", "CERTIFICATE_VERIFY_FAILED"
)


def clipboard() -> str:
    return QGuiApplication.clipboard().text()


def test_an_error_says_what_and_what_to_do_and_keeps_details_aside(qtbot: QtBot) -> None:
    card = ErrorCard(FAULT)
    qtbot.addWidget(card)
    card.show()
    assert card.message.text() == FAULT.message
    assert card.hint.text() == FAULT.hint
    assert card.detail.isHidden()
    qtbot.mouseClick(card.toggle, Qt.MouseButton.LeftButton)
    assert card.detail.isVisible()
    assert card.toggle.text() == "Hide details"
    assert card.detail.toPlainText() == FAULT.detail
    card.copy_button.click()
    assert clipboard() == "The certificate is not trusted.\n\nAdd its authority.\n\nCERTIFICATE_VERIFY_FAILED"
    assert accessible_name(card) == "Error: The certificate is not trusted."


def test_an_error_without_hint_or_detail_has_no_empty_places(qtbot: QtBot) -> None:
    card = ErrorCard(SatchelError(Kind.SERVER, "It answered nonsense."))
    qtbot.addWidget(card)
    card.show()
    assert card.hint.isHidden()
    assert card.toggle.isHidden()


def test_markup_of_a_server_is_shown_not_obeyed(qtbot: QtBot) -> None:
    card = ErrorCard(SatchelError(Kind.SERVER, "<b>bold</b> <img src=x>"))
    qtbot.addWidget(card)
    assert card.message.textFormat() == Qt.TextFormat.PlainText


def test_what_should_not_happen_gets_a_sentence() -> None:
    told = as_error(ZeroDivisionError("division by zero"))
    assert told.kind is Kind.INTERNAL
    assert "ZeroDivisionError" in told.detail
    assert as_error(FAULT) is FAULT


def table_of(qtbot: QtBot, cells: list[list[str]]) -> RowsTable:
    model = QStandardItemModel()
    model.setHorizontalHeaderLabels(["RID", "Name", "Note"])
    for line in cells:
        model.appendRow([QStandardItem(text) for text in line])
    view = RowsTable("Rows")
    view.setModel(model)
    qtbot.addWidget(view)
    view.show()
    return view


def select(view: RowsTable, *boxes: tuple[int, int, int, int]) -> None:
    selection = QItemSelection()
    model = view.model()
    for top, left, bottom, right in boxes:
        selection.select(model.index(top, left), model.index(bottom, right))
    view.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)


def test_selected_cells_are_copied_as_tab_separated_text(qtbot: QtBot) -> None:
    view = table_of(qtbot, [["1-A", "Ann", "x"], ["1-B", "Bob\tBee", 'two\n"lines"'], ["1-C", '"q', ""]])
    select(view, (0, 0, 2, 2))
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard() == '1-A\tAnn\tx\n1-B\t"Bob\tBee"\t"two\n""lines"""\n1-C\t"""q"\t'
    select(view, (0, 0, 0, 0), (2, 1, 2, 1))
    assert view.selected_text() == '1-A\t\n\t"""q"', "cells outside the selection are empty"
    select(view, (0, 0, 0, 1))
    view.copy_with_heads()
    assert clipboard() == "RID\tName\n1-A\tAnn"


def test_enter_activates_a_row(qtbot: QtBot) -> None:
    view = table_of(qtbot, [["1-A", "Ann", ""], ["1-B", "Bob", ""]])
    view.go_to_row(1)
    with qtbot.waitSignal(view.activated_row) as told:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert told.args == [1]
    view.go_to_row(77)
    assert view.currentIndex().row() == 1


def drop(widget: QWidget, *urls: QUrl) -> bool:
    """Drag over a widget and drop there. Returns whether it was taken."""
    data = QMimeData()
    data.setUrls(list(urls))
    middle = widget.rect().center()
    none = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(middle), Qt.DropAction.CopyAction, data, *none)
    QApplication.sendEvent(widget, enter)
    if not enter.isAccepted():
        return False
    QApplication.sendEvent(widget, QDropEvent(QPointF(middle), Qt.DropAction.CopyAction, data, *none))
    return True


def test_a_drop_zone_takes_local_paths_only(qtbot: QtBot, tmp_path: Path) -> None:
    zone = DropZone("Drop a bag here", "A folder or an archive")
    qtbot.addWidget(zone)
    zone.show()
    taken: list[list[Path]] = []
    zone.dropped.connect(taken.append)
    assert drop(zone, QUrl.fromLocalFile(str(tmp_path / "Bäg 1.zip")), QUrl.fromLocalFile(str(tmp_path)))
    assert taken == [[tmp_path / "Bäg 1.zip", tmp_path]]
    assert not drop(zone, QUrl("https://example.org/bag.zip"))
    assert len(taken) == 1


def test_a_drop_zone_can_be_used_with_keys(qtbot: QtBot) -> None:
    zone = DropZone("Drop a bag here", "")
    qtbot.addWidget(zone)
    zone.show()
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Space):
        with qtbot.waitSignal(zone.clicked):
            qtbot.keyClick(zone, key)
    tall = zone.sizeHint().height()
    zone.set_compact(True)
    assert zone.sizeHint().height() < tall / 2


def test_notices_go_or_stay(qtbot: QtBot) -> None:
    window = QWidget()
    window.resize(900, 600)
    qtbot.addWidget(window)
    toasts = Toasts(window)
    window.show()
    toasts.say("Export done.", "success")
    assert toasts.isVisible()
    assert window.rect().contains(toasts.geometry())
    card = toasts.fail(FAULT)
    qtbot.waitUntil(card.isVisible)
    for _ in range(5):
        toasts.say("one more", "warning")
    assert toasts.layout().count() <= 3, "they do not fill the window"


def test_a_notices_action_is_done_once_and_it_goes(qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QPushButton

    window = QWidget()
    window.resize(900, 600)
    qtbot.addWidget(window)
    toasts = Toasts(window)
    window.show()
    done: list[bool] = []
    notice = toasts.say("Export done.", "success", action="Show", do=lambda: done.append(True))
    notice.findChild(QPushButton).click()
    assert done == [True]
    assert notice.isHidden()
    assert toasts.isHidden()


def test_a_long_line_is_shortened_and_kept_whole(qtbot: QtBot) -> None:
    text = "/home/somebody/" + "a very long folder/" * 20 + "bag.zip"
    shown = ElidedLabel(text)
    qtbot.addWidget(shown)
    shown.resize(200, 20)
    assert shown.minimumSizeHint().width() < 200
    assert accessible_name(shown) == text
    shown.copy()
    assert clipboard() == text


def test_a_copy_label_is_copied_with_the_keyboard(qtbot: QtBot) -> None:
    shown = CopyLabel("1-ABCD", "RID")
    qtbot.addWidget(shown)
    shown.show()
    shown.setFocus()
    qtbot.keyClick(shown, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard() == "1-ABCD"
    assert accessible_name(shown) == "RID: 1-ABCD"


def test_waiting_says_for_what(qtbot: QtBot) -> None:
    line = BusyLine()
    qtbot.addWidget(line)
    assert line.isHidden()
    line.wait_for("Reading the schema")
    assert line.isVisible()
    assert accessible_name(line) == "Reading the schema"
    line.done()
    assert line.isHidden()


def test_painted_buttons_have_names(qtbot: QtBot) -> None:
    tile = ActionTile("export", "Export", "A sentence.", "Ctrl+E", lambda: None)
    row = RowButton("catalog", "Title", "second", "today")
    cross = icon_button("Dismiss", "close", shortcut="Esc")
    for widget in (tile, row, cross):
        qtbot.addWidget(widget)
    assert accessible_name(tile) == "Export"
    assert accessible_name(row) == "Title, second, today"
    assert accessible_name(cross) == "Dismiss"
    assert cross.toolTip() == "Dismiss (Esc)"
    assert accessible_name(SearchField("Filter rows")) == "Filter rows"


def test_a_choice_says_what_was_chosen_and_can_be_set_silently(qtbot: QtBot) -> None:
    choice = Choice("Appearance", [("a", "sun", "A"), ("b", "moon", "B")])
    qtbot.addWidget(choice)
    told: list[str] = []
    choice.chosen.connect(told.append)
    choice.set_value("a")
    assert told == []
    choice.options["b"].click()
    assert told == ["b"]
    assert not choice.options["a"].isChecked()


def test_a_path_can_be_taken_back(qtbot: QtBot) -> None:
    field = PathField("Folder", "None yet", folder=True)
    qtbot.addWidget(field)
    assert field.clear_button.isHidden()
    field.set_path("/tmp/x")
    told: list[str] = []
    field.chosen.connect(told.append)
    field.clear_button.click()
    assert (told, field.path, field.shown.text) == ([""], "", "None yet")


def test_badges(qtbot: QtBot) -> None:
    badge = Badge("3")
    qtbot.addWidget(badge)
    badge.say("")
    assert badge.isHidden()
    badge.say("files", "accent")
    assert accessible_name(badge) == "files"


def png(width: int, height: int) -> bytes:
    from PySide6.QtCore import QBuffer, QByteArray

    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return bytes(data.data())


def test_pictures_are_read_and_large_ones_made_smaller(qtbot: QtBot) -> None:
    read = decode(png(3000, 1500))
    assert read is not None
    image, size = read
    assert (image.width(), image.height()) == (1600, 800)
    assert (size.width(), size.height()) == (3000, 1500)
    assert decode(b"no picture") is None
    shown = Picture("Picture")
    qtbot.addWidget(shown)
    assert shown.isHidden()
    shown.show_image(image, "A red one")
    assert 0 < shown.heightForWidth(260) <= 340
    assert accessible_name(shown) == "A red one"


def test_a_picture_that_claims_too_much_is_refused() -> None:
    import struct
    import zlib

    head = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    assert decode(bomb) is None


def test_buttons_wrap_where_there_is_no_room(app: QApplication) -> None:

    made = [button(f"Button {number}") for number in range(4)]
    held = QWidget()
    flow = Flow(*made)
    held.setLayout(flow)
    made[3].hide()
    wide = flow.sizeHint().width()
    held.resize(wide, 200)
    held.show()
    assert len({each.y() for each in made[:3]}) == 1
    held.resize(wide - 1, 200)
    QApplication.processEvents()
    assert [each.y() for each in made[:3]] == sorted(each.y() for each in made[:3])
    assert made[2].y() > made[0].y() == made[1].y()
    assert all(each.geometry().right() < held.width() for each in made[:3])
    assert flow.heightForWidth(10) > flow.heightForWidth(wide)
    held.close()
