"""What a clone consists of: tables, rows, foreign keys. Made from what was read of the source; no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol

from satchel.core.clone.asset_urls import asset_columns
from satchel.core.clone.request import CloneRequest, Strategy
from satchel.core.deriva.model import SYSTEM_COLUMNS, Column, ForeignKey, Model, Table
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach import Gathered, Hidden, ReachedTable
from satchel.core.deriva.reach.plan import hides, readable
from satchel.core.errors import Kind, SatchelError

SYSTEM_TABLES = frozenset(
    TableName("public", name) for name in ("ERMrest_Client", "ERMrest_Group", "ERMrest_RID_Lease")
)
"""Every catalog has them from its first moment."""


class Coming(Protocol):
    """What comes along: what the rule comes to (`satchel.core.deriva.reach.Reached`), or all that is in a bag."""

    @property
    def tables(self) -> tuple[ReachedTable, ...]:
        """The tables, the root's among them."""

    @property
    def hidden(self) -> tuple[Hidden, ...]:
        """What this user may not read."""

    def rids(self, table: TableName) -> Iterator[tuple[int, str]]:
        """The rows of a table that come along: number and RID."""


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A table of the clone."""

    table: Table
    rows: int
    """To copy."""
    total: int
    """Of those that this user sees in the source."""
    role: str
    assets: int = 0
    asset_bytes: int = 0
    emptied: bool = False
    """An asset table whose rows are not taken."""

    @property
    def name(self) -> TableName:
        """The table's name."""
        return self.table.name

    @property
    def whole(self) -> bool:
        """Whether all rows come along."""
        return self.rows == self.total


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """A foreign key of a table of the clone."""

    key: ForeignKey
    state: str
    """`pending` (to be applied), `pruned`, or `left-out`."""
    strategy: Strategy = "fail"
    reason: str = ""
    """Why it is left out or pruned."""

    @property
    def name(self) -> str:
        """`schema:constraint_name`."""
        return f"{self.key.schema}:{self.key.name}"


@dataclass(frozen=True, slots=True)
class ClonePlan:
    """All of it."""

    host: str
    catalog: str
    snapshot: str
    root: TableName
    rid: str
    model: Model
    """The source's."""
    tables: tuple[TablePlan, ...]
    keys: tuple[KeyPlan, ...]
    skipped: Mapping[TableName, str]
    """Tables that the clone cannot have (no RID column, a view), and why."""

    def table(self, name: TableName) -> TablePlan | None:
        """The plan of a table; None where the clone does not have it."""
        return next((table for table in self.tables if table.name == name), None)


def strategy_of(request: CloneRequest, key: ForeignKey) -> Strategy:
    """The strategy for a foreign key: its own, else its table's, else the one for all."""
    own = request.orphans_for.get(f"{key.schema}:{key.name}")
    return own or request.orphans_for.get(str(key.table)) or request.orphans


def copied_columns(table: Table) -> list[Column]:
    """The columns that the clone has: those that this user may read."""
    return [column for column in table.columns if column.selectable]


def nullable(key: ForeignKey, table: Table) -> tuple[str, ...]:
    """Those columns of a foreign key that can be set to null."""
    found = []
    for name in key.columns:
        column = table.column(name)
        if column is not None and column.nullok and name not in SYSTEM_COLUMNS:
            found.append(name)
    return tuple(found)


def make_plan(
    request: CloneRequest, gathered: Gathered, reached: Coming, included: Sequence[tuple[TableName, int]]
) -> ClonePlan:
    """What the clone consists of.

    Args:
        request: the person's.
        gathered: what was read of the source.
        reached: what the rule comes to.
        included: tables that the person names, with the rows that come of each.

    Raises:
        SatchelError: a strategy is given for what is neither a table nor a foreign key of the clone.
    """
    model = gathered.model
    skipped: dict[TableName, str] = {}
    tables: dict[TableName, TablePlan] = {}
    for found in reached.tables:
        _take(tables, skipped, request, model.tables[found.name], found, found.rows)
    for name, rows in included:
        if name not in tables:
            _take(tables, skipped, request, model.tables[name], None, rows)
    plans = [_key(request, key, tables, model) for table in tables.values() for key in table.table.foreign_keys]
    _check_strategies(request, tables, plans)
    return ClonePlan(
        host=gathered.host,
        catalog=gathered.catalog,
        snapshot=gathered.snapshot,
        root=gathered.root,
        rid=gathered.rid,
        model=model,
        tables=tuple(tables.values()),
        keys=tuple(sorted((plan for plan in plans if plan is not None), key=order)),
        skipped=skipped,
    )


