"""Pages of rows as they are passed on: JSON that is taken apart no further than needed.

A page is an array of rows as ERMrest gives and takes it. Of each row the RID is looked at, and a digest made of the
texts of its values; the bytes themselves go on as they came unless something in them must change.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from satchel.core.clone.plan import copied_columns
from satchel.core.deriva.model import Table

UNSTABLE = frozenset({"RMT", "RMB"})
"""When a row was last changed, and by whom: the destination's own business."""
MODULUS = 1 << 128
Change = tuple[str, Callable[[Any], Any]]
"""A column, and what becomes of its values."""


class Page(NamedTuple):
    """Rows to be written."""

    body: bytes
    """A JSON array."""
    rids: list[str]
    digest: int
    """Of the rows, in any order."""


class RowsError(Exception):
    """What came is not rows of the table."""


class Codec(Protocol):
    """Reads and makes pages of one table, in JSON or CSV."""

    media: str
    """The media type of its pages."""
    columns: list[str]
    """All columns that the clone has."""

    def decode(self, body: bytes) -> list[Any]:
        """A page's rows, each with its RID as `r`. Raises RowsError."""

    def page(self, bodies: Sequence[bytes], wanted: Iterable[str] | None, change: Change | None = None) -> Page:
        """A page of the rows that are wanted, in the order in which they came.

        Args:
            bodies: whole answers of a server.
            wanted: the RIDs that shall be in it, in order; None: whatever is there.
            change: what must change in rows.

        Raises:
            RowsError: what came is something else.
        """

    def split(self, body: bytes) -> list[tuple[str, bytes]]:
        """RIDs and rows of a page."""

    def join(self, rows: Iterable[bytes]) -> bytes:
        """A page of rows as `split` gives them."""

    def digest(self, rows: Iterable[Any]) -> int:
        """A digest of rows that does not depend on their order."""

    def nulled(self, row: Any, columns: Sequence[str]) -> Any:
        """A copy of a row with some columns set to null."""

    def texts(self, raw: bytes) -> dict[str, str]:
        """The values of a row that are texts, by column."""

    def with_text(self, raw: bytes, column: str, text: str) -> bytes:
        """A row with another text in a column; all else stays as it is, to the digit."""


