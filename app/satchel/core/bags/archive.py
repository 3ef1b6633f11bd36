"""Archives that come out the same, byte for byte, at any time and on any machine.

Order is by path, times are given, owners and modes fixed. The one thing that is not ours is deflate: another
implementation of zlib (zlib-ng, for example) packs the same bytes differently, though they unpack to the same.
"""

from __future__ import annotations

import gzip
import os
import secrets
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO, Literal

from satchel.core.bags.digests import PIECE, StoppedError
from satchel.core.bags.writer import sync_folder

LEVEL = 6
ENDINGS = {"zip": ".zip", "tgz": ".tgz"}
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
    for root, folders, names in os.walk(bag):
        folders.sort()
        found.extend((Path(root) / name).relative_to(bag).as_posix() for name in names)
    return sorted(found)


def pack(
    bag: Path,
    target: Path,
    kind: Literal["zip", "tgz"],
    name: str,
    when: datetime,
    *,
    stop: threading.Event | None = None,
    told: Callable[[int, str], None] | None = None,
) -> None:
    """Pack a bag's folder into an archive. Blocking: call it in a thread.

    Args:
        bag: the folder.
        target: the archive; it appears only when it is whole and on the disk.
        kind: zip or tgz.
        name: the folder's name inside the archive.
        when: the time of every member, UTC.
        stop: ends the packing with `StoppedError` when set.
        told: called with bytes read and the member they are of.

    Raises:
        OSError: a file cannot be read or written; nothing is left behind.
        StoppedError: `stop` was set; nothing is left behind.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            write = _zip if kind == "zip" else _tgz
            write(bag, file, name, when, lambda size, member: _tick(stop, told, size, member))
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            raise FileExistsError(17, "it is already there", str(target))
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


def _zip(bag: Path, file: IO[bytes], name: str, when: datetime, tick: Tick) -> None:
    at = when if when.year >= _FIRST_DOS_YEAR else when.replace(year=_FIRST_DOS_YEAR)
    stamp = (at.year, at.month, at.day, at.hour, at.minute, at.second & ~1)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for member in members(bag):
            source = bag / member
            info = zipfile.ZipInfo(f"{name}/{member}", stamp)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            info.file_size = source.stat().st_size
            packed = source.suffix.lower() in _PACKED
            info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            with source.open("rb") as data, archive.open(info, "w") as inside:
                _copy(data, inside, member, tick)


def _tgz(bag: Path, file: IO[bytes], name: str, when: datetime, tick: Tick) -> None:
    mtime = int(when.timestamp())
    with (
        gzip.GzipFile("", "wb", LEVEL, file, mtime=mtime) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in members(bag):
            source = bag / member
            info = tarfile.TarInfo(f"{name}/{member}")
            info.size = source.stat().st_size
            info.mtime = mtime
            info.mode = 0o644
            with source.open("rb") as data:
                archive.addfile(info, _Told(data, member, tick))


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


def compressor() -> str:
    """The implementation of deflate in use, for logs."""
    return f"zlib {zlib.ZLIB_RUNTIME_VERSION}"
