"""Rows as ERMrest sends them: CSV, a JSON array, or one JSON object a line.

SQLite formats the rows itself, each as one piece of bytes: no Python code runs for a row, save for floats and arrays,
and SQLite lets other threads run meanwhile.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from urllib.parse import quote

from . import types
from .ast import Query
from .compile import json_array, json_value
from .model import Type
from .statement import Batches, Compiled

CSV = "text/csv"
JSON = "application/json"
STREAM = "application/x-json-stream"
MEDIA = (CSV, JSON, STREAM)

CHUNK = 64 * 1024
"""Bytes of a chunk, about."""

_REMEMBERED = 50_000
"""How many rows' identities are held to read them in batches."""

_ARGUMENTS = 60
"""Most values that one call of printf gets: SQLite takes 127 arguments, older builds 100."""


def negotiate(accept_header: str | None, query: Query | None = None) -> str:
    """The media type to answer with: `?accept=` before the Accept header, JSON when neither says something known."""
    wanted = query.option("accept") if query else None
    wanted = {"csv": CSV, "json": JSON}.get(wanted or "", wanted)
    if wanted in MEDIA:
        return str(wanted)
    best, weight = JSON, 0.0
    for item in (accept_header or "").split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if name.lower() in MEDIA and (q := _weight(parameters)) > weight:
            best, weight = name.lower(), q
    return best


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def disposition(query: Query, media: str) -> str | None:
    """The Content-Disposition header that `?download=` asks for, or None."""
    name = query.option("download")
    if not name:
        return None
    return "attachment; filename*=UTF-8''" + quote(name + (".csv" if media == CSV else ".json"), safe="")


def rows(compiled: Compiled, cursor: sqlite3.Cursor, media: str) -> Iterator[bytes]:
    """Run a compiled statement on a cursor (of a connection that `compile.register` knows) and give the body.

    Chunks of about 64 KiB; memory does not grow with the rows. Nothing runs before the first chunk is asked for. All
    is read in one transaction: where none is open, one is begun here and ended with the last chunk or `close()`, so
    the connection should serve nothing else meanwhile. To be used in one thread.
    """
    separator = b",\n " if media == JSON else b"\n"
    connection = cursor.connection
    begun = not connection.in_transaction
    if begun:
        cursor.execute("BEGIN")
    try:
        if media == CSV:
            yield ",".join(csv_text(name) for name, _ in compiled.columns).encode() + b"\n"
        opening = b"[" if media == JSON else b""
        for piece in map(_finished, _pieces(compiled, cursor, media, separator)):
            if media == JSON:
                yield opening + piece
                opening = separator
            else:
                yield piece + b"\n"
        if media == JSON:
            yield b"[]\n" if opening == b"[" else b"]\n"
    finally:
        if begun:
            connection.rollback()


def _pieces(compiled: Compiled, cursor: sqlite3.Cursor, media: str, separator: bytes) -> Iterator[bytes]:
    batches = compiled.batches
    if batches is None:
        return _one_by_one(compiled, cursor, media, separator)
    if batches.key is not None:
        return _by_key(compiled, batches, batches.key, cursor, media, separator)
    return _by_identity(compiled, batches, cursor, media, separator)


