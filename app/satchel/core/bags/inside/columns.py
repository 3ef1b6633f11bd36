"""What the columns of a file of records hold: guessed from the first rows, made sure of by reading all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

import msgspec

from satchel.core.bags.inside.cells import display

MOST_DISTINCT = 200
"""Different values of a column that are counted; with more it is only said that there are more."""
LONGEST_VALUE = 80
"""Characters of a value that is kept for `values`, `least` and `greatest`."""
Type = Literal["empty", "boolean", "integer", "number", "date", "timestamp", "text", "json"]
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_NUMBER = r"-?(?:0|[1-9][0-9]*)"
_ONE = {
    "boolean": r"true|false|t|f|True|False|TRUE|FALSE",
    "integer": _NUMBER,
    "number": _NUMBER + r"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|NaN|-?Infinity",
    "date": _DATE,
    "timestamp": f"{_DATE}(?:[T ]{_TIME})?",
}
_MANY = {name: re.compile(rf"(?:(?:{one})(?:\n|\Z))*+") for name, one in _ONE.items()}
_ORDER: tuple[Type, ...] = ("boolean", "integer", "number", "date", "timestamp")
_WIDER: dict[frozenset[str], Type] = {
    frozenset(("integer", "number")): "number",
    frozenset(("date", "timestamp")): "timestamp",
}


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """What a column holds."""

    name: str
    type: Type
    empty: int = 0
    """Rows without a value."""
    filled: int = 0
    distinct: int | None = None
    """Different values; None: more than `MOST_DISTINCT`."""
    values: tuple[tuple[str, int], ...] = ()
    """The most frequent ones and how often, where there are few."""
    longest: int = 0
    """Characters of the longest value."""
    sure: bool = False
    """All rows were read, so type and counts hold; before, they are of the rows read so far."""


class Profile:
    """Looks at rows as they go by."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._found = [_Found() for _ in names]
        self.rows = 0

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Look at rows, each with a value for every column."""
        self.rows += len(rows)
        for found, column in zip(self._found, zip(*rows, strict=True), strict=False):
            found.add(column)

    def columns(self, *, sure: bool = False) -> tuple[Column, ...]:
        """What was found so far."""
        return tuple(found.told(name, sure) for name, found in zip(self._names, self._found, strict=True))


class _Found:
    def __init__(self) -> None:
        self.type: Type = "empty"
        self.empty = self.filled = self.longest = 0
        self.counts: Counter[str] | None = Counter()

    def add(self, column: Iterable[Any]) -> None:
        values = list(column)
        every = len(values)
        if "" in values or None in values:
            values = [value for value in values if value is not None and value != ""]
        self.empty += every - len(values)
        self.filled += len(values)
        if not values:
            return
        kinds = set(map(type, values))
        if kinds == {str}:
            self._merge(self._of_texts(set(values)))
            texts = values
        else:
            for kind in kinds:
                same = {v for v in values if type(v) is kind} if kind in (str, int, float, bool) else set()
                self._merge(self._of_json(kind, same))
            texts = [display(value) for value in values]
        self.longest = max(self.longest, len(max(texts, key=len)))
        if self.counts is not None:
            self.counts.update(texts)
            if len(self.counts) > MOST_DISTINCT:
                self.counts = None

    def _of_json(self, kind: type, values: set[Any]) -> Type:
        if kind is str:
            found = self._of_texts(values)
            return found if found in ("date", "timestamp") else "text"
        names: dict[type, Type] = {bool: "boolean", int: "integer", float: "number"}
        return names.get(kind, "json")

    def _of_texts(self, values: set[str]) -> Type:
        if self.type in ("text", "json"):
            return "text"
        joined = "\n".join(values)
        if joined.count("\n") != len(values) - 1:
            return "text"
        first = (self.type,) if self.type in _MANY else ()
        for name in (*first, *_ORDER):
            if _MANY[name].fullmatch(joined):
                return cast("Type", name)
        return "text"

    def _merge(self, other: Type) -> None:
        if self.type in ("empty", other):
            self.type = other
        else:
            self.type = _WIDER.get(frozenset((self.type, other)), "text")

    def told(self, name: str, sure: bool) -> Column:
        counts = self.counts
        few = counts is not None and len(counts) <= 20
        return Column(
            name=name,
            type=self.type,
            empty=self.empty,
            filled=self.filled,
            distinct=len(counts) if counts is not None else None,
            values=tuple((_tellable(text), n) for text, n in counts.most_common()) if few and counts else (),
            longest=self.longest,
            sure=sure,
        )


def _tellable(text: str) -> str:
    return text[:LONGEST_VALUE].encode("utf-8", "replace").decode()
