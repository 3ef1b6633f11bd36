"""One record: its picture, all fields in full, what it refers to and what refers to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.catalog import source
from satchel.gui.catalog.tree_model import KINDS, kind_of
from satchel.gui.icons import IconLabel
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.boxes import Line, clear, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.picture import Picture, decode
from satchel.gui.widgets.states import BusyLine, EmptyState, as_error
from satchel.gui.widgets.text import CopyLabel, label

if TYPE_CHECKING:
    from satchel.core.deriva.browse import Opened
    from satchel.core.deriva.model import ForeignKey, Table
    from satchel.gui.catalog.rows_model import RowsModel
    from satchel.gui.engine_bridge import EngineBridge

LONGEST = 20_000
"""Characters of one field that are shown; it says so when there are more."""
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".svg", ".tif", ".tiff", ".ico", ".ppm", ".pgm")


DATASETS = "deriva-ml:Dataset"
"""The table whose records can get identifiers."""


class DetailPane(QWidget):
    """The record that the cursor is on."""

    clone_wanted = Signal(str)
    """The RID of the record from which a clone is to be made."""
    export_wanted = Signal(str)
    """The RID of the record that is to be exported with what belongs to it."""
    mint_wanted = Signal(str)
    """The RID of the dataset that is to get an identifier."""
    link = Signal(object, str, str)
    """Go to a table (TableName) and show the rows with a value: table, column, value."""

    def __init__(self, bridge: EngineBridge) -> None:
        super().__init__()
        self._bridge = bridge
        self._rid = ""
        self._loading: Spawned | None = None
        self._opened: Opened | None = None
        self.empty = EmptyState("record", "No record chosen", "Choose a row to see all of it here.")
        self.icon = IconLabel("record", "muted", 20)
        self.title = label("", "heading", wrap=True)
        self.rid = CopyLabel("", "RID", "caption", "muted")
        self.export: QPushButton = button("&Export what belongs to it…", icon="export", primary=True)
        self.export.setAccessibleName("Export what belongs to this record")
        self.export.setToolTip("Export this record and everything that belongs to it (Ctrl+E)")
        self.clone: QPushButton = button("C&lone what belongs to it…", icon="copy")
        self.clone.setAccessibleName("Clone what belongs to this record")
        self.clone.setToolTip("Make a catalog of this record and everything that belongs to it (Ctrl+L)")
        self.clone.clicked.connect(lambda: self.clone_wanted.emit(self._rid))
        self.mint: QPushButton = button("Min&t an identifier…", icon="key")
        self.mint.setAccessibleName("Mint an identifier for this dataset")
        self.mint.setToolTip("Give a version of this dataset a citable identifier (Ctrl+M)")
        self.mint.clicked.connect(lambda: self.mint_wanted.emit(self._rid))
        self.export.clicked.connect(lambda: self.export_wanted.emit(self._rid))
        self.picture = Picture("Picture of the chosen record")
        self.picture_note = label("", "caption", "muted", wrap=True)
        self.busy = BusyLine(can_cancel=False)
        self._fields = QVBoxLayout()
        self._fields.setSpacing(SPACE_3)
        self._links = QVBoxLayout()
        self._links.setSpacing(0)

        head = QVBoxLayout()
        head.setSpacing(SPACE_1)
        line = row(self.icon, self.title, spacing=SPACE_2)
        line.setAlignment(self.icon, Qt.AlignmentFlag.AlignTop)
        line.setStretch(1, 1)
        head.addLayout(line)
        head.addWidget(self.rid)
        inside = QWidget()
        inside.setProperty("role", "page")
        body = QVBoxLayout(inside)
        body.setContentsMargins(SPACE_4, SPACE_3, SPACE_4, SPACE_4)
        body.setSpacing(SPACE_3)
        body.addLayout(head)
        body.addWidget(self.export)
        body.addWidget(self.clone)
        body.addWidget(self.mint)
        body.addWidget(self.busy)
        body.addWidget(self.picture)
        body.addWidget(self.picture_note)
        body.addWidget(Line())
        body.addLayout(self._fields)
        body.addLayout(self._links)
        body.addStretch(1)
        self.scroller = QScrollArea()
        self.scroller.setWidgetResizable(True)
        self.scroller.setFrameShape(QFrame.Shape.NoFrame)
        self.scroller.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroller.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.scroller.viewport().setAutoFillBackground(False)
        self.scroller.setWidget(inside)
        self.scroller.hide()
        self.setMinimumWidth(inside.minimumSizeHint().width() + 16)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.empty)
        whole.addWidget(self.scroller)

    def show_nothing(self) -> None:
        """No record is chosen."""
        self._stop()
        self._rid = ""
        self.scroller.hide()
        self.empty.show()

    def show_record(self, opened: Opened, table: Table, model: RowsModel, number: int) -> None:
        """Show a row of the model."""
        self._stop()
        found = model.row(number)
        if found is None:
            self.show_nothing()
            return
        self._opened = opened
        self._rid = found.rid
        self.icon.set_icon(KINDS[kind_of(table)][0], KINDS[kind_of(table)][1])
        self.title.setText(_breakable(table.display_name))
        self.rid.set_text(found.rid)
        self.rid.setVisible(bool(found.rid))
        self.export.setVisible(bool(found.rid))
        self.clone.setVisible(bool(found.rid))
        self.mint.setVisible(bool(found.rid) and str(table.name) == DATASETS)
        clear(self._fields)
        for column in model.columns:
            value = model.value(number, column.name)
            self._fields.addWidget(_Field(column.name, column.typename, _full(value)))
        self._show_links(opened, table, lambda column: model.value(number, column))
        self._show_picture(opened, table, lambda column: model.value(number, column))
        self.empty.hide()
        self.scroller.show()
        self.scroller.verticalScrollBar().setValue(0)

    def _show_links(self, opened: Opened, table: Table, value: Callable[[str], Any]) -> None:
        clear(self._links)
        out = [(key, _single(key, value)) for key in table.foreign_keys]
        known = [(key, told) for key, told in out if told is not None]
        if known:
            self._links.addWidget(_Caption("Refers to"))
        for key, told in known:
            target = opened.model.tables.get(key.referenced)
            name = target.display_name if target is not None else key.referenced.table
            made = button(f"{name}: {told}", link=True, icon="external", tip=str(key))
            made.clicked.connect(partial(self.link.emit, key.referenced, key.referenced_columns[0], str(told)))
            self._links.addWidget(made, 0, Qt.AlignmentFlag.AlignLeft)
        referring = [
            (key, back)
            for key in opened.model.referring.get(table.name, ())
            if (back := _single_back(key, value)) is not None and key.table in opened.model.tables
        ]
        if referring:
            self._links.addWidget(_Caption("Referred to by"))
        for key, back in referring:
            source_table = opened.model.tables[key.table]
            made = button(f"{source_table.display_name} ({key.columns[0]})", link=True, icon="external", tip=str(key))
            made.setEnabled(source_table.selectable)
            made.clicked.connect(partial(self.link.emit, key.table, key.columns[0], str(back)))
            self._links.addWidget(made, 0, Qt.AlignmentFlag.AlignLeft)

    # -- the picture ------------------------------------------------------------------------------------------------

    def _show_picture(self, opened: Opened, table: Table, value: Callable[[str], Any]) -> None:
        self.picture.show_image(None)
        self.picture_note.hide()
        if table.asset is None:
            return
        url = value(table.asset.url)
        if not url:
            self.picture_note.setText("The file of this record has not been uploaded.")
            self.picture_note.show()
            return
        name = str(value(table.asset.filename) or "") if table.asset.filename else ""
        length = value(table.asset.length) if table.asset.length else None
        size = words.size(length) if isinstance(length, int) else ""
        told = ", ".join(part for part in (name, size) if part)
        self.picture_note.setText(_breakable(told))
        self.picture_note.setVisible(bool(told))
        if not (name or str(url)).split(":")[0].lower().endswith(_PICTURES):
            return
        if isinstance(length, int) and length > source.LARGEST_PICTURE:
            self.picture_note.setText(f"{_breakable(told)}. Too large to be shown here.")
            return
        self.busy.wait_for("Reading the picture")
        self._loading = spawn(self._load(opened, str(url), told), "read a picture", self._picture_failed)

    async def _load(self, opened: Opened, url: str, told: str) -> None:
        import asyncio

        data = await self._bridge.call(source.picture, opened, url)
        shown = await asyncio.get_running_loop().run_in_executor(None, decode, data)
        self.busy.done()
        if shown is None:
            self.picture_note.setText(f"{_breakable(told)}. This is no picture that can be shown.")
            return
        image, size = shown
        self.picture.show_image(image, f"Picture, {size.width()} by {size.height()} pixels: {told}")
        self.picture_note.setText(f"{_breakable(told)}, {size.width()} × {size.height()}")

    def _picture_failed(self, fault: BaseException) -> None:
        self.busy.done()
        error = as_error(fault)
        self.picture_note.setText(f"{error.message} {error.hint}".strip())
        self.picture_note.show()

    def _stop(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
            self._loading = None
        self.busy.done()


class _Field(QWidget):
    """A column's name and its whole value."""

    def __init__(self, name: str, typename: str, value: str | None) -> None:
        super().__init__()
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(1)
        caption = label(name, "caption", "muted")
        caption.setToolTip(typename)
        inside.addWidget(caption)
        text: str = "null" if value is None else value or "(empty)"
        if len(text) > LONGEST:
            text = f"{text[:LONGEST]}\n… {len(text) - LONGEST:,} more characters are not shown here."
        shown: QLabel = label(_breakable(text), "body", "muted" if value in (None, "") else "", wrap=True)
        if value in (None, ""):
            font = shown.font()
            font.setItalic(True)
            shown.setFont(font)
        shown.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        shown.setAccessibleName(f"{name}: {text[:200]}")
        inside.addWidget(shown)


class _Caption(QWidget):
    def __init__(self, text: str) -> None:
        super().__init__()
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, SPACE_3, 0, SPACE_1)
        inside.setSpacing(SPACE_3)
        inside.addWidget(Line())
        inside.addWidget(label(text, "strong"))


def _full(value: Any) -> str | None:
    """A value in full, for people; None for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        import json

        return json.dumps(value, indent=2, ensure_ascii=False)
    return str(value)


def _breakable(text: str) -> str:
    """Let long words (addresses, checksums) be broken: a zero-width space after every 16 of their characters."""
    parts = text.split(" ")
    return " ".join("\u200b".join(p[i : i + 16] for i in range(0, len(p), 16)) if len(p) > 20 else p for p in parts)


def _single(key: ForeignKey, value: Callable[[str], Any]) -> str | None:
    """The referring value of a key, "a, b" for a composite one; None where it refers to nothing."""
    told = [value(column) for column in key.columns]
    return None if any(part is None for part in told) else ", ".join(str(part) for part in told)


def _single_back(key: ForeignKey, value: Callable[[str], Any]) -> str | None:
    """The value by which other rows refer to this one; None where they cannot."""
    told = value(key.referenced_columns[0])
    return None if told is None else str(told)
