"""The report of a clone: the tree, a filter, what is chosen in full, and files to save it in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QFileDialog, QHeaderView, QLineEdit, QSplitter, QTreeView, QVBoxLayout, QWidget

from satchel.gui.clone.report_model import ReportModel
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4, theme
from satchel.gui.widgets.boxes import Card, ScrollPage, clear, row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.states import EmptyState
from satchel.gui.widgets.text import label, selectable
from satchel.gui.wizards.clone import asking

if TYPE_CHECKING:
    from satchel.core.clone.report import CloneIssue
    from satchel.core.clone.report_tree import ReportTree
    from satchel.core.clone.request import CloneResult
    from satchel.gui.window import MainWindow

PAUSE = 250
"""Milliseconds after the last letter before the filter works."""
SHOWN_RIDS = 20


class ReportView(QWidget):
    """Shows a `CloneResult`'s report."""

    jump = Signal(str, bool)
    """A row is wanted: its RID, and whether in the clone (else in the source)."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self._result: CloneResult | None = None
        self._whole: ReportTree | None = None
        self._working: Spawned | None = None
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by words, table or RID")
        self.filter.setAccessibleName("Filter the report")
        self.filter.setClearButtonEnabled(True)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._filter)
        self.filter.textChanged.connect(lambda _: self._timer.start())
        self.filter.returnPressed.connect(self._filter)
        self.save_button = button("&Save…", self._choose_file, icon="export", tip="As JSON, text or a page of HTML")
        self.model = ReportModel(self)
        theme().changed.connect(self.model.repaint)
        self.tree = QTreeView()
        self.tree.setModel(self.model)
        self.tree.setUniformRowHeights(True)
        self.tree.setAllColumnsShowFocus(True)
        self.tree.setAccessibleName("The clone's report")
        head = self.tree.header()
        head.setStretchLastSection(False)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.selectionModel().currentChanged.connect(lambda now, _: self._show_issue(now))
        self.nothing = EmptyState("success", "Nothing to report", "All was copied, and all constraints were put on.")
        self.detail = ScrollPage(width=1200)
        self.detail.body.setContentsMargins(SPACE_3, 0, 0, 0)
        self.detail.body.setSpacing(SPACE_2)
        self.detail.setAccessibleName("The chosen issue")
        self.parts = QSplitter(Qt.Orientation.Horizontal)
        ground = Card(margin=2, spacing=0)
        ground.body.addWidget(self.tree)
        self.parts.addWidget(ground)
        self.parts.addWidget(self.detail)
        self.parts.setStretchFactor(0, 3)
        self.parts.setStretchFactor(1, 2)
        self.parts.setChildrenCollapsible(False)
        self.detail.setMinimumWidth(260)
        self.parts.setSizes([600, 400])
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_2)
        line = row(self.filter, self.save_button, spacing=SPACE_2)
        line.setStretch(0, 1)
        inside.addLayout(line)
        inside.addWidget(self.parts, 1)
        inside.addWidget(self.nothing, 1)

    def show_result(self, result: CloneResult) -> None:
        """Show the report of a clone."""
        self._result = result
        some = bool(result.report.issues)
        self.parts.setVisible(some)
        self.nothing.setVisible(not some)
        self.filter.setEnabled(some)
        if self._working is not None:
            self._working.cancel()
        self._working = spawn(self._group(result), "group a report")

    async def _group(self, result: CloneResult) -> None:
        self._whole = await self._window.bridge.call(asking.grouped, result)
        self._take(self._whole)

    def _filter(self) -> None:
        self._timer.stop()
        if self._whole is None:
            return
        if self._working is not None:
            self._working.cancel()
        self._working = spawn(self._look_for(self._whole, self.filter.text()), "filter a report")

    async def _look_for(self, whole: ReportTree, text: str) -> None:
        self._take(await self._window.bridge.call(asking.filtered, whole, text))

    def _take(self, tree: ReportTree) -> None:
        self.model.show(tree)
        clear(self.detail.body)
        for number in range(self.model.rowCount()):
            at = self.model.index(number, 0)
            self.tree.expand(at)
            if tree.count <= 200:
                self.tree.expandRecursively(at)
        if not tree.count and self.filter.text():
            self.detail.body.addWidget(label("Nothing in the report has these words.", role="muted", wrap=True))

    def _show_issue(self, index: QModelIndex) -> None:
        issue = self.model.issue(index)
        clear(self.detail.body)
        if issue is None:
            return
        body = self.detail.body
        body.addWidget(selectable(label(issue.message, "strong", wrap=True)))
        if issue.table:
            body.addWidget(selectable(label(issue.table, role="muted", wrap=True)))
        if issue.row_count:
            body.addWidget(label(f"{issue.row_count:,} rows"))
        if issue.details:
            body.addWidget(selectable(label(issue.details, wrap=True)))
        if issue.action:
            body.addWidget(selectable(label(f"What to do: {issue.action}", wrap=True)))
        if issue.skipped_rids:
            self._show_rids(issue)
        body.addStretch(1)

    def _show_rids(self, issue: CloneIssue) -> None:
        body = self.detail.body
        copy = button("Copy all RIDs", partial(self._copy, issue.skipped_rids), icon="copy")
        body.addLayout(row(label("Rows", "strong"), None, copy, spacing=SPACE_1))
        for rid in issue.skipped_rids[:SHOWN_RIDS]:
            source = button("in the source", partial(self.jump.emit, rid, False), link=True)
            clone = button("in the clone", partial(self.jump.emit, rid, True), link=True)
            source.setAccessibleName(f"Show {rid} in the source")
            clone.setAccessibleName(f"Show {rid} in the clone")
            body.addLayout(row(selectable(label(rid)), None, source, clone, spacing=SPACE_2))
        if len(issue.skipped_rids) > SHOWN_RIDS:
            rest = len(issue.skipped_rids) - SHOWN_RIDS
            body.addWidget(label(f"and {rest:,} more", role="muted"))

    def _copy(self, rids: tuple[str, ...]) -> None:
        QGuiApplication.clipboard().setText("\n".join(rids))
        self._window.toasts.say(f"{len(rids):,} RIDs are on the clipboard.")

    def _choose_file(self) -> None:
        dialog = QFileDialog(self, "Save the report")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["Page of HTML (*.html)", "JSON (*.json)", "Text (*.txt)"])
        dialog.setDefaultSuffix("html")
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(chosen.split("*.")[1].rstrip(")")))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.save)
        dialog.open()

    def save(self, path: str) -> None:
        """Write the report into a file; its ending says how."""
        result = self._result
        if result is None:
            return

        async def write() -> None:
            await self._window.bridge.call(asking.save, result, path)
            self._window.toasts.say("The report is saved.", "success", path)

        spawn(write(), "save a report")


class ReportWindow(QDialog):
    """The report in a window of its own, for clones that ended earlier. Esc closes it."""

    def __init__(self, window: MainWindow, result: CloneResult) -> None:
        super().__init__(window, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Report: catalog {result.catalog_id} on {result.hostname}")
        self.resize(980, 680)
        self.view = ReportView(window)
        self.view.jump.connect(self._jump)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        inside.addWidget(self.view)
        self._window, self._result = window, result
        self.view.show_result(result)

    def _jump(self, rid: str, in_clone: bool) -> None:
        result = self._result
        host, catalog = (
            (result.hostname, result.catalog_id) if in_clone else (result.source_hostname, result.source_catalog_id)
        )
        self._window.open_record(host, catalog, rid)
        self._window.raise_()
        self._window.activateWindow()
