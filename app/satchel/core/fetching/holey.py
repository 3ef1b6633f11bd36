"""Makes a full bag holey: files that servers have go, and fetch.txt says where they are.

A file goes when three things hold: it is what every manifest says; its server has as many bytes; and its server says
the same checksum, or says none, or was read whole (when that is asked for). All is found out before anything is
changed, and the change itself is whole or not there (`satchel.core.bags.changing`): fetch.txt is in its place before
the first file goes.
"""

from __future__ import annotations

import asyncio
import fnmatch
import os
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from satchel.core.bags.changing import DROPPED, Dropped, abandon, commit, prepare
from satchel.core.bags.digests import Hashers, StoppedError, hash_file
from satchel.core.bags.manifests import fetch_line
from satchel.core.bags.reading import PARTS, Bag, inside, open_bag
from satchel.core.bags.remote_list import read_remote
from satchel.core.bags.retagging import retag
from satchel.core.bags.threads import in_thread
from satchel.core.deriva.hatrac import Download, ObjectInfo, head
from satchel.core.deriva.retry import PATIENT
from satchel.core.deriva.session import host_name
from satchel.core.errors import Kind, SatchelError
from satchel.core.fetching.request import FileProblem, HoleyRequest, HoleyResult
from satchel.core.fetching.sources import address, host_of
from satchel.core.fetching.web import Guard, PrivateAddressError, Web, client
from satchel.core.jobs.context import Context, Stage

if TYPE_CHECKING:
    import aiohttp

AT_ONCE = 16
MOST_TOLD = 100_000
_BATCH = 200


async def run(request: HoleyRequest, context: Context) -> HoleyResult:
    """Leave files of a bag to servers.

    Raises:
        SatchelError: it is no bag's folder, or the list of files cannot be read. What a server did not answer for is
            in the result.
    """
    if bool(request.url) == bool(request.table):
        raise SatchelError(Kind.USAGE, "Where the files are is missing.", "Give --url ADDRESS, or --table FILE.")
    bag = await asyncio.to_thread(open_bag, Path(request.path))
    if await asyncio.to_thread(os.path.lexists, bag.folder / PARTS):
        raise SatchelError(
            Kind.INVALID, f"Fetching files into {bag.folder} was not finished.", f"satchel materialize {bag.folder}"
        )
    tags = await asyncio.to_thread(prepare, bag.folder)
    database = context.folder / "holey.sqlite"
    database.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as db:
            holes = _Holes(request, bag, db, context)
            with context.stage("plan", "Look which files there are", unit="files") as stage:
                await in_thread(context.cancelled, holes.plan, stage)
            if holes.files:
                with context.stage("ask", "Ask the servers for them", total=holes.files, unit="files") as stage:
                    await holes.ask(stage)
            written: list[str] = []
            if holes.gone:
                with context.stage("tags", "Write fetch.txt, and remove the files"):
                    await in_thread(context.cancelled, holes.write, tags)
                    # Not to be stopped: half of it is nothing.
                    written = await in_thread(threading.Event(), commit, bag.folder)
    finally:
        await asyncio.to_thread(abandon, bag.folder)
    holes.problems.sort(key=lambda problem: problem.path)
    return HoleyResult(
        path=request.path,
        files=holes.gone,
        bytes=holes.bytes,
        stayed=holes.stayed,
        problem_count=holes.problem_count,
        problems=tuple(holes.problems),
        written=tuple(written),
    )


