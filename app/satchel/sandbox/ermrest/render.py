"""Rows as ERMrest sends them: CSV, a JSON array, or one JSON object a line.

SQLite formats the rows itself, each as one piece of bytes: no Python code runs for a row, save for floats and arrays,
and SQLite lets other threads run meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from urllib.parse import quote

from . import types
from .ast import Query
from .compile import json_value
from .model import Type
from .statement import Compiled

CSV = "text/csv"
JSON = "application/json"
STREAM = "application/x-json-stream"
MEDIA = (CSV, JSON, STREAM)

CHUNK = 64 * 1024
"""Bytes of a chunk, about."""

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

    Chunks of about 64 KiB; memory does not grow with the rows. The statement starts with the first chunk.
    """
    cursor.execute(statement(compiled, media), compiled.params)
    names = [name for name, _ in compiled.columns]
    if media == CSV:
        yield ",".join(csv_text(name) for name in names).encode() + b"\n"
        yield from (piece + b"\n" for piece in _pieces(cursor, b"\n"))
    elif media == STREAM:
        yield from (piece + b"\n" for piece in _pieces(cursor, b"\n"))
    else:
        opening = b"["
        for piece in _pieces(cursor, b",\n "):
            yield opening + piece
            opening = b",\n "
        yield b"[]\n" if opening == b"[" else b"]\n"


def _pieces(cursor: sqlite3.Cursor, separator: bytes) -> Iterator[bytes]:
    count = 64
    while batch := cursor.fetchmany(count):
        piece = separator.join([row[0] for row in batch])
        yield piece
        # Follow the rows' length, but never jump: one short row says little about the next.
        count = max(1, min(count * 2, CHUNK * len(batch) // (len(piece) + 1), 8192))


def csv_text(value: str) -> str:
    """A text as a CSV field: quoted when empty, as an unquoted empty field is null, or when it must be."""
    if value == "" or any(c in value for c in ',"\n\r'):
        return '"' + value.replace('"', '""') + '"'
    return value


def statement(compiled: Compiled, media: str) -> str:
    """The statement that gives each row as one blob."""
    fields = []
    for index, (name, of) in enumerate(compiled.columns):
        cell = f"q.c{index}"
        if media == CSV:
            fields.append(("", _csv(cell, of, compiled.arrays_as_json)))
        else:
            fields.append((types.jsonb_text(name) + ":", _json(cell, of)))
    if media == CSV and len(fields) == 1:
        # PostgreSQL quotes a lone \. as old readers take it for the end of the data.
        fields = [("", f"CASE {fields[0][1]} WHEN '\\.' THEN '\"\\.\"' ELSE {fields[0][1]} END")]
    starts = range(0, len(fields), _ARGUMENTS)
    parts = []
    for start in starts:
        some = fields[start : start + _ARGUMENTS]
        form = ",".join(prefix.replace("%", "%%") + "%s" for prefix, _ in some)
        if media != CSV:
            form = ("{" if start == starts[0] else "") + form + ("}" if start == starts[-1] else "")
        parts.append(f"printf({_quoted(form)}, {', '.join(sql for _, sql in some)})")
    row = " || ',' || ".join(parts)
    return f"SELECT CAST({row} AS BLOB) FROM ({compiled.sql}) AS q"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _json(cell: str, of: Type) -> str:
    if of.array and of.base not in ("json", "jsonb"):
        return f"ifnull(json({cell}), 'null')"
    return json_value(cell, of)


def _csv(cell: str, of: Type, arrays_as_json: bool) -> str:
    kind = types.family(of)
    if kind == "boolean":
        return f"CASE {cell} WHEN 1 THEN 't' WHEN 0 THEN 'f' END"
    if kind == "float":
        return f"ermrest_{'float4' if of.base == 'float4' else 'float8'}({cell})"
    if kind in ("int", "numeric", "date", "uuid"):
        return cell
    if kind == "timestamptz":
        return f"substr({cell}, 1, 10) || ' ' || substr({cell}, 12, length({cell}) - 14)"
    if kind == "timestamp":
        return f"replace({cell}, 'T', ' ')"
    if kind == "array":
        cell = _json_array(cell, of) if arrays_as_json else f"ermrest_array({cell}, '{of.base}')"
    return (
        f"CASE WHEN instr({cell}, ',') OR instr({cell}, '\"') OR instr({cell}, char(10)) OR instr({cell}, char(13)) "
        f"OR {cell} = '' THEN '\"' || replace({cell}, '\"', '\"\"') || '\"' ELSE {cell} END"
    )


def _json_array(cell: str, of: Type) -> str:
    return cell if of.base in ("json", "jsonb") else f"json({cell})"
