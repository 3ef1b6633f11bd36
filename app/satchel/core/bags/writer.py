"""Writes what makes a folder with a payload a bag: bagit.txt, bag-info.txt, manifests, fetch.txt, tag manifests.

What the bag holds is kept in a small SQLite file beside it, so that a bag with a million files needs no memory and an
interrupted job finds what it has verified.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from satchel.core.bags.digests import hash_file
from satchel.core.bags.manifests import fetch_line, info_lines, manifest_line

BAGIT = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """A payload file: here (no URL) or to be fetched."""

    path: str
    """Below the bag, beginning with `data/`."""
    length: int | None
    digests: dict[str, str]
    url: str | None = None


_AT_ONCE = 1000
"""Entries that are read in one go."""


class Inventory:
    """The payload of a bag that is being made. Entries may be added and looked up from any thread."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS entry "
            "(path TEXT PRIMARY KEY, length INTEGER, digests BLOB, url TEXT) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Close the file. What another thread is asking it is waited for: SQLite does not survive less."""
        with self._lock:
            self._db.close()

    def add(self, entries: Iterable[Entry]) -> None:
        """Write entries down, replacing what was said of the same paths."""
        rows = [(e.path, e.length, msgspec.json.encode(e.digests), e.url) for e in entries]
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")

    def get(self, path: str) -> Entry | None:
        """The entry of a path."""
        with self._lock:
            row = self._db.execute("SELECT * FROM entry WHERE path = ?", (path,)).fetchone()
        return _entry(row) if row else None

    def is_folder(self, path: str) -> bool:
        """Whether a path is that of a folder in which there is something."""
        with self._lock:
            row = self._db.execute(
                "SELECT 1 FROM entry WHERE path >= ? AND path < ? LIMIT 1", (f"{path}/", f"{path}0")
            ).fetchone()
        return row is not None

    def __iter__(self) -> Iterator[Entry]:
        last = ""
        while True:
            with self._lock:
                rows = self._db.execute(
                    "SELECT * FROM entry WHERE path > ? ORDER BY path LIMIT ?", (last, _AT_ONCE)
                ).fetchall()
            yield from map(_entry, rows)
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1][0]

    def remove(self, path: str) -> None:
        """Forget a file that is no longer there as it was."""
        with self._lock:
            self._db.execute("DELETE FROM entry WHERE path = ?", (path,))

    def oxum(self) -> tuple[int, int]:
        """Bytes and number of payload files; unknown lengths count as 0."""
        with self._lock:
            size, count = self._db.execute("SELECT coalesce(sum(length), 0), count(*) FROM entry").fetchone()
        return int(size), int(count)

    def algorithms(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Those of the wanted algorithms that every file has a checksum of."""
        kept = list(wanted)
        for entry in self:
            kept = [a for a in kept if a in entry.digests]
            if not kept:
                break
        return tuple(kept)

    def remote(self) -> int:
        """How many files are to be fetched."""
        with self._lock:
            (count,) = self._db.execute("SELECT count(*) FROM entry WHERE url IS NOT NULL").fetchone()
        return int(count)


def _entry(row: tuple[str, int | None, bytes, str | None]) -> Entry:
    return Entry(row[0], row[1], msgspec.json.decode(row[2], type=dict[str, str]), row[3])


def write_tags(
    bag: Path,
    inventory: Inventory,
    info: Iterable[tuple[str, str]],
    algorithms: Sequence[str],
    extra: Iterable[str] = (),
) -> list[str]:
    """Write all tag files of a bag whose payload is in place.

    Args:
        bag: the folder.
        inventory: its payload.
        info: fields of bag-info.txt, in order, without Payload-Oxum.
        algorithms: of the manifests; every entry has all of them.
        extra: further tag files that are there already, below the bag.

    Returns:
        The tag files' paths below the bag, in order.
    """
    size, count = inventory.oxum()
    tags = {"bagit.txt": BAGIT}
    fields = [*info, ("Payload-Oxum", f"{size}.{count}")]
    tags["bag-info.txt"] = "".join(line + "\n" for line in info_lines(fields))
    for name, text in tags.items():
        _write(bag / name, [text])
    if inventory.remote():
        _write(bag / "fetch.txt", (fetch_line(e.url, e.length, e.path) + "\n" for e in inventory if e.url))
        tags["fetch.txt"] = ""
    for algorithm in algorithms:
        name = f"manifest-{algorithm}.txt"
        _write(bag / name, (manifest_line(e.digests[algorithm], e.path) + "\n" for e in inventory))
        tags[name] = ""
    listed = sorted([*tags, *extra])
    digests = {name: hash_file(bag / name, algorithms).digests() for name in listed}
    for algorithm in algorithms:
        _write(
            bag / f"tagmanifest-{algorithm}.txt",
            (manifest_line(digests[name][algorithm], name) + "\n" for name in listed),
        )
        tags[f"tagmanifest-{algorithm}.txt"] = ""
    return sorted([*tags, *extra])


def _write(path: Path, pieces: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())


def sync_tree(folder: Path) -> None:
    """Put everything below a folder on the disk."""
    if hasattr(os, "sync"):
        os.sync()
        return
    for root, _, names in os.walk(folder):
        for name in names:
            with (Path(root) / name).open("rb+") as file:
                os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Put a folder's names on the disk, where the platform can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
