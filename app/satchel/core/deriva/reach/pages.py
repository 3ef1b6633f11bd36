"""Rows of one table as the rule needs them: RID, length, whether there is a file, and the columns that refer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
        fields: list[Any] = [(name, str if name == "r" else Scalar) for name in columns]
        fields += [(name, Scalar, None) for name in ("l", "u") if name not in columns]
        self._decoder = msgspec.json.Decoder(list[msgspec.defstruct("Row", fields, gc=False)])  # type: ignore[misc]

    @property
    def room(self) -> int:
        """Bytes of a path that a list of values may take."""
        return max(500, min(paths.BATCH_BYTES, LONGEST_PATH - _REST - len(self._projection)))

    async def page(self, after: str | None) -> list[ReadRow]:
        """The rows after a RID, in the server's order."""
        begin = "" if after is None else f"@after({paths.escape(after)})"
        return await self._read("", begin)

    async def matching(self, column: str, values: Sequence[str]) -> list[ReadRow]:
        """The rows that have one of these values in a column, in the server's order; at most `size` of them."""
        where = paths.any_of(column, values) if values != [""] else paths.equals(column, "")
        return await self._read(f"{where}/", "")

    async def _read(self, where: str, begin: str) -> list[ReadRow]:
        path = f"attribute/{self._planned.name.path}/{where}{self._projection}@sort(r){begin}?limit={self._size}"
        return await asyncio.to_thread(self._decode, await self._catalog.read(path, JSON))

    def _decode(self, body: bytes) -> list[ReadRow]:
        try:
            rows: list[Any] = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SatchelError(
                Kind.SERVER,
                f"{self._catalog.host} gives rows of {self._planned.name} that make no sense.",
                "",
                str(error),
            ) from error
        asset = self._planned.table.asset is not None
        return [
            ReadRow(
                row.r,
                _length(row.l),
                int(asset and not (self._files and row.u is None)),
                tuple(_text(getattr(row, key)) for key in self._keys),
            )
            for row in rows
        ]


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
