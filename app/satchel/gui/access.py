"""Remedies for a server that does not let one in: offered as buttons where the refusal is shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton, QWidget

from satchel.core.errors import Kind, SatchelError
from satchel.gui.widgets.buttons import button

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


def remedies(
    window: MainWindow, parent: QWidget, host: str, error: SatchelError, again: Callable[[], object]
) -> list[QPushButton]:
    """Buttons for an error card: sign in, choose a credential file, trust an authority, try again.

    Args:
        window: keeps what was chosen.
        parent: of the file dialog.
        host: that refused.
        error: how.
        again: tries once more, after a choice too.
    """
    made = []
    choose = partial(_choose, window, parent, host, again)
    if error.kind in (Kind.NOT_SIGNED_IN, Kind.NOT_ALLOWED):
        from satchel.gui.sign_in import open_sign_in

        made.append(button("Sign in…", partial(open_sign_in, parent, window, host, again), icon="key", primary=True))
        made.append(button("Use a credential file…", partial(choose, "credential"), icon="file"))
    if error.kind is Kind.UNTRUSTED:
        made.append(button("Trust an authority…", partial(choose, "ca"), icon="lock"))
    made.append(button("Try again", again))
    return made


def _choose(window: MainWindow, parent: QWidget, host: str, again: Callable[[], object], what: str) -> None:
    titles = {
        "credential": "Choose a credential file as deriva-py writes it",
        "ca": "Choose the certificate authority's file (PEM)",
    }
    filters = {
        "credential": ["Credential files (*.json)", "All files (*)"],
        "ca": ["Certificates (*.pem *.crt *.cer)", "All files (*)"],
    }

    def chosen(path: str) -> None:
        if what == "ca":
            window.settings.remember_host(host, ca=path)
        else:
            window.settings.remember_host(host, credential=path)
        window.save_settings()
        again()

    dialog = QFileDialog(parent, titles[what])
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters(filters[what])
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(chosen)
    dialog.open()
