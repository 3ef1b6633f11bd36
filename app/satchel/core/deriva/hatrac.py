"""Hatrac objects, and files that catalogs refer to elsewhere: what is known of them, and their bytes.

Addresses come out of catalogs, so they are not trusted: only https, and the session's credential goes to its own host
alone. A body that is cut is gone on with where it stopped (RFC 9110, Range and If-Range).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import string
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote, unquote, urldefrag

from satchel.core.deriva.retry import Passing, patiently
from satchel.core.deriva.session import CHUNK, Session, Stream
from satchel.core.errors import Kind, SatchelError

_DISPOSITION = re.compile(r"filename\*=UTF-8''([^;]+)", re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)")
_PLAIN = {"Accept-Encoding": "identity"}
"""Compressed on the way, bytes could neither be counted nor gone on with."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What the server says of an object. Checksums are hexadecimal; None: not said."""

    url: str
    length: int | None
    md5: str | None
    sha256: str | None
    content_type: str
    filename: str | None
    """As the server suggests it: not safe as a path."""
    etag: str | None
    version: str | None
    """The address of this very version, where the server has versions."""


class Download:
    """An object's bytes as they come, over as many connections as it takes. Iterate over it once."""

    def __init__(self, session: Session, url: str, start: int, etag: str | None, stack: AsyncExitStack) -> None:
        self._session = session
        self._url = url
        self._stack = stack
        self._stream: Stream | None = None
        self._etag = etag
        self._position = start
        self.start = start
        """Where the bytes begin: what was asked for, or 0 when the server has other bytes by now."""
        self.info = ObjectInfo(url, None, None, None, "", None, None, None)

    async def begin(self) -> None:
        """Send the request; `info` and `start` are right after it."""
        stream = await self._connect()
        self.info = _info(self._url, stream.headers)
        if stream.status == 206 or stream.status == 416:
            self.info = _replace_length(self.info, _range(stream)[1])
        else:
            self.start = self._position = 0
        self._etag = self.info.etag
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes from `start` to the end.

        Raises:
            SatchelError: they cannot be had, or the object changed while it was read.
        """
        policy, fruitless = self._session.policy, 0
        while True:
            before = self._position
            try:
                async for chunk in self._pieces():
                    self._position += len(chunk)
                    yield chunk
                return
            except Passing as failure:
                fruitless = fruitless + 1 if self._position == before else 1
                if fruitless >= policy.tries:
                    raise
                if self._session.log is not None:
                    self._session.log(f"GET {self._url}: {failure.message} Going on at byte {self._position}.", "debug")
                self._stream = None
                await asyncio.sleep(min(policy.longest_pause, policy.first_pause * 2 ** (fruitless - 1)))

    async def _pieces(self) -> AsyncIterator[bytes]:
        if self._stream is None:
            self._stream = await patiently(self._session.policy, f"GET {self._url}", self._session.log, self._again)
        stream = self._stream
        if stream.status == 416:
            return
        skip = self._position if stream.status == 200 else 0
        if not stream.framed:
            raise SatchelError(
                Kind.SERVER, f"The server of {self._url} does not say where the file ends.", "", "no Content-Length"
            )
        async for piece in stream.chunks(CHUNK):
            chunk = piece
            if skip:
                chunk, skip = chunk[skip:], max(0, skip - len(chunk))
            if chunk:
                yield chunk

    async def _again(self) -> Stream:
        stream = await self._connect()
        if stream.status == 200 and self._position:
            same = self._etag is not None and stream.headers.get("etag") == self._etag
            if not same:
                raise SatchelError(
                    Kind.SERVER, f"{self._url} changed while it was read.", "Try again.", "other entity tag"
                )
        elif stream.status == 206:
            first, total = _range(stream)
            if first != self._position or (self.info.length is not None and total != self.info.length):
                raise SatchelError(
                    Kind.SERVER, f"{self._url} changed while it was read.", "Try again.", "other length or range"
                )
        return stream

    async def _connect(self) -> Stream:
        await self._stack.aclose()
        headers = dict(_PLAIN)
        if self._position:
            headers["Range"] = f"bytes={self._position}-"
            if self._etag and not self._etag.startswith("W/"):
                headers["If-Range"] = self._etag
        also = (409, 416) if self._position else (409,)
        stream = await self._stack.enter_async_context(self._session.stream(self._url, headers=headers, also=also))
        if stream.status == 409:
            raise SatchelError(
                Kind.NOT_FOUND,
                f"{self._url} has no content on the server.",
                "Its upload was never finished.",
                (await stream.read()).decode("utf-8", "replace")[:300],
            )
        return stream


async def head(session: Session, url: str) -> ObjectInfo:
    """What a server says of an object, without its bytes.

    Raises:
        SatchelError: there is none, or no right to it.
    """
    answer = await session.request("HEAD", url, headers=_PLAIN, also=(409,))
    if answer.status == 409:
        raise SatchelError(Kind.NOT_FOUND, f"{url} has no content on the server.", "Its upload was never finished.")
    return _info(url, answer.headers)


class Hatrac:
    """Objects as a session's host, or any other, serves them."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def address(self, url: str) -> str:
        """An asset's URL as a catalog holds it, made ready for a request: relative ones are the catalog's host's.

        Raises:
            SatchelError: it is neither a path on the host nor https.
        """
        bare = urldefrag(quote(url.strip(), safe=string.punctuation))[0]
        if not bare.startswith("https://") and (not bare.startswith("/") or bare.startswith("//")):
            raise SatchelError(
                Kind.INVALID, f"{url[:200]!r} is not an address that Satchel fetches from.", "Only https is.", url
            )
        return bare

    async def head(self, url: str) -> ObjectInfo:
        """What the server says of an object.

        Raises:
            SatchelError: there is none, or no right to it.
        """
        return await head(self.session, self.address(url))

    @asynccontextmanager
    async def get(self, url: str, *, start: int = 0, etag: str | None = None) -> AsyncIterator[Download]:
        """Read an object.

        Args:
            url: as the catalog holds it.
            start: bytes that are here already, from an earlier run.
            etag: the entity tag that they had; when the object has another one now, reading begins at 0
                (`Download.start` says so).

        Raises:
            SatchelError: there is none, or no right to it.
        """
        async with AsyncExitStack() as stack:
            download = Download(self.session, self.address(url), start, etag, stack)
            await download.begin()
            yield download


