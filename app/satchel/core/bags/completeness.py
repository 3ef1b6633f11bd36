"""Whether what a bag lists is there, and nothing else (RFC 8493, 3), and names that are nearly the same."""

from __future__ import annotations

import re
import sqlite3
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from operator import itemgetter

from satchel.core.bags.baginfo import Info
from satchel.core.bags.declaration import Declaration
from satchel.core.bags.digests import StoppedError, new_hash
from satchel.core.bags.listing import Listing, Manifests
from satchel.core.bags.manifests import decode_path, encode_path, library_name
from satchel.core.bags.problems import NOT_FETCHED, Findings

_SYSTEM = re.compile(
    r"(?:.*/)?(?:\.DS_Store|\.AppleDouble|\.LSOverride|\._[^/]+|Thumbs\.db|ehthumbs\.db|desktop\.ini|\.directory"
    r"|\.Trash(?:es|-[0-9]+)?/.*|\.Spotlight-V100/.*|\.fseventsd/.*|\$RECYCLE\.BIN/.*)",
    re.IGNORECASE,
)
MOST_ALIKE = 1_000
"""Names that are nearly the same and that are compared with each other."""
MOST_NAMES = 1_000
"""Warnings of names that are nearly the same, or of operating systems' files, that are told."""


class Completeness:
    """Compares the tables of `listing`. Blocking: call it in a thread."""

    def __init__(
        self, db: sqlite3.Connection, declared: Declaration, findings: Findings, stop: threading.Event
    ) -> None:
        self._db = db
        self._declared = declared
        self._findings = findings
        self._stop_event = stop
        self._empty_system_files = 0
        db.create_function("folded", 1, _folded, deterministic=True)

    def names(self) -> None:
        """Warn of listed names that some file systems take for one (RFC 8493, 6.1.1), and of files of
        operating systems.
        """
        self._db.execute("CREATE TEMP TABLE twin (path TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("CREATE TEMP TABLE alike (name TEXT PRIMARY KEY) WITHOUT ROWID")
        # Python is asked for names of other letters than ASCII's alone; there are few bags with a million of those.
        folded = "CASE WHEN path GLOB '*[^ -~]*' THEN folded(path) ELSE lower(path) END"
        paths_once = "(SELECT DISTINCT path FROM listed WHERE NOT tag)"
        self._db.execute(
            f"INSERT INTO alike SELECT {folded} AS name FROM {paths_once} GROUP BY name HAVING count(*) > 1"  # noqa: S608
        )
        rows: Iterable[tuple[str, str]] = ()
        if self._db.execute("SELECT 1 FROM alike").fetchone():
            rows = self._db.execute(
                f"SELECT path, {folded} AS name FROM {paths_once} WHERE name IN (SELECT name FROM alike) ORDER BY name"  # noqa: S608
            )
        told = 0
        for _, group in groupby(rows, key=itemgetter(1)):
            paths = sorted(path for path, _ in islice(group, MOST_ALIKE))
            self._stop()
            if len(paths) < 2:
                continue
            self._twins(paths)
            told += 1
            if told > MOST_NAMES:
                continue
            by_form = len({unicodedata.normalize("NFC", path) for path in paths}) == 1
            self._findings.warning(
                "name-form" if by_form else "name-case",
                paths[0],
                f"{' and '.join(paths[:5])} have the same name but for "
                f"{'the form of their Unicode' if by_form else 'capitals'}: many computers take them for one file.",
            )
        told = 0
        for (path,) in self._db.execute("SELECT DISTINCT path FROM listed WHERE NOT tag"):
            if _SYSTEM.fullmatch(path) and told < MOST_NAMES:
                told += 1
                self._findings.warning(
                    "system-file", path, f"{path} is a file that an operating system makes and removes by itself."
                )

    def _twins(self, paths: Sequence[str]) -> None:
        """Do without a listed name whose file is here under another that such a file system takes for the same.

        Both must be listed with the same checksums: a bag that was made where the two are one file, and that has lost
        nothing.
        """
        here = [path for path in paths if self._is_here(path)]
        for path in paths:
            if path not in here and any(self._same(path, other) for other in here):
                self._db.execute("INSERT OR IGNORE INTO twin VALUES (?)", (path,))

    def _is_here(self, path: str) -> bool:
        return self._db.execute("SELECT 1 FROM here WHERE path = ?", (path,)).fetchone() is not None

    def _same(self, one: str, other: str) -> bool:
        query = "SELECT algorithm, digest FROM listed WHERE path = ? AND NOT tag"
        return set(self._db.execute(query, (one,))) == set(self._db.execute(query, (other,)))

    def other_forms(self) -> None:
        """Take files for listed ones whose names are written in another way, and say so.

        Some file systems change the form of Unicode (RFC 8493, 6.1.1), and some programs write percent signs into
        manifests as they are, or escape nothing at all.
        """
        forms: dict[str, list[str]] = {}
        for (path,) in self._db.execute(
            "SELECT path FROM here h WHERE NOT EXISTS (SELECT 1 FROM listed l WHERE l.path = h.path AND NOT l.tag)"
        ):
            self._stop()
            if not path.isascii() or "%" in path or "\r" in path or "\n" in path:
                forms.setdefault(unicodedata.normalize("NFC", path), []).append(path)
        if not forms:
            return
        self._db.execute(
            "CREATE TEMP TABLE absent AS SELECT DISTINCT path FROM listed l WHERE NOT tag "
            "AND NOT EXISTS (SELECT 1 FROM here h WHERE h.path = l.path)"
        )
        for (path,) in self._db.execute("SELECT path FROM absent"):
            self._stop()
            written = {path, encode_path(path), path.replace("\r", "%0D").replace("\n", "%0A"), decode_path(path)}
            found = sorted({f for w in written for f in forms.get(unicodedata.normalize("NFC", w), [])})
            if len(found) != 1:
                continue
            self._db.execute("UPDATE listed SET path = ? WHERE path = ? AND NOT tag", (found[0], path))
            self._db.execute("UPDATE OR IGNORE fetch SET path = ? WHERE path = ?", (found[0], path))
            self._findings.warning(
                "name-form", found[0], f"The manifests write the name of {found[0]} in another form: {path}."
            )

    def compare(self, manifests: Manifests) -> None:
        """Tell what is missing, what is there and not listed, and what is not in every manifest."""
        findings = self._findings
        for (path,) in self._db.execute(
            "SELECT DISTINCT path FROM listed l WHERE NOT tag "
            "AND NOT EXISTS (SELECT 1 FROM here h WHERE h.path = l.path) "
            "AND NOT EXISTS (SELECT 1 FROM fetch f WHERE f.path = l.path) "
            "AND path NOT IN (SELECT path FROM twin) ORDER BY 1"
        ):
            self._stop()
            if _SYSTEM.fullmatch(path) and self._was_empty(path):
                self._empty_system_files += 1
                findings.warning("missing", path, f"{path} is in a manifest but not in the bag; it held nothing.")
                continue
            findings.error("missing", path, f"{path} is in a manifest but not in the bag.")
        for path, line in self._db.execute(
            "SELECT path, line FROM fetch f WHERE NOT EXISTS (SELECT 1 FROM here h WHERE h.path = f.path) ORDER BY 1"
        ):
            self._stop()
            findings.error(NOT_FETCHED, path, f"{path} is still to be fetched: line {line} of fetch.txt.", line)
        for (path,) in self._db.execute(
            "SELECT path FROM here h WHERE NOT EXISTS (SELECT 1 FROM listed l WHERE l.path = h.path AND NOT l.tag) "
            "ORDER BY 1"
        ):
            self._stop()
            findings.error("unexpected", path, f"{path} is in the bag but in no manifest.")
        if len(manifests.files) > 1:
            for algorithm, name in manifests.files.items():
                self._not_in(algorithm, name)
        for path, size, length, line in self._db.execute(
            "SELECT h.path, h.size, f.length, f.line FROM here h JOIN fetch f USING (path) "
            "WHERE f.length IS NOT NULL AND f.length != h.size"
        ):
            findings.error(
                "length", path, f"{path} has {size:,} bytes; line {line} of fetch.txt says {length:,}.", line
            )

    def _not_in(self, algorithm: str, name: str) -> None:
        for (path,) in self._db.execute(
            "SELECT DISTINCT path FROM listed l WHERE NOT tag AND algorithm != ? AND NOT EXISTS "
            "(SELECT 1 FROM listed o WHERE o.path = l.path AND o.algorithm = ? AND NOT o.tag) ORDER BY 1",
            (algorithm, algorithm),
        ):
            self._stop()
            self._findings.either(
                self._declared.strict,
                "not-in-manifest",
                path,
                f"{path} is missing from {name}, which must list it too.",
            )

    def _was_empty(self, path: str) -> bool:
        """Whether every checksum that is listed for a file is that of no bytes."""
        sums = self._db.execute("SELECT algorithm, digest FROM listed WHERE path = ? AND NOT tag", (path,)).fetchall()
        libraries = [(library_name(algorithm), digest) for algorithm, digest in sums]
        return all(library is not None and new_hash(library).hexdigest() == digest for library, digest in libraries)

    def remote(self) -> int:
        """How many files of fetch.txt are not here."""
        (count,) = self._db.execute(
            "SELECT count(*) FROM fetch f WHERE NOT EXISTS (SELECT 1 FROM here h WHERE h.path = f.path)"
        ).fetchone()
        return int(count)

    def oxum(self, info: Info, listing: Listing) -> None:
        """Compare Payload-Oxum with what is here; with files still to be fetched, with what fetch.txt says of those."""
        said = info.oxum
        if said is None:
            return
        size, files, line = said
        if remote := self.remote():
            (more, unknown) = self._db.execute(
                "SELECT coalesce(sum(length), 0), coalesce(sum(length IS NULL), 0) FROM fetch f "
                "WHERE NOT EXISTS (SELECT 1 FROM here h WHERE h.path = f.path)"
            ).fetchone()
            will = listing.bytes + more
            if files != listing.files + remote or size < will or (size > will and not unknown):
                self._findings.warning(
                    "oxum",
                    info.name,
                    f"Payload-Oxum says {size:,} bytes in {files:,} files; with those of fetch.txt there will be "
                    f"{'at least ' if unknown else ''}{will:,} bytes in {listing.files + remote:,} files.",
                    line,
                )
            return
        if (size, files) not in {
            (listing.bytes, listing.files),
            (listing.bytes, listing.files + self._empty_system_files),
        }:
            self._findings.error(
                "oxum",
                info.name,
                f"Payload-Oxum says {size:,} bytes in {files:,} files; "
                f"there are {listing.bytes:,} bytes in {listing.files:,} files.",
                line,
            )

    def _stop(self) -> None:
        if self._stop_event.is_set():
            raise StoppedError


def _folded(path: str) -> str:
    """A name as file systems see it that count neither capitals nor forms of Unicode."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
