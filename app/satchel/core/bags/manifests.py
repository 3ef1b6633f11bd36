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
    "sha512224": "sha512_224",
    "sha512256": "sha512_256",
    "blake2b": "blake2b",
    "blake2b160": "blake2b_160",
    "blake2b256": "blake2b_256",
    "blake2b384": "blake2b_384",
    "blake2b512": "blake2b",
    "blake2s": "blake2s",
    "blake2s256": "blake2s",
}
for _name in ("sha512224", "sha512256"):
    if _LIBRARY[_name] not in hashlib.algorithms_available:  # OpenSSL's, of which a system may have less
        del _LIBRARY[_name]
_DIGITS = {
    "md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128, "sha3224": 56, "sha3256": 64,
    "sha3384": 96, "sha3512": 128, "sha512224": 56, "sha512256": 64, "blake2b": 128, "blake2b160": 40,
    "blake2b256": 64, "blake2b384": 96, "blake2b512": 128, "blake2s": 64, "blake2s256": 64,
}  # fmt: skip
LONGEST_LINE = 1 << 20
"""Bytes. A longer line is no manifest's."""
_WIDE = ("utf-16", "utf-32")
_MARKS = {
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}
MOST_DIGITS = 18
"""Of a number of bytes or files. More would be no file's, and no database's integer."""
_DECODE_OLD = re.compile(r"%(0D|0A)", re.IGNORECASE)
_DECODE = re.compile(r"%(0D|0A|25)", re.IGNORECASE)
_BARE = re.compile(r"%(?!0D|0A|25)", re.IGNORECASE)
_ENTRY = re.compile(r"(?P<sum>[0-9A-Fa-f]+)[ \t]+(?P<star>\*?)(?P<path>.+)")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.")
_FETCH = re.compile(r"(?P<url>\S+)[ \t]+(?P<length>\S+)[ \t]+(?P<path>.+)")


def encode_path(path: str, *, old: bool = False) -> str:
    """A path as manifests write it: CR, LF and % escaped (RFC 8493, 2.1.3); before BagIt 1.0 (`old`) % was not."""
    escaped = path if old else path.replace("%", "%25")
    return escaped.replace("\r", "%0D").replace("\n", "%0A")


def decode_path(text: str, *, old: bool = False) -> str:
    """The path that a manifest's text stands for; other percent signs stand for themselves.

    Args:
        text: as it is written.
        old: as before BagIt 1.0, when a percent sign was not escaped itself.
    """
    if "%" not in text:
        return text
    return (_DECODE_OLD if old else _DECODE).sub(lambda m: chr(int(m[1], 16)), text)


def bare_percent(text: str) -> bool:
    """Whether a path as it is written has a percent sign that escapes none of CR, LF and %: BagIt 1.0 has none such.

    "those characters (and only those) MUST be percent-encoded" (RFC 8493, 2.1.3).
    """
    return "%" in text and _BARE.search(text) is not None


def library_name(algorithm: str) -> str | None:
    """hashlib's name for an algorithm as manifests' names have it; None where it cannot be computed here.

    Such names hold small letters and digits alone (RFC 8493, 2.4); others are taken for what they stand for.
    """
    return _LIBRARY.get(algorithm) or _LIBRARY.get(re.sub(r"[^a-z0-9]", "", algorithm.lower()))


def manifest_line(digest: str, path: str) -> str:
    """A line of a manifest, without its end."""
    return f"{digest}  {encode_path(path)}"


def fetch_line(url: str, length: int | None, path: str, *, old: bool = False) -> str:
    """A line of fetch.txt, without its end. White space in the URL, and what no URL may hold as it is, are escaped."""
    escaped = "".join(chr(b) if 0x20 < b < 0x7F else f"%{b:02X}" for b in url.encode("utf-8", "replace"))
    return f"{escaped} {'-' if length is None else length} {encode_path(path, old=old)}"


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
        self._encoding = codecs.lookup(encoding).name
        self._decoder: codecs.IncrementalDecoder | None = None
        self._ended = False

    def read(self, size: int, /) -> bytes:
        while not self._ended:
            piece = self._file.read(size)
            self._ended = not piece
            if self._decoder is None:
                self._decoder = codecs.getincrementaldecoder(_with_order(self._encoding, piece))()
            try:
                if text := self._decoder.decode(piece, final=not piece):
                    return text.encode()
            except UnicodeError:
                self._ended = True
                return b"\xff"
        return b""


def _with_order(encoding: str, begin: bytes) -> str:
    """UTF-16 or UTF-32 with the order of its bytes where no mark tells it: that in which the text's first letter, of
    ASCII in every tag file, has its zeros; the big end first where neither is (RFC 2781, 4.3)."""
    if encoding not in _WIDE or begin.startswith(_MARKS[encoding]):
        return encoding
    little = begin[:1] != b"\0" and begin[1:2] == b"\0"
    return f"{encoding}-{'le' if little else 'be'}"


class Entry(NamedTuple):
    """A line of a manifest: checksum in lower case and path."""

    number: int
    digest: str
    path: str
    star: bool = False
    """An asterisk stands before the path, as md5sum writes it in binary mode."""
    bare: bool = False
    """A percent sign in the path escapes nothing."""


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
    return Entry(line.number, digest.lower(), decode_path(path, old=old), bool(star), bare_percent(path))


@dataclass(frozen=True, slots=True)
class Fetch:
    """A line of fetch.txt; length in bytes, None for `-`."""

    number: int
    url: str
    length: int | None
    path: str
    bare: bool = False
    """A percent sign in the path escapes nothing."""

    @property
    def absolute(self) -> bool:
        """Whether the address says of what kind it is (RFC 3986, 4.3), as BagIt 1.0 wants it."""
        return _ABSOLUTE.match(self.url) is not None


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
    path = match["path"]
    size = None if length == "-" else int(length)
    return Fetch(line.number, match["url"], size, decode_path(path, old=old), bare_percent(path))


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
