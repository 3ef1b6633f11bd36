"""Lists of files that are on servers: where each is, how long, with which checksums.

JSON as bdbag's remote file manifest has it (an array of objects, or one object after the other), or CSV with a line of
heads. An object, or a row, has `url`, `length` (bytes; may be missing), `filename` (below data/) or `path` (below the
bag), and at least one checksum by its algorithm's name.
"""

from __future__ import annotations

import csv
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from satchel.core.bags.manifests import ALGORITHMS, MOST_DIGITS, payload_safe
from satchel.core.errors import Kind, SatchelError

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")
_DIGITS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_PIECE = 1 << 16
LONGEST = 1 << 20
"""Characters of one object or row."""
_SPACE = re.compile(r"[\s,]*")


class Remote(NamedTuple):
    """A file on a server."""

    place: str
    """Where it stands in the list, for messages: "line 3", "object 3"."""
    path: str
    """Below the bag, beginning with `data/`."""
    url: str
    length: int | None
    sums: dict[str, str]


def read_remote(file: Path, *, need_sums: bool = True) -> Iterator[Remote]:
    """The files of a list, one by one: there may be a million. Blocking.

    Args:
        file: of JSON or CSV, in UTF-8.
        need_sums: whether a file without a checksum is a fault.

    Raises:
        SatchelError: it cannot be read, or something in it makes no sense; with its place.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            begin = opened.read(1024).lstrip()
            opened.seek(0)
            kind = "object" if begin[:1] in ("[", "{") else "line"
            for number, values in _objects(opened, file) if kind == "object" else _rows(opened):
                yield _remote(values, f"{kind} {number}", file, need_sums)
    except OSError as error:
        raise SatchelError(Kind.FILES, f"{file} cannot be read: {error.strerror}.", "Check the name.") from error
    except UnicodeError as error:
        raise SatchelError(Kind.INVALID, f"{file} is not text in UTF-8.", "", str(error)) from error
    except csv.Error as error:
        raise SatchelError(Kind.INVALID, f"{file} is no CSV: {error}.", "") from error


def _rows(opened: IO[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    head = opened.readline(LONGEST)
    opened.seek(0)
    reader = csv.DictReader(opened, delimiter="\t" if "\t" in head else ",")
    for row in reader:
        if None in row:
            raise csv.Error(f"line {reader.line_num} has more fields than there are heads")
        values = {str(key).strip().lower(): value for key, value in row.items()}
        yield reader.line_num, {key: value for key, value in values.items() if value not in ("", None)}


def _objects(opened: IO[str], file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """JSON values one after the other, in an array or not, without ever holding all."""
    decoder = json.JSONDecoder()
    text, place, number, ended = "", 0, 0, False
    in_array: bool | None = None
    while True:
        place = _end(_SPACE, text, place)
        if in_array is None and text[place : place + 1]:
            in_array = text[place] == "["
            place = _end(_SPACE, text, place + in_array)
        if in_array and text[place : place + 1] == "]":
            if (text[place + 1 :] + opened.read(_PIECE)).strip():
                raise _broken(file, number + 1, "something follows the list")
            return
        try:
            value, end = decoder.raw_decode(text, place)
            # A number at the end of what was read may go on.
            complete = ended or end < len(text)
        except (json.JSONDecodeError, RecursionError) as error:
            if ended and place >= len(text) and not in_array:
                return
            if ended or len(text) - place > LONGEST:
                raise _broken(file, number + 1, str(error)) from None
            complete = False
        if not complete:
            piece = opened.read(_PIECE)
            text, place, ended = text[place:] + piece, 0, not piece
            continue
        number += 1
        if not isinstance(value, dict):
            raise _broken(file, number, "it is no object")
        yield number, {str(k).strip().lower(): v for k, v in value.items()}
        place = end


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    return match.end() if match else place


def _broken(file: Path, number: int, why: str) -> SatchelError:
    return SatchelError(Kind.INVALID, f"Object {number} of {file.name} cannot be read.", "It must be JSON.", why)


def _remote(values: Mapping[str, Any], place: str, file: Path, need_sums: bool) -> Remote:
    def wrong(why: str) -> SatchelError:
        return SatchelError(Kind.INVALID, f"{place.capitalize()} of {file.name} {why}.", "Mend the list.")

    url = values.get("url")
    if not isinstance(url, str) or not _ABSOLUTE.fullmatch(url.strip()):
        raise wrong("has no address, or none that begins with its kind, as https: does")
    name = values.get("filename")
    path = f"data/{name}" if isinstance(name, str) and name else values.get("path")
    if not isinstance(path, str) or not path:
        raise wrong("has no filename")
    path = path if path.removeprefix("./").startswith("data/") else f"data/{path}"
    if (reason := payload_safe(path)) is not None:
        raise wrong(f"has a filename that {reason}")
    length = values.get("length")
    if isinstance(length, str) and length.strip().isascii() and length.strip().isdigit():
        length = int(length) if len(length) <= MOST_DIGITS else None
    if length in (None, "-"):
        length = None
    elif not isinstance(length, int) or isinstance(length, bool) or not 0 <= length < 10**MOST_DIGITS:
        raise wrong("has a length that is no number of bytes")
    sums = {}
    for algorithm in ALGORITHMS:
        digest = values.get(algorithm)
        if digest is None:
            continue
        if not isinstance(digest, str) or not re.fullmatch(rf"[0-9A-Fa-f]{{{_DIGITS[algorithm]}}}", digest.strip()):
            raise wrong(f"has a checksum that is no {algorithm}")
        sums[algorithm] = digest.strip().lower()
    if need_sums and not sums:
        raise wrong(f"has no checksum ({', '.join(ALGORITHMS)})")
    return Remote(place, posixpath.normpath(path), url.strip(), length, sums)
