"""The wizards' window: buttons, keys and problems follow the flow."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLineEdit
from pytestqt.qtbot import QtBot

from satchel.core.flows.flow import Flow, Page, Problem
from satchel.gui.wizards.shell import Wizard, WizardPage


class Small(Flow):
    pages = (Page("one", "First", "The first page."), Page("two", "Second", ""), Page("three", "Third", ""))
    text = ""

    def problems(self, page: str) -> list[Problem]:
        return [Problem("text", "Say something.")] if page == "one" and not self.text else []


class Ask(WizardPage):
    def __init__(self, flow: Small) -> None:
        super().__init__()
        self.edit = QLineEdit()
        QFormLayout(self).addRow("&Text", self.edit)
        self._flow = flow
        self.edit.textChanged.connect(self._said)
        self.seen: list[str] = []

    def _said(self, text: str) -> None:
        self._flow.text = text
        self.changed.emit()

    def entered(self) -> None:
        self.seen.append("entered")

    def left(self) -> None:
        self.seen.append("left")


@pytest.fixture
def shown(qtbot: QtBot) -> tuple[Wizard, Small, Ask]:
    flow = Small()
    ask = Ask(flow)
    wizard = Wizard("Test", flow, {"one": ask, "two": WizardPage(), "three": WizardPage()})
    wizard.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(wizard)
    wizard.show()
    return wizard, flow, ask


def test_a_page_with_a_problem_stays_and_says_why(qtbot: QtBot, shown: tuple[Wizard, Small, Ask]) -> None:
    wizard, flow, ask = shown
    qtbot.mouseClick(wizard.next_button, Qt.MouseButton.LeftButton)
    assert flow.current.name == "one"
    assert wizard.problem.isVisible()
    assert wizard.problem.text() == "Say something."
    qtbot.keyClicks(ask.edit, "words")
    assert not wizard.problem.isVisible(), "the complaint goes as soon as its cause is gone"


def test_enter_goes_on_back_returns_and_the_last_page_has_no_next(
    qtbot: QtBot, shown: tuple[Wizard, Small, Ask]
) -> None:
    wizard, flow, ask = shown
    assert not wizard.back_button.isEnabled()
    qtbot.keyClicks(ask.edit, "words")
    qtbot.keyClick(ask.edit, Qt.Key.Key_Return)
    assert flow.current.name == "two"
    assert wizard.windowTitle() == "Test: Second"
    assert wizard.steps.accessibleName() == "Step 2 of 3: Second"
    qtbot.mouseClick(wizard.next_button, Qt.MouseButton.LeftButton)
    assert flow.current.name == "three"
    assert not wizard.next_button.isVisible()
    qtbot.mouseClick(wizard.back_button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(wizard.back_button, Qt.MouseButton.LeftButton)
    assert flow.current.name == "one"
    assert ask.edit.text() == "words"
    assert ask.seen == ["entered", "left", "entered"]


def test_escape_closes(qtbot: QtBot, shown: tuple[Wizard, Small, Ask]) -> None:
    wizard, _, ask = shown
    with qtbot.waitSignal(wizard.closed):
        qtbot.keyClick(wizard, Qt.Key.Key_Escape)
    assert not wizard.isVisible()
    assert ask.seen[-1] == "left"
