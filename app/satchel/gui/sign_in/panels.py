"""The parts of the sign-in dialog: fields, the page in the browser, where sign-ins are kept."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QGridLayout, QLineEdit, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.text import CopyLabel, label


def form(*fields: tuple[str, QWidget], hint: str = "") -> QWidget:
    """Labelled fields in a column, with a line below."""
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(SPACE_3)
    grid.setVerticalSpacing(SPACE_1 * 2)
    grid.setColumnStretch(1, 1)
    for place, (text, edit) in enumerate(fields):
        said = label(text)
        said.setBuddy(edit)
        grid.addWidget(said, place, 0)
        grid.addWidget(edit, place, 1)
    if hint:
        grid.addWidget(label(hint, "caption", "muted", wrap=True), len(fields), 1)
    grid.setRowStretch(len(fields) + 1, 1)
    return made


class PagePanel(QWidget):
    """Signing in by a page that opens in the browser: the code, the address, and how long it is still waited for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._ends = 0.0
        self._page = ""
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_3)
        inside.addWidget(label(text, wrap=True))
        self.code = CopyLabel("", "Code", "title")
        self.address = CopyLabel("", "Address of the page", "caption", "muted")
        self.open_button = button("&Open the page again", self.open_page, icon="external")
        self.left = label("", role="muted")
        self.waiting = QWidget()
        told = QVBoxLayout(self.waiting)
        told.setContentsMargins(0, SPACE_2, 0, 0)
        told.setSpacing(SPACE_2)
        self._code_line = QWidget()
        code = row(label("The page shows or asks for"), self.code, None, spacing=SPACE_4)
        code.setContentsMargins(0, 0, 0, 0)
        self._code_line.setLayout(code)
        told.addWidget(self._code_line)
        told.addWidget(self.address)
        told.addLayout(row(self.open_button, self.left, None, spacing=SPACE_3))
        inside.addWidget(self.waiting)
        inside.addStretch(1)
        self.waiting.hide()
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._tick)

    def wait_for(self, page: str, code: str, ends: float) -> None:
        """Show what is waited for, and open the page."""
        self._page, self._ends = page, ends
        self.code.set_text(code)
        self._code_line.setVisible(bool(code))
        self.address.set_text(page)
        self.waiting.show()
        self._tick()
        self._timer.start()
        self.open_page()

    def stop(self) -> None:
        """Nothing is waited for any more."""
        self._timer.stop()
        self.waiting.hide()

    def open_page(self) -> None:
        """Open the page in the system's browser. The core has made sure that it is an https address."""
        QDesktopServices.openUrl(QUrl(self._page, QUrl.ParsingMode.StrictMode))

    def _tick(self) -> None:
        left = max(0.0, self._ends - time.time())
        self.left.setText(f"Waits for you another {words.duration(left)}")


class KeepPanel(Notice):
    """There is no keyring: for this session only, or in an encrypted file."""

    chosen = Signal(str, str)
    """Kind and passphrase."""

    def __init__(self, text: str, hint: str) -> None:
        self._memory = button("For this session only", self._in_memory)
        super().__init__(text, "warning", hint, dismissable=False)
        self.passphrase = QLineEdit()
        self.passphrase.setEchoMode(QLineEdit.EchoMode.Password)
        self.passphrase.setPlaceholderText("Passphrase")
        self.passphrase.setAccessibleName("Passphrase of the encrypted file")
        self.passphrase.returnPressed.connect(self._in_file)
        self._file = button("In an encrypted file", self._in_file)
        line = row(self.passphrase, self._file, self._memory, spacing=SPACE_2)
        line.setStretch(0, 1)
        words_column = self.layout().itemAt(1).layout()  # type: ignore[union-attr]
        assert isinstance(words_column, QVBoxLayout)  # noqa: S101 - as Notice makes it
        words_column.addLayout(line)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def _in_memory(self) -> None:
        self.chosen.emit("memory", "")

    def _in_file(self) -> None:
        if not self.passphrase.text():
            self.passphrase.setFocus()
            return
        self.chosen.emit("file", self.passphrase.text())
