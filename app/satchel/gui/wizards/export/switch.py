"""Pages that have two faces: one for a record, one for a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from satchel.gui.theme import SPACE_1
from satchel.gui.widgets.choice import Choice
from satchel.gui.wizards.export.datasets.pane import DatasetPane
from satchel.gui.wizards.shell import WizardPage

if TYPE_CHECKING:
    from satchel.core.flows.export import ExportFlow
    from satchel.gui.window import MainWindow
    from satchel.gui.wizards.export.datasets.estimate import EstimatePage
    from satchel.gui.wizards.export.preview import PreviewPage
    from satchel.gui.wizards.export.what import WhatPage

WAYS = (("record", "record", "A record"), ("dataset", "bag", "A dataset"))


class ChoosingPage(WizardPage):
    """A record by its RID, or a dataset from a list."""

    def __init__(self, window: MainWindow, flow: ExportFlow, record: WhatPage) -> None:
        super().__init__()
        self._flow, self.record = flow, record
        self.dataset = DatasetPane(window, flow)
        self.what = Choice("What to export", WAYS)
        self.what.set_value(flow.draft.what)
        self.what.chosen.connect(self._chosen)
        self.stack = QStackedWidget()
        self.stack.addWidget(record)
        self.stack.addWidget(self.dataset)
        self.stack.setCurrentWidget(self._face())
        record.changed.connect(self.changed)
        record.advance.connect(self.advance)
        self.dataset.changed.connect(self.changed)
        choice = QVBoxLayout()
        choice.setContentsMargins(24, SPACE_1, 24, 0)
        choice.addWidget(self.what)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(SPACE_1)
        outer.addLayout(choice)
        outer.addWidget(self.stack, 1)

    @property
    def of_dataset(self) -> bool:
        """Whether a dataset is chosen."""
        return self._flow.draft.what == "dataset"

    def _face(self) -> QWidget:
        return self.dataset if self.of_dataset else self.record

    def _chosen(self, what: str) -> None:
        self.left()
        self._flow.set_what("dataset" if what == "dataset" else "record")
        self.stack.setCurrentWidget(self._face())
        self._come()
        self.changed.emit()

    def _come(self) -> None:
        if self.of_dataset:
            self.dataset.come()
        else:
            draft, page = self._flow.draft, self.record
            for edit, text in ((page.host_edit, draft.host), (page.catalog, draft.catalog)):
                if text and edit.text() != text:
                    edit.setText(text)
            page.entered()

    def entered(self) -> None:
        self._come()

    def left(self) -> None:
        self.record.left()
        self.dataset.go()

    def before_next(self) -> bool:
        return True if self.of_dataset else self.record.before_next()

    def fields(self) -> Mapping[str, QWidget]:
        return self.dataset.fields() if self.of_dataset else self.record.fields()


class ForeseeingPage(WizardPage):
    """What a record, or a dataset, would bring."""

    def __init__(self, flow: ExportFlow, record: PreviewPage, dataset: EstimatePage) -> None:
        super().__init__()
        self._flow, self.record, self.dataset = flow, record, dataset
        self.stack = QStackedWidget()
        for page in (record, dataset):
            self.stack.addWidget(page)
            page.changed.connect(self.changed)
            page.advance.connect(self.advance)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.stack)

    def _face(self) -> WizardPage:
        return self.dataset if self._flow.draft.what == "dataset" else self.record

    def entered(self) -> None:
        self.stack.setCurrentWidget(self._face())
        self._face().entered()

    def left(self) -> None:
        self._face().left()

    def before_next(self) -> bool:
        return self._face().before_next()

    def fields(self) -> Mapping[str, QWidget]:
        return self._face().fields()

    def end(self) -> None:
        """The wizard closes."""
        self.record.end()
        self.dataset.end()
