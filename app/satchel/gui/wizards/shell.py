"""A wizard's window: the steps at the left, the page at the right, Back, Next and Close below.

It renders a `satchel.core.flows.flow.Flow` and decides nothing itself. It is shown, never executed: the rest of the
window stays usable, and closing keeps the draft.
"""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from satchel.core.flows.flow import Flow, Problem
from satchel.gui.wizards.steps import Steps


class WizardPage(QWidget):
    """One page. It writes what the person says into the flow's draft at once and says so with `changed`."""

    changed = Signal()
    """The draft or an answer of the server changed: the buttons are looked at again."""
    advance = Signal()
    """The page is done by itself (a look-up succeeded, a job ended): go on."""

    next_text = "&Next"

    def entered(self) -> None:
        """The page has come to the front."""

    def left(self) -> None:
        """The page was left, forwards or backwards."""

    def before_next(self) -> bool:
        """Whether Next may go on now; False when the page does something first and will say `advance` itself."""
        return True

    def fields(self) -> Mapping[str, QWidget]:
        """The page's fields, by the names that problems give them."""
        return {}

    def show_problems(self, problems: list[Problem]) -> None:
        """Mark the fields that keep the page from being left."""
        wrong = {problem.field for problem in problems}
        for name, field in self.fields().items():
            if bool(field.property("invalid")) != (name in wrong):
                field.setProperty("invalid", name in wrong)
                field.style().unpolish(field)
                field.style().polish(field)

    def go_to_problem(self, problems: list[Problem]) -> None:
        """Put the focus where the first problem is."""
        fields = self.fields()
        first = next((fields[problem.field] for problem in problems if problem.field in fields), None)
        if first is not None:
            first.setFocus(Qt.FocusReason.OtherFocusReason)


class Wizard(QDialog):
    """The window around a flow and its pages."""

    closed = Signal()

    def __init__(self, title: str, flow: Flow, pages: Mapping[str, WizardPage], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumSize(QSize(760, 520))
        self.resize(1080, 760)
        self._title = title
        self._flow = flow
        self._pages = dict(pages)
        self._shown: WizardPage | None = None

        self.steps = Steps([page.title for page in flow.pages])
        self.heading = QLabel()
        self.heading.setObjectName("pageTitle")
        font = self.heading.font()
        font.setPointSizeF(font.pointSizeF() * 1.5)
        font.setBold(True)
        self.heading.setFont(font)
        self.subtitle = QLabel()
        self.subtitle.setObjectName("pageSubtitle")
        self.subtitle.setWordWrap(True)
        self.stack = QStackedWidget()
        for page in self._pages.values():
            self.stack.addWidget(page)
            page.changed.connect(self._look)
            page.advance.connect(self._advance)

        self.problem = QLabel()
        self.problem.setObjectName("problemLine")
        self.problem.setWordWrap(True)
        self.problem.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.problem.hide()
        self.back_button = QPushButton("&Back")
        self.next_button = QPushButton("&Next")
        self.close_button = QPushButton("Close")
        self.back_button.setAutoDefault(False)
        self.close_button.setAutoDefault(False)
        self.next_button.setDefault(True)
        self.next_button.setProperty("primary", True)
        self.back_button.clicked.connect(self._back)
        self.next_button.clicked.connect(self._next)
        self.close_button.clicked.connect(self.close)

        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setObjectName("separator")
        buttons = QHBoxLayout()
        buttons.setContentsMargins(24, 12, 24, 16)
        buttons.setSpacing(8)
        buttons.addWidget(self.problem, 1)
        buttons.addStretch()
        buttons.addWidget(self.back_button)
        buttons.addWidget(self.next_button)
        buttons.addWidget(self.close_button)
        head = QVBoxLayout()
        head.setContentsMargins(24, 20, 24, 8)
        head.setSpacing(4)
        head.addWidget(self.heading)
        head.addWidget(self.subtitle)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addLayout(head)
        right.addWidget(self.stack, 1)
        right.addWidget(line)
        right.addLayout(buttons)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.steps)
        whole.addLayout(right, 1)
        self._show()

    @property
    def page(self) -> WizardPage:
        """The page in front."""
        return self._pages[self._flow.current.name]

    def _show(self) -> None:
        page, step = self.page, self._flow.current
        if self._shown is not page:
            if self._shown is not None:
                self._shown.left()
            self._shown = page
            self.steps.set_current(self._flow.index)
            self.heading.setText(step.title)
            self.subtitle.setText(step.subtitle)
            self.setWindowTitle(f"{self._title}: {step.title}")
            self.stack.setCurrentWidget(page)
            self._say([])
            page.entered()
            first = page.nextInFocusChain()
            if page.focusWidget() is None and first is not None and page.isAncestorOf(first):
                first.setFocus(Qt.FocusReason.TabFocusReason)
        self._look()

    def _look(self) -> None:
        """Set the buttons to what the flow allows now."""
        step = self._flow.current
        self.back_button.setEnabled(self._flow.can_go_back)
        last = self._flow.following(step.name) is None
        self.next_button.setVisible(not last)
        self.next_button.setText(self.page.next_text)
        self.close_button.setDefault(last)
        if self.problem.isVisible():
            self._say(self._flow.problems(step.name))

    def _say(self, problems: list[Problem]) -> None:
        self.problem.setText(problems[0].message if problems else "")
        self.problem.setVisible(bool(problems))
        self.page.show_problems(problems)

    def _next(self) -> None:
        if self.page.before_next():
            self._advance()

    def _advance(self) -> None:
        problems = self._flow.next()
        if problems:
            self._say(problems)
            self.page.go_to_problem(problems)
        self._show()

    def _back(self) -> None:
        self._flow.back()
        self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
            return
        super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._shown is not None:
            self._shown.left()
        self.closed.emit()
        super().closeEvent(event)
