"""Problems of a bag that are too many for its result, read from the disk as they are shown."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from satchel.core.bags.problem_store import Problem, ProblemStore, Severity
from satchel.gui.bags.kinds import Group
from satchel.gui.bags.verdict import Findings

if TYPE_CHECKING:
    from satchel.core.bags.validate import ValidateResult

KEPT = 5_000
"""Problems that were looked at last and are kept in memory."""


def all_of(result: ValidateResult) -> Stored | Findings:
    """All problems of a bag: from its store where it has one that is still there."""
    if result.store:
        try:
            return Stored(Path(result.store), result.error_count + result.warning_count)
        except (sqlite3.Error, KeyError):
            pass  # the job was discarded: what the result holds is still told
    return Findings(result.errors, result.warnings)


class Stored:
    """All of a store's problems; a place is a problem's number in it. Reading one takes a fraction of a millisecond.

    Args:
        store: the file that the result names.
        count: how many problems are in it.

    Raises:
        sqlite3.Error, KeyError: it cannot be read any more.
    """

    def __init__(self, store: Path, count: int) -> None:
        self._path = store
        self._count = count
        self._own = threading.local()
        self._kept: dict[int, tuple[Severity, Problem]] = {}
        self._store().problems([1])  # that it can be read

    def _store(self) -> ProblemStore:
        """This thread's: groups are found in another than that which draws."""
        found: ProblemStore | None = getattr(self._own, "store", None)
        if found is None:
            found = self._own.store = ProblemStore(self._path)
        return found

    def __len__(self) -> int:
        return self._count

    def _at(self, place: int) -> tuple[Severity, Problem]:
        kept = self._kept.get(place)
        if kept is not None:
            return kept
        if len(self._kept) >= KEPT:
            self._kept.clear()
        found: tuple[Severity, Problem]
        try:
            (found,) = self._store().problems([place])
        except (sqlite3.Error, KeyError):
            found = "error", Problem(code="", path="", message="(no longer there: the job was discarded)")
        self._kept[place] = found
        return found

    def severity(self, place: int) -> str:
        """`error` or `warning`."""
        return self._at(place)[0]

    def code(self, place: int) -> str:
        """The kind of problem."""
        return self._at(place)[1].code

    def message(self, place: int) -> str:
        """What is wrong."""
        return self._at(place)[1].message

    def where(self, place: int) -> str:
        """The file and, where one is to blame, the line in it."""
        problem = self._at(place)[1]
        return f"{problem.path}, line {problem.line}" if problem.line is not None else problem.path

    def many(self, places: Sequence[int]) -> list[tuple[str, str]]:
        """Messages, and where, of many at once; from any thread."""
        try:
            found = self._store().problems(places)
        except (sqlite3.Error, KeyError):
            return [(self.message(place), self.where(place)) for place in places]
        return [
            (problem.message, f"{problem.path}, line {problem.line}" if problem.line is not None else problem.path)
            for _, problem in found
        ]

    def matching(self, text: str) -> Sequence[int]:
        """The places with a text in them; slow for many, so ask from a thread."""
        return self._store().places(text=text)

    def groups(self, text: str) -> list[Group]:
        """The kinds of those with a text in them; slow for many, so ask from a thread."""
        store = self._store()
        kinds = store.kinds(text)
        return [Group(kind.code, kind.severity, store.places(kind.severity, kind.code, text)) for kind in kinds]
