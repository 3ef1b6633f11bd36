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
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

import msgspec

from satchel.core.bags import checksums
from satchel.core.bags.baginfo import Info, read_info
from satchel.core.bags.completeness import Completeness
from satchel.core.bags.declaration import Declaration, read_declaration
from satchel.core.bags.digests import StoppedError
from satchel.core.bags.listing import Listing, Manifests
from satchel.core.bags.places import TAGS, is_folder, is_unfinished
from satchel.core.bags.problems import Findings, Problem, tellable, visible
from satchel.core.bags.threads import in_thread
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import KEPT, Context
from satchel.core.jobs.request import Request, Result

# What reads archives and profiles is imported where it is used: most checks need neither, and all begin sooner.
if TYPE_CHECKING:
    from satchel.core.bags.profiles import Profile

__all__ = ["Level", "Problem", "ValidateRequest", "ValidateResult", "run"]
P = ParamSpec("P")
T = TypeVar("T")
Level = Literal["structure", "completeness", "fast", "full"]
MOST_PROFILES = 5
"""That a bag names and that are looked at."""
_UNPACKED = "unpacked"


class ValidateRequest(Request, tag="validate", frozen=True, kw_only=True):
    """Check a bag."""

    path: str
    level: Level = "full"
    profile: str = ""
    """A BagIt profile to check against as well: a file, an https address, `bdbag`, `bdbag-ro`, or `bag` for those that
    the bag names."""
    ca: tuple[str, ...] = ()
    """Files of certificate authorities to trust, for a profile's server."""
    any_size: bool = False
    """Unpack an archive however large it grows; a person has said so."""

    @property
    def title(self) -> str:
        """For example "Check 1_Study_1-ABCD"."""
        return f"Check {Path(self.path).name or self.path}"


class ValidateResult(Result, tag="validate", frozen=True, kw_only=True):
    """The verdict."""

    path: str
    level: Level
    valid: bool
    """There are no errors, as far as the level looked. A bag with files to be fetched is not complete, and so not valid
    (RFC 8493, 3: "The bag MUST be complete"); see `sound`."""
    complete: bool
    """All that belongs to it is here and has its form (RFC 8493, 3). A valid bag may still say that its maker could not
    get all that belongs in it: then this is False. False, too, when nobody looked, at level `structure`."""
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
    profiles: tuple[str, ...] = ()
    """Identifiers of the profiles that it was checked against."""
    store: str = ""
    """Where more than `errors` and `warnings` hold: the path of a `problem_store.ProblemStore` with all of them, that
    is there as long as the job is in the journal. Empty: nothing is left out."""

    @property
    def sound(self) -> bool:
        """Nothing is wrong with the bag but that files of fetch.txt are still to be fetched: they may be."""
        return self.valid or (self.level != "structure" and self.error_count == self.remote)


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
        profile = await _profile(request) if request.profile not in ("", "bag") else None
        bag = (
            path if await asyncio.to_thread(path.is_dir) else await _asked_and_unpacked(path, context, request.any_size)
        )
        database = context.folder / "validate.sqlite"
        database.unlink(missing_ok=True)
        with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as db:
            found = await _Check(bag, path, request, profile, db, context).run()
    except StoppedError:
        raise asyncio.CancelledError from None
    finally:
        await asyncio.to_thread(shutil.rmtree, context.folder / _UNPACKED, ignore_errors=True)
    return msgspec.structs.replace(found, path=str(path))


async def _profile(request: ValidateRequest, named: str = "") -> Profile:
    """The profile that is asked for, or that a bag has named. Raises SatchelError."""
    from satchel.core.bags.profiles import built_in, profile_file

    wanted = named or request.profile
    if (known := built_in(wanted)) is not None:
        return known
    if named or "://" in wanted:
        from satchel.core.bags.profile_web import fetch_profile

        return await fetch_profile(wanted, ca=request.ca, trusted=not named)
    return await asyncio.to_thread(profile_file, Path(wanted))


async def _asked_and_unpacked(archive: Path, context: Context, any_size: bool) -> Path:
    """As `_unpacked`; a person is asked before an archive grows beyond reason."""
    from satchel.core.bags.extract import TooLargeError

    try:
        return await _unpacked(archive, context, any_size)
    except TooLargeError as error:
        text = f"{error.message} Unpack it all the same?"
        if await context.ask("unpack-large", text, ("stop", "unpack"), "stop") != "unpack":
            raise
    return await _unpacked(archive, context, any_size=True)


