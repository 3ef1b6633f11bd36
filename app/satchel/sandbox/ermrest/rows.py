"""Writing rows: insert, update, delete, with keys and foreign keys held and history kept.

Foreign keys are checked once a request, by sets, after its rows are in: a request is one statement to its client.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from . import indexes, rids, types
from .inputs import converter, default_value
from .model import Column, ErmrestError, ForeignKey, Model, Table
from .problems import conflict, malformed

if TYPE_CHECKING:
    from .catalog import Transaction

_BATCH = 5_000
_SYSTEM = ("RID", "RCT", "RMT", "RCB", "RMB")


@dataclass(slots=True)
class Inserted:
    """What an insert has made: row versions whose inner ids lie in a span, both ends included."""

    first: int
    last: int
    count: int = 0


def find(model: Model, schema: str, name: str) -> Table:
    """A table by name. Raises ErmrestError 409."""
    found = model.schemas.get(schema)
    if found is None:
        raise conflict(f"Schema {schema} does not exist.")
    table = found.tables.get(name)
    if table is None:
        raise conflict(f"Table {name} does not exist in schema {schema}.")
    return table


def insert(
    transaction: Transaction,
    table: Table,
    given: Iterable[Mapping[str, Any]],
    *,
    defaults: frozenset[str] = frozenset(),
    nondefaults: frozenset[str] = frozenset(),
    skip_conflicts: bool = False,
    text_input: bool = False,
    gaps_are_null: bool = False,
) -> Inserted:
    """Insert rows.

    Args:
        transaction: the write under way.
        table: into which.
        given: rows by column name; unknown columns are dropped, as the real server does.
        defaults: columns that the server fills although rows name them.
        nondefaults: system columns that are taken from the rows.
        skip_conflicts: leave out rows whose key is there already.
        text_input: values are texts of CSV.
        gaps_are_null: a column that a row does not name is null there, as for clients of the real server, and not the
            column's default.

    Raises:
        ErmrestError: a row violates a type, a not-null rule, a key or a foreign key.
    """
    taken = {"RID", *nondefaults} & nondefaults
    columns = table.columns
    plan = [
        _filler(transaction, table, c, c.name in taken, c.name in defaults, text_input, gaps_are_null) for c in columns
    ]
    marks = ",".join("?" * (len(columns) + 2))
    conflict_clause = "OR IGNORE " if skip_conflicts else ""
    phys = ",".join(c.phys for c in columns)
    statement = f"INSERT {conflict_clause}INTO {table.phys} (_id, _from, {phys}) VALUES ({marks})"
    (first,) = transaction.db.execute(f"SELECT coalesce(max(_id), 0) + 1 FROM {table.phys}").fetchone()
    rid_at = next((n for n, c in enumerate(columns) if c.name == "RID"), None)
    too_long = indexes.checker(transaction.model, table)
    templates = [n for n, c in enumerate(columns) if c.type.typename in ("ermrest_curie", "ermrest_uri")]
    made = Inserted(first, first - 1)
    source, now, next_id = iter(given), transaction.now, first
    while batch := list(islice(source, _BATCH)):
        transaction.renew()
        own_rids = iter(transaction.take_rids(len(batch))) if "RID" not in taken else None
        tuples = []
        for row in batch:
            values = [fill(row) for fill in plan]
            if rid_at is not None:
                if own_rids is not None:
                    values[rid_at] = rids.encode(next(own_rids))
                elif values[rid_at] is None:
                    values[rid_at] = transaction.new_rid()
                else:
                    transaction.used_rid(str(values[rid_at]))
                for position in templates:
                    if isinstance(values[position], str):
                        values[position] = str(values[position]).replace("{RID}", str(values[rid_at]))
            for position, column in enumerate(columns):
                if values[position] is None and not column.nullok and column.name not in _SYSTEM:
                    raise _null(column, "input_data", values)
            if too_long is not None:
                too_long(values)
            tuples.append((next_id, now, *values))
            next_id += 1
        try:
            transaction.db.executemany(statement, tuples)
        except sqlite3.IntegrityError as error:
            raise _duplicate(transaction, table, tuples, error) from None
        made.last = tuples[-1][0]
        if skip_conflicts:
            # Those that were left out are not there under their new ids.
            (there,) = transaction.db.execute(
                f"SELECT count(*) FROM {table.phys} WHERE _id BETWEEN ? AND ?", (tuples[0][0], made.last)
            ).fetchone()
            made.count += int(there)
        else:
            made.count += len(tuples)
    if made.count:
        transaction.touched.add(table.phys)
        for fkey in table.foreign_keys:
            transaction.renew()
            check_fkey(transaction, table, fkey, since=first, prefix="Input data violates model. ERROR:  ")
    return made


def _filler(
    transaction: Transaction,
    table: Table,
    column: Column,
    taken: bool,
    defaulted: bool,
    text_input: bool,
    gaps_are_null: bool,
) -> Callable[[Mapping[str, Any]], types.Value]:
    """The function that gives a column's value for a row."""
    name, client = column.name, transaction.client.id
    if name in _SYSTEM:
        now = types.moment_text(transaction.when.replace(tzinfo=None)) + "+00:00"
        own: types.Value = {"RCT": now, "RMT": now, "RCB": client, "RMB": client}.get(name)
        if not taken:
            return lambda row: own
        convert = converter(column.type, text_input=text_input)
        return lambda row: own if (value := row.get(name)) is None else convert(value)
    default = default_value(column)
    if defaulted:
        if default is None and column.type.base.startswith("serial"):
            (last,) = transaction.db.execute(f"SELECT coalesce(max({column.phys}), 0) FROM {table.phys}").fetchone()
            numbers = count(int(last) + 1)
            return lambda row: next(numbers)
        return lambda row: default
    convert = converter(column.type, text_input=text_input)
    if text_input:
        return lambda row: convert(row.get(name))
    gap = default if default is not None and not gaps_are_null else "[]" if column.type.array else None
    return lambda row: convert(row[name]) if name in row else gap


