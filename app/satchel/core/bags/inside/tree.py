"""A bag's payload as a tree: what its manifests and fetch.txt list and what is there, a folder at a time.

All paths go into a database file first, so a bag of a million files costs no memory; its first folder is shown before
that is done.
"""

from __future__ import annotations

import codecs
import os
import posixpath
import re
import sqlite3
import threading
import zipfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from satchel.core.bags.digests import PIECE, StoppedError
from satchel.core.bags.manifests import MOST_DIGITS, Line, payload_safe, read_entry, read_fetch
from satchel.core.bags.places import is_file, is_folder
from satchel.core.bags.reading import Bag, open_bag
from satchel.core.errors import SatchelError

AT_ONCE = 500
"""Children of a folder that are given in one go."""
DEEPEST = 200
"""Folders in each other that are shown as such."""
_HERE, _LISTED, _REMOTE = 1, 2, 4
LARGEST_TAG = 1 << 30
"""Bytes of a tag file that is taken out of an archive."""
_KNOWN_FOLDERS = 20_000


class Node(NamedTuple):
    """A file or folder of a bag."""

    name: str
    path: str
    """In the bag, `data/...`."""
    folder: bool
    size: int | None
    """Of a folder that of all files in it whose size is known; None: not known."""
    files: int
    """Of a folder: in it and below."""
    state: str
    """`here`, `remote` (to be fetched), `missing` (listed, not here, nowhere to fetch it from) or `unlisted` (here,
    in no manifest); of a folder `here`."""


class Children(NamedTuple):
    """Some of what is in a folder: its folders first, then its files."""

    nodes: tuple[Node, ...]
    total: int
    complete: bool
    """False: the lists of the bag are still being read, so only what is on the disk is told."""