class _Size:
    """How many rows make a chunk, learnt from those before."""

    def __init__(self) -> None:
        self.rows = 16

    def learn(self, rows: int, size: int) -> None:
        # Follow the rows' length, but do not jump: one short row says little about the next.
        self.rows = max(1, min(self.rows * 4, CHUNK * rows // (size + 1), 8192))


def _one_by_one(compiled: Compiled, cursor: sqlite3.Cursor, media: str, separator: bytes) -> Iterator[bytes]:
    cursor.execute(statement(compiled, media), compiled.params)
    size = _Size()
    while batch := cursor.fetchmany(size.rows):
        piece = separator.join([row[0] for row in batch])
        yield piece
        size.learn(len(batch), len(piece))


def _by_key(
    compiled: Compiled, batches: Batches, key: str, cursor: sqlite3.Cursor, media: str, separator: bytes
) -> Iterator[bytes]:
    """Batch after batch along a unique index, each beginning where the last one ended."""
    row = _row(batches.cells, compiled, media)
    last, sign, direction = ("min", "<", "DESC") if batches.descending else ("max", ">", "ASC")

    def batch(wheres: list[str]) -> str:
        return (
            f"SELECT CAST(group_concat(r, {_quoted(separator.decode())}) AS BLOB), count(*), {last}(k) FROM "
            f"(SELECT {row} AS r, {key} AS k FROM {batches.source} WHERE {' AND '.join(f'({w})' for w in wheres)} "
            f"ORDER BY {key} {direction} LIMIT :_rows)"
        )

    text = batch(batches.wheres)
    params = dict(compiled.params)
    left = batches.limit
    size = _Size()
    while left is None or left > 0:
        params["_rows"] = size.rows if left is None else min(size.rows, left)
        piece, count, params["_key"] = cursor.execute(text, params).fetchone()
        if count:
            yield piece
        if count < params["_rows"]:
            return
        left = None if left is None else left - count
        text = batch([*batches.wheres, f"{key} {sign} :_key"])
        size.learn(count, len(piece))


def _by_identity(
    compiled: Compiled, batches: Batches, cursor: sqlite3.Cursor, media: str, separator: bytes
) -> Iterator[bytes]:
    """First which rows, then batch after batch of them; one by one where they are too many to remember."""
    wanted = f"SELECT i FROM ({batches.identities}) LIMIT {_REMEMBERED + 1}"
    count, listed = cursor.execute(f"SELECT count(*), json_group_array(i) FROM ({wanted})", compiled.params).fetchone()
    if count > _REMEMBERED:
        yield from _one_by_one(compiled, cursor, media, separator)
        return
    text = (
        f"SELECT CAST(group_concat(r, {_quoted(separator.decode())}) AS BLOB) FROM "
        f"(SELECT {_row(batches.cells, compiled, media)} AS r FROM json_each(:_ids) AS j "
        f"CROSS JOIN {batches.source} ON {batches.alias}._id = j.value ORDER BY j.key)"
    )
    identities = json.loads(listed)
    params = dict(compiled.params)
    size = _Size()
    at = 0
    while at < count:
        some = identities[at : at + size.rows]
        params["_ids"] = json.dumps(some)
        (piece,) = cursor.execute(text, params).fetchone()
        yield piece
        at += len(some)
        size.learn(len(some), len(piece))


def csv_text(value: str) -> str:
    """A text as a CSV field: quoted when empty, as an unquoted empty field is null, or when it must be."""
    if value == "" or any(c in value for c in ',"\n\r'):
        return '"' + value.replace('"', '""') + '"'
    return value


def statement(compiled: Compiled, media: str) -> str:
    """The statement that gives each row as one blob."""
    row = _row([f"q.c{index}" for index in range(len(compiled.columns))], compiled, media)
    return f"SELECT CAST({row} AS BLOB) FROM ({compiled.sql}) AS q"


def _row(cells: list[str], compiled: Compiled, media: str) -> str:
    """The SQL of a row's text."""
    fields = []
    for cell, (name, of) in zip(cells, compiled.columns, strict=True):
        if media == CSV:
            fields.append(("", _csv(cell, of, compiled.arrays_as_json)))
        else:
            fields.append((types.jsonb_text(name) + ":", _json(cell, of)))
    if media == CSV and len(fields) == 1:
        # PostgreSQL quotes a lone \\. as old readers take it for the end of the data.
        fields = [("", f"CASE {fields[0][1]} WHEN '\\.' THEN '\"\\.\"' ELSE {fields[0][1]} END")]
    starts = range(0, len(fields), _ARGUMENTS)
    parts = []
    for start in starts:
        some = fields[start : start + _ARGUMENTS]
        form = ",".join(prefix.replace("%", "%%") + "%s" for prefix, _ in some)
        if media != CSV:
            form = ("{" if start == starts[0] else "") + form + ("}" if start == starts[-1] else "")
        parts.append(f"printf({_quoted(form)}, {', '.join(sql for _, sql in some)})")
    return " || ',' || ".join(parts)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_MARKED = re.compile(rb'([~^])"(-?[0-9][-+.0-9e]*)')


def _float(cell: str, of: Type, quote: str) -> str:
    """The SQL of a float that is not null.

    SQLite's own text does for doubles where 15 digits are enough and no exponent is due. Others are marked for
    `_finished`, as Python's shortest text is right always, with 20 digits, so that reading them gives the same
    double. The marks `~"` and `^"` before a digit or minus sign occur in nothing else that is put out: a quote
    within a CSV field is doubled, within a JSON string it follows a backslash, and a closing quote precedes no digit.
    """
    if of.base == "float4":
        plain, short, mark = "0", "''", "^"
    else:
        short, mark = f"printf('%.15g', {cell})", "~"
        plain = f"(abs({cell}) BETWEEN 0.0001 AND 1e14 OR {cell} = 0) AND CAST({short} AS REAL) = {cell}"
    return (
        f"CASE WHEN {plain} THEN {short} "
        f"WHEN abs({cell}) <= 1.7976931348623157e308 THEN printf('{mark}\"%!.20g', {cell}) "
        f"WHEN {cell} > 0 THEN '{quote}Infinity{quote}' ELSE '{quote}-Infinity{quote}' END"
    )


def _finished(piece: bytes) -> bytes:
    """The piece with its marked floats as PostgreSQL prints them."""
    if b'~"' in piece or b'^"' in piece:
        return _MARKED.sub(_shortest, piece)
    return piece


def _shortest(match: re.Match[bytes]) -> bytes:
    text = (types.float8_text if match[1] == b"~" else types.float4_text)(float(match[2]))
    return (text or "").encode()


def _json(cell: str, of: Type) -> str:
    if types.family(of) == "float":
        return f"CASE WHEN {cell} IS NULL THEN 'null' ELSE {_float(cell, of, chr(34))} END"
    return json_value(cell, of)


def _csv(cell: str, of: Type, arrays_as_json: bool) -> str:
    kind = types.family(of)
    if kind == "boolean":
        return f"CASE {cell} WHEN 1 THEN 't' WHEN 0 THEN 'f' END"
    if kind == "float":
        return f"CASE WHEN {cell} IS NOT NULL THEN {_float(cell, of, '')} END"
    if kind in ("int", "numeric", "date", "uuid"):
        return cell
    if kind == "timestamptz":
        return f"substr({cell}, 1, 10) || ' ' || substr({cell}, 12, length({cell}) - 14)"
    if kind == "timestamp":
        return f"replace({cell}, 'T', ' ')"
    if kind == "array":
        cell = json_array(cell, of) if arrays_as_json else f"ermrest_array({cell}, '{of.base}')"
    return (
        f"CASE WHEN instr({cell}, ',') OR instr({cell}, '\"') OR instr({cell}, char(10)) OR instr({cell}, char(13)) "
        f"OR {cell} = '' THEN '\"' || replace({cell}, '\"', '\"\"') || '\"' ELSE {cell} END"
    )
