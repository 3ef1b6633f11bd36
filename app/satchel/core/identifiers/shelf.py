"""What this person has minted and received: a small SQLite file, so that each can be found, cited and looked after."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec

from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers.record import Record
from satchel.core.paths import Home

NAME = "identifiers.sqlite"
Role = Literal["minted", "received"]
State = Literal["unchecked", "good", "dead", "changed", "inactive", "unknown"]
"""`dead`: it does not resolve, or no location answers; `changed`: a location gives something else; `unknown`: it could
not be asked (no network)."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
    id TEXT NOT NULL, role TEXT NOT NULL, document BLOB NOT NULL, added REAL NOT NULL, checked REAL,
    state TEXT NOT NULL DEFAULT 'unchecked', note TEXT NOT NULL DEFAULT '', PRIMARY KEY (id, role)) WITHOUT ROWID;
"""


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An identifier on the shelf."""

    id: str
    compact: str
    role: Role
    record: Record
    path: str = ""
    """The file here, for one that was received or minted from this computer."""
    host: str = ""
    catalog: str = ""
    dataset: str = ""
    version: str = ""
    spec_hash: str = ""
    added: float = 0.0
    """Seconds since 1970."""
    checked: float | None = None
    state: State = "unchecked"
    note: str = ""
    """What is wrong with it, in a sentence."""

    @classmethod
    def of(cls, record: Record, *, role: Role, path: str = "") -> Kept:
        """An entry for what a service says."""
        return cls(id=record.id, compact=record.compact, role=role, record=record, path=path)


class Shelf:
    """The person's identifiers. Methods block.

    Raises:
        SatchelError: the file cannot be used.
    """

    def __init__(self, home: Home) -> None:
        self._file = home.data / NAME
        try:
            home.private(home.data)
            self._db = sqlite3.connect(self._file, timeout=20, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
            self._file.chmod(0o600)
        except (sqlite3.Error, OSError) as error:
            raise self._trouble(error) from error

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._db.close()

    def put(self, kept: Kept) -> None:
        """Keep one, or what is new of one. When it was first kept stays. Raises SatchelError."""
        bare = msgspec.structs.replace(kept, added=0.0, checked=None, state="unchecked", note="")
        try:
            self._db.execute(
                "INSERT INTO kept (id, role, document, added) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (id, role) DO UPDATE SET document = excluded.document",
                (kept.id, kept.role, msgspec.json.encode(bare), kept.added or time.time()),
            )
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def judge(self, id_: str, state: State, note: str = "", record: Record | None = None) -> None:
        """Write down what a check has found. Raises SatchelError."""
        try:
            for kept in self.all():
                if kept.id != id_:
                    continue
                if record is not None:
                    self.put(msgspec.structs.replace(kept, record=record))
                self._db.execute(
                    "UPDATE kept SET state = ?, note = ?, checked = ? WHERE id = ?", (state, note, time.time(), id_)
                )
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def all(self) -> list[Kept]:
        """Every one, the newest first. Raises SatchelError."""
        try:
            rows = self._db.execute(
                "SELECT document, added, checked, state, note FROM kept ORDER BY added DESC, id"
            ).fetchall()
        except sqlite3.Error as error:
            raise self._trouble(error) from error
        found = []
        for document, added, checked, state, note in rows:
            try:
                kept = msgspec.json.decode(document, type=Kept)
            except msgspec.MsgspecError:  # of a newer version
                continue
            found.append(msgspec.structs.replace(kept, added=added, checked=checked, state=state, note=note))
        return found

    def forget(self, id_: str) -> bool:
        """Take one off the shelf; nothing else happens to it. Returns whether it was there. Raises SatchelError."""
        try:
            return self._db.execute("DELETE FROM kept WHERE id = ?", (id_,)).rowcount > 0
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> SatchelError:
        return SatchelError(
            Kind.FILES, f"The list of identifiers {self._file} cannot be used.", "Check the disk.", str(error)
        )


def shelf_file(home: Home) -> Path:
    """Where it is."""
    return home.data / NAME
