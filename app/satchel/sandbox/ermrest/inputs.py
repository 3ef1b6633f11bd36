"""Rows as clients send them (JSON, json-stream, CSV) and how a value becomes what SQLite keeps (model.py)."""

from __future__ import annotations

import codecs
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, BinaryIO

from . import types
from .model import Column, ErmrestError, Type
from .problems import malformed, unsupported

Convert = Callable[[Any], types.Value]
_PIECE = 1 << 20
"""Bytes of a CSV body that are read at once."""
_RANGES = {"int2": 15, "smallint": 15, "serial2": 15, "int4": 31, "integer": 31, "serial4": 31}
_FLOAT4 = 3.4028235677973366e38
"""The largest number that is rounded to a finite one of 32 bits."""
_TYPE_WORDS = {
    "int2": "smallint", "int4": "integer", "int8": "bigint", "float8": "double precision", "float4": "real",
    "timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone",
}  # fmt: skip


def media_type(header: str | None) -> str:
    """Which of the three input formats a Content-Type names. Raises ErmrestError 415."""
    kind = (header or "application/json").split(";")[0].strip().lower()
    if kind in ("application/json", "text/json"):
        return "json"
    if kind == "application/x-json-stream":
        return "json-stream"
    if kind in ("text/csv", "text/comma-separated-values"):
        return "csv"
    raise ErmrestError(415, "The request input type is not supported.", f"{kind} input not supported")


def read_json(body: bytes) -> list[Any]:
    """A JSON array of rows. Raises ErmrestError 400."""
    try:
        rows = json.loads(body, parse_float=_number, parse_constant=_constant) if body.strip() else []
    except (ValueError, RecursionError) as error:
        raise malformed(
            f"Bad JSON array input. ERROR:  invalid input syntax for type json\nDETAIL:  {error}\n"
        ) from None
    if not isinstance(rows, list):
        raise malformed("Bad JSON array input. ERROR:  cannot call json_to_recordset on a non-array\n")
    return _objects(rows)


def _number(text: str) -> float | Decimal:
    """A JSON number: a float where nothing is lost by it."""
    value = float(text)
    return value if repr(value) == text or len(text) < 16 else Decimal(text)


def _constant(name: str) -> Any:
    # Python would take it; it is not JSON.
    raise ValueError(f"Token {name!r} is invalid.")


def read_json_stream(body: BinaryIO) -> Iterator[dict[str, Any]]:
    """One JSON object a line, as it is read. Raises ErmrestError 400."""
    try:
        for line in body:
            if line.strip():
                yield from _objects([json.loads(line, parse_float=_number, parse_constant=_constant)])
    except (ValueError, RecursionError) as error:
        raise malformed(
            f"Bad JSON stream input. ERROR:  invalid input syntax for type json\nDETAIL:  {error}\n"
        ) from None


def _objects(rows: list[Any]) -> list[Any]:
    for row in rows:
        if not isinstance(row, dict):
            raise malformed("Bad JSON array input. ERROR:  argument of json_to_recordset must be an array of objects\n")
    return rows


_CSV_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|\Z)')


def csv_records(text: str) -> Iterator[list[str | None]]:
    """Records of a CSV text; an empty field is None, a quoted empty one the empty string. Raises ErmrestError 400."""
    at, end = 0, len(text)
    record: list[str | None] = []
    while at < end or record:
        if not record:
            # A line without quotes is its fields.
            stop = text.find("\n", at)
            line = text[at : stop if stop >= 0 else end]
            if '"' not in line:
                line = line.removesuffix("\r")
                if "\r" not in line:
                    yield [field or None for field in line.split(",")]
                    at = stop + 1 if stop >= 0 else end
                    continue
        match = _CSV_FIELD.match(text, at)
        if match is None:
            raise malformed(f"Bad CSV input at character {at}.")
        quoted, plain, after = match.groups()
        record.append(quoted.replace('""', '"') if quoted is not None else plain or None)
        at = match.end()
        if after != ",":
            yield record
            record = []
            if after == "":
                return


