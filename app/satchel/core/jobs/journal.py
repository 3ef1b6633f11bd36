"""The journal: every job with its request, checkpoints, warnings, log and result, in one SQLite file.

What is written is on disk when the call returns, so that a job can be resumed after a crash. Whether a job is running
is not in the database, where a crash would leave it wrong, but in a lock (`satchel.core.jobs.lease`): a job that says
it runs while nobody holds its lock is interrupted.

There is one connection for writing and one for reading: who reads never waits for who writes.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from satchel.core.errors import Kind, SatchelError
from satchel.core.files import write_atomically
from satchel.core.jobs import lease as leases
from satchel.core.jobs import registry
from satchel.core.jobs.context import KEPT
from satchel.core.jobs.events import Warned
from satchel.core.jobs.lease import PATIENCE, Lease
from satchel.core.jobs.schema import VERSION, migrate
from satchel.core.jobs.views import ALIVE
from satchel.core.locks import FileLock, LockedError
from satchel.core.paths import Home

__all__ = ["LOG_LINES", "Entry", "Journal", "Lease", "LogLine", "Pulse", "write_atomically"]

LOG_LINES = 20_000
"""Newest log lines that are kept for each job."""
_log = logging.getLogger(__name__)
_BUSY_SECONDS = 20.0
_LARGE = 2 << 20
"""Bytes. Checking so much takes a few milliseconds."""
_CHECKED_SECONDS = 24 * 3600.0
_JOB = (
    "SELECT id, kind, title, request, state, created, started, ended, seconds, result, error, warnings, stages,"
    " cancel_asked FROM job"
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
    stages: bytes | None = None
    """The last picture of its phases, JSON of a list of `StageView`."""
    cancel_asked: bool = False
    """Another process wants it cancelled."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """The little of a job that changes when it comes, goes or moves: cheap to read for all jobs."""

    state: str
    started: float | None
    ended: float | None
    cancel_asked: bool


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a job's log; `number` grows and can be asked for again with `after`."""

    number: int
    at: float
    level: str
    message: str


