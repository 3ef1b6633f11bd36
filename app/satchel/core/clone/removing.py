"""Takes away a clone that did not end: the catalog that the job made, and the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from satchel.core.clone import leftovers
from satchel.core.clone.destination import CATALOG, MADE
from satchel.core.clone.request import CloneRequest
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs import registry
from satchel.core.jobs.journal import Journal
from satchel.core.paths import Home


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """What a clone that did not end has left at the destination."""

    host: str
    catalog: str
    made: bool
    """By the job, so that deleting the job may delete it; false: it was there before, and stays."""
    rows: int
    """Copied so far, by the job's own count."""
    tables: int

    def __str__(self) -> str:
        return f"catalog {self.catalog} on {self.host} with {self.rows:,} rows in {self.tables:,} tables"


def leftover(request: CloneRequest, kept: Mapping[str, Any]) -> Leftover | None:
    """What a job has left, from its checkpoints; None: nothing.

    Args:
        request: the job's.
        kept: its checkpoints.
    """
    if kept.get(CATALOG) is None:
        return None
    copied = [value for key, value in kept.items() if key.startswith("copied/")]
    return Leftover(
        host=request.destination,
        catalog=str(kept[CATALOG]),
        made=bool(kept.get(MADE)),
        rows=sum(int(value[1]) for value in copied),
        tables=sum(1 for value in copied if value[1]),
    )


async def remove(home: Home, job: str) -> str:
    """Delete the catalog that a job made and forget the job. `leftovers.describe` tells beforehand what is in it.

    A catalog that was there before is not deleted; what the job put into it stays and is told.

    Returns:
        What was deleted, in a sentence.

    Raises:
        SatchelError: the job is not a clone's, it runs, or the server refuses.
    """
    found = await leftovers.remove(home, job)
    if found.catalog_id is None:
        return "The job had made nothing."
    what = f"catalog {found.catalog_id} on {found.hostname}"
    if not found.made:
        return f"The job is forgotten. C{what[1:]} was there before the job and stays."
    kept = f" {found.files:,} files that were copied stay in Hatrac." if found.files else ""
    return f"Deleted: {what} with {found.rows:,} rows in {len(found.tables):,} tables.{kept}"


async def look(home: Home, job: str) -> Leftover | None:
    """What a job has left, and how many tables the catalog has; before it is deleted.

    Raises:
        SatchelError: there is no such job, or it is not a clone's.
    """
    journal = Journal(home)
    try:
        request = registry.decode_request(journal.job(job).request)
        if not isinstance(request, CloneRequest):
            raise SatchelError(Kind.USAGE, f"Job {job} is not a clone.")
        return leftover(request, journal.kept(job))
    finally:
        journal.close()


__all__ = ["Leftover", "leftover", "look", "remove"]
