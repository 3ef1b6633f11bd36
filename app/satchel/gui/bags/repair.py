"""What of a bag can be mended by fetching it anew."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from satchel.core.bags.problem_store import ProblemStore

if TYPE_CHECKING:
    from satchel.core.bags.validate import ValidateResult

BROKEN = frozenset({"missing", "checksum", "length"})
"""Kinds of problem of payload files that are lost, changed or damaged."""


async def broken(result: ValidateResult) -> tuple[str, ...]:
    """The payload files that are bad, all of them: those alone are fetched. Raises SatchelError."""
    import asyncio

    from satchel.core.bags.reports import problems

    def find() -> tuple[str, ...]:
        paths = (problem.path for problem in problems(result, "error") if problem.code in BROKEN)
        return tuple(dict.fromkeys(path for path in paths if path.startswith("data/")))

    return await asyncio.to_thread(find)


def is_broken(result: ValidateResult) -> bool:
    """Whether there are any."""
    if any(problem.code in BROKEN for problem in result.errors):
        return True
    if not result.store:
        return False
    try:
        with ProblemStore(Path(result.store)) as store:  # which has an index of kinds
            return any(store.has("error", code) for code in BROKEN)
    except sqlite3.Error:  # the job was discarded
        return False


def unfetched(result: ValidateResult) -> bool:
    """Whether files are still where they were, as fetch.txt says."""
    return result.remote > 0
