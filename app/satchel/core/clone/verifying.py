"""Rows and digests of the clone's tables, read back and compared with what was sent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from satchel.core.clone.plan import TablePlan
from satchel.core.clone.rows import MODULUS, Codec
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.paths import escape
from satchel.core.errors import SatchelError

PAGE = 10_000
CHECKS = 4
"""Tables that are read back at once."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a table holds."""

    rows: int
    digest: int

    def __sub__(self, other: Content) -> Content:
        return Content(self.rows - other.rows, (self.digest - other.digest) % MODULUS)

    def __add__(self, other: Content) -> Content:
        return Content(self.rows + other.rows, (self.digest + other.digest) % MODULUS)


NOTHING = Content(0, 0)


def cut_off(error: SatchelError) -> bool:
    """Whether a server says that a query takes it too long."""
    return error.detail.startswith("400 ") and "time limit" in error.detail.lower()


async def content(catalog: Catalog, table: TablePlan, codec: Codec, row_bytes: float = 400.0) -> Content:
    """What a table of the clone holds now.

    Args:
        catalog: the clone.
        table: which.
        codec: that of its pages.
        row_bytes: about how large a row is; pages stay below some megabytes.

    Raises:
        SatchelError: the server fails.
    """
    size = max(1, min(PAGE, int(4_000_000 / max(1.0, row_bytes))))
    found = NOTHING
    after = ""
    while True:
        try:
            body = await catalog.read(f"entity/{table.name.path}@sort(RID){after}?limit={size}", codec.media)
        except SatchelError as error:
            if not cut_off(error) or size == 1:
                raise
            size = max(1, size // 2)
            continue
        page = await asyncio.to_thread(codec.page, [body], None)
        found += Content(len(page.rids), page.digest)
        if len(page.rids) < size:
            return found
        after = f"@after({escape(page.rids[-1])})"
