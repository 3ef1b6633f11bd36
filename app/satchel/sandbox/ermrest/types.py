"""Column types as reading needs them: literals of URLs, order, and PostgreSQL's way to print values.

How values lie in SQLite is said in model.py.
"""

from __future__ import annotations

import json
import math
import re
import struct
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

from .model import ErmrestError, Type
from .problems import malformed

Value = str | int | float | None
"""What may be bound to a statement."""

_FAMILIES = {
    "int2": "int",
    "int4": "int",
    "int8": "int",
    "integer": "int",
    "bigint": "int",
    "smallint": "int",
    "serial2": "int",
    "serial4": "int",
    "serial8": "int",
    "oid": "int",
    "float4": "float",
    "float8": "float",
    "float": "float",
    "numeric": "numeric",
    "boolean": "boolean",
    "bool": "boolean",
    "date": "date",
    "timestamptz": "timestamptz",
    "timestamp": "timestamp",
    "json": "json",
    "jsonb": "json",
    "uuid": "uuid",
}

COLLATIONS = {"numeric": "ermrest_numeric", "json": "ermrest_jsonb", "array": "ermrest_array"}
"""Families whose stored texts need a collation of ours to be compared as values."""

INT8 = 1 << 63


def builtin(name: str) -> Type:
    """The type of a computed column."""
    return Type(name, name, False, {"typename": name})


def family(of: Type) -> str:
    """What values are like: array, int, float, numeric, boolean, date, timestamptz, timestamp, json, uuid or text."""
    return "array" if of.array else _FAMILIES.get(of.base, "text")


def element(of: Type) -> Type:
    """The type of an array's elements."""
    return builtin(of.base)


def collate(of: Type) -> str:
    """` COLLATE ...` where values of the type need it to be compared, else nothing."""
    name = COLLATIONS.get(family(of))
    return f" COLLATE {name}" if name else ""


# literals


def literal(of: Type, text: str) -> Value:
    """The value that a URL's literal has for a column of this type (for an array, of its elements).

    Raises:
        ErmrestError: 400 when it is no literal of the type.
    """
    kind = family(element(of)) if of.array else family(of)
    parser = _LITERALS.get(kind)
    if parser is None:
        return text
    try:
        return parser(text)
    except (ValueError, InvalidOperation, OverflowError):
        raise _invalid(of, text) from None


def _invalid(of: Type, text: str) -> ErmrestError:
    return malformed(f'Invalid {of.base if of.array else of.typename}: "{text}"')


def _int(text: str) -> Value:
    value = int(text)
    if -INT8 <= value < INT8:
        return value
    # No column holds it, yet greater and less must still hold.
    return float(value) if abs(value) < 1 << 1000 else math.copysign(math.inf, value)


def _float(text: str) -> Value:
    value = float(text)
    # Python takes 1_000 for a number.
    if math.isnan(value) or "_" in text:
        raise ValueError(text)
    return value


def decimal_text(value: Decimal) -> str:
    """A numeric as PostgreSQL prints it: never with an exponent."""
    if value.is_nan():
        return "NaN"
    if value.is_infinite():
        return "Infinity" if value > 0 else "-Infinity"
    if not -20000 < value.adjusted() < 140000:
        raise ValueError("out of range")
    return format(value, "f")


def _numeric(text: str) -> Value:
    return decimal_text(Decimal(text.strip()))


_TRUE = ("t", "tr", "tru", "true", "y", "ye", "yes", "on", "1")
_FALSE = ("f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0")


def _boolean(text: str) -> Value:
    if text in ("t", "f", "true", "false"):
        return int(text[0] == "t")
    word = text.strip().lower()
    if word in _TRUE:
        return 1
    if word in _FALSE:
        return 0
    raise ValueError(text)


_DATETIME = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,12}))?)?\s*(Z|[+-]\d{1,2}(?::?\d{2})?(?::?\d{2})?)?)?\s*",
    re.ASCII | re.IGNORECASE,
)


def _moment(text: str) -> tuple[datetime, timedelta]:
    """A date and time as written, and its offset from UTC (none where there is no zone: the server's zone is UTC)."""
    match = _DATETIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    hours, extra = int(hour or 0), timedelta()
    if hours == 24 and not int(minute or 0) and not int(second or 0):
        hours, extra = 0, timedelta(days=1)
    seconds = int(second or 0)
    if seconds == 60:
        seconds, extra = 59, extra + timedelta(seconds=1)
    when = datetime(int(year), int(month), int(day), hours, int(minute or 0), seconds) + extra
    micro = round(int((fraction or "0").ljust(12, "0")) / 1_000_000)
    when += timedelta(microseconds=micro)
    offset = timedelta()
    if zone and zone.upper() != "Z":
        digits = re.sub("[^0-9]", "", zone[1:])
        if len(digits) % 2:
            digits = "0" + digits
        parts = [int(digits[i : i + 2]) for i in range(0, len(digits), 2)] + [0, 0]
        if parts[0] > 15 or parts[1] > 59 or parts[2] > 59:
            raise ValueError(text)
        offset = timedelta(hours=parts[0], minutes=parts[1], seconds=parts[2]) * (-1 if zone[0] == "-" else 1)
    return when, offset


