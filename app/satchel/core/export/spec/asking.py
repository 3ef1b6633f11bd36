"""Queries whose answers become files: one request, or page after page, streamed to disk and hashed on the way.

What deriva-py 1.7.12 does with paged CSV is wrong (a line break in the last row of a page loses rows, CRLF inside
fields becomes LF); here pages are taken apart by CSV's rules, byte for byte.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec

from satchel.core.bags.digests import Hashers
from satchel.core.bags.threads import in_thread
from satchel.core.deriva.ermrest import CSV, JSON, JSON_STREAM, Catalog
from satchel.core.deriva.retry import patiently
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.csvpage import columns_of, first_record_end
from satchel.core.export.spec.model import PAGE_SIZE
from satchel.core.jobs.context import Context

GATHERED = 512 * 1024
"""Bytes that are gathered before a thread writes them."""
_PLAIN = "!#$%&'()*+,/:;=?@[]~"
_LIMIT = re.compile(r"(?i)(^|[&;])limit=[^&;]*")
_SLOW = "query run time limit exceeded"
_COUNTED = 16 << 20
"""Bytes. JSON arrays up to this size are counted."""


@dataclass(frozen=True, slots=True)
class Paging:
    """How a query is asked page by page."""

    size: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """An answer on disk."""

    length: int
    digests: dict[str, str]
    rows: int | None


def escaped(query: str) -> str:
    """A query path as it is sent: what no address may hold is escaped, as deriva-py's HTTP library does it."""
    path = query.partition("#")[0]
    path = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path)
    return quote(path, safe=_PLAIN)


def paging_of(query: str, kind: str, paged: bool, size: object, columns: object) -> Paging | None:
    """How a query is paged, None where it is not: pages are there for rows as CSV or as a stream of JSON alone."""
    if not paged or kind == "json" or not query.startswith(("/entity", "/attribute")):
        return None
    number = size if isinstance(size, int) and size > 0 else PAGE_SIZE
    names = tuple(map(str, columns)) if isinstance(columns, list) and columns else ("RID",)
    return Paging(number, names)


async def save(
    catalog: Catalog,
    query: str,
    accept: str,
    target: Path,
    algorithms: Sequence[str],
    context: Context,
    paging: Paging | None = None,
) -> Saved | None:
    """Put the answer to a query into a file.

    Args:
        catalog: whose.
        query: below the catalog, beginning with a slash; sent as `escaped` has it.
        accept: the media type.
        target: the file.
        algorithms: of the checksums.
        context: for the cancel flag and the log.
        paging: None: all at once.

    Returns:
        None where there are no rows: then there is no file either, as with deriva-py.

    Raises:
        SatchelError: the server refuses, or cannot be had after patience.
    """
    if paging is None:
        saved = await _whole(catalog, query, accept, target, algorithms, context)
    else:
        saved = await _paged(catalog, query, accept, target, algorithms, context, paging)
    if saved is None:
        await asyncio.to_thread(target.unlink, missing_ok=True)
    return saved


async def _whole(
    catalog: Catalog, query: str, accept: str, target: Path, algorithms: Sequence[str], context: Context
) -> Saved | None:
    async def once() -> _File:
        file = _File(target, accept, algorithms)
        pieces: list[bytes] = []
        waiting = 0
        try:
            async with catalog.stream(escaped(query).lstrip("/"), accept) as stream:
                if not stream.framed:
                    raise SatchelError(
                        Kind.SERVER,
                        f"{catalog.host} sends data without saying where they end.",
                        "A proxy between you and the server may do this; data could be missing unseen.",
                        query,
                    )
                async for piece in stream.chunks():
                    pieces.append(piece)
                    waiting += len(piece)
                    if waiting >= GATHERED:
                        await in_thread(context.cancelled, file.take, pieces)
                        pieces, waiting = [], 0
            # Small answers cost less here than a thread would.
            if waiting < GATHERED // 8:
                file.take(pieces)
            else:
                await in_thread(context.cancelled, file.take, pieces)
        finally:
            file.close()
        return file

    file = await patiently(catalog.session.policy, f"GET {query[:120]}", catalog.session.log, once)
    return file.saved()


