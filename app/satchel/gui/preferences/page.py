"""The settings page: look, work, folders, hosts. Each change counts at once and is kept."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QGridLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from satchel.core.paths import Home
from satchel.gui.preferences.cache import CacheSection
from satchel.gui.preferences.hosts import HostCard
from satchel.gui.preferences.keeping import KeepingSection
from satchel.gui.preferences.person import PersonSection
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_6
from satchel.gui.widgets.boxes import Card, PageHead, ScrollPage, Section, clear, column, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.choice import Choice
from satchel.gui.widgets.path_field import PathField
from satchel.gui.widgets.text import CopyLabel, label

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


class PreferencesPage(ScrollPage):
    """What the person can set."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(width=760)
        self._window = window
        settings = window.settings
        self.body.addWidget(PageHead("Settings", "Changes count at once."))

        themes = (("system", "monitor", "As the system"), ("light", "sun", "Light"), ("dark", "moon", "Dark"))
        self.theme = Choice("Appearance", themes)
        self.theme.set_value(settings.theme)
        self.theme.chosen.connect(window.use_theme)
        self._section("Appearance", self.theme)

        self.parallel = QSpinBox()
        self.parallel.setRange(1, 8)
        self.parallel.setValue(settings.parallel_jobs)
        self.parallel.setAccessibleName("Jobs at once")
        self.parallel.lineEdit().setAccessibleName("Jobs at once")
        self.parallel.valueChanged.connect(self._parallel_changed)
        self.folder = PathField("Folder for exports", "Asked for at each export", folder=True)
        self.folder.set_path(settings.export_folder)
        self.folder.chosen.connect(self._folder_chosen)
        grid = _form()
        _line(grid, 0, "&Jobs at once", self.parallel, "Further ones wait. Counts from the next start of Satchel.")
        _line(grid, 1, "&Folder for exports", self.folder, "", self.folder.choose_button)
        self._section("Work", grid)

        self.person = PersonSection()
        self._section("You", self.person)

        self._hosts = column(spacing=SPACE_3)
        self.new_host = QLineEdit()
        self.new_host.setPlaceholderText("for example www.eye-ai.org")
        self.new_host.setAccessibleName("New host")
        self.new_host.returnPressed.connect(self._add_host)
        self.add_button = button("&Add host", self._add_host, icon="plus")
        self.problem = label("", role="danger", wrap=True)
        self.problem.hide()
        hosts = column(spacing=SPACE_3)
        hosts.addWidget(
            label(
                "Satchel trusts the authorities that your system trusts, and looks in your keyring for credentials. "
                "Where that is not enough, name files here. Only their paths are kept.",
                role="muted",
                wrap=True,
            )
        )
        hosts.addLayout(self._hosts)
        add = row(self.new_host, self.add_button)
        add.setStretch(0, 1)
        hosts.addLayout(add)
        hosts.addWidget(self.problem)
        part = column(spacing=SPACE_2)
        part.addWidget(Section("Hosts"))
        part.addLayout(hosts)
        self.body.addLayout(part)

        home = Home.find()
        places = _form()
        for place, (name, folder) in enumerate(
            (
                ("Settings", home.config),
                ("Jobs and their leftovers", home.data),
                ("Cache", home.cache),
                ("Logs", home.log),
            )
        ):
            shown = CopyLabel(str(folder), name)
            opener = button("Open", partial(self._open, str(folder)), link=True)
            opener.setAccessibleName(f"Open the folder: {name}")
            inside = row(shown, opener)
            inside.setStretch(0, 1)
            widget = QWidget()
            widget.setLayout(inside)
            _line(places, place, name, widget, "")
        self._section("Where Satchel keeps things", places)
        self.cache = CacheSection(window)
        self._section("Bags that were made before", self.cache)
        self.keeping = KeepingSection(window)
        self._section("Where sign-ins are kept", self.keeping)
        self.body.addStretch(1)
        self.show_hosts()

    def entered(self) -> None:
        """The page came to the front: hosts may have been added elsewhere."""
        self.show_hosts()
        self.keeping.look()
        self.cache.look()

    def theme_changed(self) -> None:
        """The theme was chosen in the menu."""
        self.theme.set_value(self._window.settings.theme)

    def show_hosts(self) -> None:
        """Show all hosts anew."""
        for old in self.findChildren(HostCard):
            old.stop()
        clear(self._hosts)
        for known in self._window.settings.hosts:
            card = HostCard(known, self._window)
            card.changed.connect(self._window.save_settings)
            card.removed.connect(partial(self._remove_host, known.host))
            self._hosts.addWidget(card)
            card.look()

    def _section(self, title: str, inside: QWidget | QGridLayout) -> None:
        card = Card()
        if isinstance(inside, QWidget):
            card.body.addWidget(inside)
        else:
            card.body.addLayout(inside)
        part = QVBoxLayout()
        part.setSpacing(SPACE_2)
        part.addWidget(Section(title))
        part.addWidget(card)
        self.body.addLayout(part)

    def _parallel_changed(self, value: int) -> None:
        self._window.settings.parallel_jobs = value
        self._window.save_settings()

    def _folder_chosen(self, path: str) -> None:
        self._window.settings.export_folder = path
        self._window.save_settings()

    def _add_host(self) -> None:
        name = self.new_host.text().strip().removeprefix("https://").split("/", 1)[0]
        bad = not name or any(sign in name for sign in " @?#\\\"'<>")
        known = self._window.settings.host(name) is not None
        self.problem.setText(
            "Give the server's name, for example www.eye-ai.org." if bad else f"{name} is in the list." if known else ""
        )
        self.problem.setVisible(bad or known)
        if bad or known:
            self.new_host.setFocus()
            return
        self._window.settings.remember_host(name)
        self._window.save_settings()
        self.new_host.clear()
        self.show_hosts()

    def _remove_host(self, name: str) -> None:
        self._window.settings.forget_host(name)
        self._window.save_settings()
        self.show_hosts()
        self._window.home.refresh()

    def _open(self, folder: str) -> None:
        from pathlib import Path

        if not Path(folder).is_dir():
            self._window.toasts.say(f"{folder} is not there yet.", hint="It is made when something is kept in it.")
        elif not QDesktopServices.openUrl(QUrl.fromLocalFile(folder)):
            self._window.toasts.say("No program was found that shows folders.", "warning", folder)


def _form() -> QGridLayout:
    made = QGridLayout()
    made.setHorizontalSpacing(SPACE_6)
    made.setVerticalSpacing(SPACE_3)
    made.setColumnStretch(1, 1)
    return made


def _line(grid: QGridLayout, place: int, name: str, field: QWidget, remark: str, buddy: QWidget | None = None) -> None:
    caption = label(name)
    caption.setBuddy(buddy or field)
    grid.addWidget(caption, place * 2, 0, Qt.AlignmentFlag.AlignVCenter)
    if isinstance(field, QSpinBox):
        grid.addWidget(field, place * 2, 1, Qt.AlignmentFlag.AlignLeft)
    else:
        grid.addWidget(field, place * 2, 1)
    if remark:
        grid.addWidget(label(remark, "caption", "muted"), place * 2 + 1, 1)
