"""What an export would bring, before it is done: tables, rows, assets, what is hidden, and what each choice costs."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

import msgspec

from satchel.core.bags.threads import in_thread
from satchel.core.deriva import reach
from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.ermrest import CSV, Catalog
from satchel.core.deriva.model import Table
from satchel.core.deriva.names import TableName
from satchel.core.deriva.session import Session
from satchel.core.errors import SatchelError
from satchel.core.export.choosing import AssetTotals, asset_totals
from satchel.core.export.request import AssetChoice, ExportRequest, Offers
from satchel.core.jobs.context import Context
from satchel.core.jobs.request import Result

_SAMPLE = 50
"""Rows by which the size of a table's CSV file is guessed."""


class PreviewTable(msgspec.Struct, frozen=True, kw_only=True):
    """One table that the rule leads to."""

    table: str
    title: str
    """The table's name for people."""
    role: str
    """`root`, `vocabulary`, `down`, `partner` or `up`: why its rows come along (docs/reach.md)."""
    rows: int
    total_rows: int
    """Of those that this user sees."""
    assets: int = 0
    asset_bytes: int = 0
    assets_of_unknown_length: int = 0
    csv_bytes: int | None = None
    """A guess at the size of its CSV file; None: there is none."""
    parent: str | None = None
    """The table from which the rule comes to this one first; None for the root's."""
    kind: str = "table"
    """`table`, `asset`, `vocabulary` or `association`."""


class PreviewAssociation(msgspec.Struct, frozen=True, kw_only=True):
    """An offer: "and what belongs to them"."""

    key: str
    """As `Offers.follow` and `Offers.stop` name it."""
    association: str
    partners: tuple[str, ...]
    default: bool
    current: bool
    rows: int | None
    """Rows that come (or, negative, go) when it is switched; None: not known."""
    assets: int | None
    asset_bytes: int | None


class PreviewCost(msgspec.Struct, frozen=True, kw_only=True):
    """What switching one tick would change; negative figures go."""

    table: str
    rows: int
    assets: int
    asset_bytes: int
    tables: tuple[str, ...] = ()
    """Other tables that would come or go with it."""


class PreviewDangling(msgspec.Struct, frozen=True, kw_only=True):
    """References of rows in the bag to rows that are not in it."""

    table: str
    columns: tuple[str, ...]
    referenced: str
    rows: int
    reason: str
    """`missing`, `hidden` or `excluded`."""


class Preview(Result, tag="preview", frozen=True, kw_only=True):
    """What the bag would hold, all of it as of one snapshot."""

    host: str
    catalog: str
    snapshot: str
    table: str
    """The root's."""
    rid: str
    offers: Offers
    rows: int
    assets: int
    asset_bytes: int
    csv_bytes: int | None
    tables: tuple[PreviewTable, ...]
    hidden: tuple[str, ...] = ()
    """Tables (and references, in brackets) that the rule leads to and that this user may not read."""
    inside: AssetTotals | None = None
    """What is fetched into the bag, where anything is."""
    associations: tuple[PreviewAssociation, ...] = ()
    dangling: tuple[PreviewDangling, ...] = ()