def _null(column: Column, relation: str, values: Sequence[Any]) -> ErmrestError:
    shown = ", ".join("null" if v is None else str(v) for v in values)
    return conflict(
        f'null value in column "{column.name}" of relation "{relation}" violates not-null constraint\n'
        f"DETAIL:  Failing row contains ({shown}).\n"
    )


def _duplicate(
    transaction: Transaction, table: Table, tuples: Sequence[tuple[Any, ...]], error: sqlite3.IntegrityError
) -> ErmrestError:
    """Says which key has which value twice, as PostgreSQL does."""
    phys = {c.phys: c for c in table.columns}
    named = set(re.findall(r"\bc\d+\b", str(error)))
    for key in table.keys:
        columns = [c for name in key.columns if (c := table.column(name))]
        if {c.phys for c in columns} != named:
            continue
        places = [2 + table.columns.index(c) for c in columns]
        where = " AND ".join(f"{c.phys} = ?" for c in columns)
        seen: set[tuple[Any, ...]] = set()
        for row in tuples:
            value = tuple(row[p] for p in places)
            there = transaction.db.execute(
                f"SELECT 1 FROM {table.phys} WHERE _to IS NULL AND {where} AND _id < ?", (*value, tuples[0][0])
            ).fetchone()
            if there or value in seen:
                names = ", ".join(f'"{c.name}"' for c in columns)
                values = ", ".join(map(str, value))
                return conflict(
                    "Input data violates model. ERROR:  duplicate key value violates unique constraint "
                    f'"{key.constraint[1]}"\nDETAIL:  Key ({names})=({values}) already exists.\n'
                )
            seen.add(value)
    return conflict(f"Input data violates model. ERROR:  {error} {sorted(phys.keys() & named)}\n")


def check_fkey(transaction: Transaction, table: Table, fkey: ForeignKey, since: int = 0, prefix: str = "") -> None:
    """Hold a foreign key for the live rows from an inner id on. Raises ErmrestError 409 naming a value that dangles."""
    referenced = find(transaction.model, fkey.ref_schema, fkey.ref_table)
    froms = [c for name in fkey.columns if (c := table.column(name))]
    tos = [c for name in fkey.ref_columns if (c := referenced.column(name))]
    present = " AND ".join(f"a.{c.phys} IS NOT NULL" for c in froms)
    equal = " AND ".join(f"b.{t.phys} = a.{f.phys}" for f, t in zip(froms, tos, strict=True))
    dangling = transaction.db.execute(
        f"SELECT {', '.join('a.' + c.phys for c in froms)} FROM {table.phys} a WHERE a._to IS NULL AND a._id >= ? "
        f"AND {present} AND NOT EXISTS (SELECT 1 FROM {referenced.phys} b WHERE b._to IS NULL AND {equal}) LIMIT 1",
        (since,),
    ).fetchone()
    if dangling is not None:
        raise conflict(
            f'{prefix}insert or update on table "{table.name}" violates foreign key constraint "{fkey.constraint[1]}"\n'
            f"DETAIL:  Key ({', '.join(fkey.columns)})=({', '.join(map(str, dangling))}) is not present in table "
            f'"{referenced.name}".\n'
        )


