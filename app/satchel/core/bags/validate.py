"""Checks a bag, a folder or an archive: its structure, whether everything is there, and whether nothing was changed.

Manifests are read as streams into a small SQLite file, so that a bag with a million files needs no memory; files are
hashed in threads, each read once for all algorithms. The levels, each holding all before it:

* `structure`: bagit.txt, the manifests and their lines, tag files and their checksums;
* `completeness`: every listed file is there or in fetch.txt, and no other is in data/;
* `fast`: the payload's size and number are those of Payload-Oxum;
* `full`: every checksum is right.

The rules are RFC 8493's. An archive is unpacked into the job's folder first.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import posixpath
import re
import shutil
import sqlite3
import stat
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar

import msgspec

from satchel.core.bags.digests import StoppedError, hash_file
from satchel.core.bags.extract import extract
from satchel.core.bags.manifests import (
    ALGORITHMS,
    MOST_DIGITS,
    Entry,
    Line,
    encode_path,
    lines,
    payload_safe,
    read_entry,
    read_fetch,
    unsafe_path,
)
from satchel.core.bags.threads import in_thread
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context, Stage
from satchel.core.jobs.request import Request, Result

P = ParamSpec("P")
T = TypeVar("T")
Level = Literal["structure", "completeness", "fast", "full"]
MOST_TOLD = 100_000
"""Problems that a result holds; `error_count` and `warning_count` count all."""
_VERSION = re.compile(r"BagIt-Version: ([0-9]{1,4})\.([0-9]{1,4})")
_ENCODING = re.compile(r"Tag-File-Character-Encoding: (\S+)")
_MANIFEST = re.compile(r"(tag)?manifest-([A-Za-z0-9_-]+)\.txt")
_OXUM = re.compile(rf"\s*([0-9]{{1,{MOST_DIGITS}}})\.([0-9]{{1,{MOST_DIGITS}}})\s*")
_BATCH = 256
_UNPACKED = "unpacked"


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
    """Every payload file is here; a valid bag may still have files to be fetched, or say that its maker could not get
    all that belongs in it. False when nobody looked, at level `structure`."""
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
        SatchelError: there is no such folder or archive, or it cannot be read. What is wrong with a bag is in the
            result.
    """
    path = Path(request.path)
    if not await asyncio.to_thread(os.path.lexists, path):
        raise SatchelError(Kind.FILES, f"There is no {path}.", "Check the name.")
    try:
        bag = path if await asyncio.to_thread(path.is_dir) else await _unpacked(path, context)
        database = context.folder / "validate.sqlite"
        database.unlink(missing_ok=True)
        with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as db:
            found = await _Check(bag, request.level, db, context).run()
    except StoppedError:
        raise asyncio.CancelledError from None
    finally:
        await asyncio.to_thread(shutil.rmtree, context.folder / _UNPACKED, ignore_errors=True)
    return msgspec.structs.replace(found, path=str(path))


