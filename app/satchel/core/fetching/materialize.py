"""Completes a bag: fetches what fetch.txt lists and is not here, each file verified before it gets its name.

Many small files are on their way at once and are written together by one thread; large ones go to a file of their own
that a later run goes on with. What fails is told of the one file; the others go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import portalocker

from satchel.core.bags import validate
from satchel.core.bags.reading import Bag, is_file, open_bag
from satchel.core.bags.threads import in_thread
from satchel.core.bags.validate import ValidateRequest, ValidateResult
from satchel.core.deriva.hatrac import Download
from satchel.core.deriva.retry import PATIENT, Passing, Policy
from satchel.core.deriva.session import host_name
from satchel.core.errors import Kind, SatchelError
from satchel.core.fetching.picked import Picked
from satchel.core.fetching.plan import Plan, Wanted
from satchel.core.fetching.request import FileProblem, MaterializeRequest, MaterializeResult
from satchel.core.fetching.sources import address, host_of
from satchel.core.fetching.web import Guard, PrivateAddressError, Web, client
from satchel.core.fetching.writing import RESERVE, FileError, Part, Places, of_one_file
from satchel.core.jobs.context import Context, Stage

if TYPE_CHECKING:
    import aiohttp

P = ParamSpec("P")
T = TypeVar("T")
CONNECTIONS = 32
SMALL = 256 * 1024
"""Bytes. A file of at most so many is held in memory until it is written."""
HANDED_ON = 1 << 20
"""Bytes of a large file that are gathered before a thread writes them."""
WRITTEN_TOGETHER = 64
WAITING = 256
"""Small files that may wait to be written."""
MOST_TOLD = 100_000
FAILURES = 3
"""After so many files of a server that could not be reached, the rest of them are not tried."""
SHOWN = 4 << 20
"""Bytes. Files from this size on are shown one by one."""
SLOW_SECONDS = 60.0
SLOW_BYTES = 4096
"""A server that sends less than this in `SLOW_SECONDS` will not come to an end."""
POLICY: Policy = PATIENT
SIGN_IN = "sign-in-needed"
_PLAIN = {"Accept-Encoding": "identity"}


async def run(request: MaterializeRequest, context: Context) -> MaterializeResult:
    """Fetch what a bag lacks.

    Raises:
        SatchelError: it is no bag's folder, the disk is full, or no file could be had for want of a sign-in. What
            could not be fetched otherwise is in the result.
    """
    bag = await asyncio.to_thread(open_bag, Path(request.path))
    places = Places(bag.folder)
    database = context.folder / "fetch.sqlite"
    database.unlink(missing_ok=True)
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as db:
        fetch = _Fetch(request, bag, places, db, context)
        await fetch.plan()
        if fetch.plan_made.files:
            await asyncio.to_thread(places.prepare)
            with _alone(places):
                await fetch.run()
            await asyncio.to_thread(places.clean, everything=not fetch.problem_count)
    return await fetch.result()


@contextlib.contextmanager
def _alone(places: Places) -> Iterator[None]:
    """Nobody else fetches into this bag meanwhile. Raises SatchelError where somebody does."""
    lock = portalocker.Lock(
        places.parts / "lock",
        "a",
        timeout=0,
        flags=portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING,
    )
    try:
        lock.acquire()
    except portalocker.LockException:
        raise SatchelError(
            Kind.FILES, f"Another job is fetching files into {places.bag}.", "Wait for it, or cancel it: satchel jobs"
        ) from None
    try:
        yield
    finally:
        places.close()
        (places.parts / "lock").unlink(missing_ok=True)
        lock.release()
        places.clean(everything=False)


class _Fetch:
    """One fetching under way."""

    def __init__(
        self, request: MaterializeRequest, bag: Bag, places: Places, db: sqlite3.Connection, context: Context
    ) -> None:
        self._request = request
        self._bag = bag
        self._places = places
        self._context = context
        self._problems: list[FileProblem] = []
        self.problem_count = 0
        self._fetched = self._bytes = 0
        self._hosts = [host_name(h) for h in request.hosts]
        self._home: str | None = self._hosts[0] if self._hosts else None
        self._sessions: dict[str, Web] = {}
        self._names: dict[str, str] = {}
        self._failed: dict[str, tuple[int, SatchelError]] = {}
        self._asking = asyncio.Lock()
        self._refused: set[str] = set()
        self._allowed_hosts: set[str] = set()
        self._signed_in: set[str] = set()
        self._limit: int | None = request.largest
        self.plan_made = Plan(bag, db, context.cancelled, self._problem)

    async def _threaded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(self._context.cancelled, work, *args, **kwargs)

    def _problem(self, problem: FileProblem) -> None:
        self.problem_count += 1
        if len(self._problems) < MOST_TOLD:
            self._problems.append(problem)

    # -- what is to be done ---------------------------------------------------------------------------------------

    async def plan(self) -> None:
        """Find out what is to be fetched."""
        request = self._request
        with self._context.stage("plan", "Look what is missing", unit="files") as stage:

            def told(path: str) -> None:
                stage.item = path
                stage.add(1)

            stage.total = await self._threaded(self.plan_made.read)
            picked = Picked(request.pick, request.skip)
            await self._threaded(self.plan_made.choose, request.only, request.largest, request.repair, told, picked)
            stage.note = f"{self.plan_made.files:,} to fetch, {self.plan_made.already:,} are here"
        self._learn(await self._threaded(self._bag.info))
        free = (await asyncio.to_thread(shutil.disk_usage, self._bag.folder)).free
        if (self.plan_made.bytes or 0) + RESERVE > free and self.plan_made.files:
            raise SatchelError(
                Kind.DISK_FULL,
                f"The files to fetch have {self.plan_made.bytes or 0:,} bytes, and {free:,} are free on the disk of "
                f"{self._bag.folder}.",
                "Free some space, or fetch less: --only, --largest.",
            )

    def _learn(self, info: list[tuple[str, str]]) -> None:
        """Take from bag-info.txt whose the bag is, and how large it can be at most."""
        for label, value in info:
            if label.lower() == "source-host":
                try:
                    host = host_name(value)
                except SatchelError:
                    continue
                self._home = host
                if host not in self._hosts:
                    self._hosts.append(host)
            elif label.lower() == "payload-oxum":
                size = value.partition(".")[0]
                if size.isascii() and size.isdigit() and len(size) < 19:
                    self._limit = int(size) if self._limit is None else min(self._limit, int(size))

    # -- doing it -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Fetch it."""
        request, context, plan = self._request, self._context, self.plan_made
        secrets = {host: await self._secret(host) for host in self._hosts}
        self._signed_in = {host for host, secret in secrets.items() if secret}
        # A server is the person's own word, and not the bag's, where they have signed in to it or vouch for its
        # authority. Any that they name is.
        named = {h for h in self._hosts if secrets[h] or request.access.ca} | {host_name(h) for h in request.hosts}
        guard = Guard(named, request.allow_private)
        batches = plan.wanted()
        lock = asyncio.Lock()
        ready: list[Wanted] = []
        with context.stage("fetch", "Fetch the files", total=plan.bytes, unit="bytes") as stage:
            async with client(request.access, guard, CONNECTIONS) as opened:
                writer = _Writer(self, stage)

                async def work() -> None:
                    while True:
                        async with lock:
                            if not ready:
                                batch = await self._threaded(next, batches, None)
                                if batch is None:
                                    return
                                ready.extend(reversed(batch))
                                continue
                            wanted = ready.pop()
                        await self._one(wanted, opened, guard, secrets, writer, stage)

                writing = asyncio.create_task(writer.run())
                tasks = [asyncio.create_task(work()) for _ in range(min(CONNECTIONS, plan.files))]
                try:
                    await _all_or_first_failure([*tasks], writing)
                    await writer.close()
                    await writing
                finally:
                    for task in (*tasks, writing):
                        task.cancel()
                    await asyncio.gather(*tasks, writing, return_exceptions=True)
            stage.note = f"{self._fetched:,} of {plan.files:,} files"

    async def _secret(self, host: str) -> dict[str, str]:
        from satchel.core import credentials

        found = await credentials.lookup(
            host, self._request.access, warn=lambda message: self._context.log(message, "warning")
        )
        return dict(found.headers) if found is not None else {}

    async def _one(
        self,
        wanted: Wanted,
        opened: aiohttp.ClientSession,
        guard: Guard,
        secrets: dict[str, dict[str, str]],
        writer: _Writer,
        stage: Stage,
    ) -> None:
        """Fetch a file, or tell why not."""
        stage.item = wanted.path
        url = ""
        while True:
            try:
                url = address(wanted.url, self._home)
                place = url[: url.find("/", 8)]
                host = self._names.get(place) or host_of(url)
                if len(self._names) < 10_000:
                    self._names[place] = host
                dead = self._failed.get(host)
                if dead is not None and dead[0] >= FAILURES:
                    raise dead[1]
                key = f"{url.partition(':')[0]}://{host}"
                web = self._sessions.get(key)
                if web is None:
                    web = Web(opened, url, secrets.get(host, {}), guard, self._context.log, POLICY)
                    self._sessions[key] = web
                if wanted.length is not None and wanted.length <= SMALL:
                    await writer.put(wanted, url, await self._small(web, url, wanted, stage))
                else:
                    size = await self._large(web, url, wanted, stage)
                    self.fetched(size)
                self._failed.pop(host, None)
            except PrivateAddressError as error:
                if await self._allowed(error.host, guard):
                    continue
                self.failed(wanted, url, error)
            except FileError as error:
                self.failed(wanted, url, error)
            except SatchelError as error:
                if error.kind in (Kind.DISK_FULL, Kind.INTERNAL, Kind.CANCELLED):
                    raise
                if url and (isinstance(error, Passing) or error.kind in _WHOLE_HOST):
                    times = FAILURES if error.kind in _AT_ONCE else self._failed.get(host_of(url), (0, error))[0] + 1
                    self._failed[host_of(url)] = times, error
                self.failed(wanted, url, error)
            except OSError as error:
                self.failed(wanted, url, of_one_file(wanted.path, error))
            except ValueError as error:  # an address, or a header, that a library does not like
                self.failed(wanted, url, SatchelError(Kind.INVALID, "Its address makes no sense.", "", f"{error}"))
            return

    async def _allowed(self, host: str, guard: Guard) -> bool:
        """Ask the person once about a private address."""
        async with self._asking:
            if host in self._refused:
                return False
            if host in self._allowed_hosts:  # by an answer that was given while this one waited for its turn
                return True
            answer = await self._context.ask(
                f"private-address:{host}",
                f"The bag wants files from {host}, which is this computer or in its local network. A bag from "
                "elsewhere has no business there. Fetch from it?",
                ("yes", "no"),
                "no",
            )
            if answer != "yes":
                self._refused.add(host)
                return False
            self._allowed_hosts.add(host)
            guard.name(host)
            return True

    async def _small(self, web: Web, url: str, wanted: Wanted, stage: Stage) -> bytes:
        """A file's bytes, all at once."""
        most = wanted.length or 0
        quick = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SLOW_SECONDS):
                quick = await web.quick(url, most)
        if quick is not None:
            stage.add(len(quick))
            return quick
        tries = 0
        while True:
            tries += 1
            body = bytearray()
            then = time.monotonic()
            try:
                async with web.stream(url, headers=_PLAIN) as stream:
                    said = stream.length
                    if said is not None and said != most:
                        raise _other_length(wanted, said)
                    async for chunk in stream.chunks():
                        body += chunk
                        if len(body) > most:
                            raise _other_length(wanted, None)
                        if time.monotonic() - then > SLOW_SECONDS:
                            raise _too_slow(web.host)
                stage.add(len(body))
                return bytes(body)
            except Passing:
                if tries >= POLICY.tries:
                    raise
                await asyncio.sleep(min(POLICY.longest_pause, POLICY.first_pause * 2 ** (tries - 1)))

    async def _large(self, web: Web, url: str, wanted: Wanted, stage: Stage) -> int:
        """Fetch a file into a part of its own. Returns its length."""
        part = Part(self._places, wanted)
        shown = stage
        if wanted.length is None or wanted.length >= SHOWN:
            shown = stage.part(wanted.path, wanted.length)  # type: ignore[assignment]
        try:
            start = await self._threaded(part.begin, self._context.cancelled)
            shown.add(start)
            try:
                return await self._download(web, url, wanted, part, shown)
            except FileError:
                if not start:
                    raise
            except SatchelError as error:
                # A server that can neither go on nor tell whether it still has the same file.
                if error.kind is not Kind.SERVER or isinstance(error, Passing) or not part.hashers.length:
                    raise
            # What was here of it may have been of another file.
            shown.add(-shown.done if shown is not stage else -part.hashers.length)
            await self._threaded(part.restart)
            return await self._download(web, url, wanted, part, shown)
        finally:
            await asyncio.to_thread(part.close)

    async def _download(self, web: Web, url: str, wanted: Wanted, part: Part, shown: Stage) -> int:
        most = wanted.length if wanted.length is not None else self._limit
        if part.hashers.length and part.hashers.length == wanted.length:
            await self._threaded(part.finish)
            return part.hashers.length
        async with AsyncExitStack() as stack:
            download = Download(web, url, part.hashers.length, part.etag, stack)
            await download.begin()
            if download.start != part.hashers.length:
                shown.add(-part.hashers.length)
                await self._threaded(part.restart)
            said = download.info.length
            if said is not None and most is not None and (said > most or (wanted.length is not None and said != most)):
                raise _other_length(wanted, said, most)
            await self._threaded(part.of, download.info.etag)
            pieces: list[bytes] = []
            gathered = whole = 0
            since, then = 0, time.monotonic()
            try:
                async for chunk in download:
                    pieces.append(chunk)
                    gathered += len(chunk)
                    since += len(chunk)
                    shown.add(len(chunk))
                    if most is not None and part.hashers.length + gathered > most:
                        raise _other_length(wanted, None, most)
                    if gathered >= HANDED_ON:
                        handed, pieces, gathered = pieces, [], 0
                        await self._threaded(part.take, handed)
                    if time.monotonic() - then > SLOW_SECONDS:
                        if since < SLOW_BYTES:
                            raise _too_slow(web.host)
                        since, then = 0, time.monotonic()
            except (asyncio.CancelledError, Passing):
                # Stopped: what has come is kept, so that it is gone on with at this very byte.
                with contextlib.suppress(OSError):
                    part.take(pieces)
                raise
            await self._threaded(part.take, pieces)
            whole = part.hashers.length
        await self._threaded(part.finish)
        return whole

    # -- what came of it ------------------------------------------------------------------------------------------

    def fetched(self, size: int) -> None:
        """A file is verified and has its name."""
        self._fetched += 1
        self._bytes += size

    def failed(self, wanted: Wanted, url: str, error: SatchelError) -> None:
        """A file could not be had."""
        message = error.message
        if isinstance(error, PrivateAddressError):
            message = f"{message[:-1]} ({wanted.path}). {error.hint}"
        elif not isinstance(error, FileError):
            message = f"{wanted.path} could not be fetched: {message}"
        self._context.log(f"{message} {error.detail}".strip(), "debug")
        self._problem(
            FileProblem(
                code=self._code(error, url),
                path=wanted.path,
                message=message,
                url=url.partition("?")[0],
                line=wanted.line,
                host=host_of(url) if "://" in url else "",
            )
        )

    def _code(self, error: SatchelError, url: str) -> str:
        """What is told of an error. Who has not signed in may be allowed when they have."""
        unknown = error.kind is Kind.NOT_ALLOWED and not isinstance(error, PrivateAddressError)
        if unknown and "://" in url and host_of(url) not in self._signed_in:
            return SIGN_IN
        return _code(error)

    async def result(self) -> MaterializeResult:
        """Check the bag, if nothing is missing, and sum up."""
        request, plan = self._request, self.plan_made
        complete = not self.problem_count and not plan.left
        found: ValidateResult | None = None
        check = "full" if request.full else request.check
        if complete and check != "none":
            found = await validate.run(ValidateRequest(path=request.path, level=check), self._context)
        full = request.full and found is not None and found.valid
        if full:
            with self._context.stage("tags", "Do without fetch.txt"):
                # Not to be stopped: half of it is nothing.
                await in_thread(threading.Event(), self._without_fetch)
        self._problems.sort(key=lambda p: (p.line or 0, p.path))
        return MaterializeResult(
            path=request.path,
            fetched=self._fetched,
            bytes=self._bytes,
            already=plan.already,
            left=plan.left,
            problem_count=self.problem_count,
            problems=tuple(self._problems),
            complete=complete if found is None else complete and found.complete,
            valid=None if found is None else found.valid,
            validation=found,
            full=full,
        )

    def _without_fetch(self) -> None:
        from satchel.core.bags.retagging import without_fetch

        if is_file(self._bag.folder / "fetch.txt"):
            without_fetch(self._bag)


