"""`/history`: how far a catalog's snapshots reach back, and forgetting the oldest of them.

Mirrors ERMrest's api-doc/history/rest.md: of it, the range and its truncation; amending history is not supported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from . import rids
from .model import ErmrestError, Model
from .problems import malformed

if TYPE_CHECKING:
    from .catalog import Catalog, Transaction


def span(catalog: Catalog, low: int | None, high: int | None) -> dict[str, Any]:
    """The document of a range of history: its first and last snapshot. Raises ErmrestError 404 where there is none."""
    first = max(catalog.first, low or 0)
    last = min(catalog.last, high if high is not None else catalog.last)
    if first > last:
        raise ErmrestError(404, "Resource not found.", "history range")
    return {"snaprange": [rids.encode(first), rids.encode(last)], "amendver": None}


def truncate(transaction: Transaction, until: int) -> list[Model]:
    """Forget what had ended at a moment, or before. Returns the models that are left."""
    catalog, db = transaction.catalog, transaction.db
    if until > catalog.last:
        raise malformed("History truncation requires an upper time bound that is not in the future.")
    models = list(catalog.models)
    while len(models) > 1 and models[1].since <= until:
        del models[0]
    if models[0].since < until:
        models[0] = _dated(models[0], until)
        db.execute("DELETE FROM model WHERE since < ?", (until,))
        db.execute("INSERT OR REPLACE INTO model VALUES (?, ?)", (until, msgspec.json.encode(models[0])))
    kept = {table.phys for model in models for table in model.tables()}
    for (phys,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 't[0-9]*'").fetchall():
        if phys in kept:
            db.execute(f"DELETE FROM {phys} WHERE _to <= ?", (until,))
        else:
            db.execute(f"DROP TABLE {phys}")
            db.execute("DELETE FROM changed WHERE phys = ?", (phys,))
    return models


def _dated(model: Model, since: int) -> Model:
    copy = msgspec.json.decode(msgspec.json.encode(model), type=Model)
    copy.since = since
    return copy
