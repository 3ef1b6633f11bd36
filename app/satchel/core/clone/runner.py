"""The clone job: schema, data, constraints, and what comes after; each stage can be gone on with."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec

from satchel.core.clone import after
from satchel.core.clone.asset_urls import referring
from satchel.core.clone.constraints import Constraints, tell_left_out, tell_orphans
from satchel.core.clone.copying import Copied, Copying, tell
from satchel.core.clone.destination import (
    CATALOG,
    MAKING,
    Target,
    existing_constraints,
    obstacles,
    prepare,
    schema_path,
)
from satchel.core.clone.gate import Gate
from satchel.core.clone.orphans import ServerGround
from satchel.core.clone.person import same_person
from satchel.core.clone.plan import TablePlan
from satchel.core.clone.policy import copy_policy
from satchel.core.clone.reading import REACH, Reading, read
from satchel.core.clone.report import Category, CloneReport, Findings, Severity
from satchel.core.clone.request import CloneRequest, CloneResult
from satchel.core.clone.rows import Change
from satchel.core.clone.schema import INDEXING_TAG, Documents, documents
from satchel.core.clone.settling import State
from satchel.core.clone.source import ServerSource, Source
from satchel.core.clone.verifying import CHECKS, NOTHING, content
from satchel.core.clone.work import Work
from satchel.core.clone.writer import IndexRefused, Writer
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.names import TableName
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.request import Notice
from satchel.core.jobs.context import Context

TABLES_TOGETHER = 40
"""Tables for one request: each takes a server up to a tenth of a second."""
_HINTS = "hints"
_SCHEMA = "schema-made"
_VERIFIED = "verified"


async def run(request: CloneRequest, context: Context) -> CloneResult:
    """Clone what is reachable from a record. See `satchel.core.clone.request`.

    Raises:
        SatchelError: something that the person must know or do; what was done is kept for resuming.
    """
    if request.dry_run:
        from satchel.core.clone.forecasting import forecast  # late, as what reads bags is: most clones need neither

        foreseen = await forecast(request, context)
        return CloneResult(
            catalog_id="",
            hostname=request.destination,
            report=CloneReport(),
            verified=False,
            forecast=foreseen,
        )
    gate = Gate(request.concurrency)
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(
            Session.open(request.destination, request.destination_access, log=context.log)
        )
        await same_person(there, context, "destination")
        if context.recall(CATALOG) is None:
            for obstacle in await obstacles(there, request):
                if obstacle.fatal:
                    raise SatchelError(Kind.NOT_ALLOWED, obstacle.message, obstacle.hint)
        making = _Making(there, request, context)
        stack.push_async_callback(making.end)
        if request.from_bag is None:
            source = await stack.enter_async_context(
                Session.open(request.host, request.access, log=gate.hears(context.log))
            )
            await same_person(source, context, "source")
            found = read(source, request, context, context.folder / REACH, making.begin)
        else:
            from satchel.core.clone.bagreading import read_bag

            found = read_bag(request, context, making.begin)
        reading = await stack.enter_async_context(found)
        return await _Clone(request, context, reading, making, there, gate).run()


class _Making:
    """The catalog is made while the source is still being read: on real servers that takes a second or two.

    Where the source then cannot be read after all, the catalog, which is empty, is taken away again.
    """

    def __init__(self, session: Session, request: CloneRequest, context: Context) -> None:
        self._session = session
        self._request = request
        self._context = context
        self._task: asyncio.Task[Target] | None = None
        self._used = context.recall(CATALOG) is not None

    def begin(self) -> None:
        """Begin to make it."""
        self._task = asyncio.create_task(prepare(self._session, self._request, self._context))

    async def target(self) -> Target:
        """The catalog."""
        if self._task is None:
            raise AssertionError("nothing is made before the request is checked")
        self._used = True
        return await self._task

    async def end(self) -> None:
        """Wait for what is under way, and take an empty catalog away that nobody needs."""
        if self._task is None:
            return
        await asyncio.gather(self._task, return_exceptions=True)
        if self._used or self._task.cancelled() or self._task.exception() is not None:
            return
        if (target := self._task.result()).made:
            await self._session.request("DELETE", target.catalog.path, idempotent=True, also=(404,))
            self._context.checkpoint(CATALOG, None)
            self._context.checkpoint(MAKING, False)


@dataclass
class _Clone:
    """One clone under way."""

    request: CloneRequest
    context: Context
    reading: Reading
    making: _Making
    session: Session
    gate: Gate
    findings: Findings = field(default_factory=Findings)

    async def run(self) -> CloneResult:
        request, context, plan = self.request, self.context, self.reading.plan
        self._tell_source()
        with context.stage("create", "Make the catalog") as stage:
            target = await self.making.target()
            stage.note = f"catalog {target.catalog.id} on {target.catalog.host}"
        work = Work(
            request=request,
            context=context,
            plan=plan,
            findings=self.findings,
            source=self.reading.catalog,
            destination=target.catalog,
        )
        if self.reading.catalog is None:
            from satchel.core.clone.bagreading import BagReached

            assert isinstance(self.reading.reached, BagReached)  # noqa: S101 - what `read_bag` gives
            work.bag, work.bag_folders = self.reading.reached.folder, self.reading.reached.asset_folders
        source = self._source()
        made = await self._schema(target.catalog, source)
        copied = await self._copy(target.catalog, source)
        await self._steps(work, after.BEFORE_CONSTRAINTS)
        ground = ServerGround(target.catalog, plan, {str(t.name): source.codec(t) for t in plan.tables}, context)
        await self._constraints(target.catalog, made, ground, source, copied)
        if request.copy_policy and self.reading.catalog is not None:
            applied = {f.name for f in self.findings.foreign_keys.values() if f.state == "applied"}
            with context.stage("policy", "Put the access rules on"):
                # A snapshot shows its rules to nobody, so they are those of now.
                now = self.reading.catalog.at(None)
                await copy_policy(now, plan, applied, target.catalog, target.acls, self.findings)
        elif request.copy_policy:
            self.findings.add(
                Severity.INFO,
                Category.ACCESS_DENIED,
                "Access rules were not copied",
                details="A bag holds none, so the clone is its makers' own.",
                action="Give others access to the clone yourself",
            )
        await self._steps(work, after.STEPS)
        return self._result(target, work)

    def _source(self) -> Source:
        reading = self.reading
        if reading.catalog is None:
            from satchel.core.clone.bagreading import BagReached, BagSource

            assert isinstance(reading.reached, BagReached)  # noqa: S101 - what `read_bag` gives
            return BagSource(reading.reached.files, reading.plan, self._change)
        return ServerSource(reading.catalog, reading.gathered, reading.reached, self.gate, self._change)

    # -- before ----------------------------------------------------------------------------------------------------

    def _tell_source(self) -> None:
        for hidden in self.reading.reached.hidden:
            self.findings.add(
                Severity.WARNING,
                Category.ACCESS_DENIED,
                "The record leads there, and you may not read it",
                table=str(hidden.table),
                details=", ".join(hidden.columns) or None,
                action="Ask the owner of the data for access if it is needed",
            )
        for name, why in self.reading.plan.skipped.items():
            self.findings.add(
                Severity.WARNING,
                Category.SCHEMA_ISSUE,
                "Table is not in the clone",
                table=str(name),
                details=why,
            )

    def _change(self, table: TablePlan) -> Change | None:
        """Addresses of files that are relative to the source are made absolute, unless the server is the same."""
        if self.session.host == self.reading.plan.host:
            return None
        return referring(table.table, self.reading.plan.host)

    # -- stage 1 ---------------------------------------------------------------------------------------------------

    def _documents(self) -> Documents:
        hints = {TableName.parse(name): columns for name, columns in self.context.recall(_HINTS, {}).items()}
        return documents(
            self.reading.plan,
            annotations=self.request.copy_annotations,
            hints=hints,
            catalog=self.reading.info.annotations,
        )

    async def _schema(self, catalog: Catalog, source: Source) -> Documents:
        made = self._documents()
        with self.context.stage("schema", "Make the tables", total=len(made.tables), unit="tables") as stage:
            measuring = asyncio.create_task(source.measure(self.reading.plan.tables))
            try:
                if not self.context.recall(_SCHEMA):
                    await self._make(catalog, made)
                    self.context.checkpoint(_SCHEMA, True)
                stage.add(len(made.tables))
                await measuring
            finally:
                measuring.cancel()
                await asyncio.gather(measuring, return_exceptions=True)
        for where, what in made.pruned.items():
            self.findings.add(
                Severity.INFO,
                Category.SCHEMA_ISSUE,
                "Annotation references to what was left out were pruned",
                details=f"{where}: {'; '.join(what)}",
            )
        for name, columns in made.counting.items():
            self.findings.add(
                Severity.WARNING,
                Category.SCHEMA_ISSUE,
                "Columns that count on their own begin at 1 again",
                table=str(name),
                details=", ".join(columns),
                action="New rows in the clone must be given numbers of their own, or they meet those that are there",
            )
        for name, columns in made.hidden_columns.items():
            self.findings.add(
                Severity.WARNING,
                Category.ACCESS_DENIED,
                "Columns that you may not read are not in the clone",
                table=str(name),
                details=", ".join(columns),
            )
        return made

    async def _make(self, catalog: Catalog, made: Documents) -> None:
        tables: set[TableName] = set()
        if self.context.resumed or self.request.to_catalog is not None:
            tables, _ = await existing_constraints(catalog)  # of an earlier run whose answer was lost
        schemas = set((await catalog.model()).schemas()) if tables else set()
        if made.catalog:
            # A server may have given the new catalog some of its own, such as how it indexes.
            own = (await catalog.info()).annotations
            await catalog.session.request("PUT", f"{catalog.path}/annotation", json={**own, **made.catalog})
        new = [schema for schema in made.schemas if schema["schema_name"] not in schemas]
        new += [t for t in made.tables if TableName(t["schema_name"], t["table_name"]) not in tables]
        for begin in range(0, len(new), TABLES_TOGETHER):
            some = new[begin : begin + TABLES_TOGETHER]
            try:
                await catalog.session.request("POST", f"{catalog.path}/schema", json=some, idempotent=True)
            except SatchelError:
                there, _ = await existing_constraints(catalog)  # perhaps its first answer was lost
                if not {TableName(t["schema_name"], t["table_name"]) for t in some if "table_name" in t} <= there:
                    raise

    async def _remake(self, catalog: Catalog, refused: IndexRefused) -> None:
        """Make a table anew whose columns must do without their index."""
        name = str(refused.table.name)
        hints = {table: list(columns) for table, columns in self.context.recall(_HINTS, {}).items()}
        hints[name] = sorted({*hints.get(name, ()), *refused.columns})
        self.context.checkpoint(_HINTS, hints)
        document = next(
            t for t in self._documents().tables if (t["schema_name"], t["table_name"]) == tuple(refused.table.name)
        )
        path = f"{catalog.path}/{schema_path(refused.table.name)}"
        await catalog.session.request("DELETE", path, idempotent=True, also=(404,))
        try:
            await catalog.session.request("POST", f"{catalog.path}/schema", json=[document], idempotent=True)
        except SatchelError:
            there, _ = await existing_constraints(catalog)
            if refused.table.name not in there:  # else its first answer was lost
                raise

    def _spare(self, table: TablePlan) -> frozenset[str]:
        """Columns that can do without an index of their own and have one."""
        keyed = {column for key in table.table.keys for column in key}
        keyed.update(column for key in table.table.foreign_keys for column in key.columns)
        hinted = set(self.context.recall(_HINTS, {}).get(str(table.name), ()))
        free = frozenset(column.name for column in table.table.columns)
        return free - keyed - hinted

    # -- stage 2 ---------------------------------------------------------------------------------------------------

    async def _copy(self, catalog: Catalog, source: Source) -> dict[str, Copied]:
        context, plan = self.context, self.reading.plan
        writer = Writer(catalog, truncate=self.request.truncate_oversized, spare=self._spare, log=context.log)
        tables = sorted(plan.tables, key=lambda t: (-t.rows, t.name))
        copying = Copying(source, writer, tables, context, self.findings, self.request.concurrency)
        rows = sum(table.rows for table in tables)
        with context.stage("copy", "Copy the rows", total=rows, unit="rows") as stage:
            while True:
                try:
                    await copying.run(stage)
                    break
                except IndexRefused as refused:
                    await self._remake(catalog, refused)
                    copying.forget(refused.table)
            stage.note = f"{rows:,} rows of {len(tables)} tables"
        tell(plan.tables, copying.copied, context, self.findings)
        for name, columns in context.recall(_HINTS, {}).items():
            self.findings.add(
                Severity.INFO,
                Category.INDEX_REBUILT,
                f"Index of {', '.join(columns)} left out: its values are too long for one",
                table=name,
                details=f"The annotation {INDEXING_TAG} of the column says so",
            )
        return copying.copied

    # -- stage 3 ---------------------------------------------------------------------------------------------------

    async def _constraints(
        self, catalog: Catalog, made: Documents, ground: ServerGround, source: Source, copied: Mapping[str, Copied]
    ) -> None:
        context, reading = self.context, self.reading
        stage3 = Constraints(catalog, reading.plan, made.keys, reading.dangling, context, self.findings)
        with context.stage("orphans", "Deal with references that lead nowhere") as stage:
            state = await stage3.settle(ground, stage)
        self._count(state)

        async def apply() -> None:
            with context.stage("constraints", "Put the foreign keys on") as stage:
                await stage3.apply(state, stage)

        # No row changes any more: they are read back while the server looks at the foreign keys.
        await together(apply(), self._verify(catalog, source, copied, ground))
        tell_left_out(reading.plan, reading.dangling, self.findings)
        tell_orphans(reading.plan, state, self.findings)

    def _count(self, state: State) -> None:
        """Put what was deleted and nullified into the tables' reports."""
        for each in self.reading.plan.keys:
            name = str(each.key.table)
            found = self.findings.tables[name]
            self.findings.tables[name] = msgspec.structs.replace(
                found,
                removed=found.removed + state.removed.get(each.name, 0),
                nullified=found.nullified + state.nullified.get(each.name, 0),
            )

    async def _verify(
        self, catalog: Catalog, source: Source, copied: Mapping[str, Copied], ground: ServerGround
    ) -> None:
        """Read back what the constraint stage has changed, count the others."""
        tables = {str(table.name): table for table in self.reading.plan.tables}
        known: dict[str, bool] = self.context.recall(_VERIFIED, {})
        with self.context.stage(
            "verify", "Compare the clone with the source", total=len(tables), unit="tables"
        ) as stage:
            slots = asyncio.Semaphore(CHECKS)

            async def check(name: str, table: TablePlan) -> None:
                async with slots:
                    if name not in known:
                        known[name] = await self._right(catalog, table, source, copied[name], ground)
                stage.add(1)

            try:
                await together(*(check(name, table) for name, table in tables.items()))
            finally:
                self.context.checkpoint(_VERIFIED, known)
        for name in tables:
            self._verdict(name, known[name])

    async def _right(
        self, catalog: Catalog, table: TablePlan, source: Source, copied: Copied, ground: ServerGround
    ) -> bool:
        """Whether a table of the clone holds what it is to hold."""
        lost = ground.lost.get(str(table.name), NOTHING)
        size = source.row_bytes(table)
        found, expected = await content(catalog, table, source.codec(table), size), copied.written - lost
        if found != expected:
            self.context.log(
                f"{table.name}: {found.rows} rows are there, {expected.rows} should be; "
                f"digests {found.digest:x} and {expected.digest:x}.",
                "warning",
            )
        return found == expected

    def _verdict(self, name: str, right: bool) -> None:
        self.findings.tables[name] = msgspec.structs.replace(self.findings.tables[name], verified=right)
        if not right:
            self.findings.add(
                Severity.ERROR,
                Category.DATA_INTEGRITY,
                "The clone does not hold what was read of the source",
                table=name,
                action="Has anybody else written to it? Else clone again and tell the developers",
            )

    # -- after -----------------------------------------------------------------------------------------------------

    async def _steps(self, work: Work, steps: tuple[tuple[str, str, after.Step], ...]) -> None:
        for name, title, step in steps:
            with self.context.stage(name, title):
                try:
                    await step(work)
                except SatchelError as error:
                    if error.kind in (Kind.NOT_SIGNED_IN, Kind.UNREACHABLE, Kind.DISK_FULL):
                        raise  # resuming may help
                    self.findings.add(
                        Severity.ERROR,
                        Category.RESTORE_FAILURE,
                        f"{title}: {error.message}",
                        details=error.detail or None,
                        action=error.hint or None,
                    )

    def _result(self, target: Target, work: Work) -> CloneResult:
        report = self.findings.report()
        plan, summary = self.reading.plan, report.summary
        verified = all(table.verified for table in report.tables) and not report.tables_failed
        warnings = getattr(self.context, "warnings", ())
        return CloneResult(
            catalog_id=target.catalog.id,
            hostname=target.catalog.host,
            report=report,
            verified=verified,
            alias=work.outcome.get("alias"),
            source_hostname=plan.host,
            source_catalog_id=plan.catalog,
            source_snapshot=plan.snapshot,
            root_rid=plan.rid,
            asset_mode=self.request.assets,
            ml_schema_added=bool(work.outcome.get("ml_schema_added")),
            datasets_reinitialized=int(work.outcome.get("datasets_reinitialized", 0)),
            orphan_rows_removed=summary.orphan_rows_removed,
            orphan_rows_nullified=summary.orphan_rows_nullified,
            fkeys_pruned=summary.fkeys_pruned,
            rows_skipped=sum(table.skipped for table in report.tables),
            truncated_values=tuple(self.findings.truncated),
            warnings=tuple(Notice(code=w.code, message=w.message, where=w.where, hint=w.hint) for w in warnings),
        )


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Run coroutines at once; the first failure ends the others and comes out."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except ExceptionGroup as failures:
        told = [failure for failure in failures.exceptions if isinstance(failure, SatchelError)]
        raise (told or failures.exceptions)[0] from None
