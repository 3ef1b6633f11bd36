"""The assets of exported rows: found in the records just written, listed in fetch.txt or fetched into the bag.

A fetched asset counts only when its length and checksum are those of its row. One that cannot be had is a problem that
the result and the bag name; the export goes on.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import itertools
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from satchel.core.bags.digests import Hashers, hash_file
from satchel.core.bags.names import safe_name
from satchel.core.bags.threads import in_thread
from satchel.core.bags.writer import Entry, Inventory
from satchel.core.deriva.hatrac import Hatrac
from satchel.core.deriva.model import Table
from satchel.core.deriva.retry import Passing
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.request import AssetProblem
from satchel.core.jobs.context import Context, Stage

FETCHES = 24
"""Assets on their way at once."""
AT_ONCE = 8
"""Assets that a worker takes on together."""
HANDED_ON = 256 * 1024
"""Bytes of a file that are gathered before a thread writes them."""
FLUSH_SECONDS = 1.0
"""How often what was verified is written down for a run that goes on after this one."""
FOREIGN_FAILURES = 3
"""After so many of another host's assets that could not be reached, the rest of them are not tried."""
_SUMS = {"md5": 32, "sha256": 64}
_RID = re.compile(r"[0-9A-Z]+(-[0-9A-Z]+)*")


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
            path = asset_path(folder, rid, value(row, asset.filename), url)
            length = value(row, asset.length)
            sums = {}
            for algorithm, column in (("md5", asset.md5), ("sha256", asset.sha256)):
                text = value(row, column).strip().lower()
                if re.fullmatch(f"[0-9a-f]{{{_SUMS[algorithm]}}}", text):
                    sums[algorithm] = text
            known = re.fullmatch("[0-9]{1,18}", length)
            yield Asset(str(table.name), rid, path, url, int(length) if known else None, sums)


def asset_path(folder: str, rid: str, filename: str, url: str) -> str:
    """Where a row's asset is in a bag.

    Args:
        folder: of its table, below the bag.
        rid: of the row.
        filename: what the row says; may be empty.
        url: the row's.
    """
    return f"{folder}/{_rid_folder(rid)}/{safe_name(filename or _last_part(url), rid)}"


def _rid_folder(rid: str) -> str:
    """A folder for a row: its RID; for one that is none, something that no other row gets."""
    if _RID.fullmatch(rid) and len(rid) < 40:
        return rid
    return f"{safe_name(rid)[:40].strip(' .')}-{hashlib.sha256(rid.encode('utf-8', 'replace')).hexdigest()[:12]}"


def _last_part(url: str) -> str:
    return re.split("[?#]", url)[0].rpartition("/")[2].partition(":")[0]


@dataclass(frozen=True, slots=True)
class _Begun:
    """An asset that is wanted, and what is here of it from an earlier run."""

    asset: Asset
    known: Entry | None = None
    """Verified already."""
    start: int = 0
    hashers: Hashers | None = None


