"""What a bag lists and what it holds, in a small SQLite file: a bag with a million files needs no memory.

Tables: `listed` (a line of a manifest each; `tag` is 1 for tag manifests), `fetch` (of fetch.txt), `here` (payload
files that are there).
"""

from __future__ import annotations

import os
import posixpath
import re
import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from satchel.core.bags.declaration import Declaration
from satchel.core.bags.digests import StoppedError
from satchel.core.bags.manifests import (
    Line,
    library_name,
    lines,
    payload_safe,
    read_entry,
    read_fetch,
    unsafe_path,
)
from satchel.core.bags.places import is_file, is_folder
from satchel.core.bags.problems import Findings, is_text, tellable

_MANIFEST = re.compile(r"(tag)?manifest-(.+)\.txt", re.IGNORECASE)
_PLAIN = re.compile(r"[a-z0-9]+")
_WEAK = {"md5", "sha1"}


@dataclass(slots=True)
class Manifests:
    """Which manifests a bag has."""

    algorithms: list[str] = field(default_factory=list)
    """Of payload manifests, as their files are named."""
    tag_algorithms: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    """File names of payload manifests by algorithm."""
    has_tags: bool = False
    """There is a tag manifest, be it one that cannot be checked here."""
    unknown: list[str] = field(default_factory=list)
    """Names of payload manifests that cannot be checked here."""


