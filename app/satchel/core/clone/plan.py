"""What a clone consists of: tables, rows, foreign keys. Made from what was read of the source; no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from satchel.core.clone.request import Strategy
from satchel.core.deriva.model import ForeignKey, Model, Table
from satchel.core.deriva.names import TableName

SYSTEM_TABLES = frozenset(
    TableName("public", name) for name in ("ERMrest_Client", "ERMrest_Group", "ERMrest_RID_Lease")
)
"""Every catalog has them from its first moment."""


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
