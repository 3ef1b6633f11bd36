"""Unpacks archives of bags that nobody vouches for: zip, tar, tgz, tar.bz2, tar.xz.

Nothing gets out of the folder, no link is made or followed, no device, no owner, no mode; what would fill the disk is
stopped in time. What an archive says of its own sizes is not believed: bytes are counted as they are written.
"""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import stat
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from satchel.core.bags.digests import PIECE, StoppedError
from satchel.core.bags.manifests import unsafe_path
from satchel.core.bags.zip_list import ZipReader
from satchel.core.errors import Kind, SatchelError

MOST_MEMBERS = 5_000_000
FREE_OF_RATIO = 1 << 30
"""Bytes that any archive may unpack to, however well it is packed."""
MOST_RATIO = 100
"""How many times its own size an archive may grow beyond that, unless a person agrees."""
LONGEST_NAME = 32_768
"""Characters of a member's path."""
LONGEST_HEADER = 1 << 20
"""Bytes of a tar member's name or further headers, which tarfile reads into memory."""
LARGEST_DIRECTORY = 256 << 20
"""Bytes of a zip's list of members; a million members have about 130 MB."""
XZ_MEMORY = 256 << 20
"""Bytes that unpacking xz may take; `xz -9` takes 65 MB."""
LOOK_AT_DISK = 64 << 20
"""Bytes that are written between two looks at the free space."""
RESERVE = 512 << 20
"""Bytes that are left free on a disk, but no more than a twentieth of it."""


class TooLargeError(SatchelError):
    """An archive grows beyond reason; a person may want it all the same."""


@dataclass(frozen=True, slots=True)
class _Member:
    """Something in an archive."""

    name: str
    is_folder: bool
    refused: str
    """Why it must not be unpacked; empty when it may."""
    open: Callable[[], IO[bytes]]


DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError,
    RuntimeError, OverflowError, ValueError, TypeError, IndexError, KeyError, AttributeError, AssertionError,
)  # fmt: skip
"""What the standard library's readers raise of archives that are damaged: nearly anything, as fuzzing has shown."""


def is_archive(path: Path) -> bool:
    """Whether a file is an archive that `extract` can read, by what is in it.

    Raises:
        OSError: it cannot be read.
    """
    return zipfile.is_zipfile(path) or _is_tar(path)


def extract(
    archive: Path,
    into: Path,
    *,
    stop: threading.Event | None = None,
    told: Callable[[int, str], None] | None = None,
    reserve: int | None = None,
    any_size: bool = False,
) -> Path:
    """Unpack an archive into an empty folder. Blocking: call it in a thread.

    Args:
        archive: the file.
        into: the folder; it exists and is empty.
        stop: ends it with `StoppedError` when set.
        told: called with bytes written and the member they are of.
        reserve: bytes to leave free on the disk; None: half a gigabyte, less on a small disk.
        any_size: a person has agreed that it may grow beyond `MOST_RATIO`.

    Returns:
        The bag's folder: the only one in the archive, or `into` where the bag lies in it without a folder of its own.

    Raises:
        SatchelError: it is no archive, damaged, encrypted, hostile, or too large for the disk. What was unpacked stays
            in `into` for the caller to remove.
        OSError: a file cannot be written.
        StoppedError: `stop` was set.
    """
    with damage_told(archive), closing(_members(archive)) as members:
        most = None if any_size else max(FREE_OF_RATIO, archive.stat().st_size * MOST_RATIO)
        _unpack(archive, members, _Disk(into, reserve, most), stop, told)
    # What macOS adds to its archives is no part of them.
    there = sorted(path for path in into.iterdir() if path.name not in ("__MACOSX", ".DS_Store"))
    if len(there) == 1 and there[0].is_dir():
        return there[0]
    if (into / "bagit.txt").is_file():
        return into
    raise SatchelError(
        Kind.INVALID,
        f"There is no bag in {archive.name}: it holds {len(there)} things side by side and no bagit.txt.",
        "A bag's archive holds one folder, and bagit.txt is in it.",
    )


@contextmanager
def damage_told(archive: Path) -> Iterator[None]:
    """Say in a sentence that an archive is damaged, whatever its reader raises. Raises SatchelError."""
    try:
        yield
    except DAMAGED as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        # A spoilt archive can lead to places in it that cannot be (EINVAL), and says what is wrong without a number.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise _damaged(archive, error) from error


def _damaged(archive: Path, error: Exception) -> SatchelError:
    detail = f"{type(error).__name__}: {error}"
    return SatchelError(Kind.INVALID, f"The archive {archive.name} is damaged.", "Fetch or copy it again.", detail)


def _members(archive: Path) -> Generator[_Member, None, None]:
    if zipfile.is_zipfile(archive):
        yield from _zip(archive)
    elif _is_tar(archive):
        yield from _tar(archive)
    else:
        raise SatchelError(
            Kind.INVALID, f"{archive.name} is not an archive.", "Bags come as folders, or as zip, tgz or tar archives."
        )


def _is_tar(archive: Path) -> bool:
    """Whether it begins as a tar archive. `tarfile.is_tarfile` would read a first header of any size into memory."""
    try:
        with archive.open("rb") as file:
            begin = file.read(1 << 12)
        if begin.startswith(b"\xfd7zXZ\x00"):
            lzma.LZMADecompressor(memlimit=XZ_MEMORY).decompress(begin, 1)
        with tarfile.open(archive, "r|*", tarinfo=BoundedHeader):
            return True
    except DAMAGED:
        return False


