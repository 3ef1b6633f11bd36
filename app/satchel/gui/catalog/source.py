"""What the catalog page asks of the core. Each runs in the engine's loop, where the imports are paid for too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from satchel.core.deriva.browse import CatalogEntry, FoundRecord, Opened, RowPage
    from satchel.core.deriva.names import TableName
    from satchel.core.jobs.request import Access

PAGE = 200
LARGEST_PICTURE = 24 * 1024 * 1024


async def open_catalog(host: str, catalog: str, access: Access) -> Opened:
    """Open a catalog; see `satchel.core.deriva.browse.open_catalog`."""
    from satchel.core.deriva import browse

    return await browse.open_catalog(host, catalog, access)


async def list_catalogs(host: str, access: Access) -> list[CatalogEntry]:
    """The catalogs of a host."""
    from satchel.core.deriva import browse

    return await browse.list_catalogs(host, access)


async def rows(opened: Opened, table: TableName, after: tuple[str | None, ...] | None, filter_text: str) -> RowPage:
    """The next page of rows."""
    from satchel.core.deriva import browse

    return await browse.rows(opened, table, after=after, limit=PAGE, filter_text=filter_text)


async def find(opened: Opened, rid: str) -> FoundRecord:
    """The record of a RID."""
    from satchel.core.deriva import browse

    return await browse.find(opened, rid)


async def picture(opened: Opened, url: str) -> bytes:
    """An asset's bytes."""
    from satchel.core.deriva import browse

    return await browse.thumbnail(opened, url, LARGEST_PICTURE)


async def close(opened: Opened) -> None:
    """End the connections of a catalog."""
    await opened.close()
