"""Downloading what the server made: at the byte where it stopped, checked, under a name of our own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from satchel.core.bags.digests import Hashers, hash_file
from satchel.core.bags.threads import in_thread
from satchel.core.deriva.hatrac import Hatrac
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context

MOST_LINES = 400
"""Of the server's log that are repeated in the job's."""
_LOG_BYTES = 4 << 20
_PART = "server-part"
_EVERY = 16 << 20
"""Bytes between two checkpoints."""
RESTARTS = 3


@dataclass(frozen=True, slots=True)
class Brought:
    """A file of the server's, here and as it was there."""

    path: Path
    length: int
    sha256: str
    verified: bool
    """The server named a checksum, and the file has it."""


async def server_log(session: Session, path: str, context: Context) -> None:
    """Put what the server wrote while it made the export into the job's log. Once; a server without one has none.

    The service shows it only of an export whose address is known, that is of one that has ended.
    """
    if context.recall("server-log") == path:
        return
    try:
        answer = await session.request("GET", f"{path}/log", also=(404,))
    except SatchelError as error:
        context.log(f"The server's log cannot be read: {error.message}", "debug")
        return
    if answer.status != 200 or "text/plain" not in answer.headers.get("content-type", ""):
        return
    lines = answer.body[:_LOG_BYTES].decode("utf-8", "replace").splitlines()
    for line in lines[:MOST_LINES]:
        context.log(f"{session.host}: {''.join(c if c.isprintable() else ' ' for c in line[:500])}")
    if len(lines) > MOST_LINES:
        context.log(f"{session.host}: and {len(lines) - MOST_LINES:,} lines more")
    context.checkpoint("server-log", path)


async def bring(session: Session, path: str, target: Path, context: Context) -> Brought:
    """Download a result.

    Args:
        session: to the catalog's own host; no other is asked.
        path: on it.
        target: the file to write; what is there of an earlier run is gone on with where its checkpoint says so.
        context: for checkpoints and the cancel flag.

    Raises:
        SatchelError: it is gone from the server, is not what the server says it is, or cannot be written.
    """
    host = session.host
    with context.stage("download", f"Download it from {host}", unit="bytes") as stage:
        for restart in range(RESTARTS):
            try:
                return await _once(session, path, target, context, stage)
            except _ChangedError as error:
                context.log(f"{error.message} Beginning again.", "warning")
                context.checkpoint(_PART, None)
                stage.done = 0
                if restart == RESTARTS - 1:
                    raise
        raise AssertionError("either way out is above")


class _ChangedError(SatchelError):
    """Not the file that the download began with, or not whole."""


async def _once(session: Session, path: str, target: Path, context: Context, stage: Any) -> Brought:
    kept: Mapping[str, Any] = context.recall(_PART) or {}
    kept = kept if kept.get("path") == path else {}
    start, hashers = await in_thread(context.cancelled, _known, target, kept, context)
    stage.done = start
    async with Hatrac(session).get(path, start=start, etag=kept.get("etag")) as download:
        # Without an entity tag nobody can say that it is the same file; exports are made once, so length decides.
        if download.start and not kept.get("etag") and download.info.length != kept.get("length"):
            raise _ChangedError(Kind.SERVER, f"{session.host} has another file there now.")
        if download.start != start:
            start, hashers, stage.done = 0, Hashers(("md5", "sha256")), 0
        length = stage.total = download.info.length
        about = {"path": path, "etag": download.info.etag, "length": length}
        file = await asyncio.to_thread(_open, target, start)
        try:
            saved = at = start
            try:
                async for chunk in download:
                    await in_thread(context.cancelled, _write, file, hashers, chunk)
                    at += len(chunk)
                    stage.add(len(chunk))
                    if length is not None and at > length:
                        raise _ChangedError(Kind.SERVER, f"{session.host} sends more than it said.")
                    if at - saved >= _EVERY:
                        await in_thread(context.cancelled, _save, file, context, {**about, "bytes": at})
                        saved = at
            except SatchelError as error:
                if "changed while it was read" in error.message:
                    raise _ChangedError(error.kind, error.message, error.hint, error.detail) from error
                raise
            finally:
                await asyncio.to_thread(_save, file, context, {**about, "bytes": at})
        finally:
            file.close()
        if length is not None and at != length:
            raise _ChangedError(Kind.SERVER, f"{session.host} sent {at:,} of {length:,} bytes.")
        sums = hashers.digests()
        said = {"md5": download.info.md5, "sha256": download.info.sha256}
        wrong = [name for name, value in said.items() if value is not None and value != sums[name]]
        if wrong:
            raise _ChangedError(
                Kind.INVALID,
                f"What {session.host} sent does not have the {wrong[0]} checksum that it names.",
                "Try again; something on the way may change what is sent.",
            )
        stage.note = f"{at:,} bytes"
        return Brought(target, at, sums["sha256"], any(said.values()))


def _known(target: Path, kept: Mapping[str, Any], context: Context) -> tuple[int, Hashers]:
    """How much is here of what an earlier run wrote, and its checksums so far."""
    size = kept.get("bytes")
    if not isinstance(size, int) or not target.exists() or target.stat().st_size < size:
        return 0, Hashers(("md5", "sha256"))
    hashers = hash_file(target, ("md5", "sha256"), limit=size, stop=context.cancelled)
    return (size, hashers) if hashers.length == size else (0, Hashers(("md5", "sha256")))


def _open(target: Path, start: int) -> IO[bytes]:
    if not start:
        return target.open("w+b")
    file = target.open("r+b")
    file.truncate(start)
    file.seek(start)
    return file


def _write(file: IO[bytes], hashers: Hashers, chunk: bytes) -> None:
    file.write(chunk)
    hashers.update(chunk)


def _save(file: IO[bytes], context: Context, about: Mapping[str, Any]) -> None:
    file.flush()
    os.fsync(file.fileno())
    context.checkpoint(_PART, dict(about))
