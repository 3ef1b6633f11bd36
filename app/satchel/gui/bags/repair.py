"""What of a bag can be mended by fetching it anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from satchel.core.bags.validate import ValidateResult

BROKEN = frozenset({"missing", "checksum", "length"})
"""Kinds of problem of payload files that are lost, changed or damaged."""


def broken(result: ValidateResult) -> tuple[str, ...]:
    """The payload files that are bad: those alone are fetched."""
    paths = (problem.path for problem in result.errors if problem.code in BROKEN)
    return tuple(dict.fromkeys(path for path in paths if path.startswith("data/")))


def is_broken(result: ValidateResult) -> bool:
    """Whether there are any; quick where there are."""
    return any(problem.code in BROKEN for problem in result.errors)


def unfetched(result: ValidateResult) -> bool:
    """Whether files are still where they were, as fetch.txt says."""
    return result.remote > 0
