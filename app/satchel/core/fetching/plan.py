"""Which files of a bag are to be fetched: those of fetch.txt that are not here, or are here and wrong."""

from __future__ import annotations

import fnmatch
import sqlite3
import stat
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from satchel.core.bags.digests import StoppedError, hash_file
from satchel.core.bags.manifests import ALGORITHMS
from satchel.core.bags.reading import Bag, inside
from satchel.core.fetching.picked import Picked
from satchel.core.fetching.request import FileProblem

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch."""

    path: str
    url: str
    """As fetch.txt has it."""
    length: int | None
    line: int
    sums: dict[str, str]


class Plan:
    """What is to be fetched, in a SQLite file, for there may be millions. All methods block.

    Args:
        bag: the bag.
        db: an empty file.
        stop: ends the work with `StoppedError` when set.
        problem: told of what cannot be fetched.
    """

    def __init__(
        self, bag: Bag, db: sqlite3.Connection, stop: threading.Event, problem: Callable[[FileProblem], None]
    ) -> None:
        self._bag = bag
        self._db = db
        self._halt = stop
        self._problem = problem
        self.already = self.left = self.files = 0
        self.bytes: int | None = 0
        """Of all files to be fetched; None where one's length is not known."""
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE fetch (path TEXT UNIQUE, url TEXT, length INTEGER, line INTEGER PRIMARY KEY)")
        db.execute("CREATE TABLE sums (path TEXT, algorithm TEXT, digest TEXT)")
        db.execute("CREATE TABLE todo (line INTEGER PRIMARY KEY, path TEXT)")

    def _stop(self) -> None:
        if self._halt.is_set():
            raise StoppedError

    def read(self) -> int:
        """Read fetch.txt and the manifests. Returns how many files fetch.txt lists."""
        self._db.execute("BEGIN")
        for found in self._bag.fetches():
            self._stop()
            if isinstance(found, tuple):
                line, path, message = found
                code = "unsafe-path" if path else "malformed"
                self._problem(FileProblem(code=code, path=path, message=message, line=line))
                continue
            row = (found.path, found.url, found.length, found.number)
            if not self._db.execute("INSERT OR IGNORE INTO fetch VALUES (?, ?, ?, ?)", row).rowcount:
                (before,) = self._db.execute("SELECT line FROM fetch WHERE path = ?", (found.path,)).fetchone()
                (same,) = self._db.execute(
                    "SELECT url = ? AND length IS ? FROM fetch WHERE path = ?", (found.url, found.length, found.path)
                ).fetchone()
                if not same:
                    message = f"Lines {before} and {found.number} of fetch.txt are of the same file and disagree."
                    self._problem(FileProblem(code="malformed", path=found.path, message=message, line=found.number))
        for algorithm in self._bag.algorithms:
            self._db.executemany(
                "INSERT INTO sums SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM fetch WHERE path = ?1)",
                self._sums(algorithm),
            )
        self._db.execute("COMMIT")
        self._db.execute("CREATE INDEX sums_path ON sums (path)")
        self._other_forms()
        (count,) = self._db.execute("SELECT count(*) FROM fetch").fetchone()
        return int(count)

    def _other_forms(self) -> None:
        """Take lines of fetch.txt for files that the manifests write in another way: in another form of Unicode, or
        without the escapes of addresses that bdbag writes into fetch.txt. The manifests' way is the file's."""
        odd: dict[str, list[str]] = {}
        for (path,) in self._db.execute(
            "SELECT path FROM fetch f WHERE (path GLOB '*[^ -~]*' OR instr(path, '%')) "
            "AND NOT EXISTS (SELECT 1 FROM sums s WHERE s.path = f.path)"
        ):
            self._stop()
            for form in {unicodedata.normalize("NFC", path), unicodedata.normalize("NFC", unquote(path))}:
                odd.setdefault(form, []).append(path)
        if not odd:
            return
        named: dict[str, set[str]] = {}
        for algorithm in self._bag.algorithms:
            for path, _, _ in self._sums(algorithm):
                for written in odd.get(unicodedata.normalize("NFC", path), []):
                    named.setdefault(written, set()).add(path)
        found = {written: paths.pop() for written, paths in named.items() if len(paths) == 1}
        self._db.execute("BEGIN")
        for written, path in found.items():
            self._db.execute("UPDATE OR IGNORE fetch SET path = ? WHERE path = ?", (path, written))
        real = set(found.values())
        for algorithm in self._bag.algorithms:
            self._db.executemany(
                "INSERT INTO sums VALUES (?, ?, ?)", (s for s in self._sums(algorithm) if s[0] in real)
            )
        self._db.execute("COMMIT")

    def _sums(self, algorithm: str) -> Iterator[tuple[str, str, str]]:
        for entry in self._bag.entries(algorithm):
            self._stop()
            if not isinstance(entry, str):  # what is wrong with a manifest is the check's to tell
                yield entry.path, algorithm, entry.digest

    def choose(
        self,
        only: Sequence[str],
        largest: int | None,
        repair: bool,
        told: Callable[[str], None],
        picked: Callable[[str], bool] = Picked(),  # noqa: B008 - it never changes
    ) -> None:
        """Find out which files are wanted and not here.

        Args:
            only: patterns of paths; none: all.
            largest: bytes of the largest that is wanted.
            repair: look whether those that are here are right.
            told: called with each path that is looked at.
            picked: whether a path was ticked.
        """
        patterns = [p if p.startswith("data/") else f"data/{p}" for p in only]
        checked: set[str] = set()
        unknown = False

        def missing() -> Iterator[tuple[int, str]]:
            nonlocal unknown
            for path, length, line in self._db.execute("SELECT path, length, line FROM fetch ORDER BY line"):
                self._stop()
                told(path)
                wanted = picked(path) and (not patterns or any(fnmatch.fnmatchcase(path, p) for p in patterns))
                wanted = wanted and not (largest is not None and length is not None and length > largest)
                if self._is_here(path, length, repair and wanted, checked):
                    self.already += 1
                elif not wanted:
                    self.left += 1
                else:
                    self.files += 1
                    unknown = unknown or length is None
                    self.bytes = (self.bytes or 0) + (length or 0)
                    yield line, path

        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO todo VALUES (?, ?)", missing())
        self._db.execute("COMMIT")
        if unknown:
            self.bytes = None

    def _is_here(self, path: str, length: int | None, look: bool, checked: set[str]) -> bool:
        if inside(self._bag.folder, path, checked) is not None:
            return False  # fetching it says why it cannot be
        try:
            status = (self._bag.folder / path).lstat()
        except (OSError, ValueError):
            return False
        if not stat.S_ISREG(status.st_mode):
            return False
        if not look:
            return True
        sums = self._sums_of(path)
        if not sums:
            return True
        if length is not None and status.st_size != length:
            return False
        digests = hash_file(self._bag.folder / path, sums, stop=self._halt).digests()
        return all(digests[a] == digest for a, digest in sums.items())

    def _sums_of(self, path: str) -> dict[str, str]:
        return dict(self._db.execute("SELECT algorithm, digest FROM sums WHERE path = ?", (path,)).fetchall())

    def wanted(self) -> Iterator[list[Wanted]]:
        """The files to fetch, some at a time."""
        last = 0
        while True:
            rows = self._db.execute(
                "SELECT t.line, t.path, f.url, f.length FROM todo t JOIN fetch f USING (path) WHERE t.line > ? "
                "ORDER BY t.line LIMIT ?",
                (last, _BATCH),
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            ready = []
            for line, path, url, length in rows:
                sums = self._sums_of(path)
                if sums:
                    ready.append(Wanted(path, url, length, line, sums))
                    continue
                known = ", ".join(ALGORITHMS)
                self._problem(
                    FileProblem(
                        code="not-listed",
                        path=path,
                        message=f"{path} is in no manifest with a checksum that can be computed here ({known}), so "
                        "nobody could tell whether it is the right file.",
                        line=line,
                    )
                )
            yield ready