class Tree:
    """The index of one bag.

    Args:
        database: a file that may be written; removed by whoever gave it.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self.ready = False
        self.files = 0
        self._lock = threading.Lock()
        self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -32768"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute(
            "CREATE TABLE folder (id INTEGER PRIMARY KEY, parent INTEGER, name TEXT, files INTEGER, size INTEGER)"
        )
        self._db.execute("CREATE UNIQUE INDEX folder_name ON folder (parent, name)")
        self._db.execute(
            "CREATE TABLE file (folder INTEGER, name TEXT, flags INTEGER, size INTEGER, PRIMARY KEY (folder, name)) "
            "WITHOUT ROWID"
        )
        self._ids: dict[str, int] = {}

    def adopt(self, database: Path) -> None:
        """Take an index that another process has filled."""
        with self._lock:
            self._db.close()
            self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
            (count,) = self._db.execute("SELECT coalesce(sum(files), 0) FROM folder WHERE parent = 0").fetchone()
            self.files, self.ready = int(count), True

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    # -- filling ------------------------------------------------------------------------------------------------------

    def of_folder(self, bag: Bag, stop: threading.Event) -> None:
        """Read what a bag's folder lists and holds. Blocking. Raises StoppedError, OSError."""
        with self._lock:
            self._db.execute("BEGIN")
        for algorithm in sorted(bag.manifests):
            self._put(_listed(bag, algorithm), stop)
        self._put(_to_fetch(bag), stop)
        self._put(_on_disk(bag.folder), stop)
        self._finish()

    def of_zip(self, archive: Path, tags: Path, stop: threading.Event) -> str:
        """Read the members of a zip file and what the bag in it lists. Blocking.

        Args:
            archive: the zip file.
            tags: a new folder, into which the bag's tag files are taken out.
            stop: gives up.

        Returns:
            The folder in the archive that is the bag, with a slash; empty where the bag is not in one.

        Raises:
            StoppedError, OSError, zipfile.BadZipFile
        """
        with zipfile.ZipFile(archive) as opened:
            names = [info.filename for info in opened.infolist()]
            root = next((name[: -len("bagit.txt")] for name in names if name.rpartition("/")[2] == "bagit.txt"), "")
            tags.mkdir()
            for name in names:
                if name.startswith(root) and _TAG.fullmatch(name, len(root)):
                    with opened.open(name) as source, (tags / name[len(root) :]).open("wb") as out:
                        left = LARGEST_TAG
                        while left > 0 and (piece := source.read(min(PIECE, left))):
                            if stop.is_set():
                                raise StoppedError
                            out.write(piece)
                            left -= len(piece)
            with self._lock:
                self._db.execute("BEGIN")
            try:
                bag = open_bag(tags)
            except SatchelError:
                pass  # its members are shown all the same
            else:
                for algorithm in sorted(bag.manifests):
                    self._put(_listed(bag, algorithm), stop)
                self._put(_to_fetch(bag), stop)
            self._put(
                (
                    (info.filename[len(root) :], _HERE, info.file_size)
                    for info in opened.infolist()
                    if not info.is_dir() and info.filename.startswith(f"{root}data/") and _plain(info.filename)
                ),
                stop,
            )
        self._finish()
        return root

    def _put(self, found: Iterable[tuple[str, int, int | None]], stop: threading.Event) -> None:
        def rows() -> Iterator[tuple[int, str, int, int | None]]:
            for number, (path, flags, size) in enumerate(found):
                if not number & 0xFFF and stop.is_set():
                    raise StoppedError
                if not path.startswith("data/"):
                    continue  # `data/.`, say
                above, name = _split(path)
                yield self._folder(above), name, flags, size

        with self._lock:
            self._db.executemany(
                "INSERT INTO file VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET flags = flags | excluded.flags, "
                "size = coalesce(excluded.size, size)",
                rows(),
            )

    def _folder(self, path: str) -> int:
        found = self._ids.get(path)
        if found is not None:
            return found
        place = 0
        for part in path.split("/"):
            self._db.execute("INSERT OR IGNORE INTO folder VALUES (NULL, ?, ?, 0, 0)", (place, part))
            (place,) = self._db.execute("SELECT id FROM folder WHERE parent = ? AND name = ?", (place, part)).fetchone()
        if len(self._ids) >= _KNOWN_FOLDERS:
            self._ids.clear()
        self._ids[path] = place
        return place

    def _finish(self) -> None:
        """Add up what is in each folder; a folder's number is larger than that of the one it is in."""
        db = self._db
        with self._lock:
            (most,) = db.execute("SELECT coalesce(max(id), 0) FROM folder").fetchone()
            files, sizes, parents = (array("q", bytes(8 * (most + 1))) for _ in range(3))
            for folder, parent in db.execute("SELECT id, parent FROM folder"):
                parents[folder] = parent
            for folder, count, size in db.execute(
                "SELECT folder, count(*), sum(coalesce(size, 0)) FROM file GROUP BY folder"
            ):
                files[folder], sizes[folder] = count, size
            for folder in range(most, 0, -1):
                files[parents[folder]] += files[folder]
                sizes[parents[folder]] += sizes[folder]
            db.executemany(
                "UPDATE folder SET files = ?, size = ? WHERE id = ?",
                ((files[n], sizes[n], n) for n in range(1, most + 1)),
            )
            db.execute("COMMIT")
            self.files, self.ready = files[0], True

    # -- reading ------------------------------------------------------------------------------------------------------

    def children(self, path: str, first: int = 0, count: int = AT_ONCE, text: str = "") -> Children:
        """Some of what is in a folder of the bag. Blocking; call it when `ready`.

        Args:
            path: of the folder, `data/...`.
            first: how many to pass over.
            count: how many to give at most.
            text: only files and folders with this in their names; of the whole bag where it is given.
        """
        with self._lock:
            if text:
                return self._search(text, first, count)
            place = 0
            for part in path.split("/"):
                found = self._db.execute(
                    "SELECT id FROM folder WHERE parent = ? AND name = ?", (place, part)
                ).fetchone()
                if found is None:
                    return Children((), 0, True)
                place = found[0]
            (folders,) = self._db.execute("SELECT count(*) FROM folder WHERE parent = ?", (place,)).fetchone()
            (files,) = self._db.execute("SELECT count(*) FROM file WHERE folder = ?", (place,)).fetchone()
            nodes = [
                Node(name, f"{path}/{name}", True, size, below, "here")
                for name, below, size in self._db.execute(
                    "SELECT name, files, size FROM folder WHERE parent = ? ORDER BY name LIMIT ? OFFSET ?",
                    (place, count, first),
                )
            ]
            if len(nodes) < count:
                nodes += [
                    Node(name, f"{path}/{name}", False, size, 0, _state(flags))
                    for name, flags, size in self._db.execute(
                        "SELECT name, flags, size FROM file WHERE folder = ? ORDER BY name LIMIT ? OFFSET ?",
                        (place, count - len(nodes), max(0, first + len(nodes) - folders)),
                    )
                ]
        return Children(tuple(nodes), folders + files, True)

    def _id(self, path: str) -> int | None:
        place = 0
        for part in path.split("/"):
            found = self._db.execute("SELECT id FROM folder WHERE parent = ? AND name = ?", (place, part)).fetchone()
            if found is None:
                return None
            place = found[0]
        return place

    def _search(self, text: str, first: int, count: int) -> Children:
        like = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = self._db.execute(
            "SELECT folder, name, flags, size FROM file WHERE name LIKE ? ESCAPE '\\' LIMIT ? OFFSET ?",
            (like, count + 1, first),
        ).fetchall()
        nodes = [
            Node(name, f"{self._path(folder)}/{name}", False, size, 0, _state(flags))
            for folder, name, flags, size in rows[:count]
        ]
        return Children(tuple(nodes), first + len(rows), True)

    def _path(self, folder: int) -> str:
        parts: list[str] = []
        while folder:
            folder, name = self._db.execute("SELECT parent, name FROM folder WHERE id = ?", (folder,)).fetchone()
            parts.append(name)
        return "/".join(reversed(parts))

    def node(self, path: str) -> Node | None:
        """A file by its path; None where there is none."""
        above, _, name = path.rpartition("/")
        with self._lock:
            place = 0
            for part in above.split("/"):
                found = self._db.execute(
                    "SELECT id FROM folder WHERE parent = ? AND name = ?", (place, part)
                ).fetchone()
                if found is None:
                    return None
                place = found[0]
            row = self._db.execute(
                "SELECT flags, size FROM file WHERE folder = ? AND name = ?", (place, name)
            ).fetchone()
        return Node(name, path, False, row[1], 0, _state(row[0])) if row is not None else None

    def records(self, endings: Iterable[str], most: int) -> list[Node]:
        """Files whose names have one of some endings, at most so many."""
        test = " OR ".join("name LIKE ?" for _ in endings)
        with self._lock:
            rows = self._db.execute(
                f"SELECT folder, name, flags, size FROM file WHERE {test} ORDER BY folder, name LIMIT ?",  # noqa: S608
                (*(f"%{ending}" for ending in endings), most),
            ).fetchall()
            return [Node(n, f"{self._path(f)}/{n}", False, size, 0, _state(flags)) for f, n, flags, size in rows]


