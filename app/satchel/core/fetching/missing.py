"""The files that a bag lists in fetch.txt and does not hold, as a tree to choose from. There may be millions.

They are sorted by SQLite and walked once, with one open folder per level, so that memory stays small however many there
are; a window asks for the children of the folders that it opens. All calls block.
"""

from __future__ import annotations

import fnmatch
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from satchel.core.bags.digests import StoppedError
from satchel.core.bags.reading import Bag
from satchel.core.errors import SatchelError
from satchel.core.fetching.picked import Picked
from satchel.core.fetching.sources import address, host_of

TOP = 0
"""The id of what is above all."""
_AT_ONCE = 2_000
_MOST_HOSTS = 1_000


class Node(NamedTuple):
    """A file, or a folder with what is in it."""

    id: int
    name: str
    path: str
    """As in fetch.txt, without a slash at its end: `data/assets/Image`."""
    is_folder: bool
    files: int
    """In it; 1 for a file."""
    size: int
    """Bytes, as far as fetch.txt says them."""
    unknown: int
    """Files in it of which fetch.txt does not say the length."""


class Sum(NamedTuple):
    """What a choice comes to."""

    files: int
    size: int
    unknown: int


class _Open:
    """A folder that the walk is in."""

    def __init__(self, number: int, parent: int, name: str, path: str) -> None:
        self.number, self.parent, self.name, self.path = number, parent, name, path
        self.files = self.size = self.unknown = 0


class Missing:
    """The tree.

    Args:
        path: of the file that holds it, made by `find_missing`.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """It will not be used any more."""
        self._db.close()

    def all(self) -> Sum:
        """All of it."""
        row = self._db.execute("SELECT count(*), coalesce(sum(length), 0), sum(length IS NULL) FROM file").fetchone()
        return Sum(row[0], row[1], row[2] or 0)

    def hosts(self) -> list[tuple[str, int]]:
        """The servers, and how many files are on each, the most first."""
        return self._db.execute("SELECT name, files FROM host ORDER BY files DESC, name").fetchall()

    def number(self, parent: int = TOP) -> int:
        """How many children something has."""
        (found,) = self._db.execute("SELECT count(*) FROM node WHERE parent = ?", (parent,)).fetchone()
        return int(found)

    def children(self, parent: int = TOP, begin: int = 0, most: int = _AT_ONCE) -> list[Node]:
        """Some of them, folders first."""
        rows = self._db.execute(
            "SELECT id, name, path, folder, files, size, unknown FROM node WHERE parent = ? "
            "ORDER BY folder DESC, name LIMIT ? OFFSET ?",
            (parent, most, begin),
        )
        return [Node(n, name, path, bool(folder), *figures) for n, name, path, folder, *figures in rows]

    def sum(self, only: Sequence[str], largest: int | None, picked: Picked, stop: threading.Event) -> Sum:
        """What patterns, a limit and ticks come to, as `MaterializeRequest` has them. Raises StoppedError."""
        patterns = [p if p.startswith("data/") else f"data/{p}" for p in only]
        files = size = unknown = 0
        rows = self._db.execute("SELECT path, length FROM file")
        while some := rows.fetchmany(_AT_ONCE):
            if stop.is_set():
                raise StoppedError
            for path, length in some:
                if largest is not None and length is not None and length > largest:
                    continue
                if patterns and not any(fnmatch.fnmatchcase(path, p) for p in patterns):
                    continue
                if picked(path):
                    files += 1
                    size += length or 0
                    unknown += length is None
        return Sum(files, size, unknown)


def find_missing(bag: Bag, database: Path, stop: threading.Event, home: str | None = None) -> None:
    """Write the tree of what a bag lacks.

    Args:
        bag: a folder.
        database: the file; one that is there is replaced.
        stop: ends the work when set.
        home: the host that relative addresses are of.

    Raises:
        StoppedError: it was stopped.
        OSError: the bag cannot be read.
    """
    database.unlink(missing_ok=True)
    db = sqlite3.connect(database, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE file (path TEXT PRIMARY KEY, length INTEGER) WITHOUT ROWID")
        db.execute("CREATE TABLE host (name TEXT, files INTEGER)")
        db.execute(
            "CREATE TABLE node (id INTEGER PRIMARY KEY, parent INTEGER, name TEXT, path TEXT, folder INTEGER, "
            "files INTEGER, size INTEGER, unknown INTEGER)"
        )
        hosts: Counter[str] = Counter()
        db.execute("BEGIN")
        db.executemany("INSERT OR IGNORE INTO file VALUES (?, ?)", _listed(bag, hosts, home, stop))
        db.executemany("INSERT INTO host VALUES (?, ?)", hosts.items())
        rows = db.cursor().execute("SELECT path, length FROM file ORDER BY path")
        db.executemany("INSERT INTO node VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _nodes(rows, stop))
        db.execute("CREATE INDEX node_parent ON node (parent, folder DESC, name)")
        db.execute("COMMIT")
    finally:
        db.close()


def hosts_of(bag: Bag, stop: threading.Event, home: str | None = None) -> list[str]:
    """The servers that fetch.txt names, the most frequent first. Raises OSError, StoppedError."""
    hosts: Counter[str] = Counter()
    for _ in _listed(bag, hosts, home, stop):
        pass
    return [host for host, _ in hosts.most_common()]


def _listed(bag: Bag, hosts: Counter[str], home: str | None, stop: threading.Event) -> Iterator[tuple[str, int | None]]:
    folder = str(bag.folder)
    known: dict[str, str] = {}
    for found in bag.fetches():
        if stop.is_set():
            raise StoppedError
        # What cannot be fetched is told when it is tried.
        if isinstance(found, tuple) or os.path.lexists(f"{folder}/{found.path}"):
            continue
        begin = found.url[: found.url.find("/", 8)]
        host = known.get(begin)
        if host is None:
            host = _host(found.url, home)
            if len(known) < _MOST_HOSTS:
                known[begin] = host
        if host and (host in hosts or len(hosts) < _MOST_HOSTS):
            hosts[host] += 1
        yield found.path, found.length


def _host(url: str, home: str | None) -> str:
    try:
        return host_of(address(url, home))
    except (SatchelError, ValueError):
        return ""


Row = tuple[int, int, str, str, int, int, int, int]


def _nodes(files: Iterator[tuple[str, int | None]], stop: threading.Event) -> Iterator[Row]:
    """Folders and files of sorted paths; all in a folder stand together."""
    last = TOP
    trail: list[_Open] = [_Open(TOP, -1, "", "")]

    def leave() -> Row:
        gone, above = trail.pop(), trail[-1]
        above.files += gone.files
        above.size += gone.size
        above.unknown += gone.unknown
        return gone.number, gone.parent, gone.name, gone.path, 1, gone.files, gone.size, gone.unknown

    for path, length in files:
        if stop.is_set():
            raise StoppedError
        *folders, name = path.split("/")
        while len(trail) > 1 and not path.startswith(f"{trail[-1].path}/"):
            yield leave()
        for below in folders[len(trail) - 1 :]:
            last += 1
            above = trail[-1]
            trail.append(_Open(last, above.number, below, f"{above.path}/{below}" if above.path else below))
        last += 1
        folder = trail[-1]
        folder.files += 1
        folder.size += length or 0
        folder.unknown += length is None
        yield last, folder.number, name, path, 0, 1, length or 0, int(length is None)
    while len(trail) > 1:
        yield leave()
