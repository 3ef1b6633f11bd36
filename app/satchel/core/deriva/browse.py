"""What a window needs to let a person look around on a server: catalogs, rows page by page, pictures, one record.

All of it reads the catalog as it is now; exports and clones pin a snapshot, looking around does not. Whoever has signed
in is asked about with every page: a server takes a sign-in that has run out for nobody, and shows fewer rows, no word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from satchel.core.deriva import paths
from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.ermrest import Catalog, CatalogInfo, advertise
from satchel.core.deriva.hatrac import Hatrac
from satchel.core.deriva.model import Column, Model, Table
from satchel.core.deriva.names import TableName
from satchel.core.deriva.retry import BRISK
from satchel.core.deriva.session import LONGEST_PATH, Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access

T = TypeVar("T")
PAGE = 200
TEXT_TYPES = frozenset({"text", "markdown", "longtext", "ermrest_rid", "ermrest_curie", "ermrest_uri", "color_rgb_hex"})
FIRST_CATALOGS = 24
MOST_CATALOGS = 480
_ROOM = 800
"""Bytes of a path kept for the catalog, the sort key and the place to go on from."""


class Opened:
    """A catalog that somebody looks at. Close it when they have gone; or use it with `async with`."""

    def __init__(self, catalog: Catalog, info: CatalogInfo, model: Model, stack: AsyncExitStack) -> None:
        self.catalog = catalog
        self.info = info
        self.model = model
        self._stack = stack

    @property
    def host(self) -> str:
        """The host's name."""
        return self.catalog.host

    async def close(self) -> None:
        """End the connections."""
        await self._stack.aclose()

    async def __aenter__(self) -> Opened:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what to show and what is there, in the order of the page's columns."""

    rid: str
    """Empty where the table (a view) has none."""
    cells: tuple[str, ...]
    """Text for people; empty for null."""
    values: tuple[Any, ...]
    """As JSON has them; None: null."""


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows in the order of their RIDs, and where the next ones begin."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    next: tuple[str | None, ...] | None
    """Give it to `rows` as `after`; None: there are no more."""
    unsearched: tuple[str, ...] = ()
    """Text columns that the filter could not look into, because the query would be too long."""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A catalog on a host."""

    id: str
    title: str
    snapshot: str
    accessible: bool
    """False: it is there, but this user may not look into it."""


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """The record that a RID names."""

    rid: str
    table: TableName
    title: str
    """For people: the table's display name and the RID."""


async def open_catalog(host: str, catalog: str, access: Access | None = None) -> Opened:
    """Open a catalog to look around in it.

    Args:
        host: `name` or `name:port`.
        catalog: number or alias.
        access: extra certificate authorities, a credential file.

    Raises:
        SatchelError: no such host or catalog, no right to it, or a sign-in that has run out.
    """
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(Session.open(host, access, policy=BRISK))
        await still_signed_in(session)
        opened = Catalog(session, catalog)
        info = await opened.info()  # first, for it can say best what is wrong
        return Opened(opened, info, await opened.model(), stack.pop_all())


async def rows(
    opened: Opened,
    table: TableName,
    *,
    after: tuple[str | None, ...] | None = None,
    limit: int = PAGE,
    filter_text: str = "",
) -> RowPage:
    """A page of rows in RID order.

    Args:
        opened: the catalog.
        table: whose rows.
        after: `next` of the page before; None: from the beginning.
        limit: rows at most.
        filter_text: only rows with this text, in any case, in one of their text columns.

    Raises:
        SatchelError: the table is gone, this user may not read it, or the sign-in has run out.
    """
    described = _table(opened, table)
    columns = tuple(column for column in described.columns if column.selectable)
    sort = _sort_key(described)
    searched, unsearched = _searchable(columns, filter_text)
    if filter_text and not searched:
        return RowPage(columns, (), None, unsearched)
    where = f"/{paths.contains(searched, filter_text)}" if filter_text else ""
    names = [column.name for column in columns]
    path = f"attribute/{table.path}{where}/{paths.page(names, sort, after)}"
    if len(opened.catalog.path) + len(path) + 20 > LONGEST_PATH:  # a table of very many columns
        end = paths.page([], sort, after)
        path = f"entity/{table.path}{where}{end}"
    found = await _signed_in(opened.catalog, opened.catalog.rows(f"{path}?limit={limit + 1}"))
    shown = found[:limit]
    last = tuple(_key_text(shown[-1].get(name)) for name in sort) if len(found) > limit else None
    return RowPage(columns, tuple(_row(names, row) for row in shown), last, unsearched)


async def thumbnail(opened: Opened, url: str, max_bytes: int = 8 * 1024 * 1024) -> bytes:
    """An asset's bytes, to show them as a picture.

    Args:
        opened: the catalog whose row holds the address.
        url: as the row holds it.
        max_bytes: more than these are not read.

    Raises:
        SatchelError: it cannot be had, or is too large.
    """
    too_large = SatchelError(Kind.INVALID, f"The file is larger than {max_bytes // 1024} KiB, so it is not shown here.")
    async with Hatrac(opened.catalog.session).get(url) as download:
        if (download.info.length or 0) > max_bytes:
            raise too_large
        body = bytearray()
        async for chunk in download:
            body += chunk
            if len(body) > max_bytes:
                raise too_large
        return bytes(body)