class RowCodec:
    """Pages in JSON. See `Codec`.

    Args:
        table: the source's.
    """

    media = "application/json"

    def __init__(self, table: Table) -> None:
        self.columns = [column.name for column in copied_columns(table)]
        """All columns that the clone has."""
        fields: list[Any] = [("r", str)]
        names = {"r": "RID"}
        for number, column in enumerate(self.columns):
            if column == "RID":
                continue
            fields.append((f"c{number}", msgspec.Raw))
            names[f"c{number}"] = column
        self._fields = [name for name, _ in fields]
        self._names = names
        plain = all(column.isprintable() and not set(column) & {'"', "\\"} for column in self.columns)
        self._row = msgspec.defstruct("Row", fields, rename=names if plain else None, gc=False)
        self._decoder = msgspec.json.Decoder(list[self._row]) if plain else None  # type: ignore[name-defined]
        self._plainly = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
        self._raws = msgspec.json.Decoder(list[msgspec.Raw])
        stable = [name for name in self._fields if name != "r" and names[name] not in UNSTABLE]
        self._values = operator.attrgetter(*stable) if len(stable) > 1 else None
        self._value = operator.attrgetter(stable[0]) if len(stable) == 1 else None
        types = {column.name: column.typename for column in table.columns}
        self._uniform = [
            (place, _UNIFORM[types[names[name]]]) for place, name in enumerate(stable) if types[names[name]] in _UNIFORM
        ]

    def decode(self, body: bytes) -> list[Any]:
        """A page's rows. Raises RowsError."""
        try:
            if self._decoder is not None:
                rows: list[Any] = self._decoder.decode(body)
                return rows
            found = self._plainly.decode(body)  # for names that msgspec's own structures cannot have
            return [
                self._row(
                    msgspec.json.decode(row["RID"], type=str), *(row[self._names[name]] for name in self._fields[1:])
                )
                for row in found
            ]
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError) as error:
            raise RowsError(str(error)) from error

    def page(self, bodies: Sequence[bytes], wanted: Iterable[str] | None, change: Change | None = None) -> Page:
        """See `Codec`."""
        rows = [self.decode(body) for body in bodies]
        found = [row.r for some in rows for row in some]
        expected = list(wanted) if wanted is not None else found
        if change is None and found == expected:
            return Page(_joined(bodies), found, self.digest(row for some in rows for row in some))
        keep = set(expected)
        raws: list[Any] = []
        kept: list[Any] = []
        for body, some in zip(bodies, rows, strict=True):
            for row, raw in zip(some, self._raws.decode(body), strict=True):
                if row.r in keep:
                    kept.append(row)
                    raws.append(raw)
        if [row.r for row in kept] != expected:
            missing = keep.difference(found)
            raise RowsError(f"{len(missing)} rows are missing" if missing else "the rows are not in their order")
        if change is not None:
            self._change(kept, raws, change)
        return Page(self.join(raws), expected, self.digest(kept))

    def split(self, body: bytes) -> list[tuple[str, bytes]]:
        """See `Codec`."""
        rows = self.decode(body)
        return [(row.r, bytes(raw)) for row, raw in zip(rows, self._raws.decode(body), strict=True)]

    def join(self, rows: Iterable[bytes]) -> bytes:
        """See `Codec`."""
        return b"[" + b",".join(rows) + b"]"

    def texts(self, raw: bytes) -> dict[str, str]:
        """See `Codec`."""
        values = msgspec.json.decode(raw, type=dict[str, Any])
        return {name: value for name, value in values.items() if isinstance(value, str)}

    def with_text(self, raw: bytes, column: str, text: str) -> bytes:
        """See `Codec`."""
        values = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        values[column] = msgspec.Raw(msgspec.json.encode(text))
        return msgspec.json.encode(values)

    def digest(self, rows: Iterable[Any]) -> int:
        """A digest of rows that does not depend on their order."""
        total = 0
        for row in rows:
            total += self._digest(row)
        return total % MODULUS

    def _digest(self, row: Any) -> int:
        if self._values is not None:
            values: Sequence[Any] = self._values(row)
            if self._uniform:
                changed = list(values)
                for place, uniform in self._uniform:
                    changed[place] = uniform(bytes(changed[place]))
                values = changed
            said = b"\x1f".join(values)
        else:
            said = bytes(self._value(row)) if self._value is not None else b""
        whole = hashlib.blake2b(row.r.encode() + b"\x1f" + said, digest_size=16)
        return int.from_bytes(whole.digest(), "big")

    def nulled(self, row: Any, columns: Sequence[str]) -> Any:
        """A copy of a row with some columns set to null."""
        by_column = {column: name for name, column in self._names.items()}
        return msgspec.structs.replace(row, **{by_column[column]: msgspec.Raw(b"null") for column in columns})

    def _change(self, rows: list[Any], raws: list[Any], change: Change) -> None:
        column, function = change
        name = next(name for name, known in self._names.items() if known == column)
        for number, row in enumerate(rows):
            before = msgspec.json.decode(getattr(row, name))
            after = function(before)
            if after == before:
                continue
            setattr(row, name, msgspec.Raw(msgspec.json.encode(after)))
            values = msgspec.json.decode(raws[number], type=dict[str, msgspec.Raw])
            values[column] = getattr(row, name)
            raws[number] = msgspec.json.encode(values)


def _moment(text: bytes) -> bytes:
    """A time with its zone, in JSON, as it is in UTC: servers tell times in zones of their own."""
    if text == b"null":
        return text
    if text.endswith(b'+00:00"'):
        return text[1:-1]
    try:
        told = datetime.fromisoformat(text[1:-1].decode()).astimezone(UTC).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError):  # infinity, years that Python does not know
        return text
    whole, _, fraction = told.partition(".")
    return (f"{whole}.{fraction.rstrip('0')}" if fraction else whole).encode() + b"+00:00"


def _number(text: bytes) -> bytes:
    """A float8 in JSON as Python writes it: older servers write more digits than are needed."""
    try:
        return repr(float(text)).encode()
    except ValueError:
        return text


_UNIFORM: dict[str, Callable[[bytes], bytes]] = {
    "timestamptz": _moment,
    "ermrest_rct": _moment,
    "float8": _number,
}
"""Types whose values servers may write differently."""


def _joined(bodies: Sequence[bytes]) -> bytes:
    """Arrays as one array."""
    if len(bodies) == 1:
        return bodies[0]
    inner = [body.strip()[1:-1].strip() for body in bodies]
    return b"[" + b",".join(some for some in inner if some) + b"]"
