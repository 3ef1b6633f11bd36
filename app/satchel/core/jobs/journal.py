"""The journal: every job with its request, checkpoints, warnings, log and result, in one SQLite file.

What is written is on disk when the call returns, so that a job can be resumed after a crash. Whether a job is running
is not in the database, where a crash would leave it wrong, but in a lock that its process holds on a file: when the
process ends, however it ends, the job is free, and shows as interrupted.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import portalocker

from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.events import Warned
from satchel.core.jobs.views import ALIVE
from satchel.core.paths import Home

LOG_LINES = 20_000
"""Newest log lines that are kept for each job."""

# One step a version; the file's user_version says how many have been taken.
_MIGRATIONS = (
    """
    CREATE TABLE job (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, request BLOB NOT NULL, state TEXT NOT NULL,
        created REAL NOT NULL, started REAL, ended REAL, seconds REAL NOT NULL DEFAULT 0, result BLOB, error BLOB,
        warnings INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE checkpoint (
        job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE, key TEXT NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (job, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE warning (
        id INTEGER PRIMARY KEY, job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE, value BLOB NOT NULL
    ) STRICT;
    CREATE INDEX warning_job ON warning(job);
    CREATE TABLE log (
        id INTEGER PRIMARY KEY, job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE, at REAL NOT NULL,
        level TEXT NOT NULL, message TEXT NOT NULL
    ) STRICT;
    CREATE INDEX log_job ON log(job, id);
    """,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A job as the journal knows it. Times are seconds since 1970."""

    id: str
    kind: str
    title: str
    request: bytes
    state: str
    created: float
    started: float | None
    ended: float | None
    seconds: float
    result: bytes | None
    error: bytes | None
    warnings: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a job's log; `number` grows and can be asked for again with `after`."""

    number: int
    at: float
    level: str
    message: str


class Lease:
    """The right to run a job, held by one process at a time."""

    def __init__(self, lock: portalocker.Lock) -> None:
        self._lock = lock

    def release(self) -> None:
        """Give the job free."""
        self._lock.release()


class Journal:
    """Opens the journal of `home`, making or migrating it where needed. Safe from any thread.

    Raises:
        SatchelError: it was made by a newer version, or cannot be written.
    """

    def __init__(self, home: Home) -> None:
        self._folder = home.private(home.data)
        self._path = self._folder / "journal.db"
        self._jobs = home.private(self._folder / "jobs")
        self._lock = threading.RLock()
        self.set_aside: Path | None = None
        """Where a damaged journal was moved to, if this one had to begin anew."""
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise SatchelError(
                    Kind.FILES, f"The journal {self._path} cannot be opened: {error}.", "Is the disk full or read-only?"
                ) from error
            self.set_aside = self._path.with_name(f"journal-damaged-{int(time.time())}.db")
            for ending in ("", "-wal", "-shm"):
                damaged = Path(f"{self._path}{ending}")
                if damaged.exists():
                    damaged.rename(f"{self.set_aside}{ending}")
            self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=20)
        try:
            self._path.chmod(0o600)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("BEGIN IMMEDIATE")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > len(_MIGRATIONS):
                raise SatchelError(
                    Kind.FILES,
                    f"The journal {self._path} was written by a newer version of Satchel.",
                    "Use that version, or set SATCHEL_HOME to another folder.",
                )
            for step in _MIGRATIONS[version:]:
                for statement in step.split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _write(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        with self._lock:
            try:
                return self._db.execute(statement, tuple(values))
            except sqlite3.OperationalError as error:
                kind = Kind.DISK_FULL if "full" in str(error) else Kind.FILES
                raise SatchelError(
                    kind, f"The journal {self._path} cannot be written: {error}.", "Free some space and resume."
                ) from error

    # -- jobs -----------------------------------------------------------------------------------------------------

    def add(self, kind: str, title: str, request: bytes) -> str:
        """Write a new job down. Returns its id."""
        job = f"{time.strftime('%y%m%d', time.gmtime())}-{secrets.token_hex(3)}"
        self._write(
            "INSERT INTO job (id, kind, title, request, state, created) VALUES (?, ?, ?, ?, 'queued', ?)",
            (job, kind, title, request, time.time()),
        )
        return job

    def jobs(self) -> list[Entry]:
        """All jobs, newest first. Those that say they run while nobody runs them are interrupted."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM job ORDER BY created DESC, id DESC").fetchall()
        return [self._entry(row) for row in rows]

    def job(self, job: str) -> Entry:
        """One job. Raises SatchelError when there is none of that id."""
        with self._lock:
            row = self._db.execute("SELECT * FROM job WHERE id = ?", (job,)).fetchone()
        if row is None:
            raise SatchelError(Kind.NOT_FOUND, f"There is no job {job}.", "`satchel jobs list` shows those there are.")
        return self._entry(row)

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        entry = Entry(*row)
        if entry.state in ALIVE and not self.is_leased(entry.id):
            return replace(entry, state="interrupted")
        return entry

    def began(self, job: str) -> None:
        """The job runs now."""
        self._write(
            "UPDATE job SET state = 'running', started = ?, ended = NULL, error = NULL WHERE id = ?", (time.time(), job)
        )

    def ended(
        self, job: str, state: str, seconds: float, *, result: bytes | None = None, error: bytes | None = None
    ) -> None:
        """The job has ended in `state`; `seconds` are added to what it has taken before."""
        self._write(
            "UPDATE job SET state = ?, ended = ?, seconds = seconds + ?, result = ?, error = ? WHERE id = ?",
            (state, time.time(), seconds, result, error, job),
        )

    def discard(self, job: str) -> None:
        """Forget a job and remove its folder. Raises SatchelError while it is running anywhere."""
        lease = self.lease(job)
        try:
            shutil.rmtree(self._jobs / job, ignore_errors=True)
            self._write("DELETE FROM job WHERE id = ?", (job,))
        finally:
            lease.release()
            self._lease_path(job).unlink(missing_ok=True)

    def folder(self, job: str) -> Path:
        """The job's private folder; it exists."""
        return Home.private(self._jobs / job)

    def remove_folder(self, job: str) -> None:
        """Remove the job's private folder with all in it."""
        shutil.rmtree(self._jobs / job, ignore_errors=True)

    # -- who runs it ----------------------------------------------------------------------------------------------

    def _lease_path(self, job: str) -> Path:
        return self._jobs / f"{job}.lock"

    def lease(self, job: str, patience: float = 0.5) -> Lease:
        """Take the right to run a job. Raises SatchelError when another process has it.

        The patience, in seconds, is for others who only look (`is_leased`).
        """
        lock = portalocker.Lock(
            str(self._lease_path(job)),
            mode="a",
            flags=portalocker.LOCK_EX | portalocker.LOCK_NB,
            timeout=patience,
            check_interval=0.02,
        )
        try:
            lock.acquire()
        except portalocker.exceptions.LockException as error:
            raise SatchelError(
                Kind.USAGE, f"Job {job} is running in another window or command.", "Wait for it or cancel it there."
            ) from error
        return Lease(lock)

    def is_leased(self, job: str) -> bool:
        """Whether any process, this one too, runs the job."""
        if not self._lease_path(job).exists():
            return False
        try:
            self.lease(job, patience=0).release()
        except SatchelError:
            return True
        return False

    # -- what a run leaves ----------------------------------------------------------------------------------------

    def keep(self, job: str, key: str, value: Any) -> None:
        """Write a checkpoint; it is on disk when this returns."""
        self._write("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?)", (job, key, msgspec.json.encode(value)))

    def kept(self, job: str) -> dict[str, Any]:
        """All checkpoints of a job."""
        with self._lock:
            rows = self._db.execute("SELECT key, value FROM checkpoint WHERE job = ?", (job,)).fetchall()
        return {key: msgspec.json.decode(value) for key, value in rows}

    def forget_checkpoints(self, job: str) -> None:
        """Drop the checkpoints of a job that needs them no longer."""
        self._write("DELETE FROM checkpoint WHERE job = ?", (job,))

    def warn(self, job: str, warning: Warned) -> None:
        """Keep a warning."""
        with self._lock:
            self._write("INSERT INTO warning (job, value) VALUES (?, ?)", (job, msgspec.json.encode(warning)))
            self._write("UPDATE job SET warnings = warnings + 1 WHERE id = ?", (job,))

    def warnings(self, job: str, newest: int) -> list[Warned]:
        """The newest warnings of a job, oldest of them first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT value FROM warning WHERE job = ? ORDER BY id DESC LIMIT ?", (job, newest)
            ).fetchall()
        return [msgspec.json.decode(value, type=Warned) for (value,) in reversed(rows)]

    def log(self, job: str, lines: Iterable[tuple[float, str, str]]) -> None:
        """Append (time, level, message) lines to a job's log and drop the oldest beyond the bound."""
        with self._lock:
            self._write("BEGIN IMMEDIATE")
            try:
                self._db.executemany(
                    "INSERT INTO log (job, at, level, message) VALUES (?, ?, ?, ?)", [(job, *line) for line in lines]
                )
                self._db.execute(
                    "DELETE FROM log WHERE job = ?1 AND id <= "
                    "(SELECT id FROM log WHERE job = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                    (job, LOG_LINES),
                )
                self._db.execute("COMMIT")
            except sqlite3.Error:
                self._db.execute("ROLLBACK")
                raise

    def log_lines(self, job: str, after: int = 0, limit: int = LOG_LINES) -> list[LogLine]:
        """The newest log lines behind the number `after`, at most `limit`, in order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, at, level, message FROM log WHERE job = ? AND id > ? ORDER BY id DESC LIMIT ?",
                (job, after, limit),
            ).fetchall()
        return [LogLine(*row) for row in reversed(rows)]


def write_atomically(path: Path, data: bytes, *, mode: int = 0o600, sync: Callable[[int], None] = os.fsync) -> None:
    """Write a small file so that it is either the old one or the new one, never half. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            sync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
