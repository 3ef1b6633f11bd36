"""Lines of BagIt's manifests, fetch.txt and bag-info.txt (RFC 8493), written and read."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
"""Those that this program can compute, by their names in `manifest-ALG.txt`."""
_LIBRARY = {
    **{name: name for name in ALGORITHMS},
    "sha3224": "sha3_224",
    "sha3256": "sha3_256",
    "sha3384": "sha3_384",
    "sha3512": "sha3_512",
    "blake2b": "blake2b",
    "blake2s": "blake2s",
}
_DIGITS = {name: hashlib.new(library, usedforsecurity=False).digest_size * 2 for name, library in _LIBRARY.items()}
LONGEST_LINE = 1 << 20
"""Bytes. A longer line is no manifest's."""
_WIDE = ("utf-16", "utf-32")
MOST_DIGITS = 18
"""Of a number of bytes or files. More would be no file's, and no database's integer."""
_DECODE_OLD = re.compile(r"%(0D|0A)", re.IGNORECASE)
_DECODE = re.compile(r"%(0D|0A|25)", re.IGNORECASE)
_ENTRY = re.compile(r"(?P<sum>[0-9A-Fa-f]+)[ \t]+(?P<star>\*?)(?P<path>.+)")
_FETCH = re.compile(r"(?P<url>\S+)[ \t]+(?P<length>\S+)[ \t]+(?P<path>.+)")


def encode_path(path: str) -> str:
    """A path as manifests write it: CR, LF and % escaped (RFC 8493, 2.1.3)."""
    return path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def decode_path(text: str, *, old: bool = False) -> str:
    """The path that a manifest's text stands for; other percent signs stand for themselves.

    Args:
        text: as it is written.
        old: as before BagIt 1.0, when a percent sign was not escaped itself.
    """
    if "%" not in text:
        return text
    return (_DECODE_OLD if old else _DECODE).sub(lambda m: chr(int(m[1], 16)), text)


def library_name(algorithm: str) -> str | None:
    """hashlib's name for an algorithm as manifests' names have it; None where it cannot be computed here.

    Such names hold small letters and digits alone (RFC 8493, 2.4); others are taken for what they stand for.
    """
    return _LIBRARY.get(algorithm) or _LIBRARY.get(re.sub(r"[^a-z0-9]", "", algorithm.lower()))


def manifest_line(digest: str, path: str) -> str:
    """A line of a manifest, without its end."""
    return f"{digest}  {encode_path(path)}"


def fetch_line(url: str, length: int | None, path: str) -> str:
    """A line of fetch.txt, without its end. White space in the URL, and what no URL may hold as it is, are escaped."""
    escaped = "".join(chr(b) if 0x20 < b < 0x7F else f"%{b:02X}" for b in url.encode("utf-8", "replace"))
    return f"{escaped} {'-' if length is None else length} {encode_path(path)}"


