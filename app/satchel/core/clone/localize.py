"""Making assets local: files that a table's rows have elsewhere are brought into the catalog's own Hatrac.

For clones made with references, and for any table whose addresses lead to another Deriva server. Each file is verified
by what its row and its server say of it; a row that has its new address is done and is not done again, so the same job
or another one may be run at any time.
"""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from satchel.core.clone.asset_mover import Limits, Mover
from satchel.core.clone.asset_places import Namespace
from satchel.core.clone.asset_sources import host_sources
from satchel.core.clone.asset_state import Item, State
from satchel.core.clone.asset_table import AssetTable, Wanted
from satchel.core.clone.asset_urls import host_of, object_of
from satchel.core.clone.localize_request import MOST_TOLD, LocalizeRequest, LocalizeResult
from satchel.core.clone.provenance_note import note_localized
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.hatrac_write import HatracWriter
from satchel.core.deriva.model import Table
from satchel.core.deriva.names import TableName
from satchel.core.deriva.session import Session, host_name
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context


async def run(request: LocalizeRequest, context: Context) -> LocalizeResult:
    """Run a request.

    Raises:
        SatchelError: there is no such catalog or table, no right to write, or the audit cannot be written. A single
            asset that cannot be had is told in the result.
    """
    limits = Limits(chunked_above=request.chunked_above, chunk=request.chunk)
    if limits.chunk < 1 or limits.chunked_above < 0:
        raise SatchelError(Kind.USAGE, "A chunk has at least one byte.", "Leave it out; 5 MiB is usual.")
    named = [host_name(request.source_host)] if request.source_host else []
    namespace = namespace_of(request)
    audit = _Audit(request.audit) if request.audit else None
    source_access = request.source_access if request.source_access.ca else request.access
    if request.source_access.credential:
        source_access = type(source_access)(ca=source_access.ca, credential=request.source_access.credential)
    async with (
        Session.open(request.host, request.access, log=context.log) as session,
        host_sources(source_access, named, context) as sources,
    ):
        catalog = Catalog(session, request.catalog)
        table = await _table(catalog, request.table)
        writer = HatracWriter(session)
        folder = context.folder / "assets"
        folder.mkdir(parents=True, exist_ok=True)
        state = State(folder / "state.sqlite")
        chooser = _Chooser(session.host, named[0] if named else None)
        try:
            rows = AssetTable(catalog, table, state, chooser.choose, context)
            try:
                with context.stage("list", "Look which assets are elsewhere", unit="rows") as stage:
                    await rows.enlist(request.rids or None, stage)
                    if named:
                        await _already_here(rows.name, state, writer)
                    stage.note = f"{state.count(rows.name, 'todo'):,} to bring here"
                if not request.dry_run:
                    mover = Mover(writer, Namespace(namespace), state, folder, limits)
                    total = state.bytes(rows.name, "todo") + state.bytes(rows.name, "failed")
                    with context.stage("localize", "Bring the files here", total=total, unit="bytes") as stage:
                        await rows.move(mover, sources, stage)
                        stage.note = f"{state.count(rows.name, 'done'):,} files"
            except BaseException:
                if audit is not None:
                    audit.write(state.changes(rows.name, "done"), finished=False)
                raise
            result = _result(request, rows.name, state)
            if audit is not None:
                audit.write(state.changes(rows.name, "todo" if request.dry_run else "done"), finished=True)
        finally:
            state.close()
        if not request.dry_run and result.processed:
            await note_localized(catalog, result, context)
        return result


def namespace_of(request: LocalizeRequest) -> str:
    """The Hatrac namespace that files go into.

    Raises:
        SatchelError: what was given is none.
    """
    if request.namespace is None:
        name = request.table.partition(":")[2]
        return f"/hatrac/{quote(name, safe='')}"
    given = request.namespace.strip().rstrip("/")
    path = given if given.startswith("/hatrac/") else "/hatrac/" + given.removeprefix("/hatrac").lstrip("/")
    parts = path.split("/")[2:]
    if not parts or any(part in ("", ".", "..") for part in parts) or set(path) & set(";:?#"):
        raise SatchelError(
            Kind.USAGE, f"{request.namespace!r} is not a namespace of Hatrac.", "Write it as in /hatrac/images/2026."
        )
    return quote(path, safe="/%")