def order(plan: KeyPlan) -> tuple[object, ...]:
    """Foreign keys are dealt with in this order, in the forecast and on the server."""
    key = plan.key
    return key.table, key.columns, key.referenced, key.referenced_columns, plan.name


def _take(
    tables: dict[TableName, TablePlan],
    skipped: dict[TableName, str],
    request: CloneRequest,
    table: Table,
    found: ReachedTable | None,
    rows: int,
) -> None:
    name = table.name
    if name in SYSTEM_TABLES:
        return
    if table.kind != "table":
        skipped[name] = f"it is a {table.kind}, which has no rows of its own"
    elif not all(table.column(column) for column in SYSTEM_COLUMNS):
        skipped[name] = "it lacks system columns (RID, RCT, RMT, RCB, RMB)"
    else:
        emptied = asset_columns(table) is not None and request.assets == "none"
        tables[name] = TablePlan(
            table=table,
            rows=0 if emptied else rows,
            total=found.total_rows if found else rows,
            role=str(found.role) if found else "included",
            assets=found.assets if found and not emptied else 0,
            asset_bytes=found.asset_bytes if found and not emptied else 0,
            emptied=emptied,
        )


def _key(request: CloneRequest, key: ForeignKey, tables: Mapping[TableName, TablePlan], model: Model) -> KeyPlan | None:
    strategy = strategy_of(request, key)
    here, there = model.tables[key.table], model.tables.get(key.referenced)
    if hides(here, key.columns):
        return KeyPlan(key, "left-out", strategy, "you may not read the columns that refer")
    if key.referenced in SYSTEM_TABLES:
        if key.referenced_columns == ("ID",):
            return KeyPlan(key, "pending", strategy)
        return KeyPlan(key, "left-out", strategy, f"rows of {key.referenced} have other RIDs in another catalog")
    if key.referenced not in tables:
        reason = "is not in the clone"
        if (
            str(key.referenced) in request.selection.exclude
            or key.referenced.schema in request.selection.exclude_schemas
        ):
            reason = "was left out"
        elif there is None or not readable(there):
            reason = "may not be read"
        return KeyPlan(key, "left-out", strategy, f"{key.referenced} {reason}")
    if there is None or hides(there, key.referenced_columns):
        return KeyPlan(key, "left-out", strategy, f"you may not read the columns of {key.referenced} that are meant")
    if request.prune_hidden_fkeys and row_dependent(model, key):
        return KeyPlan(key, "pruned", strategy, f"which rows of {key.referenced} you may read depends on the row")
    return KeyPlan(key, "pending", strategy)


def row_dependent(model: Model, key: ForeignKey) -> bool:
    """Whether it depends on the row if this user may read what a foreign key refers to (`rights.select` is null)."""
    try:
        table = model.document["schemas"][key.referenced.schema]["tables"][key.referenced.table]
    except (KeyError, TypeError):
        return False
    columns = {column["name"]: column for column in table["column_definitions"]}
    places = [table, *(columns[name] for name in key.referenced_columns if name in columns)]
    return any("select" in (rights := place.get("rights") or {}) and rights["select"] is None for place in places)


def _check_strategies(
    request: CloneRequest, tables: Mapping[TableName, TablePlan], plans: Sequence[KeyPlan | None]
) -> None:
    known = {str(name) for name in tables} | {plan.name for plan in plans if plan is not None}
    for name in request.orphans_for:
        if name not in known:
            close = get_close_matches(name, sorted(known), n=1)
            raise SatchelError(
                Kind.USAGE,
                f"{name} is neither a table nor a foreign key of the clone.",
                f"Did you mean {close[0]}?" if close else "Write SCHEMA:TABLE or SCHEMA:CONSTRAINT.",
            )