def at_once(folder: Path, path: str, most: int = AT_ONCE) -> Children:
    """What is on the disk in a folder of a bag, as far as it goes, before its lists have been read. Blocking.

    Raises:
        OSError: it cannot be read.
    """
    if not is_folder(folder / path):
        return Children((), 0, False)
    nodes: list[Node] = []
    with os.scandir(folder / path) as entries:
        for entry in entries:
            if len(nodes) >= most:
                break
            below = entry.is_dir(follow_symlinks=False)
            if below or entry.is_file(follow_symlinks=False):
                size = None if below else entry.stat(follow_symlinks=False).st_size
                nodes.append(Node(_said(entry.name), f"{path}/{_said(entry.name)}", below, size, 0, "here"))
    nodes.sort(key=lambda node: (not node.folder, node.name))
    return Children(tuple(nodes), len(nodes), False)


def _split(path: str) -> tuple[str, str]:
    """A path's folder and name; what is deeper than any folder on a disk stays in the name."""
    parts = path.split("/", DEEPEST)
    if len(parts) <= DEEPEST:
        above, _, name = path.rpartition("/")
        return above, name
    return "/".join(parts[:DEEPEST]), parts[DEEPEST]


def _state(flags: int) -> str:
    if flags & _HERE:
        return "here" if flags & _LISTED else "unlisted"
    return "remote" if flags & _REMOTE else "missing"


