"""Checks a bag that lies in a folder: its structure, whether everything is there, and whether nothing was changed.

Manifests are read as streams into a small SQLite file, so that a bag with a million files needs no memory; files are
hashed in threads, each read once for all algorithms. The levels, each holding all before it:

* `structure`: bagit.txt, the manifests and their lines, tag files and their checksums;
* `completeness`: every listed file is there or in fetch.txt, and no other is in data/;
* `fast`: the payload's size and number are those of Payload-Oxum;
* `full`: every checksum is right.

The rules are RFC 8493's. An archive must be extracted first.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec

from satchel.core.bags.digests import StoppedError, hash_file
from satchel.core.bags.manifests import ALGORITHMS, Entry, lines, payload_safe, read_entry, read_fetch, unsafe_path
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context, Stage
from satchel.core.jobs.request import Request, Result

Level = Literal["structure", "completeness", "fast", "full"]
MOST_TOLD = 100_000
"""Problems that a result holds; `error_count` and `warning_count` count all."""
_VERSION = re.compile(r"BagIt-Version: (\d+)\.(\d+)")
_ENCODING = re.compile(r"Tag-File-Character-Encoding: (\S+)")
_MANIFEST = re.compile(r"(tag)?manifest-([A-Za-z0-9_-]+)\.txt")
_OXUM = re.compile(r"\s*(\d+)\.(\d+)\s*")
_BATCH = 256


class ValidateRequest(Request, tag="validate", frozen=True, kw_only=True):
    """Check a bag."""

    path: str
    level: Level = "full"

    @property
    def title(self) -> str:
        """For example "Check 1_Study_1-ABCD"."""
        return f"Check {Path(self.path).name or self.path}"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong with a bag, or worth knowing."""

    code: str
    """`missing`, `unexpected`, `checksum`, `length`, `malformed`, `unsafe-path`, `oxum`, ..."""
    path: str
    message: str
    line: int | None = None


class ValidateResult(Result, tag="validate", frozen=True, kw_only=True):
    """The verdict."""

    path: str
    level: Level
    valid: bool
    complete: bool
    """Every payload file is here; a valid bag may still have files to be fetched."""
    version: str
    algorithms: tuple[str, ...]
    files: int
    bytes: int
    remote: int
    """Files that fetch.txt lists and that are not here."""
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    error_count: int
    warning_count: int


async def run(request: ValidateRequest, context: Context) -> ValidateResult:
    """Check a bag.

    Raises:
        SatchelError: there is no such folder, or it cannot be read. What is wrong with a bag is in the result.
    """
    path = Path(request.path)
    await asyncio.to_thread(_must_be_folder, path)
    database = context.folder / "validate.sqlite"
    database.unlink(missing_ok=True)
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as db:
        check = _Check(path, request.level, db, context)
        try:
            return await check.run()
        except StoppedError:
            raise asyncio.CancelledError from None


def _must_be_folder(path: Path) -> None:
    if not path.exists():
        raise SatchelError(Kind.FILES, f"There is no {path}.", "Check the name.")
    if path.is_file():
        raise SatchelError(
            Kind.FILES,
            f"{path.name} is a file.",
            "If it is an archive, extract it and check the folder that comes out.",
        )