def _directory_size(archive: Path) -> int:
    """Bytes of a zip's list of members, which zipfile reads into memory, as its end says (APPNOTE, 4.3)."""
    with archive.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - (1 << 16) - 22 - 20))
        end = file.read()
        at = end.rfind(b"PK\x05\x06")
        if at < 0 or len(end) < at + 22:
            return 0
        (found,) = struct.unpack_from("<I", end, at + 12)
        if at >= 20 and end[at - 20 : at - 16] == b"PK\x06\x07":
            (place,) = struct.unpack_from("<Q", end, at - 12)
            if place <= size - 56:
                file.seek(place)
                record = file.read(56)
                if record.startswith(b"PK\x06\x06"):
                    (found,) = struct.unpack_from("<Q", record, 40)
    return int(found)


def _zip(archive: Path) -> Iterator[_Member]:
    if (size := _directory_size(archive)) > LARGEST_DIRECTORY:
        raise SatchelError(
            Kind.INVALID,
            f"{archive.name} is not unpacked: its list of members has {size:,} bytes.",
            "Unpack it with another program and check the folder.",
        )
    with ZipReader(archive) as file:
        for info in file.members():
            mode = info.external_attr >> 16
            refused = ""
            if stat.S_ISLNK(mode):
                refused = "is a link"
            elif info.flag_bits & 1:
                refused = "is encrypted"
            elif not info.filename:  # of which `is_dir` cannot say anything
                refused = "has no name"
            yield _Member(info.filename, info.filename.endswith("/"), refused, lambda info=info: file.open(info))  # type: ignore[misc]


def _tar(archive: Path) -> Iterator[_Member]:
    # As a stream: an archive is read once, from its beginning to its end.
    with tarfile.open(archive, "r|*", tarinfo=BoundedHeader) as file:
        for info in tar_members(file):
            refused = ""
            if info.issym() or info.islnk():
                refused = "is a link"
            elif not (info.isfile() or info.isdir()):
                refused = "is neither a file nor a folder"

            def opened(info: tarfile.TarInfo = info) -> IO[bytes]:
                found = file.extractfile(info)
                if found is None:
                    raise tarfile.TarError(f"{info.name} has no content")
                return found

            yield _Member(info.name, info.isdir(), refused, opened)


def tar_members(file: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of a tar that is read as a stream, none of them kept: there may be a million."""
    while (info := file.next()) is not None:
        yield info
        cast(Any, file).members.clear()


class BoundedHeader(tarfile.TarInfo):
    """A member whose name and further headers are of a reasonable size."""

    _PIECES = (
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    )

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        # tarfile's documented place to step in; what it would do is read so many bytes at once.
        if self.type in self._PIECES and self.size > LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


class _Disk:
    """Watches that the disk does not fill, and that an archive does not grow beyond reason."""

    def __init__(self, folder: Path, reserve: int | None, most: int | None) -> None:
        self.folder = folder
        self._most = most
        self._written = 0
        total, _, self._free = shutil.disk_usage(folder)
        self._reserve = min(RESERVE, total // 20) if reserve is None else reserve
        self._since = LOOK_AT_DISK

    def write(self, size: int, archive: Path) -> None:
        """So many bytes are about to be written. Raises SatchelError when there is no room for them."""
        self._written += size
        if self._most is not None and self._written > self._most:
            raise TooLargeError(
                Kind.INVALID,
                f"{archive.name} grows to more than {MOST_RATIO} times its size; unpacking was stopped at "
                f"{self._most:,} bytes.",
                "It may be made to fill disks: ask where it comes from. --any-size unpacks it all the same.",
            )
        self._since += size
        if self._since >= LOOK_AT_DISK:
            self._since = 0
            self._free = shutil.disk_usage(self.folder).free
        if self._free - self._since < self._reserve:
            raise SatchelError(
                Kind.DISK_FULL,
                f"{archive.name} does not fit on the disk of {self.folder}; unpacking was stopped.",
                "Free some space. If the archive is small, it may be made to fill disks: ask where it comes from.",
            )


def _unpack(
    archive: Path,
    members: Iterator[_Member],
    disk: _Disk,
    stop: threading.Event | None,
    told: Callable[[int, str], None] | None,
) -> None:
    for number, member in enumerate(members):
        if stop is not None and stop.is_set():
            raise StoppedError
        why = member.refused or unsafe_path(member.name) or ("" if number < MOST_MEMBERS else "is one too many")
        if not why and len(member.name) > LONGEST_NAME:
            why = "has a name that is too long"
        if why:
            raise SatchelError(
                Kind.INVALID,
                f"{archive.name} is not unpacked: {member.name[:200]!r} in it {why}.",
                "Satchel unpacks nothing of such an archive. Ask whoever gave it to you for another one.",
            )
        target = disk.folder.joinpath(*(part for part in member.name.split("/") if part not in ("", ".")))
        if target == disk.folder:
            continue
        if member.is_folder:
            _folder(target, archive)
            continue
        _folder(target.parent, archive)
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        except FileExistsError as error:
            raise SatchelError(
                Kind.INVALID, f"{archive.name} holds {member.name[:200]!r} twice.", "Ask for another archive."
            ) from error
        with os.fdopen(descriptor, "wb") as out, member.open() as source:
            while piece := source.read(PIECE):
                if stop is not None and stop.is_set():
                    raise StoppedError
                disk.write(len(piece), archive)
                out.write(piece)
                if told is not None:
                    told(len(piece), member.name)


def _folder(path: Path, archive: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise SatchelError(
            Kind.INVALID, f"{archive.name} holds {path.name!r} as a file and as a folder.", "Ask for another archive."
        ) from error
