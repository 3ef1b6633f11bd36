"""Naming a catalog: host and number, what was opened before, and what to do when the host does not let one in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from satchel.core.errors import SatchelError
from satchel.gui.access import remedies
from satchel.gui.catalog import source
from satchel.gui.home.lists import RecentList
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_3
from satchel.gui.widgets.boxes import Card, PageHead, ScrollPage, clear, row
from satchel.gui.widgets.buttons import RowButton, button
from satchel.gui.widgets.states import BusyLine, ErrorCard, as_error
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.deriva.browse import CatalogEntry
    from satchel.gui.window import MainWindow


class ConnectPanel(ScrollPage):
    """Asks for a catalog. The page opens it and reports back with `show_error` or by hiding this."""

    wanted = Signal(str, str)
    """Host and catalog."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(width=720)
        self._window = window
        self._listing: Spawned | None = None
        self._cancel_opening: Spawned | None = None

        self.host = QComboBox()
        self.host.setEditable(True)
        self.host.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.host.setAccessibleName("Host")
        self.host.view().setAccessibleName("Known hosts")
        self.host_edit: QLineEdit = self.host.lineEdit() or QLineEdit()
        self.host_edit.setPlaceholderText("for example www.eye-ai.org")
        self.host_edit.setAccessibleName("Host")
        self.catalog = QLineEdit()
        self.catalog.setPlaceholderText("number or alias")
        self.catalog.setAccessibleName("Catalog")
        self.open_button: QPushButton = button("&Open", self.submit, primary=True)
        self.list_button: QPushButton = button(
            "&List its catalogs", self._list, tip="Ask the host which catalogs it has"
        )
        host_label, catalog_label = label("&Host"), label("&Catalog")
        host_label.setBuddy(self.host)
        catalog_label.setBuddy(self.catalog)
        self.problem = label("", "body", "danger", wrap=True)
        self.problem.hide()

        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_3)
        grid.setVerticalSpacing(SPACE_1)
        grid.addWidget(host_label, 0, 0)
        grid.addWidget(catalog_label, 0, 1)
        grid.addWidget(self.host, 1, 0)
        grid.addWidget(self.catalog, 1, 1)
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(1, 2)
        card = Card()
        card.body.addLayout(grid)
        card.body.addWidget(self.problem)
        self.busy = BusyLine()
        card.body.addLayout(row(self.open_button, self.list_button, None))
        card.body.addWidget(self.busy)

        self.body.addWidget(PageHead("Open a catalog", "Look around on a Deriva server, and choose what to share."))
        self.body.addWidget(card)
        self._errors = QVBoxLayout()
        self.body.addLayout(self._errors)
        self.found = RecentList("Catalogs on this host")
        self.found.hide()
        self.body.addWidget(self.found)
        self.recent = RecentList("Opened before")
        self.body.addWidget(self.recent)
        self.body.addStretch(1)

        self.host_edit.returnPressed.connect(self._host_entered)
        self.catalog.returnPressed.connect(self.submit)
        self.busy.cancelled.connect(self._cancel)
        self.refresh()

    # -- what is shown ----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Offer the hosts and catalogs known by now."""
        typed = self.host_edit.text()
        self.host.clear()
        self.host.addItems(self._window.known_hosts())
        self.host_edit.setText(typed)
        if not typed and self.host.count():
            self.host.setCurrentIndex(0)
        rows: list[QWidget] = []
        for recent in self._window.settings.recent:
            title = recent.title or f"Catalog {recent.catalog}"
            line = f"{recent.host}, catalog {recent.catalog}"
            rows.append(RowButton("catalog", title, line, do=partial(self.begin, recent.host, recent.catalog)))
        self.recent.put(rows, "Catalogs that you have opened are listed here.")

    def begin(self, host: str, catalog: str) -> None:
        """Fill in a catalog and ask for it."""
        self.host_edit.setText(host)
        self.catalog.setText(catalog)
        self.submit()

    def wait(self, text: str, running: Spawned) -> None:
        """The catalog is being opened."""
        self._cancel_opening = running
        clear(self._errors)
        self.busy.wait_for(text)
        self._enable(False)

    def done(self) -> None:
        """Nothing is awaited any more."""
        self.busy.done()
        self._enable(True)

    def show_error(self, error: SatchelError, host: str) -> None:
        """Say why the catalog could not be opened, with what can be done about it in place."""
        self.done()
        clear(self._errors)
        card = ErrorCard(error, *remedies(self._window, self, host, error, self.submit))
        self._errors.addWidget(card)
        self.ensureWidgetVisible(card)

    # -- what is done -----------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Open what is named, or say what is missing."""
        host, catalog = self._host(), self.catalog.text().strip()
        if not self._check(host):
            return
        if not catalog:
            self._say_problem("Give the catalog's number or alias, or list the host's catalogs.", self.catalog)
            return
        self._say_problem("")
        self.wanted.emit(host, catalog)

    def _host_entered(self) -> None:
        if self.catalog.text().strip():
            self.submit()
        else:
            self.catalog.setFocus()

    def _host(self) -> str:
        """The host as typed or pasted: a whole address of the server's pages will do."""
        text = self.host_edit.text().strip()
        return text.removeprefix("https://").split("/", 1)[0]

    def _check(self, host: str) -> bool:
        if not host:
            self._say_problem("Give the server's name, for example www.eye-ai.org.", self.host)
        elif any(sign in host for sign in " @?#\\\"'<>"):
            self._say_problem(f"{host} is not a server's name; leave out everything but name and port.", self.host)
        else:
            return True
        return False

    def _say_problem(self, text: str, where: QWidget | None = None) -> None:
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        for field in (self.host, self.catalog):
            field.setProperty("invalid", field is where)
            field.style().unpolish(field)
            field.style().polish(field)
        if where is not None:
            where.setFocus()

    def _list(self) -> None:
        host = self._host()
        if not self._check(host):
            return
        self._say_problem("")
        self.found.hide()
        self._listing = spawn(
            self._read_list(host), "list catalogs", lambda fault: self.show_error(as_error(fault), host)
        )
        self.wait(f"Asking {host} for its catalogs", self._listing)

    async def _read_list(self, host: str) -> None:
        entries = await self._window.bridge.call(source.list_catalogs, host, self._window.access(host))
        self.done()
        self._show_found(host, entries)

    def _show_found(self, host: str, entries: Sequence[CatalogEntry]) -> None:
        rows: list[QWidget] = []
        for entry in entries:
            title = entry.title or f"Catalog {entry.id}"
            remark = "" if entry.accessible else "not for you, or not signed in"
            made = RowButton(
                "catalog" if entry.accessible else "lock",
                title,
                f"catalog {entry.id}",
                remark,
                partial(self.begin, host, entry.id),
            )
            rows.append(made)
        self.found.put(rows, "None of the numbers that were tried is a catalog. One with an alias can still be opened.")
        self.found.show()

    def _cancel(self) -> None:
        if self._cancel_opening is not None:
            self._cancel_opening.cancel()
        self.done()

    def _enable(self, on: bool) -> None:
        for part in (self.host, self.catalog, self.open_button, self.list_button):
            part.setEnabled(on)
