"""bag-info as a form: a line for each field; those that a profile requires are marked, and limited to its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from satchel.gui.theme import SPACE_1, SPACE_2
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import button, icon_button
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.flows.bag_form import FieldRule
    from satchel.core.flows.flow import Problem


class FieldLine:
    """One field: its name, a mark, its value, a button that takes it away."""

    def __init__(self, form: InfoForm, name: str, value: str, rule: FieldRule | None) -> None:
        self.rule = rule
        self.name = QLineEdit(name)
        self.name.setAccessibleName("Name of a field")
        self.name.setPlaceholderText("Name")
        self.name.setMinimumWidth(190)
        completer = QCompleter(form.labels, self.name)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.name.setCompleter(completer)
        self.value: QLineEdit | QComboBox
        if rule is not None and rule.values:
            self.value = QComboBox()
            self.value.addItems(["", *rule.values])
            if value and value not in rule.values:
                self.value.addItem(value)
            self.value.setCurrentText(value)
            self.value.view().setAccessibleName(name)
            self.value.currentTextChanged.connect(form.changed)
        else:
            self.value = QLineEdit(value)
            self.value.textChanged.connect(form.changed)
        self.value.setAccessibleName(f"{name} (required)" if rule is not None and rule.required else name or "Value")
        self.mark = label("required" if rule is not None and rule.required else "", "caption", "danger")
        self.remove = icon_button(f"Remove {name or 'this field'}", "close", lambda: form.remove(self))
        fixed = rule is not None and rule.required
        self.name.setReadOnly(fixed)
        self.remove.setEnabled(not fixed)
        self.name.textChanged.connect(form.changed)
        self.parts: tuple[QWidget, ...] = (self.name, self.value, self.mark, self.remove)

    @property
    def text(self) -> str:
        """The value."""
        return self.value.currentText() if isinstance(self.value, QComboBox) else self.value.text()


class InfoForm(QWidget):
    """All fields, and a button for another one."""

    changed = Signal()

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__()
        self.labels = list(labels)
        self.lines: list[FieldLine] = []
        self._rules: list[FieldRule] = []
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(SPACE_2)
        self._grid.setVerticalSpacing(SPACE_1)
        self._grid.setColumnStretch(1, 1)
        self.add = button("&Add a field", self._add, icon="plus")
        self.problem = label("", role="danger", wrap=True)
        self.problem.hide()
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_2)
        inside.addLayout(self._grid)
        inside.addWidget(self.problem)
        inside.addLayout(row(self.add, None))

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Names and values, those that are empty, too."""
        return [(line.name.text().strip(), line.text) for line in self.lines]

    def set_fields(self, fields: Sequence[tuple[str, str]]) -> None:
        """Show these, and what the profile requires beside them."""
        self._clear()
        known = {rule.label.lower(): rule for rule in self._rules}
        there = {name.lower() for name, _ in fields}
        for rule in self._rules:
            if rule.required and rule.label.lower() not in there:
                fields = [*fields, (rule.label, "")]
        # Required ones first, each as often as it is there.
        wanted = sorted(fields, key=lambda f: not getattr(known.get(f[0].lower()), "required", False))
        for name, value in wanted:
            of = known.get(name.lower())
            self._put(FieldLine(self, of.label if of is not None else name, value, of))
        self.changed.emit()

    def set_rules(self, rules: Sequence[FieldRule]) -> None:
        """Follow another profile; what was filled in stays."""
        before = {rule.label.lower() for rule in self._rules if rule.required}
        self._rules = list(rules)
        self.labels = list(dict.fromkeys([*(rule.label for rule in rules), *self.labels]))
        # A field that only the profile before wanted, and nobody filled in, goes.
        self.set_fields([(n, v) for n, v in self.fields if v.strip() or n.lower() not in before])

    def remove(self, line: FieldLine) -> None:
        """Take a field away."""
        place = self.lines.index(line)
        fields = [field for n, field in enumerate(self.fields) if n != place]
        self.set_fields(fields)
        (self.lines[min(place, len(self.lines) - 1)].value if self.lines else self.add).setFocus()

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Mark the fields that are wrong, and say of the first what is."""
        wrong = {problem.field: problem.message for problem in problems if problem.field.startswith("info")}
        for place, line in enumerate(self.lines):
            is_wrong = f"info:{place}" in wrong
            for part in (line.name, line.value):
                if bool(part.property("invalid")) != is_wrong:
                    part.setProperty("invalid", is_wrong)
                    part.style().unpolish(part)
                    part.style().polish(part)
        self.problem.setText(next(iter(wrong.values()), ""))
        self.problem.setVisible(bool(wrong))

    def go_to(self, problem: Problem) -> None:
        """Put the focus where something is wrong."""
        place = problem.field.partition(":")[2]
        (self.lines[int(place)].value if place else self.add).setFocus()

    def _add(self) -> None:
        used = {name.lower() for name, _ in self.fields}
        wanted = next((name for name in self.labels if name.lower() not in used), "")
        known = {rule.label.lower(): rule for rule in self._rules}
        line = FieldLine(self, wanted, "", known.get(wanted.lower()))
        self._put(line)
        line.name.setFocus()
        line.name.selectAll()
        self.changed.emit()

    def _put(self, line: FieldLine) -> None:
        place = self._grid.rowCount()
        for column, part in enumerate(line.parts):
            self._grid.addWidget(part, place, column)
        self.lines.append(line)

    def _clear(self) -> None:
        for line in self.lines:
            for part in line.parts:
                self._grid.removeWidget(part)
                part.hide()
                part.deleteLater()
        self.lines = []