def moment_text(when: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS[.ffffff without trailing zeros]`."""
    text = when.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    return f"{text}.{when.microsecond:06d}".rstrip("0") if when.microsecond else text


_KEPT_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?\+00:00", re.ASCII)


def _timestamptz(text: str) -> Value:
    if _KEPT_TIME.fullmatch(text):
        # As it is kept already, if it is a time at all.
        try:
            datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            return text
    when, offset = _moment(text)
    return moment_text(when - offset) + "+00:00"


def _timestamp(text: str) -> Value:
    return moment_text(_moment(text)[0])


def _date(text: str) -> Value:
    return moment_text(_moment(text)[0])[:10]


def _json(text: str) -> Value:
    try:
        return jsonb_text(json.loads(text, parse_float=Decimal))
    except RecursionError:
        raise ValueError(text) from None


def _uuid(text: str) -> Value:
    digits = text.strip().lower().removeprefix("{").removesuffix("}").replace("-", "")
    if not re.fullmatch("[0-9a-f]{32}", digits):
        raise ValueError(text)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_LITERALS = {
    "int": _int,
    "float": _float,
    "numeric": _numeric,
    "boolean": _boolean,
    "date": _date,
    "timestamptz": _timestamptz,
    "timestamp": _timestamp,
    "json": _json,
    "uuid": _uuid,
}


# RIDs

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FOLD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None})


def normal_rid(text: str) -> str | None:
    """A RID as ERMrest writes it (Crockford's base 32 in groups of four), or None when the text cannot be one."""
    digits = text.upper().translate(_FOLD)
    if not digits or len(digits) > 13 or any(c not in _ALPHABET for c in digits):
        return None
    digits = digits.lstrip("0") or "0"
    groups = [digits[max(end - 4, 0) : end] for end in range(len(digits), 0, -4)]
    return "-".join(reversed(groups))


# how PostgreSQL prints


def float8_text(value: float | None) -> str | None:
    """The shortest text that reads back as the same double, without `.0`, exponents from 1e+15 and below 1e-04."""
    if value is None:
        return None
    text = repr(float(value))
    if text.endswith(".0"):
        text = text[:-2]
    return text if -1e15 < value < 1e15 else _exponent(text)


def _exponent(text: str) -> str:
    if text in ("inf", "-inf"):
        return text.replace("inf", "Infinity")
    if "e" in text or text == "nan":
        return text.replace("nan", "NaN")
    sign = "-" if text.startswith("-") else ""
    whole, _, fraction = text.removeprefix("-").partition(".")
    digits = (whole + fraction).rstrip("0")
    return f"{sign}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e+{len(whole) - 1:02d}"


def float4_text(value: float | None) -> str | None:
    """The same for a single."""
    if value is None:
        return None
    try:
        single = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        single = math.copysign(math.inf, value)
    if math.isinf(single) or math.isnan(single):
        return _exponent(repr(single))
    for digits in range(6, 9):
        text = format(single, f".{digits}g")
        if struct.unpack("<f", struct.pack("<f", float(text)))[0] == single:
            break
    else:
        text = format(single, ".9g")
    if "e" not in text and abs(single) >= 1e6:
        return _exponent(text)
    return text


def jsonb_text(value: Any) -> str:
    """PostgreSQL's normal form of a JSON value: keys by length and then bytes, one space after `:` and `,`."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return decimal_text(Decimal(repr(value)))
    if isinstance(value, dict):
        pairs = sorted(((k.encode(errors="surrogatepass"), k, v) for k, v in value.items()), key=_by_length)
        return "{" + ", ".join(f"{jsonb_text(k)}: {jsonb_text(v)}" for _, k, v in pairs) + "}"
    return "[" + ", ".join(jsonb_text(v) for v in value) + "]"


def _by_length(item: tuple[bytes, str, Any]) -> tuple[int, bytes]:
    return len(item[0]), item[0]


def floats_text(text: str | None, base: str) -> str | None:
    """A stored array of floats as PostgreSQL's JSON has it: 1, not 1.0."""
    if text is None:
        return None
    shortest = float4_text if base == "float4" else float8_text
    items = ((json.dumps(v) if v is None or isinstance(v, str) else shortest(float(v)) or "") for v in json.loads(text))
    return "[" + ",".join(items) + "]"


_BARE = re.compile(r"[^\s{},\"\\]+")


def array_literal(text: str | None, base: str) -> str | None:
    """A stored array as PostgreSQL's array literal, `{a,"b c",NULL}`."""
    if text is None:
        return None
    kind = _FAMILIES.get(base, "text")
    if kind == "float":  # whose texts never need quotes
        shortest = float4_text if base == "float4" else float8_text
        try:
            return "{" + ",".join([shortest(v) or "NULL" for v in json.loads(text)]) + "}"
        except (TypeError, ValueError):
            pass  # an infinity is kept as a text
    return "{" + ",".join(_element_text(item, kind, base) for item in json.loads(text, parse_float=Decimal)) + "}"


def _element_text(item: Any, kind: str, base: str) -> str:
    if item is None:
        return "NULL"
    if kind == "json":
        text = jsonb_text(item)
    elif kind == "float" and not isinstance(item, str):
        text = (float4_text if base == "float4" else float8_text)(float(item)) or ""
    elif kind == "boolean" and isinstance(item, bool):
        text = "t" if item else "f"
    elif isinstance(item, (int, Decimal)):
        text = jsonb_text(item)
    elif kind == "timestamptz":
        text = str(item).replace("T", " ", 1).removesuffix(":00")
    elif kind == "timestamp":
        text = str(item).replace("T", " ", 1)
    else:
        text = str(item)
    if _BARE.fullmatch(text) and text.upper() != "NULL":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# order


def compare_numeric(a: str, b: str) -> int:
    """Order of two numerics; NaN is the greatest."""
    x, y = Decimal(a), Decimal(b)
    if x.is_nan() or y.is_nan():
        return x.is_nan() - y.is_nan()
    return (x > y) - (x < y)


def compare_jsonb(a: str, b: str) -> int:
    """Order of two jsonb texts, as PostgreSQL has it."""
    return 0 if a == b else _compare(json.loads(a, parse_float=Decimal), json.loads(b, parse_float=Decimal))


def compare_arrays(a: str, b: str) -> int:
    """Order of two stored arrays: by elements, nulls last, then the shorter first."""
    if a == b:
        return 0
    x, y = json.loads(a, parse_float=Decimal), json.loads(b, parse_float=Decimal)
    for p, q in zip(x, y, strict=False):
        order = (p is None) - (q is None) if p is None or q is None else _compare(p, q)
        if order:
            return order
    return (len(x) > len(y)) - (len(x) < len(y))


def _rank(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, str):
        return 1
    if isinstance(value, bool):
        return 3
    if isinstance(value, (int, float, Decimal)):
        return 2
    return 4 if isinstance(value, list) else 5


def _compare(x: Any, y: Any) -> int:
    if (p := _rank(x)) != (q := _rank(y)):
        return (p > q) - (p < q)
    if isinstance(x, (list, dict)):
        if len(x) != len(y):
            return (len(x) > len(y)) - (len(x) < len(y))
        pairs = zip(x, y, strict=True) if isinstance(x, list) else zip(_flat(x), _flat(y), strict=True)
        return next((order for a, b in pairs if (order := _compare(a, b))), 0)
    return 0 if x is None else int(x > y) - int(x < y)


def _flat(value: dict[str, Any]) -> list[Any]:
    pairs = sorted(((k.encode(errors="surrogatepass"), k, v) for k, v in value.items()), key=_by_length)
    return [part for _, k, v in pairs for part in (k, v)]


# arithmetic of numerics

_EXACT = Context(prec=4000, rounding=ROUND_HALF_UP, Emax=999_999, Emin=-999_999)


def exact_sum(total: Decimal | None, value: Decimal) -> Decimal:
    """A sum without rounding."""
    return value if total is None else _EXACT.add(total, value)


def average(total: Decimal, count: int) -> str:
    """A sum over a count as PostgreSQL's numeric division prints it: at least 16 significant digits.

    Source: select_div_scale in PostgreSQL's numeric.c (digits are in groups of four there).
    """
    if not total.is_finite():
        return decimal_text(total)
    exponent = total.as_tuple().exponent
    scale = max(-exponent, 0) if isinstance(exponent, int) else 0
    weight, first = _group(total)
    count_weight, count_first = _group(Decimal(count))
    quotient = weight - count_weight - (1 if first <= count_first else 0)
    digits = min(max(16 - quotient * 4, scale, 0), 1000)
    return format(_EXACT.quantize(_EXACT.divide(total, Decimal(count)), Decimal(1).scaleb(-digits)), "f")


def _group(value: Decimal) -> tuple[int, int]:
    """The weight and the value of a number's first group of four digits."""
    if not value:
        return 0, 0
    weight = value.adjusted() // 4
    return weight, abs(int(value.scaleb(-4 * weight)))
