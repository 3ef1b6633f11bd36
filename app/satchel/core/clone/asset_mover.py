"""One asset's bytes from one server's Hatrac to another's: verified on the way, gone on with where it stopped.

Small files pass through memory, middling ones through a file of the job's folder (so that nothing goes up before its
checksum is known to be right), large ones chunk by chunk into an upload that lives on the destination until it is
whole. What is known of an asset (its row's length, MD5 and SHA-256, the source's headers) must all agree.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from satchel.core.bags.digests import Hashers, hash_file
from satchel.core.bags.threads import in_thread
from satchel.core.clone.asset_state import Item, State, Upload
from satchel.core.deriva.hatrac import Download, Hatrac, ObjectInfo
from satchel.core.deriva.hatrac_write import Content, HatracWriter, NameTakenError, OccupiedError, UploadGoneError
from satchel.core.deriva.retry import Passing
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError

MEBI = 1 << 20
SMALL = MEBI
"""Bytes of a file that passes through memory."""
CHUNKED_ABOVE = 100_000_000
CHUNK = 5 * MEBI
MOST_CHUNKS = 10_000
"""What stores on S3 allow; an upload of more bytes has larger chunks."""
LARGE_AT_ONCE = 3
CHUNKS_AT_ONCE = 2
_HANDED_ON = MEBI
_RESERVE = 100 * MEBI

Told = Callable[[int], None]
P = ParamSpec("P")
T = TypeVar("T")


class AssetError(SatchelError):
    """Something is wrong with one asset; `code` is its word."""

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(Kind.INVALID, message, "", detail)
        self.code = code


class SourceError(Exception):
    """The asset's own server failed; `error` says how."""

    def __init__(self, error: SatchelError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Limits:
    """From what size on files are carried how. Bytes."""

    small: int = SMALL
    chunked_above: int = CHUNKED_ABOVE
    chunk: int = CHUNK

    def chunk_for(self, length: int) -> int:
        """How large an upload's chunks are."""
        least = -(-length // MOST_CHUNKS)
        return self.chunk if least <= self.chunk else -(-least // MEBI) * MEBI


class Place(Protocol):
    """Where assets go."""

    def key(self, item: Item, url: str) -> str:
        """Names what is moved: items with the same key share one object."""

    def paths(self, item: Item, info: ObjectInfo, md5: str | None) -> Iterator[str]:
        """Hatrac paths, best first; a next one is taken where a name is not to be had."""

    async def made_namespace(self, path: str) -> None:
        """A namespace has been made."""

    async def made_object(self, item: Item, url: str, target: str) -> None:
        """An object's version has been made."""


class Mover:
    """Moves assets.

    Args:
        writer: to the destination.
        place: where they go.
        state: what is known of them.
        folder: for files on their way; the job's own.
        limits: what is carried how.
    """

    def __init__(
        self,
        writer: HatracWriter,
        place: Place,
        state: State,
        folder: Path,
        limits: Limits | None = None,
    ) -> None:
        self._writer = writer
        self._place = place
        self._state = state
        self._folder = folder
        # Its own: that files cannot be copied need not be the end of the job.
        self._stop = threading.Event()
        self._limits = limits or Limits()
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._locks: dict[str, asyncio.Lock] = {}

    async def move(self, item: Item, source: Session | None, url: str, told: Told) -> str:
        """Bring an asset to the destination, if it is not there.

        Args:
            item: as its row describes it.
            source: to the asset's server; None for a mover that needs none.
            url: the asset's, absolute.
            told: counts bytes as they come; negative ones when they are to come again.

        Returns:
            The version's address at the destination, without the host.

        Raises:
            AssetError: this asset cannot be moved.
            SourceError: its server failed.
            SatchelError: the destination failed, or this computer.
        """
        key = self._place.key(item, url)
        async with self._alone(key):
            known = self._state.target(key)
            if known is not None:
                told(item.length or 0)
                return known
            counted = 0

            def count(size: int) -> None:
                nonlocal counted
                counted += size
                told(size)

            for last in (False, True):
                try:
                    target = await self._move(item, source, url, key, count)
                    break
                except (UploadGoneError, _StaleError) as error:
                    # What an earlier run had left is of no use: once more, from the beginning.
                    await self._give_up(key)
                    count(-counted)
                    if last:
                        raise AssetError("unusable", f"{_name(item)} could not be brought over.") from error
                except BaseException:
                    count(-counted)
                    raise
            self._state.finished(key, target)
            await self._place.made_object(item, url, target)
            return target

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """Nobody else in this job is at the same thing."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and not getattr(lock, "_waiters", None):
                self._locks.pop(name, None)

    async def _give_up(self, key: str) -> None:
        upload = self._state.upload(key)
        if upload is not None:
            await self._writer.cancel_upload(upload.job)
            self._state.drop(key)
        self._spool(key).unlink(missing_ok=True)

    def _spool(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:32]}.part"

    async def _move(self, item: Item, source: Session | None, url: str, key: str, told: Told) -> str:
        upload = self._state.upload(key)
        if upload is not None:
            if await self._writer.upload_lives(upload.job):
                return await self._go_on(item, source, url, upload, told)
            # Perhaps it was finished, and the answer lost.
            content = Content(upload.length, upload.md5, upload.sha256, "", None)
            found = await self._same(upload.path, content, key)
            if found is not None:
                return found
            self._state.drop(key)
        hashers, start = await self._left(item, key)
        async with self._open(item, source, url, start, None) as download:
            info = download.info
            _agree(item, info.length, {"md5": info.md5, "sha256": info.sha256})
            if hashers is not None and download.start != start:
                hashers = None
            length = info.length if info.length is not None else item.length
            if length is not None and length > self._limits.chunked_above:
                async with self._large:
                    return await self._upload(item, info, length, url, key, download, told)
            if length is not None and length <= self._limits.small:
                body = await self._read(item, download, length, told)
                digests = await self._threaded(_digests, body)
                _agree(item, len(body), digests, info)
                return await self._put(item, info, url, key, len(body), digests, body)
            length, digests = await self._fill(item, info, key, hashers, download, told)
        # The source's connection need not wait for what goes up.
        spool = self._spool(key)
        if length > self._limits.chunked_above:
            raise AssetError("unusable", f"{_name(item)} is large, and its server does not say how large.")
        target = await self._put(item, info, url, key, length, digests, spool)
        spool.unlink(missing_ok=True)
        return target

    async def _threaded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(self._stop, work, *args, **kwargs)

    # -- from the source ------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _open(
        self, item: Item, source: Session | None, url: str, start: int, etag: str | None
    ) -> AsyncIterator[Reading]:
        """The bytes of an asset from `start` on. Raises SourceError."""
        if source is None:
            raise SatchelError(Kind.INTERNAL, f"There is no server for {url}.")
        opened = Hatrac(source).get(url, start=start, etag=etag)
        try:
            download = await opened.__aenter__()
        except SatchelError as error:
            raise SourceError(error) from error
        try:
            yield Reading(download, download.info, download.start)
        finally:
            await opened.__aexit__(None, None, None)

    async def _read(self, item: Item, download: Reading, length: int, told: Told) -> bytes:
        body = bytearray()
        async for piece in download:
            body += piece
            told(len(piece))
            if len(body) > length:
                raise AssetError("length", f"{_name(item)} has more than the {length:,} bytes that its server says.")
        if len(body) != length:
            raise AssetError("length", f"{_name(item)} has {len(body):,} bytes; its server says {length:,}.")
        return bytes(body)

    async def _left(self, item: Item, key: str) -> tuple[Hashers | None, int]:
        """What an earlier run has left of a middling file. Without a checksum nobody could tell if it still fits."""
        spool = self._spool(key)
        if not spool.exists():
            return None, 0
        if item.md5 is None and item.sha256 is None:
            spool.unlink()
            return None, 0
        hashers = await self._threaded(hash_file, spool, ("md5", "sha256"), stop=self._stop)
        if item.length is not None and hashers.length > item.length:
            spool.unlink()
            return None, 0
        return hashers, hashers.length

    async def _fill(
        self, item: Item, info: ObjectInfo, key: str, hashers: Hashers | None, download: Reading, told: Told
    ) -> tuple[int, dict[str, str]]:
        """Read into a file of the job's folder."""
        spool = self._spool(key)
        resumed = hashers is not None
        hashers = hashers or Hashers(("md5", "sha256"))
        free = shutil.disk_usage(self._folder).free
        wanted = (info.length or item.length or 0) - hashers.length
        if wanted + _RESERVE > free:
            raise SatchelError(
                Kind.DISK_FULL,
                f"{_name(item)} has {wanted:,} bytes to pass through {self._folder}, and {free:,} are free there.",
                "Free some space.",
            )
        told(hashers.length)
        with spool.open("r+b" if resumed else "wb") as file:
            file.seek(hashers.length)
            file.truncate()
            gathered: list[bytes] = []
            size = 0

            def write() -> None:
                for piece in gathered:
                    hashers.update(piece)
                    file.write(piece)

            async for piece in download:
                gathered.append(piece)
                size += len(piece)
                told(len(piece))
                if size >= _HANDED_ON:
                    await self._threaded(write)
                    gathered, size = [], 0
                if item.length is not None and hashers.length > item.length + _HANDED_ON:
                    break
            await self._threaded(write)
        digests = hashers.digests()
        try:
            _agree(item, hashers.length, digests, None if resumed else info)
        except AssetError as error:
            spool.unlink(missing_ok=True)
            if resumed:
                raise _StaleError from error
            raise
        return hashers.length, digests

    # -- to the destination ---------------------------------------------------------------------------------------

    async def _same(self, path: str, content: Content, key: str) -> str | None:
        """The version at a path that has this very content and is nobody else's of this job."""
        try:
            found = await self._writer.find(path)
        except SatchelError as error:
            if error.kind is not Kind.NOT_ALLOWED:
                raise
            return None  # somebody else's, and not for us to see
        if found is None or found.length != content.length or found.version is None:
            return None
        agreed = [
            ours == theirs
            for ours, theirs in ((content.md5, found.md5), (content.sha256, found.sha256))
            if ours is not None and theirs is not None
        ]
        if not agreed or not all(agreed):
            return None
        owner = self._state.source_of(found.version)
        return found.version if owner in (None, key) else None

    async def _namespaces(self, path: str) -> None:
        above = path.rpartition("/")[0]
        async with self._alone("namespaces"):
            for made in await self._writer.make_namespaces(above):
                await self._place.made_namespace(made)

    async def _put(
        self,
        item: Item,
        info: ObjectInfo,
        url: str,
        key: str,
        length: int,
        digests: dict[str, str],
        body: bytes | Path,
    ) -> str:
        sha256 = digests["sha256"] if item.sha256 or info.sha256 else None
        content = Content(length, digests["md5"], sha256, info.content_type, item.filename or info.filename)
        taken: SatchelError | None = None
        for path in self._place.paths(item, info, digests["md5"]):
            async with self._alone(path):
                try:
                    if length > self._limits.small and (found := await self._same(path, content, key)) is not None:
                        return found
                    await self._namespaces(path)
                    return await self._writer.put(path, content, body, fresh=not self._state.wrote(path))
                except OccupiedError as error:
                    taken = error
                    found = await self._same(path, content, key)
                    if found is not None:
                        return found
                    if self._state.wrote(path):
                        return await self._writer.put(path, content, body, fresh=False)
                except NameTakenError as error:
                    taken = error
        raise AssetError("name-taken", f"{_name(item)} finds no name: {taken.message if taken else url}")

    async def _upload(
        self, item: Item, info: ObjectInfo, length: int, url: str, key: str, download: Reading, told: Told
    ) -> str:
        content = Content(
            length,
            item.md5 or info.md5,
            item.sha256 or info.sha256,
            info.content_type,
            item.filename or info.filename,
        )
        taken: SatchelError | None = None
        for path in self._place.paths(item, info, content.md5):
            async with self._alone(path):
                try:
                    if await self._writer.taken(path):
                        same = await self._same(path, content, key)
                        if same is not None:
                            return same
                        if not self._state.wrote(path):
                            continue
                    await self._namespaces(path)
                    job = await self._writer.open_upload(path, content, self._limits.chunk_for(length))
                except NameTakenError as error:
                    taken = error
                    continue
                upload = Upload(
                    key, job, path, self._limits.chunk_for(length), length, info.etag, content.md5, content.sha256, 0
                )
                self._state.begin(upload)
                return await self._send(item, upload, download, told)
        raise AssetError("name-taken", f"{_name(item)} finds no name: {taken.message if taken else url}")

    async def _go_on(self, item: Item, source: Session | None, url: str, upload: Upload, told: Told) -> str:
        """Send the chunks that an upload lacks."""
        if upload.sent and upload.md5 is None and upload.sha256 is None:
            raise _StaleError  # nobody could tell whether the beginning still fits
        start = min(upload.sent * upload.chunk, upload.length)
        async with self._large, self._open(item, source, url, start, upload.etag) as download:
            if download.start != start or (download.info.length not in (None, upload.length)):
                raise _StaleError
            told(start)
            return await self._send(item, upload, download, told)

    async def _send(self, item: Item, upload: Upload, download: Reading, told: Told) -> str:
        """Send an upload's chunks as they come, a few at once, and finish it."""
        hashers = Hashers(("md5", "sha256"))
        number, arrived, sent = upload.sent, set[int](), upload.sent
        going: set[asyncio.Task[int]] = set()
        buffer = bytearray()
        length = min(upload.sent * upload.chunk, upload.length)

        async def send(at: int, data: bytes) -> int:
            md5 = await self._threaded(lambda: hashlib.md5(data, usedforsecurity=False).digest())
            await self._writer.put_chunk(upload.job, at, data, md5)
            told(len(data))
            return at

        async def settle(most: int) -> None:
            """Wait until at most so many chunks are on their way."""
            nonlocal going, sent
            while len(going) > most:
                done, going = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
                arrived.update(task.result() for task in done)
                while sent in arrived:
                    arrived.discard(sent)
                    sent += 1
                self._state.sent(upload.source, sent)

        try:
            async for piece in download:
                buffer += piece
                length += len(piece)
                if length > upload.length:
                    break
                while len(buffer) >= upload.chunk:
                    data = bytes(memoryview(buffer)[: upload.chunk])
                    del buffer[: upload.chunk]
                    await self._threaded(hashers.update, data)
                    await settle(CHUNKS_AT_ONCE - 1)
                    going.add(asyncio.create_task(send(number, data)))
                    number += 1
            if buffer and length <= upload.length:
                await self._threaded(hashers.update, bytes(buffer))
                going.add(asyncio.create_task(send(number, bytes(buffer))))
            await settle(0)
        finally:
            for task in going:
                task.cancel()
            await asyncio.gather(*going, return_exceptions=True)
        try:
            whole = upload.sent == 0
            expected = {"md5": upload.md5, "sha256": upload.sha256}
            _expect(_name(item), length, upload.length, hashers.digests() if whole else {}, expected)
            return await self._finish(item, upload, whole)
        except AssetError as error:
            await self._give_up(upload.source)
            if not whole:
                raise _StaleError from error
            raise

    async def _finish(self, item: Item, upload: Upload, whole: bool) -> str:
        try:
            target = await self._writer.finish_upload(upload.job)
        except UploadGoneError:
            content = Content(upload.length, upload.md5, upload.sha256, "", None)
            found = await self._same(upload.path, content, upload.source)
            if found is None:
                raise
            target = found
        except SatchelError as error:
            if error.kind is Kind.INVALID:
                raise AssetError("checksum", f"{_name(item)}: {error.message}") from error
            raise
        found_there = await self._writer.find(target)
        if found_there is None:
            raise AssetError("unusable", f"{_name(item)} is not where it was put.")
        expected = {"md5": upload.md5, "sha256": upload.sha256}
        digests: dict[str, str] = {}
        if not whole:
            # Its beginning was sent by an earlier run, whose checksum is lost: the copy itself is read.
            digests = await self._read_back(target)
        elif found_there.md5 is not None:
            digests = {"md5": found_there.md5}
        _expect(_name(item), found_there.length or 0, upload.length, digests, expected)
        return target

    async def _read_back(self, target: str) -> dict[str, str]:
        hashers = Hashers(("md5", "sha256"))
        async with self._writer.reader.get(target) as download:
            async for piece in download:
                await self._threaded(hashers.update, piece)
        return hashers.digests()


class _StaleError(Exception):
    """What an earlier run left does not fit what is at the source now."""


class Reading:
    """Bytes as they come, whose failures are the source's."""

    def __init__(self, pieces: Download | AsyncIterator[bytes], info: ObjectInfo, start: int) -> None:
        self._pieces = pieces
        self.info = info
        self.start = start

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = self._pieces.__aiter__()
        with contextlib.suppress(StopAsyncIteration):
            while True:
                try:
                    piece = await anext(pieces)
                except SatchelError as error:
                    raise SourceError(error) from error
                yield piece


def _digests(body: bytes) -> dict[str, str]:
    hashers = Hashers(("md5", "sha256"))
    hashers.update(body)
    return hashers.digests()


def _name(item: Item) -> str:
    return f"{item.filename or item.url.rpartition('/')[2][:100]} ({item.table} {item.rid})"


def _agree(
    item: Item, length: int | None, digests: dict[str, str | None] | dict[str, str], info: ObjectInfo | None = None
) -> None:
    """Hold bytes, or what the source's headers say of them, against the row, and against those headers."""
    _expect(_name(item), length, item.length, digests, {"md5": item.md5, "sha256": item.sha256})
    if info is not None:
        _expect(_name(item), length, info.length, digests, {"md5": info.md5, "sha256": info.sha256}, "its server")


def _expect(
    name: str,
    length: int | None,
    expected: int | None,
    digests: dict[str, str | None] | dict[str, str],
    sums: dict[str, str | None],
    who: str = "its row",
) -> None:
    if length is not None and expected is not None and length != expected:
        raise AssetError("length", f"{name} has {length:,} bytes; {who} says {expected:,}.")
    for algorithm, wanted in sums.items():
        found = digests.get(algorithm)
        if wanted is not None and found is not None and found != wanted:
            raise AssetError("checksum", f"{name} has another {algorithm} than {who} says.", f"{found} not {wanted}")


def code_of(error: SatchelError) -> str | None:
    """The word for a failure of a source that concerns one asset alone; None where it concerns its whole server."""
    if isinstance(error, AssetError):
        return error.code
    if isinstance(error, Passing):
        return "unusable" if error.detail.startswith("500") else None
    if error.kind is Kind.NOT_FOUND:
        return "missing"
    if error.kind is Kind.NOT_ALLOWED:
        return "not-allowed"
    if error.kind in (Kind.INVALID, Kind.SERVER, Kind.USAGE):
        return "unusable"
    return None