def update(
    transaction: Transaction,
    table: Table,
    given: Sequence[Mapping[str, Any]],
    keys: Sequence[tuple[str, str]],
    targets: Sequence[tuple[str, str]],
    *,
    text_input: bool = False,
    allowed: Callable[[Sequence[int]], None] | None = None,
) -> list[int]:
    """Update rows that keys find.

    Args:
        transaction: the write under way.
        table: of which.
        given: rows by input name.
        keys: pairs of input name and column; together they find rows.
        targets: pairs of input name and column to be set; a name that is missing from a row sets null.
        text_input: values are texts of CSV.
        allowed: is given the inner ids of the rows that would change, and raises where one may not.

    Returns:
        For each input row that found a row its place among the inputs.

    Raises:
        ErmrestError: as `insert`, and 400 when two inputs have the same key.
    """
    key_columns = [(name, _column(table, column)) for name, column in keys]
    target_columns = [(name, _column(table, column)) for name, column in targets]
    key_converters = [converter(c.type, text_input=text_input) for _, c in key_columns]
    converters = [converter(c.type, text_input=text_input) for _, c in target_columns]
    where = " AND ".join(f"{c.phys} IS ?" for _, c in key_columns)
    found: list[int] = []
    changes: dict[int, dict[int, Any]] = {}
    seen: set[tuple[Any, ...]] = set()
    for place, row in enumerate(given):
        if place % _BATCH == 0:
            transaction.renew()
        key = tuple(convert(row.get(name)) for convert, (name, _) in zip(key_converters, key_columns, strict=True))
        if key in seen:
            raise malformed("Multiple input rows share the same unique key information.")
        seen.add(key)
        values = {}
        for convert, (name, column) in zip(converters, target_columns, strict=True):
            raw = row.get(name)
            value = None if raw is None and name not in row else convert(raw)
            values[table.columns.index(column)] = value
        ids = [i for (i,) in transaction.db.execute(f"SELECT _id FROM {table.phys} WHERE _to IS NULL AND {where}", key)]
        if ids:
            found.append(place)
        for inner in ids:
            changes[inner] = values
    if allowed is not None and changes:
        allowed(list(changes))
    rewrite(transaction, table, changes)
    return found


