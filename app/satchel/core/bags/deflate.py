"""Deflate that gives the same bytes everywhere.

The standard library packs with whatever zlib a Python was built with: zlib, zlib-ng, Chromium's or Apple's, which all
choose differently. Here one implementation is used, pinned by its version: miniz_oxide, in Rust and without code for
particular processors, as cramjam carries it. The input is packed in blocks of a fixed size that know nothing of each
other, so that the output does not depend on the pieces in which it came either.
"""

from __future__ import annotations

import struct
import zlib
from typing import IO

import cramjam

BLOCK = 1 << 20
"""Bytes that are packed at a time. Part of the format: another size makes other archives."""
LEVEL = 5
"""On tables of measurements as fast as zlib's 6, and 4 % larger; 6 takes nearly twice as long for 2 %."""
_STORED = 0xFFFF
_END = b"\x03\x00"


class Deflater:
    """A raw deflate stream (RFC 1951). Has the methods of `zlib.compressobj`.

    Args:
        stored: whether to begin without packing, for data that are packed already.
    """

    def __init__(self, *, stored: bool = False) -> None:
        self._pending = bytearray()
        self._stored = stored

    def compress(self, data: bytes) -> bytes:
        """Take in the next bytes. Gives what is ready."""
        self._pending += data
        out = []
        while len(self._pending) >= BLOCK:
            out.append(self._block(bytes(self._pending[:BLOCK])))
            del self._pending[:BLOCK]
        return b"".join(out)

    def switch(self, *, stored: bool) -> bytes:
        """From here on pack, or do not. Gives what was pending."""
        if stored == self._stored:
            return b""
        out = self._rest()
        self._stored = stored
        return out

    def flush(self) -> bytes:
        """The end of the stream."""
        return self._rest() + _END

    def _rest(self) -> bytes:
        data = bytes(self._pending)
        self._pending.clear()
        return self._block(data) if data else b""

    def _block(self, data: bytes) -> bytes:
        if not self._stored:
            packer = cramjam.deflate.Compressor(level=LEVEL)
            packer.compress(data)
            # Flushed and not finished: the stream goes on at a whole byte.
            return bytes(packer.flush())
        pieces = [data[at : at + _STORED] for at in range(0, len(data), _STORED)]
        return b"".join(b"\0" + struct.pack("<HH", len(p), len(p) ^ 0xFFFF) + p for p in pieces)


class GzipWriter:
    """A gzip file (RFC 1952) that is written in order; its header has no time, no name and no system.

    Args:
        file: where it goes; stays open.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._deflater = Deflater()
        self._crc = 0
        self._length = 0
        file.write(b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff")

    def write(self, data: bytes) -> int:
        """Take in the next bytes."""
        self._crc = zlib.crc32(data, self._crc)
        self._length += len(data)
        self._file.write(self._deflater.compress(data))
        return len(data)

    def switch(self, *, stored: bool) -> None:
        """From here on pack, or do not."""
        self._file.write(self._deflater.switch(stored=stored))

    def tell(self) -> int:
        """Bytes taken in so far."""
        return self._length

    def finish(self) -> None:
        """Write the end."""
        self._file.write(self._deflater.flush() + struct.pack("<II", self._crc, self._length & 0xFFFFFFFF))
