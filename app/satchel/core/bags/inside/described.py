"""A file of records as `satchel inspect --columns` describes it."""

from __future__ import annotations

import msgspec

from satchel.core.bags.inside.columns import Column
from satchel.core.bags.inside.tasks import Problem


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A file of records, all of which was read."""

    path: str
    name: str
    rows: int
    columns: tuple[Column, ...]
    problems: tuple[Problem, ...] = ()
    problem_count: int = 0