class Journal:
    """Opens the journal of `home`, making or migrating it where needed. Safe from any thread.

    Raises:
        SatchelError: it was made by a newer version, or cannot be written.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        try:
            self._folder = home.private(home.data)
            self._jobs = home.private(self._folder / "jobs")
        except OSError as error:
            raise SatchelError(
                Kind.FILES,
                f"Satchel's folder {home.data} cannot be made: {error.strerror}.",
                "Free some space, or set SATCHEL_HOME to a folder that you may write to.",
            ) from error
        self._path = self._folder / "journal.db"
        self._lock = threading.RLock()
        self._read_lock = threading.Lock()
        self.set_aside: Path | None = None
        """Where a damaged journal was moved to, if this one had to begin anew."""
        try:
            # Two programs that start at once would both make it, or both set it aside.
            with FileLock(self._folder / "journal.lock", _BUSY_SECONDS):
                try:
                    self._db, self._reader = self._open()
                except sqlite3.DatabaseError as error:
                    if isinstance(error, sqlite3.OperationalError):
                        raise
                    self._set_aside()
                    self._db, self._reader = self._open()
        except (sqlite3.Error, OSError, LockedError) as error:
            raise SatchelError(
                Kind.FILES, f"The journal {self._path} cannot be opened: {error}.", "Is the disk full or read-only?"
            ) from error

    def _open(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        with contextlib.ExitStack() as undo:
            db = self._connect()
            undo.callback(db.close)
            self._path.chmod(0o600)
            db.execute("PRAGMA journal_mode = WAL")
            self._check(db)
            version = migrate(db)
            if version > VERSION:
                raise SatchelError(
                    Kind.FILES,
                    f"The journal {self._path} was written by a newer version of Satchel.",
                    "Use that version, or set SATCHEL_HOME to another folder.",
                )
            reader = self._connect()
            undo.pop_all()
            return db, reader

    def _check(self, db: sqlite3.Connection) -> None:
        """Look whether it is damaged. All of it is read for that, so that a large one is checked once a day alone."""
        checked = self._folder / "journal.checked"
        if self._path.stat().st_size > _LARGE:
            with contextlib.suppress(OSError):
                if 0 <= time.time() - checked.stat().st_mtime < _CHECKED_SECONDS:
                    return
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        if self._path.stat().st_size > _LARGE:
            checked.touch(0o600)

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=_BUSY_SECONDS)
        try:
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            db.close()
            raise
        return db

    def _set_aside(self) -> None:
        self.set_aside = self._path.with_name(f"journal-damaged-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.db")
        for ending in ("", "-wal", "-shm"):
            damaged = Path(f"{self._path}{ending}")
            if damaged.exists():
                damaged.rename(f"{self.set_aside}{ending}")
        _log.error("the journal was damaged and is kept as %s", self.set_aside)

    def close(self) -> None:
        """Close the file."""
        with self._lock, self._read_lock:
            self._reader.close()
            self._db.close()

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise SatchelError(
                Kind.NOT_FOUND, "The job was discarded in another window or command.", "", str(error)
            ) from error
        except sqlite3.Error as error:
            kind = Kind.DISK_FULL if "full" in str(error) else Kind.FILES
            raise SatchelError(
                kind, f"The journal {self._path} cannot be {what}: {error}.", "Free some space and start Satchel again."
            ) from error

    def _read(self, statement: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        with self._told("read"), self._read_lock:
            return self._reader.execute(statement, tuple(values)).fetchall()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on disk afterwards, or nothing."""
        with self._told("written"), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def _write(self, statement: str, values: Iterable[Any] = ()) -> None:
        with self._writing() as db:
            db.execute(statement, tuple(values))

    # -- jobs -----------------------------------------------------------------------------------------------------

    @staticmethod
    def new_id() -> str:
        """An id that no job has."""
        return f"{time.strftime('%y%m%d', time.gmtime())}-{secrets.token_hex(4)}"

    def add(self, kind: str, title: str, request: bytes, job: str | None = None) -> str:
        """Write a new job down, under an id from `new_id` where its lease is held already. Returns the id."""
        job = job or self.new_id()
        self._write(
            "INSERT INTO job (id, kind, title, request, state, created) VALUES (?, ?, ?, ?, 'queued', ?)",
            (job, kind, title, request, time.time()),
        )
        return job

    def jobs(self) -> list[Entry]:
        """All jobs, newest first. Those that say they run while nobody runs them are interrupted."""
        rows = self._read(_JOB + " ORDER BY created DESC, id DESC")
        return [self._entry(row) for row in rows]

    def pulses(self) -> dict[str, Pulse]:
        """Of all jobs, the oldest first, what tells whether they moved."""
        rows = self._read("SELECT id, state, started, ended, cancel_asked FROM job ORDER BY created, id")
        return {
            job: Pulse(self._true_state(job, state), started, ended, bool(asked))
            for job, state, started, ended, asked in rows
        }

    def job(self, job: str) -> Entry:
        """One job. Raises SatchelError when there is none of that id."""
        rows = self._read(_JOB + " WHERE id = ?", (job,))
        if not rows:
            raise SatchelError(Kind.NOT_FOUND, f"There is no job {job}.", "`satchel jobs list` shows those there are.")
        return self._entry(rows[0])

    def _true_state(self, job: str, state: str) -> str:
        if state in ALIVE and not self.is_leased(job):
            # Looking takes two moments; the job may have ended properly between them.
            ((again,),) = self._read("SELECT state FROM job WHERE id = ?", (job,)) or [(state,)]
            return "interrupted" if again in ALIVE else again
        return state

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        *values, asked = row
        entry = Entry(*values, bool(asked))  # type: ignore[call-arg]  # mypy counts no starred list
        state = self._true_state(entry.id, entry.state)
        if state in (entry.state, "interrupted"):
            return replace(entry, state=state)
        return self.job(entry.id)

    def began(self, job: str) -> None:
        """The job runs now. Raises SatchelError when it was discarded."""
        with self._writing() as db:
            changed = db.execute(
                "UPDATE job SET state = 'running', started = ?, ended = NULL, error = NULL, cancel_asked = 0"
                " WHERE id = ?",
                (time.time(), job),
            )
            if changed.rowcount != 1:
                raise sqlite3.IntegrityError("no such job")

    def ended(
        self,
        job: str,
        state: str,
        seconds: float,
        *,
        result: bytes | None = None,
        error: bytes | None = None,
        stages: bytes | None = None,
    ) -> None:
        """The job has ended in `state`; `seconds` are added to what it has taken before. Done ones lose checkpoints."""
        with self._writing() as db:
            db.execute(
                "UPDATE job SET state = ?, ended = ?, seconds = seconds + ?, result = ?, error = ?,"
                " stages = coalesce(?, stages), cancel_asked = 0 WHERE id = ?",
                (state, time.time(), seconds, result, error, stages, job),
            )
            if state == "done":
                db.execute("DELETE FROM checkpoint WHERE job = ?", (job,))

    def discard(self, job: str) -> None:
        """Forget a job and remove its folder, and what it left beside its target.

        Raises:
            SatchelError: it is running somewhere; or something of it cannot be removed (it is forgotten all the same).
        """
        lease = self.lease(job)
        try:
            elsewhere = self._leftovers(job)
            # In this order: should the computer stop in between, the job is still listed, can be discarded again, and
            # if it is resumed it begins anew and does not miss files that are gone.
            self._write("DELETE FROM checkpoint WHERE job = ? AND key <> 'leftovers'", (job,))
            failures = []
            for folder in (self._jobs / job, *elsewhere):
                try:
                    _remove(folder)
                except SatchelError as error:
                    failures.append(error)
            self._write("DELETE FROM job WHERE id = ?", (job,))
            if failures:
                raise failures[0]
        finally:
            lease.retire()

    def _leftovers(self, job: str) -> list[Path]:
        rows = self._read("SELECT request FROM job WHERE id = ?", (job,))
        return [path for (request,) in rows for path in registry.leftovers_of(request, job, self.kept(job))]

    def folder(self, job: str) -> Path:
        """The job's private folder; it exists. Raises OSError."""
        return Home.private(self._jobs / job)

    def remove_folder(self, job: str, *, done: bool = False) -> None:
        """Remove the job's private folder with all in it; of a job that is `done` what its result needs stays, in the
        folder `KEPT`. Raises SatchelError when something of it stays that should not."""
        folder = self._jobs / job
        if not done or not (folder / KEPT).is_dir():
            _remove(folder)
            return
        for entry in sorted(folder.iterdir()):
            if entry.name != KEPT:
                _remove(entry)

    def sweep(self) -> None:
        """Remove folders and locks that no job needs any more; what cannot be removed is logged."""
        needed = {job for job, pulse in self.pulses().items() if pulse.state != "done"}
        for leftover in sorted(self._jobs.iterdir()):
            job = leftover.name.removesuffix(".lock")
            if job in needed:
                continue
            with contextlib.suppress(SatchelError):  # it is just coming into being, or just ending
                lease = self.lease(job, patience=0)
                try:
                    states = self._read("SELECT state FROM job WHERE id = ?", (job,))
                    if states in ([], [("done",)]):
                        self.remove_folder(job, done=bool(states))
                except SatchelError as error:
                    _log.warning("%s", error.message)
                finally:
                    lease.retire()

    # -- who runs it ----------------------------------------------------------------------------------------------

    def _lease_path(self, job: str) -> Path:
        return self._jobs / f"{job}.lock"

    def lease(self, job: str, patience: float = PATIENCE) -> Lease:
        """Take the right to run a job. Raises SatchelError when another process has it."""
        return leases.take(self._lease_path(job), job, patience)

    def is_leased(self, job: str) -> bool:
        """Whether any process, this one too, runs the job."""
        return leases.is_taken(self._lease_path(job), job)

    def ask_cancel(self, job: str) -> None:
        """Have whatever process runs the job cancel it; it looks twice a second."""
        self._write("UPDATE job SET cancel_asked = 1 WHERE id = ?", (job,))

    def cancel_asked(self, job: str) -> bool:
        """Whether `ask_cancel` was called since the job began."""
        return bool(self._read("SELECT 1 FROM job WHERE id = ? AND cancel_asked", (job,)))

    # -- what a run leaves ----------------------------------------------------------------------------------------

    def record(
        self,
        job: str,
        *,
        lines: Iterable[tuple[float, str, str]] = (),
        warnings: Iterable[Warned] = (),
        kept: Mapping[str, Any] | None = None,
    ) -> None:
        """Write log lines (time, level, message), warnings and checkpoints, all or nothing.

        Raises:
            SatchelError: they could not be written, or a checkpoint is not made of JSON values.
        """
        try:
            values = [(job, key, msgspec.json.encode(value)) for key, value in (kept or {}).items()]
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise SatchelError(Kind.INTERNAL, "A checkpoint cannot be written as JSON.", "", str(error)) from error
        warned = [(job, msgspec.json.encode(warning)) for warning in warnings]
        told = [(job, *line) for line in lines]
        with self._writing() as db:
            db.executemany("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?)", values)
            if warned:
                db.executemany("INSERT INTO warning (job, value) VALUES (?, ?)", warned)
                db.execute("UPDATE job SET warnings = warnings + ? WHERE id = ?", (len(warned), job))
            if told:
                db.executemany("INSERT INTO log (job, at, level, message) VALUES (?, ?, ?, ?)", told)
                dropped = db.execute(
                    "DELETE FROM log WHERE job = :job AND id <= "
                    "(SELECT id FROM log WHERE job = :job ORDER BY id DESC LIMIT 1 OFFSET :kept)",
                    {"job": job, "kept": LOG_LINES},
                ).rowcount
                if dropped:
                    db.execute("UPDATE job SET log_dropped = log_dropped + ? WHERE id = ?", (dropped, job))

    def keep(self, job: str, key: str, value: Any) -> None:
        """Write a checkpoint; it is on disk when this returns."""
        self.record(job, kept={key: value})

    def kept(self, job: str) -> dict[str, Any]:
        """All checkpoints of a job."""
        rows = self._read("SELECT key, value FROM checkpoint WHERE job = ?", (job,))
        return {key: msgspec.json.decode(value) for key, value in rows}

    def warnings(self, job: str, newest: int | None = None) -> list[Warned]:
        """The newest warnings of a job (None: all), oldest of them first."""
        rows = self._read(
            "SELECT value FROM warning WHERE job = ? ORDER BY id DESC LIMIT ?", (job, -1 if newest is None else newest)
        )
        return [msgspec.json.decode(value, type=Warned) for (value,) in reversed(rows)]

    def log(self, job: str, lines: Iterable[tuple[float, str, str]]) -> None:
        """Append (time, level, message) lines to a job's log and drop the oldest beyond the bound."""
        self.record(job, lines=lines)

    def log_lines(self, job: str, after: int = 0, limit: int = LOG_LINES) -> list[LogLine]:
        """The newest log lines behind the number `after`, at most `limit`, in order.

        From the beginning (`after` 0), a line of number 0 says how many older ones are gone, or not shown.
        """
        rows = self._read(
            "SELECT id, at, level, message FROM log WHERE job = ? AND id > ? ORDER BY id DESC LIMIT ?",
            (job, after, limit),
        )
        lines = [LogLine(*row) for row in reversed(rows)]
        if after == 0 and lines:
            ((missing,),) = self._read(
                "SELECT coalesce(max(j.log_dropped), 0) + (SELECT count(*) FROM log WHERE job = j.id AND id < ?) "
                "FROM job j WHERE j.id = ?",
                (lines[0].number, job),
            )
            if missing:
                lines.insert(0, LogLine(0, lines[0].at, "info", f"({missing:,} older lines are left out)"))
        return lines


def _remove(folder: Path) -> None:
    """Remove a job's folder with all in it, or a file. Raises SatchelError when something of it stays."""
    try:
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        else:
            folder.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise SatchelError(
            Kind.FILES,
            f"The job's folder {folder} could not be removed: {error.strerror}.",
            "Remove it by hand.",
            str(error),
        ) from error
