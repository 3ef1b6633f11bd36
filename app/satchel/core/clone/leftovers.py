"""What a clone that did not end has left at its destination: told first, and deleted only when that is asked for.

Deleted is a catalog that this very job has made, and nothing else: the job's own checkpoint says so, the catalog is
not older than the job, its user owns it, and it does not say of itself that it came from elsewhere. A catalog that was
given (`--to-catalog`) is never deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from satchel.core.clone.after.provenance import TAG
from satchel.core.clone.destination import CATALOG, MADE
from satchel.core.clone.plan import SYSTEM_TABLES
from satchel.core.clone.request import CloneRequest
from satchel.core.deriva import snapshots
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs import registry
from satchel.core.jobs.journal import Entry, Journal
from satchel.core.jobs.views import ALIVE
from satchel.core.paths import Home
from satchel.core.words import count

_CLOCKS = timedelta(hours=1)
"""How far the server's clock may be behind this computer's."""
_AT_ONCE = 8


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """What a clone that did not end has left."""

    job: str
    title: str
    state: str
    hostname: str
    catalog_id: str | None
    """None: there is no catalog of this job (any more)."""
    made: bool
    """By the job itself, so that it may be deleted with it."""
    created: str | None = None
    """When the catalog was made, ISO 8601 in UTC, as its server says."""
    tables: dict[str, int] = {}
    """`schema:table` -> rows."""
    files: int = 0
    """That the job has copied into the destination's Hatrac; they stay there, and the next clone uses them again."""

    @property
    def rows(self) -> int:
        """In all."""
        return sum(self.tables.values())

    @property
    def text(self) -> str:
        """A few sentences for people."""
        if self.catalog_id is None:
            return f"The job {self.job} ({self.title}) has left nothing on {self.hostname}."
        what = f"catalog {self.catalog_id} on {self.hostname}"
        when = f", made on {self.created}," if self.created else ""
        filled = f"{count(len(self.tables), 'tables')} with {count(self.rows, 'rows')}" if self.tables else "no tables"
        lines = [f"The job {self.job} ({self.title}) has left {what}{when} with {filled}."]
        if not self.made:
            lines.append("The job did not make that catalog, so it stays.")
        if self.files:
            lines.append(f"{count(self.files, 'files')} that it copied stay in Hatrac; the next clone uses them again.")
        return " ".join(lines)


async def describe(home: Home, job: str) -> Leftover:
    """What a job has left.

    Raises:
        SatchelError: there is no such job, it is none of a clone, it has ended well, or the server cannot be asked.
    """
    with _journal(home) as journal:
        entry, request, kept = await asyncio.to_thread(_job, journal, job)
    async with Session.open(request.destination, request.destination_access) as session:
        found, _ = await _look(session, entry, request, kept)
        return found


async def remove(home: Home, job: str) -> Leftover:
    """Delete the catalog that a job has made, and forget the job.

    Returns:
        What was there.

    Raises:
        SatchelError: as `describe`; or the job runs, or the catalog is not surely its own, or the server refuses.
    """
    with _journal(home) as journal:
        entry, request, kept = await asyncio.to_thread(_job, journal, job)
        lease = await asyncio.to_thread(journal.lease, job)  # nobody takes it up meanwhile
        try:
            async with Session.open(request.destination, request.destination_access) as session:
                found, catalog = await _look(session, entry, request, kept)
                if catalog is not None and found.made:
                    await _make_sure(catalog, found, entry, kept)
                    await session.request("DELETE", catalog.path, idempotent=True, also=(404,))
        finally:
            lease.release()
        await asyncio.to_thread(journal.discard, job)
    return found


@contextmanager
def _journal(home: Home) -> Iterator[Journal]:
    journal = Journal(home)
    try:
        yield journal
    finally:
        journal.close()


def _job(journal: Journal, job: str) -> tuple[Entry, CloneRequest, Mapping[str, Any]]:
    entry = journal.job(job)
    request = registry.decode_request(entry.request)
    if not isinstance(request, CloneRequest):
        raise SatchelError(Kind.USAGE, f"Job {job} is no clone: {entry.title}.", "`satchel jobs discard` forgets it.")
    if entry.state in ALIVE:
        raise SatchelError(Kind.USAGE, f"Job {job} runs.", f"Cancel it first: satchel jobs cancel {job}")
    if entry.state == "done":
        raise SatchelError(
            Kind.USAGE,
            f"Job {job} has ended well; its catalog is no leftover.",
            "Whoever owns the catalog can delete it on its server.",
        )
    return entry, request, journal.kept(job)


async def _look(
    session: Session, entry: Entry, request: CloneRequest, kept: Mapping[str, Any]
) -> tuple[Leftover, Catalog | None]:
    number = kept.get(CATALOG)
    nothing = Leftover(
        job=entry.id, title=entry.title, state=entry.state, hostname=session.host, catalog_id=None, made=False
    )
    if number is None:
        return nothing, None
    catalog = Catalog(session, str(number))
    try:
        model = await catalog.model()
    except SatchelError as error:
        if error.kind is Kind.NOT_FOUND:
            return nothing, None
        raise
    names = [table for table in model if table.name not in SYSTEM_TABLES and table.kind == "table"]
    slots = asyncio.Semaphore(_AT_ONCE)

    async def rows(table: Any) -> int:
        async with slots:
            return await catalog.count(table)

    counts = await asyncio.gather(*(rows(table) for table in names))
    made = await _made(catalog)
    files = kept.get("files-copied")
    return msgspec.structs.replace(
        nothing,
        catalog_id=str(number),
        made=kept.get(MADE) is True and request.to_catalog is None,
        created=made.isoformat(timespec="seconds") if made is not None else None,
        tables={str(table.name): rows for table, rows in zip(names, counts, strict=True)},
        files=files if isinstance(files, int) else 0,
    ), catalog


async def _made(catalog: Catalog) -> datetime | None:
    """When a catalog was made: the begin of its history, which only its owner sees."""
    path = f"{catalog.path}/history/,"
    answer = await catalog.session.request("GET", path, also=(401, 403, 404, 501))
    document = answer.json() if answer.status == 200 else None
    span = document.get("snaprange") if isinstance(document, dict) else None
    try:
        return snapshots.moment(span[0]) if isinstance(span, list) and span and isinstance(span[0], str) else None
    except ValueError:
        return None


async def _make_sure(catalog: Catalog, found: Leftover, entry: Entry, kept: Mapping[str, Any]) -> None:
    """That the catalog is this job's. Raises SatchelError where it may not be."""
    info = await catalog.info()
    why = None
    note = info.annotations.get(TAG)
    if info.rights.get("owner") is not True:
        why = "you do not own it"
    elif isinstance(note, Mapping) and note.get("job") != entry.id:
        why = "it says of itself that it came from elsewhere"
    elif info.id != str(kept.get(CATALOG)):
        why = "its number is now another catalog's name"
    elif found.created is not None:
        begun = datetime.fromtimestamp(entry.created, UTC)
        if datetime.fromisoformat(found.created) < begun - _CLOCKS:
            why = "it is older than the job"
    if why is not None:
        raise SatchelError(
            Kind.NOT_ALLOWED,
            f"{catalog} is not deleted: {why}.",
            f"`satchel jobs discard {entry.id}` forgets the job and leaves the catalog.",
        )