class _Check:
    """One check under way."""

    def __init__(self, bag: Path, level: Level, db: sqlite3.Connection, context: Context) -> None:
        self._bag = bag
        self._level = level
        self._db = db
        self._context = context
        self._errors: list[Problem] = []
        self._warnings: list[Problem] = []
        self._counts = {"error": 0, "warning": 0}
        self._version = ""
        self._encoding = "utf-8"
        self._files = self._bytes = self._remote = 0
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE listed (path TEXT, algorithm TEXT, digest TEXT, line INTEGER, tag INTEGER)")
        db.execute("CREATE TABLE fetch (path TEXT PRIMARY KEY, length INTEGER, line INTEGER) WITHOUT ROWID")
        db.execute("CREATE TABLE here (path TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID")

    def error(self, code: str, path: str, message: str, line: int | None = None) -> None:
        """Something that makes the bag invalid."""
        self._counts["error"] += 1
        if len(self._errors) < MOST_TOLD:
            self._errors.append(Problem(code=code, path=path, message=message, line=line))

    def warning(self, code: str, path: str, message: str, line: int | None = None) -> None:
        """Something that does not."""
        self._counts["warning"] += 1
        if len(self._warnings) < MOST_TOLD:
            self._warnings.append(Problem(code=code, path=path, message=message, line=line))

    async def run(self) -> ValidateResult:
        context = self._context
        with context.stage("structure", "Look at the bag's structure") as stage:
            algorithms, tag_algorithms = await asyncio.to_thread(self._structure)
        if self._version and self._level != "structure":
            with context.stage("files", "Look for the files", unit="files") as stage:
                await asyncio.to_thread(self._walk, stage)
                await asyncio.to_thread(self._complete, algorithms)
            if self._level in ("fast", "full"):
                await asyncio.to_thread(self._oxum)
        if self._version and self._level == "full":
            with context.stage("checksums", "Compute the checksums", total=self._bytes, unit="bytes") as stage:
                await self._checksums(stage, tag=False)
        if self._version and tag_algorithms:
            with context.stage("tags", "Check the tag files") as stage:
                await self._checksums(stage, tag=True)
        remote = self._missing_remote()
        valid = self._counts["error"] == 0
        missing = any(problem.code == "missing" for problem in self._errors)
        return ValidateResult(
            path=str(self._bag),
            level=self._level,
            valid=valid,
            complete=not remote and not missing and bool(self._version),
            version=self._version,
            algorithms=tuple(algorithms),
            files=self._files,
            bytes=self._bytes,
            remote=remote,
            errors=tuple(self._errors),
            warnings=tuple(self._warnings),
            error_count=self._counts["error"],
            warning_count=self._counts["warning"],
        )

    # -- structure ------------------------------------------------------------------------------------------------

    def _structure(self) -> tuple[list[str], list[str]]:
        self._declaration()
        if not self._version:
            return [], []
        if not (self._bag / "data").is_dir():
            self.error("no-payload", "data", "There is no folder data/, which holds a bag's payload.")
        algorithms: list[str] = []
        tag_algorithms: list[str] = []
        for entry in sorted(os.scandir(self._bag), key=lambda e: e.name):
            match = _MANIFEST.fullmatch(entry.name)
            if match is None or not entry.is_file(follow_symlinks=False):
                continue
            algorithm = match[2].lower()
            if algorithm not in ALGORITHMS:
                self.warning(
                    "unknown-algorithm",
                    entry.name,
                    f"{entry.name} is of a kind of checksum that cannot be computed here.",
                )
                continue
            (tag_algorithms if match[1] else algorithms).append(algorithm)
            self._manifest(entry.name, algorithm, tag=bool(match[1]))
        if not algorithms:
            self.error("no-manifest", "", "The bag has no payload manifest, such as manifest-sha256.txt.")
        self._db.execute("CREATE INDEX listed_path ON listed (path, algorithm)")
        self._fetch()
        return algorithms, tag_algorithms

    def _declaration(self) -> None:
        path = self._bag / "bagit.txt"
        if not path.is_file():
            self.error("not-a-bag", "bagit.txt", "There is no bagit.txt: this folder is not a bag.")
            return
        with path.open("rb") as file:
            found = list(zip(range(4), lines(file), strict=False))
        texts = [line.text for _, line in found]
        if found and found[0][1].problem:
            self.error("malformed", "bagit.txt", f"Line 1 of bagit.txt {found[0][1].problem}.", 1)
        version = _VERSION.fullmatch(texts[0]) if texts else None
        if version is None:
            self.error("malformed", "bagit.txt", "Line 1 of bagit.txt is not a version such as BagIt-Version: 1.0.", 1)
            return
        encoding = _ENCODING.fullmatch(texts[1]) if len(texts) > 1 else None
        if encoding is None:
            self.error(
                "malformed", "bagit.txt", "Line 2 of bagit.txt is not Tag-File-Character-Encoding: and an encoding.", 2
            )
            return
        if len(texts) > 2 and any(texts[2:]):
            self.error("malformed", "bagit.txt", "bagit.txt has more than two lines.", 3)
        try:
            "".encode(encoding[1])
        except LookupError:
            self.error("malformed", "bagit.txt", f"Nobody knows the encoding {encoding[1]}.", 2)
            return
        self._encoding = encoding[1]
        self._version = f"{version[1]}.{version[2]}"
        if (int(version[1]), int(version[2])) > (1, 0):
            self.warning("version", "bagit.txt", f"BagIt {self._version} is newer than this program knows.", 1)

    def _manifest(self, name: str, algorithm: str, *, tag: bool) -> None:
        def entries() -> Iterator[tuple[str, str, str, int, int]]:
            with (self._bag / name).open("rb") as file:
                for line in lines(file, self._encoding):
                    self._stop()
                    if not line.text and not line.problem:
                        continue
                    entry = read_entry(line, algorithm)
                    if isinstance(entry, str):
                        self.error("malformed", name, f"Line {line.number} of {name} {entry}.", line.number)
                    elif self._safe(entry, name, tag):
                        yield entry.path.removeprefix("./"), algorithm, entry.digest, entry.number, int(tag)

        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO listed VALUES (?, ?, ?, ?, ?)", entries())
        self._db.execute("COMMIT")

    def _safe(self, entry: Entry, name: str, tag: bool) -> bool:
        reason = unsafe_path(entry.path) if tag else payload_safe(entry.path)
        if reason is not None:
            self.error(
                "unsafe-path", entry.path, f"Line {entry.number} of {name} lists a path that {reason}.", entry.number
            )
        return reason is None

    def _fetch(self) -> None:
        path = self._bag / "fetch.txt"
        if not path.is_file():
            return
        with path.open("rb") as file:
            for line in lines(file, self._encoding):
                self._stop()
                if not line.text and not line.problem:
                    continue
                found = read_fetch(line)
                if isinstance(found, str):
                    self.error("malformed", "fetch.txt", f"Line {line.number} of fetch.txt {found}.", line.number)
                    continue
                reason = payload_safe(found.path)
                if reason is not None:
                    self.error(
                        "unsafe-path",
                        found.path,
                        f"Line {found.number} of fetch.txt has a path that {reason}.",
                        found.number,
                    )
                    continue
                where = found.path.removeprefix("./")
                if not self._db.execute("SELECT 1 FROM listed WHERE path = ? AND NOT tag", (where,)).fetchone():
                    self.error(
                        "not-listed",
                        where,
                        f"Line {found.number} of fetch.txt is of a file in no manifest.",
                        found.number,
                    )
                self._db.execute("INSERT OR REPLACE INTO fetch VALUES (?, ?, ?)", (where, found.length, found.number))

    # -- completeness ---------------------------------------------------------------------------------------------

    def _walk(self, stage: Stage) -> None:
        def files() -> Iterator[tuple[str, int]]:
            waiting = [self._bag / "data"]
            while waiting:
                folder = waiting.pop()
                try:
                    entries = sorted(os.scandir(folder), key=lambda e: e.name)
                except FileNotFoundError:
                    continue
                for entry in entries:
                    self._stop()
                    path = Path(entry.path).relative_to(self._bag).as_posix()
                    if entry.is_symlink():
                        self.error("link", path, f"{path} is a link; a bag holds files alone, and none is followed.")
                    elif entry.is_dir():
                        waiting.append(Path(entry.path))
                    else:
                        size = entry.stat().st_size
                        self._files += 1
                        self._bytes += size
                        stage.add(1)
                        yield path, size

        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO here VALUES (?, ?)", files())
        self._db.execute("COMMIT")

    def _complete(self, algorithms: Sequence[str]) -> None:
        for (path,) in self._db.execute(
            "SELECT DISTINCT l.path FROM listed l LEFT JOIN here h USING (path) LEFT JOIN fetch f USING (path) "
            "WHERE NOT l.tag AND h.path IS NULL AND f.path IS NULL ORDER BY 1"
        ):
            self.error("missing", path, f"{path} is in a manifest but not in the bag.")
        for (path,) in self._db.execute(
            "SELECT path FROM here WHERE path NOT IN (SELECT path FROM listed WHERE NOT tag) ORDER BY 1"
        ):
            self.error("unexpected", path, f"{path} is in the bag but in no manifest.")
        for algorithm in algorithms:
            query = (
                "SELECT DISTINCT path FROM listed WHERE NOT tag AND path NOT IN "
                "(SELECT path FROM listed WHERE NOT tag AND algorithm = ?) ORDER BY 1"
            )
            for (path,) in self._db.execute(query, (algorithm,)):
                message = f"{path} is missing from manifest-{algorithm}.txt."
                if self._version >= "1.0":
                    self.error("not-in-manifest", path, message)
                else:
                    self.warning("not-in-manifest", path, message)
        for path, size, length, line in self._db.execute(
            "SELECT h.path, h.size, f.length, f.line FROM here h JOIN fetch f USING (path) "
            "WHERE f.length IS NOT NULL AND f.length != h.size"
        ):
            self.error("length", path, f"{path} has {size:,} bytes; line {line} of fetch.txt says {length:,}.")

    def _missing_remote(self) -> int:
        (count,) = self._db.execute("SELECT count(*) FROM fetch WHERE path NOT IN (SELECT path FROM here)").fetchone()
        self._remote = int(count)
        return self._remote

    def _oxum(self) -> None:
        path = self._bag / "bag-info.txt"
        if not path.is_file():
            return
        with path.open("rb") as file:
            for line in lines(file, self._encoding):
                label, colon, value = line.text.partition(":")
                if not colon or label.strip().lower() != "payload-oxum":
                    continue
                match = _OXUM.fullmatch(value)
                if match is None:
                    self.error(
                        "malformed", "bag-info.txt", f"Payload-Oxum is not bytes.files: {value.strip()}.", line.number
                    )
                elif not self._missing_remote() and (int(match[1]), int(match[2])) != (self._bytes, self._files):
                    self.error(
                        "oxum",
                        "bag-info.txt",
                        f"Payload-Oxum says {int(match[1]):,} bytes in {int(match[2]):,} files; "
                        f"there are {self._bytes:,} bytes in {self._files:,} files.",
                        line.number,
                    )

    # -- checksums ------------------------------------------------------------------------------------------------

    async def _checksums(self, stage: Stage, *, tag: bool) -> None:
        workers = min(4, os.cpu_count() or 1)
        source = self._expected(tag)
        lock = asyncio.Lock()

        async def work() -> None:
            while True:
                async with lock:
                    batch = await asyncio.to_thread(_take, source)
                if not batch:
                    return
                for path, wrong in await asyncio.to_thread(self._hash, batch, stage, tag):
                    for code, message in wrong:
                        self.error(code, path, message)

        await asyncio.gather(*(work() for _ in range(workers)))

    def _expected(self, tag: bool) -> Iterator[tuple[str, dict[str, str]]]:
        cursor = self._db.cursor()
        path: str | None = None
        sums: dict[str, str] = {}
        for found, algorithm, digest in cursor.execute(
            "SELECT path, algorithm, digest FROM listed WHERE tag = ? ORDER BY path", (int(tag),)
        ):
            if found != path:
                if path is not None:
                    yield path, sums
                path, sums = found, {}
            if sums.get(algorithm, digest) != digest:
                self.error("contradiction", found, f"{found} is listed twice with different {algorithm} checksums.")
            sums[algorithm] = digest
        if path is not None:
            yield path, sums

    def _hash(
        self, batch: Sequence[tuple[str, dict[str, str]]], stage: Stage, tag: bool
    ) -> list[tuple[str, list[tuple[str, str]]]]:
        found = []
        for path, sums in batch:
            file = self._bag / path
            if file.is_symlink() or not file.is_file():
                if tag:
                    found.append((path, [("missing", f"{path} is in a tag manifest but not in the bag.")]))
                continue
            hashers = hash_file(file, sums, stop=self._context.cancelled, told=None if tag else stage.add)
            digests = hashers.digests()
            wrong = [
                ("checksum", f"{path} was changed: its {algorithm} is not the manifest's.")
                for algorithm, digest in sums.items()
                if digests[algorithm] != digest
            ]
            if wrong:
                found.append((path, wrong))
        return found

    def _stop(self) -> None:
        if self._context.cancelled.is_set():
            raise StoppedError


def _take(source: Iterator[tuple[str, dict[str, str]]]) -> list[tuple[str, dict[str, str]]]:
    batch = []
    for item in source:
        batch.append(item)
        if len(batch) >= _BATCH:
            break
    return batch
