"""Fetched bytes on their way into a bag: under another name until they are whole, right and on the disk."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import msgspec

from satchel.core.bags.digests import Hashers, hash_file
from satchel.core.bags.reading import PARTS, inside, is_file, is_folder
from satchel.core.bags.writer import sync_folder
from satchel.core.errors import Kind, SatchelError
from satchel.core.fetching.plan import Wanted
from satchel.core.files import write_atomically

MOST_FOLDERS = 100_000
SYNCED_AT_ONCE = 16
RESERVE = 64 << 20
"""Bytes that are left free on a disk."""
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_EVERYTHING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
"""Failures that are not one file's alone."""


class FileError(SatchelError):
    """Something is wrong with one file."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(Kind.INVALID, message)
        self.code = code


class State(msgspec.Struct, frozen=True):
    """Of whom the beginning of a file is."""

    url: str
    etag: str | None


class Places:
    """Where files of a bag go. All methods block; not safe from several threads at once, but for `Part`."""

    def __init__(self, bag: Path) -> None:
        self.bag = bag
        self.parts = bag / PARTS
        self._syncing = ThreadPoolExecutor(SYNCED_AT_ONCE, thread_name_prefix="satchel-sync")
        self._folders: set[str] = set()
        """Those of the bag that are ones, with no link on the way to them."""

    def close(self) -> None:
        """No more will be kept."""
        self._syncing.shutdown()

    def prepare(self) -> None:
        """Make the folder for what is on its way.

        Raises:
            SatchelError: something else stands there.
            OSError: it cannot be made.
        """
        if os.path.lexists(self.parts) and not is_folder(self.parts):
            raise SatchelError(
                Kind.INVALID, f"{self.parts} is not a folder, and Satchel needs one there.", "Remove it, and look why."
            )
        self.parts.mkdir(exist_ok=True)

    def clean(self, *, everything: bool) -> None:
        """Remove what is of no use any more, and the folder where nothing is left to be gone on with.

        Args:
            everything: nothing is.
        """
        if not is_folder(self.parts):
            return
        for new in self.parts.glob("*.new"):
            new.unlink(missing_ok=True)
        if everything:
            shutil.rmtree(self.parts, ignore_errors=True)
            return
        with contextlib.suppress(OSError):  # beginnings of large files are in it
            self.parts.rmdir()

    def part(self, path: str) -> Path:
        """Where a file is written until it is whole."""
        return self.parts / f"{hashlib.sha256(path.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.part"

    def target(self, path: str) -> Path:
        """Where a file belongs, the folders on the way made.

        Raises:
            FileError: a link or a file is in the way.
            OSError: a folder cannot be made.
        """
        target = self.bag / path
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            if (why := inside(self.bag, path)) is None and not is_folder(target.parent):
                target.parent.mkdir(parents=True, exist_ok=True)
                why = inside(self.bag, path)
            if why is not None:
                raise FileError("link", f"{path} {why}.")
            if len(self._folders) < MOST_FOLDERS:
                self._folders.add(folder)
        if is_folder(target):
            raise FileError("unwritable", f"A folder stands where the file {path} belongs.")
        return target

    def keep_all(self, bodies: Sequence[tuple[Wanted, bytes]]) -> list[FileError | None]:
        """Check small files, put them on the disk and give them their names. Returns what is wrong with each.

        Raises:
            OSError: the disk is full, or fails.
        """
        found: list[FileError | None] = [None] * len(bodies)
        ready: list[tuple[int, int, str, str]] = []
        folders: set[str] = set()
        try:
            for number, (wanted, body) in enumerate(bodies):
                part = f"{self.parts}/{number}.new"
                try:
                    sums = {a: hashlib.new(a, body, usedforsecurity=False).hexdigest() for a in wanted.sums}
                    verify(wanted, len(body), sums)
                    target = str(self.target(wanted.path))
                    ready.append((number, _written(part, body), part, target))
                except FileError as error:
                    found[number] = error
                except OSError as error:
                    found[number] = of_one_file(wanted.path, error)
            # Many at once: a disk puts them down together, where one after the other each would wait for its turn.
            for _ in self._syncing.map(os.fsync, [descriptor for _, descriptor, _, _ in ready]):
                pass
        finally:
            for _, descriptor, _, _ in ready:
                os.close(descriptor)
        for number, _, part, target in ready:
            try:
                os.replace(part, target)  # noqa: PTH105 - thousands a second
                folders.add(target.rpartition(os.sep)[0])
            except OSError as error:
                found[number] = of_one_file(bodies[number][0].path, error)
        for _ in self._syncing.map(sync_folder, map(Path, folders)):
            pass
        return found


def _written(part: str, body: bytes) -> int:
    """Write a whole file. Returns its descriptor: it still has to be put on the disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW
    try:
        descriptor = os.open(part, flags, 0o666)
    except FileExistsError:  # of a run that was killed
        os.unlink(part)  # noqa: PTH108
        descriptor = os.open(part, flags, 0o666)
    try:
        rest = memoryview(body)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def of_one_file(path: str, error: OSError) -> FileError:
    """A failure of the disk as one file's. Raises it again where it is everybody's."""
    if error.errno in _EVERYTHING:
        raise error
    return FileError("unwritable", f"{path} cannot be written: {error.strerror}.")


