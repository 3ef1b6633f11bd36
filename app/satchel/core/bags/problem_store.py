"""Problems of a bag on disk, where there are more than fit into a result: none is lost, and pages are quick.

A check writes one only when it finds more than `problems.MOST_TOLD` of a severity; `ValidateResult.store` is its path
then, and it is there as long as the job is in the journal. For a window::

    with ProblemStore(Path(result.store)) as store:
        for kind in store.kinds(text="csv"):                  # severity, code, number: the tree's upper level
            places = store.places(kind.severity, kind.code, text="csv", order="path")  # 8 bytes each, in a thread
            page = store.problems(places[:200])                # what is on the screen

All calls block; a store is used by one thread at a time (open another one for another thread: reading is shared).
"""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

import msgspec

Severity = Literal["error", "warning"]
Order = Literal["found", "path", "message", "line"]
_ORDERS = {"found": "id", "path": "path, id", "message": "message, id", "line": "line, id"}
_AT_ONCE = 2_000
"""Problems that are written, or read, in one go."""
_MOST_ASKED = 500
"""Places that one statement asks for."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong with a bag, or worth knowing."""

    code: str
    """`missing`, `unexpected`, `checksum`, `length`, `malformed`, `unsafe-path`, `oxum`, ... (docs/validation.md)."""
    path: str
    message: str
    line: int | None = None


class Of(NamedTuple):
    """Problems of one kind: how many there are."""

    severity: Severity
    code: str
    number: int


class StoreWriter:
    """Writes a store. Safe from several threads."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE problem "
            "(id INTEGER PRIMARY KEY, severity TEXT, code TEXT, path TEXT, message TEXT, line INTEGER)"
        )
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, str, str, str, int | None]] = []

    def add(self, severity: Severity, problem: Problem) -> None:
        """Keep one. Raises sqlite3.Error where the disk is full."""
        with self._lock:
            self._waiting.append((severity, problem.code, problem.path, problem.message, problem.line))
            if len(self._waiting) >= _AT_ONCE:
                self._flush()

    def _flush(self) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO problem (severity, code, path, message, line) VALUES (?, ?, ?, ?, ?)", self._waiting
        )
        self._db.execute("COMMIT")
        self._waiting.clear()

    def close(self, *, whole: bool = True) -> None:
        """No more will come. Without `whole` nobody will read it: what is not written yet is given up."""
        with self._lock, closing(self._db):
            if whole:
                self._flush()
                self._db.execute("CREATE INDEX by_kind ON problem (severity, code)")


class ProblemStore:
    """Reads a store.

    Args:
        path: of the file; nothing is written to it.

    Raises:
        sqlite3.Error: it is not there, or damaged. So do all methods.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        self._db.create_function("folded_has", 2, _has, deterministic=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """It will not be used any more."""
        self._db.close()

    def kinds(self, text: str = "") -> list[Of]:
        """Kinds and their numbers, errors first, the most frequent first.

        Args:
            text: counts those alone that have it in path or message, in capitals or not.
        """
        where, values = _where(text=text)
        rows = self._db.execute(f"SELECT severity, code, count(*) FROM problem{where} GROUP BY 1, 2", values)  # noqa: S608
        return sorted((Of(*row) for row in rows), key=lambda k: (k.severity != "error", -k.number, k.code))

    def has(self, severity: Severity, code: str) -> bool:
        """Whether there is any of a kind; at once, however many there are."""
        query = "SELECT 1 FROM problem WHERE severity = ? AND code = ? LIMIT 1"
        return self._db.execute(query, (severity, code)).fetchone() is not None

    def count(self, severity: Severity | None = None, code: str | None = None, text: str = "") -> int:
        """How many there are."""
        where, values = _where(severity, code, text)
        (found,) = self._db.execute(f"SELECT count(*) FROM problem{where}", values).fetchone()  # noqa: S608
        return int(found)

    def places(
        self,
        severity: Severity | None = None,
        code: str | None = None,
        text: str = "",
        order: Order = "found",
        *,
        descending: bool = False,
    ) -> array[int]:
        """Where problems are, 8 bytes each: what a view keeps, and gives to `problems` piece by piece."""
        where, values = _where(severity, code, text)
        by = ", ".join(f"{column} {'DESC' if descending else 'ASC'}" for column in _ORDERS[order].split(", "))
        rows = self._db.execute(f"SELECT id FROM problem{where} ORDER BY {by}", values)  # noqa: S608
        return array("Q", (place for (place,) in rows))

    def problems(self, places: Sequence[int]) -> list[tuple[Severity, Problem]]:
        """The problems at these places, in this order."""
        found: dict[int, tuple[Severity, Problem]] = {}
        for begin in range(0, len(places), _MOST_ASKED):
            part = list(places[begin : begin + _MOST_ASKED])
            marks = ", ".join("?" * len(part))
            for place, severity, *rest in self._db.execute(
                f"SELECT id, severity, code, path, message, line FROM problem WHERE id IN ({marks})",  # noqa: S608
                part,
            ):
                found[place] = severity, _problem(rest)
        return [found[place] for place in places]

    def all(self, severity: Severity) -> Iterator[Problem]:
        """Every problem of a severity as it was found, in bounded memory."""
        for row in self._db.execute(
            "SELECT code, path, message, line FROM problem WHERE severity = ? ORDER BY id", (severity,)
        ):
            yield _problem(row)


def _problem(row: Sequence[object]) -> Problem:
    code, path, message, line = row
    return Problem(code=str(code), path=str(path), message=str(message), line=line if isinstance(line, int) else None)


def _where(severity: Severity | None = None, code: str | None = None, text: str = "") -> tuple[str, list[str]]:
    parts: list[str] = []
    values: list[str] = []
    if severity is not None:
        parts.append("severity = ?")
        values.append(severity)
    if code is not None:
        parts.append("code = ?")
        values.append(code)
    if wanted := text.strip():
        if wanted.isascii():  # SQLite folds these by itself, and ten times as fast
            escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            parts.append("(path LIKE ? ESCAPE '\\' OR message LIKE ? ESCAPE '\\')")
            values += [f"%{escaped}%"] * 2
        else:
            parts.append("(folded_has(path, ?) OR folded_has(message, ?))")
            values += [wanted.casefold()] * 2
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), values


def _has(text: str, wanted: str) -> bool:
    return wanted in text.casefold()
