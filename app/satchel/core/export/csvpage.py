"""Pages of CSV as ERMrest sends them: taken apart without changing a byte, and checked row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass


class PageError(ValueError):
    """A page is not what was asked for. The message says in what, for logs and people."""


@dataclass(frozen=True, slots=True)
class CsvPage:
    """A page: its header line and what follows, both with their line ends."""

    header: bytes
    body: bytes
    rows: int


def first_record_end(data: bytes) -> int:
    """Where the first record of a CSV text ends, its line end included; the length where it does not end."""
    at = 0
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            return len(data)
        # A line end inside quotes has an odd number of quotes before it.
        if data.count(b'"', 0, end) % 2 == 0:
            return end + 1
        at = end + 1


def columns_of(header: bytes) -> list[str]:
    """The column names of a header line."""
    return next(csv.reader(io.StringIO(header.decode("utf-8"), newline="")), [])


def check(data: bytes, expected: Sequence[str], header: bytes | None = None) -> CsvPage:
    """Make sure that a page holds exactly the expected rows, in order.

    Args:
        data: the page as it came, header first.
        expected: the RIDs of its rows.
        header: the header of the table's earlier pages, if there were any.

    Raises:
        PageError: another header, a row too many or too few, another row, an end in mid-row, or no UTF-8.
    """
    end = first_record_end(data)
    found, body = data[:end], data[end:]
    if header is not None and found != header:
        raise PageError("its columns are not those of the pages before")
    if body and not body.endswith(b"\n"):
        raise PageError("it ends in the middle of a row")
    try:
        names = columns_of(found)
        place = names.index("RID")
    except (UnicodeDecodeError, ValueError):
        raise PageError("it has no column RID") from None
    if found.count(b'"') % 2 or not found.endswith(b"\n"):
        raise PageError("it ends in the middle of its header")
    if place == 0 and _begin_with(body, expected, len(names)):
        return CsvPage(found, body, len(expected))
    rids = _rids(body, place, len(names))
    if len(rids) != len(expected):
        raise PageError(f"it has {len(rids):,} rows where {len(expected):,} were expected")
    if rids != list(expected):
        wrong = next(n for n, (a, b) in enumerate(zip(rids, expected, strict=True)) if a != b)
        raise PageError(f"its row {wrong + 1} is {rids[wrong]!r} where {expected[wrong]!r} was expected")
    return CsvPage(found, body, len(rids))


def _begin_with(body: bytes, expected: Sequence[str], width: int) -> bool:
    """Whether the rows begin with the RIDs expected: many times faster than a CSV reader. False says nothing.

    A line end is a row's where the quotes before it, from the row's begin, are even in number. Of rows with quotes the
    fields are not counted.
    """
    firsts = []
    if b'"' in body:
        inside = False
        for line in body.split(b"\n")[:-1]:
            if not inside:
                firsts.append(line)
            if b'"' in line and line.count(b'"') & 1:
                inside = not inside
        if inside:
            return False
    else:
        firsts = body.split(b"\n")[:-1]
        if body.count(b",") != len(firsts) * (width - 1):
            return False
    if [line.partition(b",")[0] for line in firsts] != [rid.encode() for rid in expected]:
        return False
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _rids(body: bytes, place: int, width: int) -> list[str]:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise PageError("it is not UTF-8") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    found = []
    try:
        for row in rows:
            if len(row) != width:
                raise PageError(f"a row has {len(row)} fields where there are {width} columns")
            found.append(row[place])
    except csv.Error as error:
        raise PageError(f"it is no CSV: {error}") from None
    return found


csv.field_size_limit(1 << 30)
