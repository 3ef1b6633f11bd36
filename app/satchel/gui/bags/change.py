"""The window in which bag-info is changed, and manifests are made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QWidget

from satchel.core.flows.bag_form import ChangeDraft
from satchel.gui.bags.form_window import FormWindow
from satchel.gui.widgets.boxes import Section, row
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.bags.inspecting import InspectResult
    from satchel.core.flows.flow import Problem
    from satchel.core.jobs.request import Request
    from satchel.gui.window import MainWindow

ONLY_COMPUTED = ("payload-oxum",)


class ChangeWindow(FormWindow):
    """The fields as they are, to be changed; checksums anew only where that is said."""

    def __init__(self, window: MainWindow, found: InspectResult) -> None:
        super().__init__(
            window, "Change a bag", "What the bag says of itself, and its manifests; its files stay as they are.",
            "&Change the bag",
        )  # fmt: skip
        self.draft = ChangeDraft(found.path, list(found.info), found.algorithms, algorithms=found.algorithms)
        self.anew = QCheckBox("Compute all checksums a&new, and list what is in data/ now")
        self.anew.toggled.connect(self.look)
        warned = "What was changed or damaged since the bag was made counts as right from then on. Check the bag first."
        self.body.addWidget(Section("What the bag says of itself (bag-info)"))
        self.body.addWidget(self.form)
        self.body.addWidget(Section("Checksums"))
        self.body.addLayout(self.stack(self.anew, label(warned, "caption", "muted", wrap=True)))
        grid = self.grid()
        self.add(grid, "Checksums", self.sums())
        self.add(grid, "&Profile", row(self.profile, None), self.profile)
        self.body.addLayout(grid)
        for name in found.algorithms:
            if name in self.algorithms:
                self.algorithms[name].setChecked(True)
        self.form.set_fields([(name, value) for name, value in found.info if name.lower() not in ONLY_COMPUTED])
        self.look()
        if self.form.lines:
            self.form.lines[0].value.setFocus()

    def changed(self) -> None:
        draft = self.draft
        draft.fields, draft.remanifest = self.form.fields, self.anew.isChecked()
        draft.algorithms, draft.profile = self.chosen_sums(), self.profile_found
        for box in self.algorithms.values():
            box.setEnabled(draft.remanifest)

    def problems(self) -> list[Problem]:
        return self.draft.problems()

    def request(self) -> Request:
        return self.draft.request()

    def places(self) -> dict[str, QWidget]:
        return {"algorithms": self.algorithms["md5"]}
