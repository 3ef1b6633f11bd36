"""How references that lead nowhere are dealt with: one course of action, for the forecast and for the server.

First rows are deleted, to the fixed point: a row that goes may be what others refer to. Then references are set to
null; where that takes away a key that others refer to, it begins again. Rows and keys only ever become fewer, so it
ends, cycles and references of a table to itself included. The order of the foreign keys is fixed, so that forecast
and outcome agree row by row.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Protocol

import msgspec

from satchel.core.clone.plan import SYSTEM_TABLES, KeyPlan, nullable
from satchel.core.deriva.model import Model


class State(msgspec.Struct, kw_only=True):
    """Where it stands; a killed job goes on from there."""

    dirty: list[str]
    """Foreign keys that may have orphans."""
    phase: str = "delete"
    at: int = 0
    """The foreign key that is next, by number."""
    done: bool = False
    removed: dict[str, int] = {}
    """Foreign key -> rows deleted for its sake."""
    nullified: dict[str, int] = {}
    samples: dict[str, list[str]] = {}
    """Foreign key -> some of those rows' RIDs."""
    pending: tuple[str, list[str]] | None = None
    """A foreign key, and rows that are being dealt with at this moment."""


class Ground(Protocol):
    """Where rows are: key sets in a file, or the destination's tables."""

    async def delete(self, plan: KeyPlan, state: State) -> int:
        """Delete all orphans of a foreign key, count and note them in `state`; how many there were."""

    async def nullify(self, plan: KeyPlan, columns: tuple[str, ...], state: State) -> int:
        """Set these columns of all its orphans to null, count and note them; how many there were."""


def effective(plan: KeyPlan, model: Model) -> str:
    """The strategy that can be carried out: nothing is deleted or nullified for who made a row, or what is required."""
    if plan.key.referenced in SYSTEM_TABLES:
        return "fail"
    if plan.strategy == "nullify" and not nullable(plan.key, model.tables[plan.key.table]):
        return "fail"
    return plan.strategy


def active(keys: Sequence[KeyPlan], model: Model) -> list[KeyPlan]:
    """The foreign keys whose orphans are deleted or nullified."""
    return [plan for plan in keys if plan.state == "pending" and effective(plan, model) != "fail"]


def begin(keys: Sequence[KeyPlan], model: Model, suspects: Container[str] | None = None) -> State:
    """The state at first.

    Args:
        keys: all foreign keys of the clone.
        model: the source's.
        suspects: those that are known to have orphans; None: any may.
    """
    return State(
        dirty=[plan.name for plan in active(keys, model) if suspects is None or plan.name in suspects],
        removed={},
        nullified={},
        samples={},
    )


async def settle(keys: Sequence[KeyPlan], model: Model, ground: Ground, state: State) -> None:
    """Go on to the fixed point.

    Args:
        keys: all foreign keys of the clone, in order.
        model: the source's.
        ground: where rows are.
        state: changed as it goes on.
    """
    by_phase = {
        phase: [plan for plan in keys if plan.state == "pending" and effective(plan, model) == phase]
        for phase in ("delete", "nullify")
    }
    while not state.done:
        plan = _next(by_phase[state.phase], state)
        if plan is None:
            other = "nullify" if state.phase == "delete" else "delete"
            # Deletions go before, whatever is left to be set to null.
            state.done = not state.dirty
            state.phase, state.at = other, 0
            continue
        if state.phase == "delete":
            lost = None
            count = await ground.delete(plan, state)
        else:
            lost = nullable(plan.key, model.tables[plan.key.table])
            count = await ground.nullify(plan, lost, state)
        state.dirty.remove(plan.name)
        state.at = by_phase[state.phase].index(plan) + 1
        if count:
            _spread(plan, lost, by_phase, state)
            if state.phase == "nullify" and any(p.name in state.dirty for p in by_phase["delete"]):
                state.phase, state.at = "delete", 0


def _next(plans: Sequence[KeyPlan], state: State) -> KeyPlan | None:
    """The first of those that may have orphans, from where it stands on, then from the beginning."""
    dirty = set(state.dirty)
    for plan in (*plans[state.at :], *plans[: state.at]):
        if plan.name in dirty:
            return plan
    return None


def _spread(plan: KeyPlan, lost: tuple[str, ...] | None, by_phase: dict[str, list[KeyPlan]], state: State) -> None:
    """Note which foreign keys may have orphans now that rows of a table (or values in columns of it) are gone."""
    dirty = set(state.dirty)
    for other in (*by_phase["delete"], *by_phase["nullify"]):
        touched = lost is None or not set(lost).isdisjoint(other.key.referenced_columns)
        if other.key.referenced == plan.key.table and touched and other.name not in dirty:
            state.dirty.append(other.name)


def note(state: State, plan: KeyPlan, rids: Sequence[str], kind: str, samples: int) -> None:
    """Count rows that were dealt with."""
    counts = state.removed if kind == "delete" else state.nullified
    counts[plan.name] = counts.get(plan.name, 0) + len(rids)
    known = state.samples.setdefault(plan.name, [])
    known.extend(rids[: max(0, samples - len(known))])
