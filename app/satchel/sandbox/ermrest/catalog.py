"""One catalog: its database file, its models through time, and transactions on it.

Writers take turns, each a single transaction that is on disk when it returns and leaves nothing when it fails. Readers
see one moment and wait for nobody (SQLite's write-ahead log). Every write has a snapshot number of its own, later than
all before it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from . import ddl, documents, history, rids, rows
from .functions import register
from .model import Client, ErmrestError, Model, Schema, Table
from .problems import conflict

T = TypeVar("T")
_STEPS = 20_000
"""Steps of SQLite's machine, of about 20 ns, between two looks at the clock."""
_SETUP = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE model (since INTEGER PRIMARY KEY, document BLOB NOT NULL);
CREATE TABLE changed (phys TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
"""


class Transaction:
    """A write under way. `now` is its snapshot number; what it touches is noted in `touched`."""

    def __init__(self, catalog: Catalog, db: sqlite3.Connection, client: Client, now: int, seconds: float = 0) -> None:
        self.catalog = catalog
        self._seconds = seconds
        self.db = db
        self.client = client
        self.now = now
        self.when = rids.moment(now)
        self.touched: set[str] = set()
        self.model = catalog.model
        self.truncated: list[Model] | None = None
        self._editor: ddl.Editor | None = None
        self._sequence = int(db.execute("SELECT value FROM meta WHERE key = 'rid'").fetchone()[0])
        self._began = self._sequence

    def renew(self) -> None:
        """Give the statements from now on the whole time of a query; to be called between statements."""
        self.catalog.limit(self.db, self._seconds)

    def new_rid(self) -> str:
        """The next RID."""
        self._sequence += 1
        return rids.encode(self._sequence)

    def take_rids(self, count: int) -> range:
        """The next `count` numbers of the RID sequence, for bulk inserts."""
        first = self._sequence + 1
        self._sequence += count
        return range(first, first + count)

    def used_rid(self, rid: str) -> None:
        """A RID was given by a client: the sequence goes on behind it, as the real server's does."""
        number = rids.decode(rid)
        if number is not None and number > self._sequence:
            self._sequence = number

    @property
    def editor(self) -> ddl.Editor:
        """For changing the model: works on a copy, which comes into force with the transaction."""
        if self._editor is None:
            self.model = msgspec.json.decode(msgspec.json.encode(self.catalog.model), type=Model)
            self.model.since = self.now
            self._editor = ddl.Editor(self.model, self.new_rid, self._new_phys)
        return self._editor

    def _new_phys(self) -> str:
        self._sequence_phys = getattr(self, "_sequence_phys", None) or int(
            self.db.execute("SELECT value FROM meta WHERE key = 'phys'").fetchone()[0]
        )
        self._sequence_phys += 1
        self.db.execute("UPDATE meta SET value = ? WHERE key = 'phys'", (self._sequence_phys,))
        return str(self._sequence_phys)

    def apply(self) -> None:
        """Run the statements that the editor has gathered, and check the foreign keys that it added."""
        if self._editor is None:
            return
        statements, self._editor.sql = self._editor.sql, []
        for statement in statements:
            if statement.startswith("--drop-unique "):
                self._drop_unique(statement)
                continue
            try:
                self.db.execute(statement)
            except sqlite3.IntegrityError as error:
                raise conflict(f"could not create unique index: {error}\n") from None
        checks, self._editor.checks = self._editor.checks, []
        for table, fkey in checks:
            rows.check_fkey(self, table, fkey)
        self.touched.update(table.phys for table in self._editor.touched)

    def _drop_unique(self, statement: str) -> None:
        _, phys, listed = statement.split(" ", 2)
        wanted = {name.strip().strip("'") for name in listed.split(",")}
        for _, index, unique, *_ in self.db.execute(f"PRAGMA index_list({phys})").fetchall():
            columns = {row[2] for row in self.db.execute(f"PRAGMA index_info({index})")}
            if unique and columns == wanted:
                self.db.execute(f"DROP INDEX {index}")

    def finish(self) -> None:
        """Write down what the transaction has used. Called once, before the commit."""
        self.apply()
        if self._editor is not None:
            self.db.execute("INSERT OR REPLACE INTO model VALUES (?, ?)", (self.now, msgspec.json.encode(self.model)))
        if self._sequence != self._began:
            self.db.execute("UPDATE meta SET value = ? WHERE key = 'rid'", (self._sequence,))
        self.db.execute("UPDATE meta SET value = ? WHERE key = 'now'", (self.now,))
        self.db.executemany("INSERT OR REPLACE INTO changed VALUES (?, ?)", [(p, self.now) for p in self.touched])

    @property
    def changed_model(self) -> bool:
        """Whether the model is a new one."""
        return self._editor is not None


class Catalog:
    """A catalog that is there. `Store` makes and finds them."""

    def __init__(self, catalog_id: str, path: Path) -> None:
        self.id = catalog_id
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._writer = self._connect()
        self._models: list[Model] = []
        if not self._writer.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
            self._begin()
        self._load()

    def _begin(self) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        for statement in _SETUP.split(";"):
            self._writer.execute(statement)
        self._writer.executemany("INSERT INTO meta VALUES (?, ?)", [("rid", 1000), ("phys", 0), ("now", 0)])
        self._writer.execute("COMMIT")

    def _load(self) -> None:
        found = self._writer.execute("SELECT document FROM model ORDER BY since").fetchall()
        self._models = [msgspec.json.decode(document, type=Model) for (document,) in found] or [Model()]
        self.last = int(self._writer.execute("SELECT value FROM meta WHERE key = 'now'").fetchone()[0])

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self._path, check_same_thread=False, isolation_level=None, timeout=60, cached_statements=256
        )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -32000")
        db.execute("PRAGMA temp_store = MEMORY")
        register(db)
        return db

    def close(self) -> None:
        """Close the connections: those that somebody reads from when they are given back."""
        with self._lock:
            self._closed = True
            self._writer.close()
            while self._idle:
                self._idle.pop().close()

    def _gone(self) -> ErmrestError:
        return ErmrestError(404, "Resource not found.", f"catalog {self.id}")

    # -- models and moments ---------------------------------------------------------------------------------------

    @property
    def model(self) -> Model:
        """The model in force now."""
        return self._models[-1]

    @property
    def models(self) -> Sequence[Model]:
        """All models that snapshots may have, the oldest first."""
        return self._models

    @property
    def first(self) -> int:
        """The number of the oldest snapshot."""
        return self._models[0].since

    def model_at(self, snapshot: int) -> Model:
        """The model that was in force at a snapshot. Raises ErmrestError 409 before the first."""
        if snapshot < self._models[0].since:
            raise conflict(f'Requested catalog revision "{rids.encode(snapshot)}" is prior to any known revision.')
        return next(m for m in reversed(self._models) if m.since <= snapshot)

    @property
    def snaptime(self) -> str:
        """The newest snapshot's id."""
        return rids.encode(self.last)

    # -- reading --------------------------------------------------------------------------------------------------

    def borrow(self) -> sqlite3.Connection:
        """A connection inside a read transaction: one moment, whatever others write. Give it back."""
        if self._closed:
            raise self._gone()
        try:
            db = self._idle.pop()
        except IndexError:
            db = self._connect()
        db.execute("BEGIN")
        return db

    @staticmethod
    def limit(db: sqlite3.Connection, seconds: float) -> None:
        """Interrupt the statements of a connection once they have taken so long from now on; 0 lets them run."""
        if not seconds:
            db.set_progress_handler(None, 0)
            return
        end = time.monotonic() + seconds
        db.set_progress_handler(lambda: time.monotonic() > end, _STEPS)

    def give_back(self, db: sqlite3.Connection) -> None:
        """End the read transaction of a borrowed connection."""
        self.limit(db, 0)
        if db.in_transaction:
            db.execute("ROLLBACK")
        if self._closed:
            db.close()
        else:
            self._idle.append(db)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A borrowed connection."""
        db = self.borrow()
        try:
            yield db
        finally:
            self.give_back(db)

    def unchanged_since(self, db: sqlite3.Connection, tables: Iterable[Table], snapshot: int) -> bool:
        """Whether tables are now as they were at a snapshot. Begins the read transaction of `db`."""
        marks = [table.phys for table in tables]
        listed = ",".join("?" * len(marks))
        (newest,) = db.execute(f"SELECT max(at) FROM changed WHERE phys IN ({listed})", marks).fetchone()
        return newest is None or int(newest) <= snapshot

    # -- writing --------------------------------------------------------------------------------------------------

    def write(
        self,
        client: Client,
        work: Callable[[Transaction], T],
        now: datetime | None = None,
        *,
        seconds: float = 0,
        alone: bool = False,
    ) -> T:
        """Run `work` in a transaction. What it raises undoes it.

        Args:
            client: who writes.
            work: does it.
            now: the transaction's time; the clock's where None. Never earlier than what was written before.
            seconds: how long each of its statements may take, or what `work` does between two calls of the
                transaction's `renew`; 0 for as long as they do.
            alone: refuse when somebody else is writing, in place of waiting.

        Raises:
            ErmrestError: 503 where it would not be alone, 507 when the disk is full, and what `work` raises.
        """
        if not self._lock.acquire(blocking=not alone):
            raise ErmrestError(503, "The service is temporarily unavailable.", "Transaction aborted.")
        try:
            if self._closed:
                raise self._gone()
            db = self._writer
            self.limit(db, seconds)
            moment = rids.microseconds(now) if now is not None else time.time_ns() // 1000
            moment = max(moment, self.last + 1)
            db.execute("BEGIN IMMEDIATE")
            try:
                transaction = Transaction(self, db, client, moment, seconds)
                answer = work(transaction)
                self.limit(db, 0)
                transaction.finish()
                db.execute("COMMIT")
            except BaseException as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
                    raise ErmrestError(507, "Insufficient storage.", str(error)) from error
                raise
            if transaction.truncated is not None:
                self._models = transaction.truncated
            if transaction.changed_model:
                # The empty model that a new catalog begins with is no part of its history.
                self._models = [*(m for m in self._models if m.since), transaction.model]
            self.last = moment
            return answer
        finally:
            self._lock.release()

    def truncate(self, client: Client, until: int) -> None:
        """Forget what had ended at a moment, or before."""

        def work(transaction: Transaction) -> None:
            transaction.truncated = history.truncate(transaction, until)

        self.write(client, work)

    # -- what the demo and tests use ------------------------------------------------------------------------------

    def create_schemas(self, given: Sequence[Any], client: Client, now: datetime | None = None) -> list[Any]:
        """What `POST /schema` does. Returns the printed documents of the schemas and tables that were made."""

        def work(transaction: Transaction) -> list[Any]:
            made = transaction.editor.add_all(given)
            transaction.apply()
            printer = documents.Printer(transaction.model, client)
            return [printer.schema(m) if isinstance(m, Schema) else printer.table(m) for m in made]

        return self.write(client, work, now)

    def edit(self, client: Client, change: Callable[[ddl.Editor], None], now: datetime | None = None) -> None:
        """Change the model by hand: annotations, ACLs, bindings."""

        def work(transaction: Transaction) -> None:
            change(transaction.editor)

        self.write(client, work, now)

    def insert(
        self,
        schema: str,
        table: str,
        given: Iterable[Mapping[str, Any]],
        client: Client,
        *,
        nondefaults: frozenset[str] = frozenset(),
        now: datetime | None = None,
    ) -> int:
        """Insert rows (as JSON would give them), streaming. Returns how many there were."""

        def work(transaction: Transaction) -> int:
            target = rows.find(transaction.model, schema, table)
            return rows.insert(transaction, target, given, nondefaults=nondefaults).count

        return self.write(client, work, now)

    def update(
        self,
        schema: str,
        table: str,
        given: Iterable[Mapping[str, Any]],
        client: Client,
        *,
        key: Sequence[str] = ("RID",),
        now: datetime | None = None,
    ) -> int:
        """Set the columns that each row names beside its key. Returns how many rows were found."""

        def work(transaction: Transaction) -> int:
            target = rows.find(transaction.model, schema, table)
            listed = list(given)
            columns = [name for name in (listed[0] if listed else {}) if name not in key]
            pairs = [(name, name) for name in key]
            return len(rows.update(transaction, target, listed, pairs, [(name, name) for name in columns]))

        return self.write(client, work, now)
