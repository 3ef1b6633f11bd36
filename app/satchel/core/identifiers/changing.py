"""Changing what a service says of an identifier: a location more, inactive, replaced by. Only who minted it may."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from satchel.core import credentials
from satchel.core.errors import Kind, SatchelError
from satchel.core.fetching.sources import address, host_of
from satchel.core.identifiers.asking import PUBLIC
from satchel.core.identifiers.names import Name, parse, service_address
from satchel.core.identifiers.profile import load
from satchel.core.identifiers.record import Record
from satchel.core.identifiers.registrar import Registrar
from satchel.core.identifiers.shelf import Shelf
from satchel.core.identifiers.trusted import bundle
from satchel.core.jobs.request import Access
from satchel.core.paths import Home


async def change(
    identifier: str,
    *,
    access: Access,
    service: str = "",
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    active: bool | None = None,
    replaced_by: str | None = None,
    title: str = "",
) -> Record:
    """Change it at its service.

    Args:
        identifier: in any form.
        access: who asks, and whom to trust.
        service: its service; empty: as its page's address or the shelf says, else the profile's, else the public one.
        add: locations more.
        remove: locations less.
        active: whether it is in force.
        replaced_by: the identifier that took its place; empty: none did.
        title: another title.

    Returns:
        What is said of it now.

    Raises:
        SatchelError: it cannot be, or may not be.
    """
    name, home = parse(identifier), Home.find()
    where = service_address(service) if service else await asyncio.to_thread(_service_of, name, home)
    for location in add:
        address(location, None)  # makes sure that it is one
    credential = await credentials.lookup(host_of(where), access)
    with tempfile.TemporaryDirectory(prefix="satchel-") as folder:
        verify = await asyncio.to_thread(bundle, Path(folder), access.ca)
        record = await asyncio.to_thread(
            _change, Registrar(where, credential, verify), name, list(add), list(remove), active, replaced_by, title
        )
    await asyncio.to_thread(_keep, home, record)
    return record


def _change(
    registrar: Registrar,
    name: Name,
    add: list[str],
    remove: list[str],
    active: bool | None,
    replaced_by: str | None,
    title: str,
) -> Record:
    try:
        changes: dict[str, Any] = {}
        if add or remove:
            now = registrar.get(name)
            missing = [one for one in remove if one not in now.locations]
            if missing:
                raise SatchelError(Kind.USAGE, f"{missing[0]} is not a location of {name.compact}.", "")
            changes["location"] = [one for one in dict.fromkeys([*now.locations, *add]) if one not in remove]
        if active is not None:
            changes["active"] = active
        if replaced_by is not None:
            changes["replaced_by"] = parse(replaced_by).id if replaced_by else None
        if title:
            # All of it: a service may keep what is left out, or forget it.
            changes["metadata"] = {**registrar.get(name).metadata, "title": title}
        if not changes:
            raise SatchelError(
                Kind.USAGE, "Nothing is to be changed.", "`satchel identifiers --help` shows what can be."
            )
        return registrar.update(name, **changes)
    finally:
        registrar.close()


def _service_of(name: Name, home: Home) -> str:
    if name.service:
        return name.service
    with Shelf(home) as shelf:
        for kept in shelf.all():
            if kept.id == name.id:
                return kept.record.service
    return service_address(load(home).service or PUBLIC)


def _keep(home: Home, record: Record) -> None:
    import msgspec

    with Shelf(home) as shelf:
        for kept in shelf.all():
            if kept.id == record.id:
                shelf.put(msgspec.structs.replace(kept, record=record))