async def _paged(
    catalog: Catalog,
    query: str,
    accept: str,
    target: Path,
    algorithms: Sequence[str],
    context: Context,
    paging: Paging,
) -> Saved | None:
    path, _, parameters = query.partition("?")
    path = path.partition("@sort")[0]
    size = paging.size
    after: list[str] | None = None
    file = _File(target, accept, algorithms)
    header = b""
    try:
        while True:
            at = f"@after({','.join(after)})" if after is not None else ""
            limited = _LIMIT.sub(rf"\g<1>limit={size}", parameters) if _LIMIT.search(parameters) else ""
            rest = limited or "&".join(filter(None, [parameters, f"limit={size}"]))
            asked = f"{path}@sort({','.join(quote(c, safe=':') for c in paging.columns)}){at}?{rest}"
            try:
                data = await catalog.read(escaped(asked).lstrip("/"), accept)
            except SatchelError as error:
                if _SLOW not in error.detail.lower() or size == 1:
                    raise
                size = max(1, size // 2)
                context.log(f"{query}: the server takes too long for a page; the next have {size} rows.", "warning")
                continue
            if accept == CSV:
                end = first_record_end(data)
                body = data[end:]
                pieces = [body] if header else [data]
                header = header or data[:end]
            else:
                body, pieces = data, [data]
            rows = count_rows(body, accept, headless=True)
            if not rows:
                break
            await in_thread(context.cancelled, file.take, pieces)
            after = _last(body, header, accept, paging.columns, query)
            if rows < size:
                break
    finally:
        file.close()
    return file.saved()


def _last(body: bytes, header: bytes, accept: str, columns: Sequence[str], query: str) -> list[str]:
    """The last row's values of the columns that pages are sorted by, as a path wants them."""
    if accept == CSV:
        record = _last_record(body)
        values = dict(zip(columns_of(header), next(csv.reader(io.StringIO(record.decode(), newline=""))), strict=False))
        found = [values.get(c) or None for c in columns]
        known = set(values)
    else:
        row = msgspec.json.decode(body.rstrip(b"\n").rpartition(b"\n")[2], type=dict[str, object])
        found = [None if row.get(c) is None else str(row[c]) for c in columns]
        known = set(row)
    missing = [c for c in columns if c not in known]
    if missing:
        raise SatchelError(
            Kind.USAGE,
            f"Pages are to be sorted by {missing[0]}, which is not among the columns of {query[:100]}.",
            "Name columns of the answer under paged_query_sort_columns.",
        )
    return ["::null::" if value is None else quote(value, safe="") for value in found]


def _last_record(body: bytes) -> bytes:
    """The last record of CSV rows: what follows the last line end that is outside of quotes."""
    at = len(body.rstrip(b"\r\n"))
    while True:
        start = body.rfind(b"\n", 0, at)
        if start < 0:
            return body
        if body.count(b'"', start) % 2 == 0:
            return body[start + 1 :]
        at = start


def count_rows(data: bytes, accept: str, *, headless: bool = False) -> int:
    """Rows of CSV (line ends outside of quotes), or objects of a stream."""
    if accept != CSV:
        return data.count(b"\n") + (1 if data and not data.endswith(b"\n") else 0)
    lines = data.count(b"\n") if b'"' not in data else sum(s.count(b"\n") for s in data.split(b'"')[::2])
    lines += 1 if data and not data.endswith(b"\n") else 0
    return lines if headless else max(0, lines - 1)


class _File:
    """A file that is written, hashed and counted. Its methods block."""

    def __init__(self, path: Path, accept: str, algorithms: Sequence[str]) -> None:
        self._path = path
        self._accept = accept
        self._file: IO[bytes] | None = None
        self._hashers = Hashers(algorithms)
        self._quotes = 0
        self._lines = 0
        self._last = b""
        self._first = b""

    def take(self, pieces: Sequence[bytes]) -> None:
        """Write the next bytes."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        data = b"".join(pieces)
        if not data:
            return
        self._file.write(data)
        self._hashers.update(data)
        self._count(data)

    def _count(self, data: bytes) -> None:
        if not self._first:
            self._first = data[:16]
        self._last = data[-1:]
        if self._accept != CSV or (not self._quotes and b'"' not in data):
            self._lines += data.count(b"\n")
            return
        pieces = data.split(b'"')
        begin = 1 if self._quotes else 0
        self._lines += sum(piece.count(b"\n") for piece in pieces[begin::2])
        self._quotes = (self._quotes + len(pieces) - 1) % 2

    def close(self) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def saved(self) -> Saved | None:
        """What is on disk; None where that is no rows at all."""
        length = self._hashers.length
        if not length or self._first[:length] in (b"[]\n", b"{}\n"):
            return None
        lines = self._lines + (1 if self._last != b"\n" else 0)
        rows: int | None = lines
        if self._accept == CSV:
            if lines <= 1:
                return None
            rows = lines - 1
        elif self._accept == JSON:
            rows = self._objects() if length <= _COUNTED else None
        return Saved(length, self._hashers.digests(), rows)

    def _objects(self) -> int | None:
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=list[msgspec.Raw])
        except msgspec.MsgspecError:
            return None
        return len(found)


__all__ = ["CSV", "JSON", "JSON_STREAM", "Paging", "Saved", "count_rows", "escaped", "paging_of", "save"]