def _listed(bag: Bag, algorithm: str) -> Iterator[tuple[str, int, int | None]]:
    path = bag.manifests[algorithm]
    if not _quick(path, bag.encoding):
        for entry in bag.entries(algorithm):
            if not isinstance(entry, str):
                yield entry.path, _LISTED, None
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            parts = raw.split(None, 1)
            if len(parts) == 2 and _PLAIN.fullmatch(parts[1]):
                yield parts[1].rstrip().decode(), _LISTED, None
                continue
            found = read_entry(Line(number, raw.decode("utf-8", "replace").rstrip("\n")), algorithm, old=bag.old)
            if not isinstance(found, str) and payload_safe(found.path) is None:
                yield posixpath.normpath(found.path), _LISTED, None


def _to_fetch(bag: Bag) -> Iterator[tuple[str, int, int | None]]:
    path = bag.folder / "fetch.txt"
    if not is_file(path) or not _quick(path, bag.encoding):
        for found in bag.fetches():
            if not isinstance(found, tuple):
                yield found.path, _REMOTE, found.length
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            parts = raw.split(None, 2)
            if len(parts) == 3 and _PLAIN.fullmatch(parts[2]) and len(parts[1]) <= MOST_DIGITS:
                if parts[1].isdigit():
                    yield parts[2].rstrip().decode(), _REMOTE, int(parts[1])
                    continue
                if parts[1] == b"-":
                    yield parts[2].rstrip().decode(), _REMOTE, None
                    continue
            line = read_fetch(Line(number, raw.decode("utf-8", "replace").rstrip("\n")), old=bag.old)
            if not isinstance(line, str) and payload_safe(line.path) is None:
                yield posixpath.normpath(line.path), _REMOTE, line.length


_PLAIN = re.compile(rb"data(?:/(?:[A-Za-z0-9_-]|\.(?![./\n]|\Z))[A-Za-z0-9_.-]*+)++\n?")
"""Paths that mean what they say, which are nearly all; others are read with all the care that they want."""


_TAG = re.compile(r"(bagit|bag-info|package-info|fetch|manifest-[A-Za-z0-9_-]+)\.txt")


def _quick(path: Path, encoding: str) -> bool:
    """Whether a list can be read line by line: UTF-8, lines that end in LF and are no book."""
    if codecs.lookup(encoding).name not in ("utf-8", "ascii"):
        return False
    with path.open("rb") as file:
        if file.read(3) == codecs.BOM_UTF8:
            return False
        while piece := file.read(PIECE):
            if b"\r" in piece or b"\n" not in piece:
                return False
    return True


def _on_disk(folder: Path) -> Iterator[tuple[str, int, int | None]]:
    """The files in data/; no link is followed."""
    if not is_folder(folder / "data"):
        return
    waiting = [(str(folder / "data"), "data")]
    while waiting:
        place, path = waiting.pop()
        try:
            scan = os.scandir(place)
        except OSError:
            continue  # its files show as missing
        with scan:
            for entry in scan:
                name = _said(entry.name)
                if entry.is_file(follow_symlinks=False):
                    yield f"{path}/{name}", _HERE, entry.stat(follow_symlinks=False).st_size
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{path}/{name}"))


def _said(name: str) -> str:
    """A name as text; bytes that are none cannot be kept by the database."""
    return name.encode("utf-8", "replace").decode("utf-8") if not name.isascii() else name


def _plain(name: str) -> bool:
    return not any(part in ("..", ".", "") for part in name.split("/")) and "\0" not in name and _said(name) == name
