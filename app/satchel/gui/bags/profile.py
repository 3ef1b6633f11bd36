"""The choice of a BagIt profile to check bags against; what was chosen is remembered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, QUrl, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QLineEdit, QWidget

from satchel.gui.dialogs import Dialog
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.gui.settings import Settings

KNOWN = (
    ("", "No profile"),
    ("bag", "The profile that the bag names"),
    ("bdbag", "BDBag"),
    ("bdbag-ro", "BDBag with a research object (bdbag-ro)"),
)
FILE, ADDRESS = "…file", "…address"


def title(profile: str) -> str:
    """A profile as a list names it: a file by its name, an address without its scheme."""
    known = dict(KNOWN)
    if profile in known:
        return known[profile]
    return profile.partition("://")[2] if "://" in profile else Path(profile).name


def host_of(address: str) -> str:
    """The server of an address, with its port where that is not https's own; empty for what is no address."""
    url = QUrl(address)
    return f"{url.host()}:{url.port()}" if url.port() not in (-1, 443) else url.host()


class ProfileBox(QComboBox):
    """None, the bag's own, bdbag's, those that were used before, a file, an address.

    Args:
        settings: remember what is chosen.
        save: keeps them.
        own: what is chosen here counts here alone, for a bag that is not there yet or is changed.
    """

    chosen = Signal(str)
    """The person has chosen another."""

    def __init__(self, settings: Settings, save: Callable[[], object], *, own: bool = False) -> None:
        super().__init__()
        self._own: str | None = "" if own else None
        self._settings, self._save = settings, save
        self.setAccessibleName("Profile")
        self.view().setAccessibleName("Profile")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(9)
        self.setToolTip("What a community wants of its bags beyond BagIt itself")
        self._fill()
        self.activated.connect(self._activated)

    @property
    def value(self) -> str:
        """As a request has it; empty: none."""
        return self._settings.bag_profile if self._own is None else self._own

    def use(self, profile: str) -> None:
        """Choose a profile, and remember it."""
        if self._own is None:
            self._settings.remember_profile(profile)
        else:
            before, self._own = self._settings.bag_profile, profile
            self._settings.remember_profile(profile)
            self._settings.remember_profile(before)
        self._save()
        self._fill()
        self.chosen.emit(profile)

    def _fill(self) -> None:
        with QSignalBlocker(self):
            self.clear()
            for value, text in KNOWN:
                if value != "bag" or self._own is None:
                    self.addItem(text, value)
            self.insertSeparator(self.count())
            for value in self._settings.bag_profiles:
                self.addItem(title(value), value)
                self.setItemData(self.count() - 1, value, Qt.ItemDataRole.ToolTipRole)
            self.addItem("From a file…", FILE)
            self.addItem("From an address…", ADDRESS)
            self.setCurrentIndex(max(0, self.findData(self.value)))

    def _activated(self, place: int) -> None:
        value = str(self.itemData(place))
        if value not in (FILE, ADDRESS):
            self.use(value)
            return
        self._fill()  # what was chosen before is shown until another is
        if value == FILE:
            self.ask_file()
        else:
            AddressDialog(self.window(), self.use).open()

    def ask_file(self) -> None:
        """Ask for a profile's file."""
        dialog = QFileDialog(self, "Choose a BagIt profile")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(["BagIt profiles (*.json)", "All files (*)"])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.use)
        dialog.open()


class AddressDialog(Dialog):
    """Asks for a profile's address."""

    def __init__(self, parent: QWidget, then: Callable[[str], object]) -> None:
        super().__init__(
            parent,
            "A profile from the web",
            "It is fetched at each check. Bags name theirs in the field BagIt-Profile-Identifier of bag-info.txt.",
            "detail",
        )
        self._then = then
        self.setMinimumWidth(560)
        self.field = QLineEdit()
        self.field.setPlaceholderText("https://…/profile.json")
        self.field.setAccessibleName("Address")
        said = label("&Address")
        said.setBuddy(self.field)
        self.problem = label("", role="danger", wrap=True)
        self.problem.hide()
        self.body.addWidget(said)
        self.body.addWidget(self.field)
        self.body.addWidget(self.problem)
        self.add_button(button("Cancel"))
        self.use = button("&Use it", self.go, primary=True)
        self.use.setDefault(True)
        self._buttons.addWidget(self.use)
        self.field.setFocus()

    def go(self) -> None:
        """Take the address, where it is one."""
        address = self.field.text().strip()
        url = QUrl(address, QUrl.ParsingMode.StrictMode)
        if url.scheme() != "https" or not url.host() or url.userInfo():
            self.problem.setText("Profiles come from addresses that begin with https:// and hold no password.")
            self.problem.show()
            self.field.setFocus()
            return
        self.accept()
        self._then(address)