async def _unpacked(archive: Path, context: Context) -> Path:
    """The folder of the bag in an archive."""
    into = context.folder / _UNPACKED
    await asyncio.to_thread(shutil.rmtree, into, ignore_errors=True)
    into.mkdir()
    with context.stage("extract", f"Unpack {archive.name}", unit="bytes") as stage:

        def told(size: int, member: str) -> None:
            stage.add(size)
            stage.item = member

        return await in_thread(context.cancelled, extract, archive, into, stop=context.cancelled, told=told)


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
        self._files = self._bytes = 0
        self._missing = False
        self._oxum_said: tuple[int, str] | None = None
        self._lacks: tuple[int, str] | None = None
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE listed (path TEXT, algorithm TEXT, digest TEXT, line INTEGER, tag INTEGER)")
        db.execute("CREATE TABLE fetch (path TEXT PRIMARY KEY, length INTEGER, line INTEGER) WITHOUT ROWID")
        db.execute("CREATE TABLE here (path TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID")

    def error(self, code: str, path: str, message: str, line: int | None = None) -> None:
        """Something that makes the bag invalid."""
        self._counts["error"] += 1
        if len(self._errors) < MOST_TOLD:
            self._errors.append(Problem(code=code, path=_tellable(path), message=_tellable(message), line=line))

    def warning(self, code: str, path: str, message: str, line: int | None = None) -> None:
        """Something that does not."""
        self._counts["warning"] += 1
        if len(self._warnings) < MOST_TOLD:
            self._warnings.append(Problem(code=code, path=_tellable(path), message=_tellable(message), line=line))

    async def run(self) -> ValidateResult:
        context = self._context
        with context.stage("structure", "Look at the bag's structure") as stage:
            algorithms, tag_algorithms = await self._threaded(self._structure)
            stage.note = f"BagIt {self._version}" if self._version else "not a bag"
        if self._version and self._level != "structure":
            with context.stage("files", "Look for the files", unit="files") as stage:
                await self._threaded(self._walk, stage)
                await self._threaded(self._complete, algorithms)
            if self._level in ("fast", "full"):
                self._oxum()
        if self._version and self._level == "full":
            with context.stage("checksums", "Compute the checksums", total=self._bytes, unit="bytes") as stage:
                await self._checksums(stage, tag=False)
        if self._version and tag_algorithms:
            with context.stage("tags", "Check the tag files") as stage:
                await self._checksums(stage, tag=True)
        remote = self._missing_remote()
        valid = self._counts["error"] == 0
        return ValidateResult(
            path=str(self._bag),
            level=self._level,
            valid=valid,
            complete=bool(self._version)
            and self._level != "structure"
            and not (remote or self._missing or self._lacks),
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

    async def _threaded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(self._context.cancelled, work, *args, **kwargs)

    # -- structure ------------------------------------------------------------------------------------------------

    def _structure(self) -> tuple[list[str], list[str]]:
        self._declaration()
        if not self._version:
            return [], []
        if not _is_folder(self._bag / "data"):
            self.error("no-payload", "data", "There is no folder data/, which holds a bag's payload.")
        algorithms: list[str] = []
        tag_algorithms: list[str] = []
        for entry in sorted(os.scandir(self._bag), key=lambda e: e.name):
            if entry.is_symlink():
                name = _tellable(entry.name)
                self.error("link", name, f"{name} is a link; a bag holds files alone, and none is followed.")
                continue
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
        self._info()
        return algorithms, tag_algorithms

    def _declaration(self) -> None:
        path = self._bag / "bagit.txt"
        if not _is_file(path):
            self.error("not-a-bag", "bagit.txt", "There is no bagit.txt: this folder is not a bag.")
            return
        with path.open("rb") as file:
            found = list(zip(range(4), lines(file), strict=False))
        texts = [line.text for _, line in found]
        if found and found[0][1].problem:
            self.error("malformed", "bagit.txt", f"Line 1 of bagit.txt {found[0][1].problem}.", 1)
        if found and found[0][1].marked:
            self.error("malformed", "bagit.txt", "bagit.txt begins with a byte order mark, which it must not have.", 1)
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
            codecs.lookup(encoding[1])
            b"a".decode(encoding[1], "replace")
        except (LookupError, ValueError):
            self.error("malformed", "bagit.txt", f"{encoding[1][:40]!r} is not an encoding that is known here.", 2)
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
                    self._mark(name, line)
                    entry = read_entry(line, algorithm)
                    if isinstance(entry, str):
                        self.error("malformed", name, f"Line {line.number} of {name} {entry}.", line.number)
                    elif self._safe(entry, name, tag):
                        yield posixpath.normpath(entry.path), algorithm, entry.digest, entry.number, int(tag)

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
        if not _is_file(path):
            return
        with path.open("rb") as file:
            for line in lines(file, self._encoding):
                self._stop()
                if not line.text and not line.problem:
                    continue
                self._mark("fetch.txt", line)
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
                where = posixpath.normpath(found.path)
                if not self._db.execute("SELECT 1 FROM listed WHERE path = ? AND NOT tag", (where,)).fetchone():
                    self.error(
                        "not-listed",
                        where,
                        f"Line {found.number} of fetch.txt is of a file in no manifest.",
                        found.number,
                    )
                before = self._db.execute("SELECT line FROM fetch WHERE path = ?", (where,)).fetchone()
                if before is not None:
                    self.warning(
                        "listed-twice",
                        where,
                        f"Line {found.number} of fetch.txt is of the same file as line {before[0]}.",
                        found.number,
                    )
                    continue
                self._db.execute("INSERT INTO fetch VALUES (?, ?, ?)", (where, found.length, found.number))

    def _info(self) -> None:
        path = self._bag / "bag-info.txt"
        if not _is_file(path):
            return
        label, value, begun = "", "", 0
        with path.open("rb") as file:
            for line in lines(file, self._encoding):
                self._stop()
                self._mark("bag-info.txt", line)
                if line.problem:
                    self.error(
                        "malformed", "bag-info.txt", f"Line {line.number} of bag-info.txt {line.problem}.", line.number
                    )
                    continue
                if not line.text.strip():
                    continue
                if line.text[0].isspace() and begun:
                    # A value goes on; only this one's matters here.
                    value = (value + line.text)[:200]
                    self._keep(label, value, begun)
                    continue
                label, colon, value = line.text.partition(":")
                begun = line.number
                if not colon:
                    self.error(
                        "malformed",
                        "bag-info.txt",
                        f"Line {begun} of bag-info.txt is not a name, a colon and a value.",
                        begun,
                    )
                self._keep(label, value, begun)
        if self._lacks is not None:
            line_number, value = self._lacks
            self.warning(
                "incomplete",
                "bag-info.txt",
                f"The bag says that it lacks something: {' '.join(value.split())[:200]}.",
                line_number,
            )

    def _keep(self, label: str, value: str, line: int) -> None:
        """Keep what is needed of bag-info.txt."""
        match label.strip().lower():
            case "payload-oxum":
                self._oxum_said = line, value
            case "incomplete":  # as exports write it (docs/bag.md)
                self._lacks = line, value

    def _mark(self, name: str, line: Line) -> None:
        if line.marked:
            self.warning("byte-order-mark", name, f"{name} begins with a byte order mark, which it should not have.", 1)

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
                    told = _tellable(path)
                    if entry.is_symlink():
                        self.error("link", told, f"{told} is a link; a bag holds files alone, and none is followed.")
                    elif entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    elif not entry.is_file(follow_symlinks=False):
                        self.error("not-a-file", told, f"{told} is neither a file nor a folder.")
                    else:
                        size = entry.stat(follow_symlinks=False).st_size
                        self._files += 1
                        self._bytes += size
                        stage.add(1)
                        if told == path:
                            yield path, size
                        else:
                            self.error(
                                "unexpected", told, f"The name of {told} is not text, so no manifest can list it."
                            )

        if not _is_folder(self._bag / "data"):
            return
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO here VALUES (?, ?)", files())
        self._db.execute("COMMIT")

    def _other_forms(self) -> None:
        """Take files for listed ones whose names are written in another way, and say so.

        Some file systems change the form of Unicode (RFC 8493, 5.2), and some programs write percent signs into
        manifests as they are, or escape nothing at all.
        """
        forms: dict[str, list[str]] = {}
        for (path,) in self._db.execute(
            "SELECT path FROM here WHERE path NOT IN (SELECT path FROM listed WHERE NOT tag)"
        ):
            self._stop()
            if not path.isascii() or "%" in path:
                forms.setdefault(unicodedata.normalize("NFC", path), []).append(path)
        if not forms:
            return
        for (path,) in self._db.execute(
            "SELECT DISTINCT path FROM listed WHERE NOT tag AND path NOT IN (SELECT path FROM here)"
        ).fetchall():
            self._stop()
            written = {path, encode_path(path), path.replace("\r", "%0D").replace("\n", "%0A")}
            found = [f for w in sorted(written) for f in forms.get(unicodedata.normalize("NFC", w), [])]
            if len(found) != 1:
                continue
            self._db.execute("UPDATE listed SET path = ? WHERE path = ? AND NOT tag", (found[0], path))
            self._db.execute("UPDATE OR IGNORE fetch SET path = ? WHERE path = ?", (found[0], path))
            self.warning("name-form", found[0], f"The manifests write the name of {found[0]} in another form.")

    def _complete(self, algorithms: Sequence[str]) -> None:
        self._other_forms()
        for (path,) in self._db.execute(
            "SELECT DISTINCT l.path FROM listed l LEFT JOIN here h USING (path) LEFT JOIN fetch f USING (path) "
            "WHERE NOT l.tag AND h.path IS NULL AND f.path IS NULL ORDER BY 1"
        ):
            self._stop()
            self._missing = True
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
        return int(count)

    def _oxum(self) -> None:
        if self._oxum_said is None:
            return
        line, value = self._oxum_said
        match = _OXUM.fullmatch(value)
        if match is None:
            self.error("malformed", "bag-info.txt", f"Payload-Oxum is not bytes.files: {value.strip()[:60]!r}.", line)
        elif not self._missing_remote() and (int(match[1]), int(match[2])) != (self._bytes, self._files):
            self.error(
                "oxum",
                "bag-info.txt",
                f"Payload-Oxum says {int(match[1]):,} bytes in {int(match[2]):,} files; "
                f"there are {self._bytes:,} bytes in {self._files:,} files.",
                line,
            )

    # -- checksums ------------------------------------------------------------------------------------------------

    async def _checksums(self, stage: Stage, *, tag: bool) -> None:
        workers = min(4, os.cpu_count() or 1)
        source = self._expected(tag)
        lock = asyncio.Lock()
        found: list[tuple[str, str, str]] = []

        async def work() -> None:
            while True:
                async with lock:
                    batch = await self._threaded(_take, source)
                if not batch:
                    return
                found.extend(await self._threaded(self._hash, batch, stage, tag))

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        try:
            await asyncio.gather(*tasks)
        finally:
            # A failure of one must not leave the others at work on a database that is about to be closed.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for code, path, message in sorted(found, key=lambda f: f[1]):
            self.error(code, path, message)

    def _expected(self, tag: bool) -> Iterator[tuple[str, dict[str, str]]]:
        cursor = self._db.cursor()
        path: str | None = None
        sums: dict[str, str] = {}
        only = "" if tag else "AND path IN (SELECT path FROM here)"
        for found, algorithm, digest in cursor.execute(
            f"SELECT path, algorithm, digest FROM listed WHERE tag = ? {only} ORDER BY path, line",  # noqa: S608
            (int(tag),),
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

    def _hash(self, batch: Sequence[tuple[str, dict[str, str]]], stage: Stage, tag: bool) -> list[tuple[str, str, str]]:
        """Code, path and message of what is wrong with some files."""
        found = []
        for path, sums in batch:
            self._stop()
            if tag and not self._is_inside(path):
                found.append(("missing", path, f"{path} is in a tag manifest but not in the bag."))
                continue
            try:
                hashers = hash_file(
                    self._bag / path, sums, stop=self._context.cancelled, told=None if tag else stage.add
                )
            except OSError as error:
                found.append(("unreadable", path, f"{path} cannot be read: {error.strerror}."))
                continue
            digests = hashers.digests()
            found += [
                ("checksum", path, f"{path} was changed: its {algorithm} is not the manifest's.")
                for algorithm, digest in sums.items()
                if digests[algorithm] != digest
            ]
        return found

    def _is_inside(self, path: str) -> bool:
        """Whether a tag file is one, in the bag, with no link on the way to it."""
        place = self._bag
        for part in path.split("/")[:-1]:
            place /= part
            if not _is_folder(place):
                return False
        return _is_file(self._bag / path)

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


def _is_file(path: Path) -> bool:
    """Whether there is a file, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def _tellable(path: str) -> str:
    """A text as it can be written down: what stands for bytes that are no UTF-8 is shown by numbers."""
    return path if path.isascii() else path.encode("utf-8", "backslashreplace").decode()