_Do = Callable[[_Begun, Stage], Awaitable[Entry]]


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
        self._flushed = time.monotonic()
        self._unreachable: dict[str, int] = {}
        self.problems: list[AssetProblem] = []

    async def reference(self, assets: Iterator[Asset | AssetProblem], stage: Stage) -> None:
        """List assets by their addresses; what a row does not say of one is asked of the server."""
        await self._all(assets, stage, self._reference, self._looked_for)

    async def fetch(self, assets: Iterator[Asset | AssetProblem], stage: Stage) -> None:
        """Fetch assets into the bag."""
        await self._all(assets, stage, self._fetch, self._begun)

    async def _all(
        self, assets: Iterator[Asset | AssetProblem], stage: Stage, do: _Do, begin: Callable[[Asset], _Begun]
    ) -> None:
        lock, stop = asyncio.Lock(), self._context.cancelled

        def some() -> list[_Begun | AssetProblem]:
            return [a if isinstance(a, AssetProblem) else begin(a) for a in itertools.islice(assets, AT_ONCE)]

        async def work() -> None:
            while True:
                async with lock:
                    begun = await in_thread(stop, some)
                if not begun:
                    return
                for one in begun:
                    if isinstance(one, AssetProblem):
                        self.problems.append(one)
                        continue
                    stage.item = one.asset.path.rpartition("/")[2]
                    try:
                        entry = await self._one(one, stage, do)
                    except SatchelError as error:
                        await self._problem(one.asset, error)
                    else:
                        self._ready.append(entry)
                if time.monotonic() - self._flushed > FLUSH_SECONDS or len(self._ready) >= 500:
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
        self._flushed = time.monotonic()
        if ready:
            await in_thread(self._context.cancelled, self._inventory.add, ready)

    async def _one(self, begun: _Begun, stage: Stage, do: _Do) -> Entry:
        """Do it, unless another host has shown that it cannot be reached."""
        try:
            address = self._hatrac.address(begun.asset.url)
            host = "" if address.startswith("/") else urlsplit(address).netloc.lower()
        except ValueError as error:
            raise _AssetError("unusable", f"{begun.asset.url[:200]!r} is no address.") from error
        if host == self._hatrac.session.host.lower():
            host = ""
        if self._unreachable.get(host, 0) >= FOREIGN_FAILURES:
            raise _AssetError("unusable", f"{host} cannot be reached; its other files were not tried.")
        try:
            return await do(begun, stage)
        except SatchelError as error:
            if not host or _reason(error) is not None:
                raise
            # The catalog's host must answer; another one is a matter of its assets.
            self._unreachable[host] = self._unreachable.get(host, 0) + 1
            raise _AssetError("unusable", error.message) from error

    async def _problem(self, asset: Asset, error: SatchelError) -> None:
        """Keep a failure that concerns this asset alone; others end the export."""
        reason = _reason(error)
        if reason is None:
            raise error
        await in_thread(self._context.cancelled, self._inventory.remove, asset.path)
        self.problems.append(
            AssetProblem(table=asset.table, rid=asset.rid, url=asset.url, reason=reason, message=error.message)
        )

    def _absolute(self, url: str) -> str:
        address = self._hatrac.address(url)
        return self._hatrac.session.base + address if address.startswith("/") else address

    def _looked_for(self, asset: Asset) -> _Begun:
        """An asset that an earlier run has found on the server needs no second look. Blocking."""
        known = self._inventory.get(asset.path)
        return _Begun(asset, known if known is not None and known.url == self._absolute_or_none(asset.url) else None)

    def _absolute_or_none(self, url: str) -> str | None:
        try:
            return self._absolute(url)
        except (SatchelError, ValueError):
            return None

    async def _reference(self, begun: _Begun, stage: Stage) -> Entry:
        if begun.known is not None:
            stage.add(1)
            return begun.known
        asset = begun.asset
        url = self._absolute(asset.url)
        length, sums = asset.length, dict(asset.sums)
        # The catalog's own server is asked whether the asset is there and what the row says; other servers need not
        # know HEAD, and are asked only for what the row does not say.
        if url.startswith(self._hatrac.session.base + "/") or length is None or not sums:
            info = await self._hatrac.head(asset.url)
            told = {a: s for a, s in (("md5", info.md5), ("sha256", info.sha256)) if s is not None}
            _verify(asset, info.length, told)
            length = info.length if length is None else length
            sums = told | sums
        if not set(sums).intersection(self._algorithms):
            raise _AssetError(
                "no-checksum", f"Neither the row nor the server knows a checksum of {asset.path.rpartition('/')[2]}."
            )
        stage.add(1)
        return Entry(asset.path, length, sums, url)

    async def _fetch(self, begun: _Begun, stage: Stage) -> Entry:
        if begun.known is not None:
            stage.add(1)
            return begun.known
        try:
            return await self._fetch_on(begun, stage)
        except SatchelError as error:
            if not begun.start or _reason(error) not in ("checksum", "length", "unusable"):
                raise
        # What an earlier run had left may have been of another file, or the server be no good at parts of files: once
        # more, from its begin.
        return await self._fetch_on(_Begun(begun.asset), stage)

    async def _fetch_on(self, begun: _Begun, stage: Stage) -> Entry:
        asset, stop = begun.asset, self._context.cancelled
        sink = _Sink(self._bag / asset.path, {*self._algorithms, *asset.sums})
        # A thread has its price: small files are handed to one once, whole.
        pieces: list[bytes] = []
        waiting = 0
        try:
            async with self._hatrac.get(asset.url, start=begun.start) as download:
                if begun.hashers is not None and download.start == begun.start:
                    sink.hashers = begun.hashers
                async for piece in download:
                    pieces.append(piece)
                    waiting += len(piece)
                    if asset.length is not None and sink.hashers.length + waiting > asset.length:
                        break
                    if waiting >= HANDED_ON:
                        await in_thread(stop, sink.take, pieces)
                        pieces, waiting = [], 0
            digests = await in_thread(stop, sink.finish, pieces, asset)
        finally:
            sink.close()
        stage.add(1)
        return Entry(asset.path, sink.hashers.length, {a: digests[a] for a in self._algorithms})

    def _begun(self, asset: Asset) -> _Begun:
        """What an earlier run has left of an asset. Blocking."""
        target = self._bag / asset.path
        known = self._inventory.get(asset.path)
        if known is not None and known.url is None and self._still_there(target, known):
            return _Begun(asset, known)
        if known is None and (found := self._not_written_down(target, asset)) is not None:
            return _Begun(asset, found)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = part_of(target)
        # Without a checksum in the row nobody would notice when the file on the server is another one by now.
        if not part.exists() or not asset.sums:
            return _Begun(asset)
        hashers = hash_file(part, {*self._algorithms, *asset.sums}, stop=self._context.cancelled)
        return _Begun(asset, None, hashers.length, hashers)

    def _not_written_down(self, target: Path, asset: Asset) -> Entry | None:
        """A file that an earlier run has fetched and was ended before it could say so."""
        if not asset.sums or not target.exists() or asset.length not in (None, target.stat().st_size):
            return None
        hashers = hash_file(target, {*self._algorithms, *asset.sums}, stop=self._context.cancelled)
        digests = hashers.digests()
        if any(digests[algorithm] != expected for algorithm, expected in asset.sums.items()):
            return None
        return Entry(asset.path, hashers.length, {a: digests[a] for a in self._algorithms})

    def _still_there(self, target: Path, known: Entry) -> bool:
        """Whether a file of an earlier run is what it was verified to be."""
        if not target.exists() or target.stat().st_size != known.length:
            return False
        if not set(self._algorithms) <= known.digests.keys():
            return False
        return hash_file(target, self._algorithms, stop=self._context.cancelled).digests() == {
            a: known.digests[a] for a in self._algorithms
        }


