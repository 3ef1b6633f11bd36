"""Rows in another order: files of pairs of numbers (a row's number, and where in its file it begins).

Written by the process that sorts or filters, read page by page while it still writes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

PAIR = 16
"""Bytes of a row's number and offset."""
_CHUNK = 1 << 15


class Writer:
    """Appends pairs."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb")
        self._waiting = array("Q")
        self.count = 0

    def add(self, row: int, offset: int) -> None:
        """Append a row."""
        self._waiting.append(row)
        self._waiting.append(offset)
        self.count += 1
        if len(self._waiting) >= 2 * _CHUNK:
            self.flush()

    def extend(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Append rows."""
        for row, offset in pairs:
            self.add(row, offset)

    def flush(self) -> int:
        """Let what was added be read. Returns how many rows that are."""
        self._waiting.tofile(self._file)
        self._file.flush()
        self._waiting = array("Q")
        return self.count

    def close(self) -> None:
        """Write the rest."""
        if not self._file.closed:
            self.flush()
            self._file.close()


def read(path: Path, first: int, count: int) -> list[tuple[int, int]]:
    """Some of the pairs: row's number and offset. Raises OSError."""
    found = array("Q")
    with path.open("rb") as file:
        file.seek(first * PAIR)
        data = file.read(count * PAIR)
    found.frombytes(data[: len(data) // PAIR * PAIR])
    return list(zip(found[::2], found[1::2], strict=True))


def pairs(path: Path) -> Iterator[tuple[int, int]]:
    """All pairs, one after the other. Raises OSError."""
    first = 0
    while some := read(path, first, _CHUNK):
        yield from some
        first += len(some)


def length(path: Path) -> int:
    """How many pairs there are. Raises OSError."""
    return path.stat().st_size // PAIR
