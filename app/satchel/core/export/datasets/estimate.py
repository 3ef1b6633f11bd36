"""What the export of a dataset would bring, before anything of it is fetched: rows, assets, bytes, time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.datasets import one_dataset, pick_version
from satchel.core.deriva.datasets.rows import Reached, read_rows
from satchel.core.deriva.ermrest import CSV, Catalog
from satchel.core.deriva.names import TableName
from satchel.core.deriva.retry import BRISK
from satchel.core.deriva.session import Session
from satchel.core.errors import SatchelError
from satchel.core.export.datasets.request import DatasetRequest
from satchel.core.export.server_side.choice import Facts, propose
from satchel.core.jobs.request import Result

SAMPLE = 50
"""Rows by which the size of a table's CSV is guessed."""
Told = Callable[[int, int, str], None]


class EstimateTable(msgspec.Struct, frozen=True, kw_only=True):
    """One table."""

    table: str
    rows: int
    """Different ones."""
    assets: int = 0
    asset_bytes: int = 0
    unknown: int = 0
    """Assets of unknown length."""
    csv_bytes: int = 0
    """Of all its files: one for each path that leads to it."""
    paths: int = 1


class Estimate(Result, tag="dataset-estimate", frozen=True, kw_only=True):
    """What the bag would hold."""

    host: str
    catalog: str
    dataset: str
    version: str
    snapshot: str
    tables: tuple[EstimateTable, ...]
    rows: int
    repeated: int
    """Rows in all files, where one that several paths lead to counts for each."""
    assets: int
    asset_bytes: int
    csv_bytes: int
    bytes: int
    """Of the bag before it is packed: CSV, and the assets where they are put inside."""
    outputs: int
    """Queries."""
    empty: int
    """Of them that find nothing."""
    latency: float
    """Seconds that the server takes for a small answer."""
    seconds_here: float
    seconds_server: float
    proposal: str
    """`here` or `server`."""
    reason: str
    hidden: tuple[str, ...] = ()


async def estimate(request: DatasetRequest, told: Told | None = None) -> Estimate:
    """Estimate an export; makes nothing.

    Args:
        request: the export's.
        told: hears how many of how many paths are done, and the table in hand.

    Raises:
        SatchelError: no such dataset or version, or a server that fails.
    """
    async with Session.open(request.host, request.access, policy=BRISK) as session:
        await still_signed_in(session)
        live = Catalog(session, request.catalog)
        dataset = await one_dataset(live, request.dataset)
        version = pick_version(dataset, request.version)
        catalog = live.at(version.snapshot)
        reached = await read_rows(catalog, dataset.rid, told=told)
        latency = await _latency(catalog)
        sizes = await _sizes(catalog, reached)
        service = await _has_service(session)
        await still_signed_in(session)
    tables = tuple(_tables(reached, sizes))
    paths = len(reached.counts)
    facts = Facts(
        queries=sum(1 for count in reached.counts.values() if count) + sum(1 for t in tables if t.assets) + 3,
        bytes=sum(t.csv_bytes for t in tables),
        asset_bytes=sum(t.asset_bytes for t in tables) if request.materialize else 0,
        latency=latency,
        service=service,
        materialize=request.materialize,
    )
    proposal = propose(facts)
    return Estimate(
        host=session.host,
        catalog=request.catalog,
        dataset=dataset.rid,
        version=version.version,
        snapshot=version.snapshot or "",
        tables=tables,
        rows=sum(t.rows for t in tables),
        repeated=sum(reached.counts.values()),
        assets=sum(t.assets for t in tables),
        asset_bytes=sum(t.asset_bytes for t in tables),
        csv_bytes=facts.bytes,
        bytes=facts.bytes + facts.asset_bytes,
        outputs=paths,
        empty=sum(1 for count in reached.counts.values() if not count),
        latency=round(latency, 4),
        seconds_here=round(proposal.seconds_here, 1),
        seconds_server=round(proposal.seconds_server, 1),
        proposal=proposal.where,
        reason=proposal.reason,
        hidden=tuple(sorted(map(str, reached.hidden))),
    )


def _tables(reached: Reached, sizes: dict[TableName, tuple[int, float]]) -> list[EstimateTable]:
    ways: dict[TableName, list[int]] = {}
    for path, count in reached.counts.items():
        if count:
            ways.setdefault(path[-1], []).append(count)
    found = []
    for name in sorted(reached.rows):
        if not reached.rows[name]:
            continue
        header, row = sizes.get(name, (0, 0.0))
        lengths = reached.lengths.get(name, {})
        found.append(
            EstimateTable(
                table=str(name),
                rows=len(reached.rows[name]),
                assets=len(lengths),
                asset_bytes=sum(length or 0 for length in lengths.values()),
                unknown=sum(1 for length in lengths.values() if length is None),
                csv_bytes=round(sum(header + row * count for count in ways.get(name, ()))),
                paths=len(ways.get(name, ())),
            )
        )
    return found


async def _sizes(catalog: Catalog, reached: Reached) -> dict[TableName, tuple[int, float]]:
    """Bytes of each table's CSV header, and of a row on average."""

    async def one(name: TableName) -> tuple[TableName, tuple[int, float]] | None:
        try:
            data = await catalog.read(f"entity/{name.path}@sort(RID)?limit={SAMPLE}", CSV)
        except SatchelError:
            return None
        header = data.find(b"\n") + 1
        rows = min(SAMPLE, max(1, data.count(b"\n") - 1))
        return name, (header, (len(data) - header) / rows)

    found = await asyncio.gather(*(one(name) for name, rows in reached.rows.items() if rows))
    return dict(entry for entry in found if entry is not None)


async def _latency(catalog: Catalog) -> float:
    """The quickest of three small answers."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        await catalog.info()
        times.append(time.monotonic() - began)
    return min(times)


async def _has_service(session: Session) -> bool:
    """Whether the server has an export service: it answers 405 to what is no POST, or its own 404."""
    try:
        answer = await session.request("GET", "/deriva/export/bdbag", also=range(400, 600))
    except SatchelError:
        return False
    return answer.status == 405