async def _table(catalog: Catalog, name: str) -> Table:
    try:
        wanted = TableName.parse(name)
    except ValueError as error:
        raise SatchelError(Kind.USAGE, f"{error}.", "Write it as in isa:File.") from error
    found = (await catalog.model()).tables.get(wanted)
    if found is None:
        raise SatchelError(
            Kind.NOT_FOUND,
            f"{catalog} has no table {name}.",
            f"See which there are: satchel tables {catalog.host} {catalog.id}",
        )
    return found


class _Chooser:
    """Says of a row whether its asset is to be moved, and from where."""

    def __init__(self, host: str, source: str | None) -> None:
        self._host = host
        self._source = source

    def choose(self, item: Item) -> Wanted | tuple[str, str]:
        """See `asset_table.Choose`."""
        url = item.url.strip()
        if url.startswith("/") and not url.startswith("//"):
            if self._source is None or self._source == self._host:
                return "local", "It is in this catalog's Hatrac."
            if object_of(url) is None:
                return "not-hatrac", "Its address is of no object in Hatrac."
            return Wanted(self._source, f"https://{self._source}{url}")
        host = host_of(url)
        if host is None:
            return "not-hatrac", "Its address is of no https server."
        if host == self._host:
            return "local", "It is on this server."
        if object_of(url) is None:
            return "not-hatrac", "Its address is of no object in Hatrac."
        return Wanted(host, url)


async def _already_here(table: str, state: State, writer: HatracWriter) -> None:
    """Relative addresses that lead to what they should on this very server have been made local before.

    A version's name is made by chance and unique, so one that is here is this one; where there is none in the address,
    a checksum or the length must agree.
    """

    async def local(item: Item) -> str | None:
        if not item.url.startswith("/"):
            return None
        there = await writer.find(quote(item.url.strip(), safe="/:%"))
        if there is None:
            return None
        versioned = (object_of(item.url) or ("", None))[1] is not None
        same = item.length in (None, there.length) and (item.md5 is None or there.md5 in (None, item.md5))
        return item.rid if same and (versioned or (item.md5 is not None and there.md5 is not None)) else None

    after = 0
    while found := state.todo(table, after, 16):
        after = found[-1][0]
        here = [rid for rid in await asyncio.gather(*(local(item) for _, item in found)) if rid is not None]
        state.mark(table, here, "skipped", "local", "It is in this catalog's Hatrac.")


def _result(request: LocalizeRequest, table: str, state: State) -> LocalizeResult:
    done = "todo" if request.dry_run else "done"
    hosts: set[str] = set()
    localized: list[tuple[str, str, str]] = []
    for rid, old, new in state.changes(table, done):
        hosts.add(host_of(old) or host_name(request.source_host or request.host))
        if len(localized) < MOST_TOLD:
            localized.append((rid, old, new))
    return LocalizeResult(
        host=request.host,
        catalog=request.catalog,
        table=table,
        processed=state.count(table, done),
        skipped=state.count(table, "skipped"),
        failed=state.count(table, "failed"),
        skipped_why=state.reasons(table, "skipped"),
        failed_why=state.reasons(table, "failed"),
        bytes=state.bytes(table, done),
        source_hosts=tuple(sorted(hosts)),
        errors=tuple(
            f"{rid}: {message}" if rid not in message else message
            for rid, _, _, message in state.told(table, "failed", MOST_TOLD)
        ),
        localized=tuple(localized),
        audit=request.audit,
        dry_run=request.dry_run,
    )


class _Audit:
    """A list of what was changed, as CSV. Its name is taken only by a whole one; until then it is `NAME.part`."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._part = self._path.with_name(f"{self._path.name}.part")
        try:
            with self._part.open("a", encoding="utf-8"):
                pass
        except OSError as error:
            raise SatchelError(
                Kind.FILES, f"{path} cannot be written: {error.strerror or error}.", "Choose another file for --audit."
            ) from error

    def write(self, changes: Iterator[tuple[str, str, str]], *, finished: bool) -> None:
        """Write it. Raises SatchelError."""
        try:
            with self._part.open("w", encoding="utf-8", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(("RID", "old URL", "new URL"))
                rows.writerows(changes)
                file.flush()
                os.fsync(file.fileno())
            if finished:
                self._part.replace(self._path)
        except OSError as error:
            raise SatchelError(
                Kind.FILES,
                f"The list of changes cannot be written to {self._path}: {error.strerror or error}.",
                "The assets are where they should be; the job's log and result tell of them, too.",
            ) from error
