"""Refuses values that are too long for the indexes which the real server keeps.

PostgreSQL compresses a long value before it goes into an index, so that repetitive texts pass and others do not, and
clients read the sentence that it refuses the others with. Mirrors `index_form_tuple` and `pglz_compress` of
PostgreSQL 15 and ERMrest's choice of indexes (`Column.btree_index_sql`).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from . import types
from .model import Column, Model, Table
from .problems import malformed

INDEXING = "tag:isrd.isi.edu,2018:indexing-preferences"
_SHORT = 600
"""Characters of a text that is never too long, whatever its script and whatever stands beside it."""
_BTREE_MAXIMUM = 2704
_TUPLE_MAXIMUM = 8191
_COMPRESSED_FROM = 510
_FIXED = {
    "int2": 2, "int4": 4, "int8": 8, "float4": 4, "float8": 8, "boolean": 1, "date": 4, "timestamp": 8,
    "timestamptz": 8, "serial2": 2, "serial4": 4, "serial8": 8,
}  # fmt: skip

Check = Callable[[Sequence[Any]], None]


def checker(model: Model, table: Table, *, fresh: bool = True) -> Check | None:
    """A function that raises ErmrestError 400 for a row (values by column position) which an index cannot hold.

    Args:
        model: where the table is.
        table: the table.
        fresh: whether rows come in as whole entities, by way of a table of their own with its own index.

    Returns:
        The function, or None where no value can be too long.
    """
    wanted = [
        ([table.columns.index(c) for c in columns], name) for columns, name in _indexes(model, table, fresh=fresh)
    ]
    variable = [n for n, c in enumerate(table.columns) if _is_variable(c)]
    variable = [n for n in variable if any(n in positions for positions, _ in wanted)]
    if not variable:
        return None

    def check(values: Sequence[Any]) -> None:
        for position in variable:
            value = values[position]
            if isinstance(value, str) and len(value) > _SHORT:
                for positions, name in wanted:
                    if position in positions:
                        _check(table, name, [(table.columns[p], values[p]) for p in positions])

    return check


def _is_variable(column: Column) -> bool:
    return column.type.array or types.family(column.type) in ("text", "json", "array")


def _preference(model: Model, table: Table, column: Column) -> Any:
    found: Any = True
    schema = model.schemas.get(table.schema)
    for thing in (model, schema, table, column):
        preferences = thing.annotations.get(INDEXING) if thing is not None else None
        if isinstance(preferences, dict) and "btree" in preferences:
            found = preferences["btree"]
    return found


def _indexes(model: Model, table: Table, *, fresh: bool) -> list[tuple[list[Column], str]]:
    """Columns and names of the indexes that a row goes into, in the order in which it does."""
    system = ("RID", "RCT", "RMT", "RCB", "RMB")
    found: list[tuple[list[Column], str]] = []
    members = {name for key in table.keys for name in key.columns if name not in system}
    natural = [c for c in table.columns if c.name in members]
    if natural and fresh:
        found.append((natural[:32], ""))
    leading: dict[str, list[str]] = {}
    for fkey in table.foreign_keys:
        leading.setdefault(fkey.columns[0], list(fkey.columns))
    for key in table.keys:
        found.append(([c for name in key.columns if (c := table.column(name))], key.constraint[1]))
    unique_first = {key.columns[0] for key in table.keys}
    for column in table.columns:
        if column.type.base == "json":
            continue
        wish = _preference(model, table, column)
        names = [column.name]
        if isinstance(wish, list):
            names = [str(name) for name in wish] if all(table.column(str(n)) for n in wish) else names
        elif column.name in unique_first:
            continue
        elif column.name in leading:
            names = leading[column.name]
        elif not wish:
            continue
        found.append(([c for name in names if (c := table.column(name))], "_".join([table.name, *names, "idx"])[:63]))
    return found


def _check(table: Table, name: str, values: Sequence[tuple[Column, Any]]) -> None:
    # Compression only ever makes a row shorter, and finding out by how much is slow.
    if _size(values, compress=False) <= _BTREE_MAXIMUM or (size := _size(values, compress=True)) <= _BTREE_MAXIMUM:
        return
    relation = table.name
    if not name:
        relation = f"input_data_{secrets.token_urlsafe(16)}"
        name = "_".join([relation, *(c.name for c, _ in values), "idx"])[:63]
    if size > _TUPLE_MAXIMUM:
        raise malformed(f'index row requires {size} bytes, maximum size is {_TUPLE_MAXIMUM} for index "{name}"\n')
    raise malformed(
        f'index row size {size} exceeds btree version 4 maximum {_BTREE_MAXIMUM} for index "{name}"\n'
        f'DETAIL:  Index row references tuple (0,1) in relation "{relation}".\n'
        "HINT:  Values larger than 1/3 of a buffer page cannot be indexed.\n"
        "Consider a function index of an MD5 hash of the value, or use full text indexing.\n"
    )


def _size(values: Sequence[tuple[Column, Any]], *, compress: bool) -> int:
    """How many bytes an index row has."""
    size = 16 if any(value is None for _, value in values) else 8
    for column, value in values:
        size = _behind(size, column, value, compress)
    return -(-size // 8) * 8


def _behind(size: int, column: Column, value: Any, compress: bool) -> int:
    """Where the next value of an index row begins, given where this one may."""
    if value is None:
        return size
    if not _is_variable(column):
        width = _FIXED.get(column.type.base, 8)
        return -(-size // width) * width + width
    data = str(value).encode()
    length = len(data) if types.family(column.type) == "text" and not column.type.array else _binary(column, data)
    if length <= 126:
        return size + 1 + length
    stored = 4 + length
    if compress and stored > _COMPRESSED_FROM:
        compressed = compressed_size(data)
        if compressed is not None:
            shrunk = 8 + compressed * length // len(data)
            stored = min(stored, shrunk)
    return -(-size // 4) * 4 + stored


def _binary(column: Column, data: bytes) -> int:
    """About how long an array or a jsonb value is in PostgreSQL's own form."""
    try:
        value = json.loads(data)
    except ValueError:
        return len(data)
    if column.type.array and isinstance(value, list):
        return 20 + sum(4 + -(-len(str(item)) // 4) * 4 for item in value)
    return _jsonb(value)


def _jsonb(value: Any) -> int:
    if isinstance(value, dict):
        return 4 + sum(8 + len(key.encode()) + _jsonb(item) for key, item in value.items())
    if isinstance(value, list):
        return 4 + sum(4 + _jsonb(item) for item in value)
    if isinstance(value, str):
        return len(value.encode())
    return 0 if value is None or isinstance(value, bool) else 10


@lru_cache(maxsize=64)  # a value goes into several indexes, and the same remark often into many rows
def compressed_size(data: bytes) -> int | None:
    """How many bytes PostgreSQL's own compression makes of some; None where it gives up, for it saves too little."""
    length = len(data)
    limit = length * 75 // 100
    mask = 8191 if length >= 1024 else 4095 if length >= 512 else 2047 if length >= 256 else 1023
    history: dict[int, list[int]] = {}
    written = items = at = 0
    found = False
    while at < length:
        if written >= limit or (not found and written >= 1024):
            return None
        if items % 8 == 0:
            written += 1
        items += 1
        match = _match(data, at, history.get(_hash(data, at, mask)))
        if match > 2:
            written += 3 if match > 17 else 2
            found = True
        else:
            match = 1
            written += 1
        for place in range(at, at + match):
            history.setdefault(_hash(data, place, mask), []).append(place)
        at += match
    return written if written < limit else None


def _hash(data: bytes, at: int, mask: int) -> int:
    if len(data) - at < 4:
        return data[at] & mask
    return ((data[at] << 6) ^ (data[at + 1] << 4) ^ (data[at + 2] << 2) ^ data[at + 3]) & mask


def _match(data: bytes, at: int, places: list[int] | None) -> int:
    """The length of the match that the compressor would settle for."""
    if not places:
        return 0
    best, good = 0, 128
    longest = min(273, len(data) - at)
    for number in range(len(places) - 1, -1, -1):
        place = places[number]
        if at - place >= 0x0FFF:
            break
        if best < longest and data[place + best] == data[at + best]:
            same = 0
            while same < longest and data[place + same] == data[at + same]:
                same += 1
            best = max(best, same)
        if best >= good:
            break
        good -= good * 10 // 100
    return best