def info_lines(fields: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Lines of bag-info.txt. Line breaks in values become spaces: a value is one logical line."""
    for label, value in fields:
        yield f"{label}: {' '.join(value.split())}"


class Line(NamedTuple):
    """A line that was read: its number from 1 and its text, or why it is none."""

    number: int
    text: str
    problem: str = ""
    marked: bool = False
    """It began with a byte order mark."""


class Reads(Protocol):
    """The part of a binary file that is needed here."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


def lines(file: Reads, encoding: str = "utf-8") -> Iterator[Line]:
    """Lines of a tag file, ended by LF, CR or CRLF. Memory stays bounded whatever the file holds."""
    if codecs.lookup(encoding).name.startswith(_WIDE):
        file, encoding = _Narrow(file, encoding), "utf-8"
    number, rest, skipping = 0, b"", False
    while True:
        piece = file.read(1 << 16)
        data = rest + piece
        if not piece:
            if data and not skipping:
                yield _line(number + 1, data.rstrip(b"\r"), encoding)
            return
        if skipping and b"\n" not in piece and b"\r" not in piece:
            continue
        # A CR at the end may be half of a CRLF: it waits for what follows.
        held = data.endswith(b"\r")
        if held:
            data = data[:-1]
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        pieces = data.split(b"\n")
        rest = pieces.pop() + (b"\r" if held else b"")
        for raw in pieces:
            number += 1
            if skipping:
                skipping = False
                continue
            yield _line(number, raw, encoding)
        if len(rest) > LONGEST_LINE:
            if not skipping:
                yield Line(number + 1, "", f"longer than {LONGEST_LINE:,} bytes")
            skipping, rest = True, b""


def _line(number: int, raw: bytes, encoding: str) -> Line:
    marked = number == 1 and raw.startswith(codecs.BOM_UTF8)
    if marked:
        raw = raw[3:]
    try:
        return Line(number, raw.decode(encoding), marked=marked)
    except UnicodeError:
        return Line(number, raw.decode("ascii", "replace"), f"is not {encoding}", marked)


class _Narrow:
    """A file in UTF-16 or UTF-32, whose line ends are no single bytes, as UTF-8."""

    def __init__(self, file: Reads, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ended = False

    def read(self, size: int, /) -> bytes:
        while not self._ended:
            piece = self._file.read(size)
            self._ended = not piece
            try:
                if text := self._decoder.decode(piece, final=not piece):
                    return text.encode()
            except UnicodeError:
                self._ended = True
                return b"\xff"
        return b""


class Entry(NamedTuple):
    """A line of a manifest: checksum in lower case and path."""

    number: int
    digest: str
    path: str
    star: bool = False
    """An asterisk stands before the path, as md5sum writes it in binary mode."""


def read_entry(line: Line, algorithm: str, *, old: bool = False) -> Entry | str:
    """A manifest's line as an entry, or what is wrong with it.

    Args:
        line: of the manifest.
        algorithm: the manifest's; the checksums of one that cannot be computed here may have any length.
        old: whether it is of a bag before BagIt 1.0.
    """
    if line.problem:
        return line.problem
    match = _ENTRY.fullmatch(line.text)
    if match is None:
        return "is not a checksum followed by a path"
    digest, star, path = match.groups()
    if len(digest) != _DIGITS.get(algorithm, len(digest)):
        return f"has a checksum that is not {algorithm}'s length"
    return Entry(line.number, digest.lower(), decode_path(path, old=old), bool(star))


@dataclass(frozen=True, slots=True)
class Fetch:
    """A line of fetch.txt; length in bytes, None for `-`."""

    number: int
    url: str
    length: int | None
    path: str


def read_fetch(line: Line, *, old: bool = False) -> Fetch | str:
    """A line of fetch.txt, or what is wrong with it. Before BagIt 1.0 (`old`), percent signs were not escaped."""
    if line.problem:
        return line.problem
    match = _FETCH.fullmatch(line.text)
    if match is None:
        return "is not an address, a length and a path"
    length = match["length"]
    if length != "-" and not (length.isascii() and length.isdigit()):
        return f"has the length {length[:40]!r}, which is no number"
    if len(length) > MOST_DIGITS:
        return f"has a length of {len(length)} digits, which no file has"
    return Fetch(line.number, match["url"], None if length == "-" else int(length), decode_path(match["path"], old=old))


def unsafe_path(path: str) -> str | None:
    """Why a path of a bag must not be followed; None when it stays inside."""
    if path.startswith(("/", "\\", "~")):
        return "does not begin inside the bag"
    if path[1:2] == ":" and path[0].isascii() and path[0].isalpha():
        return "names a drive"
    if ".." in path and ".." in re.split(r"[/\\]", path):
        return "leaves the bag"
    if "\x00" in path:
        return "holds a NUL"
    if not path.isascii() and any("\ud800" <= c <= "\udfff" for c in path):
        return "holds half a character"
    return None


def payload_safe(path: str) -> str | None:
    """As `unsafe_path`, for a payload's file: it must be below data/."""
    reason = unsafe_path(path)
    if reason is None and not path.removeprefix("./").startswith("data/"):
        return "is not below data/"
    if reason is None and path.endswith("/"):
        return "is a folder's; manifests list files alone"
    return reason
