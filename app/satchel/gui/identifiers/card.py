"""One identifier: large, to be copied, opened, cited, photographed and sent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QComboBox, QFileDialog, QPlainTextEdit

from satchel.core import words
from satchel.gui.identifiers import source
from satchel.gui.identifiers.qr_code import QrCode
from satchel.gui.tasks import spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_4, mono
from satchel.gui.widgets.boxes import Card, Line, Section, clear, column, row
from satchel.gui.widgets.buttons import button, icon_button
from satchel.gui.widgets.text import CopyLabel, label, selectable

if TYPE_CHECKING:
    from satchel.core.identifiers.record import Record
    from satchel.gui.window import MainWindow

TITLES = (
    ("plain", "Plain text", ".txt"),
    ("bibtex", "BibTeX", ".bib"),
    ("ris", "RIS", ".ris"),
    ("csl-json", "CSL-JSON", ".json"),
    ("datacite", "DataCite XML", ".xml"),
)
"""Formats of citations; a test holds them equal to the core's."""


class IdentifierCard(Card):
    """Shows a record."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(spacing=SPACE_2)
        self._window = window
        self.record: Record | None = None
        self.compact = selectable(label("", "display"))
        self.title = selectable(label("", "strong", wrap=True))
        self.page = CopyLabel("", "Landing page")
        self.copy_id = button("&Copy", self._copy, icon="copy", tip="Copy the identifier")
        self.open = button("&Open page", self._open, icon="external", tip="Open the landing page in a browser")
        self.mail = button("Send by &e-mail", self._mail, icon="export")
        self.save_code = button("Save &QR code…", self._save_code, icon="file")
        self.code = QrCode()
        self._facts = column(spacing=SPACE_1)
        names = column(spacing=SPACE_1)
        names.addWidget(self.compact)
        names.addWidget(self.title)
        names.addWidget(self.page)
        names.addLayout(row(self.copy_id, self.open, self.mail, self.save_code, None))
        names.addLayout(self._facts)
        names.addStretch(1)
        head = row(names, self.code, spacing=SPACE_4)
        head.setStretch(0, 1)
        self.body.addLayout(head)
        self.form = QComboBox()
        self.form.setAccessibleName("Format of the citation")
        self.form.view().setAccessibleName("Formats of citations")
        for name, title, _ in TITLES:
            self.form.addItem(title, name)
        self.form.currentIndexChanged.connect(self._cite)
        self.citation = QPlainTextEdit()
        self.citation.setReadOnly(True)
        self.citation.setFont(mono())
        self.citation.setMaximumHeight(132)
        self.citation.setTabChangesFocus(True)
        self.citation.setAccessibleName("Citation")
        copy = icon_button("Copy the citation", "copy", self._copy_citation)
        save = icon_button("Save the citation…", "file", self._save_citation)
        self.body.addWidget(Line())
        self.body.addWidget(Section("How to cite it", "", self.form, copy, save))
        self.body.addWidget(self.citation)

    def show_record(self, record: Record, note: str = "") -> None:
        """Show another identifier."""
        self.record = record
        self.compact.setText(record.compact)
        self.title.setText(record.title)
        self.page.set_text(record.landing_page)
        clear(self._facts)
        facts = [note] if note else []
        if record.length is not None:
            facts.append(f"{words.size(record.length)} ({record.length:,} bytes)")
        facts += [f"At {location}" for location in record.locations]
        facts += [f"{c.function}: {c.value}" for c in record.checksums]
        if record.replaced_by:
            facts.append(f"Replaced by {record.replaced_by}")
        if not record.active:
            facts.append("Not active any more")
        for fact in facts:
            self._facts.addWidget(selectable(label(fact, role="muted", wrap=True)))
        self.code.show_code((), "")
        spawn(self._draw(record), "draw a QR code")
        self._cite()

    async def _draw(self, record: Record) -> None:
        rows = await self._window.bridge.call(source.code, record.landing_page)
        if self.record is record:
            self.code.show_code(rows, record.landing_page)

    def _cite(self) -> None:
        if self.record is not None:
            spawn(self._write_citation(self.record, self.form.currentData()), "write a citation")

    async def _write_citation(self, record: Record, form: str) -> None:
        text = await self._window.bridge.call(source.citation, record, form)
        if self.record is record and self.form.currentData() == form:
            self.citation.setPlainText(text)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.compact.text())

    def _copy_citation(self) -> None:
        QGuiApplication.clipboard().setText(self.citation.toPlainText())

    def _open(self) -> None:
        if self.record is not None:
            QDesktopServices.openUrl(QUrl(self.record.landing_page))

    def mail_address(self) -> str:
        """The address that opens a letter about it in the mail program."""
        record = self.record
        if record is None:
            return ""
        text = f"{record.title}\n\n{record.compact}\n{record.landing_page}\n"
        return f"mailto:?subject={quote(record.title or record.compact)}&body={quote(text)}"

    def _mail(self) -> None:
        QDesktopServices.openUrl(QUrl(self.mail_address(), QUrl.ParsingMode.StrictMode))

    def _save_citation(self) -> None:
        name = self.form.currentData()
        ending = next(ending for form, _, ending in TITLES if form == name)
        text = self.citation.toPlainText()
        if name == "ris":  # its lines end as on Windows
            text = text.replace("\n", "\r\n")
        self._choose("Save the citation", f"citation{ending}", lambda path: source.save(path, text.encode()))

    def _save_code(self) -> None:
        if self.record is not None:
            page = self.record.landing_page
            self._choose("Save the QR code", "identifier.svg", lambda path: source.save_code(path, page))

    def _choose(self, title: str, name: str, write: object) -> None:
        from PySide6.QtCore import Qt

        dialog = QFileDialog(self.window(), title, self._window.settings.export_folder)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(partial(self._save, write))
        dialog.open()

    def _save(self, write: object, path: str) -> None:
        spawn(self._window.bridge.call(write, path), "save a file")  # type: ignore[arg-type]