def _column(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise conflict(f"Requested column {name} does not exist in table {table.name}.")
    return column


def rewrite(transaction: Transaction, table: Table, changes: Mapping[int, Mapping[int, Any]]) -> None:
    """Give live row versions, named by inner id, new values by column position; referring rows follow or object."""
    if not changes:
        return
    db, now = transaction.db, transaction.now
    columns = table.columns
    phys = ", ".join(c.phys for c in columns)
    stamp = types.moment_text(transaction.when.replace(tzinfo=None)) + "+00:00"
    system = {"RMT": stamp, "RMB": transaction.client.id}
    too_long = indexes.checker(transaction.model, table, fresh=False)
    old_rows, new_rows = [], []
    (next_id,) = db.execute(f"SELECT coalesce(max(_id), 0) + 1 FROM {table.phys}").fetchone()
    first = next_id
    for inner, values in changes.items():
        old = db.execute(f"SELECT {phys} FROM {table.phys} WHERE _id = ?", (inner,)).fetchone()
        new = list(old)
        for position, value in values.items():
            new[position] = value
        for position, column in enumerate(columns):
            if column.name in system and position not in values:
                new[position] = system[column.name]
            if new[position] is None and not column.nullok and column.name not in _SYSTEM:
                raise _null(column, table.name, new)
        if too_long is not None:
            too_long(new)
        old_rows.append(old)
        new_rows.append((next_id, now, *new))
        next_id += 1
    db.executemany(f"UPDATE {table.phys} SET _to = ? WHERE _id = ?", [(now, inner) for inner in changes])
    marks = ",".join("?" * (len(columns) + 2))
    try:
        db.executemany(f"INSERT INTO {table.phys} (_id, _from, {phys}) VALUES ({marks})", new_rows)
    except sqlite3.IntegrityError as error:
        raise _duplicate(transaction, table, new_rows, error) from None
    # A version that began in this very transaction was never visible: it leaves no history.
    db.execute(f"DELETE FROM {table.phys} WHERE _from = _to")
    transaction.touched.add(table.phys)
    positions = set().union(*(set(v) for v in changes.values()))
    touched = {columns[p].name for p in positions}
    for fkey in table.foreign_keys:
        if touched.intersection(fkey.columns):
            check_fkey(transaction, table, fkey, since=first, prefix="Input data violates model. ERROR:  ")
    for other, fkey in _referring(transaction.model, table):
        if touched.intersection(fkey.ref_columns):
            places = [columns.index(_column(table, name)) for name in fkey.ref_columns]
            moved = [
                (tuple(old[p] for p in places), tuple(new[p + 2] for p in places))
                for old, new in zip(old_rows, new_rows, strict=True)
            ]
            _follow(transaction, table, other, fkey, [(a, b) for a, b in moved if a != b], fkey.on_update)


def delete(transaction: Transaction, table: Table, inner_ids: Sequence[int]) -> None:
    """End live row versions; referring rows are ended, nulled or object, as their foreign keys say."""
    if not inner_ids:
        return
    db = transaction.db
    phys = ", ".join(c.phys for c in table.columns)
    gone = [
        db.execute(f"SELECT {phys} FROM {table.phys} WHERE _id = ? AND _to IS NULL", (inner,)).fetchone()
        for inner in inner_ids
    ]
    db.executemany(
        f"UPDATE {table.phys} SET _to = ? WHERE _id = ? AND _to IS NULL", [(transaction.now, i) for i in inner_ids]
    )
    db.execute(f"DELETE FROM {table.phys} WHERE _from = _to")
    transaction.touched.add(table.phys)
    for other, fkey in _referring(transaction.model, table):
        places = [table.columns.index(_column(table, name)) for name in fkey.ref_columns]
        keys = [tuple(row[p] for p in places) for row in gone if row is not None]
        _follow(transaction, table, other, fkey, [(key, None) for key in keys], fkey.on_delete)


def _referring(model: Model, table: Table) -> list[tuple[Table, ForeignKey]]:
    return [
        (other, fkey)
        for other in model.tables()
        for fkey in other.foreign_keys
        if (fkey.ref_schema, fkey.ref_table) == (table.schema, table.name)
    ]


def _follow(
    transaction: Transaction,
    table: Table,
    other: Table,
    fkey: ForeignKey,
    moved: Sequence[tuple[tuple[Any, ...], tuple[Any, ...] | None]],
    action: str,
) -> None:
    """Do to referring rows what a foreign key says when the key they refer to changed (or went: None)."""
    db = transaction.db
    columns = [_column(other, name) for name in fkey.columns]
    positions = [other.columns.index(c) for c in columns]
    where = " AND ".join(f"{c.phys} = ?" for c in columns)
    for old, new in moved:
        if any(value is None for value in old):
            continue
        ids = [i for (i,) in db.execute(f"SELECT _id FROM {other.phys} WHERE _to IS NULL AND {where}", old)]
        if not ids:
            continue
        if action == "CASCADE" and new is None:
            delete(transaction, other, ids)
        elif action == "CASCADE" and new is not None:
            values = dict(zip(positions, new, strict=True))
            rewrite(transaction, other, dict.fromkeys(ids, values))
        elif action == "SET NULL":
            rewrite(transaction, other, dict.fromkeys(ids, dict.fromkeys(positions, None)))
        elif action == "SET DEFAULT":
            defaults = {p: default_value(c) for p, c in zip(positions, columns, strict=True)}
            rewrite(transaction, other, dict.fromkeys(ids, defaults))
        else:
            raise conflict(
                f'update or delete on table "{table.name}" violates foreign key constraint "{fkey.constraint[1]}" on '
                f'table "{other.name}"\nDETAIL:  Key ({", ".join(fkey.ref_columns)})=({", ".join(map(str, old))}) is '
                f'still referenced from table "{other.name}".\n'
            )
