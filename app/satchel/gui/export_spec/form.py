"""The form: steps of a spec as a list, and the fields of the one that is chosen."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from satchel.core.export.spec.editing import KINDS, Editing
from satchel.core.export.spec.model import ALGORITHMS, ARCHIVERS
from satchel.gui.export_spec.text import Completing
from satchel.gui.theme import SPACE_2, SPACE_3
from satchel.gui.widgets.boxes import Section, column, row
from satchel.gui.widgets.buttons import button, icon_button

TITLES = {"query": "Query", "transform": "Transform", "post": "Afterwards"}
PAUSE = 300
_POINTER = int(Qt.ItemDataRole.UserRole)
_LISTS = ("input_paths", "query_keys", "paged_query_sort_columns")


class SpecForm(QWidget):
    """Says `changed` when the person has changed the spec by it."""

    changed = Signal()
    chosen = Signal(str)
    """The step that is shown, by its pointer."""

    def __init__(self, editing: Editing) -> None:
        super().__init__()
        self._editing = editing
        self._showing = False
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the bag")
        self.archiver = QComboBox()
        self.archiver.setAccessibleName("Archive")
        self.archiver.addItems(["folder", *ARCHIVERS])
        self.algorithms = {name: QCheckBox(name) for name in ALGORITHMS}
        self.steps = QListWidget()
        self.steps.setAccessibleName("Steps")
        self.steps.currentItemChanged.connect(self._show_step)
        self.add_button = button("Add ste&p", icon="plus")
        self.add_button.setAccessibleName("Add a step")
        self.menu = QMenu(self.add_button)
        for what, kinds in KINDS.items():
            part = self.menu.addMenu(TITLES[what])
            for kind in kinds:
                part.addAction(kind).triggered.connect(partial(self._add, what, kind))
        self.add_button.setMenu(self.menu)
        self.remove_button = icon_button("Remove the step", "trash", self._remove)
        self.up_button = button("Up", partial(self._move, -1))
        self.down_button = button("Down", partial(self._move, 1))
        self.fields: dict[str, QWidget] = {}
        self._form = QFormLayout()
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        self._form.setSpacing(SPACE_2)
        self._names: list[str] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._take_fields)

        bag = QFormLayout()
        bag.addRow("&Name of the bag", self.name)
        bag.addRow("&Archive", self.archiver)
        bag.addRow("Checksums", row(*self.algorithms.values(), None))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE_3)
        whole.addLayout(bag)
        whole.addWidget(Section("Steps"))
        whole.addWidget(self.steps, 2)
        whole.addLayout(row(self.add_button, self.up_button, self.down_button, None, self.remove_button))
        inside = column()
        inside.addLayout(self._form)
        inside.addStretch(1)
        whole.addLayout(inside, 3)
        self.name.textEdited.connect(self._timer.start)
        self.archiver.activated.connect(self._take_fields)
        for box in self.algorithms.values():
            box.clicked.connect(self._take_fields)

    def set_names(self, names: list[str]) -> None:
        """Tables and columns to complete."""
        self._names = names
        for field in self.fields.values():
            if isinstance(field, Completing):
                field.names.setStringList(names)

    # -- from the text ---------------------------------------------------------------------------------------------

    def show_document(self) -> None:
        """Show the values as the text has them; a field that is being typed into keeps the cursor."""
        self._showing = True
        try:
            bag = self._editing.get("/bag") or {}
            _put(self.name, str(bag.get("bag_name") or ""))
            self.archiver.setCurrentText(str(bag.get("bag_archiver") or "folder"))
            used = bag.get("bag_algorithms") or ["sha256"]
            for name, box in self.algorithms.items():
                box.setChecked(name in used)
            pointer = self.pointer()
            self.steps.clear()
            for what in KINDS:
                for number, step in enumerate(self._editing.steps(what)):
                    params = step.get("processor_params")
                    params = params if isinstance(params, dict) else {}
                    where = params.get("output_path") or params.get("query_path") or ""
                    item = QListWidgetItem(f"{TITLES[what]} {number + 1}: {step.get('processor', '?')}  {where}"[:120])
                    item.setData(_POINTER, f"{_list_of(what)}/{number}")
                    self.steps.addItem(item)
        finally:
            self._showing = False
        self.choose(pointer)

    def pointer(self) -> str:
        """The chosen step's pointer; empty: none."""
        item = self.steps.currentItem()
        return str(item.data(_POINTER)) if item is not None else ""

    def choose(self, pointer: str) -> None:
        """Show a step, or the one that holds the value of a pointer; the first where there is none such."""
        items = [self.steps.item(n) for n in range(self.steps.count())]
        found = next((i for i in items if i and f"{pointer}/".startswith(f"{i.data(_POINTER)}/")), None)
        wanted = found or (items[0] if items and not pointer else None)
        if wanted is not None and wanted is not self.steps.currentItem():
            self.steps.setCurrentItem(wanted)
        else:
            self._show_step()

    def _show_step(self) -> None:
        if self._showing:
            return
        pointer = self.pointer()
        params = self._editing.get(f"{pointer}/processor_params") if pointer else None
        wanted = self._wanted(pointer, params if isinstance(params, dict) else {})
        if [*self.fields] != wanted or self._form.property("of") != pointer:
            self._make_fields(pointer, wanted)
        for name, field in self.fields.items():
            value = (params or {}).get(name) if isinstance(params, dict) else None
            _put(field, _text(value))
        if pointer:
            self.chosen.emit(pointer)

    def _wanted(self, pointer: str, params: dict[str, Any]) -> list[str]:
        if not pointer:
            return []
        plain = [n for n, v in params.items() if not isinstance(v, (dict, bool)) and not _objects(v)]
        if pointer.startswith("/catalog/"):
            first = ["query_path", "output_path"]
        elif pointer.startswith("/transform"):
            first = ["input_paths", "output_path"]
        else:
            first = []
        return list(dict.fromkeys([*first, *plain]))

    def _make_fields(self, pointer: str, wanted: list[str]) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        self.fields = {}
        self._form.setProperty("of", pointer)
        for name in wanted:
            field: QWidget
            if name in ("query_path", "template"):
                area = Completing(name)
                area.setLineWrapMode(Completing.LineWrapMode.WidgetWidth)
                area.setMaximumHeight(96)
                area.names.setStringList(self._names)
                area.textChanged.connect(self._typed)
                area.setTabChangesFocus(True)
                field = area
            else:
                line = QLineEdit()
                line.setAccessibleName(name)
                line.textEdited.connect(self._typed)
                field = line
            self._form.addRow(name.replace("_", " ").capitalize(), field)
            self.fields[name] = field

    # -- to the text -----------------------------------------------------------------------------------------------

    def _typed(self) -> None:
        if not self._showing:
            self._timer.start()

    def _take_fields(self) -> None:
        """Write what the fields say into the spec, where it is something else."""
        self._timer.stop()
        editing = self._editing
        if self._showing or editing.broken is not None:
            return
        before = editing.text
        self._take("/bag/bag_name", self.name.text() or None)
        archiver = self.archiver.currentText()
        self._take("/bag/bag_archiver", None if archiver == "folder" else archiver)
        used = [name for name, box in self.algorithms.items() if box.isChecked()]
        if used != (editing.get("/bag/bag_algorithms") or ["sha256"]) and used:
            editing.set("/bag/bag_algorithms", used)
        pointer = self.pointer()
        for name, field in self.fields.items():
            where = f"{pointer}/processor_params/{name}"
            self._take(where, _value(name, _said(field), editing.get(where)))
        if editing.text != before:
            self.changed.emit()

    def _take(self, pointer: str, value: Any) -> None:
        if self._editing.get(pointer) != value and not (value is None and self._editing.get(pointer) in ("", [])):
            self._editing.set(pointer, value)

    def _add(self, what: str, kind: str) -> None:
        if self._editing.broken is None:
            pointer = self._editing.add(what, kind)
            self.changed.emit()
            self.show_document()
            self.choose(pointer)

    def _remove(self) -> None:
        if self.pointer() and self._editing.broken is None:
            self._editing.remove(self.pointer())
            self.changed.emit()
            self.show_document()

    def _move(self, by: int) -> None:
        if self.pointer() and self._editing.broken is None:
            pointer = self._editing.move(self.pointer(), by)
            self.changed.emit()
            self.show_document()
            self.choose(pointer)


def _list_of(what: str) -> str:
    from satchel.core.export.spec.editing import LISTS

    return LISTS[what]


def _objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _value(name: str, text: str, before: Any) -> Any:
    """What a field's text stands for."""
    if name in _LISTS or isinstance(before, list):
        return [part.strip() for part in text.split(",") if part.strip()] or None
    if isinstance(before, int) and not isinstance(before, bool) and text.isdigit():
        return int(text)
    return text or (before if before == "" else None)


def _said(field: QWidget) -> str:
    if isinstance(field, QLineEdit):
        return field.text()
    return field.toPlainText() if isinstance(field, Completing) else ""


def _put(field: QWidget, text: str) -> None:
    """Show a text without saying that somebody typed it."""
    if _said(field) == text:
        return
    blocked = field.blockSignals(True)
    if isinstance(field, QLineEdit):
        place = field.cursorPosition()
        field.setText(text)
        field.setCursorPosition(min(place, len(text)))
    elif isinstance(field, Completing):
        field.setPlainText(text)
    field.blockSignals(blocked)
