"""Finds out what a clone would do, and makes nothing.

The source is read as the clone reads it, orphans are worked out on the keys that were read by the same course of action
as on the server (`settling`), and the destination is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from satchel.core.clone.after.alias import forecast_alias
from satchel.core.clone.after.policies import forecast_policies
from satchel.core.clone.bagreading import BagReached, BagSource, read_bag
from satchel.core.clone.destination import obstacles
from satchel.core.clone.forecast import (
    DanglingForecast,
    Forecast,
    OversizedForecast,
    RightForecast,
    StrategyForecast,
    TableForecast,
)
from satchel.core.clone.gate import Gate
from satchel.core.clone.keysets import KeySets
from satchel.core.clone.longvalues import oversized
from satchel.core.clone.person import same_person
from satchel.core.clone.plan import SYSTEM_TABLES, ClonePlan, KeyPlan
from satchel.core.clone.policy import visible
from satchel.core.clone.reading import REACH, Reading, read
from satchel.core.clone.report import SAMPLES, ForeignKeyReport
from satchel.core.clone.request import CloneRequest, Strategy
from satchel.core.clone.settling import State, effective
from satchel.core.clone.source import ServerSource
from satchel.core.deriva.session import Session
from satchel.core.jobs.context import Context

STRATEGIES: tuple[Strategy, ...] = ("fail", "delete", "nullify")


async def forecast(request: CloneRequest, context: Context) -> Forecast:
    """What the clone would do.

    Raises:
        SatchelError: it cannot be told.
    """
    gate = Gate(request.concurrency)
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(
            Session.open(request.destination, request.destination_access, log=context.log)
        )
        looking = asyncio.create_task(destination(there, request))
        try:
            if request.from_bag is None:
                source = await stack.enter_async_context(
                    Session.open(request.host, request.access, log=gate.hears(context.log))
                )
                await same_person(source, context, "source")
                opening = read(source, request, context, context.folder / REACH)
            else:
                opening = read_bag(request, context, lambda: None)
            reading = await stack.enter_async_context(opening)
            with context.stage("forecast", "Work out what would become of references that lead nowhere"):
                outcome = await asyncio.to_thread(Outcomes, reading.keys, reading.plan, reading.dangling)
            with context.stage("sizes", "Look for what is large"):
                large = await measure(reading, gate)
            found = await looking
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        return told(request, reading, outcome, large, (found[0] + await policies(request, reading), found[1]))


@dataclass(frozen=True)
class Large:
    """What is known of sizes: bytes of a row by table, and values that may be too long for an index."""

    rows: Mapping[str, float]
    values: tuple[OversizedForecast, ...]


async def measure(reading: Reading, gate: Gate) -> Large:
    """Look how large rows and values are; for long values in a bag it does not look. Raises SatchelError."""
    if reading.catalog is None:
        assert isinstance(reading.reached, BagReached)  # noqa: S101 - what `read_bag` gives
        return Large(await BagSource(reading.reached.files, reading.plan, lambda _: None).measure(()), ())
    pages = ServerSource(reading.catalog, reading.gathered, reading.reached, gate, lambda _: None)
    rows, values = await asyncio.gather(
        pages.measure(reading.plan.tables), oversized(reading.catalog, reading.plan, reading.reached)
    )
    return Large(rows, values)


class Outcomes:
    """What each choice of strategies would come to. Blocking."""

    def __init__(self, keys: KeySets, plan: ClonePlan, dangling: Mapping[str, int]) -> None:
        self._keys = keys
        self._dangling = dangling
        self.all = tuple(self._outcome(strategy, _with(plan, strategy)) for strategy in STRATEGIES)
        self.samples = {name: keys.samples(each) for each in plan.keys if (name := each.name) in dangling}
        self.reasons = {each.name: keys.reason(each) for each in plan.keys if each.name in dangling}
        self.single = {
            each.name: tuple(self._outcome(strategy, _with(plan, strategy, each.name), each) for strategy in STRATEGIES)
            for each in plan.keys
            if each.name in dangling and each.state == "pending"
        }
        with keys.trial():
            state = keys.settled(plan, dangling)
            self.keys = tuple(self._key(each, state) for each in plan.keys)
            self.chosen = self._told("chosen", plan, state)

    def _outcome(self, strategy: Strategy, plan: ClonePlan, one: KeyPlan | None = None) -> StrategyForecast:
        if one is not None:
            changed = next(each for each in plan.keys if each.name == one.name)
            if strategy != "fail" and effective(changed, plan.model) == "fail":
                return StrategyForecast(strategy=strategy, possible=False)
        with self._keys.trial():
            return self._told(strategy, plan, self._keys.settled(plan, self._dangling))

    def _told(self, strategy: str, plan: ClonePlan, state: State) -> StrategyForecast:
        deleted: dict[str, int] = {}
        for each in plan.keys:
            if count := state.removed.get(each.name):
                name = str(each.key.table)
                deleted[name] = deleted.get(name, 0) + count
        untouched = not state.removed and not state.nullified
        off = sum(
            1
            for each in plan.keys
            if each.state == "pending"
            and effective(each, plan.model) == "fail"  # of the others nothing is left
            and (each.name in self._dangling if untouched else self._keys.orphans(each))
        )
        return StrategyForecast(
            strategy=strategy,
            rows_deleted=sum(deleted.values()),
            rows_nullified=sum(state.nullified.values()),
            fkeys_left_off=off,
            deleted=deleted,
        )

    def _key(self, each: KeyPlan, state: State) -> ForeignKeyReport:
        """A foreign key as it would end; within a trial, after settling."""
        left = self._keys.orphans(each) if each.state == "pending" else 0
        removed, nullified = state.removed.get(each.name, 0), state.nullified.get(each.name, 0)
        outcome = each.state if each.state != "pending" else "failed" if left else "applied"
        samples = self._keys.samples(each) if left else state.samples.get(each.name, [])
        key = each.key
        return ForeignKeyReport(
            name=each.name,
            table=str(key.table),
            columns=key.columns,
            referenced=str(key.referenced),
            referenced_columns=key.referenced_columns,
            state=outcome,  # type: ignore[arg-type]  # one of FkeyState
            strategy=each.strategy,
            orphans=left or removed + nullified,
            removed=removed,
            nullified=nullified,
            sample_rids=tuple(samples[:SAMPLES]),
            message=each.reason,
        )


def _with(plan: ClonePlan, strategy: Strategy, only: str | None = None) -> ClonePlan:
    """A plan with another strategy, for one foreign key or for all."""
    keys = tuple(replace(each, strategy=strategy) if only in (None, each.name) else each for each in plan.keys)
    return replace(plan, keys=keys)


async def destination(session: Session, request: CloneRequest) -> tuple[list[RightForecast], bool]:
    """What stands in the way at the destination, and whether the alias is taken there. Raises SatchelError."""
    found = await obstacles(session, request)
    note = await forecast_alias(session, request.alias, request.to_catalog)
    if note is not None:
        found.append(note)
    return found, note is not None


async def policies(request: CloneRequest, reading: Reading) -> list[RightForecast]:
    """Access rules that are not copied or cannot hold. A snapshot shows them to nobody, so they are those of now."""
    if reading.catalog is None:
        return forecast_policies(request, reading.plan, False, None)
    owner = visible(reading.live)
    document = (await reading.catalog.at(None).model()).document if owner and request.copy_policy else None
    return forecast_policies(request, reading.plan, owner, document)


def _source_rights(request: CloneRequest, reading: Reading) -> list[RightForecast]:
    found = [
        RightForecast(
            side="source",
            code="hidden-column" if hidden.columns else "hidden-table",
            message=f"You may not read {hidden}, to which the record leads; it is not in the clone.",
            where=str(hidden.table),
            hint="Ask the owner of the data for access if it is needed.",
        )
        for hidden in reading.reached.hidden
    ]
    for name, why in reading.plan.skipped.items():
        found.append(
            RightForecast(
                side="source", code="skipped-table", message=f"{name} is not in the clone: {why}.", where=str(name)
            )
        )
    return found


def told(
    request: CloneRequest,
    reading: Reading,
    outcome: Outcomes,
    large: Large,
    there: tuple[list[RightForecast], bool],
) -> Forecast:
    """All that was found out, as a forecast."""
    plan = reading.plan
    rights, taken = [*there[0], *_source_rights(request, reading)], there[1]
    tables = tuple(_table(reading, outcome, str(table.name), large.rows) for table in plan.tables)
    known = [table.bytes for table in tables]
    dangling = [
        each for each in plan.keys if each.name in reading.dangling and each.key.referenced not in SYSTEM_TABLES
    ]
    return Forecast(
        hostname=plan.host,
        catalog_id=plan.catalog,
        snapshot=plan.snapshot,
        root_table=str(plan.root),
        rid=plan.rid,
        destination=request.destination,
        tables=tables,
        rows=sum(table.rows for table in tables),
        bytes=None if None in known else sum(size for size in known if size is not None),
        assets=sum(table.assets for table in tables),
        asset_bytes=sum(table.asset_bytes for table in tables),
        dangling=tuple(
            DanglingForecast(
                name=each.name,
                table=str(each.key.table),
                columns=each.key.columns,
                referenced=str(each.key.referenced),
                referenced_columns=each.key.referenced_columns,
                rows=reading.dangling[each.name],
                reason=outcome.reasons[each.name],
                in_clone=each.state != "left-out",
                sample_rids=tuple(outcome.samples[each.name]),
                strategy=each.strategy,
                strategies=outcome.single.get(each.name, ()),
            )
            for each in dangling
        ),
        outcome=outcome.all,
        chosen=outcome.chosen,
        foreign_keys=outcome.keys,
        oversized=large.values,
        rights=tuple(rights),
        alias_taken=taken,
        hidden=tuple(map(str, reading.reached.hidden)),
    )


def _table(reading: Reading, outcome: Outcomes, name: str, sizes: Mapping[str, float]) -> TableForecast:
    table = next(table for table in reading.plan.tables if str(table.name) == name)
    nullified = sum(key.nullified for key in outcome.keys if key.table == name)
    size = 0 if not table.rows else int(table.rows * sizes[name]) if name in sizes else None
    return TableForecast(
        table=name,
        rows=table.rows,
        total_rows=table.total,
        bytes=size,
        assets=table.assets,
        asset_bytes=table.asset_bytes,
        role=table.role,
        removed=outcome.chosen.deleted.get(name, 0),
        nullified=nullified,
    )
