"""A bucket's keys, typed once and put into the keyring. Nothing else sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from satchel.gui.tasks import spawn
from satchel.gui.theme import SPACE_3, SPACE_4
from satchel.gui.widgets.boxes import clear
from satchel.gui.widgets.states import ErrorCard, as_error
from satchel.gui.widgets.text import label
from satchel.gui.wizards.mint import source

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


class KeysDialog(QDialog):
    """Access key, secret key, session token."""

    def __init__(
        self, parent: QWidget, window: MainWindow, bucket: str, endpoint: str, done: Callable[[], object]
    ) -> None:
        super().__init__(parent)
        self._window, self._done = window, done
        self.setWindowTitle("Keys to the bucket")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(520)
        self.fields: dict[str, QLineEdit] = {}
        form = QFormLayout()
        form.setHorizontalSpacing(SPACE_3)
        given = {"bucket": bucket, "endpoint": endpoint}
        for name, title in (
            ("bucket", "&Bucket"),
            ("endpoint", "S3 &store"),
            ("access", "&Access key"),
            ("secret", "Se&cret key"),
            ("token", "Session &token"),
        ):
            edit = QLineEdit(given.get(name, ""))
            edit.setAccessibleName(title.replace("&", ""))
            if name not in given:
                edit.setEchoMode(QLineEdit.EchoMode.Password)
            form.addRow(title, edit)
            self.fields[name] = edit
        self.fields["token"].setPlaceholderText("mostly none")
        self._errors = QVBoxLayout()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.save)
        buttons.rejected.connect(self.reject)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        inside.setSpacing(SPACE_3)
        text = "They are kept in this computer's keyring, for this bucket alone, and shown nowhere."
        inside.addWidget(label(text, role="muted", wrap=True))
        inside.addLayout(form)
        inside.addLayout(self._errors)
        inside.addWidget(buttons)

    def save(self) -> None:
        """Put them into the keyring."""
        clear(self._errors)
        spawn(self._save(), "keep keys", self._failed)

    async def _save(self) -> None:
        names = ("bucket", "endpoint", "access", "secret", "token")
        await self._window.bridge.call(source.store_keys, *(self.fields[name].text() for name in names))
        self.accept()
        self._done()

    def _failed(self, fault: BaseException) -> None:
        self._errors.addWidget(ErrorCard(as_error(fault)))


def ask_keys(parent: QWidget, window: MainWindow, bucket: str, endpoint: str, done: Callable[[], object]) -> KeysDialog:
    """Ask for the keys to a bucket; `done` is called when they are kept."""
    dialog = KeysDialog(parent, window, bucket, endpoint, done)
    dialog.open()
    return dialog
