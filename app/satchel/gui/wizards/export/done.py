"""Page five: what was made, what is not in it, and what to do next."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout

from satchel.core import words
from satchel.gui.folders import show_folder
from satchel.gui.icons import IconDisc
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4, mono
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import Card, Line, ScrollPage, Section, clear, column, row
from satchel.gui.widgets.buttons import button, icon_button
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.text import CopyLabel, label, selectable
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.export.request import ExportResult
    from satchel.gui.window import MainWindow
    from satchel.gui.wizards.export.run import RunPage

LISTED = 8
"""Problems that are listed; the bag has them all in satchel/problems.json."""


class DonePage(WizardPage):
    """The result."""

    def __init__(self, window: MainWindow, run: RunPage) -> None:
        super().__init__()
        self._window, self._run = window, run
        self._path = Path()
        self._disc = QVBoxLayout()
        self.title = selectable(label("", "heading", wrap=True))
        self.text = selectable(label("", role="muted", wrap=True))
        self.path = CopyLabel("", "Made")
        self.open = button("&Open folder", self._open, icon="folder", primary=True)
        self.check = button("Check the &bag", self._check, icon="check-bag")
        self.another = button("Export &another record…", self._another, icon="export")
        names = column(spacing=SPACE_1)
        names.addWidget(self.title)
        names.addWidget(self.text)
        names.addWidget(self.path)
        head = row(self._disc, names, spacing=SPACE_4)
        head.setStretch(1, 1)
        card = Card()
        card.body.addLayout(head)
        card.body.addLayout(row(self.open, self.check, self.another, None))
        self._notes = column(spacing=SPACE_2)
        self.tables = column(spacing=SPACE_1)
        tables = Card(spacing=SPACE_2)
        tables.body.addWidget(Section("What is in it"))
        tables.body.addWidget(Line())
        tables.body.addLayout(self.tables)
        self.command = QPlainTextEdit()
        self.command.setReadOnly(True)
        self.command.setFont(mono())
        self.command.setMaximumHeight(76)
        self.command.setTabChangesFocus(True)
        self.command.setAccessibleName("The command that does the same")
        copy = icon_button("Copy as command", "copy", self._copy)
        again = Card(spacing=SPACE_2)
        again.body.addWidget(Section("The same from a terminal", "", copy))
        again.body.addWidget(self.command)
        scroll = ScrollPage(width=900)
        scroll.body.setContentsMargins(0, 0, 0, 0)
        scroll.body.setSpacing(SPACE_3)
        scroll.body.addWidget(card)
        scroll.body.addLayout(self._notes)
        scroll.body.addWidget(again)
        scroll.body.addWidget(tables)
        scroll.body.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, SPACE_2, 24, SPACE_4)
        outer.addWidget(scroll)

    def entered(self) -> None:
        view = self._run.view
        if view is None or view.result is None:
            return
        result = cast("ExportResult", view.result)
        self._path = Path(result.archive or result.bag or "")
        whole = result.valid and result.complete
        clear(self._disc)
        tone = "success" if whole else "warning"
        self._disc.addWidget(IconDisc(tone, tone, f"{tone}_soft", 56, 30))
        self.title.setText("The bag is made and verified" if whole else "The bag is made, but not everything is in it")
        files = sum(table.assets for table in result.tables)
        size = sum(table.asset_bytes for table in result.tables)
        tables = sum(1 for table in result.tables if table.rows)
        held = "tables" if view.kind == "export" else "files of records"  # deriva-ml has one for each path to a table
        said = f"{words.count(result.rows, 'rows')} in {words.count(tables, held)}"
        if files:
            said += f", {words.count(files, 'files')} ({words.size(size)})"
        cached = " It comes from the cache: the same was exported before." if result.cached else ""
        self.text.setText(f"{said}, as of snapshot {result.snapshot}. It took {_took(view.seconds)}.{cached}")
        self.path.set_text(str(self._path))
        self._show_notes(result)
        clear(self.tables)
        for table in result.tables:
            figures = words.count(table.rows, "rows")
            if table.assets:
                figures += f" · {words.count(table.assets, 'files')}, {words.size(table.asset_bytes)}"
            self.tables.addLayout(row(label(table.table), None, label(figures, role="muted")))
        if view.request is not None:
            from satchel.core.flows.command import command_line

            self.command.setPlainText(command_line(view.request))
        announce(self, f"{self.title.text()}. {self.text.text()}")
        self.open.setFocus()

    def _show_notes(self, result: ExportResult) -> None:
        clear(self._notes)
        hidden: tuple[str, ...] = getattr(result, "hidden", ())  # of a spec's bag nobody says so
        if hidden:
            names = ", ".join(hidden)
            notice = Notice("Hidden from you, so not in the bag", "warning", names, dismissable=False)
            self._notes.addWidget(notice)
        if result.problems:
            told = [f"{p.table} {p.rid}: {p.message}" for p in result.problems[:LISTED]]
            if len(result.problems) > LISTED:
                told.append(f"and {len(result.problems) - LISTED:,} more; satchel/problems.json in the bag lists all.")
            title = f"{words.count(len(result.problems), 'files')} could not be had"
            self._notes.addWidget(Notice(title, "warning", "\n".join(told), dismissable=False))
        others = [w.message for w in result.warnings if not w.code.startswith(("asset", "hidden"))]
        if others:
            self._notes.addWidget(Notice("To note", "info", "\n".join(others[:LISTED]), dismissable=False))

    def _open(self) -> None:
        show_folder(self._window, self._path)

    def _check(self) -> None:
        self._window.check_bag(self._path)
        self._window.raise_()
        self._window.activateWindow()

    def _another(self) -> None:
        request = self._run.view.request if self._run.view is not None else None
        host, catalog = getattr(request, "host", ""), getattr(request, "catalog", "")
        start = partial(self._window.start_export, host, catalog, "")
        self.window().close()
        start()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.command.toPlainText())


def _took(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 60 else words.duration(seconds)
