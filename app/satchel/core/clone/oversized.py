"""Values that an index refuses: what a server's words mean, and how a value is cut.

PostgreSQL's own words are looked for, as ERMrest passes them on: "index row size 4496 exceeds btree version 4 maximum
2704 for index "t__c_idx"", and "index row requires 12816 bytes, maximum size is 8191", which names no index.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

SAFE_BYTES = 2600
"""What any index of PostgreSQL takes; the limit is 2,704 bytes, 2,712 before version 12."""
SUFFIX = "...[TRUNCATED]"
_REFUSED = re.compile(r"index row (?:size \d+ exceeds|requires \d+ bytes)", re.IGNORECASE)
_INDEX = re.compile(r'for index "(?P<index>[^"]+)"')


def refused(detail: str) -> bool:
    """Whether a server's words say that an index refused a value."""
    return _REFUSED.search(detail) is not None


def column_of(detail: str, columns: Sequence[str], table: str = "") -> str | None:
    """The column whose index is meant: ERMrest calls it `table__column_idx`. None where it cannot be told."""
    found = _INDEX.search(detail)
    if found is None:
        return None
    index = found["index"]
    bare = index.removesuffix("_idx")
    for column in sorted(columns, key=len, reverse=True):
        if bare in (f"{table}__{column}", f"{table}_{column}") or bare.endswith(f"__{column}"):
            return column
    return None


def cut(text: str, most: int = SAFE_BYTES) -> str:
    """A text of at most `most` bytes in UTF-8, with a mark at its end where something is missing; no more is lost."""
    data = text.encode()
    if len(data) <= most:
        return text
    return data[: most - len(SUFFIX)].decode("utf-8", "ignore") + SUFFIX


def long_values(row: Mapping[str, object], most: int = SAFE_BYTES) -> dict[str, int]:
    """The columns of a row whose texts are longer than that, with their bytes, the longest first."""
    sizes = {name: len(value.encode()) for name, value in row.items() if isinstance(value, str)}
    found = [(size, name) for name, size in sizes.items() if size > most]
    return {name: size for size, name in sorted(found, reverse=True)}
