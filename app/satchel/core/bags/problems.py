"""What is found wrong with a bag, and what is worth knowing, gathered with bounds."""

from __future__ import annotations

import re

import msgspec

MOST_TOLD = 100_000
"""Problems of a kind that are kept; the counts are of all."""
_LONGEST = 4_000
"""Characters of a path or message that are kept; a hostile bag may have names of a megabyte."""
_ROOM = 32_000_000
"""Characters of all problems together that are kept."""
_COMMANDS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What terminals and windows would obey rather than show."""
_NOT_OF_COMPLETENESS = frozenset({"checksum", "contradiction", "oxum", "length", "profile"})
"""Errors of bags that may be complete as RFC 8493, 3, means it: all is there, and in its form."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong with a bag, or worth knowing."""

    code: str
    """`missing`, `unexpected`, `checksum`, `length`, `malformed`, `unsafe-path`, `oxum`, ... (docs/validation.md)."""
    path: str
    message: str
    line: int | None = None


class Findings:
    """Errors, which make a bag invalid, and warnings, which do not. Safe from several threads."""

    def __init__(self, most: int | None = None) -> None:
        self._most = MOST_TOLD if most is None else most
        self._room = _ROOM
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []
        self.error_count = 0
        self.warning_count = 0
        self.is_whole = True
        """No error says that something is missing, or not what it must be to count as there."""

    def error(self, code: str, path: str, message: str, line: int | None = None) -> None:
        """Something that makes the bag invalid."""
        self.error_count += 1
        self.is_whole = self.is_whole and code in _NOT_OF_COMPLETENESS
        self._keep(self.errors, code, path, message, line)

    def warning(self, code: str, path: str, message: str, line: int | None = None) -> None:
        """Something that does not."""
        self.warning_count += 1
        self._keep(self.warnings, code, path, message, line)

    def _keep(self, kept: list[Problem], code: str, path: str, message: str, line: int | None) -> None:
        if len(kept) < self._most and self._room > 0:
            problem = Problem(code=code, path=tellable(path), message=visible(message), line=line)
            self._room -= len(problem.path) + len(problem.message)
            kept.append(problem)

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