async def _unpacked(archive: Path, context: Context, any_size: bool) -> Path:
    """The folder of the bag in an archive."""
    from satchel.core.bags.extract import extract

    into = context.folder / _UNPACKED
    await asyncio.to_thread(shutil.rmtree, into, ignore_errors=True)
    into.mkdir()
    with context.stage("extract", f"Unpack {archive.name}", unit="bytes") as stage:

        def told(size: int, member: str) -> None:
            stage.add(size)
            stage.item = visible(member)

        return await in_thread(
            context.cancelled, extract, archive, into, stop=context.cancelled, told=told, any_size=any_size
        )


class _Check:
    """One check under way."""

    def __init__(
        self,
        bag: Path,
        source: Path,
        request: ValidateRequest,
        profile: Profile | None,
        db: sqlite3.Connection,
        context: Context,
    ) -> None:
        self._bag = bag
        self._source = source
        self._request = request
        self._profiles = [profile] if profile is not None else []
        self._level = request.level
        self._db = db
        self._context = context
        self._findings = Findings(store=context.folder / KEPT / "problems.sqlite")
        self._listing = Listing(bag, db, self._findings, context.cancelled)
        self._manifests = Manifests()
        self._info = Info()

    async def run(self) -> ValidateResult:
        """Check it. Raises SatchelError, OSError, StoppedError."""
        try:
            found = await self._run()
            store = await asyncio.to_thread(self._findings.close)
        except BaseException:
            await asyncio.to_thread(self._findings.close, whole=False)
            raise
        return msgspec.structs.replace(found, store=str(store)) if store is not None else found

    async def _run(self) -> ValidateResult:
        context, findings, listing = self._context, self._findings, self._listing
        with context.stage("structure", "Look at the bag's structure") as stage:
            declared = await self._threaded(self._structure)
            stage.note = f"BagIt {declared.text}" if declared is not None else "not a bag"
        complete, remote = False, 0
        if declared is not None:
            await self._find_profiles()
            completeness = Completeness(self._db, declared, findings, context.cancelled)
            if self._level != "structure":
                with context.stage("files", "Look for the files", unit="files") as stage:
                    await self._threaded(self._files, completeness, stage.add)
                if self._level in ("fast", "full"):
                    completeness.oxum(self._info, listing)
            if self._level == "full":
                with context.stage("checksums", "Compute the checksums", total=listing.bytes, unit="bytes") as stage:
                    await checksums.check(self._bag, self._db, findings, context.cancelled, stage, tag=False)
            if self._manifests.has_tags:
                with context.stage("tags", "Check the tag files") as stage:
                    await checksums.check(self._bag, self._db, findings, context.cancelled, stage, tag=True)
            await self._check_profiles(declared)
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
            profiles=tuple(tellable(profile.identifier) for profile in self._profiles),
        )

    async def _find_profiles(self) -> None:
        """Find those that the bag names, where it was asked for. Raises SatchelError: one cannot be fetched."""
        if self._request.profile != "bag":
            return
        from satchel.core.bags.profile_rules import IDENTIFIER

        named = list(dict.fromkeys(value for value, _ in self._info.all(IDENTIFIER)))
        if not named:
            self._findings.error(
                "profile", self._info.name, f"{self._info.name} names no profile: it has no {IDENTIFIER}."
            )
        for address in named[:MOST_PROFILES]:
            self._profiles.append(await _profile(self._request, address))

    async def _check_profiles(self, declared: Declaration) -> None:
        if not self._profiles:
            return
        from satchel.core.bags.profile_rules import Subject, check_profile

        subject = Subject(self._bag, self._source, self._db, declared, self._manifests, self._info)
        for profile in self._profiles:
            with self._context.stage("profile", "Check the profile's rules"):
                await self._threaded(check_profile, profile, subject, self._findings, self._context.cancelled)

    async def _threaded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(self._context.cancelled, work, *args, **kwargs)

    def _structure(self) -> Declaration | None:
        declared = read_declaration(self._bag, self._findings)
        if declared is None:
            return None
        if not is_folder(self._bag / "data"):
            self._findings.error("no-payload", "data", "There is no folder data/, which holds a bag's payload.")
        if is_unfinished(self._bag):
            self._findings.warning(
                "unfinished", TAGS, f"A change of this bag was interrupted: satchel rebag {self._source} finishes it."
            )
        self._manifests = self._listing.manifests(declared)
        self._listing.tags(self._manifests, declared)
        self._info = read_info(self._bag, declared, self._findings, self._context.cancelled)
        return declared

    def _files(self, completeness: Completeness, told: Callable[[int], None]) -> None:
        self._listing.walk(told)
        completeness.names()
        completeness.other_forms()
        completeness.compare(self._manifests)
