"""Receiving: paste or drop an identifier or a QR code's picture, see what it is, download and check it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLineEdit, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.access import remedies
from satchel.gui.identifiers import source
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_2, SPACE_3
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, Section, clear, column, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label, selectable

if TYPE_CHECKING:
    from satchel.core.identifiers.record import Record
    from satchel.gui.window import MainWindow

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")


def are_pictures(paths: list[Path]) -> bool:
    """Whether files that were dropped are pictures, in which a QR code may be."""
    return bool(paths) and all(path.suffix.lower() in PICTURES for path in paths)


class ReceiveBox(Card):
    """The field and what comes of it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(spacing=SPACE_2)
        self._window = window
        self._looking: Spawned | None = None
        self.record: Record | None = None
        self._waiting: set[str] = set()
        self.field = QLineEdit()
        self.field.setAccessibleName("Identifier to receive")
        self.field.setPlaceholderText("minid:…, ark:/…, hdl:…, or the address of its page")
        self.field.setClearButtonEnabled(True)
        self.field.returnPressed.connect(self.look_up)
        self.go = button("&Look up", self.look_up, icon="search", primary=True)
        self.picture = button("QR &picture…", self._choose_picture, icon="file", tip="Read a QR code from a picture")
        line = row(self.field, self.go, self.picture)
        line.setStretch(0, 1)
        self.busy = BusyLine()
        self.busy.cancelled.connect(self._stop)
        self.name = selectable(label("", "strong", wrap=True))
        self.facts = selectable(label("", role="muted", wrap=True))
        self.download = button("&Download and check…", self._choose_folder, icon="check-bag", primary=True)
        self.found = QWidget()
        texts = column(spacing=SPACE_2)
        texts.addWidget(self.name)
        texts.addWidget(self.facts)
        inside = row(texts, self.download, spacing=SPACE_3)
        inside.setStretch(0, 1)
        self.found.setLayout(inside)
        self.found.hide()
        self._errors = QVBoxLayout()
        self.body.addWidget(Section("Receive", "No account is needed where the data are for everybody."))
        self.body.addLayout(line)
        self.body.addWidget(self.busy)
        self.body.addWidget(self.found)
        self.body.addLayout(self._errors)
        window.bridge.ended.connect(self._ended)

    def receive(self, text: str) -> None:
        """Look an identifier up that was pasted or dropped somewhere."""
        self.field.setText(" ".join(text.split())[:2000])
        self.look_up()

    def receive_picture(self, path: Path) -> None:
        """Read the QR code of a picture, and look up what it says."""
        self._begin(f"Reading {path.name}")
        self._looking = spawn(self._read(str(path)), "read a QR code", self._failed)

    async def _read(self, path: str) -> None:
        self.receive(await self._window.bridge.call(source.of_picture, path))

    def look_up(self) -> None:
        """Ask what the identifier in the field is."""
        text = self.field.text().strip()
        if not text:
            self.field.setFocus()
            return
        self._begin("Asking what it is")
        self._looking = spawn(self._ask(text), "look up an identifier", self._failed)

    def _begin(self, what: str) -> None:
        self._stop()
        clear(self._errors)
        self.found.hide()
        self.record = None
        self.busy.wait_for(what)

    async def _ask(self, text: str) -> None:
        window = self._window
        record: Record = await window.bridge.call(source.look_up, text, source.access_to(window))
        self.busy.done()
        self.record = record
        self.name.setText(f"{record.compact}  {record.title}")
        facts = [words.size(record.length)] if record.length is not None else []
        facts += [f"at {urlsplit(location).netloc}" for location in record.locations]
        facts += [f"by {record.created_by}"] if record.created_by else []
        facts += ["no checksum is registered, so it cannot be checked"] if record.checksum is None else []
        if not record.active:
            facts.append("not active any more")
        if record.replaced_by:
            facts.append(f"replaced by {record.replaced_by}")
        self.facts.setText(", ".join(facts))
        self.download.setEnabled(bool(record.locations) and record.checksum is not None)
        self.found.show()
        self.download.setFocus()
        announce(self, f"Found: {record.title or record.compact}")

    def _failed(self, fault: BaseException) -> None:
        self.busy.done()
        clear(self._errors)
        error = as_error(fault)
        host = urlsplit(self.field.text().strip()).netloc
        actions = (
            remedies(self._window, self, host, error, self.look_up) if host else [button("Try again", self.look_up)]
        )
        self._errors.addWidget(ErrorCard(error, *actions))

    def _stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self.busy.done()

    # -- downloading ------------------------------------------------------------------------------------------------

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self.window(), "Where to put it", self._window.settings.export_folder)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.fetch_into)
        dialog.open()

    def fetch_into(self, folder: str) -> None:
        """Download into a folder; the bag is then checked on the bags page."""
        if self.record is not None:
            spawn(self._fetch(self.record, folder), "download an identifier", self._failed)

    async def _fetch(self, record: Record, folder: str) -> None:
        window = self._window
        access = source.access_to(window, record.service)
        request = await window.bridge.call(source.receive_request, record, folder, access)
        job = await window.bridge.submit(request)
        self._waiting.add(job)
        window.show_activity(job)

    def _ended(self, view: object) -> None:
        job, state, result = (getattr(view, name, None) for name in ("id", "state", "result"))
        if job not in self._waiting:
            return
        if state == "done":
            self._waiting.discard(str(job))
            archive = getattr(result, "archive", None)
            if archive:
                self._window.check_bag(Path(archive))

    def _choose_picture(self) -> None:
        dialog = QFileDialog(self.window(), "Choose a picture of a QR code", self._window.settings.export_folder)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([f"Pictures ({' '.join('*' + ending for ending in PICTURES)})", "All files (*)"])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._picture_chosen)
        dialog.open()

    def _picture_chosen(self, path: str) -> None:
        self.receive_picture(Path(path))
