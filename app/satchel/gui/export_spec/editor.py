"""The window of the editor: template, form, text, what is wrong, what it would bring, run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from satchel.core import words
from satchel.core.export.spec.editing import Editing
from satchel.core.export.spec.findings import Finding
from satchel.gui.export_spec import source
from satchel.gui.export_spec.form import SpecForm
from satchel.gui.export_spec.text import SpecText
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import clear, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.export.spec.counting import DryRun
    from satchel.gui.window import MainWindow

PAUSE = 250
"""Milliseconds after the last letter before the text is read."""
_PLACE = int(Qt.ItemDataRole.UserRole)


class SpecEditor(QDialog):
    """One spec. It is shown, never executed; closing asks nothing, for what was typed can be saved at any time."""

    def __init__(
        self, window: MainWindow, host: str, catalog: str, table: str = "", rid: str = "", text: str = ""
    ) -> None:
        super().__init__(window, Qt.WindowType.Window)
        self.setWindowTitle("Export spec")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(1180, 780)
        self._window, self._table, self._rid, self._given = window, table, rid, bool(text)
        self._file = ""
        self._saved = ""
        """The text that is in the file."""
        self._label = ""
        self._job: Spawned | None = None
        self._checking: Spawned | None = None
        self.findings: list[Finding] = []
        self.editing = Editing(text) if text else Editing()
        self.host = QLineEdit(host)
        self.catalog = QLineEdit(catalog)
        self.env = QLineEdit()
        self.out = QLineEdit(window.settings.export_folder or str(Path.home()))
        for field, name, hint in (
            (self.host, "Server", "www.example.org"),
            (self.catalog, "Catalog", "number"),
            (self.env, "Values for placeholders", "RID=1-ABCD, Name=..."),
            (self.out, "Folder", ""),
        ):
            field.setAccessibleName(name)
            field.setPlaceholderText(hint)
        self.catalog.setMaximumWidth(90)
        self.templates = QComboBox()
        self.templates.setAccessibleName("Template")
        self.templates.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.templates.setMinimumContentsLength(24)
        self.templates.setVisible(bool(table))
        self.open_button = button("&Open…", self._open, icon="folder")
        self.save_button = button("&Save…", self._save, icon="file")
        self.count_button = button("&Dry run", self.count, icon="search", tip="Count what every query would bring")
        self.run_button = button("&Export", self.run, icon="export", primary=True)
        self.materialize = QCheckBox("&Files inside")
        self.materialize.setToolTip("Put the files that the spec lists into the bag")
        self.form = SpecForm(self.editing)
        self.text = SpecText()
        self.text.setPlainText(self.editing.text)
        self.list = QListWidget()
        self.list.setAccessibleName("What was found")
        self.list.setMaximumHeight(120)
        self.list.itemActivated.connect(self._go)
        self.list.itemClicked.connect(self._go)
        self.said = label("", role="muted", wrap=True)
        self.busy = BusyLine()
        self.busy.cancelled.connect(self._stop)
        self._errors = QVBoxLayout()
        self._read = QTimer(self)
        self._read.setSingleShot(True)
        self._read.setInterval(PAUSE)
        self._read.timeout.connect(self._text_changed)

        split = QSplitter()
        left = QWidget()
        inside = QVBoxLayout(left)
        inside.setContentsMargins(0, 0, SPACE_2, 0)
        inside.addWidget(self.form)
        split.addWidget(left)
        split.addWidget(self.text)
        split.setStretchFactor(0, 2)
        split.setStretchFactor(1, 3)
        head = row(label("Server"), self.host, label("Catalog"), self.catalog, self.templates, None)
        head.addWidget(self.open_button)
        head.addWidget(self.save_button)
        values = row(label("Values"), self.env, label("Folder"), self.out)
        for widget in (self.materialize, self.count_button, self.run_button):
            values.addWidget(widget)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        whole.setSpacing(SPACE_3)
        whole.addLayout(head)
        whole.addWidget(split, 1)
        whole.addWidget(self.list)
        whole.addWidget(self.said)
        whole.addWidget(self.busy)
        whole.addLayout(self._errors)
        whole.addLayout(values)
        self.text.textChanged.connect(self._read.start)
        self.text.pointed.connect(self._pointed)
        self.form.changed.connect(self._form_changed)
        self.env.textEdited.connect(self._read.start)
        self.host.editingFinished.connect(self._ask_names)
        self.catalog.editingFinished.connect(self._ask_names)
        self.templates.activated.connect(self._take_template)

    def begin(self) -> None:
        """Ask the server for what is to be known, and look at the text."""
        self.form.show_document()
        self.check()
        if self._table:
            self._job = spawn(self._ask_templates(), "ask for templates", self._failed)
        self._ask_names()

    def values(self) -> dict[str, str]:
        """Values for placeholders."""
        pairs = (part.partition("=") for part in self.env.text().split(","))
        return {name.strip(): value.strip() for name, equals, value in pairs if equals and name.strip()}

    # -- each changes the other ------------------------------------------------------------------------------------

    def _text_changed(self) -> None:
        if self.editing.set_text(self.text.toPlainText()):
            self.form.show_document()
        self.check()

    def _form_changed(self) -> None:
        self.text.replace(self.editing.text)
        self._read.stop()
        self.check()

    def _pointed(self, offset: int) -> None:
        if self.text.hasFocus() and self.text.toPlainText() == self.editing.text:
            pointer = self.editing.pointer_at(offset)
            if "/query_processors/" in pointer or "_processors/" in pointer:
                self.form.choose(pointer)

    def set_text(self, text: str) -> None:
        """Edit another text."""
        self.text.replace(text)
        self._text_changed()

    # -- what is wrong -----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Find what is wrong with the text as it is now."""
        if self._checking is not None:
            self._checking.cancel()
        self._checking = spawn(self._check(), "check a spec", self._failed)

    async def _check(self) -> None:
        text = self.text.toPlainText()
        found = await self._window.bridge.call(
            source.check, text, self.values(), self.host.text().strip(), self.catalog.text().strip()
        )
        if text == self.text.toPlainText():
            self.show_findings(found)

    def show_findings(self, found: Sequence[Finding]) -> None:
        """Mark and list what was found."""
        self.findings = list(found)
        self.text.mark(found)
        self.list.clear()
        for fault in found:
            item = QListWidgetItem(f"Line {fault.line}: {fault.message} {fault.hint}".strip())
            item.setData(_PLACE, (fault.line, fault.column))
            item.setForeground(self.text.palette().text())
            self.list.addItem(item)
        errors = sum(1 for fault in found if fault.severity == "error")
        rest = len(found) - errors
        self.said.setText(f"{errors} errors, {rest} warnings." if found else "No fault was found.")
        self.run_button.setEnabled(self.editing.broken is None)
        self.count_button.setEnabled(self.editing.broken is None)

    def _go(self, item: QListWidgetItem) -> None:
        line, column = item.data(_PLACE)
        self.text.go_to(line, column)

    # -- the server ---------------------------------------------------------------------------------------------------

    def _ask_names(self) -> None:
        if self.host.text().strip() and self.catalog.text().strip():
            spawn(self._take_names(), "ask for tables and columns", self._failed)

    async def _take_names(self) -> None:
        host, catalog = self.host.text().strip(), self.catalog.text().strip()
        found = await self._window.bridge.call(source.names, host, catalog, self._window.access(host))
        self.text.names.setStringList(found)
        self.form.set_names(found)
        self.check()

    async def _ask_templates(self) -> None:
        host, catalog = self.host.text().strip(), self.catalog.text().strip()
        self.busy.wait_for(f"Asking for the templates of {self._table}")
        found, remarks = await self._window.bridge.call(
            source.templates, host, catalog, self._table, self._rid, self._window.access(host)
        )
        self.busy.done()
        self.templates.clear()
        for name, text in found:
            self.templates.addItem(name, text)
        self.templates.setVisible(bool(found))
        if remarks:
            self.said.setText(" ".join(remarks))
        if found and not self._given:
            self._take_template()

    def _take_template(self) -> None:
        self._label = self.templates.currentText()
        self.set_text(str(self.templates.currentData() or self.text.toPlainText()))

    def count(self) -> None:
        """Count what every query would bring."""
        self._begin(self._count(), "Counting")

    async def _count(self) -> None:
        host, catalog = self.host.text().strip(), self.catalog.text().strip()
        found = await self._window.bridge.call(
            source.count, self.editing.document, self.values(), host, catalog, self._window.access(host)
        )
        self.busy.done()
        self.show_counts(found)

    def show_counts(self, found: DryRun) -> None:
        """List what was counted, each at its step."""
        self.list.clear()
        lines = [str(n.line) for n in self.findings]
        for one in found.counts:
            rows = "?" if one.rows is None else f"{'' if one.exact else 'at most '}{words.count(one.rows, 'rows')}"
            size = f", {words.size(one.bytes)}" if one.bytes is not None and one.files else ""
            item = QListWidgetItem(f"{one.output or one.kind}: {one.problem or rows + size}")
            node = self._line_of(one.where)
            item.setData(_PLACE, (node, 1))
            self.list.addItem(item)
        total = f"{words.count(found.rows, 'rows')}, {words.count(found.files, 'files')} ({words.size(found.bytes)})"
        faults = f" {len(lines)} faults were found before." if lines else ""
        self.said.setText(f"In all {total}. {found.slow}{faults}".strip())
        announce(self, f"In all {total}")

    def _line_of(self, pointer: str) -> int:
        from satchel.core.export.spec.document import parse

        return parse(self.editing.text).nearest(pointer).line

    def run(self) -> None:
        """Put the export into the queue."""
        self._begin(self._run(), "Starting the export")

    async def _run(self) -> None:
        from satchel.core.export.spec.request import SpecRequest

        host = self.host.text().strip()
        # Whoever runs the command of this job again shall get the same: only what was not changed has a name.
        text = self.text.toPlainText()
        plain = bool(self._label) and text == str(self.templates.currentData() or "")
        saved = bool(self._file) and text == self._saved
        request = SpecRequest(
            host=host,
            catalog=self.catalog.text().strip(),
            spec=self.editing.document,
            env=self.values(),
            out=self.out.text().strip(),
            label=self._label or Path(self._file).name,
            file=self._file if saved and not plain else "",
            table=self._table or None if plain else None,
            rid=self._rid or None,
            materialize=self.materialize.isChecked(),
            info=await self._window.bridge.call(source.info),
            access=self._window.access(host),
        )
        job = await self._window.bridge.submit(request)
        self.busy.done()
        self._window.show_activity(job)
        self.close()

    def _begin(self, work: object, text: str) -> None:
        clear(self._errors)
        self.busy.wait_for(text)
        self._job = spawn(work, text.lower(), self._failed)  # type: ignore[arg-type]

    def _failed(self, fault: BaseException) -> None:
        self.busy.done()
        clear(self._errors)
        self._errors.addWidget(ErrorCard(as_error(fault)))

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self.busy.done()

    # -- files ---------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        dialog = QFileDialog(self, "Open a spec")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(["Specs (*.json)", "All files (*)"])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.open_file)
        dialog.open()

    def open_file(self, file: str) -> None:
        """Edit what is in a file."""
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self._failed(error)
            return
        self._file, self._label, self._saved = file, "", text
        self.setWindowTitle(f"Export spec: {Path(file).name}")
        self.set_text(text)

    def _save(self) -> None:
        dialog = QFileDialog(self, "Save the spec")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        dialog.setNameFilters(["Specs (*.json)"])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.save_file)
        dialog.open()

    def save_file(self, file: str) -> None:
        """Write the text into a file, whole or not at all."""
        part = Path(file).with_name(f".{Path(file).name}.part")
        try:
            part.write_text(self.text.toPlainText(), encoding="utf-8")
            part.replace(file)
        except OSError as error:
            self._failed(error)
            return
        self._file, self._saved = file, self.text.toPlainText()
        self.setWindowTitle(f"Export spec: {Path(file).name}")
