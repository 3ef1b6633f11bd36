"""Who the person is, for the bags that they make. A form; what is typed is kept when a field is left."""

from __future__ import annotations

import msgspec
from PySide6.QtWidgets import QFormLayout, QLineEdit, QVBoxLayout, QWidget

from satchel.core import person
from satchel.core.errors import SatchelError
from satchel.core.paths import Home
from satchel.gui.theme import SPACE_2, SPACE_3
from satchel.gui.widgets.text import label

_FIELDS = (
    ("name", "Name", "Ada Lovelace"),
    ("orcid", "ORCID", "0000-0002-1825-0097"),
    ("organization", "Organisation", ""),
    ("address", "Its address", ""),
    ("email", "E-mail", ""),
    ("phone", "Telephone", ""),
)


class PersonSection(QWidget):
    """The form."""

    def __init__(self) -> None:
        super().__init__()
        kept = person.load(Home.find())
        self.fields: dict[str, QLineEdit] = {}
        form = QFormLayout()
        form.setSpacing(SPACE_2)
        for name, title, example in _FIELDS:
            field = QLineEdit(getattr(kept, name))
            field.setAccessibleName(title)
            field.setPlaceholderText(example)
            field.editingFinished.connect(self._keep)
            self.fields[name] = field
            form.addRow(title, field)
        self.problem = label("", role="danger", wrap=True)
        self.problem.hide()
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_3)
        said = "Bags that you export say this of you, in their bag-info.txt. Leave empty what nobody needs to know."
        inside.addWidget(label(said, role="muted", wrap=True))
        inside.addLayout(form)
        inside.addWidget(self.problem)

    def _keep(self) -> None:
        home = Home.find()
        values = {name: field.text().strip() for name, field in self.fields.items()}
        if person.Profile(**values) == person.load(home):
            self.problem.hide()
            return
        try:
            kept = person.save(home, person.Profile(**values))
        except (SatchelError, OSError) as error:
            hint = error.hint if isinstance(error, SatchelError) else ""
            self.problem.setText(f"{error} {hint}".strip())
            self.problem.show()
            return
        self.problem.hide()
        for name, value in msgspec.structs.asdict(kept).items():
            if self.fields[name].text() != value:
                self.fields[name].setText(value)
