"""The folder of cached bags. All methods block; call them in a thread.

    bags/KEY/entry.json   what it is, its checksums, and the result that it answers with
    bags/KEY/bag/NAME     the archive, or the bag's folder
    bags/KEY/pinned       it is kept whatever the limit
    bags/KEY/used         when it was used last (its time)
    locks/KEY             held while an entry is read (shared), written or removed (alone)
    locks/KEY.making      held by whoever makes the bag, so that another process waits for it

An entry appears by one rename and goes by one, so that what is there is whole.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import portalocker

from satchel.core.bags.digests import PIECE, Hashers, StoppedError, hash_file
from satchel.core.bags.manifests import unsafe_path
from satchel.core.bags.names import safe_name
from satchel.core.bags.writer import sync_folder, sync_tree
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.cache.key import is_key
from satchel.core.files import write_atomically
from satchel.core.paths import Home

LIMIT = 20_000_000_000
"""Bytes, unless the person says otherwise."""
RESERVE = 1_000_000_000
"""Bytes of the disk that the cache leaves free."""
PATIENCE = 600.0
"""Seconds to wait for whoever uses an entry."""
_OLD = 24 * 3600.0
Told = Callable[[int], None]


class Piece(msgspec.Struct, frozen=True):
    """One file of an entry: its path below `bag/`, bytes, sha256."""

    path: str
    length: int
    sha256: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A cached bag."""

    key: str
    name: str
    """Of the archive or folder."""
    folder: bool
    title: str
    """What it is of, for people."""
    host: str
    catalog: str
    snapshot: str
    who: str
    """By whose rights; empty: what everybody may see."""
    made: float
    """Seconds since 1970."""
    bytes: int
    result: dict[str, Any]
    pieces: tuple[Piece, ...]
    pinned: bool = False
    used: float = 0.0


class DamagedError(SatchelError):
    """An entry is not what it was."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(
            Kind.INVALID, f"The cached bag {key} is damaged: {what}.", "It was removed and will be made anew."
        )


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has said about the cache."""

    limit: int | None = LIMIT
    """Bytes; None: as much as the disk holds."""


