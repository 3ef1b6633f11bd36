"""Bringing the assets of a table into its catalog's own object store: asked here, run as a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QButtonGroup, QCheckBox, QLineEdit, QRadioButton

from satchel.gui.dialogs import Dialog
from satchel.gui.sign_in.panels import form
from satchel.gui.tasks import spawn
from satchel.gui.theme import SPACE_2
from satchel.gui.widgets.boxes import column
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.path_field import PathField
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.clone.localize_request import LocalizeRequest
    from satchel.gui.window import MainWindow


class LocalizeDialog(Dialog):
    """Which rows, from where, and whether only to try.

    Args:
        window: whose engine runs it.
        host: of the catalog.
        catalog: its number.
        table: `schema:table`, an asset table.
        rids: of the rows that are chosen.
    """

    def __init__(self, window: MainWindow, host: str, catalog: str, table: str, rids: tuple[str, ...]) -> None:
        super().__init__(
            window,
            "Copy files here",
            f"The files that {table} names are on other servers, as after a clone that left them there. They are copied"
            f" into {host}'s object store (Hatrac), compared with the checksums in the records, and the records then "
            "name the copies. What is here already is left alone.",
            "asset",
        )
        self._window, self._at, self._rids = window, (host, catalog, table), rids
        self.setMinimumWidth(600)
        self.all = QRadioButton("&All rows of the table")
        self.chosen = QRadioButton(f"Only the &chosen row, {rids[0]}" if len(rids) == 1 else "Only the &chosen rows")
        self.chosen.setVisible(bool(rids))
        which = QButtonGroup(self)
        which.addButton(self.all)
        which.addButton(self.chosen)
        self.all.setChecked(True)
        rows = column(spacing=SPACE_2)
        rows.addWidget(self.all)
        rows.addWidget(self.chosen)
        self.body.addLayout(rows)
        self.source = QLineEdit()
        self.source.setAccessibleName("Server of addresses without one")
        self.source.setPlaceholderText("addresses without a server are local")
        self.audit = PathField("List of what was copied (CSV)", "none is written", folder=True)
        self.body.addWidget(
            form(
                ("&Server of addresses without one", self.source),
                ("&Folder for the list of what was copied (CSV)", self.audit),
            )
        )
        self.only_try = QCheckBox("Only &try: say what would be copied, and copy nothing")
        self.body.addWidget(self.only_try)
        self.body.addWidget(label("It can be stopped and gone on with at any time.", "caption", "muted"))
        self.add_button(button("Cancel"))
        self.add_button(button("C&opy", primary=True), self._start, default=True)

    def request(self) -> LocalizeRequest:
        """What was asked for."""
        import time
        from pathlib import Path

        from satchel.core.clone.localize_request import LocalizeRequest
        from satchel.core.jobs.request import Access

        host, catalog, table = self._at
        source = self.source.text().strip().removeprefix("https://").rstrip("/")
        audit = None
        if self.audit.path:
            name = f"localized-{table.replace(':', '_')}-{time.strftime('%Y%m%d-%H%M%S')}.csv"
            audit = str(Path(self.audit.path) / name)
        return LocalizeRequest(
            host=host,
            catalog=catalog,
            table=table,
            rids=self._rids if self.chosen.isChecked() else (),
            source_host=source or None,
            audit=audit,
            dry_run=self.only_try.isChecked(),
            access=self._window.access(host),
            source_access=self._window.access(source) if source else Access(ca=self._window.access(host).ca),
        )

    def _start(self) -> None:
        request, window = self.request(), self._window

        async def submit() -> None:
            window.show_activity(await window.bridge.submit(request))

        spawn(submit(), "localize assets")