async def find(opened: Opened, rid: str) -> FoundRecord:
    """The table of the record with this RID.

    Raises:
        SatchelError: there is none; the hint names another catalog of the host that has it, if one is found.
    """
    return await _find(opened.catalog, rid, opened.model)


async def find_record(host: str, catalog: str, rid: str, access: Access | None = None) -> FoundRecord:
    """The same in a catalog that nobody has opened, with one request.

    Raises:
        SatchelError: no such host, catalog or record, or no right to it.
    """
    async with Session.open(host, access, policy=BRISK) as session:
        return await _find(Catalog(session, catalog), rid)


async def _find(catalog: Catalog, rid: str, model: Model | None = None) -> FoundRecord:
    wanted = rid.strip().upper()
    try:
        table = await _signed_in(catalog, catalog.entity_rid(wanted))
    except SatchelError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        await catalog.info()  # says best when it is the catalog that is not there
        where = await _elsewhere(catalog, wanted)
        if not where:
            raise
        hint = f"There is one in catalog {' and '.join(where)} on the same server: open that one."
        raise SatchelError(error.kind, error.message, hint, error.detail) from error
    described = model.tables.get(table) if model is not None else None
    return FoundRecord(wanted, table, f"{described.display_name if described else table.table} {wanted}")


async def list_catalogs(host: str, access: Access | None = None) -> list[CatalogEntry]:
    """The catalogs of a host, as far as they can be found.

    ERMrest has no list that everybody may read, so numbers are tried from 1 on, 24 at once, until 24 in a row are not
    there (480 at most). Catalogs with an alias or behind a larger gap are opened by their name or number.

    Raises:
        SatchelError: no such host, or no Deriva server.
    """
    async with Session.open(host, access, policy=BRISK) as session:
        await advertise(session)
        return await _probe(session)


async def _signed_in(catalog: Catalog, reading: Coroutine[Any, Any, T]) -> T:
    """What was read, if the server still knows who asked; that is asked at the same time, so it costs no time."""
    read, person = await asyncio.gather(reading, still_signed_in(catalog.session), return_exceptions=True)
    if isinstance(person, BaseException):
        raise person  # which is why the reading failed, if it did
    if isinstance(read, BaseException):
        raise read
    answer: T = read
    return answer


async def _probe(session: Session) -> list[CatalogEntry]:
    found: list[CatalogEntry] = []
    for first in range(1, MOST_CATALOGS, FIRST_CATALOGS):
        group = await asyncio.gather(*(_entry(session, str(number)) for number in range(first, first + FIRST_CATALOGS)))
        there = [entry for entry in group if entry is not None]
        found += there
        if not there:
            break
    return found


async def _entry(session: Session, number: str) -> CatalogEntry | None:
    try:
        info = await Catalog(session, number).info()
    except SatchelError as error:
        if error.kind is Kind.NOT_FOUND:
            return None
        if error.kind in (Kind.NOT_SIGNED_IN, Kind.NOT_ALLOWED):
            return CatalogEntry(number, f"catalog {number}", "", accessible=False)
        raise
    return CatalogEntry(number, info.title, info.snapshot, accessible=True)


async def _elsewhere(catalog: Catalog, rid: str) -> list[str]:
    """Other catalogs of the host with this RID; best effort."""

    async def has(entry: CatalogEntry) -> str | None:
        try:
            await Catalog(catalog.session, entry.id).entity_rid(rid)
        except SatchelError:
            return None
        return entry.id

    try:
        others = [e for e in await _probe(catalog.session) if e.accessible and e.id != catalog.id]
    except SatchelError:
        return []
    return [number for number in await asyncio.gather(*map(has, others)) if number is not None]


def _table(opened: Opened, name: TableName) -> Table:
    table = opened.model.tables.get(name)
    if table is None:
        raise SatchelError(Kind.NOT_FOUND, f"There is no table {name} in {opened.catalog}.", "Reload the catalog.")
    if not table.selectable or not any(column.selectable for column in table.columns):
        raise SatchelError(
            Kind.NOT_ALLOWED, f"You may not read the table {name}.", "Ask the owner of the data for access."
        )
    return table


def _sort_key(table: Table) -> list[str]:
    """Columns in which to page: RID, or for a view without one its first key, else all that can be read."""
    if (rid := table.column("RID")) is not None and rid.selectable:
        return ["RID"]
    if table.keys:
        return list(table.keys[0])
    return [column.name for column in table.columns if column.selectable and not column.typename.startswith("json")]


def _searchable(columns: tuple[Column, ...], text: str) -> tuple[list[str], tuple[str, ...]]:
    """Text columns to search, and those for which the path has no room."""
    if not text:
        return [], ()
    searched: list[str] = []
    unsearched: list[str] = []
    for column in columns:
        if column.typename not in TEXT_TYPES:
            continue
        wider = [*searched, column.name]
        fits = not unsearched and len(paths.contains(wider, text)) < LONGEST_PATH - _ROOM
        (searched if fits else unsearched).append(column.name)
    return searched, tuple(unsearched)


def _row(names: list[str], row: dict[str, Any]) -> Row:
    values = tuple(row.get(name) for name in names)
    return Row(str(row.get("RID") or ""), tuple(map(display, values)), values)


def display(value: Any) -> str:
    """A value as people read it; null is empty."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return msgspec.json.encode(value).decode("utf-8")


def _key_text(value: Any) -> str | None:
    return None if value is None else display(value)
