"""Hatrac's names, versions and bodies: metadata in SQLite, bodies in files that are whole or not there.

Mirrors Hatrac's rules as recorded: a name is a namespace or an object for ever, the same bytes again are a new version,
a deleted name is never used again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from satchel.sandbox.ermrest.model import Client

_SETUP = """
CREATE TABLE IF NOT EXISTS name (path TEXT PRIMARY KEY, kind TEXT NOT NULL, acls TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS version (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, path TEXT NOT NULL, length INTEGER NOT NULL,
    metadata TEXT NOT NULL, acls TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS version_path ON version (path, seq);
CREATE TABLE IF NOT EXISTS moved (id TEXT PRIMARY KEY, target TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, path TEXT NOT NULL, owner TEXT NOT NULL, spec TEXT NOT NULL)
"""


class HatracError(Exception):
    """An answer other than success: status and the text that goes with it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object."""

    id: str
    path: str
    length: int
    metadata: dict[str, str]
    acls: dict[str, list[str]]

    @property
    def url(self) -> str:
        """The version's own URL path."""
        return f"/hatrac{self.path}:{self.id}"


@dataclass(frozen=True, slots=True)
class Job:
    """An upload in chunks."""

    id: str
    path: str
    owner: str
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arrived:
    """The bytes of a version that is to be written down."""

    path: str
    version: str
    length: int
    metadata: dict[str, str]
    client: Client
    part: Path
    """Its temporary file."""
    data: bytes | None = None
    """What is to be put in there; None where it is there, and on the disk."""


def new_id() -> str:
    """A version or job id: 26 characters of base 32."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=")


class Hatrac:
    """The store of a folder. Paths begin with `/` and are without `/hatrac`; the root namespace is the empty path."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._bodies = folder / "bodies"
        self._bodies.mkdir(exist_ok=True)
        self._jobs = folder / "jobs"
        self._jobs.mkdir(exist_ok=True)
        self._lock = threading.RLock()
        self._folders: set[str] = set()
        self._db = sqlite3.connect(folder / "hatrac.db", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        # A commit is in the log and so outlives this process; `sync_log` puts it on the disk, for many commits at once.
        self._db.execute("PRAGMA synchronous = NORMAL")
        for statement in _SETUP.split(";"):
            self._db.execute(statement)
        self._db.execute(
            "INSERT OR IGNORE INTO name VALUES ('', 'namespace', ?)",
            (json.dumps({"owner": ["admin"], "create": ["admin"], "subtree-owner": ["admin"]}),),
        )

        self._log = folder / "hatrac.db-wal"

    def sync_log(self) -> None:
        """Put what has been committed so far on the disk."""
        if self._log.exists():
            sync(self._log)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    # -- names ----------------------------------------------------------------------------------------------------

    def kind(self, path: str) -> str | None:
        """`namespace`, `object`, `deleted`, or None for a name that never was."""
        with self._lock:
            found = self._db.execute("SELECT kind FROM name WHERE path = ?", (path,)).fetchone()
        return found[0] if found else None

    def require(self, path: str) -> str:
        """The kind of a name that is there. Raises HatracError 404."""
        kind = self.kind(path)
        if kind is None or kind == "deleted":
            raise HatracError(404, f"Resource /hatrac{path} not found.\n")
        return kind

    def acls(self, path: str) -> dict[str, list[str]]:
        """The ACLs of a name."""
        with self._lock:
            found = self._db.execute("SELECT acls FROM name WHERE path = ?", (path,)).fetchone()
        return json.loads(found[0]) if found else {}

    def set_acl(self, path: str, acls: dict[str, list[str]]) -> None:
        """Replace the ACLs of a name."""
        with self._lock:
            self._db.execute("UPDATE name SET acls = ? WHERE path = ?", (json.dumps(acls), path))

    def set_version_acl(self, version: Version, acls: dict[str, list[str]]) -> None:
        """Replace the ACLs of one version."""
        with self._lock:
            self._db.execute("UPDATE version SET acls = ? WHERE id = ?", (json.dumps(acls), version.id))

    def may(self, client: Client, right: str, path: str, version: Version | None = None) -> bool:
        """Whether a client has a right: by the own ACLs of a name or version, or by the subtree ACLs above it.

        As Hatrac's `enforce_acl`: a name's own subtree ACLs are for what is below it, of an object for its versions, of
        which its other ACLs say nothing.
        """
        own = version.acls if version is not None else self.acls(path)
        if client.in_acl(own.get(right)) or client.in_acl(own.get("owner")):
            return True
        if version is None and not path:
            return False
        place = path if version is not None else path.rpartition("/")[0]
        while True:
            above = self.acls(place)
            if client.in_acl(above.get("subtree-owner")) or client.in_acl(above.get(f"subtree-{right}")):
                return True
            if not place:
                return False
            place = place.rpartition("/")[0]

    def make_namespace(self, path: str, client: Client, parents: bool) -> None:
        """Make a namespace. Raises HatracError."""
        with self._lock:
            kind = self.kind(path)
            if kind == "deleted":
                raise HatracError(409, f"Name /hatrac{path} not available.\n")
            if kind is not None:
                raise HatracError(409, f"Namespace /hatrac{path} already exists.\n")
            self._parent(path, client, parents)
            self._add(path, "namespace", client)

    def _parent(self, path: str, client: Client, parents: bool) -> None:
        """See to the namespace above a new name."""
        above = path.rpartition("/")[0]
        kind = self.kind(above)
        if kind is None and parents:
            self._parent(above, client, parents)
            self._add(above, "namespace", client)
            return
        if kind is None or kind == "deleted":
            raise HatracError(404, f"Resource /hatrac{above} not found.\n")
        if kind != "namespace":
            raise HatracError(409, f"Parent /hatrac{above} is not a namespace.\n")
        if not self.may(client, "create", above):
            raise refused(client, above)

    def _add(self, path: str, kind: str, client: Client) -> None:
        acls = {"owner": [client.id]}
        self._db.execute("INSERT INTO name VALUES (?, ?, ?)", (path, kind, json.dumps(acls)))

    def claim(self, path: str, client: Client, parents: bool) -> None:
        """Make sure that a name is an object into which the client may put. Raises HatracError."""
        with self._lock:
            kind = self.kind(path)
            if kind == "deleted":
                raise HatracError(409, f"Name /hatrac{path} not available.\n")
            if kind == "namespace":
                raise HatracError(409, f"Object /hatrac{path} is a namespace.\n")
            if kind == "object":
                if not self.may(client, "update", path):
                    raise refused(client, path)
                return
            self._parent(path, client, parents)
            self._add(path, "object", client)

    def children(self, path: str) -> list[str]:
        """Names directly in a namespace, in order."""
        low, high = path + "/", path + "0"  # "0" follows "/"
        with self._lock:
            rows = self._db.execute(
                "SELECT path FROM name WHERE path > ? AND path < ? AND kind != 'deleted' "
                "AND instr(substr(path, ?), '/') = 0 ORDER BY path",
                (low, high, len(low) + 1),
            ).fetchall()
        return [p for (p,) in rows]

    def delete_name(self, path: str) -> None:
        """Delete a namespace with all in it, or an object with all its versions."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            inside = (path, path + "/", path + "0")
            gone = self._db.execute(
                "SELECT id FROM version WHERE (path = ? OR (path > ? AND path < ?)) AND NOT deleted", inside
            ).fetchall()
            self._db.execute("UPDATE name SET kind = 'deleted' WHERE path = ? OR (path > ? AND path < ?)", inside)
            self._db.execute("UPDATE version SET deleted = 1 WHERE path = ? OR (path > ? AND path < ?)", inside)
            self._db.execute("COMMIT")
        for (version,) in gone:
            self.body(version).unlink(missing_ok=True)

    # -- versions -------------------------------------------------------------------------------------------------

    def body(self, version: str) -> Path:
        """The file of a version's bytes."""
        return self._bodies / version[:2] / version

    def new_body(self) -> tuple[str, Path]:
        """An id for a new version and the temporary file for its bytes."""
        version = new_id()
        folder = self._bodies / version[:2]
        if version[:2] not in self._folders:
            folder.mkdir(exist_ok=True)
            self._folders.add(version[:2])
        return version, folder / f".{version}.part"

    def versions(self, path: str) -> list[Version]:
        """The versions of an object, newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, path, length, metadata, acls FROM version WHERE path = ? AND NOT deleted ORDER BY seq DESC",
                (path,),
            ).fetchall()
        return [_version(row) for row in rows]

    def current(self, path: str) -> Version | None:
        """The newest version, None where there is none."""
        with self._lock:
            row = self._db.execute(
                "SELECT id, path, length, metadata, acls FROM version WHERE path = ? AND NOT deleted "
                "ORDER BY seq DESC LIMIT 1",
                (path,),
            ).fetchone()
        return _version(row) if row else None

    def version(self, path: str, version: str) -> Version:
        """One version. Raises HatracError 404."""
        with self._lock:
            row = self._db.execute(
                "SELECT id, path, length, metadata, acls FROM version WHERE id = ? AND path = ? AND NOT deleted",
                (version, path),
            ).fetchone()
        if row is None:
            raise HatracError(404, f"Resource /hatrac{path}:{version} not found.\n")
        return _version(row)

    def add_versions(self, arrived: Sequence[Arrived]) -> list[Version | Exception]:
        """Write versions down, all in one go, and put them on the disk: bytes first, then that they are there.

        Returns:
            Each one's version, or the OSError that kept its bytes from getting into their place, or HatracError 409
            where its name has gone meanwhile.

        Raises:
            OSError, sqlite3.Error: none of them could be written down.
        """
        found: list[Version | Exception] = []
        for one in arrived:
            try:
                if one.data is not None:
                    _write(one.part, one.data)
                one.part.replace(self.body(one.version))
            except OSError as error:
                with suppress(OSError):
                    one.part.unlink(missing_ok=True)
                found.append(error)
            else:
                found.append(Version(one.version, one.path, one.length, one.metadata, {}))
        try:
            with self._lock:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    made = [
                        self._add_version(version, one.client) if isinstance(version, Version) else version
                        for version, one in zip(found, arrived, strict=True)
                    ]
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
        except BaseException:
            for one in arrived:
                self.body(one.version).unlink(missing_ok=True)
            raise
        for one, version in zip(arrived, made, strict=True):
            if not isinstance(version, Version):
                self.body(one.version).unlink(missing_ok=True)
        self.sync_log()
        return made

    def _add_version(self, version: Version, client: Client) -> Version | HatracError:
        name = self._db.execute("SELECT 1 FROM name WHERE path = ? AND kind = 'object'", (version.path,)).fetchone()
        if name is None:
            return HatracError(409, f"Name /hatrac{version.path} not available.\n")
        version.acls.update(owner=[str(client.id)], read=[])
        self._db.execute(
            "INSERT INTO version (id, path, length, metadata, acls) VALUES (?, ?, ?, ?, ?)",
            (version.id, version.path, version.length, json.dumps(version.metadata), json.dumps(version.acls)),
        )
        return version

    def set_metadata(self, version: Version, metadata: dict[str, str]) -> None:
        """Replace the metadata of a version."""
        with self._lock:
            self._db.execute("UPDATE version SET metadata = ? WHERE id = ?", (json.dumps(metadata), version.id))

    def delete_version(self, version: Version) -> None:
        """Delete one version."""
        with self._lock:
            self._db.execute("UPDATE version SET deleted = 1 WHERE id = ?", (version.id,))
        self.body(version.id).unlink(missing_ok=True)

    def content(self, version: Version) -> Path:
        """The file with a version's bytes. Raises HatracError 404 where they went with the name they were moved to."""
        target = version.id
        with self._lock:
            while row := self._db.execute("SELECT target FROM moved WHERE id = ?", (target,)).fetchone():
                target = row[0]
        path = self.body(target)
        if not path.exists():
            raise HatracError(404, f"Resource {version.url} not found.\n")
        return path

    def rename(self, source: str, path: str, versions: list[str] | None, copy_acls: bool, client: Client) -> Version:
        """Give versions of an object a new name; under the old one they lead to the same bytes.

        Returns the newest of the new versions. Raises HatracError.
        """
        with self._lock:
            if self.kind(path) is not None:
                raise HatracError(409, f"Name /hatrac{path} not available.\n")
            chosen = [v for v in reversed(self.versions(source)) if versions is None or v.id in versions]
            if not chosen or (versions is not None and len(chosen) != len(set(versions))):
                raise HatracError(404, f"Resource /hatrac{source} has no such versions.\n")
            pairs = [(old, new_id()) for old in chosen]
            for old, new in pairs:
                bytes_at = self.content(old)
                self.body(new).parent.mkdir(exist_ok=True)
                os.link(bytes_at, self.body(new))
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._parent(path, client, parents=False)
                self._add(path, "object", client)
                if copy_acls:
                    self.set_acl(path, self.acls(source))
                made = []
                for old, new in pairs:
                    acls = old.acls if copy_acls else {"owner": [client.id]}
                    self._db.execute(
                        "INSERT INTO version (id, path, length, metadata, acls) VALUES (?, ?, ?, ?, ?)",
                        (new, path, old.length, json.dumps(old.metadata), json.dumps(acls)),
                    )
                    self._db.execute("INSERT OR REPLACE INTO moved VALUES (?, ?)", (old.id, new))
                    made.append(new)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                for _, new in pairs:
                    self.body(new).unlink(missing_ok=True)
                raise
        for old, _ in pairs:
            self.body(old.id).unlink(missing_ok=True)
        return self.version(path, made[-1])

    # -- upload jobs ----------------------------------------------------------------------------------------------

    def add_job(self, path: str, client: Client, spec: dict[str, Any]) -> Job:
        """Open an upload in chunks."""
        job = Job(new_id(), path, str(client.id), spec)
        (self._jobs / job.id).mkdir()
        with self._lock:
            self._db.execute("INSERT INTO job VALUES (?, ?, ?, ?)", (job.id, path, job.owner, json.dumps(spec)))
        return job

    def job(self, path: str, job: str) -> Job:
        """An open upload. Raises HatracError 404."""
        with self._lock:
            row = self._db.execute("SELECT * FROM job WHERE id = ? AND path = ?", (job, path)).fetchone()
        if row is None:
            raise HatracError(404, f"Resource /hatrac{path};upload/{job} not found.\n")
        return Job(row[0], row[1], row[2], json.loads(row[3]))

    def jobs(self, path: str) -> list[Job]:
        """Open uploads of an object."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM job WHERE path = ?", (path,)).fetchall()
        return [Job(r[0], r[1], r[2], json.loads(r[3])) for r in rows]

    def chunk(self, job: Job, number: int) -> Path:
        """The file of a chunk."""
        return self._jobs / job.id / str(number)

    def drop_job(self, job: Job) -> None:
        """Forget an upload and its chunks."""
        with self._lock:
            self._db.execute("DELETE FROM job WHERE id = ?", (job.id,))
        shutil.rmtree(self._jobs / job.id, ignore_errors=True)

    # -- in bulk --------------------------------------------------------------------------------------------------

    def put_all(
        self,
        objects: Iterable[tuple[str, bytes, str, str]],
        owner: Client,
        read: list[str],
        ids: Iterable[str] | None = None,
    ) -> list[str]:
        """Put many objects at once, for the demo: (path without `/hatrac`, bytes, content type, file name).

        Namespaces are made. One transaction, and the bytes are not synced one by one: a folder in which this was
        interrupted is not used again. Returns the URL paths of the versions.
        """
        urls: list[str] = []
        given = iter(ids) if ids is not None else None
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            known: set[str] = set()
            acls = json.dumps({"owner": [owner.id], "read": read})
            for path, data, content_type, filename in objects:
                above = path.rpartition("/")[0]
                if above not in known:
                    if self.kind(above) is None:
                        self._parent(above, owner, parents=True)
                        self._db.execute(
                            "INSERT INTO name VALUES (?, 'namespace', ?)",
                            (above, json.dumps({"owner": [owner.id], "subtree-read": read})),
                        )
                    known.add(above)
                version = next(given) if given is not None else new_id()
                folder = self._bodies / version[:2]
                folder.mkdir(exist_ok=True)
                (folder / version).write_bytes(data)
                metadata = {
                    "content-type": content_type,
                    "content-md5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
                    "content-disposition": f"filename*=UTF-8''{filename}",
                }
                self._db.execute("INSERT OR IGNORE INTO name VALUES (?, 'object', ?)", (path, acls))
                self._db.execute(
                    "INSERT INTO version (id, path, length, metadata, acls) VALUES (?, ?, ?, ?, ?)",
                    (version, path, len(data), json.dumps(metadata), acls),
                )
                urls.append(f"/hatrac{path}:{version}")
            self._db.execute("COMMIT")
        return urls

    def put(
        self, path: str, data: bytes, content_type: str, filename: str, owner: Client, now: datetime | None = None
    ) -> str:
        """Put one object whose readers are everyone. Returns the URL path of its version."""
        del now  # versions carry no time
        return self.put_all([(path.removeprefix("/hatrac"), data, content_type, filename)], owner, ["*"])[0]


def _version(row: tuple[Any, ...]) -> Version:
    return Version(row[0], row[1], row[2], json.loads(row[3]), json.loads(row[4]))


def refused(client: Client, path: str) -> HatracError:
    """401 for nobody, 403 for somebody."""
    if client.id is None:
        return HatracError(401, f"Authentication required for access to /hatrac{path}\n")
    return HatracError(403, f"Access to /hatrac{path} forbidden.\n")


def _write(path: Path, data: bytes) -> None:
    """A file with those bytes, on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Put a file's bytes on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
