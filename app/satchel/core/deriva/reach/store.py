"""The file that holds what was read of a catalog's rows: RIDs, references and lengths, by table, in the server's order.

SQLite, one connection, safe to use from several threads. Whatever was added is there after a crash: a table that was
read to its end is marked, a page that was added is whole, and reading goes on after the last row.

For table number i, `r{i}(o, rid, len, asset, k0, k1, ...)` holds the rows as they came (o counts from 0 in the server's
order of RIDs; k are the columns of `PlannedTable.columns`). When all are in, `t{i}(o, p0, p1, ...)` holds for each of
`PlannedTable.references` the number of the row that it refers to: null where the reference is null, `DANGLING` where
there is no such row (that this user sees), `UNREAD` where the table referred to was not read.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from satchel.core.deriva.model import ForeignKey, Model
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach.pages import ReadRow
from satchel.core.deriva.reach.plan import Plan, PlannedTable, unreadable_columns
from satchel.core.errors import Kind, SatchelError

FORMAT = 1
DANGLING = -1
UNREAD = -2


class Store:
    """See the module's own words.

    Args:
        file: made when it does not exist; begun anew when it holds something else.
        identity: what the rows are of (host, catalog, snapshot); a file of something else is not gone on with.
        plan: which tables and columns.

    Raises:
        SatchelError: the file cannot be written.
    """

    def __init__(self, file: Path, identity: Sequence[str], plan: Plan) -> None:
        self.file = file
        self.plan = plan
        self.number = {planned.name: i for i, planned in enumerate(plan.tables)}
        self._lock = threading.RLock()
        described = [FORMAT, list(identity), [[str(p.name), _shape(p)] for p in plan.tables]]
        wanted = msgspec.json.encode(described).decode()
        with self._told():
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.exists() and self._says(file) != wanted:
                for old in file.parent.glob(file.name + "*"):
                    old.unlink()
            self._db = _connect(file)
            try:
                with self._db:
                    self._begin(wanted)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file; what was added stays."""
        with self._lock:
            self._db.close()

    # -- reading in ------------------------------------------------------------------------------------------------

    def finished(self, name: TableName) -> bool:
        """Whether a table was read to its end."""
        row = self._one("SELECT done FROM tables WHERE i = ?", self.number[name])
        return row is not None and bool(row[0])

    def denies(self, name: TableName) -> bool:
        """Whether the server refused this table."""
        row = self._one("SELECT denied FROM tables WHERE i = ?", self.number[name])
        return row is not None and bool(row[0])

    def row_number(self, name: TableName, rid: str) -> int | None:
        """The number of a row in its table; None when it was not read."""
        row = self._one(f"SELECT o FROM r{self.number[name]} WHERE rid = ?", rid)  # noqa: S608
        return int(row[0]) if row else None

    def assets(self, name: TableName) -> tuple[int, int]:
        """How many rows of a table may have a file, and the bytes of those whose length is known."""
        row = self._one(f"SELECT count(*), coalesce(sum(len), 0) FROM r{self.number[name]} WHERE asset = 1")  # noqa: S608
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def denied(self) -> list[TableName]:
        """Tables that the server refused although the schema did not say so."""
        with self._lock, self._told():
            rows = self._db.execute("SELECT name FROM tables WHERE denied").fetchall()
        return [TableName.parse(name) for (name,) in rows]

    def last(self, name: TableName) -> tuple[int, str | None]:
        """How many rows of a table there are, and the RID of the last one."""
        i = self.number[name]
        row = self._one(f"SELECT o + 1, rid FROM r{i} ORDER BY o DESC LIMIT 1")  # noqa: S608 - i is a number
        return (int(row[0]), str(row[1])) if row else (0, None)

    def add(self, name: TableName, first: int, rows: Iterable[ReadRow], step: int = 1) -> None:
        """Add a page.

        Args:
            name: of the table.
            first: the number of the page's first row.
            rows: in the server's order.
            step: how far apart the rows are numbered: 1 when they are all that there are.
        """
        i = self.number[name]
        marks = ",".join("?" * (4 + len(self.plan.tables[i].columns)))
        with self._lock, self._told(), self._db:
            self._db.executemany(
                f"INSERT INTO r{i} VALUES ({marks})",  # noqa: S608 - i is a number
                ((first + n * step, row.rid, row.length, row.asset, *row.keys) for n, row in enumerate(rows)),
            )

    def finish(self, name: TableName) -> None:
        """Mark a table as read to its end. Raises SatchelError when the server gave a row twice.

        Its index is made here, while others are still being read, and not for all of them at the end.
        """
        with self._lock, self._told(), self._db:
            self._index_rids(name)
            self._db.execute("UPDATE tables SET done = 1 WHERE i = ?", (self.number[name],))

    def empty(self) -> bool:
        """Whether nothing was read yet."""
        row = self._one("SELECT count(*) FROM tables WHERE done AND NOT denied")
        return row is not None and not row[0] and all(self.last(name)[0] == 0 for name in self.number)

    def explored(self) -> bool:
        """Whether only those rows were read to which the rule led."""
        return self._one("SELECT 1 FROM about WHERE key = 'explored'") is not None

    def add_explored(self, tables: Mapping[TableName, tuple[Sequence[ReadRow], int]]) -> None:
        """Add, all or nothing, the rows to which the rule led, in order, and how far apart to number them."""
        with self._lock, self._told(), self._db:
            for name, (rows, step) in tables.items():
                self.add(name, 0, rows, step)
            self._db.execute("UPDATE tables SET done = 1")
            self._db.execute("INSERT INTO about VALUES ('explored', '1')")

    def deny(self, name: TableName) -> None:
        """Note that the server does not let this user read a table after all."""
        with self._lock, self._told(), self._db:
            self._db.execute("UPDATE tables SET done = 1, denied = 1 WHERE i = ?", (self.number[name],))

    def no_assets(self, name: TableName, rids: Iterable[str]) -> None:
        """Note that these rows of an asset table have no file."""
        i = self.number[name]
        with self._lock, self._told(), self._db:
            self._db.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS r{i}_rid ON r{i}(rid)")
            self._db.executemany(f"UPDATE r{i} SET asset = 0 WHERE rid = ?", ((rid,) for rid in rids))  # noqa: S608

    # -- making it fast ---------------------------------------------------------------------------------------------

    def build(self, model: Model) -> None:
        """Work out which row refers to which; once, after all tables are in. Blocking, for a thread.

        Raises:
            SatchelError: the server gave a row twice, or the disk is full.
        """
        with self._lock, self._told():
            if self._one("SELECT 1 FROM about WHERE key = 'built'"):
                return
            with self._db:
                denied = set(self.denied())
                for planned in self.plan.tables:
                    self._index(planned, model)
                for planned in self.plan.tables:
                    self._resolve(planned, model, denied)
                self._db.execute("INSERT INTO about VALUES ('built', '1')")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _index(self, planned: PlannedTable, model: Model) -> None:
        i = self.number[planned.name]
        self._index_rids(planned.name)
        keys = {
            tuple(sorted(key.referenced_columns))
            for key in model.referring.get(planned.name, ())
            if key.table in self.number and set(key.referenced_columns) <= {"RID", *planned.columns}
        }
        for n, columns in enumerate(sorted(keys - {("RID",)})):
            names = ",".join(self._column(planned, column) for column in columns)
            self._db.execute(f"CREATE INDEX r{i}_key{n} ON r{i}({names})")

    def _index_rids(self, name: TableName) -> None:
        i = self.number[name]
        try:
            self._db.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS r{i}_rid ON r{i}(rid)")
        except sqlite3.IntegrityError as error:
            raise SatchelError(
                Kind.SERVER, f"The server gave a row of {name} twice.", "Try again.", str(error)
            ) from error

    def _resolve(self, planned: PlannedTable, model: Model, denied: set[TableName]) -> None:
        i = self.number[planned.name]
        references = planned.references
        declared = "".join(f", p{j} INTEGER" for j in range(len(references)))
        self._db.execute(f"CREATE TABLE t{i} (o INTEGER PRIMARY KEY{declared})")
        found = "".join(", " + self._target(planned, key, model, denied) for key in references)
        self._db.execute(f"INSERT INTO t{i} SELECT r.o{found} FROM r{i} r ORDER BY r.o")  # noqa: S608
        for j in range(len(references)):
            self._db.execute(f"CREATE INDEX t{i}_p{j} ON t{i}(p{j}) WHERE p{j} IS NOT NULL")

    def _target(self, planned: PlannedTable, key: ForeignKey, model: Model, denied: set[TableName]) -> str:
        """SQL for the number of the row that a reference of row `r` means."""
        own = [f"r.{self._column(planned, column)}" for column in key.columns]
        null = " OR ".join(f"{column} IS NULL" for column in own)
        target = self.number.get(key.referenced)
        if target is None or key.referenced in denied or unreadable_columns(key, model):
            return f"CASE WHEN {null} THEN NULL ELSE {UNREAD} END"
        other = [f"q.{self._column(self.plan.tables[target], column)}" for column in key.referenced_columns]
        same = " AND ".join(f"{theirs} = {mine}" for theirs, mine in zip(other, own, strict=True))
        row = f"(SELECT q.o FROM r{target} q WHERE {same})"  # noqa: S608 - numbers and own names only
        return f"CASE WHEN {null} THEN NULL ELSE coalesce({row}, {DANGLING}) END"

    @staticmethod
    def _column(planned: PlannedTable, column: str) -> str:
        return "rid" if column == "RID" else f"k{planned.columns.index(column)}"

    # -- the file itself --------------------------------------------------------------------------------------------

    def _begin(self, described: str) -> None:
        self._db.execute("CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT)")
        self._db.execute("INSERT OR IGNORE INTO about VALUES ('described', ?)", (described,))
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS tables (i INTEGER PRIMARY KEY, name TEXT, done INTEGER, denied INTEGER)"
        )
        for i, planned in enumerate(self.plan.tables):
            self._db.execute("INSERT OR IGNORE INTO tables VALUES (?, ?, 0, 0)", (i, str(planned.name)))
            columns = "".join(f", k{n} TEXT" for n in range(len(planned.columns)))
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS r{i} "
                f"(o INTEGER PRIMARY KEY, rid TEXT NOT NULL, len INTEGER, asset INTEGER{columns})"
            )

    def _one(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        with self._lock, self._told():
            row: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
            return row

    @staticmethod
    def _says(file: Path) -> str | None:
        """What an earlier file says that it holds; None when it says nothing sensible."""
        try:
            db = _connect(file)
            try:
                row = db.execute("SELECT value FROM about WHERE key = 'described'").fetchone()
            finally:
                db.close()
        except sqlite3.DatabaseError:
            return None
        return str(row[0]) if row else None

    @contextmanager
    def _told(self) -> Iterator[None]:
        with told(self.file):
            yield


@contextmanager
def told(file: Path) -> Iterator[None]:
    """Turn SQLite's and the file system's complaints into words."""
    try:
        yield
    except sqlite3.OperationalError as error:
        full = getattr(error, "sqlite_errorname", "") == "SQLITE_FULL" or "full" in str(error)
        if full:
            raise SatchelError(
                Kind.DISK_FULL, f"There is no room left for {file}.", "Make room and go on.", str(error)
            ) from error
        raise SatchelError(Kind.FILES, f"{file} cannot be written.", "Check the folder.", str(error)) from error
    except OSError as error:
        raise SatchelError(Kind.FILES, f"{file} cannot be written.", "Check the folder.", str(error)) from error


def _connect(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, check_same_thread=False, timeout=30)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA cache_size = -4000")
    except BaseException:
        db.close()
        raise
    return db


def _shape(planned: PlannedTable) -> list[Any]:
    """All of a planned table that decides what the file holds."""
    asset = planned.table.asset
    return [
        list(planned.columns),
        [[str(key.referenced), list(key.columns), list(key.referenced_columns)] for key in planned.references],
        [asset.url, asset.length] if asset else None,
    ]
