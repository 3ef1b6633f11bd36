"""Receiving: from an identifier to a bag that was checked. No account is needed where the data are for everybody."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from satchel.core.bags import validate
from satchel.core.bags.validate import ValidateRequest
from satchel.core.deriva.retry import BRISK, PATIENT
from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers.asking import asking, resolve
from satchel.core.identifiers.download import download, file_name
from satchel.core.identifiers.names import parse
from satchel.core.identifiers.profile import load
from satchel.core.identifiers.record import Record
from satchel.core.identifiers.request import ResolveRequest, ResolveResult
from satchel.core.identifiers.shelf import Kept, Shelf
from satchel.core.jobs.context import Context
from satchel.core.paths import Home


async def run(request: ResolveRequest, context: Context) -> ResolveResult:
    """Resolve an identifier; download and check what it names, as far as is asked.

    Raises:
        SatchelError: nobody knows it, or no location gives what was registered.
    """
    name = parse(request.identifier)
    home = Home.find()
    fetch = bool(request.out or request.open)
    services = [s for s in (request.service, load(home).service) if s]
    policy = PATIENT if fetch else BRISK
    async with asking(request.access, private=request.allow_private, log=context.log, policy=policy) as asks:
        with context.stage("resolve", f"Ask what {name.compact} is") as stage:
            record = await resolve(asks, name, services)
            stage.note = f"asked {urlsplit(record.service).netloc}"
        _tell(record, context)
        result = _result(record)
        if not fetch:
            return result
        folder = await asyncio.to_thread(_folder, request, record, home)
        goal = folder / file_name(record, name)
        location, fetched = await download(asks, record, goal, context)
    result = msgspec.structs.replace(result, archive=str(goal), location=location or None, downloaded=fetched)
    await asyncio.to_thread(_keep, home, record, goal)
    if not request.open:
        return result
    checking = ValidateRequest(
        path=str(goal), level=request.level, ca=request.access.ca, any_size=request.any_size, access=request.access
    )
    return msgspec.structs.replace(result, validation=await validate.run(checking, context))


def _tell(record: Record, context: Context) -> None:
    if not record.active:
        context.warn(
            "inactive",
            f"{record.compact} is not active any more."
            + (f" It was replaced by {record.replaced_by}." if record.replaced_by else ""),
            where=record.id,
        )
    elif record.replaced_by:
        context.warn("replaced", f"{record.compact} was replaced by {record.replaced_by}.", where=record.id)


def _folder(request: ResolveRequest, record: Record, home: Home) -> Path:
    if not request.out:
        name = record.id.rpartition("/")[2]
        return home.private(home.cache / "received" / name)
    folder = Path(request.out)
    if not folder.is_dir():
        if folder.exists() or not folder.parent.is_dir():
            what = f"{folder} is a file, not a folder." if folder.exists() else f"There is no folder {folder.parent}."
            raise SatchelError(Kind.FILES, what, "Make it, or choose another.")
        folder.mkdir()
    return folder


def _keep(home: Home, record: Record, goal: Path) -> None:
    with Shelf(home) as shelf:
        shelf.put(Kept.of(record, role="received", path=str(goal)))


def _result(record: Record) -> ResolveResult:
    return ResolveResult(
        identifier=record.id,
        compact=record.compact,
        landing_page=record.landing_page,
        service=record.service,
        name=record.title,
        locations=record.locations,
        checksum=record.sha256,
        checksums=record.checksums,
        length=record.length,
        metadata=record.metadata,
        active=record.active,
        replaces=record.replaces,
        replaced_by=record.replaced_by,
        created=record.created,
        created_by=record.created_by,
    )
