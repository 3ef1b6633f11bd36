"""Rows of one table as the rule needs them: RID, length, whether there is a file, and the columns that refer."""

from __future__ import annotations

import asyncio
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from satchel.core.deriva import paths
from satchel.core.deriva.ermrest import JSON, Catalog
from satchel.core.deriva.reach.plan import PlannedTable, hides
from satchel.core.deriva.session import LONGEST_PATH
from satchel.core.errors import Kind, SatchelError

PAGE = 10_000
_REST = 600
"""Bytes of a path kept for the catalog, the table, the column and the ends."""
Scalar = str | int | float | bool | None


class ReadRow(NamedTuple):
    """A row as `Store.add` takes it."""

    rid: str
    length: int | None
    asset: int
    """1 when the row may have a file."""
    keys: tuple[str | None, ...]
    """The values of `PlannedTable.columns`."""


class PageReader:
    """Reads rows of one table. Short names for the columns keep the answers small.

    Args:
        catalog: pinned to a snapshot.
        planned: the table.
        size: rows at most for one request.
        files: also look whether an asset's row has an address; costs the length of the addresses.
    """

    def __init__(self, catalog: Catalog, planned: PlannedTable, size: int = PAGE, *, files: bool = False) -> None:
        self._catalog = catalog
        self._planned = planned
        self._size = size
        asset = planned.table.asset
        columns = {"r": "RID"}
        self._files = files and asset is not None and not hides(planned.table, (asset.url,))
        if asset is not None and asset.length is not None and not hides(planned.table, (asset.length,)):
            columns["l"] = asset.length
        if self._files and asset is not None:
            columns["u"] = asset.url
        self._keys = [f"k{n}" for n in range(len(planned.columns))]
        columns.update(zip(self._keys, planned.columns, strict=True))
        self._projection = ",".join(f"{short}:={paths.escape(column)}" for short, column in columns.items())
        self._decoder = _decoder(columns, Scalar)
        self._texts = _decoder(columns, str | None)
        """The same where every key is text, as nearly always: nothing is left to convert."""

    @property
    def room(self) -> int:
        """Bytes of a path that a list of values may take."""
        return max(500, min(paths.BATCH_BYTES, LONGEST_PATH - _REST - len(self._projection)))

    async def page(self, after: str | None) -> list[ReadRow]:
        """The rows after a RID, in the server's order."""
        return await asyncio.to_thread(self.decode, await self.fetch(after))

    async def fetch(self, after: str | None) -> bytes:
        """The rows after a RID as they come, for `decode`."""
        begin = "" if after is None else f"@after({paths.escape(after)})"
        return await self._catalog.read(self._path("", begin), JSON)

    @staticmethod
    def last(body: bytes) -> str | None:
        """The RID of a page's last row, at a glance; None where a closer look is needed."""
        # Within a text there would be a backslash before the quotes.
        match = _LAST.match(body, body.rfind(b'{"r":'))
        return match[1].decode("ascii") if match else None

    async def matching(self, column: str, values: Sequence[str]) -> list[ReadRow]:
        """The rows that have one of these values in a column, in the server's order; at most `size` of them."""
        where = paths.any_of(column, values) if values != [""] else paths.equals(column, "")
        return await asyncio.to_thread(self.decode, await self._catalog.read(self._path(f"{where}/", ""), JSON))

    def _path(self, where: str, begin: str) -> str:
        return f"attribute/{self._planned.name.path}/{where}{self._projection}@sort(r){begin}?limit={self._size}"

    def decode(self, body: bytes) -> list[ReadRow]:
        """A page's rows. Raises SatchelError when it holds none."""
        texts = True
        try:
            try:
                rows: list[Any] = self._texts.decode(body)
            except msgspec.ValidationError:
                rows = self._decoder.decode(body)
                texts = False
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SatchelError(
                Kind.SERVER,
                f"{self._catalog.host} gives rows of {self._planned.name} that make no sense.",
                "",
                str(error),
            ) from error
        asset = self._planned.table.asset is not None
        sized = asset and any(row.l is not None for row in rows)
        keys = _keys(self._keys)
        found: list[ReadRow] = [
            _NEW(
                ReadRow,
                (
                    row.r,
                    _length(row.l) if sized else None,
                    int(asset and not (self._files and row.u is None)),
                    keys(row),
                ),
            )
            for row in rows
        ]
        if not texts:
            return [row._replace(keys=tuple(map(_text, row.keys))) for row in found]
        return found


_NEW = tuple.__new__
"""A named tuple's own constructor takes three times as long."""
_LAST = re.compile(rb'\{"r":\s*"([0-9A-Za-z-]+)"')


def _decoder(columns: Iterable[str], keys: Any) -> msgspec.json.Decoder[Any]:
    kinds = {"r": str, "l": Scalar, "u": Scalar}
    fields: list[Any] = [(name, kinds.get(name, keys)) for name in columns]
    fields += [(name, Scalar, None) for name in ("l", "u") if name not in columns]
    return msgspec.json.Decoder(list[msgspec.defstruct("Row", fields, gc=False)])  # type: ignore[misc]


def _keys(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Takes some attributes as a tuple."""
    if not names:
        return lambda row: ()
    get = operator.attrgetter(*names)
    return get if len(names) > 1 else lambda row: (get(row),)


def _text(value: Scalar) -> str | None:
    """A key's value so that equal ones are the same text on both sides of a reference."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _length(value: Scalar) -> int | None:
    """A number of bytes; None when it is none (SQLite's integers end at 2^63)."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 2**63:
        return None
    return int(value)
