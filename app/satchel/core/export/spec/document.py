"""JSON read with the place of every value, so that a fault can be shown where it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 100
"""Levels of nesting. A spec has six."""
LONGEST = 32 << 20
"""Bytes of a spec."""
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_WORD = re.compile(r"[A-Za-z_]+")


class JsonError(ValueError):
    """A text is not JSON. The message says why."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        """From 1."""
        self.column = column
        """From 1."""


@dataclass(slots=True)
class Node:
    """A value and where it stands."""

    value: Any
    """The plain Python value."""
    line: int
    column: int
    start: int
    """Offset of its first character."""
    end: int
    """Offset behind its last."""
    members: dict[str, Node] = field(default_factory=dict)
    """Of an object."""
    items: list[Node] = field(default_factory=list)
    """Of an array."""
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Line and column of each member's name."""
    twice: list[tuple[str, int, int]] = field(default_factory=list)
    """Names that an object has more than once, with the place of the later one; the later one counts."""

    def at(self, pointer: str) -> Node | None:
        """The value that a JSON pointer (RFC 6901) leads to; None where there is none."""
        node: Node | None = self
        for part in pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if node is None:
                return None
            if isinstance(node.value, list):
                node = node.items[int(name)] if name.isdigit() and int(name) < len(node.items) else None
            else:
                node = node.members.get(name)
        return node

    def nearest(self, pointer: str) -> Node:
        """The value that a pointer leads to, or the innermost one on the way that is there."""
        while pointer:
            found = self.at(pointer)
            if found is not None:
                return found
            pointer = pointer.rpartition("/")[0]
        return self

    def walk(self, pointer: str = "") -> Iterator[tuple[str, Node]]:
        """All values with their pointers, this one first."""
        yield pointer, self
        for name, node in self.members.items():
            yield from node.walk(f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
        for number, node in enumerate(self.items):
            yield from node.walk(f"{pointer}/{number}")


def parse(text: str) -> Node:
    """Read JSON.

    Raises:
        JsonError: it is none, is nested too deeply, or is larger than a spec can be.
    """
    if len(text) > LONGEST:
        raise JsonError("It is larger than any spec", 1, 1)
    return _Parser(text).document()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines = [0, *(m.end() for m in re.finditer("\n", text))]
        self._line = 0

    def document(self) -> Node:
        if self._text.startswith("\ufeff"):
            raise JsonError("It begins with a byte order mark, which JSON must not have", 1, 1)
        self._space()
        if self._at == len(self._text):
            raise JsonError("It is empty", 1, 1)
        node = self._value(0)
        self._space()
        if self._at < len(self._text):
            raise self._error("Something follows the end of the JSON object")
        return node

    def _place(self, at: int) -> tuple[int, int]:
        lines = self._lines
        while self._line + 1 < len(lines) and lines[self._line + 1] <= at:
            self._line += 1
        while lines[self._line] > at:
            self._line -= 1
        return self._line + 1, at - lines[self._line] + 1

    def _error(self, message: str, at: int | None = None) -> JsonError:
        return JsonError(message, *self._place(self._at if at is None else at))

    def _space(self) -> None:
        match = _SPACE.match(self._text, self._at)
        assert match is not None  # noqa: S101 - it matches nothing, too
        self._at = match.end()

    def _value(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self._error("It is nested too deeply")
        text, start = self._text, self._at
        first = text[start : start + 1]
        line, column = self._place(start)
        node = Node(None, line, column, start, start)
        if first == "{":
            self._object(node, depth)
        elif first == "[":
            self._array(node, depth)
        elif first == '"':
            node.value = self._string()
        elif (match := _NUMBER.match(text, start)) is not None and match.end() > start:
            node.value = json.loads(match[0])
            self._at = match.end()
        elif (word := _WORD.match(text, start)) is not None and word[0] in _WORDS:
            node.value = _WORDS[word[0]]
            self._at = word.end()
        else:
            raise self._error(self._unexpected(first))
        node.end = self._at
        return node

    def _unexpected(self, first: str) -> str:
        if not first:
            return "It ends too early: a bracket or brace is not closed"
        if first in "}]":
            return f"A value is missing before {first} (a comma too many?)"
        if first in "#/":
            return "JSON has no comments"
        if first == "'":
            return "Texts stand in double quotes"
        return f"A value is needed here, not {first!r}"

    def _string(self) -> str:
        match = _STRING.match(self._text, self._at)
        if match is None:
            end = self._text.find("\n", self._at)
            rest = self._text[self._at : end if end >= 0 else None]
            if rest.count('"') < 2 + rest.count('\\"'):
                raise self._error("This text has no closing quote on its line")
            raise self._error("This text has a backslash or a control character that JSON does not know")
        self._at = match.end()
        found: str = json.loads(match[0])
        return found

    def _object(self, node: Node, depth: int) -> None:
        node.value = {}
        self._at += 1
        self._space()
        if self._text[self._at : self._at + 1] == "}":
            self._at += 1
            return
        while True:
            self._space()
            if self._text[self._at : self._at + 1] != '"':
                raise self._error(self._name_problem())
            place = self._place(self._at)
            name = self._string()
            self._space()
            if self._text[self._at : self._at + 1] != ":":
                raise self._error(f'A colon is missing after "{name}"')
            self._at += 1
            self._space()
            if name in node.members:
                node.twice.append((name, *place))
            child = self._value(depth + 1)
            node.members[name], node.keys[name], node.value[name] = child, place, child.value
            if not self._more("}"):
                return

    def _name_problem(self) -> str:
        first = self._text[self._at : self._at + 1]
        if first == "}":
            return "There is a comma too many before this brace"
        return "It ends too early: a brace is not closed" if not first else "A name in double quotes is needed here"

    def _array(self, node: Node, depth: int) -> None:
        node.value = []
        self._at += 1
        self._space()
        if self._text[self._at : self._at + 1] == "]":
            self._at += 1
            return
        while True:
            self._space()
            child = self._value(depth + 1)
            node.items.append(child)
            node.value.append(child.value)
            if not self._more("]"):
                return

    def _more(self, closing: str) -> bool:
        """Whether a comma follows; False after the closing one."""
        self._space()
        found = self._text[self._at : self._at + 1]
        if found == closing:
            self._at += 1
            return False
        if found != ",":
            end = "It ends too early: a bracket or brace is not closed"
            raise self._error("A comma is missing before this" if found else end)
        self._at += 1
        return True


def read_text(data: bytes) -> str:
    """The text of a spec's file. Raises JsonError where it is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise JsonError("It is not UTF-8", line, 1) from None
