"""How the clone wizard calls things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.core import words

if TYPE_CHECKING:
    from satchel.core.clone.forecast import DanglingForecast, StrategyForecast

STRATEGIES = {
    "fail": "Leave the constraint off",
    "delete": "Delete the rows",
    "nullify": "Empty the reference",
}
"""`fail`, `delete`, `nullify`: what becomes of rows whose reference leads nowhere."""
EXPLAINED = {
    "fail": "The rows come along as they are. The catalog does not enforce this reference, and the report lists them.",
    "delete": "Rows that refer to nothing are deleted, then rows that refer to those, until all references hold.",
    "nullify": "The reference is set to null in those rows. Where a value is required, the constraint is left off.",
}
REASONS = {
    "missing": "not there, or hidden from you",
    "hidden": "in a table that you may not read",
    "excluded": "left out by you",
    "assets": "asset rows that are not taken",
}


def outcome(told: StrategyForecast) -> str:
    """What a strategy comes to: "12 rows deleted, 3 constraints left off"."""
    if not told.possible:
        return "not possible here: the columns must not be null"
    parts = []
    if told.rows_deleted:
        parts.append(f"{words.count(told.rows_deleted, 'rows')} deleted")
    if told.rows_nullified:
        parts.append(f"{words.count(told.rows_nullified, 'references')} emptied")
    if told.fkeys_left_off:
        parts.append(f"{words.count(told.fkeys_left_off, 'constraints')} left off")
    return ", ".join(parts) or "nothing to do"


def columns(key: DanglingForecast) -> str:
    """From where to where."""
    return f"{key.table} ({', '.join(key.columns)}) → {key.referenced} ({', '.join(key.referenced_columns)})"