class _Writer:
    """Writes small files, many in one go, while others are on their way."""

    def __init__(self, fetch: _Fetch, stage: Stage) -> None:
        self._fetch = fetch
        self._stage = stage
        self._queue: asyncio.Queue[tuple[Wanted, str, bytes] | None] = asyncio.Queue(WAITING)

    async def put(self, wanted: Wanted, url: str, body: bytes) -> None:
        """Take a file on; waits while too many wait."""
        await self._queue.put((wanted, url, body))

    async def close(self) -> None:
        """No more will come."""
        await self._queue.put(None)

    async def run(self) -> None:
        """Write until closed."""
        fetch, ended = self._fetch, False
        while not ended:
            items = [await self._queue.get()]
            while len(items) < WRITTEN_TOGETHER and not self._queue.empty():
                items.append(self._queue.get_nowait())
            ended = items[-1] is None
            files = [item for item in items if item is not None]
            bodies = [(wanted, body) for wanted, _, body in files]
            told = await fetch._threaded(fetch._places.keep_all, bodies)
            for (wanted, url, body), error in zip(files, told, strict=True):
                if error is None:
                    fetch.fetched(len(body))
                else:
                    fetch.failed(wanted, url, error)


async def _all_or_first_failure(tasks: list[asyncio.Task[None]], beside: asyncio.Task[None]) -> None:
    """Wait for tasks; a failure of one, or of the one beside, comes out at once."""
    waiting: set[asyncio.Task[None]] = {*tasks}
    while waiting:
        done, _ = await asyncio.wait({*waiting, beside}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        waiting -= done


_WHOLE_HOST = frozenset({Kind.UNREACHABLE, Kind.UNTRUSTED, Kind.NOT_SIGNED_IN})
_AT_ONCE = frozenset({Kind.UNTRUSTED, Kind.NOT_SIGNED_IN})
_CODES = {
    Kind.NOT_FOUND: "not-found",
    Kind.NOT_SIGNED_IN: SIGN_IN,
    Kind.NOT_ALLOWED: "not-allowed",
    Kind.UNREACHABLE: "unreachable",
    Kind.UNTRUSTED: "untrusted",
    Kind.INVALID: "refused",
    Kind.USAGE: "refused",
}


def _code(error: SatchelError) -> str:
    if isinstance(error, FileError):
        return error.code
    return "private-address" if isinstance(error, PrivateAddressError) else _CODES.get(error.kind, "server")


def _too_slow(host: str) -> SatchelError:
    return SatchelError(Kind.UNREACHABLE, f"{host} sends so slowly that it would not end.", "Try again later.")


def _other_length(wanted: Wanted, said: int | None, most: int | None = None) -> FileError:
    limit = wanted.length if wanted.length is not None else most
    found = f"more than {limit or 0:,}" if said is None else f"{said:,}"
    word = "fetch.txt says" if wanted.length is not None else "the most that it may have is"
    return FileError("length", f"{wanted.path} has {found} bytes on its server; {word} {limit or 0:,}.")
