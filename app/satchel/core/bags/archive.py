"""Archives that come out the same, byte for byte, at any time and on any machine.

Order is by path, times are given, owners and modes fixed, and deflate is our own (`satchel.core.bags.deflate`).
docs/bag.md says what is guaranteed.
"""

from __future__ import annotations

import bz2
import errno
import lzma
import os
import secrets
import tarfile
import threading
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Literal, cast

from satchel.core.bags.deflate import Deflater, GzipWriter
from satchel.core.bags.digests import PIECE, StoppedError
from satchel.core.bags.writer import sync_folder
from satchel.core.bags.zip_list import ManyZip

ENDINGS = {"zip": ".zip", "tgz": ".tgz"}
MORE_ENDINGS = {**ENDINGS, "tar": ".tar", "bz2": ".bz2", "xz": ".xz"}
"""With those that export specs may name besides, as bdbag calls their files."""
Kind = Literal["zip", "tgz", "tar", "bz2", "xz"]
_PACKED = frozenset(
    {
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".webp",
        ".zip",
        ".gz",
        ".tgz",
        ".bz2",
        ".xz",
        ".zst",
        ".7z",
        ".mp4",
        ".mp3",
        ".pdf",
    }
)
_FIRST_DOS_YEAR = 1980


def members(bag: Path) -> list[str]:
    """The files of a bag below its folder, in the order of an archive."""
    found: list[str] = []
    for root, _, names in os.walk(bag):
        below = Path(root).relative_to(bag).as_posix()
        found.extend(names if below == "." else (f"{below}/{name}" for name in names))
    found.sort()
    return found


def pack(
    bag: Path,
    target: Path,
    kind: Kind,
    name: str,
    when: datetime,
    *,
    stop: threading.Event | None = None,
    told: Callable[[int, str], None] | None = None,
    temporary: Path | None = None,
    before: Callable[[Path], None] | None = None,
) -> None:
    """Pack a bag's folder into an archive. Blocking: call it in a thread.

    Args:
        bag: the folder.
        target: the archive; it appears only when it is whole and on the disk.
        kind: which. zip, tgz and tar give the same bytes everywhere; bz2 and xz, wherever the libraries are the same.
        name: the folder's name inside the archive.
        when: the time of every member, UTC.
        stop: ends the packing with `StoppedError` when set.
        told: called with bytes read and the member they are of.
        temporary: where to write until it is whole, on the target's file system; what is there is overwritten. None:
            a hidden name beside the target.
        before: called with the whole archive's temporary name right before it gets its own.

    Raises:
        OSError: a file cannot be read or written; nothing is left behind.
        StoppedError: `stop` was set; nothing is left behind.
    """
    if temporary is None:
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            _WRITERS[kind](bag, file, name, when, lambda size, member: _tick(stop, told, size, member))
            file.flush()
            os.fsync(file.fileno())
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "it is already there", str(target))
        if before is not None:
            before(temporary)
        temporary.replace(target)
        sync_folder(target.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


Tick = Callable[[int, str], None]


def _tick(stop: threading.Event | None, told: Callable[[int, str], None] | None, size: int, member: str) -> None:
    if stop is not None and stop.is_set():
        raise StoppedError
    if told is not None:
        told(size, member)


def _packed(source: Path) -> bool:
    return source.suffix.lower() in _PACKED


def _zip(bag: Path, file: IO[bytes], name: str, when: datetime, tick: Tick) -> None:
    at = when if when.year >= _FIRST_DOS_YEAR else when.replace(year=_FIRST_DOS_YEAR)
    stamp = (at.year, at.month, at.day, at.hour, at.minute, at.second & ~1)
    with ManyZip(file, zipfile.ZIP_DEFLATED) as archive:
        for member in members(bag):
            source = bag / member
            info = zipfile.ZipInfo(f"{name}/{member}", stamp)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            info.file_size = source.stat().st_size
            info.compress_type = zipfile.ZIP_STORED if _packed(source) else zipfile.ZIP_DEFLATED
            with source.open("rb") as data, archive.open(info, "w") as inside:
                if info.compress_type == zipfile.ZIP_DEFLATED:
                    _pin(inside)
                _copy(data, inside, member, tick)


def _pin(inside: IO[bytes]) -> None:
    """Give a member that is being written our deflate. zipfile has no public way to choose one."""
    member = cast(Any, inside)
    if not hasattr(member._compressor, "compress"):
        raise TypeError("this Python's zipfile packs in a way that Satchel does not know")
    member._compressor = Deflater()


def _tgz(bag: Path, file: IO[bytes], name: str, when: datetime, tick: Tick) -> None:
    packed = GzipWriter(file)
    _tar(bag, cast(Any, packed), name, when, tick, lambda source: packed.switch(stored=_packed(source)))
    packed.finish()


def _bz2(bag: Path, file: IO[bytes], name: str, when: datetime, tick: Tick) -> None:
    with bz2.BZ2File(file, "wb") as packed:
        _tar(bag, cast(Any, packed), name, when, tick)


def _xz(bag: Path, file: IO[bytes], name: str, when: datetime, tick: Tick) -> None:
    with lzma.LZMAFile(file, "wb") as packed:
        _tar(bag, cast(Any, packed), name, when, tick)


def _tar(
    bag: Path,
    file: IO[bytes],
    name: str,
    when: datetime,
    tick: Tick,
    before: Callable[[Path], object] = lambda _source: None,
) -> None:
    mtime = int(when.timestamp())
    with tarfile.open(fileobj=cast(Any, file), mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members(bag):
            source = bag / member
            info = tarfile.TarInfo(f"{name}/{member}")
            info.size = source.stat().st_size
            info.mtime = mtime
            info.mode = 0o644
            before(source)
            with source.open("rb") as data:
                archive.addfile(info, cast(Any, _Told(data, member, tick)))
            cast(Any, archive).members.clear()  # kept for reading alone, and there may be a million


_WRITERS: dict[str, Callable[[Path, IO[bytes], str, datetime, Tick], None]] = {
    "zip": _zip,
    "tgz": _tgz,
    "tar": _tar,
    "bz2": _bz2,
    "xz": _xz,
}


class _Told:
    """A file that tells how far it has been read."""

    def __init__(self, file: IO[bytes], member: str, tick: Tick) -> None:
        self._file = file
        self._member = member
        self._tick = tick

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._tick(len(data), self._member)
        return data


def _copy(source: IO[bytes], target: IO[bytes], member: str, tick: Tick) -> None:
    while piece := source.read(PIECE):
        tick(len(piece), member)
        target.write(piece)
