"""The constraint stage: orphans are dealt with, then each foreign key is put on.

Foreign keys that are known to hold go together, in one transaction of the server's for several; where one of them
turns out not to hold, and for those that are known not to, one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from satchel.core.clone.destination import existing_constraints
from satchel.core.clone.orphans import ServerGround, Violations, violations
from satchel.core.clone.plan import SYSTEM_TABLES, ClonePlan, KeyPlan, nullable
from satchel.core.clone.report import SAMPLES, Category, Findings, ForeignKeyReport, Severity
from satchel.core.clone.settling import State, active, begin, effective, settle
from satchel.core.deriva.ermrest import Catalog
from satchel.core.errors import SatchelError
from satchel.core.jobs.context import Context, Stage

TOGETHER = 40
"""Foreign keys for one request."""
TOGETHER_ROWS = 300_000
"""Rows that they look at: a server has 15 seconds for each."""
_TRIES = 3


@dataclass
class Constraints:
    """The foreign keys of a clone.

    Args:
        destination: the clone.
        plan: of it.
        documents: of the foreign keys, by name.
        suspects: those that are expected not to hold, with the rows that they would find.
        context: for checkpoints.
        findings: told of all.
    """

    destination: Catalog
    plan: ClonePlan
    documents: Mapping[str, Any]
    suspects: Mapping[str, int]
    context: Context
    findings: Findings

    async def settle(self, ground: ServerGround, stage: Stage) -> State:
        """Delete or nullify what refers to nothing, as the strategies say; to the fixed point."""
        plans = {plan.name: plan for plan in self.plan.keys if plan.state == "pending"}
        chosen = active(self.plan.keys, self.plan.model)
        columns = {plan.name: nullable(plan.key, self.plan.model.tables[plan.key.table]) for plan in chosen}
        state = ground.recall(begin(self.plan.keys, self.plan.model))
        if self.context.resumed:
            await ground.go_on(state, plans, columns)
        if not state.done:
            # Also of a job that was killed: what else a foreign key touched may not have been written down.
            state.dirty = await ground.survey(chosen)
            delete = {plan.name for plan in chosen if plan.strategy == "delete"}
            if state.phase == "nullify" and not delete.isdisjoint(state.dirty):
                state.phase, state.at = "delete", 0
            await settle(self.plan.keys, self.plan.model, ground, state)
            await ground.keep(state)
        removed, nullified = sum(state.removed.values()), sum(state.nullified.values())
        stage.note = f"{removed:,} rows deleted, {nullified:,} references set to null"
        return state

    async def apply(self, state: State, stage: Stage) -> None:
        """Put the foreign keys on and tell of each."""
        there: set[tuple[str, str]] = set()
        if self.context.resumed:
            _, there = await existing_constraints(self.destination)
        waiting = [plan for plan in self.plan.keys if plan.state == "pending"]
        stage.total = len(waiting)
        for plan in self.plan.keys:
            if plan.state != "pending":
                self._tell(plan, plan.state, state, message=plan.reason)
        held = [plan for plan in waiting if (plan.key.schema, plan.key.name) in there]
        for plan in held:
            self._applied(plan, state, stage)
        rest = [plan for plan in waiting if plan not in held]
        sure = [plan for plan in rest if not self._suspect(plan)]
        # Those of people apart: whom the source does not show, none of these foreign keys knows, and all others hold.
        people = [plan for plan in sure if plan.key.referenced in SYSTEM_TABLES]
        for group in [*self._groups([plan for plan in sure if plan not in people]), *self._groups(people)]:
            try:
                await self._post([self.documents[plan.name] for plan in group])
            except SatchelError as error:
                if not _refused(error):
                    raise
                # Perhaps they are there, and the first answer was lost; else one of them does not hold.
                _, there = await existing_constraints(self.destination)
                for plan in group:
                    if (plan.key.schema, plan.key.name) in there:
                        self._applied(plan, state, stage)
                    else:
                        await self._one(plan, state, stage)
            else:
                for plan in group:
                    self._applied(plan, state, stage)
        for plan in rest:
            if self._suspect(plan):
                await self._one(plan, state, stage)
        told = self.findings.foreign_keys
        self.findings.foreign_keys = {plan.name: told[plan.name] for plan in self.plan.keys}

    def _suspect(self, plan: KeyPlan) -> bool:
        return effective(plan, self.plan.model) == "fail" and self.suspects.get(plan.name, 0) > 0

    def _groups(self, plans: Sequence[KeyPlan]) -> list[list[KeyPlan]]:
        groups: list[list[KeyPlan]] = []
        rows = 0
        for plan in plans:
            table = self.plan.table(plan.key.table)
            rows += table.rows if table else 0
            if not groups or len(groups[-1]) >= TOGETHER or rows > TOGETHER_ROWS:
                groups.append([])
                rows = table.rows if table else 0
            groups[-1].append(plan)
        return groups

    async def _post(self, documents: Sequence[Any]) -> None:
        path = f"{self.destination.path}/schema"
        await self.destination.session.request("POST", path, json=list(documents), idempotent=True)

    async def _one(self, plan: KeyPlan, state: State, stage: Stage) -> None:
        for attempt in range(_TRIES):
            try:
                await self._post([self.documents[plan.name]])
            except SatchelError as error:
                if not _refused(error):
                    raise
                # Its first answer may have been lost; and the words of this one may have been cut off.
                _, there = await existing_constraints(self.destination)
                if (plan.key.schema, plan.key.name) in there:
                    break
                if "violates" in error.detail or attempt + 1 == _TRIES:
                    await self._failed(plan, state, error)
                    stage.add(1)
                    return
            else:
                break
        self._applied(plan, state, stage)

    def _applied(self, plan: KeyPlan, state: State, stage: Stage) -> None:
        self._tell(plan, "applied", state)
        stage.add(1)

    async def _failed(self, plan: KeyPlan, state: State, error: SatchelError) -> None:
        found = await violations(self.destination, plan)
        if plan.key.referenced in SYSTEM_TABLES:
            self._unknown_people(plan, state, found)
            return
        words = error.detail.splitlines()
        # Of what it says the key that it came upon first is left out: it is another each time, and all rows are told.
        told = " ".join(line for line in words[:-1] if line).partition(" DETAIL:")[0][:500]
        self._tell(
            plan,
            "failed",
            state,
            orphans=found.rows,
            values=found.values,
            samples=found.samples,
            message=told,
        )
        action = "Use orphan_strategy=DELETE or NULLIFY to handle"
        if plan.strategy == "nullify" and not nullable(plan.key, self.plan.model.tables[plan.key.table]):
            action = "No column of it allows null: use DELETE for it"
        self.findings.add(
            Severity.ERROR,
            Category.FK_VIOLATION,
            "FK constraint failed",
            table=str(plan.key.table),
            details=f"{plan.name}: {found.rows:,} rows, {found.values:,} different values, refer to rows of "
            f"{plan.key.referenced} that are not there; for example {', '.join(found.samples) or 'none'}. {told}",
            action=action,
            row_count=found.rows,
        )

    def _unknown_people(self, plan: KeyPlan, state: State, found: Violations) -> None:
        """Rows name people whom the source does not show: no fault of the rows, and no reason to touch them."""
        reason = f"{found.rows:,} rows name people or groups whom the source does not show to you"
        self._tell(plan, "left-out", state, values=found.values, samples=found.samples, message=reason)
        self.findings.add(
            Severity.INFO,
            Category.ACCESS_DENIED,
            "FK left out",
            table=str(plan.key.table),
            details=f"FK {plan.name}: {reason}",
            row_count=found.rows,
        )

    def _tell(
        self,
        plan: KeyPlan,
        outcome: str,
        state: State,
        *,
        orphans: int = 0,
        values: int = 0,
        samples: Sequence[str] = (),
        message: str = "",
    ) -> None:
        key = plan.key
        removed, nullified = state.removed.get(plan.name, 0), state.nullified.get(plan.name, 0)
        self.findings.foreign_keys[plan.name] = ForeignKeyReport(
            name=plan.name,
            table=str(key.table),
            columns=key.columns,
            referenced=str(key.referenced),
            referenced_columns=key.referenced_columns,
            state=outcome,  # type: ignore[arg-type]  # one of FkeyState
            strategy=plan.strategy,
            orphans=orphans or removed + nullified,
            values=values,
            removed=removed,
            nullified=nullified,
            sample_rids=tuple(samples or state.samples.get(plan.name, ()))[:SAMPLES],
            message=message,
        )


def tell_left_out(plan: ClonePlan, dangling: Mapping[str, int], findings: Findings) -> None:
    """Issues for the foreign keys that the clone is not to have."""
    for each in plan.keys:
        rows = dangling.get(each.name, 0)
        if each.state == "pruned":
            findings.add(
                Severity.WARNING,
                Category.FK_PRUNED,
                "FK pruned due to hidden reference data",
                table=str(each.key.table),
                details=f"FK {each.name} references columns with 'select': null; {each.reason}",
                action="Source catalog may have incoherent policies",
            )
        elif each.state == "left-out":
            findings.add(
                Severity.WARNING if rows else Severity.INFO,
                Category.SCHEMA_ISSUE,
                "FK left out",
                table=str(each.key.table),
                details=f"FK {each.name}: {each.reason}",
                action="Rows keep their values; include the table to have the FK" if rows else None,
                row_count=rows,
            )


def tell_orphans(plan: ClonePlan, state: State, findings: Findings) -> None:
    """Issues and figures for the rows that were deleted or nullified."""
    by_table: dict[tuple[str, str], dict[str, int]] = {}
    for each in plan.keys:
        for word, counts in (("deleted", state.removed), ("nullified", state.nullified)):
            count = counts.get(each.name, 0)
            if not count:
                continue
            table, there = str(each.key.table), str(each.key.referenced)
            missing = findings.missing.setdefault(table, {})
            missing[there] = missing.get(there, 0) + count
            kinds = by_table.setdefault((table, word), {})
            kinds[there] = kinds.get(there, 0) + count
    for (table, word), missing in sorted(by_table.items()):
        total = sum(missing.values())
        told = ", ".join(f"{there} ({count} rows)" for there, count in sorted(missing.items()))
        findings.add(
            Severity.WARNING,
            Category.ORPHAN_ROWS,
            f"Orphan rows {word}",
            table=table,
            details=f"Missing references to: {told}",
            action="Source catalog may have incoherent row-level policies",
            row_count=total,
        )


def _refused(error: SatchelError) -> bool:
    return error.detail[:4] in ("400 ", "404 ", "409 ")