def _csv_stream(body: BinaryIO) -> Iterator[list[str | None]]:
    """The records of a body, of which only a piece is in memory at a time."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest, last = "", False
    while not last:
        piece = body.read(_PIECE)
        last = not piece
        rest += decoder.decode(piece, final=last)
        # Up to the last line break that is not inside quotes.
        cut, quotes = len(rest), rest.count('"')
        while not last and (before := rest.rfind("\n", 0, cut)) >= 0:
            quotes -= rest.count('"', before, cut)
            cut = before
            if quotes % 2 == 0:
                break
        else:
            if not last:
                continue
        whole, rest = (rest, "") if last else (rest[: cut + 1], rest[cut + 1 :])
        yield from csv_records(whole)


def read_csv(body: BinaryIO, columns: Sequence[str], optional: frozenset[str]) -> Iterator[dict[str, Any]]:
    """CSV rows with a header, as they are read; every column of `columns` must be there but the optional ones.

    Raises:
        ErmrestError: what is read is not such.
    """
    try:
        records = _csv_stream(body)
        header = [name or "" for name in next(records, [])]
        _check_header(header, columns, optional)
        for number, record in enumerate(records, 2):
            if len(record) == len(header):
                yield dict(zip(header, record, strict=True))
            elif record != [None]:
                raise malformed(f"Bad CSV input. ERROR:  wrong number of fields in record {number}\n")
    except UnicodeDecodeError as error:
        raise malformed(f"Bad CSV input: {error}") from None


def _check_header(header: list[str], columns: Sequence[str], optional: frozenset[str]) -> None:
    known = set(columns)
    extra = [name for name in header if name not in known]
    if extra:
        raise ErmrestError(409, "Request conflicts with state of server.", f"CSV column {extra[0]} not recognized.")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise malformed(f"CSV column {twice} appears more than once.")
    missing = sorted(known - optional - set(header))
    if missing:
        raise malformed("Missing expected CSV columns: {}.".format(", ".join(f'"{name}"' for name in missing)))


def converter(of: Type, *, text_input: bool = False) -> Convert:
    """The function that turns an input value into the kept one; None stays None but for jsonb.

    With `text_input` values are texts of CSV: JSON types and arrays are parsed from them.
    """
    if of.array:
        inner = converter(types.element(of))
        return lambda value: _array(value, of, inner)
    family = types.family(of)
    if family == "json":
        return _json_text if text_input else _json_value
    if family == "int":
        limit = 1 << _RANGES.get(of.base, 63)
        return lambda value: _int(value, of, limit)
    if family == "text":
        return _text
    if family == "boolean":
        return lambda value: int(value) if isinstance(value, bool) else _literal(value, of)
    if family == "float":
        return lambda value: _float(value, of)
    return lambda value: _literal(value, of)


def _text(value: Any) -> types.Value:
    if value is None or isinstance(value, str):
        if value is not None and "\x00" in value:
            raise malformed("Bad JSON array input. ERROR:  unsupported Unicode escape sequence\n")
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _float(value: Any, of: Type) -> types.Value:
    if value is None:
        return None
    if isinstance(value, str) and value.strip().lower() == "nan":
        raise unsupported("The sandbox keeps no NaN.")
    try:
        number = float(value) if isinstance(value, int | float | Decimal) else _literal(value, of)
    except OverflowError:
        number = math.inf
    told = isinstance(value, str) and "inf" in value.lower()
    largest = _FLOAT4 if of.base == "float4" else sys.float_info.max
    if isinstance(number, float) and not told and abs(number) > largest:
        raise malformed(f'Bad JSON array input. ERROR:  "{value}" is out of range for type {_word(of)}\n')
    return number


def _int(value: Any, of: Type, limit: int) -> types.Value:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        # Not even 1.0: the real server reads the number's text.
        if not (isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,30}\s*", value)):
            raise _invalid(value, of)
        value = int(value)
    if not -limit <= value < limit:
        raise malformed(f'Bad JSON array input. ERROR:  value "{value}" is out of range for type {_word(of)}\n')
    return int(value)


def _literal(value: Any, of: Type) -> types.Value:
    if value is None:
        return None
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str | int | float | Decimal):
        raise _invalid(value, of)
    try:
        return types.literal(of, str(value))
    except ErmrestError:
        raise _invalid(value, of) from None


def _word(of: Type) -> str:
    return _TYPE_WORDS.get(of.base, of.base)


def _invalid(value: Any, of: Type) -> ErmrestError:
    shown = value if isinstance(value, str) else json.dumps(value, default=str)
    return malformed(f'Bad JSON array input. ERROR:  invalid input syntax for type {_word(of)}: "{shown}"\n')


def _json_value(value: Any) -> types.Value:
    return types.jsonb_text(value)


def _json_text(value: Any) -> types.Value:
    if value is None:
        return None
    try:
        return types.jsonb_text(json.loads(value, parse_float=Decimal))
    except (ValueError, RecursionError):
        raise malformed(f'Bad CSV input. ERROR:  invalid input syntax for type json: "{value}"\n') from None


def _array(value: Any, of: Type, inner: Convert) -> types.Value:
    if value is None:
        return None
    if isinstance(value, str):
        value = _array_text(value, of)
    if not isinstance(value, list):
        raise _invalid(value, of)
    kind = types.family(types.element(of))
    kept = [inner(item) if item is not None else None for item in value]
    if kind == "boolean":
        kept = [None if item is None else bool(item) for item in kept]
    if kind == "json":
        return "[" + ", ".join("null" if item is None else str(item) for item in kept) + "]"
    return json.dumps(kept, ensure_ascii=False)


_ARRAY_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}\s][^",{}]*))\s*(,|\})')


def _array_text(text: str, of: Type) -> list[Any]:
    """An array of CSV: JSON `["a"]` or PostgreSQL's `{a,"b c",NULL}`."""
    stripped = text.strip()
    if stripped.startswith("["):
        try:
            parsed = json.loads(stripped)
        except ValueError:
            raise _invalid(text, of) from None
        if isinstance(parsed, list):
            return parsed
    if stripped == "{}":
        return []
    if not (stripped.startswith("{") and stripped.endswith("}")):
        raise _invalid(text, of)
    items: list[Any] = []
    at = 1
    while True:
        match = _ARRAY_ITEM.match(stripped, at)
        if match is None:
            raise _invalid(text, of)
        quoted, plain, after = match.groups()
        if quoted is not None:
            items.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
        else:
            items.append(None if plain.strip().upper() == "NULL" else plain.strip())
        at = match.end()
        if after == "}":
            if at != len(stripped):
                raise _invalid(text, of)
            return items


def distinct(rows: Iterable[dict[str, Any]], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows; raises ErmrestError 400 at one that has the values of an earlier one in all members of keys.

    The real server gathers a request in a table of its own, with one unique index over all these columns.
    """
    if not names:
        yield from rows
        return
    seen: set[Any] = set()
    single = names[0] if len(names) == 1 else None
    for row in rows:
        values: Any
        if single is not None:
            values = row.get(single)
            null = values is None
        else:
            values = tuple([row.get(name) for name in names])
            null = None in values
        if not null:
            try:
                known = values in seen
            except TypeError:  # a list or an object
                values = json.dumps(values, sort_keys=True, default=str).encode()
                known = values in seen
            if known:
                raise malformed("Multiple input rows share the same unique key information.")
            seen.add(values)
        yield row


def default_value(column: Column) -> types.Value:
    """A column's default as a kept value; null where there is none."""
    default = column.default
    if default is None:
        return None
    if isinstance(default, str) and types.family(column.type) not in ("text", "json") and default.endswith(")"):
        return None  # an SQL expression: only the server's own defaults are such, and they are filled elsewhere
    return converter(column.type)(default)
