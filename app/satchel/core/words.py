"""How figures are said to people: counts, sizes, durations. The window and the command line say them alike."""

from __future__ import annotations

_ONE = {
    "rows": "row",
    "files": "file",
    "bytes": "byte",
    "tables": "table",
    "requests": "request",
    "assets": "asset",
    "bags": "bag",
}
_ONE |= {"fields": "field", "columns": "column", "links": "link", "values": "value", "characters": "character"}
_ONE |= {"bags": "bag", "constraints": "constraint", "references": "reference", "warnings": "warning"}
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def count(n: int, unit: str = "") -> str:
    """A number with its unit: `1 row`, `12,340 rows`, `1.5 MB` for bytes, the bare number without a unit."""
    if unit == "bytes":
        return size(n)
    if not unit:
        return f"{n:,}"
    return f"{n:,} {_ONE.get(unit, unit) if n == 1 else unit}"


def size(n: float) -> str:
    """Bytes in powers of 1,000 (SI), three figures at most: `0 B`, `999 B`, `1.5 kB`, `123 MB`."""
    if n < 1000:
        return f"{int(n)} B"
    place = 0
    while n >= 999.5 and place < len(_SIZES) - 1:
        n /= 1000
        place += 1
    return f"{n:.1f} {_SIZES[place]}" if n < 99.95 else f"{n:.0f} {_SIZES[place]}"


def rate(per_second: float, unit: str) -> str:
    """Units per second: `48,000 rows/s`, `3.2 MB/s`."""
    if unit == "bytes":
        return f"{size(per_second)}/s"
    shown = f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.1f}"
    return f"{shown} {unit}/s" if unit else f"{shown}/s"


def duration(seconds: float) -> str:
    """Seconds as `0:07`, `3:12` or `1:02:03`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
