"""The assets of exported rows: found in the records just written, listed in fetch.txt or fetched into the bag.

A fetched asset counts only when its length and checksum are those of its row. One that cannot be had is a problem that
the result and the bag name; the export goes on.
"""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from satchel.core.bags.digests import Hashers, hash_file
from satchel.core.bags.names import safe_name
from satchel.core.bags.writer import Entry, Inventory
from satchel.core.deriva.hatrac import Hatrac
from satchel.core.deriva.model import Table
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.request import AssetProblem
from satchel.core.jobs.context import Context, Stage

FETCHES = 24
"""Assets on their way at once."""
_SUMS = {"md5": 32, "sha256": 64}


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset as its row describes it."""

    table: str
    rid: str
    path: str
    """Below the bag."""
    url: str
    length: int | None
    sums: dict[str, str]


def listed(table: Table, records: Path, folder: str) -> Iterator[Asset | AssetProblem]:
    """The assets of a table's records, in their order; rows without a URL have none.

    Args:
        table: an asset table.
        records: its CSV file.
        folder: where its assets go, below the bag.
    """
    asset = table.asset
    if asset is None:
        return
    with records.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        place = {name: n for n, name in enumerate(next(rows, []))}

        def value(row: list[str], column: str | None) -> str:
            return row[place[column]] if column is not None and column in place else ""

        for row in rows:
            url, rid = value(row, asset.url), value(row, "RID")
            if not url:
                continue
            name = value(row, asset.filename) or urlsplit(url).path.rpartition("/")[2].partition(":")[0]
            path = f"{folder}/{safe_name(rid)}/{safe_name(name, rid)}"
            length = value(row, asset.length)
            sums = {}
            for algorithm, column in (("md5", asset.md5), ("sha256", asset.sha256)):
                text = value(row, column).strip().lower()
                if re.fullmatch(f"[0-9a-f]{{{_SUMS[algorithm]}}}", text):
                    sums[algorithm] = text
            yield Asset(str(table.name), rid, path, url, int(length) if length.isdigit() else None, sums)


_Do = Callable[[Asset, Stage], Awaitable[Entry]]


class Assets:
    """Lists or fetches assets.

    Args:
        hatrac: to the catalog's host.
        bag: the folder under work.
        inventory: where what is in the bag is written down.
        algorithms: of the checksums.
        context: log and cancel flag.
    """

    def __init__(
        self, hatrac: Hatrac, bag: Path, inventory: Inventory, algorithms: Sequence[str], context: Context
    ) -> None:
        self._hatrac = hatrac
        self._bag = bag
        self._inventory = inventory
        self._algorithms = algorithms
        self._context = context
        self._ready: list[Entry] = []
        self.problems: list[AssetProblem] = []

    async def reference(self, assets: Iterator[Asset | AssetProblem], stage: Stage) -> None:
        """List assets by their addresses; what a row does not say of one is asked of the server."""
        await self._all(assets, stage, self._reference)

    async def fetch(self, assets: Iterator[Asset | AssetProblem], stage: Stage) -> None:
        """Fetch assets into the bag."""
        await self._all(assets, stage, self._fetch)

    async def _all(self, assets: Iterator[Asset | AssetProblem], stage: Stage, do: _Do) -> None:
        lock = asyncio.Lock()

        async def work() -> None:
            while True:
                async with lock:
                    some = await asyncio.to_thread(_some, assets)
                if not some:
                    return
                for asset in some:
                    if isinstance(asset, AssetProblem):
                        self.problems.append(asset)
                        continue
                    stage.item = asset.path.rpartition("/")[2]
                    try:
                        entry = await do(asset, stage)
                    except SatchelError as error:
                        self._problem(asset, error)
                    else:
                        self._ready.append(entry)
                if len(self._ready) >= 500:
                    await self._flush()

        tasks = [asyncio.create_task(work()) for _ in range(FETCHES)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._flush()

    async def _flush(self) -> None:
        ready, self._ready = self._ready, []
        if ready:
            self._inventory.add(ready)

    def _problem(self, asset: Asset, error: SatchelError) -> None:
        """Keep a failure that concerns this asset alone; others end the export."""
        reason = _reason(error)
        if reason is None:
            raise error
        self.problems.append(
            AssetProblem(table=asset.table, rid=asset.rid, url=asset.url, reason=reason, message=error.message)
        )

    def _absolute(self, url: str) -> str:
        address = self._hatrac.address(url)
        return self._hatrac.session.base + address if address.startswith("/") else address

    async def _reference(self, asset: Asset, stage: Stage) -> Entry:
        length, sums = asset.length, dict(asset.sums)
        if length is None or not sums:
            info = await self._hatrac.head(asset.url)
            length = info.length if length is None else length
            for algorithm, value in (("md5", info.md5), ("sha256", info.sha256)):
                if value is not None:
                    sums.setdefault(algorithm, value)
        if not set(sums).intersection(self._algorithms):
            raise _AssetError(
                "no-checksum", f"Neither the row nor the server knows a checksum of {asset.path.rpartition('/')[2]}."
            )
        stage.add(1)
        return Entry(asset.path, length, sums, self._absolute(asset.url))

    async def _fetch(self, asset: Asset, stage: Stage) -> Entry:
        target = self._bag / asset.path
        known = self._inventory.get(asset.path)
        if known is not None and known.url is None and await asyncio.to_thread(self._still_there, target, known):
            stage.add(1)
            return known
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        wanted = {*self._algorithms, *asset.sums}
        start, hashers = await asyncio.to_thread(self._begun, part, wanted)
        async with self._hatrac.get(asset.url, start=start) as download:
            if download.start != start:
                hashers = Hashers(wanted)
            mode = "r+b" if download.start else "wb"
            with part.open(mode) as file:
                file.truncate(download.start)
                file.seek(download.start)
                async for piece in download:
                    if len(piece) < 1 << 16:
                        hashers.update(piece)
                        file.write(piece)
                    else:
                        await asyncio.to_thread(_take, hashers, file, piece)
                    if asset.length is not None and hashers.length > asset.length:
                        break
        digests = hashers.digests()
        try:
            _verify(asset, hashers.length, digests)
        except SatchelError:
            part.unlink(missing_ok=True)
            raise
        part.replace(target)
        stage.add(1)
        return Entry(asset.path, hashers.length, {a: digests[a] for a in self._algorithms})

    @staticmethod
    def _begun(part: Path, algorithms: set[str]) -> tuple[int, Hashers]:
        """What an earlier run has left of a file."""
        if not part.exists():
            return 0, Hashers(algorithms)
        hashers = hash_file(part, algorithms)
        return hashers.length, hashers

    def _still_there(self, target: Path, known: Entry) -> bool:
        """Whether a file of an earlier run is what it was verified to be."""
        if not target.exists() or target.stat().st_size != known.length:
            return False
        if not set(self._algorithms) <= known.digests.keys():
            return False
        return hash_file(target, self._algorithms, stop=self._context.cancelled).digests() == {
            a: known.digests[a] for a in self._algorithms
        }


class _AssetError(SatchelError):
    """Something is wrong with one asset."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(Kind.INVALID, message)
        self.reason = reason