class Listing:
    """Fills the tables. Blocking: call it in a thread."""

    def __init__(self, bag: Path, db: sqlite3.Connection, findings: Findings, stop: threading.Event) -> None:
        self._bag = bag
        self._db = db
        self._findings = findings
        self._stopped = stop.is_set
        self.files = self.bytes = 0
        self._has_forms = False
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE listed (path TEXT, algorithm TEXT, digest TEXT, line INTEGER, tag INTEGER)")
        db.execute("CREATE TABLE fetch (path TEXT PRIMARY KEY, length INTEGER, line INTEGER) WITHOUT ROWID")
        db.execute("CREATE TABLE here (path TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID")

    def manifests(self, declared: Declaration) -> Manifests:
        """Read every manifest and fetch.txt.

        Raises:
            OSError: a file cannot be read.
            StoppedError: the job was cancelled.
        """
        found = Manifests()
        findings = self._findings
        with os.scandir(self._bag) as scan:
            entries = sorted(scan, key=lambda e: e.name)
        for entry in entries:
            if entry.is_symlink():
                name = tellable(entry.name)
                findings.error("link", name, f"{name} is a link; a bag holds files alone, and none is followed.")
                continue
            match = _MANIFEST.fullmatch(entry.name)
            if match is None or not is_text(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            self._manifest_file(entry.name, match[2], bool(match[1]), found, declared)
        if not found.algorithms and found.unknown:
            findings.error(
                "unknown-algorithm",
                found.unknown[0],
                f"{found.unknown[0]} is the only payload manifest, and its kind of checksum cannot be computed here: "
                "nothing can be said of the payload.",
            )
        elif not found.algorithms:
            findings.error("no-manifest", "", "The bag has no payload manifest, such as manifest-sha256.txt.")
        self._db.execute("CREATE INDEX listed_path ON listed (path, algorithm, tag)")
        self._repeated(declared)
        self._fetch(declared)
        return found

    def _manifest_file(self, name: str, written: str, tag: bool, found: Manifests, declared: Declaration) -> None:
        findings = self._findings
        library = library_name(written)
        algorithm = re.sub(r"[^a-z0-9]", "", written.lower())
        if not _PLAIN.fullmatch(written) and library is not None:
            findings.either(
                declared.strict,
                "manifest-name",
                name,
                f"{name} should be {'tag' * tag}manifest-{algorithm}.txt (RFC 8493, 2.4).",
            )
        if library is None and not _PLAIN.fullmatch(written):
            return  # no algorithm's name: one of the other tag files that a bag may have (2.2.4)
        if tag:
            found.has_tags = True
        if library is None:
            algorithm = written
            if not tag:
                found.unknown.append(name)
            findings.warning(
                "unknown-algorithm", name, f"{name} is of a kind of checksum that cannot be computed here."
            )
        known = found.tag_algorithms if tag else found.algorithms
        if library is not None and algorithm in known:
            findings.error("manifest-twice", name, f"{name} is a second manifest of {algorithm}; there must be one.")
        elif library is not None:
            known.append(algorithm)
        if not tag:
            found.files.setdefault(algorithm, name)
        self._read(name, algorithm, tag, declared)

    def _read(self, name: str, algorithm: str, tag: bool, declared: Declaration) -> None:
        findings = self._findings
        old = not declared.strict
        check: Callable[[str], str | None] = unsafe_path if tag else payload_safe
        number_of_tag = int(tag)
        said: set[str] = set()

        def once(code: str, message: str, line: int) -> None:
            """Advice that is the same for every line: told for the first."""
            if code not in said:
                said.add(code)
                findings.warning(code, name, message, line)

        def entries() -> Iterator[tuple[str, str, str, int, int]]:
            with (self._bag / name).open("rb") as file:
                for line in lines(file, declared.encoding):
                    if not line.number & 0xFF and self._stopped():
                        raise StoppedError
                    if not line.text and not line.problem:
                        if declared.strict:
                            once("empty-line", f"Line {line.number} of {name} holds nothing.", line.number)
                        continue
                    self._mark(name, line)
                    entry = read_entry(line, algorithm, old=old)
                    if isinstance(entry, str):
                        findings.error("malformed", name, f"Line {line.number} of {name} {entry}.", line.number)
                        continue
                    path = entry.path
                    if (reason := check(path)) is not None:
                        findings.error(
                            "unsafe-path",
                            path,
                            f"Line {line.number} of {name} lists a path that {reason}.",
                            line.number,
                        )
                        continue
                    if entry.bare and declared.strict:
                        self._bare(name, path, line.number)
                    if entry.star:
                        once(
                            "md5sum",
                            f"Line {line.number} of {name} has an asterisk before its path, as md5sum writes it.",
                            line.number,
                        )
                    if (plain := _normal(path)) != path:
                        once("relative-path", f"Line {line.number} of {name} writes {plain} as {path}.", line.number)
                        path = plain
                    if tag and not self._may_tag(name, path, line.number, declared):
                        continue
                    yield path, algorithm, entry.digest, line.number, number_of_tag

        self._db.execute("BEGIN")
        try:
            self._db.executemany("INSERT INTO listed VALUES (?, ?, ?, ?, ?)", entries())
        except OSError as error:
            findings.error("unreadable", name, f"{name} cannot be read: {error.strerror}.")
        self._db.execute("COMMIT")

    def _may_tag(self, name: str, path: str, line: int, declared: Declaration) -> bool:
        """Whether a tag manifest may list it (RFC 8493, 2.2.1)."""
        if path.startswith("data/"):
            self._findings.error(
                "payload-in-tags", path, f"Line {line} of {name} lists {path}, which is no tag file.", line
            )
            return False
        if re.fullmatch(r"tagmanifest-.+\.txt", path):
            self._findings.either(
                declared.strict,
                "tagmanifest-in-tags",
                path,
                f"Line {line} of {name} lists {path}; a tag manifest lists no tag manifests.",
                line,
            )
        return True

    def _repeated(self, declared: Declaration) -> None:
        """Files that a manifest lists more than once (RFC 8493, 2.1.3: exactly once)."""
        for path, algorithm, tag, digests, first, last in self._db.execute(
            "SELECT path, algorithm, tag, count(DISTINCT digest), min(line), max(line) FROM listed "
            "GROUP BY path, algorithm, tag HAVING count(*) > 1"
        ):
            self._stop()
            name = f"{'tag' * tag}manifest-{algorithm}.txt"
            if digests > 1:
                self._findings.error(
                    "contradiction",
                    path,
                    f"{path} is listed twice with different checksums, on lines {first} and {last} of {name}.",
                    last,
                )
            else:
                self._findings.either(
                    declared.strict and not tag,
                    "listed-twice",
                    path,
                    f"{path} is listed twice, on lines {first} and {last} of {name}.",
                    last,
                )

    def _fetch(self, declared: Declaration) -> None:
        name, findings = "fetch.txt", self._findings
        if not is_file(self._bag / name):
            return
        with (self._bag / name).open("rb") as file:
            for line in lines(file, declared.encoding):
                if self._stopped():
                    raise StoppedError
                if not line.text and not line.problem:
                    continue
                self._mark(name, line)
                found = read_fetch(line, old=not declared.strict)
                if isinstance(found, str):
                    findings.error("malformed", name, f"Line {line.number} of {name} {found}.", line.number)
                    continue
                if declared.strict and not found.absolute:
                    findings.warning(
                        "relative-url",
                        found.path,
                        f"Line {line.number} of {name} has an address that does not begin with its kind, as https:.",
                        line.number,
                    )
                if declared.strict and found.bare:
                    self._bare(name, found.path, line.number)
                if (reason := payload_safe(found.path)) is not None:
                    findings.error(
                        "unsafe-path",
                        found.path,
                        f"Line {line.number} of {name} has a path that {reason}.",
                        line.number,
                    )
                    continue
                self._fetch_entry(_normal(found.path), found.length, line.number)

    def _bare(self, name: str, path: str, line: int) -> None:
        self._findings.error(
            "percent",
            path,
            f"Line {line} of {name} has a percent sign that is not written as %25, as it must be.",
            line,
        )

    def _other_form(self, path: str) -> str | None:
        """A listed path that is the same but for the form of its Unicode."""
        if path.isascii():
            return None
        if not self._has_forms:
            self._has_forms = True
            self._db.execute("CREATE TEMP TABLE form (nfc TEXT, path TEXT, PRIMARY KEY (nfc, path)) WITHOUT ROWID")
            self._db.create_function("nfc", 1, lambda p: unicodedata.normalize("NFC", p), deterministic=True)
            self._db.execute(
                "INSERT OR IGNORE INTO form SELECT nfc(path), path FROM listed WHERE NOT tag AND path GLOB '*[^ -~]*'"
            )
        nfc = unicodedata.normalize("NFC", path)
        rows = self._db.execute("SELECT path FROM form WHERE nfc = ? LIMIT 2", (nfc,)).fetchall()
        return str(rows[0][0]) if len(rows) == 1 else None

    def _fetch_entry(self, path: str, length: int | None, line: int) -> None:
        if not self._is_listed(path):
            # bdbag escapes the names in fetch.txt as in addresses, those in manifests not.
            unescaped = unquote(path)
            plain = self._other_form(path) or (
                unescaped if self._is_listed(unescaped) else self._other_form(unescaped) or path
            )
            if plain != path and payload_safe(plain) is None and self._is_listed(plain):
                self._findings.warning(
                    "name-form",
                    plain,
                    f"Line {line} of fetch.txt writes the name of {plain} in another form: {path}.",
                    line,
                )
                path = plain
            else:
                self._findings.error("not-listed", path, f"Line {line} of fetch.txt is of a file in no manifest.", line)
        before = self._db.execute("SELECT line, length FROM fetch WHERE path = ?", (path,)).fetchone()
        if before is not None and None not in (before[1], length) and before[1] != length:
            self._findings.error(
                "contradiction", path, f"Line {line} of fetch.txt gives another length than line {before[0]}.", line
            )
        if before is not None:
            self._findings.warning(
                "listed-twice", path, f"Line {line} of fetch.txt is of the same file as line {before[0]}.", line
            )
            return
        self._db.execute("INSERT INTO fetch VALUES (?, ?, ?)", (path, length, line))

    def _stop(self) -> None:
        if self._stopped():
            raise StoppedError

    def _is_listed(self, path: str) -> bool:
        return self._db.execute("SELECT 1 FROM listed WHERE path = ? AND NOT tag", (path,)).fetchone() is not None

    def _mark(self, name: str, line: Line) -> None:
        if line.marked:
            self._findings.error(
                "byte-order-mark", name, f"{name} begins with a byte order mark, which UTF-8 must not have here.", 1
            )

    def tags(self, found: Manifests, declared: Declaration) -> None:
        """Check what tag manifests list and do not (RFC 8493, 2.2.1), and advise on what manifests should be."""
        if not declared.strict:
            return
        if found.algorithms and not found.unknown and set(found.algorithms) <= _WEAK:
            self._findings.warning(
                "weak-algorithm",
                found.files[found.algorithms[0]],
                f"The payload has checksums of {' and '.join(found.algorithms)} alone, which do not withstand forgery.",
            )
        should = [name for name in ("bagit.txt", "bag-info.txt", "fetch.txt") if is_file(self._bag / name)]
        for algorithm in found.tag_algorithms:
            for name in (*found.files.values(), *should):
                if self._db.execute(
                    "SELECT 1 FROM listed WHERE tag AND algorithm = ? AND path = ?", (algorithm, name)
                ).fetchone():
                    continue
                if name in should:
                    self._findings.warning("not-in-tags", name, f"tagmanifest-{algorithm}.txt should list {name}.")
                else:
                    self._findings.error(
                        "manifest-not-in-tags",
                        name,
                        f"tagmanifest-{algorithm}.txt does not list {name}, as it must.",
                    )
        if len(found.tag_algorithms) > 1:
            self._tags_differ(len(found.tag_algorithms), {*found.files.values(), *should})

    def _tags_differ(self, number: int, told: set[str]) -> None:
        """Advise on tag files that not every tag manifest lists."""
        for path, _ in self._db.execute(
            "SELECT path, count(DISTINCT algorithm) AS n FROM listed WHERE tag GROUP BY path HAVING n < ? ORDER BY 1",
            (number,),
        ):
            self._stop()
            if path not in told and not re.fullmatch(r"tagmanifest-.+\.txt", path):
                self._findings.warning("not-in-tags", path, f"{path} is in one tag manifest and not in another.")

    def walk(self, told: Callable[[int], None]) -> None:
        """Look for the files in data/. Calls `told` with numbers of files found. Raises StoppedError, OSError."""
        if not is_folder(self._bag / "data"):
            return
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO here VALUES (?, ?)", self._files(told))
        self._db.execute("COMMIT")

    def _files(self, told: Callable[[int], None]) -> Iterator[tuple[str, int]]:
        findings = self._findings
        waiting = [(str(self._bag / "data"), "data")]
        while waiting:
            place, folder = waiting.pop()
            before = self.files
            try:
                scan = os.scandir(place)
            except OSError as error:
                findings.error("unreadable", folder, f"{folder} cannot be read: {error.strerror}.")
                continue
            with scan:
                for entry in scan:
                    if self._stopped():
                        raise StoppedError
                    path = f"{folder}/{entry.name}"
                    if entry.is_file(follow_symlinks=False):
                        size = entry.stat(follow_symlinks=False).st_size
                        self.files += 1
                        self.bytes += size
                        if is_text(path):
                            yield path, size
                        else:
                            findings.error(
                                "unexpected", path, f"The name of {path} is not text, so no manifest can list it."
                            )
                    elif entry.is_symlink():
                        findings.error(
                            "link", path, f"{path} is a link; a bag holds files alone, and none is followed."
                        )
                    elif entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, path))
                    else:
                        findings.error("not-a-file", path, f"{path} is neither a file nor a folder.")
            told(self.files - before)


def _normal(path: str) -> str:
    """A path without what does not change where it leads."""
    if path.startswith("./") or "//" in path or "/./" in path or path.endswith("/."):
        return posixpath.normpath(path)
    return path
