"""What came of fetching: how much is here now, what could not be had and why, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDialog, QPushButton, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.bags.problems import ProblemsPane
from satchel.gui.bags.profile import host_of
from satchel.gui.theme import SPACE_3, SPACE_6
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.notices import Notice

if TYPE_CHECKING:
    from satchel.core.fetching.request import FileProblem, MaterializeResult

TOLD = 3
HOSTS = 2
SIGN_IN = frozenset({"not-signed-in", "sign-in-needed"})
TITLES = {
    "not-found": "Not on its server any more",
    "not-signed-in": "A sign-in is needed",
    "sign-in-needed": "A sign-in is needed",
    "not-allowed": "You may not have them",
    "unreachable": "The server cannot be reached",
    "untrusted": "The server is not trusted",
    "server": "The server answers with an error",
    "checksum": "What came is another content",
    "length": "What came is of another length",
    "refused": "Addresses that make no sense",
    "private-address": "On this computer or its local network",
    "unsafe-path": "Paths that leave the bag",
    "malformed": "Malformed lines of fetch.txt",
    "not-listed": "In no manifest",
    "link": "Links are in the way",
    "unwritable": "Cannot be written here",
}


@dataclass(frozen=True, slots=True)
class Failures:
    """Files that could not be fetched, as the tree of problems shows things."""

    problems: Sequence[FileProblem]

    def __len__(self) -> int:
        return len(self.problems)

    def severity(self, place: int) -> str:
        """An error, each."""
        return "error"

    def code(self, place: int) -> str:
        """Why, in a few words."""
        code = self.problems[place].code
        return TITLES.get(code, code.replace("-", " ").capitalize())

    def message(self, place: int) -> str:
        """Why."""
        return self.problems[place].message

    def where(self, place: int) -> str:
        """The file."""
        return self.problems[place].path

    def matching(self, text: str) -> Sequence[int]:
        """The places with a text in them, in upper or lower case."""
        wanted = text.strip().casefold()
        if not wanted:
            return range(len(self))
        return [n for n, p in enumerate(self.problems) if wanted in f"{p.path}\n{p.message}\n{p.url}".casefold()]


class FailuresWindow(QDialog):
    """All that could not be fetched, by reason."""

    def __init__(self, parent: QWidget, problems: Sequence[FileProblem], again: Callable[[], object]) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle("Files that could not be fetched")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumSize(QSize(560, 360))
        self.resize(860, 560)
        self.pane = ProblemsPane()
        self.pane.head.title.setText("Files that could not be fetched")
        self.pane.save.hide()
        self.again = button("&Try these again", again, icon="refresh", primary=True)
        self.again.clicked.connect(self.accept)
        close = button("Close", self.reject)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(SPACE_6, SPACE_6, SPACE_6, SPACE_6)
        inside.setSpacing(SPACE_3)
        inside.addWidget(self.pane, 1)
        inside.addLayout(row(None, self.again, close))
        self.pane.show_found(Failures(problems))


def hosts_to_sign_in(result: MaterializeResult) -> list[str]:
    """The servers that want one to sign in, in the order in which they are met."""
    hosts = (problem.host or host_of(problem.url) for problem in result.problems if problem.code in SIGN_IN)
    return list(dict.fromkeys(host for host in hosts if host))


def notice(
    result: MaterializeResult,
    again: Callable[[], object],
    sign_in: Callable[[str], object],
    show: Callable[[], object],
) -> Notice:
    """What is said on the page.

    Args:
        result: of a fetching that had problems.
        again: tries what failed once more.
        sign_in: signs in to a host and then does so.
        show: shows all that failed.
    """
    buttons: list[QPushButton] = [
        button(f"Sign in to {host}…", partial(sign_in, host), icon="key", primary=True)
        for host in hosts_to_sign_in(result)[:HOSTS]
    ]
    buttons.append(button("Tr&y these again", again, icon="refresh", primary=not buttons))
    buttons.append(button("Sho&w them", show, icon="detail"))
    reasons: dict[str, int] = {}
    for problem in result.problems:
        reason = TITLES.get(problem.code, problem.code)
        reasons[reason] = reasons.get(reason, 0) + 1
    told = [f"{reason}: {words.count(n, 'files')}" for reason, n in sorted(reasons.items(), key=lambda r: -r[1])[:TOLD]]
    said = f"{words.count(result.fetched, 'files')} fetched and verified ({words.size(result.bytes)})."
    told.append(f"For example: {result.problems[0].message}" if result.problems else "")
    title = f"{words.count(result.problem_count, 'files')} could not be fetched. {said}"
    return Notice(title, "warning", "\n".join(line for line in told if line), *buttons)