def _reason(error: SatchelError) -> str | None:
    """The word for a failure that concerns one asset alone; None for one that concerns everything."""
    if isinstance(error, _AssetError):
        return error.reason
    if error.kind is Kind.NOT_FOUND:
        return "missing"
    if error.kind is Kind.NOT_ALLOWED:
        return "not-allowed"
    if error.kind in (Kind.INVALID, Kind.SERVER, Kind.USAGE):
        return "unusable"
    return None


def _verify(asset: Asset, length: int, digests: dict[str, str]) -> None:
    name = asset.path.rpartition("/")[2]
    if asset.length is not None and length != asset.length:
        more = "more than " if length > asset.length else ""
        raise _AssetError(
            "length", f"{name} has {more}{min(length, asset.length) if more else length:,} bytes on the server; "
            f"its row says {asset.length:,}."
        )  # fmt: skip
    for algorithm, expected in asset.sums.items():
        if digests[algorithm] != expected:
            raise _AssetError("checksum", f"{name} has another {algorithm} on the server than its row says.")


def _take(hashers: Hashers, file: object, piece: bytes) -> None:
    hashers.update(piece)
    file.write(piece)  # type: ignore[attr-defined]


def _some(assets: Iterator[Asset | AssetProblem]) -> list[Asset | AssetProblem]:
    found = []
    for asset in assets:
        found.append(asset)
        if len(found) >= 8:
            break
    return found
