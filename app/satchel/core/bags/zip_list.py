"""A zip's list of its members kept on disk while it is written or read: a million of them take no memory."""

from __future__ import annotations

import io
import marshal
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

_IN_MEMORY = 4 << 20
"""Bytes of the list that are kept in memory before it goes to a file."""


_RECORD = 46
"""Bytes of a member's record without its name, extra fields and comment (APPNOTE, 4.3.12)."""
_AT_ONCE = 1000


class _Members:
    """What `zipfile` keeps in a list: it appends a member when that is written, and reads all at the end."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with the archive
        self._count = 0

    def append(self, info: zipfile.ZipInfo) -> None:
        values = {slot: getattr(info, slot) for slot in zipfile.ZipInfo.__slots__ if hasattr(info, slot)}
        self._file.write(marshal.dumps(values))
        self._count += 1

    def close(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[zipfile.ZipInfo]:
        self._file.seek(0)
        for _ in range(self._count):
            info = zipfile.ZipInfo.__new__(zipfile.ZipInfo)
            for slot, value in marshal.load(self._file).items():  # noqa: S302 - what `append` has written
                setattr(info, slot, value)
            yield info


class _NoNames(dict[str, zipfile.ZipInfo]):
    """Forgets the members' names; that they differ is the caller's to see to."""

    def __setitem__(self, name: str, info: zipfile.ZipInfo) -> None:
        pass


class ManyZip(zipfile.ZipFile):
    """A zip that is written, with any number of members."""

    def __init__(self, file: Any, compression: int) -> None:
        super().__init__(file, "w", compression)
        own = cast(Any, self)
        self._members = _Members()
        own.filelist, own.NameToInfo = self._members, _NoNames()

    def close(self) -> None:
        """Write the list, and be done."""
        try:
            super().close()
        finally:
            self._members.close()


class ZipReader(zipfile.ZipFile):
    """A zip that is read, its list of members piece by piece.

    `zipfile` itself understands each piece, as the list of a small zip: of sizes, names, encodings and extra fields
    nothing is known here.

    Args:
        path: of the file.

    Raises:
        zipfile.BadZipFile: it is none.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(path)

    def _RealGetContents(self) -> None:  # noqa: N802 - zipfile's place to read the list
        end = cast(Any, zipfile)._EndRecData(self.fp)
        if not end:
            raise zipfile.BadZipFile("no end of the list of members")
        self._size, offset, location = int(end[5]), int(end[6]), int(end[9])
        if end[0] == b"PK\x06\x06":  # the records of zip64 stand between the list and its end
            location -= 56 + 20
        # What stands before the zip, as in one that unpacks itself.
        self._before = location - self._size - offset
        self._begin = offset + self._before
        if self._begin < 0 or self._size < 0:
            raise zipfile.BadZipFile("the list of members is nowhere")

    def members(self) -> Iterator[zipfile.ZipInfo]:
        """The members, to be given to `open`. Raises zipfile.BadZipFile, and what else damage makes `zipfile` raise."""
        with self._path.open("rb") as file:
            file.seek(self._begin)
            rest = self._size
            while rest > 0:
                records: list[bytes] = []
                while rest > 0 and len(records) < _AT_ONCE:
                    head = file.read(_RECORD)
                    if len(head) != _RECORD or not head.startswith(b"PK\x01\x02"):
                        raise zipfile.BadZipFile("the list of members is cut or damaged")
                    more = sum(struct.unpack_from("<3H", head, 28))
                    record = head + file.read(more)
                    if len(record) != _RECORD + more:
                        raise zipfile.BadZipFile("the list of members is cut")
                    rest -= len(record)
                    records.append(record)
                yield from self._understood(records)

    def _understood(self, records: list[bytes]) -> Iterator[zipfile.ZipInfo]:
        data = b"".join(records)
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(records), len(records), len(data), 0, 0)
        with zipfile.ZipFile(io.BytesIO(data + end)) as small:
            for info in small.infolist():
                info.header_offset += self._before
                if hasattr(info, "_end_offset"):  # of newer Pythons; that of the small zip means nothing
                    cast(Any, info)._end_offset = None
                yield info
