"""Identifiers on disk: one SQLite file, every acknowledged write synced."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ALPHABET = "0123456789bcdfghjkmnpqrstvwxz"
"""No vowels and no l: an identifier spells no word and is not misread."""
LENGTH = 13
NAMESPACES = {
    "minid": ("ark:/57799/", "minid:", "hdl:20.500.12582/"),
    "minid-test": ("ark:/99999/", "minid.test:", "hdl:20.500.12633/"),
}
"""The prefixes of the two namespaces that are always there: the first is given, all are understood (minid 2.0 does)."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS namespace (id TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS identifier (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL REFERENCES namespace(id),
    document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS checksum (
    value TEXT NOT NULL, function TEXT NOT NULL, identifier TEXT NOT NULL REFERENCES identifier(id),
    PRIMARY KEY (value, function, identifier)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Record:
    """An identifier and what is known of it; `document` is what the service prints, without the landing page."""

    id: str
    namespace: str
    document: dict[str, Any]


def now() -> str:
    """The service's form of a time: UTC without saying so."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def canonical(identifier: str) -> str:
    """The form under which an identifier is kept, whichever of its prefixes it came with."""
    for given, *others in NAMESPACES.values():
        for other in others:
            if identifier.lower().startswith(other):
                return given + identifier[len(other) :]
    # An ARK may be written without the slash after its label.
    if identifier.startswith("ark:") and not identifier.startswith("ark:/"):
        return "ark:/" + identifier.removeprefix("ark:")
    return identifier


class Identifiers:
    """The identifiers of one folder. Methods may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(folder / "identifiers.sqlite", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(_SCHEMA)
        for name in NAMESPACES:
            document = {"namespace_id": name, "display_name": name, "creators": ["*"], "admins": ["admin"]}
            self._db.execute("INSERT OR IGNORE INTO namespace VALUES (?, ?)", (name, json.dumps(document)))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    # -- namespaces -------------------------------------------------------------------------------------------------

    def namespace(self, name: str) -> dict[str, Any] | None:
        """A namespace's document."""
        with self._lock:
            found = self._db.execute("SELECT document FROM namespace WHERE id = ?", (name,)).fetchone()
        return json.loads(found[0]) if found else None

    def put_namespace(self, name: str, document: dict[str, Any]) -> None:
        """Add a namespace, or change one."""
        with self._lock:
            self._db.execute(
                "INSERT INTO namespace VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document",
                (name, json.dumps(document)),
            )

    def drop_namespace(self, name: str) -> bool:
        """Remove a namespace. False where it still has identifiers."""
        with self._lock:
            try:
                self._db.execute("DELETE FROM namespace WHERE id = ?", (name,))
            except sqlite3.IntegrityError:
                return False
        return True

    # -- identifiers ------------------------------------------------------------------------------------------------

    def get(self, identifier: str) -> Record | None:
        """An identifier by any of its forms."""
        with self._lock:
            found = self._db.execute(
                "SELECT id, namespace, document FROM identifier WHERE id = ?", (canonical(identifier),)
            ).fetchone()
        return Record(found[0], found[1], json.loads(found[2])) if found else None

    def create(self, namespace: str, document: dict[str, Any]) -> Record:
        """Mint an identifier. It is on disk when this returns."""
        prefix = NAMESPACES.get(namespace, NAMESPACES["minid-test"])[0]
        stamp = now()
        document = {**document, "created": stamp, "updated": stamp}
        while True:
            made = prefix + "b9" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
            try:
                self._write(
                    "INSERT INTO identifier (id, namespace, document) VALUES (?, ?, ?)",
                    (made, namespace, json.dumps(document)),
                    made,
                    document,
                )
            except sqlite3.IntegrityError:
                if self.get(made) is None:
                    raise
                continue
            return Record(made, namespace, document)

    def update(self, identifier: str, changes: dict[str, Any]) -> Record:
        """Change parts of an identifier's document; what is not among the changes stays, in its metadata too.

        Raises KeyError where there is no such identifier.
        """
        with self._lock:
            found = self.get(identifier)
            if found is None:
                raise KeyError(identifier)
            document = {**found.document, **changes, "updated": now()}
            document["metadata"] = {**found.document["metadata"], **changes.get("metadata", {})}
            self._write(
                "UPDATE identifier SET document = ? WHERE id = ?", (json.dumps(document), found.id), found.id, document
            )
        return Record(found.id, found.namespace, document)

    def _write(self, statement: str, values: tuple[str, ...], identifier: str, document: dict[str, Any]) -> None:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute(statement, values)
                self._db.execute("DELETE FROM checksum WHERE identifier = ?", (identifier,))
                self._db.executemany(
                    "INSERT OR IGNORE INTO checksum VALUES (?, ?, ?)",
                    [(c["value"].lower(), c["function"], identifier) for c in document["checksums"]],
                )
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def by_checksum(self, value: str, function: str | None) -> list[Record]:
        """The identifiers of the content with this checksum, oldest first."""
        query = (
            "SELECT DISTINCT i.number, i.id, i.namespace, i.document FROM checksum c JOIN identifier i "
            "ON i.id = c.identifier WHERE c.value = ? AND (? IS NULL OR c.function = ?) ORDER BY i.number"
        )
        with self._lock:
            found = self._db.execute(query, (value.lower(), function, function)).fetchall()
        return [Record(row[1], row[2], json.loads(row[3])) for row in found]
