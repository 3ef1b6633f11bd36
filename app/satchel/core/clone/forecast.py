"""What a clone would do, told before anything is made."""

from __future__ import annotations

import msgspec

from satchel.core.clone.report import ForeignKeyReport
from satchel.core.jobs.request import Result


class TableForecast(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the clone."""

    table: str
    rows: int
    """To copy."""
    total_rows: int
    """Of those that this user sees."""
    bytes: int | None
    """About how much the rows are; None: not known."""
    assets: int
    asset_bytes: int
    role: str
    """As docs/reach.md says: root, down, partner, up, vocabulary; `included` where only the person names it."""
    removed: int = 0
    """Rows that the chosen strategies would delete."""
    nullified: int = 0
    """Rows in which they would set references to null."""


class StrategyForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy would do if it were chosen for one foreign key, or for all, everything else left as chosen."""

    strategy: str
    possible: bool = True
    """False: nullify where no column allows null; it is then dealt with as fail."""
    rows_deleted: int = 0
    """After all cascades, in all tables."""
    rows_nullified: int = 0
    fkeys_left_off: int = 0
    deleted: dict[str, int] = {}
    """Table -> rows deleted."""


class DanglingForecast(msgspec.Struct, frozen=True, kw_only=True):
    """A foreign key whose references would lead nowhere."""

    name: str
    """`schema:constraint_name`, as `CloneRequest.orphans_for` takes it."""
    table: str
    columns: tuple[str, ...]
    referenced: str
    referenced_columns: tuple[str, ...]
    rows: int
    """Rows that refer to what does not come along, before any strategy is applied."""
    reason: str
    """`missing` (no such row, or one that this user may not see), `hidden` (the table may not be read), `excluded`
    (left out by the person), or `assets` (asset rows are not taken)."""
    in_clone: bool
    """Whether the referenced table is in the clone; otherwise the constraint is left out and the rows stay."""
    sample_rids: tuple[str, ...]
    strategy: str
    """The one that is chosen for it now."""
    strategies: tuple[StrategyForecast, ...] = ()


class OversizedForecast(msgspec.Struct, frozen=True, kw_only=True):
    """Values that may be too long for an index; whether one is depends on how well it compresses."""

    table: str
    column: str
    values: int
    longest: int
    """Bytes."""
    sample_rids: tuple[str, ...]
    in_key: bool = False
    """The column is in a key or foreign key, so that its index cannot be left out."""


class RightForecast(msgspec.Struct, frozen=True, kw_only=True):
    """A right that is missing, or something that stands in the way."""

    side: str
    """`source` or `destination`."""
    code: str
    """`hidden-table`, `hidden-column`, `may-not-create`, `not-owner`, `not-empty`, `no-such-catalog`,
    `policy-not-copied`, `policy-incoherent`, `alias-taken`, `no-files`."""
    message: str
    where: str = ""
    hint: str = ""
    """Whom to ask, what to do."""
    fatal: bool = False
    """The clone cannot be made like this."""


class Forecast(Result, tag="forecast", frozen=True, kw_only=True):
    """All of it. Nothing was made to find it out."""

    hostname: str
    catalog_id: str
    """The source's."""
    snapshot: str
    root_table: str
    rid: str
    destination: str
    tables: tuple[TableForecast, ...]
    rows: int
    bytes: int | None
    assets: int
    asset_bytes: int
    dangling: tuple[DanglingForecast, ...]
    outcome: tuple[StrategyForecast, ...]
    """What fail, delete and nullify would come to, each as the one strategy for all."""
    chosen: StrategyForecast
    """What the request's own strategies come to."""
    foreign_keys: tuple[ForeignKeyReport, ...]
    """Each as it would end: applied, failed, pruned or left out."""
    oversized: tuple[OversizedForecast, ...] = ()
    rights: tuple[RightForecast, ...] = ()
    alias_taken: bool = False
    hidden: tuple[str, ...] = ()
    """Tables that the rule leads to and that this user may not read."""

    @property
    def possible(self) -> bool:
        """Whether nothing stands in the way."""
        return not any(right.fatal for right in self.rights)
