"""How the journal's file is laid out, and how older ones become like it."""

from __future__ import annotations

import sqlite3

# One step a version, never changed once released; the file's user_version says how many have been taken.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE job (
            id TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, request BLOB NOT NULL, state TEXT NOT NULL,
            created REAL NOT NULL, started REAL, ended REAL, seconds REAL NOT NULL DEFAULT 0, result BLOB, error BLOB,
            warnings INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        """
        CREATE TABLE checkpoint (
            job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE, key TEXT NOT NULL, value BLOB NOT NULL,
            PRIMARY KEY (job, key)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE warning (
            id INTEGER PRIMARY KEY, job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE, value BLOB NOT NULL
        ) STRICT
        """,
        "CREATE INDEX warning_job ON warning(job)",
        """
        CREATE TABLE log (
            id INTEGER PRIMARY KEY, job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE, at REAL NOT NULL,
            level TEXT NOT NULL, message TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX log_job ON log(job, id)",
    ),
    (
        # The last picture of the phases; how many log lines are gone; whether another process wants the job cancelled.
        "ALTER TABLE job ADD COLUMN stages BLOB",
        "ALTER TABLE job ADD COLUMN log_dropped INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE job ADD COLUMN cancel_asked INTEGER NOT NULL DEFAULT 0",
    ),
)
VERSION = len(MIGRATIONS)


def migrate(db: sqlite3.Connection) -> int:
    """Bring the file up to date, in one transaction. Returns its version, which may be newer than this program's."""
    db.execute("BEGIN IMMEDIATE")
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        for step in MIGRATIONS[version:]:
            for statement in step:
                db.execute(statement)
        if version < VERSION:
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise
    return max(int(version), VERSION)