def _range(stream: Stream) -> tuple[int, int]:
    """First byte and whole length of a partial answer (the length twice for one that is past the end)."""
    match = _CONTENT_RANGE.fullmatch(stream.headers.get("content-range", "").strip())
    if not match:
        raise SatchelError(Kind.SERVER, f"The server of {stream.url} sends a part without saying which.")
    total = int(match[3])
    return (int(match[1]) if match[1] else total), total


def _replace_length(info: ObjectInfo, length: int) -> ObjectInfo:
    return ObjectInfo(
        info.url, length, info.md5, info.sha256, info.content_type, info.filename, info.etag, info.version
    )


def _info(url: str, headers: Mapping[str, str]) -> ObjectInfo:
    length = headers.get("content-length", "")
    name = _DISPOSITION.search(headers.get("content-disposition", ""))
    return ObjectInfo(
        url=url,
        length=int(length) if length.isdigit() and "content-encoding" not in headers else None,
        md5=_hex(headers.get("content-md5"), 16),
        sha256=_hex(headers.get("content-sha256"), 32),
        content_type=headers.get("content-type", ""),
        filename=unquote(name[1]) if name else None,
        etag=headers.get("etag"),
        version=headers.get("content-location"),
    )


def _hex(value: str | None, size: int) -> str | None:
    """A checksum in base64 or hexadecimal as lower-case hexadecimal; None when it is none."""
    if not value:
        return None
    text = value.strip()
    if re.fullmatch(rf"[0-9a-fA-F]{{{2 * size}}}", text):
        return text.lower()
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) == size else None
