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
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar

import msgspec

from satchel.core.bags import checksums
from satchel.core.bags.baginfo import Info, read_info
from satchel.core.bags.completeness import Completeness
from satchel.core.bags.declaration import Declaration, read_declaration
from satchel.core.bags.digests import StoppedError
from satchel.core.bags.extract import extract
from satchel.core.bags.listing import Listing, Manifests
from satchel.core.bags.places import is_folder
from satchel.core.bags.problems import Findings, Problem
from satchel.core.bags.threads import in_thread
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context
from satchel.core.jobs.request import Request, Result

__all__ = ["Level", "Problem", "ValidateRequest", "ValidateResult", "run"]
P = ParamSpec("P")
T = TypeVar("T")
Level = Literal["structure", "completeness", "fast", "full"]
_UNPACKED = "unpacked"


class ValidateRequest(Request, tag="validate", frozen=True, kw_only=True):
    """Check a bag."""

    path: str
    level: Level = "full"

    @property
    def title(self) -> str:
        """For example "Check 1_Study_1-ABCD"."""
        return f"Check {Path(self.path).name or self.path}"


class ValidateResult(Result, tag="validate", frozen=True, kw_only=True):
    """The verdict."""

    path: str
    level: Level
    valid: bool
    complete: bool
    """All that belongs to it is here and has its form (RFC 8493, 3). A valid bag may still have files to be fetched, or
    say that its maker could not get all that belongs in it. False when nobody looked, at level `structure`."""
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
        self._findings = Findings()
        self._listing = Listing(bag, db, self._findings, context.cancelled)
        self._manifests = Manifests()
        self._info = Info()

    async def run(self) -> ValidateResult:
        context, findings, listing = self._context, self._findings, self._listing
        with context.stage("structure", "Look at the bag's structure") as stage:
            declared = await self._threaded(self._structure)
            stage.note = f"BagIt {declared.text}" if declared is not None else "not a bag"
        complete, remote = False, 0
        if declared is not None:
            completeness = Completeness(self._db, declared, findings, context.cancelled)
            if self._level != "structure":
                with context.stage("files", "Look for the files", unit="files") as stage:
                    await self._threaded(self._files, completeness, stage.add)
                if self._level in ("fast", "full"):
                    completeness.oxum(self._info, listing)
            if self._level == "full":
                with context.stage("checksums", "Compute the checksums", total=listing.bytes, unit="bytes") as stage:
                    await checksums.check(self._bag, self._db, findings, context.cancelled, stage, tag=False)
            if self._manifests.tag_algorithms:
                with context.stage("tags", "Check the tag files") as stage:
                    await checksums.check(self._bag, self._db, findings, context.cancelled, stage, tag=True)
            remote = completeness.remote()
            complete = self._level != "structure" and findings.is_whole and not (remote or self._info.lacks)
        return ValidateResult(
            path=str(self._bag),
            level=self._level,
            valid=findings.error_count == 0,
            complete=complete,
            version=declared.text if declared is not None else "",
            algorithms=tuple(self._manifests.algorithms),
            files=listing.files,
            bytes=listing.bytes,
            remote=remote,
            errors=tuple(findings.errors),
            warnings=tuple(findings.warnings),
            error_count=findings.error_count,
            warning_count=findings.warning_count,
        )

    async def _threaded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(self._context.cancelled, work, *args, **kwargs)

    def _structure(self) -> Declaration | None:
        declared = read_declaration(self._bag, self._findings)
        if declared is None:
            return None
        if not is_folder(self._bag / "data"):
            self._findings.error("no-payload", "data", "There is no folder data/, which holds a bag's payload.")
        self._manifests = self._listing.manifests(declared)
        self._listing.tags(self._manifests, declared)
        self._info = read_info(self._bag, declared, self._findings, self._context.cancelled)
        return declared

    def _files(self, completeness: Completeness, told: Callable[[int], None]) -> None:
        self._listing.walk(told)
        completeness.names()
        completeness.other_forms()
        completeness.compare(self._manifests)
