"""Orphans, found and dealt with by the destination itself.

They are found by one query, an outer join from the table that refers to the one that is referred to over all columns of
the foreign key (rows with a null in one of them refer to nothing), and dealt with by their RIDs, so that each is
counted once. Before a batch is touched, a checkpoint names it: a killed job does that batch again and counts it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from satchel.core.clone.plan import ClonePlan, KeyPlan, TablePlan
from satchel.core.clone.report import SAMPLES
from satchel.core.clone.rows import MODULUS, Codec
from satchel.core.clone.settling import State, note
from satchel.core.clone.verifying import NOTHING, Content
from satchel.core.deriva.ermrest import JSON, Catalog
from satchel.core.deriva.paths import batches, escape
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context

PAGE = 5_000
"""Orphans that are looked up at once."""
_AT_ONCE = 4
_STATE = "settling"


class Violations(msgspec.Struct, frozen=True):
    """What one foreign key finds as things stand."""

    rows: int
    values: int
    """Different ones."""
    samples: tuple[str, ...]


def join(plan: KeyPlan) -> str:
    """The path to the orphans of a foreign key, as `C`; what follows names what is wanted of them."""
    key = plan.key
    null = "".join(f"/!{escape(column)}::null::" for column in key.columns)
    near = ",".join(f"C:{escape(column)}" for column in key.columns)
    far = ",".join(f"{key.referenced.path}:{escape(column)}" for column in key.referenced_columns)
    return f"C:={key.table.path}{null}/P:=left({near})=({far})/P:RID::null::"


async def violations(catalog: Catalog, plan: KeyPlan) -> Violations:
    """How many rows refer to nothing by a foreign key, and which, some of them."""
    path = join(plan)
    columns = ",".join(f"k{n}:=C:{escape(column)}" for n, column in enumerate(plan.key.columns))
    rows = int((await catalog.aggregate(f"{path}/n:=cnt(C:RID)"))["n"])
    if not rows:
        return Violations(0, 0, ())
    some = await catalog.rows(f"attributegroup/{path}/r:=C:RID;n:=cnt(C:RID)@sort(r)?limit={SAMPLES}")
    values = len(await catalog.rows(f"attributegroup/{path}/{columns};n:=cnt(C:RID)?limit=10000"))
    return Violations(rows, values, tuple(str(row["r"]) for row in some))


@dataclass
class ServerGround:
    """The destination's tables, as `satchel.core.clone.settling` needs them.

    Args:
        catalog: the destination.
        plan: of the clone.
        codecs: of the tables' pages.
        context: for checkpoints.
        lost: what the tables have lost in content so far; kept with the state.
    """

    catalog: Catalog
    plan: ClonePlan
    codecs: Mapping[str, Codec]
    context: Context
    lost: dict[str, Content] = field(default_factory=dict)

    # -- where it stands -------------------------------------------------------------------------------------------

    def recall(self, fresh: State) -> State:
        """The state of an earlier run, or the fresh one."""
        kept = self.context.recall(_STATE)
        if kept is None:
            return fresh
        self.lost = {name: Content(int(rows), int(digest, 16)) for name, (rows, digest) in kept["lost"].items()}
        return msgspec.convert(kept["state"], State)

    async def keep(self, state: State) -> None:
        """Write down where it stands."""
        lost = {name: [content.rows, f"{content.digest:x}"] for name, content in self.lost.items()}
        value = {"state": msgspec.to_builtins(state), "lost": lost}
        await asyncio.to_thread(self.context.checkpoint, _STATE, value)

    async def survey(self, plans: Sequence[KeyPlan]) -> list[str]:
        """Which foreign keys have orphans as things stand."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def look(plan: KeyPlan) -> bool:
            async with slots:
                return int((await self.catalog.aggregate(f"{join(plan)}/n:=cnt(C:RID)"))["n"]) > 0

        found = await asyncio.gather(*map(look, plans))
        return [plan.name for plan, some in zip(plans, found, strict=True) if some]

    async def go_on(self, state: State, plans: Mapping[str, KeyPlan], columns: Mapping[str, tuple[str, ...]]) -> None:
        """Do the batch again that was under way when an earlier run was killed; it is counted already."""
        if state.done or state.pending is None:
            return
        name, rids = state.pending
        plan = plans[name]
        if state.phase == "delete":
            await self._delete(plan, rids)
        else:
            await self._nullify(plan, columns[name], rids)
        state.pending = None
        await self.keep(state)

    # -- Ground ----------------------------------------------------------------------------------------------------

    async def delete(self, plan: KeyPlan, state: State) -> int:
        """See `Ground`."""
        count = 0
        while rids := await self._orphans(plan):
            for batch in batches(rids):
                rows = await self._rows(plan, batch)
                codec = self._codec(plan)
                self._lose(plan, Content(len(rows), codec.digest(rows)))
                await self._begin(state, plan, batch, "delete")
                await self._delete(plan, batch)
            count += len(rids)
            if len(rids) < PAGE and plan.key.referenced != plan.key.table:
                break  # only a table that refers to itself can have new ones by now
        if count:
            state.pending = None
            await self.keep(state)
        return count

    async def nullify(self, plan: KeyPlan, columns: tuple[str, ...], state: State) -> int:
        """See `Ground`."""
        count = 0
        while rids := await self._orphans(plan):
            for batch in batches(rids):
                rows = await self._rows(plan, batch)
                codec = self._codec(plan)
                before = codec.digest(rows)
                after = codec.digest([codec.nulled(row, columns) for row in rows])
                self._lose(plan, Content(0, (before - after) % MODULUS))
                await self._begin(state, plan, batch, "nullify")
                await self._nullify(plan, columns, batch)
            count += len(rids)
            if len(rids) < PAGE and plan.key.referenced != plan.key.table:
                break  # only a table that refers to itself can have new ones by now
        if count:
            state.pending = None
            await self.keep(state)
        return count

    async def _begin(self, state: State, plan: KeyPlan, rids: Sequence[str], kind: str) -> None:
        """Count a batch, and write down that it is under way."""
        note(state, plan, rids, kind, SAMPLES)
        state.pending = (plan.name, list(rids))
        await self.keep(state)

    def _lose(self, plan: KeyPlan, content: Content) -> None:
        name = str(plan.key.table)
        self.lost[name] = self.lost.get(name, NOTHING) + content

    def _table(self, plan: KeyPlan) -> TablePlan:
        table = self.plan.table(plan.key.table)
        if table is None:
            raise AssertionError("only tables of the clone have foreign keys here")
        return table

    def _codec(self, plan: KeyPlan) -> Codec:
        return self.codecs[str(plan.key.table)]

    async def _orphans(self, plan: KeyPlan) -> list[str]:
        rows = await self.catalog.rows(f"attributegroup/{join(plan)}/r:=C:RID;n:=cnt(C:RID)@sort(r)?limit={PAGE}")
        return [str(row["r"]) for row in rows]

    async def _rows(self, plan: KeyPlan, rids: Sequence[str]) -> list[Any]:
        path = f"entity/{plan.key.table.path}/{_any(rids)}@sort(RID)"
        codec = self._codec(plan)
        rows = codec.decode(await self.catalog.read(path, codec.media))
        if [row.r for row in rows] != list(rids):
            raise SatchelError(
                Kind.SERVER, f"{self.catalog.host} does not give rows of {plan.key.table} that it has just named."
            )
        return rows

    async def _delete(self, plan: KeyPlan, rids: Sequence[str]) -> None:
        path = f"{self.catalog.path}/entity/{plan.key.table.path}/{_any(rids)}"
        await self.catalog.session.request("DELETE", path, idempotent=True, also=(404,))

    async def _nullify(self, plan: KeyPlan, columns: tuple[str, ...], rids: Sequence[str]) -> None:
        """Set columns to null.

        By `PUT /attributegroup`: `DELETE /attribute` refuses columns that are part of a key, and sees no rows twice.
        """
        targets = ",".join(map(escape, columns))
        path = f"{self.catalog.path}/attributegroup/{plan.key.table.path}/RID;{targets}"
        rows = [{"RID": rid, **dict.fromkeys(columns)} for rid in rids]
        await self.catalog.session.request("PUT", path, json=rows, accept=JSON)


def _any(rids: Sequence[str]) -> str:
    return f"RID=any({','.join(map(escape, rids))})"
