"""Files of records read in blocks of whole records, with bounded memory.

A block is found without taking its records apart: line ends outside quotes are counted (RFC 4180, with quotes that open
only where a field begins, as Python's csv module reads them). So a gigabyte is counted in a second or two, and any row
is found again from its block.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import IO, Any, NamedTuple

from satchel.core.bags.inside.form import Form, lines_in
from satchel.core.errors import Kind, SatchelError
from satchel.core.words import count

BLOCK = 1 << 16
"""Bytes between two places from which rows are found; a page is read in a few milliseconds."""
LARGE = 1 << 18
"""Bytes that are read at once where all of a file is read."""
LONGEST = 1 << 26
"""Bytes of one record. A longer one is a missing quotation mark."""
_TRIES = 64
"""Line ends that are looked at, from the last one back, before the exact way is taken."""
_DECODER = json.JSONDecoder()
_BLANK = re.compile(rb"\n(?=[ \t\r]*(?:\n|\Z))")


class Block(NamedTuple):
    """Whole records, one after the other."""

    offset: int
    """Where it begins in the file."""
    data: bytes
    row: int
    """The number of its first record, from 0."""
    rows: int
    line: int
    """The number of its first line, from 1."""


class RecordAt(NamedTuple):
    """A record and where it is."""

    offset: int
    """In bytes, in its file."""
    line: int
    """The line on which it begins; of a record of a JSON array that of its block."""
    values: list[Any]
    """Texts of CSV; what JSON says otherwise, None where a key is missing. Longer or shorter than the columns where
    the record is damaged."""
    extra: tuple[str, ...] = ()
    """Keys that are no columns."""
    problem: str = ""
    """A sentence's end, where it is damaged: "is no JSON"."""


class DamagedError(SatchelError):
    """A file that cannot be read any further."""

    def __init__(self, name: str, line: int, what: str) -> None:
        super().__init__(
            Kind.INVALID, f"{name}, line {line:,}: {what}", "The rows before it are shown. Ask whoever made the bag."
        )
        self.line = line


def blocks(
    file: IO[bytes], form: Form, *, offset: int = -1, row: int = 0, line: int = 0, size: int = BLOCK
) -> Iterator[Block]:
    """The records of a file, from a place on where a record begins.

    Args:
        file: opened for reading in binary.
        form: how they are written.
        offset: where to begin; -1: at the first record.
        row: the number of the record there.
        line: the number of the line there.
        size: bytes that are read at once.

    Raises:
        DamagedError: a record has no end.
        OSError: the file cannot be read.
    """
    at, number = (form.start, form.line) if offset < 0 else (offset, line)
    file.seek(at)
    rest, wanted = b"", size
    name = str(getattr(file, "name", "")).rpartition("/")[2]
    while True:
        piece = file.read(wanted)
        final = len(piece) < wanted
        data = rest + piece
        end, rows, ended = _cut(data, form, final, name, number)
        if end:
            block = data[:end]
            if rows:
                yield Block(at, block, row, rows, number)
            row, at, number, rest, wanted = row + rows, at + end, number + lines_in(block), data[end:], size
        else:
            rest, wanted = data, max(size, len(data))
            if len(rest) > LONGEST:
                csv_ = form.kind == "csv"
                what = "this row has no end; a quotation mark may be missing before it." if csv_ else "this is no JSON."
                raise DamagedError(name, number, what)
        if ended or (final and not (end and rest)):
            return


def _cut(data: bytes, form: Form, final: bool, name: str, line: int) -> tuple[int, int, bool]:
    """Where the last whole record of some bytes ends, how many there are, and whether the file's records end there."""
    if form.kind == "csv":
        return *_cut_csv(data, form.delimiter, final), False
    if form.kind == "lines":
        end = len(data) if final else data.rfind(b"\n") + 1
        plain = b"\n" + data[:end]
        return end, plain.rstrip(b" \t\r\n").count(b"\n") - len(_BLANK.findall(plain.rstrip(b" \t\r\n"))), False
    return _cut_array(data, final, name, line)


