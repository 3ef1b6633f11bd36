"""Pages of rows in CSV, as ERMrest gives and takes them and as bags hold them.

An empty field is null, `""` an empty text; Python's own reader does not tell them apart. The records themselves go on
as they are unless something in them must change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO

from satchel.core.clone.rows import MODULUS, UNSTABLE, Change, Page, RowsError

_FIELD = re.compile(rb'"((?:[^"]|"")*)"(?=,|$)|([^",\r\n]*)(?=,|$)')


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A record: its fields as they stand, quotes included."""

    r: str
    fields: tuple[bytes, ...]


def records(file: IO[bytes]) -> Iterator[bytes]:
    """The records of a CSV file, line ends included; a line end inside quotes ends none."""
    kept: list[bytes] = []
    quotes = 0
    for line in file:
        kept.append(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            yield kept[0] if len(kept) == 1 else b"".join(kept)
            kept, quotes = [], 0
    if kept:
        raise RowsError("it ends in the middle of a record")


def split_fields(record: bytes) -> tuple[bytes, ...]:
    """The fields of a record as they stand. Raises RowsError."""
    bare = record.removesuffix(b"\n").removesuffix(b"\r")
    if b'"' not in bare:
        return tuple(bare.split(b","))
    found = []
    at = 0
    while True:
        match = _FIELD.match(bare, at)
        if match is None:
            raise RowsError("it is no CSV")
        found.append(match[0])
        at = match.end()
        if at == len(bare):
            return tuple(found)
        at += 1  # the comma


def value_of(field: bytes) -> str | None:
    """What a field says: None for null. Raises RowsError."""
    try:
        if field.startswith(b'"'):
            return field[1:-1].replace(b'""', b'"').decode()
        return field.decode() if field else None
    except UnicodeDecodeError as error:
        raise RowsError("it is no UTF-8") from error


def field_of(value: str | None) -> bytes:
    """The field that says a value."""
    if value is None:
        return b""
    data = value.encode()
    if value and not set(value) & set('",\r\n'):
        return data
    return b'"' + data.replace(b'"', b'""') + b'"'


def header_of(columns: Iterable[str]) -> bytes:
    """The first record of a page with these columns."""
    return b",".join(map(field_of, columns)) + b"\n"


class CsvCodec:
    """Pages in CSV. See `satchel.core.clone.rows.Codec`.

    Args:
        header: the first record, with its line end.
    """

    media = "text/csv"

    def __init__(self, header: bytes) -> None:
        self.header = header if header.endswith(b"\n") else header + b"\n"
        self.columns = [value_of(field) or "" for field in split_fields(header)]
        if "RID" not in self.columns or len(set(self.columns)) != len(self.columns):
            raise RowsError("its header is none of a table's")
        self._rid = self.columns.index("RID")

    def decode(self, body: bytes) -> list[CsvRow]:
        """See `Codec`."""
        return [row for row, _ in self._rows(body)]

    def _rows(self, body: bytes) -> Iterator[tuple[CsvRow, bytes]]:
        import io

        found = records(io.BytesIO(body))
        header = next(found, b"")
        columns = [value_of(field) for field in split_fields(header)]
        if not set(self.columns) <= set(columns):
            raise RowsError("its columns are others")
        same = columns == self.columns
        places = [columns.index(column) for column in self.columns]
        for record in found:
            fields = split_fields(record)
            if len(fields) != len(columns):
                raise RowsError(f"a record has {len(fields)} fields where there are {len(columns)} columns")
            if not same:
                fields = tuple(fields[place] for place in places)
                record = b",".join(fields) + b"\n"
            yield CsvRow(value_of(fields[self._rid]) or "", fields), record

    def page(self, bodies: Sequence[bytes], wanted: Iterable[str] | None, change: Change | None = None) -> Page:
        """See `Codec`."""
        rows: list[CsvRow] = []
        raws: list[bytes] = []
        keep = None if wanted is None else list(wanted)
        chosen = None if keep is None else set(keep)
        for body in bodies:
            for row, record in self._rows(body):
                if chosen is not None and row.r not in chosen:
                    continue
                if change is not None and (text := self._changed(row, change)) is not None:
                    row = text
                    record = b",".join(row.fields) + b"\n"
                rows.append(row)
                raws.append(record)
        found = [row.r for row in rows]
        if keep is not None and found != keep:
            raise RowsError("the rows are not those that were asked for")
        return Page(self.join(raws), found, self.digest(rows))

    def _changed(self, row: CsvRow, change: Change) -> CsvRow | None:
        column, function = change
        place = self.columns.index(column)
        before = value_of(row.fields[place])
        after = function(before)
        return None if after == before else self._with(row, place, field_of(after))

    def _with(self, row: CsvRow, place: int, field: bytes) -> CsvRow:
        fields = list(row.fields)
        fields[place] = field
        return replace(row, fields=tuple(fields))

    def split(self, body: bytes) -> list[tuple[str, bytes]]:
        """See `Codec`."""
        return [(row.r, record) for row, record in self._rows(body)]

    def join(self, rows: Iterable[bytes]) -> bytes:
        """See `Codec`."""
        return self.header + b"".join(rows)

    def digest(self, rows: Iterable[CsvRow]) -> int:
        """See `Codec`."""
        places = [place for place, column in sorted(enumerate(self.columns), key=lambda x: x[1])]
        stable = [place for place in places if self.columns[place] not in UNSTABLE and place != self._rid]
        total = 0
        for row in rows:
            fields = row.fields
            # A field with quotes that needs none says the same as one without.
            said = b"\x1f".join(_plain(fields[place]) for place in stable)
            whole = hashlib.blake2b(row.r.encode() + b"\x1f" + said, digest_size=16)
            total += int.from_bytes(whole.digest(), "big")
        return total % MODULUS

    def nulled(self, row: CsvRow, columns: Sequence[str]) -> CsvRow:
        """See `Codec`."""
        for column in columns:
            row = self._with(row, self.columns.index(column), b"")
        return row

    def texts(self, raw: bytes) -> dict[str, str]:
        """See `Codec`."""
        values = zip(self.columns, map(value_of, split_fields(raw)), strict=True)
        return {column: value for column, value in values if value is not None}

    def with_text(self, raw: bytes, column: str, text: str) -> bytes:
        """See `Codec`."""
        fields = list(split_fields(raw))
        fields[self.columns.index(column)] = field_of(text)
        return b",".join(fields) + b"\n"


def _plain(field: bytes) -> bytes:
    if field.startswith(b'"') and len(field) > 2:
        return field[1:-1].replace(b'""', b'"')
    return field
