"""Checksums of files, all algorithms in one reading."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

PIECE = 1 << 20
READ = 1 << 18
"""Bytes that are read at a time to be hashed: they stay in the processor's cache from one algorithm to the next."""
_OWN = threading.local()


_OTHERS: dict[str, Callable[[], Any]] = {
    "blake2b_160": partial(hashlib.blake2b, digest_size=20),
    "blake2b_256": partial(hashlib.blake2b, digest_size=32),
    "blake2b_384": partial(hashlib.blake2b, digest_size=48),
    "sha512_224": partial(hashlib.new, "sha512_224", usedforsecurity=False),
    "sha512_256": partial(hashlib.new, "sha512_256", usedforsecurity=False),
}
"""Those that hashlib has no constructor of their own for."""


def new_hash(name: str) -> hashlib._Hash:
    """A hash that nothing was put into yet, by hashlib's name for it or one of `_OTHERS`."""
    if (other := _OTHERS.get(name)) is not None:
        found: hashlib._Hash = other()
        return found
    # hashlib's own constructors are quicker than `new`, which matters where files are many and small.
    made: hashlib._Hash = getattr(hashlib, name)(usedforsecurity=False)
    return made


class Hashers:
    """Several checksums of one stream of bytes."""

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._hashers = {a: new_hash(a) for a in algorithms}
        self.length = 0

    def update(self, data: bytes | memoryview) -> None:
        """Take in the next bytes. hashlib lets other threads run meanwhile."""
        self.length += len(data)
        for hasher in self._hashers.values():
            hasher.update(data)

    def digests(self) -> dict[str, str]:
        """The checksums so far, in lower-case hexadecimal."""
        return {algorithm: hasher.hexdigest() for algorithm, hasher in self._hashers.items()}


class StoppedError(Exception):
    """The job was cancelled while a thread worked for it."""


def hash_file(
    path: Path | str,
    algorithms: Iterable[str],
    *,
    limit: int | None = None,
    stop: threading.Event | None = None,
    told: Callable[[int], None] | None = None,
) -> Hashers:
    """Read a file once for all algorithms.

    Args:
        path: the file.
        algorithms: names as in manifests.
        limit: bytes to read; all where None.
        stop: ends the reading with `StoppedError` when set.
        told: called with the number of bytes of each piece.

    Raises:
        OSError: it cannot be read.
        StoppedError: `stop` was set.
    """
    hashers = Hashers(algorithms)
    buffer = _buffer()
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path for each of a million files takes longer
        while limit is None or hashers.length < limit:
            if stop is not None and stop.is_set():
                raise StoppedError
            size = file.readinto(buffer if limit is None else buffer[: limit - hashers.length])
            if not size:
                break
            hashers.update(buffer[:size])
            if told is not None:
                told(size)
    return hashers


def _buffer() -> memoryview:
    """This thread's own, for small files are many, and memory of its own for each would cost more than they do."""
    found: memoryview | None = getattr(_OWN, "buffer", None)
    if found is None:
        found = _OWN.buffer = memoryview(bytearray(READ))
    return found