@cache
def _quoted(delimiter: str) -> re.Pattern[bytes]:
    """A quoted field, from its begin; one that is not closed goes to the end."""
    sign = re.escape(delimiter).encode()
    return re.compile(rb"(?<![^\r\n" + sign + rb'])("[^"]*+(?:""[^"]*+)*+(?:"|\Z))')


def _cut_csv(data: bytes, delimiter: str, final: bool) -> tuple[int, int]:
    if not final and data.endswith(b"\r"):
        data = data[:-1]  # perhaps half of a CRLF
    if b'"' not in data:
        end = len(data) if final else max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        return end, _lines(data[:end])
    return _cut_quick(data, delimiter, final) or _cut_exact(data, delimiter, final)


def _cut_quick(data: bytes, delimiter: str, final: bool) -> tuple[int, int] | None:
    """Where every quote begins or ends a whole field: fast, for quotes are only counted. None: it is not so."""
    quotes = data.count(b'"')
    end = len(data)
    if not final or quotes & 1:
        if final:
            return None  # a quotation mark is not closed
        for _ in range(_TRIES):
            end = max(data.rfind(b"\n", 0, end), data.rfind(b"\r", 0, end)) + 1
            # Inside a quoted field the quotes before are odd in number.
            if end == 0 or (quotes - data.count(b'"', end)) % 2 == 0:
                break
            end -= 1
        else:
            return None
        if end == 0:
            return None
    # What stands for two quotes must not look like a line that holds nothing.
    plain = b'"'.join(data[:end].replace(b'""', b"'").split(b'"')[::2])
    fields = plain.count(b'"')
    sign = delimiter.encode()
    before = sum(plain.count(begin) for begin in (sign + b'"', b'\n"', b'\r"')) + plain.startswith(b'"')
    if before != fields:
        return None
    after = sum(plain.count(stop) for stop in (b'"' + sign, b'"\n', b'"\r')) + plain.endswith(b'"')
    return (end, _lines(plain)) if after == fields else None


def _cut_exact(data: bytes, delimiter: str, final: bool) -> tuple[int, int]:
    """The same for any CSV, as Python's reader would take it."""
    pieces = _quoted(delimiter).split(data)
    if final:
        return len(data), _lines(b'"'.join(pieces[::2]))
    after = 0
    for place in range(len(pieces) - 1, -1, -1):
        piece = pieces[place]
        if place % 2 == 0 and (at := max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1):
            pieces[place] = piece[:at]
            return len(data) - after - len(piece) + at, _lines(b'"'.join(pieces[: place + 1 : 2]))
        after += len(piece)
    return 0, 0


def _lines(plain: bytes) -> int:
    """Lines that hold something."""
    if b"\r" in plain:
        plain = plain.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if plain.startswith(b"\n") or b"\n\n" in plain:
        return sum(1 for line in plain.split(b"\n") if line)
    return plain.count(b"\n") + (not plain.endswith(b"\n") and plain != b"")


def _cut_array(data: bytes, final: bool, name: str, line: int) -> tuple[int, int, bool]:
    text = _decoded(data, final)
    at, end, rows = 0, 0, 0
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        if at < len(text) and text[at] == "]":
            return _bytes(text[:at]), rows, True
        try:
            _, at = _DECODER.raw_decode(text, at)
        except RecursionError:
            raise DamagedError(name, line, "this is nested too deeply.") from None
        except ValueError as error:
            if rows or not final:
                return _bytes(text[:end]), rows, False
            place = getattr(error, "pos", 0)
            what = "the file ends within the array." if place >= len(text.rstrip()) else "this is no JSON."
            raise DamagedError(name, line + text.count("\n", 0, place), what) from None
        end, rows = at, rows + 1


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def _decoded(data: bytes, final: bool) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if not final and error.start >= len(data) - 4:
            return data[: error.start].decode("utf-8")
        return data.decode("utf-8", "surrogateescape")


