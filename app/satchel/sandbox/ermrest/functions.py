"""What the compiled SQL calls: functions, aggregates and collations to install on a connection."""

from __future__ import annotations

import json
import math
import re
import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cmp_to_key, lru_cache
from typing import Any

from . import types
from .model import ErmrestError
from .problems import conflict, malformed


class _Refusals(threading.local):
    """Why a function refused, since SQLite passes on only that it did; a statement runs in one thread."""

    error: ErmrestError | None = None


_refusals = _Refusals()


def refusal() -> ErmrestError | None:
    """Why the last statement of this thread was refused by one of these functions, if it was. Told once."""
    error, _refusals.error = _refusals.error, None
    return error


def _telling(code: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        try:
            return code(*arguments)
        except ErmrestError as error:
            _refusals.error = error
            raise

    return call


def register(connection: sqlite3.Connection) -> None:
    """Install on a connection what compiled statements need. To be called once for each connection."""

    def function(name: str, arguments: int, code: Callable[..., Any]) -> None:
        connection.create_function(name, arguments, code, deterministic=True)

    function("ermrest_float8", 1, types.float8_text)
    function("ermrest_float4", 1, types.float4_text)
    function("ermrest_array", 2, types.array_literal)
    function("ermrest_floats", 2, types.floats_text)
    function("ermrest_regexp", 2, _matches)
    function("ermrest_ciregexp", 2, _matches_any_case)
    function("ermrest_bin", 5, _telling(_bin))
    function("ermrest_wide", 2, _wide)
    function("ermrest_jsonb", 1, _jsonb)
    connection.create_aggregate("ermrest_list", 1, _List)  # type: ignore[arg-type]
    connection.create_aggregate("ermrest_set", 1, _Set)  # type: ignore[arg-type]
    connection.create_aggregate("ermrest_sum", 1, _Sum)  # type: ignore[arg-type]
    connection.create_aggregate("ermrest_avg", 1, _Average)  # type: ignore[arg-type]
    connection.create_collation("ermrest_numeric", types.compare_numeric)
    connection.create_collation("ermrest_jsonb", types.compare_jsonb)
    connection.create_collation("ermrest_array", types.compare_arrays)


# regular expressions

_CLASSES = {
    "alnum": r"^\W_",
    "alpha": r"^\W\d_",
    "digit": r"\d",
    "space": r"\s",
    "upper": "A-Z",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "print": r"\x20-\x7e",
    "graph": r"\x21-\x7e",
    "word": r"\w",
}
_ESCAPES = {"m": r"\b(?=\w)", "M": r"\b(?<=\w)", "y": r"\b", "Y": r"\B", "A": r"\A", "Z": r"\Z"}


@lru_cache(maxsize=256)
def regexp(pattern: str, any_case: bool) -> re.Pattern[str]:
    """A regular expression of PostgreSQL's kind as Python's.

    Raises:
        ErmrestError: 409 when it is none.
    """
    if len(pattern) > 10_000:
        raise malformed("The regular expression is too long.")
    try:
        return re.compile(_translated(pattern), re.IGNORECASE if any_case else 0)
    except (re.error, RecursionError, OverflowError) as error:
        word = "brackets [] not balanced" if "unterminated character set" in str(error) else str(error)
        raise conflict(f"invalid regular expression: {word}\n") from None


def _translated(pattern: str) -> str:
    """PostgreSQL's own escapes and POSIX classes in Python's notation; `$` only at the very end of the text."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\" and at + 1 < len(pattern):
            out.append(_ESCAPES.get(pattern[at + 1], pattern[at : at + 2]))
            at += 2
        elif char == "[":
            text, at = _bracket(pattern, at)
            out.append(text)
        else:
            out.append(r"\Z" if char == "$" else char)
            at += 1
    return "".join(out)


def _bracket(pattern: str, start: int) -> tuple[str, int]:
    at = start + 1
    negated = pattern[at : at + 1] == "^"
    at += negated
    inside: list[str] = []
    while at < len(pattern) and (pattern[at] != "]" or at == start + 1 + negated):
        if pattern.startswith("[:", at) and (end := pattern.find(":]", at)) > 0:
            name = pattern[at + 2 : end]
            if name not in _CLASSES:
                raise re.error("invalid character class")
            members = _CLASSES[name]
            if members.startswith("^"):
                # Python has no nested sets: spell the two that are defined by what they are not.
                members = r"0-9A-Za-z\u00aa-\uffff" if name == "alnum" else r"A-Za-z\u00aa-\uffff"
            inside.append(members)
            at = end + 2
        elif pattern[at] == "\\" and at + 1 < len(pattern):
            inside.append(pattern[at : at + 2])
            at += 2
        else:
            inside.append("\\" + pattern[at] if pattern[at] in "[]&~|" else pattern[at])
            at += 1
    if at >= len(pattern):
        raise re.error("unterminated character set")
    return f"[{'^' if negated else ''}{''.join(inside)}]", at + 1


def _matches(pattern: str, text: Any) -> int | None:
    return None if text is None else regexp(pattern, False).search(str(text)) is not None


def _matches_any_case(pattern: str, text: Any) -> int | None:
    return None if text is None else regexp(pattern, True).search(str(text)) is not None


# aggregates


class _List:
    """array: jsonb of all values, each given as its JSON text."""

    def __init__(self) -> None:
        self._items: list[str | None] = []

    def step(self, value: str | int | None) -> None:
        # An integer is its own JSON text and comes as it is.
        self._items.append(None if value is None else str(value))

    def finalize(self) -> str | None:
        if not self._items:
            return None
        return "[" + ", ".join("null" if item is None else item for item in self._items) + "]"


class _Set:
    """array_d: the same of the distinct values, in order, null last."""

    def __init__(self) -> None:
        self._items: set[str | None] = set()

    def step(self, value: str | int | None) -> None:
        self._items.add(None if value is None else str(value))

    def finalize(self) -> str | None:
        if not self._items:
            return None
        items = sorted((item for item in self._items if item is not None), key=cmp_to_key(types.compare_jsonb))
        distinct = [item for i, item in enumerate(items) if i == 0 or types.compare_jsonb(items[i - 1], item)]
        return "[" + ", ".join(distinct + ["null"] * (None in self._items)) + "]"


class _Sum:
    """sum of numerics (texts)."""

    def __init__(self) -> None:
        self._total: Decimal | None = None

    def step(self, value: str | None) -> None:
        if value is not None:
            self._total = types.exact_sum(self._total, Decimal(value))

    def finalize(self) -> str | None:
        return None if self._total is None else types.decimal_text(self._total)


class _Average:
    """avg of integers and numerics, exact."""

    def __init__(self) -> None:
        self._total: Decimal | None = None
        self._count = 0

    def step(self, value: str | int | None) -> None:
        if value is not None:
            self._total = types.exact_sum(self._total, Decimal(value))
            self._count += 1

    def finalize(self) -> str | None:
        return None if self._total is None else types.average(self._total, self._count)


def _wide(high: int | None, low: int | None) -> str | int | None:
    """A sum of 64-bit integers from the sums of their upper and lower halves; text where 64 bits do not hold it."""
    if high is None or low is None:
        return None
    total = (high << 32) + low
    return total if -types.INT8 <= total < types.INT8 else str(total)


def _jsonb(text: str | None) -> str | None:
    return None if text is None else types.jsonb_text(json.loads(text, parse_float=Decimal))


# binning


def _bin(value: Any, count: int, low: Any, high: Any, kind: str) -> str:
    """The bucket of a value between two bounds, `[bucket, lower, upper]`, as ERMrest's `bin` makes it."""
    if value is None:
        return "[null, null, null]"
    if low == high:
        raise conflict("lower bound cannot equal upper bound\n")
    x, a, b = (_position(v, kind) for v in (value, low, high))
    if a < b:
        outside = 0 if x < a else count + 1 if x >= b else None
    else:
        outside = 0 if x > a else count + 1 if x <= b else None
    bucket = outside if outside is not None else int((x - a) * count / (b - a)) + 1
    if bucket == 0:
        lower, upper = "null", _bound(low, kind)
    elif bucket == count + 1:
        lower, upper = _bound(high, kind), "null"
    else:
        lower, upper = _between(low, high, bucket - 1, count, kind), _between(low, high, bucket, count, kind)
    return f"[{bucket}, {lower}, {upper}]"


def _position(value: Any, kind: str) -> float:
    if kind in ("date", "timestamp", "timestamptz"):
        return (datetime.fromisoformat(value).replace(tzinfo=None) - datetime.min) / timedelta(seconds=1)
    return float(value)


def _bound(value: Any, kind: str) -> str:
    if kind in ("date", "timestamp", "timestamptz"):
        return json.dumps(value)
    return types.jsonb_text(Decimal(str(value)) if kind == "numeric" else value)


def _between(low: Any, high: Any, part: int, count: int, kind: str) -> str:
    share = part / count
    if kind in ("date", "timestamp", "timestamptz"):
        a, b = (datetime.fromisoformat(v).replace(tzinfo=None) for v in (low, high))
        return json.dumps(types.moment_text(a + (b - a) * share) + ("+00:00" if kind == "timestamptz" else ""))
    value = float(low) + (float(high) - float(low)) * share
    return types.jsonb_text(int(value) if value.is_integer() and math.isfinite(value) else value)


def check_bin(count: str) -> int:
    """The number of bins, when it makes sense. Equal bounds are refused where a value is met, as PostgreSQL does.

    Raises:
        ErmrestError: 400 when they do not.
    """
    if not re.fullmatch("[0-9]{1,6}", count) or not int(count):
        raise _bad_bins(count)
    return int(count)


def _bad_bins(count: str) -> ErmrestError:
    return malformed(f'Value "{count}" is not a valid decimal integer number of bins.')
