"""Compares files with the checksums that manifests list for them, each file read once, several at a time."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from satchel.core.bags.digests import PIECE, StoppedError, hash_file
from satchel.core.bags.manifests import library_name
from satchel.core.bags.places import is_inside
from satchel.core.bags.problems import Findings
from satchel.core.bags.threads import in_thread
from satchel.core.jobs.context import Stage

Expected = tuple[str, dict[str, str]]
"""A path, and its checksums by algorithm."""
_BATCH = 256
_BATCH_BYTES = 8 << 20


async def check(
    bag: Path, db: sqlite3.Connection, findings: Findings, stop: threading.Event, stage: Stage, *, tag: bool
) -> None:
    """Check all files of payload manifests, or of tag manifests, that are there.

    Raises:
        OSError: the database cannot be read.
    """
    source = _expected(db, tag)
    lock = threading.Lock()
    found: list[tuple[str, str, str]] = []

    def work() -> None:
        while True:
            with lock:
                batch = _take(source)
            if not batch:
                return
            found.extend(_compare(bag, batch, stop, stage, tag=tag))

    tasks = [asyncio.create_task(in_thread(stop, work)) for _ in range(min(4, os.cpu_count() or 1))]
    try:
        await asyncio.gather(*tasks)
    finally:
        # A failure of one must not leave the others at work on a database that is about to be closed.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for code, path, message in sorted(found, key=lambda f: f[1]):
        findings.error(code, path, message)


def _expected(db: sqlite3.Connection, tag: bool) -> Iterator[tuple[str, dict[str, str], int]]:
    path: str | None = None
    size, sums = 0, dict[str, str]()
    query = (
        "SELECT path, algorithm, digest, 0 FROM listed WHERE tag ORDER BY path, line"
        if tag
        else "SELECT l.path, algorithm, digest, size FROM listed l CROSS JOIN here h ON h.path = l.path "
        "WHERE NOT tag ORDER BY l.path"
    )
    libraries: dict[str, str | None] = {}
    for found, algorithm, digest, found_size in db.execute(query):
        if found != path:
            if path is not None and (sums or tag):
                yield path, sums, size
            path, sums, size = found, {}, found_size
        if algorithm not in libraries:
            libraries[algorithm] = library_name(algorithm)
        if libraries[algorithm] is not None:
            sums.setdefault(algorithm, digest)
    if path is not None and (sums or tag):
        yield path, sums, size


def _take(source: Iterator[tuple[str, dict[str, str], int]]) -> list[Expected]:
    batch, total = [], 0
    for path, sums, size in source:
        batch.append((path, sums))
        total += size
        if len(batch) >= _BATCH or total >= _BATCH_BYTES:
            break
    return batch


def _compare(
    bag: Path, batch: Sequence[Expected], stop: threading.Event, stage: Stage, *, tag: bool
) -> list[tuple[str, str, str]]:
    """Code, path and message of what is wrong with some files."""
    found = []
    root = f"{bag}{os.sep}"
    told = _Told(stage)
    libraries: dict[str, str] = {}
    for path, sums in batch:
        if stop.is_set():
            raise StoppedError
        if tag and not is_inside(bag, path):
            found.append(("missing", path, f"{path} is in a tag manifest but not in the bag."))
            continue
        if libraries.keys() != sums.keys():
            libraries = {algorithm: library_name(algorithm) or algorithm for algorithm in sums}
        try:
            hashers = hash_file(root + path, libraries.values(), stop=stop, told=None if tag else told.add)
        except OSError as error:
            found.append(("unreadable", path, f"{path} cannot be read: {error.strerror}."))
            continue
        digests = hashers.digests()
        found += [
            ("checksum", path, f"{path} was changed: its {algorithm} is not the manifest's.")
            for algorithm, digest in sums.items()
            if digests[libraries[algorithm]] != digest
        ]
    told.flush()
    return found


class _Told:
    """Tells a stage what was read, a megabyte at a time: small files are many."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._kept = 0

    def add(self, size: int) -> None:
        self._kept += size
        if self._kept >= PIECE:
            self.flush()

    def flush(self) -> None:
        self._stage.add(self._kept)
        self._kept = 0
