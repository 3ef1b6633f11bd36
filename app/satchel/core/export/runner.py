"""The export job: from a record to a bag, phase by phase, each of which can be interrupted and gone on with.

The work is done in a hidden folder beside its target, on the same file system, and gets its name only when it is whole
and on the disk. What a phase has verified is in checkpoints or in the inventory; a resumed job trusts nothing else.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Coroutine, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from satchel.core.bags.archive import pack
from satchel.core.bags.digests import hash_file
from satchel.core.bags.threads import in_thread
from satchel.core.bags.writer import Entry, Inventory, write_tags
from satchel.core.deriva import reach, snapshots
from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.hatrac import Hatrac
from satchel.core.deriva.names import TableName
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export import report
from satchel.core.export.assets import Assets, listed
from satchel.core.export.choosing import Chooser, asset_totals, chosen
from satchel.core.export.errors import naming
from satchel.core.export.finishing import (
    check_folder,
    clear,
    in_threads,
    made_already,
    must_be_free,
    place,
    remember,
    remove_tags,
    size_of,
)
from satchel.core.export.leftovers import KEY, work_folder
from satchel.core.export.naming import asset_folders, bag_name, record_paths, target
from satchel.core.export.records import Done, Records
from satchel.core.export.request import AssetProblem, ExportRequest, ExportResult, Notice, TableResult
from satchel.core.jobs.context import Context
from satchel.core.opened import opened

MOST_WARNED = 20
"""Assets that are warned of one by one; the result and the bag list all."""
_WHO = "as"
_GATHERED = "gathered"
_REACH = "reach.sqlite"
TABLES = 4
"""Tables that are read at once."""
ROW_BYTES = 200
"""About how much a row takes; for the look at the disk before anything is fetched."""


async def run(request: ExportRequest, context: Context) -> ExportResult:
    """Export what is reachable from a record. See `satchel.core.export.request`.

    Raises:
        SatchelError: something that the person must know or do; what was done is kept for resuming.
    """
    if (made := await asyncio.to_thread(made_already, ExportResult, context)) is not None:
        return made
    _check(request)
    async with Session.open(request.host, request.access, log=context.log) as session:
        with context.stage("schema", "Ask the server for the catalog's schema") as stage:
            await _same_person(session, context)
            snapshot = context.recall("snapshot") or request.snapshot
            catalog = await Catalog(session, request.catalog).pin(snapshot)
            if catalog.snapshot is None:
                raise SatchelError(Kind.SERVER, f"{request.host} does not say which snapshot is the newest.")
            context.checkpoint("snapshot", catalog.snapshot)
            root = await catalog.entity_rid(request.rid)
            goal = target(request, root, catalog.snapshot)
            must_be_free(goal)
            stage.note = f"snapshot {catalog.snapshot}"
        gathered = await reach.gather(catalog, request.rid, request.offers, context.folder / _REACH, context=context)
        try:
            await still_signed_in(session)
            context.checkpoint(_GATHERED, True)
            with await _solved(gathered, request, context) as found, naming():
                return await _Export(request, context, catalog, gathered, found, goal).run()
        finally:
            gathered.close()


async def _same_person(session: Session, context: Context) -> None:
    """What one person sees must not be mixed with what another does, or with what nobody in particular does.

    Under a sign-in that is good now, all was read that was read under it. Under another one, which may have run out in
    mid-read, only that is good which was followed by `still_signed_in`.
    """
    person = await still_signed_in(session)
    now = [person.id, person.name] if person is not None else ["", "nobody"]
    now.append(session.proof(context.job_id))
    before = context.recall(_WHO, now)
    if before[0] != now[0]:
        raise SatchelError(
            Kind.NOT_SIGNED_IN,
            f"This export was begun as {before[1]}; now you are {now[1]} to {session.host}, who may see other rows.",
            "Sign in as before and resume, or begin a new export.",
            host=session.host,
        )
    if before[2] != now[2] and not context.recall(_GATHERED):
        await asyncio.to_thread(_forget, context.folder)
    context.checkpoint(_WHO, now)


def _forget(folder: Path) -> None:
    for file in folder.glob(f"{_REACH}*"):
        file.unlink()


async def _solved(gathered: reach.Gathered, request: ExportRequest, context: Context) -> reach.Reached:
    """What belongs to the record. It takes seconds for a million rows; a cancelled export does not wait for it."""
    with context.stage("solve", "Work out which rows come along") as stage:
        found = await opened(lambda: reach.solve(gathered, request.offers))
        stage.note = f"{found.size.rows:,} rows of {len(found.tables)} tables"
        return found


def _check(request: ExportRequest) -> None:
    """Look at the folder before anything is asked of the server."""
    check_folder(request.out)
    wrong = [a for a in request.algorithms if a not in ("md5", "sha1", "sha256", "sha512")]
    if wrong or not request.algorithms:
        raise SatchelError(
            Kind.USAGE,
            f"{wrong[0] if wrong else 'No checksum'} is not a kind of checksum.",
            "Use md5, sha256 or sha512.",
        )


@dataclass
class _Export:
    """One export under way."""

    request: ExportRequest
    context: Context
    catalog: Catalog
    gathered: reach.Gathered
    reached: reach.Reached
    goal: Path

    async def run(self) -> ExportResult:
        request, context = self.request, self.context
        self._tell_hidden()
        bag = await self._work_folder()
        algorithms = tuple(dict.fromkeys(request.algorithms))
        inventory = Inventory(context.folder / "inventory.sqlite")
        try:
            await self._schema(bag, inventory, algorithms)
            done, problems = await self._payload(bag, inventory, algorithms)
            algorithms = self._narrowed(inventory, algorithms)
            await self._tags(bag, inventory, algorithms, problems)
            await self._verify(bag, inventory, algorithms)
            size, _ = inventory.oxum()
            result = self._result(done, size, problems)
            await self._deliver(bag, result)
        finally:
            inventory.close()
        return result

    # -- before ---------------------------------------------------------------------------------------------------

    def _tell_hidden(self) -> None:
        for hidden in self.reached.hidden:
            self.context.warn(
                "hidden-table",
                f"You may not read {hidden}, to which the record leads; it is not in the bag.",
                where=str(hidden),
                hint="Ask the owner of the data for access if it is needed.",
            )
        for dangling in self.reached.dangling:
            if dangling.reason != "excluded":
                self.context.warn(
                    "dangling",
                    f"{dangling.rows:,} rows of {dangling.table} refer by {', '.join(dangling.columns)} to rows of "
                    f"{dangling.referenced} that you may not see or that are not there.",
                    where=str(dangling.table),
                )

    async def _work_folder(self) -> Path:
        """The hidden folder in which the bag is made; the same one when a job is resumed."""
        work = work_folder(self.goal, self.context.job_id)
        self.context.checkpoint(KEY, [str(work)])
        size = self.reached.size
        bag_bytes = size.rows * ROW_BYTES + (size.asset_bytes if self.request.materialize else 0)
        needed = bag_bytes * (1 if self.request.archive == "none" else 2)
        there = await asyncio.to_thread(size_of, work)
        free = shutil.disk_usage(self.goal.parent).free
        if needed - there > free:
            raise SatchelError(
                Kind.DISK_FULL,
                f"The export needs about {needed:,} bytes in {self.goal.parent}, where {free:,} are free.",
                "Free some space or choose another folder, then resume.",
            )
        bag = work / bag_name(self.request, self.gathered.root, self.gathered.snapshot)
        await asyncio.to_thread(bag.mkdir, parents=True, exist_ok=True)
        return bag

    # -- payload --------------------------------------------------------------------------------------------------

    async def _schema(self, bag: Path, inventory: Inventory, algorithms: Sequence[str]) -> None:
        data = await asyncio.to_thread(report.schema_json, self.gathered.model.document)
        path = bag / "data" / "schema.json"

        def write() -> Entry:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            hashers = hash_file(path, algorithms)
            return Entry("data/schema.json", hashers.length, hashers.digests())

        inventory.add([await in_thread(self.context.cancelled, write)])

    async def _payload(
        self, bag: Path, inventory: Inventory, algorithms: Sequence[str]
    ) -> tuple[list[Done], list[AssetProblem]]:
        """Rows and assets at once: an asset can be had as soon as its table's rows are there."""
        read = {table.name: asyncio.Event() for table in self.reached.tables if table.assets}
        records = asyncio.create_task(self._records(bag, inventory, algorithms, read))
        assets = asyncio.create_task(self._assets(bag, inventory, algorithms, read))
        try:
            await asyncio.gather(records, assets)
        finally:
            for task in (records, assets):
                task.cancel()
            await asyncio.gather(records, assets, return_exceptions=True)
        return records.result(), assets.result()

    async def _records(
        self, bag: Path, inventory: Inventory, algorithms: Sequence[str], read: Mapping[TableName, asyncio.Event]
    ) -> list[Done]:
        tables = list(self.reached.tables)
        paths = record_paths([table.name for table in tables])
        reader = Records(self.catalog, self.reached, bag, paths, algorithms, self.context)
        slots = asyncio.Semaphore(TABLES)
        rows = sum(table.rows for table in tables)
        with self.context.stage("records", "Read the rows", total=rows, unit="rows") as stage:

            async def one(table: reach.ReachedTable) -> Done:
                part = stage.part(str(table.name), table.rows)
                async with slots:
                    stage.item = str(table.name)
                    done = await reader.read(table, part)
                if table.name in read:
                    read[table.name].set()
                return done

            # Those with assets first, for the assets wait for them; then the largest: they decide how long it takes.
            ordered = sorted(tables, key=lambda t: (t.name not in read, -t.rows))
            done = await _all([one(table) for table in ordered])
            stage.note = f"{rows:,} rows of {len(tables)} tables"
        inventory.add([Entry(d.entry.path, d.entry.length, _only(d.entry.digests, algorithms)) for d in done])
        return sorted(done, key=lambda d: d.table)

    async def _assets(
        self, bag: Path, inventory: Inventory, algorithms: Sequence[str], read: Mapping[TableName, asyncio.Event]
    ) -> list[AssetProblem]:
        tables = sorted((t for t in self.reached.tables if t.name in read), key=lambda t: t.name)
        if not tables:
            return []
        names = [t.name for t in self.reached.tables]
        folders, records = asset_folders(names), record_paths(names)
        work = Assets(Hatrac(self.catalog.session), bag, inventory, algorithms, self.context)
        await read[tables[0].name].wait()
        chooser = Chooser(self.request.assets if self.request.materialize else None)
        title = "Fetch the assets" if self.request.materialize else "List the assets"
        self._tell_slow()
        with self.context.stage("assets", title, total=sum(t.assets for t in tables), unit="files") as stage:
            for table in tables:
                await read[table.name].wait()
                model = self.gathered.model.tables[table.name]
                rows, folder = bag / records[table.name], folders[table.name]
                if self.request.materialize:
                    # Both go over the rows from where the choice stood, and come to the same.
                    inside = chosen(listed(model, rows, folder), str(table.name), copy(chooser), inside=True)
                    await work.fetch(inside, stage)
                outside = chosen(listed(model, rows, folder), str(table.name), chooser, inside=False)
                await work.reference(outside, stage)
        problems = sorted(work.problems, key=lambda p: (p.table, p.rid))
        for problem in problems[:MOST_WARNED]:
            self.context.warn(
                f"asset-{problem.reason}", f"{problem.table} {problem.rid}: {problem.message}", where=problem.rid
            )
        if len(problems) > MOST_WARNED:
            self.context.warn(
                "assets-missing",
                f"{len(problems) - MOST_WARNED:,} more assets are not in the bag; {report.PROBLEMS} in it lists all.",
            )
        return problems

    def _tell_slow(self) -> None:
        """Say beforehand where many small files will take long."""
        if not self.request.materialize:
            return
        totals = asset_totals(self.reached, self.request.assets)
        if totals.slow:
            self.context.warn("many-small-files", totals.slow, hint="Without --materialize the bag lists them instead.")

    def _narrowed(self, inventory: Inventory, algorithms: Sequence[str]) -> tuple[str, ...]:
        """The algorithms that every file has a checksum of: RFC 8493 wants each file in each manifest."""
        kept = inventory.algorithms(algorithms)
        for dropped in (a for a in algorithms if a not in kept):
            self.context.warn(
                "algorithm-dropped",
                f"The bag has no {dropped} manifest: the catalog does not know that checksum of every asset.",
                hint="Put the assets into the bag to have it.",
            )
        if not kept:
            raise SatchelError(
                Kind.INVALID,
                "There is no kind of checksum that is known of every asset.",
                "Put the assets into the bag, or choose other checksums.",
            )
        return kept

    # -- tags and end ---------------------------------------------------------------------------------------------

    async def _tags(
        self, bag: Path, inventory: Inventory, algorithms: Sequence[str], problems: Sequence[AssetProblem]
    ) -> None:
        snapshot = self.gathered.snapshot
        when = snapshots.moment(snapshot)
        info = list(
            report.bag_info(self.request, snapshot, when, self.gathered.root, self.reached, algorithms, problems)
        )

        def write() -> None:
            remove_tags(bag)
            extra = []
            if self.request.ro_crate:
                from satchel.core.export.rocrate import add_crate

                add_crate(bag, inventory, algorithms, info, when)
            if problems:
                (bag / "satchel").mkdir(exist_ok=True)
                (bag / report.PROBLEMS).write_bytes(report.problems_json(problems))
                extra.append(report.PROBLEMS)
            write_tags(bag, inventory, info, algorithms, extra)

        with self.context.stage("manifests", "Write the manifests"):
            await in_thread(self.context.cancelled, write)

    async def _verify(self, bag: Path, inventory: Inventory, algorithms: Sequence[str]) -> None:
        """Read the bag once more as a recipient would, and clear away what is not in its manifests."""
        here = [entry for entry in inventory if entry.url is None]
        total = sum(entry.length or 0 for entry in here)
        with self.context.stage("verify", "Verify the bag", total=total, unit="bytes") as stage:

            def check(entry: Entry) -> None:
                found = hash_file(bag / entry.path, algorithms, stop=self.context.cancelled, told=stage.add)
                if found.length != entry.length or found.digests() != _only(entry.digests, algorithms):
                    raise SatchelError(
                        Kind.INVALID,
                        f"{entry.path} is not on the disk as it was written.",
                        "The disk may be failing. Delete the job with its leftovers and export again.",
                    )

            await in_threads(here, check)
            await asyncio.to_thread(clear, bag, {entry.path for entry in here})
            stage.note = f"{len(here):,} files"

    async def _deliver(self, bag: Path, result: ExportResult) -> None:
        """Give the finished work its name."""
        request, context, goal = self.request, self.context, self.goal
        if request.archive == "none":
            with context.stage("finish", "Put the bag in its place"):
                await in_thread(context.cancelled, place, bag, goal, remember(self.context, result))
        else:
            kind = request.archive
            total = await asyncio.to_thread(size_of, bag)
            with context.stage("pack", "Pack the bag", total=total, unit="bytes") as stage:

                def told(size: int, member: str) -> None:
                    stage.item = member
                    stage.add(size)

                when = snapshots.moment(self.gathered.snapshot)
                # Packed in the work folder, so that a killed program leaves nothing outside it.
                packed, part = bag.with_name(".packed"), bag.with_name(".packing")
                await asyncio.to_thread(packed.unlink, missing_ok=True)
                stop = context.cancelled
                await in_thread(stop, pack, bag, packed, kind, bag.name, when, stop=stop, told=told, temporary=part)
                await in_thread(stop, place, packed, goal, remember(self.context, result))
        await asyncio.to_thread(shutil.rmtree, bag.parent, ignore_errors=True)

    def _result(self, done: Sequence[Done], size: int, problems: Sequence[AssetProblem]) -> ExportResult:
        reached = {table.name: table for table in self.reached.tables}
        tables = tuple(
            TableResult(
                table=str(d.table),
                rows=d.rows,
                bytes=d.entry.length or 0,
                assets=reached[d.table].assets,
                asset_bytes=reached[d.table].asset_bytes,
            )
            for d in done
        )
        folder = self.request.archive == "none"
        warnings = getattr(self.context, "warnings", ())
        return ExportResult(
            bag=str(self.goal) if folder else None,
            archive=None if folder else str(self.goal),
            snapshot=self.gathered.snapshot,
            valid=True,
            complete=not problems,
            cached=False,
            rows=sum(d.rows for d in done),
            bytes=size,
            tables=tables,
            hidden=tuple(map(str, self.reached.hidden)),
            problems=tuple(problems),
            warnings=tuple(Notice(code=w.code, message=w.message, where=w.where, hint=w.hint) for w in warnings),
        )


def _only(digests: dict[str, str], algorithms: Sequence[str]) -> dict[str, str]:
    return {algorithm: digests[algorithm] for algorithm in algorithms}


async def _all(work: Sequence[Coroutine[Any, Any, Done]]) -> list[Done]:
    """Run coroutines together; the first failure cancels the rest."""
    tasks = [asyncio.create_task(w) for w in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
