"""What is found wrong with a bag, and what is worth knowing, gathered with bounds."""

from __future__ import annotations

import re
import sqlite3
import threading
from pathlib import Path

from satchel.core.bags.problem_store import Problem, Severity, StoreWriter
from satchel.core.errors import Kind, SatchelError

__all__ = ["MOST_TOLD", "NOT_FETCHED", "Findings", "Problem", "is_text", "tellable", "visible"]
MOST_TOLD = 10_000
"""Problems of a severity that are kept in memory and in a result; all are in the store where there are more."""
NOT_FETCHED = "not-fetched"
"""The code of a file of fetch.txt that is not here: an error, for a valid bag is complete (RFC 8493, 3)."""
_LONGEST = 4_000
"""Characters of a path or message that are kept; a hostile bag may have names of a megabyte."""
_ROOM = 32_000_000
"""Characters of all problems together that are kept."""
_COMMANDS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What terminals and windows would obey rather than show."""
_NOT_OF_COMPLETENESS = frozenset({"checksum", "contradiction", "oxum", "length", "profile"})
"""Errors of bags that may be complete as RFC 8493, 3, means it: all is there, and in its form."""


class Findings:
    """Errors, which make a bag invalid, and warnings, which do not. Safe from several threads.

    Args:
        most: problems of a severity that are kept in memory.
        store: where all of them go when there are more; None: those are only counted.
    """

    def __init__(self, most: int | None = None, store: Path | None = None) -> None:
        self._most = MOST_TOLD if most is None else most
        self._room = _ROOM
        self._place = store
        self._writer: StoreWriter | None = None
        self._lock = threading.Lock()
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []
        self.error_count = 0
        self.warning_count = 0
        self.is_whole = True
        """No error says that something is missing, or not what it must be to count as there."""

    def error(self, code: str, path: str, message: str, line: int | None = None) -> None:
        """Something that makes the bag invalid."""
        with self._lock:
            self.error_count += 1
            self.is_whole = self.is_whole and code in _NOT_OF_COMPLETENESS
            self._keep("error", self.errors, code, path, message, line)

    def warning(self, code: str, path: str, message: str, line: int | None = None) -> None:
        """Something that does not."""
        with self._lock:
            self.warning_count += 1
            self._keep("warning", self.warnings, code, path, message, line)

    def _keep(
        self, severity: Severity, kept: list[Problem], code: str, path: str, message: str, line: int | None
    ) -> None:
        fits = len(kept) < self._most and self._room > 0
        if not fits and self._place is None:
            return
        problem = Problem(code=code, path=tellable(path), message=visible(message), line=line)
        try:
            if not fits and self._writer is None and self._place is not None:
                self._begin(self._place)
            if self._writer is not None:
                self._writer.add(severity, problem)
        except sqlite3.Error as error:
            raise SatchelError(
                Kind.DISK_FULL, "What is wrong with the bag cannot be written down.", "Free some space.", str(error)
            ) from error
        if fits:
            self._room -= len(problem.path) + len(problem.message)
            kept.append(problem)

    def _begin(self, place: Path) -> None:
        """Write down those in memory, too: a store has all."""
        place.parent.mkdir(parents=True, exist_ok=True)
        self._writer = StoreWriter(place)
        for problem in self.errors:
            self._writer.add("error", problem)
        for problem in self.warnings:
            self._writer.add("warning", problem)

    def close(self, *, whole: bool = True) -> Path | None:
        """No more will come. Returns the store's path; None where there was no need of one.

        Raises:
            SatchelError: the disk is full.
        """
        if self._writer is None:
            return None
        try:
            self._writer.close(whole=whole)
        except sqlite3.Error as error:
            raise SatchelError(
                Kind.DISK_FULL, "What is wrong with the bag cannot be written down.", "Free some space.", str(error)
            ) from error
        return self._writer.path

    def either(self, is_error: bool, code: str, path: str, message: str, line: int | None = None) -> None:
        """An error under one version of BagIt, a warning under another."""
        (self.error if is_error else self.warning)(code, path, message, line)


def tellable(text: str) -> str:
    """A text as it can be written down: what stands for bytes that are no UTF-8 is shown by numbers."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}... ({len(text):,} characters)"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def visible(text: str) -> str:
    """A text for people: escapes of terminals and marks that turn the direction of writing are shown, not obeyed."""
    return _COMMANDS.sub(lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 256 else f"\\u{ord(m[0]):04x}", tellable(text))


def is_text(name: str) -> bool:
    """Whether a file's name can be written in UTF-8; names of other bytes hold halves of characters instead."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
