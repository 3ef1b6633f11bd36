"""Every export, whatever it is of: the cache first, then an identifier known for the same bag, then making it.

Whoever makes a bag holds a lock on its key, so that a second process that wants the same waits for the first and then
takes what that has made.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from satchel.core.bags.threads import in_thread
from satchel.core.deriva.authn import Person, still_signed_in
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export import runner
from satchel.core.export.cache.key import record_key, spec_key, who
from satchel.core.export.cache.store import Cache, DamagedError, Entry
from satchel.core.export.finishing import check_folder, must_be_free, place, remember
from satchel.core.export.leftovers import KEY, work_folder
from satchel.core.export.request import ExportRequest, ExportResult
from satchel.core.export.spec.request import SpecRequest, SpecResult
from satchel.core.jobs.context import Context
from satchel.core.paths import Home

REGISTERED = "satchel.core.identifiers.known"
"""Where bags with identifiers are looked for. By name, as `jobs.registry` names runners: it stands above exports."""
PAUSE = 0.5
"""Seconds between two looks at another process that makes the same bag."""
R = TypeVar("R", ExportResult, SpecResult)


async def run_record(request: ExportRequest, context: Context) -> ExportResult:
    """Export what belongs to a record. Raises SatchelError."""

    async def make() -> ExportResult:
        if request.server_side:
            from satchel.core.export.server_side.of_record import run as on_server

            return await on_server(request, context)
        return await runner.run(request, context)

    return await _cached(
        request,
        context,
        ExportResult,
        lambda snapshot, person: record_key(request, snapshot, person),
        make,
        wanted=request.use_cache,
    )


async def run_spec(request: SpecRequest, context: Context) -> SpecResult:
    """Export what a spec describes, here or on the server. Raises SatchelError."""

    async def make() -> SpecResult:
        if request.server_side:
            from satchel.core.export.server_side.run import run as on_server

            return await on_server(request, context)
        from satchel.core.export.spec.runner import run as here

        return await here(request, context)

    return await _cached(
        request,
        context,
        SpecResult,
        lambda snapshot, person: spec_key(request, snapshot, person),
        make,
        wanted=request.use_cache and _only_makes_a_bag(request),
    )


def _only_makes_a_bag(request: SpecRequest) -> bool:
    """Whether all that a spec does is to make a bag: what it uploads or mints would not happen from the cache."""
    return isinstance(request.spec.get("bag"), dict) and not request.spec.get("post_processors")


async def _cached(
    request: ExportRequest | SpecRequest,
    context: Context,
    kind: type[R],
    key_of: Callable[[str, Person | None], str],
    make: Callable[[], Awaitable[R]],
    *,
    wanted: bool,
) -> R:
    if not wanted or context.recall("made") is not None:
        return await make()
    check_folder(request.out)
    cache = Cache(Home.find())
    try:
        await asyncio.to_thread(cache.ready)
    except OSError as error:
        context.warn(
            "cache-unusable", f"The cache cannot be used ({error}).", hint="The bag is made all the same, and not kept."
        )
        return await make()
    with context.stage("cache", "Look among the bags that were made before") as stage:
        async with Session.open(request.host, request.access, log=context.log) as session:
            person = await still_signed_in(session)
            pinned = await Catalog(session, request.catalog).pin(context.recall("snapshot") or request.snapshot)
        key = key_of(pinned.snapshot or "", person)
        stage.note = "nothing" if await asyncio.to_thread(cache.find, key) is None else "found"
    found = await _take(cache, key, request, context, kind)
    if found is not None:
        return found
    async with _alone(cache, key, context) as waited:
        if waited:
            found = await _take(cache, key, request, context, kind)
            if found is not None:
                return found
        known = await _registered(request, context, kind, pinned.snapshot or "")
        result = known if known is not None else await make()
    about = Entry(
        key=key, name="", folder=False, title=request.title, host=request.host, catalog=request.catalog,
        snapshot=pinned.snapshot or "", who=who(person).partition("\n")[0], made=0.0, bytes=0,
        result=msgspec.to_builtins(result), pieces=(),
    )  # fmt: skip
    if result.snapshot == pinned.snapshot:
        await _keep(cache, about, result, context)
    return result


async def _registered(request: ExportRequest | SpecRequest, context: Context, kind: type[R], snapshot: str) -> R | None:
    """The result from an identifier that is known for this very bag; None where there is none."""
    fetch = import_module(REGISTERED).fetch
    target = context.folder / "registered.zip"
    async with Session.open(request.host, request.access, log=context.log) as session:
        found = await fetch(request, session, snapshot, target, context)
    if found is None:
        return None
    from satchel.core.export.received import result_of

    made = await result_of(kind, target, Path(request.out), snapshot, context)
    if made is None:
        context.log(f"What {found.identifier} leads to is no sound bag; it is made anew.", "warning")
        return None
    result, goal, name = made
    context.warn(
        "from-identifier",
        f"The bag is the one registered as {found.identifier}; it holds what its maker could see.",
        where=found.identifier,
        hint="--no-cache makes it anew, with what you may see.",
    )
    must_be_free(goal)
    work = work_folder(goal, context.job_id)
    context.checkpoint(KEY, [str(work)])
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    await asyncio.to_thread(work.mkdir, parents=True)
    await asyncio.to_thread(shutil.copyfile, target, work / name)
    await in_thread(context.cancelled, _place, work / name, goal, context, result)
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    return result


@asynccontextmanager
async def _alone(cache: Cache, key: str, context: Context) -> AsyncIterator[bool]:
    """Hold the right to make a bag. Gives whether another process had it before."""
    waited = False
    while True:
        lock = cache.making(key)
        mine = lock.__enter__()
        if mine:
            break
        lock.__exit__(None, None, None)
        if not waited:
            context.log("Another job makes the same bag; its result will be taken.")
        waited = True
        await asyncio.sleep(PAUSE)
    try:
        yield waited
    finally:
        lock.__exit__(None, None, None)


async def _take(
    cache: Cache, key: str, request: ExportRequest | SpecRequest, context: Context, kind: type[R]
) -> R | None:
    """The export's result from the cache; None where it is not there, or damaged."""
    entry = await asyncio.to_thread(cache.find, key)
    if entry is None:
        return None
    try:
        result: Any = msgspec.convert(entry.result, kind)
    except msgspec.ValidationError:  # of another version of this program
        await asyncio.to_thread(cache.delete, key)
        return None
    goal = Path(request.out) / entry.name
    must_be_free(goal)
    work = work_folder(goal, context.job_id)
    context.checkpoint(KEY, [str(work)])
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    _must_fit(entry, goal)
    await asyncio.to_thread(work.mkdir, parents=True)
    made = work / "taken"
    stop = context.cancelled
    try:
        with context.stage("copy", "Take it from the cache", total=entry.bytes, unit="bytes") as stage:
            await in_thread(stop, cache.take, key, made, stop, stage.add)
            stage.note = "its checksums are right"
    except SatchelError as error:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        if not isinstance(error, DamagedError) and error.kind is not Kind.NOT_FOUND:
            raise
        context.warn("cache-damaged", error.message, where=key, hint=error.hint)
        return None
    result = msgspec.structs.replace(
        result, bag=str(goal) if entry.folder else None, archive=None if entry.folder else str(goal), cached=True
    )
    await in_thread(stop, _place, made, goal, context, result)
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    return result  # type: ignore[no-any-return]


