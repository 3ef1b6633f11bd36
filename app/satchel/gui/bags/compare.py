"""The window in which two bags are compared."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QFileDialog, QGridLayout, QVBoxLayout, QWidget

from satchel.core.errors import SatchelError
from satchel.gui.bags import source
from satchel.gui.bags.differences import Differences, said
from satchel.gui.bags.path_line import PathLine
from satchel.gui.bags.problems import ProblemsPane
from satchel.gui.bags.progress import CheckProgress
from satchel.gui.engine_bridge import ALIVE
from satchel.gui.tasks import spawn
from satchel.gui.theme import SPACE_2, SPACE_3, SPACE_6
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import clear
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import EmptyState, ErrorCard, as_error
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.bags.compare import DiffResult
    from satchel.gui.window import MainWindow


class CompareWindow(QDialog):
    """Two bags, and what differs."""

    def __init__(self, window: MainWindow, first: str = "", second: str = "") -> None:
        super().__init__(window, Qt.WindowType.Window)
        self._window = window
        self._job, self._settled = "", True
        self.setWindowTitle("Compare two bags")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumSize(QSize(640, 420))
        self.resize(920, 640)
        self.fields = (PathLine("First bag"), PathLine("Second bag"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_2)
        grid.setVerticalSpacing(SPACE_2)
        grid.setColumnStretch(1, 1)
        modes = QFileDialog.FileMode
        for place, (field, text, given) in enumerate(
            zip(self.fields, ("&First", "&Second"), (first, second), strict=True)
        ):
            field.setText(given)
            field.returnPressed.connect(self.compare)
            name = label(text)
            name.setBuddy(field)
            folder = button("Folder…", partial(field.choose, modes.Directory))
            archive = button("Archive…", partial(field.choose, modes.ExistingFile))
            for made, what in ((folder, "folder"), (archive, "archive")):
                made.setAccessibleName(f"{field.accessibleName()}: choose its {what}")
            for column, part in enumerate((name, field, folder, archive)):
                grid.addWidget(part, place, column)
        self.go = button("&Compare", self.compare, primary=True)
        self.go.setDefault(True)
        grid.addWidget(self.go, 2, 3)
        self.progress = CheckProgress()
        self.progress.cancelled.connect(lambda: window.bridge.cancel(self._job))
        self.progress.hide()
        self._said = QVBoxLayout()
        self.found = ProblemsPane()
        self.found.head.title.setText("What differs")
        self.found.field.setAccessibleName("Filter differences")
        self.found.field.setPlaceholderText("Filter differences")
        self.found.save.hide()
        self.found.hide()
        self.empty = EmptyState(
            "bag",
            "Two bags, side by side",
            "Files are compared by their checksums; rows of a Deriva bag by their RIDs.",
        )
        inside = QVBoxLayout(self)
        inside.setContentsMargins(SPACE_6, SPACE_6, SPACE_6, SPACE_6)
        inside.setSpacing(SPACE_3)
        inside.addLayout(grid)
        inside.addWidget(self.progress)
        inside.addLayout(self._said)
        inside.addWidget(self.found, 1)
        inside.addWidget(self.empty, 1)
        window.bridge.changed.connect(self._look)
        (self.fields[1] if first else self.fields[0]).setFocus()

    def compare(self) -> None:
        """Compare what is named, or go where something is missing."""
        missing: QWidget | None = next((field for field in self.fields if not field.text().strip()), None)
        if missing is not None:
            missing.setFocus()
            return
        clear(self._said)
        self.found.hide()
        self.empty.hide()
        first, second = (field.text().strip() for field in self.fields)
        spawn(self._submit(first, second), "compare bags", self._failed)

    async def _submit(self, first: str, second: str) -> None:
        request = await self._window.bridge.call(source.diff_request, first, second)
        self._job, self._settled = await self._window.bridge.submit(request), False
        self._look()

    def _look(self) -> None:
        view = self._window.bridge.jobs.view(self._job) if self._job else None
        if view is None or self._settled:
            return
        alive = view.state in ALIVE
        self.progress.setVisible(alive)
        self.go.setEnabled(not alive)
        if alive:
            self.progress.show_view(view)
            return
        self._settled = True
        if view.result is not None:
            self._show(cast("DiffResult", view.result))
        elif view.error is not None:
            self._failed(SatchelError(view.error.kind, view.error.message, view.error.hint, view.error.detail))
        else:
            self._said.addWidget(Notice("The comparison was cancelled.", "warning", dismissable=False))

    def _show(self, result: DiffResult) -> None:
        verdict = said(result)
        self._said.addWidget(Notice(verdict.title, verdict.tone, verdict.text, dismissable=False))
        found = Differences(result)
        self.found.setVisible(len(found) > 0)
        self.found.show_found(found)
        announce(self, f"{verdict.title}. {verdict.text}")

    def _failed(self, fault: BaseException) -> None:
        self.progress.hide()
        self.go.setEnabled(True)
        clear(self._said)
        self._said.addWidget(ErrorCard(as_error(fault), button("Try again", self.compare), dismissable=False))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
            return
        super().keyPressEvent(event)
