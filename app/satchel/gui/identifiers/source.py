"""What the identifiers page asks of the core. Each runs in the engine's loop, where the imports are paid for too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from satchel.core.identifiers.record import Record
    from satchel.core.identifiers.shelf import Kept
    from satchel.core.jobs.request import Access, Request
    from satchel.gui.window import MainWindow

QUIET_DAYS = 7.0
"""After so many days an identifier is looked at again by itself."""


def access_to(window: MainWindow, service: str = "") -> Access:
    """How identifier services and what they lead to are reached: all authorities that the person trusts, and the
    credential file of the service's host where there is one."""
    from urllib.parse import urlsplit

    from satchel.core.jobs.request import Access

    hosts = window.known_hosts()
    own = urlsplit(service).netloc if service else ""
    authorities = [file for host in [*hosts, *([own] if own else [])] for file in window.access(host).ca]
    credential = window.access(own).credential if own else None
    if credential is None and not service:  # one person mostly has one file
        credential = next((c for host in hosts if (c := window.access(host).credential)), None)
    return Access(ca=tuple(dict.fromkeys(authorities)), credential=credential)


async def shelf() -> list[Kept]:
    """All identifiers that were minted or received here. Raises SatchelError."""
    from satchel.core.identifiers.shelf import Shelf
    from satchel.core.paths import Home

    def read() -> list[Kept]:
        with Shelf(Home.find()) as opened:
            return opened.all()

    return await asyncio.to_thread(read)


async def found_in(text: str) -> str:
    """The identifier in a text, for people; empty where there is none."""
    from satchel.core.identifiers.names import find

    name = find(text)
    return name.compact if name is not None else ""


async def of_picture(path: str) -> str:
    """What the QR code of a picture says. Raises SatchelError."""
    from pathlib import Path

    from satchel.core.identifiers.qr import of_picture

    name = await asyncio.to_thread(of_picture, Path(path))
    return f"{name.service}{name.id}" if name.service else name.id


async def look_up(text: str, access: Access) -> Record:
    """What is known of an identifier. Raises SatchelError."""
    from satchel.core.identifiers.asking import asking, resolve
    from satchel.core.identifiers.names import parse
    from satchel.core.identifiers.profile import load
    from satchel.core.paths import Home

    name = parse(text)
    service = (await asyncio.to_thread(load, Home.find())).service
    async with asking(access) as asks:
        return await resolve(asks, name, [service] if service else [])


async def receive_request(record: Record, out: str, access: Access) -> Request:
    """A request to download what an identifier names."""
    from satchel.core.identifiers.request import ResolveRequest

    return ResolveRequest(identifier=f"{record.service}{record.id}", out=out, access=access)


async def check_request(ids: tuple[str, ...], full: bool, access: Access) -> Request:
    """A request to check identifiers."""
    from satchel.core.identifiers.checking import CheckRequest

    return CheckRequest(identifiers=ids, full=full, access=access)


async def look_after(access: Access) -> list[str]:
    """Check what was not looked at for long, without a job. Returns a sentence for each that went wrong since."""
    import tempfile
    import time
    from pathlib import Path

    from satchel.core.identifiers.checking import CheckRequest, run
    from satchel.core.jobs.state import local_context

    now = time.time()
    due = [kept for kept in await shelf() if now - (kept.checked or kept.added) > QUIET_DAYS * 86_400]
    if not due:
        return []
    bad = {kept.id for kept in due if kept.state in ("dead", "changed")}
    request = CheckRequest(identifiers=tuple({kept.id for kept in due}), access=access)
    with tempfile.TemporaryDirectory(prefix="satchel-check-") as folder:
        found = await run(request, local_context(Path(folder)))
    return [
        f"{one.compact}: {one.note}" for one in found.checked if one.state in ("dead", "changed") and one.id not in bad
    ]


async def citation(record: Record, form: str) -> str:
    """A citation."""
    from satchel.core.identifiers.citations import cite, work

    return cite(work(record), form)


async def formats() -> list[tuple[str, str, str]]:
    """The formats of citations: name, title, ending of files."""
    from satchel.core.identifiers.citations import FORMATS

    return [(name, *words) for name, words in FORMATS.items()]


async def code(text: str) -> tuple[tuple[bool, ...], ...]:
    """A QR code's modules."""
    from satchel.core.identifiers.qr import matrix

    return await asyncio.to_thread(matrix, text)


async def save(path: str, data: bytes) -> None:
    """Write a file that a person has named, over one that is there: the dialog has asked. Raises SatchelError."""
    from pathlib import Path

    from satchel.core.errors import Kind, SatchelError
    from satchel.core.files import write_atomically

    try:
        await asyncio.to_thread(write_atomically, Path(path), data, mode=0o666)
    except OSError as error:
        raise SatchelError(
            Kind.FILES, f"{path} cannot be written: {error.strerror}.", "Choose another place."
        ) from None


async def save_code(path: str, text: str) -> None:
    """Save a QR code as SVG or PNG. Raises SatchelError."""
    from satchel.core.identifiers import qr

    await save(path, qr.png(text) if path.lower().endswith(".png") else qr.svg(text).encode())


async def change(identifier: str, access: Access, changes: dict[str, Any]) -> Record:
    """Change what is said of an identifier. Raises SatchelError."""
    from satchel.core.identifiers.changing import change

    return await change(identifier, access=access, **changes)


async def forget(identifier: str) -> None:
    """Take an identifier off the list. Raises SatchelError."""
    from satchel.core.identifiers.shelf import Shelf
    from satchel.core.paths import Home

    def drop() -> None:
        with Shelf(Home.find()) as opened:
            opened.forget(identifier)

    await asyncio.to_thread(drop)
