"""Takes away a clone that did not end: the catalog that the job made, and the job."""

from __future__ import annotations

from satchel.core.errors import Kind, SatchelError
from satchel.core.paths import Home


async def remove(home: Home, job: str) -> str:
    """Delete the catalog that a job made and forget the job.

    Returns:
        What was deleted, in a sentence.

    Raises:
        SatchelError: the job is not a clone's, it runs, or the server refuses.
    """
    raise SatchelError(Kind.USAGE, "This version of Satchel cannot clone yet.")