class Cache:
    """The cached bags of a person.

    Args:
        home: whose.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._bags = home.cache / "exports" / "bags"
        self._locks = home.cache / "exports" / "locks"
        self._settings = home.config / "cache.json"

    @property
    def folder(self) -> Path:
        """Where the entries are."""
        return self._bags

    def ready(self) -> None:
        """Make the folders. Raises OSError where that cannot be."""
        self._home.private(self._bags)
        self._home.private(self._locks)
        if not os.access(self._bags, os.W_OK | os.X_OK) or not os.access(self._locks, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "It cannot be written", str(self._bags))

    # -- looking ---------------------------------------------------------------------------------------------------

    def entries(self) -> list[Entry]:
        """All entries, those used last first. What cannot be read is left out."""
        names = [path.name for path in self._bags.iterdir()] if self._bags.is_dir() else []
        found = [entry for name in names if is_key(name) and (entry := self.find(name)) is not None]
        return sorted(found, key=lambda entry: entry.used, reverse=True)

    def find(self, key: str) -> Entry | None:
        """One entry; None where there is none that can be read."""
        folder = self._folder(key)
        try:
            entry = msgspec.json.decode((folder / "entry.json").read_bytes(), type=Entry)
        except (OSError, msgspec.MsgspecError):
            return None
        below = f"{entry.name}/" if entry.folder else entry.name
        safe = all(piece.path.startswith(below) and not unsafe_path(piece.path) for piece in entry.pieces)
        if entry.key != key or not safe or safe_name(entry.name) != entry.name:
            return None
        used = entry.made
        with contextlib.suppress(OSError):
            used = (folder / "used").stat().st_mtime
        return msgspec.structs.replace(entry, pinned=(folder / "pinned").exists(), used=used)

    def size(self) -> int:
        """Bytes of all entries."""
        return sum(entry.bytes for entry in self.entries())

    def settings(self) -> Settings:
        """The limit."""
        try:
            return msgspec.json.decode(self._settings.read_bytes(), type=Settings)
        except (OSError, msgspec.MsgspecError):
            return Settings()

    # -- using -----------------------------------------------------------------------------------------------------

    def take(self, key: str, target: Path, stop: threading.Event | None = None, told: Told | None = None) -> Entry:
        """Copy an entry's bag to a hidden place; every byte is hashed on its way.

        Args:
            key: the entry's.
            target: the file or folder to make; nothing is there.
            stop: ends it with `StoppedError` when set.
            told: hears of bytes.

        Raises:
            DamagedError: it is not what it was; it is removed.
            SatchelError: there is no such entry.
        """
        with self._reading(key):
            entry = self._need(key)
            try:
                self._copy(entry, target, stop, told)
            except DamagedError:
                _remove(target)
                damaged = True
            except BaseException:
                _remove(target)
                raise
            else:
                damaged = False
                with contextlib.suppress(OSError):
                    (self._folder(key) / "used").touch()
        if damaged:
            self.delete(key)
            raise DamagedError(key, "its checksums are others")
        return entry

    def put(
        self,
        entry: Entry,
        made: Path,
        stop: threading.Event | None = None,
        told: Told | None = None,
    ) -> Entry | None:
        """Keep a copy of a bag.

        Args:
            entry: what it is; `bytes` and `pieces` are filled in.
            made: the archive or folder.
            stop: ends it with `StoppedError` when set.
            told: hears of bytes.

        Returns:
            The entry; None where it is larger than the limit or the disk allows.

        Raises:
            OSError: it cannot be written.
        """
        files = _files(made)
        size = sum(path.stat().st_size for path in files)
        if not self._make_room(size, entry.key):
            return None
        self._home.private(self._bags)
        self._sweep()
        work = self._bags / f".{entry.key}.{os.getpid()}.{secrets.token_hex(4)}"
        try:
            (work / "bag").mkdir(parents=True, mode=0o700)
            pieces = []
            for path in files:
                place = f"{made.name}/{path.relative_to(made).as_posix()}" if path != made else made.name
                goal = work / "bag" / place
                goal.parent.mkdir(parents=True, exist_ok=True)
                pieces.append(Piece(place, *_copy_file(path, goal, stop, told)))
            whole = msgspec.structs.replace(
                entry, name=made.name, folder=made.is_dir(), bytes=size, pieces=tuple(pieces), made=time.time()
            )
            write_atomically(work / "entry.json", msgspec.json.encode(whole))
            (work / "used").touch()
            sync_tree(work)
            with self._alone(entry.key):
                goal = self._folder(entry.key)
                if goal.exists():  # another process was faster, or what was there could not be read
                    if self.find(entry.key) is not None:
                        return self.find(entry.key)
                    self._discard(goal)
                work.rename(goal)
                sync_folder(self._bags)
            return whole
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def verify(self, key: str, stop: threading.Event | None = None, told: Told | None = None) -> list[str]:
        """Read an entry again. Returns what is wrong with it, a line for each file; empty: nothing.

        Raises:
            SatchelError: there is no such entry.
        """
        with self._reading(key):
            entry = self._need(key)
            base = self._folder(key) / "bag"
            found = []
            for piece in entry.pieces:
                path = base / piece.path
                try:
                    sums = hash_file(path, ("sha256",), stop=stop, told=told)
                except OSError as error:
                    found.append(f"{piece.path}: {error.strerror or error}")
                    continue
                if sums.length != piece.length or sums.digests()["sha256"] != piece.sha256:
                    found.append(f"{piece.path}: not as it was written")
            there = {p.relative_to(base).as_posix() for p in base.rglob("*") if not p.is_dir()}
            found += [f"{name}: does not belong there" for name in sorted(there - {p.path for p in entry.pieces})]
            return found

    # -- changing --------------------------------------------------------------------------------------------------

    def pin(self, key: str, pinned: bool = True) -> None:
        """Keep an entry whatever the limit, or no longer. Raises SatchelError where there is none."""
        with self._alone(key):
            self._need(key)
            mark = self._folder(key) / "pinned"
            if pinned:
                mark.touch()
            else:
                mark.unlink(missing_ok=True)

    def delete(self, key: str, patience: float = PATIENCE) -> int:
        """Remove an entry. Returns its bytes; 0: there was none.

        Args:
            key: the entry's.
            patience: seconds to wait while somebody reads it.

        Raises:
            SatchelError: somebody reads it for longer than that.
        """
        with self._alone(key, patience):
            folder = self._folder(key)
            if not folder.exists():
                return 0
            entry = self.find(key)
            self._discard(folder)
        return entry.bytes if entry is not None else 0

    def set_limit(self, limit: int | None) -> int:
        """Set the limit in bytes, None for none, and remove what is beyond it. Returns the bytes that went."""
        self._home.private(self._home.config)
        write_atomically(self._settings, msgspec.json.encode(Settings(limit=limit)))
        before = self.size()
        self._make_room(0, "")
        return before - self.size()

    @contextmanager
    def making(self, key: str) -> Iterator[bool]:
        """While the block runs nobody else makes this bag; False where somebody does already."""
        lock = self._lock(f"{key}.making")
        try:
            held = lock.acquire(timeout=0)
        except portalocker.exceptions.LockException:
            yield False
            return
        try:
            yield held is not None
        finally:
            lock.release()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _folder(self, key: str) -> Path:
        if not is_key(key):
            raise SatchelError(Kind.USAGE, f"{key!r} is not the key of a cached bag.", "satchel cache list shows them.")
        return self._bags / key

    def _need(self, key: str) -> Entry:
        entry = self.find(key)
        if entry is None:
            raise SatchelError(Kind.NOT_FOUND, f"There is no cached bag {key}.", "satchel cache list shows them.")
        return entry

    def _copy(self, entry: Entry, target: Path, stop: threading.Event | None, told: Told | None) -> None:
        base = self._folder(entry.key) / "bag"
        for piece in entry.pieces:
            inside = piece.path.removeprefix(f"{entry.name}/") if entry.folder else ""
            goal = target / inside if entry.folder else target
            goal.parent.mkdir(parents=True, exist_ok=True)
            try:
                found = _copy_file(base / piece.path, goal, stop, told)
            except FileNotFoundError:
                raise DamagedError(entry.key, "files are missing") from None
            if found != (piece.length, piece.sha256):
                raise DamagedError(entry.key, "its checksums are others")

    def _make_room(self, coming: int, but: str) -> bool:
        """Remove what was not used for longest until there is room. Returns whether there is."""
        limit = self.settings().limit
        entries = self.entries()
        there = sum(entry.bytes for entry in entries)
        if limit is not None and coming > limit:
            return False
        for entry in reversed(entries):
            if limit is None or there + coming <= limit:
                break
            if not entry.pinned and entry.key != but:
                with contextlib.suppress(SatchelError):  # it is in use this very moment
                    there -= self.delete(entry.key, patience=0)
        self._home.private(self._bags)
        free = shutil.disk_usage(self._bags).free
        return (limit is None or there + coming <= limit) and coming + RESERVE <= free

    def _discard(self, folder: Path) -> None:
        """By one rename out of sight, then piece by piece."""
        gone = self._bags / f".gone.{secrets.token_hex(8)}"
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what killed processes have left."""
        for path in self._bags.glob(".*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _OLD:
                    shutil.rmtree(path, ignore_errors=True)

    def _lock(self, name: str, *, shared: bool = False, patience: float = PATIENCE) -> portalocker.Lock:
        self._home.private(self._locks)
        how = portalocker.LOCK_SH if shared else portalocker.LOCK_EX
        return portalocker.Lock(
            str(self._locks / name), mode="a+", flags=how | portalocker.LOCK_NB, timeout=patience, check_interval=0.05
        )

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        with self._holding(key, self._lock(key, shared=True)):
            yield

    @contextmanager
    def _alone(self, key: str, patience: float = PATIENCE) -> Iterator[None]:
        with self._holding(key, self._lock(key, patience=patience)):
            yield

    @contextmanager
    def _holding(self, key: str, lock: portalocker.Lock) -> Iterator[None]:
        self._folder(key)
        try:
            lock.acquire()
        except portalocker.exceptions.LockException as error:
            raise SatchelError(
                Kind.FILES, f"The cached bag {key} is in use by another process.", "Try again when it has ended."
            ) from error
        try:
            yield
        finally:
            lock.release()


def _files(made: Path) -> list[Path]:
    if not made.is_dir():
        return [made]
    return sorted(path for path in made.rglob("*") if path.is_file() and not path.is_symlink())


def _copy_file(source: Path, goal: Path, stop: threading.Event | None, told: Told | None) -> tuple[int, str]:
    """Copy and hash. Returns length and sha256."""
    hashers = Hashers(("sha256",))
    with source.open("rb") as file, goal.open("xb") as copy:
        while piece := file.read(PIECE):
            if stop is not None and stop.is_set():
                raise StoppedError
            copy.write(piece)
            hashers.update(piece)
            if told is not None:
                told(len(piece))
    return hashers.length, hashers.digests()["sha256"]


def _remove(target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target, ignore_errors=True)
    else:
        target.unlink(missing_ok=True)
