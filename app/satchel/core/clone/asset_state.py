"""What is known of assets on their way, on disk, so that a job that was killed goes on where it stopped."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from satchel.core.errors import Kind, SatchelError

_SETUP = """
CREATE TABLE IF NOT EXISTS item (
    id INTEGER PRIMARY KEY, tbl TEXT NOT NULL, rid TEXT NOT NULL, old TEXT NOT NULL, filename TEXT, length INTEGER,
    md5 TEXT, sha256 TEXT, state TEXT NOT NULL, new TEXT, code TEXT, message TEXT, UNIQUE (tbl, rid)
);
CREATE INDEX IF NOT EXISTS item_state ON item (tbl, state, id);
CREATE INDEX IF NOT EXISTS item_new ON item (new) WHERE new IS NOT NULL;
CREATE TABLE IF NOT EXISTS listed (tbl TEXT PRIMARY KEY, after TEXT, done INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moved (source TEXT PRIMARY KEY, target TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS moved_target ON moved (target);
CREATE TABLE IF NOT EXISTS upload (
    source TEXT PRIMARY KEY, job TEXT NOT NULL, path TEXT NOT NULL, chunk INTEGER NOT NULL, length INTEGER NOT NULL,
    etag TEXT, md5 TEXT, sha256 TEXT, sent INTEGER NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Item:
    """An asset as its row describes it. Checksums are lower-case hexadecimal."""

    table: str
    rid: str
    url: str
    filename: str | None = None
    length: int | None = None
    md5: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A chunked upload under way: `sent` chunks of `chunk` bytes have arrived, from the first on."""

    source: str
    job: str
    path: str
    chunk: int
    length: int
    etag: str | None
    md5: str | None
    """What the whole must have, as far as it is known."""
    sha256: str | None
    sent: int


class State:
    """Rows and objects. Each call is a few microseconds on a local file; a lost last second is done again, not lost.

    Rows are `todo`, then `moved` (the bytes are there) and `done` (the row says so); or `skipped` or `failed`, with a
    word and a sentence why.
    """

    def __init__(self, file: Path) -> None:
        try:
            self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            for statement in _SETUP.split(";"):
                self._db.execute(statement)
        except sqlite3.Error as error:
            raise SatchelError(Kind.FILES, f"{file} cannot be used: {error}.", "Start the job anew.") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- rows -----------------------------------------------------------------------------------------------------

    def listed(self, table: str) -> tuple[str | None, bool]:
        """Up to which row a table has been listed, and whether that is all of it."""
        row = self._db.execute("SELECT after, done FROM listed WHERE tbl = ?", (table,)).fetchone()
        return (row[0], bool(row[1])) if row else (None, False)

    def add(self, table: str, items: Iterable[tuple[Item, str, str, str]], after: str | None, done: bool) -> None:
        """Keep a page of a table's list: items, each with its state, code and message."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT OR IGNORE INTO item (tbl, rid, old, filename, length, md5, sha256, state, code, message) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (i.table, i.rid, i.url, i.filename, i.length, i.md5, i.sha256, state, code, message)
                for i, state, code, message in items
            ],
        )
        self._db.execute("INSERT OR REPLACE INTO listed VALUES (?, ?, ?)", (table, after, done))
        self._db.execute("COMMIT")

    def again(self, table: str) -> None:
        """What failed in an earlier run is tried again."""
        self._db.execute(
            "UPDATE item SET state = CASE WHEN new IS NULL THEN 'todo' ELSE 'moved' END, code = '', message = '' "
            "WHERE tbl = ? AND state = 'failed'",
            (table,),
        )

    def todo(self, table: str, after: int, limit: int) -> list[tuple[int, Item]]:
        """Rows to do, with their numbers, from the first after a number on."""
        found = self._db.execute(
            "SELECT id, tbl, rid, old, filename, length, md5, sha256 FROM item "
            "WHERE tbl = ? AND state = 'todo' AND id > ? ORDER BY id LIMIT ?",
            (table, after, limit),
        ).fetchall()
        return [(row[0], Item(*row[1:])) for row in found]

    def moved(self, table: str) -> list[tuple[str, str, str]]:
        """Rows whose bytes are there and that do not say so yet: RID, old address, new."""
        return self._db.execute(
            "SELECT rid, old, new FROM item WHERE tbl = ? AND state = 'moved' ORDER BY id", (table,)
        ).fetchall()

    def mark(self, table: str, rids: Sequence[str], state: str, code: str = "", message: str = "") -> None:
        """Rows have come to a state."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "UPDATE item SET state = ?, code = ?, message = ? WHERE tbl = ? AND rid = ?",
            [(state, code, message, table, rid) for rid in rids],
        )
        self._db.execute("COMMIT")

    def arrived(self, item: Item, new: str) -> None:
        """An asset's bytes are at the destination."""
        self._db.execute(
            "UPDATE item SET state = 'moved', new = ? WHERE tbl = ? AND rid = ?", (new, item.table, item.rid)
        )

    def count(self, table: str, state: str) -> int:
        """How many rows are in a state."""
        return int(
            self._db.execute("SELECT count(*) FROM item WHERE tbl = ? AND state = ?", (table, state)).fetchone()[0]
        )

    def bytes(self, table: str, state: str) -> int:
        """How many bytes the rows in a state say that they have."""
        row = self._db.execute(
            "SELECT coalesce(sum(length), 0) FROM item WHERE tbl = ? AND state = ?", (table, state)
        ).fetchone()
        return int(row[0])

    def reasons(self, table: str, state: str) -> dict[str, int]:
        """Rows in a state by why."""
        return dict(
            self._db.execute(
                "SELECT code, count(*) FROM item WHERE tbl = ? AND state = ? GROUP BY code ORDER BY code",
                (table, state),
            ).fetchall()
        )

    def told(self, table: str, state: str, limit: int) -> list[tuple[str, str, str, str]]:
        """RID, address, code and message of rows in a state."""
        return self._db.execute(
            "SELECT rid, old, code, message FROM item WHERE tbl = ? AND state = ? ORDER BY id LIMIT ?",
            (table, state, limit),
        ).fetchall()

    def changes(self, table: str, state: str) -> Iterator[tuple[str, str, str]]:
        """RID, old and new address of all rows in a state, in the order of the list."""
        yield from self._db.execute(
            "SELECT rid, old, coalesce(new, '') FROM item WHERE tbl = ? AND state = ? ORDER BY id", (table, state)
        )

    # -- objects --------------------------------------------------------------------------------------------------

    def target(self, source: str) -> str | None:
        """Where a source's bytes are at the destination."""
        row = self._db.execute("SELECT target FROM moved WHERE source = ?", (source,)).fetchone()
        return str(row[0]) if row else None

    def source_of(self, target: str) -> str | None:
        """Whose bytes are at this address."""
        row = self._db.execute("SELECT source FROM moved WHERE target = ?", (target,)).fetchone()
        return str(row[0]) if row else None

    def wrote(self, path: str) -> bool:
        """Whether this job has written a version of the object."""
        low, high = f"{path}:", f"{path};"  # ";" follows ":"
        found = self._db.execute("SELECT 1 FROM moved WHERE target >= ? AND target < ? LIMIT 1", (low, high))
        return found.fetchone() is not None

    def finished(self, source: str, target: str) -> None:
        """A source's bytes are at the destination."""
        self._db.execute("BEGIN")
        self._db.execute("INSERT OR REPLACE INTO moved VALUES (?, ?)", (source, target))
        self._db.execute("DELETE FROM upload WHERE source = ?", (source,))
        self._db.execute("COMMIT")

    def upload(self, source: str) -> Upload | None:
        """The upload under way from a source."""
        row = self._db.execute("SELECT * FROM upload WHERE source = ?", (source,)).fetchone()
        return Upload(*row) if row else None

    def uploads(self) -> list[Upload]:
        """All uploads under way."""
        return [Upload(*row) for row in self._db.execute("SELECT * FROM upload")]

    def begin(self, upload: Upload) -> None:
        """An upload has been opened."""
        self._db.execute(
            "INSERT OR REPLACE INTO upload VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                upload.source,
                upload.job,
                upload.path,
                upload.chunk,
                upload.length,
                upload.etag,
                upload.md5,
                upload.sha256,
                upload.sent,
            ),
        )

    def sent(self, source: str, chunks: int) -> None:
        """So many chunks from the first on have arrived."""
        self._db.execute("UPDATE upload SET sent = ? WHERE source = ?", (chunks, source))

    def drop(self, source: str) -> None:
        """An upload is given up."""
        self._db.execute("DELETE FROM upload WHERE source = ?", (source,))
