"""A zip's list of its members kept on disk while it is written: a million of them take no memory."""

from __future__ import annotations

import marshal
import tempfile
import zipfile
from collections.abc import Iterator
from typing import Any, cast

_IN_MEMORY = 4 << 20
"""Bytes of the list that are kept in memory before it goes to a file."""


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