async def preview(request: ExportRequest, context: Context) -> Preview:
    """Tell what an export would bring; makes nothing.

    Raises:
        SatchelError: no such record, no right to it, choices that do not fit, a server that fails.
    """
    async with await PreviewSession.open(request, context) as session:
        return await session.solve(request.offers)


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Bytes of a table's CSV header and, on average, of its rows."""

    header: int
    row: float


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much some choices come to, and the tables of which there are rows then."""

    size: reach.Size
    tables: frozenset[TableName]


@dataclass
class PreviewSession:
    """What was read for one record, to be asked again and again while a person chooses. Close it at the end.

    Questions are answered one at a time. A cancelled one is worked out to its end all the same, so that a person who
    changes their mind quickly keeps one processor busy and not all of them.
    """

    request: ExportRequest
    gathered: reach.Gathered
    _sizes: Mapping[TableName, _Sizes] = field(default_factory=dict)
    _extents: dict[Offers, _Extent] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def open(cls, request: ExportRequest, context: Context) -> PreviewSession:
        """Read, once, all that the rule needs to know, for every choice that the person may make.

        Args:
            request: host, catalog, record, snapshot (None: the newest, which all reads then agree on) and offers.
            context: for progress; what was read lies in its folder.

        Raises:
            SatchelError: no such record, no right to it, choices that do not fit, a server that fails.
        """
        async with Session.open(request.host, request.access, log=context.log) as session:
            await still_signed_in(session)
            catalog = await Catalog(session, request.catalog).pin(request.snapshot)
            file = context.folder / "reach.sqlite"
            gathered = await reach.gather(catalog, request.rid, request.offers, file, context=context, everything=True)
            try:
                await still_signed_in(session)
                return cls(request, gathered, await _measure(catalog, gathered))
            except BaseException:
                gathered.close()
                raise

    async def solve(self, offers: Offers, *, costs: bool = True) -> Preview:
        """What the bag would hold with these offers. No network; a fraction of a second for 100,000 rows.

        Args:
            offers: the person's choices.
            costs: also work out what switching each association would cost, which takes as long again for each
                that is followed. Without, these costs are None: a window shows the figures first.

        Raises:
            SatchelError: the offers do not fit the catalog.
        """
        async with self._lock:
            return await in_thread(threading.Event(), self._solve, offers, costs)

    async def totals(self, offers: Offers, choice: AssetChoice) -> AssetTotals:
        """What a choice of assets comes to with these offers. No network.

        Args:
            offers: the person's choices of tables.
            choice: which assets are put inside.

        Raises:
            SatchelError: the offers do not fit the catalog.
        """

        def work() -> AssetTotals:
            with reach.solve(self.gathered, offers) as found:
                return asset_totals(found, choice)

        async with self._lock:
            return await in_thread(threading.Event(), work)

    async def cost(self, offers: Offers, table: str) -> PreviewCost:
        """What it would change to leave a table out, or to take it in again. No network.

        Args:
            offers: the person's choices as they are.
            table: written `schema:table`, not the root's.

        Raises:
            SatchelError: the offers do not fit the catalog.
        """
        async with self._lock:
            return await in_thread(threading.Event(), self._cost, offers, table)

    def close(self) -> None:
        """Close the file of what was read; it stays in the job's folder."""
        self.gathered.close()

    async def end(self) -> None:
        """Close it when nobody asks it any more."""
        async with self._lock:
            self.close()

    async def __aenter__(self) -> PreviewSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _solve(self, offers: Offers, costs: bool) -> Preview:
        gathered = self.gathered
        with reach.solve(gathered, offers) as found:
            tables = tuple(self._table(table) for table in found.tables)
            guesses = [table.csv_bytes for table in tables]
            return Preview(
                host=gathered.host,
                catalog=gathered.catalog,
                snapshot=gathered.snapshot,
                table=str(gathered.root),
                rid=gathered.rid,
                offers=offers,
                rows=found.size.rows,
                assets=found.size.assets,
                asset_bytes=found.size.asset_bytes,
                csv_bytes=None if None in guesses else sum(guess or 0 for guess in guesses),
                tables=tables,
                hidden=tuple(map(str, found.hidden)),
                inside=asset_totals(found, self.request.assets) if self.request.materialize else None,
                associations=tuple(map(_association, found.associations if costs else found.choices)),
                dangling=tuple(map(_dangling, found.dangling)),
            )

    def _cost(self, offers: Offers, table: str) -> PreviewCost:
        rest = tuple(name for name in offers.exclude if name != table)
        switched = msgspec.structs.replace(offers, exclude=rest if table in offers.exclude else (*rest, table))
        before, after = self._extent(offers), self._extent(switched)
        change = after.size - before.size
        return PreviewCost(
            table=table,
            rows=change.rows,
            assets=change.assets,
            asset_bytes=change.asset_bytes,
            tables=tuple(sorted(map(str, (before.tables ^ after.tables) - {TableName.parse(table)}))),
        )

    def _extent(self, offers: Offers) -> _Extent:
        found = self._extents.get(offers)
        if found is None:
            with reach.solve(self.gathered, offers) as reached:
                some = frozenset(table.name for table in reached.tables if table.rows)
                found = self._extents[offers] = _Extent(reached.size, some)
        return found

    def _table(self, table: reach.ReachedTable) -> PreviewTable:
        sizes, model = self._sizes.get(table.name), self.gathered.model.tables[table.name]
        return PreviewTable(
            table=str(table.name),
            title=model.display_name,
            kind=_kind(model),
            role=table.role.value,
            rows=table.rows,
            total_rows=table.total_rows,
            assets=table.assets,
            asset_bytes=table.asset_bytes,
            assets_of_unknown_length=table.assets_of_unknown_length,
            csv_bytes=round(sizes.header + sizes.row * table.rows) if sizes else None,
            parent=str(table.parent) if table.parent is not None else None,
        )


def _kind(table: Table) -> str:
    if table.asset is not None:
        return "asset"
    if table.is_vocabulary:
        return "vocabulary"
    return "association" if table.is_association else "table"


def _association(offer: reach.Association) -> PreviewAssociation:
    cost = offer.cost
    return PreviewAssociation(
        key=offer.key,
        association=str(offer.association),
        partners=tuple(map(str, offer.partners)),
        default=offer.default,
        current=offer.current,
        rows=cost.rows if cost else None,
        assets=cost.assets if cost else None,
        asset_bytes=cost.asset_bytes if cost else None,
    )


def _dangling(found: reach.Dangling) -> PreviewDangling:
    return PreviewDangling(
        table=str(found.table),
        columns=found.columns,
        referenced=str(found.referenced),
        rows=found.rows,
        reason=found.reason,
    )


async def _measure(catalog: Catalog, gathered: reach.Gathered) -> dict[TableName, _Sizes]:
    """Guess the sizes of rows as CSV from the first few of each table; a table that cannot be read has no guess."""

    async def one(name: TableName) -> tuple[TableName, _Sizes] | None:
        path = f"entity/{name.path}@sort(RID)?limit={_SAMPLE}"
        with contextlib.suppress(SatchelError):
            text = (await catalog.read(path, CSV)).decode("utf-8", "replace")
            rows = sum(1 for _ in csv.reader(io.StringIO(text, newline=""))) - 1
            header = len(text.partition("\n")[0].encode()) + 1
            return name, _Sizes(header, (len(text.encode()) - header) / rows if rows > 0 else 0.0)
        return None

    names = [planned.name for planned in gathered.plan.tables if planned.name not in gathered.denied]
    return dict(found for found in await asyncio.gather(*map(one, names)) if found is not None)


__all__ = [
    "Preview",
    "PreviewAssociation",
    "PreviewCost",
    "PreviewDangling",
    "PreviewSession",
    "PreviewTable",
    "preview",
]
