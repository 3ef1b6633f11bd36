"""What has changed between two versions of a dataset: members, and the rows that come with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from satchel.core.deriva.datasets.elements import elements, nested_in
from satchel.core.deriva.datasets.listing import DATASET
from satchel.core.deriva.datasets.model import DatasetVersion
from satchel.core.deriva.datasets.rows import Reached, Told, read_rows
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import Model
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import any_of, batches
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Result

MOST_COMPARED = 2000
"""Rows of a table that are compared column by column; of more it is only said that they were written to."""
_WRITES = frozenset({"RMT", "RMB"})


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """A row that differs."""

    rid: str
    what: str
    """`added`, `removed` or `changed`."""
    columns: tuple[str, ...] = ()
    """Of a changed row those whose values differ."""


class TableChange(msgspec.Struct, frozen=True, kw_only=True):
    """What has changed in a table, among the rows that come with the dataset."""

    table: str
    added: int
    removed: int
    changed: int
    compared: bool = True
    """False: too many rows were written to between the versions to look which values differ."""
    rows: tuple[RowChange, ...] = ()
    new_columns: tuple[str, ...] = ()
    lost_columns: tuple[str, ...] = ()


class MemberChange(msgspec.Struct, frozen=True, kw_only=True):
    """Members of one type, those of nested datasets among them, that came or went."""

    table: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


class Changes(Result, tag="dataset-changes", frozen=True, kw_only=True):
    """What differs between two versions; nothing where both tuples are empty."""

    host: str
    catalog: str
    dataset: str
    old: DatasetVersion
    new: DatasetVersion
    members: tuple[MemberChange, ...] = ()
    tables: tuple[TableChange, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.members and not self.tables


async def changes(
    catalog: Catalog, rid: str, old: DatasetVersion, new: DatasetVersion, told: Told | None = None
) -> Changes:
    """Compare two versions of a dataset.

    Args:
        catalog: of the dataset; its snapshot does not matter.
        rid: the dataset's.
        old: the version to compare with; it has a snapshot.
        new: the one to compare.
        told: hears of progress.

    Raises:
        SatchelError: a version without snapshot, or a server that fails.
    """
    for version in (old, new):
        if not version.snapshot:
            raise SatchelError(
                Kind.USAGE, f"Version {version.version} is bound to no snapshot, so it cannot be compared."
            )
    before, after = catalog.at(old.snapshot), catalog.at(new.snapshot)
    first = await read_rows(before, rid, told=told)
    second = await read_rows(after, rid, told=told)
    members = await _members(before, after, rid, first.model, second.model)
    names = sorted({*first.rows, *second.rows})
    found = [await _table(before, after, name, first, second) for name in names]
    return Changes(
        host=catalog.host,
        catalog=catalog.id,
        dataset=rid,
        old=old,
        new=new,
        members=tuple(members),
        tables=tuple(table for table in found if table is not None),
    )


async def _members(before: Catalog, after: Catalog, rid: str, old: Model, new: Model) -> list[MemberChange]:
    first, second = await asyncio.gather(_all_members(before, rid, old), _all_members(after, rid, new))
    found = []
    for table in sorted({*first, *second}):
        added = second.get(table, set()) - first.get(table, set())
        removed = first.get(table, set()) - second.get(table, set())
        if added or removed:
            found.append(MemberChange(table=str(table), added=tuple(sorted(added)), removed=tuple(sorted(removed))))
    return found


async def _all_members(catalog: Catalog, rid: str, model: Model) -> dict[TableName, set[str]]:
    datasets = [rid, *await nested_in(catalog, rid)]
    found: dict[TableName, set[str]] = {DATASET: set(datasets[1:])}
    for element in elements(model):
        if element.table == DATASET:
            continue
        own, member = element.dataset.columns[0], element.member.columns[0]
        for some in batches(datasets):
            rows = await catalog.rows(f"entity/{element.association.path}/{any_of(own, some)}?limit=none")
            found.setdefault(element.table, set()).update(str(row[member]) for row in rows)
    return found


async def _table(
    before: Catalog, after: Catalog, name: TableName, first: Reached, second: Reached
) -> TableChange | None:
    old, new = first.rows.get(name, {}), second.rows.get(name, {})
    added, removed = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    written = sorted(rid for rid in old.keys() & new.keys() if old[rid] != new[rid])
    came, went = _columns(first.model, second.model, name)
    compared = len(written) <= MOST_COMPARED
    changed: list[RowChange] = []
    if compared and written:
        was, now = await asyncio.gather(_rows(before, name, written), _rows(after, name, written))
        for rid in written:
            columns = _differing(was.get(rid, {}), now.get(rid, {}))
            if columns:
                changed.append(RowChange(rid=rid, what="changed", columns=columns))
    if not (added or removed or changed or came or went or not compared):
        return None
    return TableChange(
        table=str(name),
        added=len(added),
        removed=len(removed),
        changed=len(changed) if compared else len(written),
        compared=compared,
        rows=(*_told(added, "added"), *_told(removed, "removed"), *changed),
        new_columns=came,
        lost_columns=went,
    )


def _told(rids: Sequence[str], what: str) -> Iterable[RowChange]:
    return (RowChange(rid=rid, what=what) for rid in rids)


def _columns(old: Model, new: Model, name: TableName) -> tuple[tuple[str, ...], tuple[str, ...]]:
    tables = old.tables.get(name), new.tables.get(name)
    if None in tables:  # a table that came or went is told by its rows
        return (), ()
    was, now = ({column.name for column in table.columns} if table else set() for table in tables)
    return tuple(sorted(now - was)), tuple(sorted(was - now))


def _differing(was: dict[str, Any], now: dict[str, Any]) -> tuple[str, ...]:
    both = (was.keys() & now.keys()) - _WRITES
    return tuple(sorted(column for column in both if was[column] != now[column]))


async def _rows(catalog: Catalog, name: TableName, rids: Sequence[str]) -> dict[str, dict[str, Any]]:
    pages = [await catalog.rows(f"entity/{name.path}/{any_of('RID', some)}?limit=none") for some in batches(rids)]
    return {row["RID"]: row for page in pages for row in page}
