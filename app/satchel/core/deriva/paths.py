"""Pieces of ERMrest's data URLs, every name and value escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

BATCH_BYTES = 3000
"""How long a list of values in a path may become: the whole path must stay under 4,000 bytes."""


def escape(value: str) -> str:
    """A name or value as a path wants it: every byte but letters, digits and `-._~` as %XX."""
    return quote(value, safe="")


def equals(column: str, value: str) -> str:
    """The filter `column=value`."""
    return f"{escape(column)}={escape(value)}"


def any_of(column: str, values: Iterable[str]) -> str:
    """The filter `column=any(...)`."""
    return f"{escape(column)}=any({','.join(map(escape, values))})"


def contains(columns: Sequence[str], text: str) -> str:
    """The filter for rows that hold a text, in any case, in one of the columns."""
    pattern = escape(literal(text))
    return ";".join(f"{escape(column)}::ciregexp::{pattern}" for column in columns)


def literal(text: str) -> str:
    r"""A regular expression (PostgreSQL's "advanced" ones) that matches this very text."""
    return "".join(f"\\{c}" if c in r".^$*+?()[]{}|\-/" else c for c in text)


def page(columns: Sequence[str], sort: Sequence[str] = ("RID",), after: Sequence[str | None] | None = None) -> str:
    """The end of an `attribute` path: the columns, their order, and the row after which to begin."""
    end = f"{','.join(map(escape, columns))}@sort({','.join(map(escape, sort))})"
    if after is not None:
        end += f"@after({','.join('::null::' if v is None else escape(v) for v in after)})"
    return end


def batches(values: Iterable[str], limit: int = BATCH_BYTES) -> Iterator[list[str]]:
    """Values in lists that fit into a path when they are escaped."""
    batch: list[str] = []
    length = 0
    for value in values:
        size = len(escape(value)) + 1
        if batch and length + size > limit:
            yield batch
            batch, length = [], 0
        batch.append(value)
        length += size
    if batch:
        yield batch