def _must_fit(entry: Entry, goal: Path) -> None:
    free = shutil.disk_usage(goal.parent).free
    if entry.bytes > free:
        raise SatchelError(
            Kind.DISK_FULL,
            f"The bag has {entry.bytes:,} bytes, and {free:,} are free in {goal.parent}.",
            "Free some space or choose another folder, then resume.",
        )


def _place(made: Path, goal: Path, context: Context, result: msgspec.Struct) -> None:
    if made.is_file():
        with made.open("rb") as file:
            os.fsync(file.fileno())
    place(made, goal, remember(context, result))


async def _keep(cache: Cache, about: Entry, result: ExportResult | SpecResult, context: Context) -> None:
    """Keep a copy for the next time; that it cannot be kept is no failure of the export."""
    made = result.bag or result.archive
    if made is None or not result.complete or not result.valid:
        return
    stop = context.cancelled
    with context.stage("keep", "Keep a copy for the next time", unit="bytes") as stage:
        try:
            kept = await in_thread(stop, cache.put, about, Path(made), stop, stage.add)
        except (OSError, SatchelError) as error:
            context.warn("cache-not-kept", f"No copy was kept in the cache: {error}")
            stage.note = "not kept"
            return
        stage.note = "kept" if kept is not None else "too large for the cache"