def _created(part: Path) -> IO[bytes]:
    part.unlink(missing_ok=True)
    return os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666), "w+b")


def verify(wanted: Wanted, length: int, digests: dict[str, str]) -> None:
    """Hold a file against the bag's word. Raises FileError."""
    if wanted.length is not None and length != wanted.length:
        raise FileError(
            "length", f"{wanted.path} has {length:,} bytes on its server; fetch.txt says {wanted.length:,}."
        )
    for algorithm, digest in wanted.sums.items():
        if digests[algorithm] != digest:
            raise FileError(
                "checksum", f"{wanted.path} is another file on its server: its {algorithm} is not the manifest's."
            )


class Part:
    """A large file on its way, gone on with where an earlier run stopped. Its methods block."""

    def __init__(self, places: Places, wanted: Wanted) -> None:
        self._places = places
        self._wanted = wanted
        self._path = places.part(wanted.path)
        self._state = self._path.with_suffix(".json")
        self._file: IO[bytes] | None = None
        self._looked = 0
        self.etag: str | None = None
        self.hashers = Hashers(wanted.sums)

    def begin(self, stop: threading.Event | None = None) -> int:
        """Find what is here already. Returns its length in bytes. Raises StoppedError when `stop` is set meanwhile."""
        self._places.target(self._wanted.path)
        if not is_file(self._path) or not is_file(self._state):
            return 0
        try:
            state = msgspec.json.decode(self._state.read_bytes(), type=State)
        except (msgspec.MsgspecError, OSError):
            return 0
        size = self._path.stat().st_size
        if state.url != self._wanted.url or (self._wanted.length is not None and size > self._wanted.length):
            return 0
        self.etag = state.etag
        self.hashers = hash_file(self._path, self._wanted.sums, stop=stop)
        return self.hashers.length

    def restart(self) -> None:
        """Forget what is here."""
        self.close()
        self._path.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)
        self.etag = None
        self.hashers = Hashers(self._wanted.sums)

    def of(self, etag: str | None) -> None:
        """Write down of which file on the server the bytes are."""
        write_atomically(
            self._state, msgspec.json.encode(State(self._wanted.url, etag)), mode=0o666, sync=lambda _: None
        )

    def take(self, pieces: Sequence[bytes]) -> None:
        """Write the next bytes.

        Raises:
            OSError: it cannot be written.
        """
        if self._file is None:
            if self.hashers.length:
                self._file = os.fdopen(os.open(self._path, os.O_RDWR | _NO_FOLLOW), "r+b")
                self._file.seek(self.hashers.length)
                self._file.truncate()
            else:
                self._file = _created(self._path)
        self._looked -= sum(map(len, pieces))
        if self._looked <= 0:
            self._looked = RESERVE // 2
            if shutil.disk_usage(self._places.parts).free < RESERVE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._places.bag))
        for piece in pieces:
            self._file.write(piece)
            self.hashers.update(piece)

    def finish(self) -> None:
        """Give the file its name if it is what the bag says.

        Raises:
            FileError: it is not; nothing of it is kept.
            OSError: it cannot be written.
        """
        self.take(())
        try:
            verify(self._wanted, self.hashers.length, self.hashers.digests())
        except FileError:
            self.restart()
            raise
        assert self._file is not None  # noqa: S101 - `take` has opened it
        self._file.flush()
        os.fsync(self._file.fileno())
        self.close()
        target = self._places.target(self._wanted.path)
        self._path.replace(target)
        sync_folder(target.parent)
        self._state.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; what was written stays for going on."""
        if self._file is not None:
            self._file.close()
            self._file = None