def part_of(target: Path) -> Path:
    """Where a file is written until it is whole."""
    return target.with_name(f".{target.name}.part")


class _Sink:
    """A file that is being fetched: written under another name until it is whole and right. Its methods block."""

    def __init__(self, target: Path, algorithms: set[str]) -> None:
        self._target = target
        self._part = part_of(target)
        self._file: IO[bytes] | None = None
        self.hashers = Hashers(algorithms)

    def take(self, pieces: Sequence[bytes]) -> None:
        """Write the next bytes behind those that `hashers` has seen."""
        if self._file is None:
            self._file = self._part.open("r+b" if self.hashers.length else "wb")
            self._file.seek(self.hashers.length)
            self._file.truncate()
        for piece in pieces:
            self.hashers.update(piece)
            self._file.write(piece)

    def finish(self, pieces: Sequence[bytes], asset: Asset) -> dict[str, str]:
        """Write the last bytes; give the file its name if it is what its row says. Returns its checksums."""
        self.take(pieces)
        self.close()
        digests = self.hashers.digests()
        try:
            _verify(asset, self.hashers.length, digests)
        except SatchelError:
            self._part.unlink(missing_ok=True)
            raise
        self._part.replace(self._target)
        return digests

    def close(self) -> None:
        """Close the file; what was written stays for going on."""
        if self._file is not None:
            self._file.close()
            self._file = None


class _AssetError(SatchelError):
    """Something is wrong with one asset."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(Kind.INVALID, message)
        self.reason = reason


def _reason(error: SatchelError) -> str | None:
    """The word for a failure that concerns one asset alone; None for one that concerns everything."""
    if isinstance(error, _AssetError):
        return error.reason
    if isinstance(error, Passing):
        # After all patience. A server that fails on one file is one thing, one that is not available another.
        return "unusable" if error.detail.startswith("500") else None
    if error.kind is Kind.NOT_FOUND:
        return "missing"
    if error.kind is Kind.NOT_ALLOWED:
        return "not-allowed"
    if error.kind in (Kind.INVALID, Kind.SERVER, Kind.USAGE):
        return "unusable"
    return None


def _verify(asset: Asset, length: int | None, digests: dict[str, str]) -> None:
    """Hold what is on the server against the row; what is not known of either agrees."""
    name = asset.path.rpartition("/")[2]
    if asset.length is not None and length is not None and length != asset.length:
        # Reading stops where there is too much.
        found = f"{length:,}" if length < asset.length else f"more than {asset.length:,}"
        raise _AssetError("length", f"{name} has {found} bytes on the server; its row says {asset.length:,}.")
    for algorithm, expected in asset.sums.items():
        if digests.get(algorithm, expected) != expected:
            raise _AssetError("checksum", f"{name} has another {algorithm} on the server than its row says.")