def first_end(data: bytes, delimiter: str) -> int | None:
    """Where the first record of some CSV ends, its line end included; None where it does not."""
    at = 0
    for place, piece in enumerate(_quoted(delimiter).split(data)):
        if place % 2 == 0:
            ends = [end for end in (piece.find(b"\n"), piece.find(b"\r")) if end >= 0]
            if ends:
                end = at + min(ends)
                if data[end : end + 1] == b"\r":
                    if end + 1 == len(data):
                        return None  # perhaps half of a CRLF
                    return end + 1 + (data[end + 1 : end + 2] == b"\n")
                return end + 1
        at += len(piece)
    return None


# -- records ----------------------------------------------------------------------------------------------------------


def values(block: Block, form: Form) -> list[list[Any]]:
    """The values of a block's records, each as many as there are columns; damage is passed over."""
    width = len(form.columns)
    if form.kind == "csv":
        found = [row for row in _reader(block, form) if row]
    else:
        found = [record.values for record in records(block, form)]
    return [row if len(row) == width else (row + [""] * width)[:width] for row in found]


def _reader(block: Block, form: Form) -> Any:
    # The limit is all modules' in common, and some set it back.
    csv.field_size_limit(1 << 30)
    return csv.reader(io.StringIO(block.data.decode(form.encoding, "replace"), newline=""), delimiter=form.delimiter)


def records(block: Block, form: Form) -> Iterator[RecordAt]:
    """A block's records with their places."""
    if form.kind == "csv":
        yield from _csv_records(block, form)
    elif form.kind == "lines":
        at = block.offset
        for number, line in enumerate(block.data.split(b"\n")):
            if line.strip():
                yield _object(at, block.line + number, line, form)
            at += len(line) + 1
    else:
        yield from _array_records(block, form)


def _csv_records(block: Block, form: Form) -> Iterator[RecordAt]:
    ends = [0, *accumulate(map(len, block.data.splitlines(keepends=True)))]
    reader = _reader(block, form)
    before = 0
    width = len(form.columns)
    for row in reader:
        if row:
            problem = "" if len(row) == width else _uneven(len(row), width)
            yield RecordAt(block.offset + ends[before], block.line + before, row, (), problem)
        before = reader.line_num


def _uneven(fields: int, columns: int) -> str:
    return f"has {count(fields, 'fields')} where there are {count(columns, 'columns')}"


def _object(offset: int, line: int, text: bytes, form: Form) -> RecordAt:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return RecordAt(offset, line, [None] * len(form.columns), (), "is no JSON")
    return _row(offset, line, value, form)


def _row(offset: int, line: int, value: Any, form: Form) -> RecordAt:
    if not isinstance(value, dict):
        return RecordAt(offset, line, [None] * len(form.columns), (), "is no JSON object")
    row = [value.get(name) for name in form.columns]
    if len(value) <= len(form.columns) and value.keys() <= set(form.columns):
        return RecordAt(offset, line, row)
    return RecordAt(offset, line, row, tuple(key for key in value if key not in form.columns))


def _array_records(block: Block, form: Form) -> Iterator[RecordAt]:
    text = block.data.decode("utf-8", "surrogateescape")
    plain = text.isascii()
    at, counted, offset = 0, 0, block.offset
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        if plain:
            offset = block.offset + at
        else:
            offset += _bytes(text[counted:at])
            counted = at
        yield _row(offset, block.line, value, form)
        at = end


def record_at(file: IO[bytes], form: Form, offset: int) -> list[Any]:
    """The values of the record that begins at a place. Raises DamagedError, OSError."""
    size = 1 << 13
    while True:
        file.seek(offset)
        data = file.read(size)
        final = len(data) < size
        if form.kind == "csv":
            end = first_end(data, form.delimiter)
        elif form.kind == "lines":
            end = data.find(b"\n") + 1 or None
        else:
            try:
                text = _decoded(data, final)
                _, chars = _DECODER.raw_decode(text, 0)
                end = _bytes(text[:chars])
            except ValueError:
                end = None
        if end is not None or final:
            rows = values(Block(offset, data[:end], 0, 1, 1), form)
            return rows[0] if rows else [""] * len(form.columns)
        size *= 4
        if size > LONGEST:
            raise DamagedError(str(getattr(file, "name", "")), 1, "this row has no end.")
