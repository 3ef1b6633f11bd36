"""Looking after identifiers: do they resolve, do their locations answer, are length and checksum still the same?"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Literal

import msgspec

from satchel.core.deriva.retry import BRISK
from satchel.core.errors import Kind, SatchelError
from satchel.core.fetching.sources import address
from satchel.core.fetching.web import PrivateAddressError
from satchel.core.identifiers.asking import Asking, asking, resolve
from satchel.core.identifiers.names import Name, parse
from satchel.core.identifiers.record import Record
from satchel.core.identifiers.shelf import Kept, Shelf, State
from satchel.core.jobs.context import Context
from satchel.core.jobs.request import Request, Result
from satchel.core.paths import Home

AT_ONCE = 8


class CheckRequest(Request, tag="check-identifiers", frozen=True, kw_only=True):
    """Check identifiers of the shelf."""

    identifiers: tuple[str, ...] = ()
    """Which; empty: all."""
    full: bool = False
    """Read everything and compute the checksums."""

    @property
    def title(self) -> str:
        """For example "Check 3 identifiers"."""
        if len(self.identifiers) == 1:
            return f"Check {self.identifiers[0]}"
        return f"Check {len(self.identifiers)} identifiers" if self.identifiers else "Check all identifiers"


class LocationState(msgspec.Struct, frozen=True, kw_only=True):
    """How a location is."""

    url: str
    state: Literal["good", "dead", "changed", "unknown"]
    note: str = ""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """How an identifier is."""

    id: str
    compact: str
    title: str
    state: State
    note: str = ""
    locations: tuple[LocationState, ...] = ()


class CheckResult(Result, tag="check-identifiers", frozen=True, kw_only=True):
    """How they are."""

    full: bool
    good: int
    bad: int
    """Dead or changed."""
    checked: tuple[Checked, ...]


async def run(request: CheckRequest, context: Context) -> CheckResult:
    """Check, and write it down on the shelf.

    Raises:
        SatchelError: one that is asked for is not on the shelf.
    """
    home = Home.find()
    kept = await asyncio.to_thread(_wanted, home, request)
    slots = asyncio.Semaphore(AT_ONCE)
    async with asking(request.access, log=context.log, policy=BRISK) as asks:
        with context.stage("check", "Check identifiers", total=len(kept)) as stage:

            async def one(entry: Kept) -> Checked:
                async with slots:
                    stage.item = entry.compact
                    found, record = await check(asks, entry, full=request.full)
                    await asyncio.to_thread(_note, home, found, record)
                    stage.add(1)
                    return found

            checked = await asyncio.gather(*map(one, kept))
    bad = [found for found in checked if found.state in ("dead", "changed")]
    for found in bad:
        context.warn(found.state, f"{found.compact}: {found.note}", where=found.id)
    good = sum(found.state == "good" for found in checked)
    return CheckResult(full=request.full, good=good, bad=len(bad), checked=tuple(checked))


def _wanted(home: Home, request: CheckRequest) -> list[Kept]:
    with Shelf(home) as shelf:
        every = {kept.id: kept for kept in reversed(shelf.all())}
    if not request.identifiers:
        return list(every.values())
    wanted = [parse(text) for text in request.identifiers]
    for name in wanted:
        if name.id not in every:
            raise SatchelError(
                Kind.NOT_FOUND,
                f"{name.compact} is not among the identifiers that were minted or received here.",
                f"Look it up: satchel resolve {name.compact}",
            )
    return [every[name.id] for name in wanted]


def _note(home: Home, found: Checked, record: Record | None) -> None:
    with Shelf(home) as shelf:
        shelf.judge(found.id, found.state, found.note, record)


async def check(asks: Asking, kept: Kept, *, full: bool) -> tuple[Checked, Record | None]:
    """Check one.

    Args:
        asks: the connections.
        kept: what is on the shelf.
        full: read everything.

    Returns:
        How it is, and what the service says of it now; None where it does not answer.
    """
    # Its own service alone: what others know or do not know of it says nothing.
    name = Name(parse(kept.id).id, kept.record.service)
    title = kept.record.title
    try:
        record = await resolve(asks, name)
    except SatchelError as error:
        state: State = "dead" if error.kind is Kind.NOT_FOUND else "unknown"
        note = "It does not resolve any more." if state == "dead" else f"It could not be asked: {error.message}"
        return Checked(id=kept.id, compact=kept.compact, title=title, state=state, note=note), None

    def told(state: State, note: str = "", locations: tuple[LocationState, ...] = ()) -> tuple[Checked, Record]:
        found = Checked(
            id=kept.id, compact=kept.compact, title=record.title, state=state, note=note, locations=locations
        )
        return found, record

    if not record.active:
        by = f" It was replaced by {record.replaced_by}." if record.replaced_by else ""
        return told("inactive", f"It is not active any more.{by}")
    before = kept.record
    if (before.checksum, before.length) != (record.checksum, record.length):
        # What the shelf has must not be replaced by it: the next check would find all well.
        found, _ = told("changed", "Another checksum or length is registered than when it was kept here.")
        return found, None
    if not record.locations:
        return told("dead", "It leads nowhere: no location is registered.")
    locations = tuple([await location_state(asks, url, record, full=full) for url in record.locations])
    wrong = next((one for one in locations if one.state == "changed"), None)
    if wrong is not None:
        return told("changed", wrong.note, locations)
    if all(one.state == "unknown" for one in locations):
        return told("unknown", locations[0].note, locations)
    if all(one.state in ("dead", "unknown") for one in locations):
        return told("dead", next(one.note for one in locations if one.state == "dead"), locations)
    lost = next((one for one in locations if one.state == "dead"), None)
    return told("good", f"One of its locations does not answer: {lost.note}" if lost else "", locations)


async def location_state(asks: Asking, url: str, record: Record, *, full: bool) -> LocationState:
    """Whether a location answers, with the length that is registered; read whole, with the checksum."""
    try:
        where = address(url, None)
        secret: dict[str, str] = {}
        for attempt in range(2):
            try:
                return await (_read if full else _look)(asks, where, url, record, secret)
            except SatchelError as error:
                if attempt or error.kind not in (Kind.NOT_SIGNED_IN, Kind.NOT_ALLOWED):
                    raise
                secret = await asks.secret(where)
                if not secret:
                    raise
        raise AssertionError
    except PrivateAddressError:
        note = f"{url} is on this computer or in its network, where a service elsewhere does not lead Satchel."
        return LocationState(url=url, state="unknown", note=note)
    except SatchelError as error:
        return LocationState(url=url, state="dead", note=f"{url} does not give it: {error.message}")


async def _look(asks: Asking, where: str, url: str, record: Record, secret: dict[str, str]) -> LocationState:
    headers = {"Range": "bytes=0-0", "Accept-Encoding": "identity"}
    async with asks.web(where, secret).stream(where, headers=headers, also=(416,)) as stream:
        said = stream.length
        if stream.status in (206, 416):
            total = stream.headers.get("content-range", "").rpartition("/")[2]
            said = int(total) if total.isdigit() else None
    if record.length is not None and said is not None and said != record.length:
        return LocationState(
            url=url, state="changed", note=f"{url} has {said:,} bytes now; {record.length:,} are registered."
        )
    return LocationState(url=url, state="good")


async def _read(asks: Asking, where: str, url: str, record: Record, secret: dict[str, str]) -> LocationState:
    checksum = record.checksum
    hasher = hashlib.new(checksum.function if checksum is not None else "sha256", usedforsecurity=False)
    size = 0
    async with asks.web(where, secret).stream(where, headers={"Accept-Encoding": "identity"}) as stream:
        async for chunk in stream.chunks():
            hasher.update(chunk)
            size += len(chunk)
            if record.length is not None and size > record.length:
                break
    if record.length is not None and size != record.length:
        more = "more than " if size > record.length else ""
        note = f"{url} has {more}{min(size, record.length):,} bytes now; {record.length:,} are registered."
        return LocationState(url=url, state="changed", note=note)
    if checksum is not None and hasher.hexdigest() != checksum.value:
        return LocationState(url=url, state="changed", note=f"{url} gives something else: its checksum is another.")
    return LocationState(url=url, state="good")