class _Holes:
    """Which files go."""

    def __init__(self, request: HoleyRequest, bag: Bag, db: sqlite3.Connection, context: Context) -> None:
        self._request = request
        self._bag = bag
        self._db = db
        self._context = context
        self._webs: dict[str, Web] = {}
        self.files = self.gone = self.bytes = self.stayed = self.problem_count = 0
        self.problems: list[FileProblem] = []
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE sums (path TEXT, algorithm TEXT, digest TEXT)")
        db.execute("CREATE TABLE todo (path TEXT PRIMARY KEY, url TEXT) WITHOUT ROWID")
        db.execute("CREATE TABLE gone (path TEXT PRIMARY KEY, url TEXT, size INTEGER, time INTEGER) WITHOUT ROWID")

    def _problem(self, code: str, path: str, message: str, url: str = "") -> None:
        self.problem_count += 1
        if len(self.problems) < MOST_TOLD:
            host = ""
            if "://" in url:
                url, host = url.partition("?")[0], host_of(url)
            self.problems.append(FileProblem(code=code, path=path, message=message, url=url, host=host))

    def _stop(self) -> None:
        if self._context.cancelled.is_set():
            raise StoppedError

    # -- what is asked for ----------------------------------------------------------------------------------------

    def plan(self, stage: Stage) -> None:
        """Find the files that may go. Raises SatchelError, OSError."""
        if not self._bag.algorithms or len(self._bag.algorithms) != len(self._bag.manifests):
            raise SatchelError(
                Kind.INVALID, "This bag has manifests that cannot be checked here.", "Make them anew: satchel rebag"
            )
        self._db.execute("BEGIN")
        for algorithm in self._bag.algorithms:
            self._db.executemany("INSERT INTO sums VALUES (?, ?, ?)", self._sums(algorithm))
        self._db.execute("COMMIT")
        self._db.execute("CREATE INDEX sums_path ON sums (path)")
        patterns = [p if p.startswith("data/") else f"data/{p}" for p in self._request.only]
        checked: set[str] = set()
        self._db.execute("BEGIN")
        for path, url in self._places():
            self._stop()
            stage.add(1)
            if patterns and not any(fnmatch.fnmatchcase(path, p) for p in patterns):
                self.stayed += 1
                continue
            try:
                status = (self._bag.folder / path).lstat() if inside(self._bag.folder, path, checked) is None else None
            except (OSError, ValueError):
                status = None
            if status is None or not stat.S_ISREG(status.st_mode):
                continue  # it is not here, be it that fetch.txt has it already
            if not url or (self._request.smallest is not None and status.st_size < self._request.smallest):
                self.stayed += 1
                continue
            self._db.execute("INSERT OR REPLACE INTO todo VALUES (?, ?)", (path, url))
        self._db.execute("COMMIT")
        (self.files,) = self._db.execute("SELECT count(*) FROM todo").fetchone()

    def _sums(self, algorithm: str) -> Iterator[tuple[str, str, str]]:
        for entry in self._bag.entries(algorithm):
            self._stop()
            if isinstance(entry, str):
                raise SatchelError(Kind.INVALID, entry, f"Check the bag first: satchel validate {self._bag.folder}")
            yield entry.path, algorithm, entry.digest

    def _places(self) -> Iterator[tuple[str, str]]:
        """Each listed file and its address; empty: there is none for it."""
        if self._request.table is None:
            for (path,) in self._db.execute("SELECT DISTINCT path FROM sums ORDER BY path"):
                yield path, self._address(path)
            return
        self._db.execute("CREATE TEMP TABLE told (path TEXT PRIMARY KEY, url TEXT) WITHOUT ROWID")
        for remote in read_remote(Path(self._request.table), need_sums=False):
            self._db.execute("INSERT OR REPLACE INTO told VALUES (?, ?)", (remote.path, remote.url))
        yield from self._db.execute(
            "SELECT DISTINCT path, coalesce(url, '') FROM sums LEFT JOIN told USING (path) ORDER BY path"
        )

    def _address(self, path: str) -> str:
        url = self._request.url
        if "{path}" in url:
            return url.replace("{path}", quote(path))
        return f"{url.rstrip('/')}/{quote(path.removeprefix('data/'))}"

    # -- what the servers say -------------------------------------------------------------------------------------

    async def ask(self, stage: Stage) -> None:
        """Find out which files may go."""
        request, context = self._request, self._context
        hosts = [host_name(host) for host in request.hosts]
        if request.url:  # the person's own word, and not a bag's
            hosts.append(host_of(address(request.url, None)))
        own = {*hosts}
        for label, value in await asyncio.to_thread(self._bag.info):
            if label.lower() == "source-host":
                try:
                    hosts.append(host_name(value))
                except SatchelError:
                    continue
        secrets = {host: await self._secret(host) for host in dict.fromkeys(hosts)}
        named = {h for h in hosts if secrets[h] or request.access.ca} | own
        guard = Guard(named, request.allow_private)
        todo = self._todo()
        lock = asyncio.Lock()
        async with client(request.access, guard, AT_ONCE) as opened:

            async def work() -> None:
                while True:
                    async with lock:
                        found = await in_thread(context.cancelled, next, todo, None)
                    if found is None:
                        return
                    stage.item = found[0]
                    await self._one(*found, opened, guard, secrets)
                    stage.add(1)

            tasks = [asyncio.create_task(work()) for _ in range(min(AT_ONCE, self.files))]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _todo(self) -> Iterator[tuple[str, str]]:
        last = ""
        while rows := self._db.execute(
            "SELECT path, url FROM todo WHERE path > ? ORDER BY path LIMIT ?", (last, _BATCH)
        ).fetchall():
            yield from rows
            last = rows[-1][0]

    async def _secret(self, host: str) -> dict[str, str]:
        from satchel.core import credentials

        found = await credentials.lookup(
            host, self._request.access, warn=lambda message: self._context.log(message, "warning")
        )
        return dict(found.headers) if found is not None else {}

    async def _one(
        self, path: str, url: str, opened: aiohttp.ClientSession, guard: Guard, secrets: dict[str, dict[str, str]]
    ) -> None:
        asked = ""
        try:
            asked = address(url, None)
            host = host_of(asked)
            web = self._webs.get(key := f"{asked.partition(':')[0]}://{host}")
            if web is None:
                web = self._webs[key] = Web(opened, asked, secrets.get(host, {}), guard, self._context.log, PATIENT)
            rows = self._db.execute("SELECT algorithm, digest FROM sums WHERE path = ?", (path,)).fetchall()
            sums: dict[str, str] = dict(rows)
            if set(sums) != set(self._bag.algorithms):
                self._problem("not-listed", path, f"{path} is not in every manifest, and stays.")
                return
            info = await head(web, asked)
            said = {a: d for a, d in (("md5", info.md5), ("sha256", info.sha256)) if d is not None}
            status = await asyncio.to_thread((self._bag.folder / path).lstat)
            found = await in_thread(self._context.cancelled, self._hash, path, {*sums, *said})
            digests = found.digests()
            if any(digests[a] != digest for a, digest in sums.items()):
                self._problem("checksum", path, f"{path} is not what the manifests say, and stays.")
                return
            if (why := await self._differs(web, asked, info, found.length, said, digests, sums)) is not None:
                self._problem(why[0], path, f"{path} stays: {why[1]}", asked)
                return
            self._db.execute("INSERT INTO gone VALUES (?, ?, ?, ?)", (path, url, status.st_size, status.st_mtime_ns))
            self.gone += 1
            self.bytes += status.st_size
        except PrivateAddressError as error:
            self._problem("private-address", path, f"{path} stays: {error.message} {error.hint}", asked)
        except SatchelError as error:
            if error.kind in (Kind.DISK_FULL, Kind.INTERNAL, Kind.CANCELLED):
                raise
            self._problem(str(error.kind), path, f"{path} stays: {error.message}", asked)
        except (OSError, ValueError) as error:
            self._problem("refused", path, f"{path} stays: {error}.", asked)

    def _hash(self, path: str, algorithms: set[str]) -> Hashers:
        return hash_file(self._bag.folder / path, algorithms, stop=self._context.cancelled)

    async def _differs(
        self,
        web: Web,
        url: str,
        info: ObjectInfo,
        length: int,
        said: dict[str, str],
        digests: dict[str, str],
        sums: dict[str, str],
    ) -> tuple[str, str] | None:
        """Why a server's file is not known to be the same: a code and a sentence."""
        if info.length is not None and info.length != length:
            return "length", f"it has {length:,} bytes, and {info.length:,} on its server."
        for algorithm, digest in said.items():
            if digest != digests[algorithm]:
                return "checksum", f"its server says another {algorithm}."
        if not self._request.read:
            if info.length is None:
                return "length", "its server does not say how long it is. Have it read: --read."
            return None
        hashers = Hashers(sums)
        async with _opened(web, url) as download:
            async for chunk in download:
                await asyncio.to_thread(hashers.update, chunk)
                if hashers.length > length:
                    break
        if hashers.length != length or hashers.digests() != sums:
            return "checksum", "it is another file on its server."
        return None

    # -- the change -----------------------------------------------------------------------------------------------

    def write(self, tags: Path) -> None:
        """Write fetch.txt, tag manifests and the list of what goes. Raises SatchelError, OSError."""
        fetch = tags / "fetch.txt"
        with fetch.open("w", encoding=self._bag.encoding, newline="\n") as file:
            for found in self._bag.fetches():
                if isinstance(found, tuple):
                    raise SatchelError(Kind.INVALID, found[2], "Mend fetch.txt first.")
                if not self._db.execute("SELECT 1 FROM gone WHERE path = ?", (found.path,)).fetchone():
                    file.write(fetch_line(found.url, found.length, found.path, old=self._bag.old) + "\n")
            for path, url, size in self._db.execute("SELECT path, url, size FROM gone ORDER BY path"):
                self._stop()
                file.write(fetch_line(url, size, path, old=self._bag.old) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with (tags / DROPPED).open("wb") as dropped:
            for path, size, time in self._db.execute("SELECT path, size, time FROM gone ORDER BY path"):
                self._stop()
                dropped.write(msgspec.json.encode(Dropped(path, size, time)) + b"\n")
            dropped.flush()
            os.fsync(dropped.fileno())
        retag(self._bag, tags, {"fetch.txt": fetch})


@asynccontextmanager
async def _opened(web: Web, url: str) -> AsyncIterator[Download]:
    async with AsyncExitStack() as stack:
        download = Download(web, url, 0, None, stack)
        await download.begin()
        yield download
