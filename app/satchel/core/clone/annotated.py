"""What the export annotation of the root's table takes, for who prefers that to the rule of docs/reach.md.

Every output of every template counts, fragments put in and aliases, joins and filters understood, as Chaise and the
server do it. Of each table that a path leads through the rows on the path are taken, the union over all paths. Then
come associations between tables that are taken whose rows are taken on both sides, or that lead to a vocabulary, and
vocabularies that rows refer to. What is still referred to and was not taken is an orphan.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from satchel.core.clone.request import CloneRequest
from satchel.core.clone.selecting import Selected
from satchel.core.deriva import reach
from satchel.core.deriva.ermrest import Catalog, CatalogInfo
from satchel.core.deriva.model import Model, Table
from satchel.core.deriva.model_reader import association_keys, is_system_reference
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import escape
from satchel.core.deriva.reach import Gathered, Hidden, ReachedTable, Role
from satchel.core.deriva.reach.plan import Plan, planned, readable
from satchel.core.deriva.reach.store import told
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.spec.lint_model import UnknownError, Walk
from satchel.core.export.spec.querypath import PathError, parse
from satchel.core.export.spec.templates import make_spec, templates_of
from satchel.core.jobs.context import Context

_PAGE = 10_000
_AT_ONCE = 4


@dataclass
class Paths:
    """What an annotation says."""

    prefixes: dict[str, TableName] = field(default_factory=dict)
    """Path without api -> the table that it leads to."""
    whole: set[TableName] = field(default_factory=set)
    """Vocabularies that it names without a way from the root."""
    passed_over: list[str] = field(default_factory=list)
    """Outputs that could not be understood, or do not begin at the root; and why."""


def paths_of(model: Model, info: CatalogInfo, root: Table, rid: str) -> Paths:
    """The ways that the templates of a table go from a record.

    Raises:
        SatchelError: there is no export annotation.
    """
    found = Paths()
    templates = templates_of(model, info.annotations, root)
    found.passed_over += templates.dropped
    own = [template for template in templates.templates if template.where != "default"]
    if not own:
        raise SatchelError(
            Kind.USAGE,
            f"{root.name} has no export annotation that could be followed.",
            "Leave --by-annotation out: then what belongs to the record is taken.",
            "; ".join(found.passed_over),
        )
    for template in own:
        for query in make_spec(template, "host", "1", root, rid).spec["catalog"]["query_processors"]:
            path = str(query["processor_params"]["query_path"]).replace("{{", "{").replace("}}", "}")
            try:
                _follow(path, model, root, rid, found)
            except (PathError, UnknownError) as error:
                found.passed_over.append(f"{path}: {error}")
    return found


def _follow(path: str, model: Model, root: Table, rid: str, found: Paths) -> None:
    query = parse(path)
    walk = Walk(model)
    elements = list(query.elements)
    anchored = len(elements) > 1 and elements[1].kind == "filter" and elements[1].text == f"RID={escape(rid)}"
    for number, element in enumerate(elements):
        walk.step(element)
        last = number + 1 == len(elements)
        if not last and elements[number + 1].kind == "filter":
            continue  # with its filters
        table = walk.here
        if table is None:
            raise PathError(f"where {element.text} leads cannot be told from the schema")
        if not anchored or table is None:
            if not table.is_vocabulary:
                raise PathError("it does not begin at the record, and only vocabularies come without a way to them")
            found.whole.add(table.name)
            continue
        if readable(table) and table.kind == "table":
            found.prefixes["/".join(query.raw[: number + 1])] = table.name


class Annotated:
    """The rows that an annotation takes. Close it at the end; it holds temporary tables."""

    def __init__(self, gathered: Gathered, root: TableName, whole_vocabularies: bool) -> None:
        self._gathered = gathered
        self._root = root
        self._whole = whole_vocabularies
        self._number = gathered.store.number
        self._planned = gathered.plan.tables
        self.hidden: tuple[Hidden, ...] = ()
        self.tables: tuple[ReachedTable, ...] = ()
        with told(gathered.store.file):
            self._db = sqlite3.connect(gathered.store.file, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA cache_size = -4000")
            for i in range(len(self._planned)):
                self._db.execute(f"CREATE TEMP TABLE s{i} (o INTEGER PRIMARY KEY)")

    def close(self) -> None:
        """Give up the temporary tables."""
        self._db.close()

    def add(self, table: TableName, rids: list[str]) -> None:
        """Take rows. Blocking."""
        i = self._number[table]
        with told(self._gathered.store.file):
            self._db.executemany(
                f"INSERT OR IGNORE INTO s{i} SELECT o FROM r{i} WHERE rid = ?",  # noqa: S608 - a number
                ((rid,) for rid in rids),
            )

    def add_all(self, table: TableName) -> None:
        """Take all rows of a table. Blocking."""
        i = self._number[table]
        self._db.execute(f"INSERT OR IGNORE INTO s{i} SELECT o FROM r{i}")  # noqa: S608

    def complete(self, chosen: frozenset[TableName]) -> None:
        """Take associations, then vocabularies, until there are no more. Blocking.

        Args:
            chosen: the tables that the annotation or the person names.
        """
        with told(self._gathered.store.file):
            for i, each in enumerate(self._planned):
                pair = association_keys(each.table)
                if pair is None or each.name in chosen:
                    continue
                sides = []
                for key in pair:
                    j, m = each.references.index(key), self._number.get(key.referenced)
                    if m is None:
                        break
                    free = self._planned[m].table.is_vocabulary
                    here = f"EXISTS (SELECT 1 FROM s{m} x WHERE x.o = t.p{j})"  # noqa: S608
                    sides.append(f"t.p{j} >= 0" if free else here)
                else:
                    self._db.execute(f"INSERT OR IGNORE INTO s{i} SELECT t.o FROM t{i} t WHERE {' AND '.join(sides)}")  # noqa: S608
            while self._vocabularies():
                pass
            self.tables = tuple(self._table(i) for i in range(len(self._planned)))

    def _vocabularies(self) -> bool:
        """Take the terms that rows refer to; whether there were any more."""
        more = False
        for i, each in enumerate(self._planned):
            for j, key in enumerate(each.references):
                m = self._number.get(key.referenced)
                if m is None or not self._planned[m].table.is_vocabulary:
                    continue
                used = f"SELECT t.p{j} FROM s{i} s CROSS JOIN t{i} t ON t.o = s.o WHERE t.p{j} >= 0"  # noqa: S608
                if self._whole:
                    used = f"SELECT o FROM r{m} WHERE EXISTS ({used})"  # noqa: S608
                more = self._db.execute(f"INSERT OR IGNORE INTO s{m} {used}").rowcount > 0 or more
        return more

    def _table(self, i: int) -> ReachedTable:
        each = self._planned[i]
        rows = int(self._db.execute(f"SELECT count(*) FROM s{i}").fetchone()[0])  # noqa: S608
        assets, size = 0, 0
        if each.table.asset is not None:
            assets, size = self._db.execute(
                f"SELECT count(*), coalesce(sum(r.len), 0) FROM s{i} s CROSS JOIN r{i} r ON r.o = s.o "  # noqa: S608
                "WHERE r.asset = 1"
            ).fetchone()
        role = Role.ROOT if each.name == self._root else Role.VOCABULARY if each.table.is_vocabulary else Role.DOWN
        return ReachedTable(each.name, rows, self._gathered.totals.get(each.name, 0), assets, size, 0, role)

    def rids(self, table: TableName) -> Iterator[tuple[int, str]]:
        """The rows of a table that are taken: number and RID."""
        i = self._number.get(table)
        last = -1
        while i is not None:
            with told(self._gathered.store.file):
                page = self._db.execute(
                    f"SELECT s.o, r.rid FROM s{i} s CROSS JOIN r{i} r ON r.o = s.o WHERE s.o > ? "  # noqa: S608
                    f"ORDER BY s.o LIMIT {_PAGE}",
                    (last,),
                ).fetchall()
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1][0]


async def annotated(
    catalog: Catalog,
    info: CatalogInfo,
    root: TableName,
    request: CloneRequest,
    selected: Selected,
    file: Path,
    context: Context,
) -> tuple[Gathered, Annotated]:
    """Read what the annotation takes. Both are to be closed.

    Raises:
        SatchelError: there is no annotation, or the server fails.
    """
    model = await catalog.model()
    paths = await asyncio.to_thread(paths_of, model, info, model.tables[root], request.rid)
    for why in paths.passed_over:
        context.warn("annotation-output", f"An output of the export annotation is passed over: {why}", where=str(root))
    excluded = {TableName.parse(name) for name in selected.offers.exclude}
    chosen = frozenset({root, *paths.prefixes.values(), *paths.whole, *selected.included}) - excluded
    names = _with_more(model, chosen, excluded, request)
    tables = tuple(planned(model, model.tables[name], names, names) for name in sorted(names))
    gathered = await reach.gather_tables(
        catalog, request.rid, Plan(root, tables, frozenset(), True), file, context=context
    )
    found = Annotated(gathered, root, request.selection.vocabularies == "whole")
    try:
        await asyncio.to_thread(found.add, root, [request.rid])
        gate = asyncio.Semaphore(_AT_ONCE)

        async def follow(path: str, table: TableName) -> None:
            after = ""
            while True:
                async with gate:
                    rows = await catalog.rows(f"attribute/{path}/r:=RID@sort(r){after}?limit={_PAGE}")
                rids = [str(row["r"]) for row in rows if row["r"] is not None]
                await asyncio.to_thread(found.add, table, rids)
                if len(rows) < _PAGE or not rids:
                    return
                after = f"@after({escape(rids[-1])})"

        with context.stage("annotation", "Follow the export annotation", unit="requests"):
            async with asyncio.TaskGroup() as group:
                for path, table in paths.prefixes.items():
                    if table in names:
                        group.create_task(follow(path, table))
        for table in (paths.whole | {name for name in selected.included if model.tables[name].is_vocabulary}) & names:
            await asyncio.to_thread(found.add_all, table)
        await asyncio.to_thread(found.complete, chosen)
    except BaseException as error:
        found.close()
        gathered.close()
        if isinstance(error, ExceptionGroup):
            raise error.exceptions[0] from None
        raise
    return gathered, found


def _with_more(
    model: Model, chosen: frozenset[TableName], excluded: set[TableName], request: CloneRequest
) -> set[TableName]:
    """The chosen tables with associations between them (or to vocabularies), and vocabularies that they refer to."""
    names = set(chosen)

    def taken(name: TableName) -> bool:
        table = model.tables.get(name)
        return name not in excluded and readable(table) and table is not None and table.kind == "table"

    if request.selection.associations:
        for table in model:
            pair = association_keys(table)
            if pair is None or not taken(table.name) or any(map(is_system_reference, pair)):
                continue
            ends = [key.referenced for key in pair]
            words = [taken(end) and model.tables[end].is_vocabulary for end in ends]
            if all(end in chosen or word for end, word in zip(ends, words, strict=True)) and not all(words):
                names.add(table.name)
    if request.selection.vocabularies != "none":
        waiting = list(names)
        while waiting:
            for key in model.tables[waiting.pop()].foreign_keys:
                there: Any = model.tables.get(key.referenced)
                if there is not None and there.is_vocabulary and key.referenced not in names and taken(key.referenced):
                    names.add(key.referenced)
                    waiting.append(key.referenced)
    return {name for name in names if taken(name)}
