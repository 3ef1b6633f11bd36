"""File names for what servers call their things: portable, readable, and never leading out of their folder."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200
"""Bytes of a name in UTF-8. File systems allow 255; archives and suffixes need room."""
# The percent sign is among them for bagit and bdbag, which do not decode the %25 that RFC 8493 wants in manifests.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*%\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def safe_name(name: str, instead: str = "file") -> str:
    """One path component for a name from outside.

    Separators, control and direction characters and what Windows forbids become `_`; leading and trailing dots and
    spaces go; names that Windows reserves get a `_` in front; too long ones are cut before their ending. Legible
    Unicode stays, in normal form C.

    Args:
        name: anything.
        instead: what to use when nothing is left.
    """
    text = _UNSAFE.sub("_", unicodedata.normalize("NFC", name))
    # Lone surrogates come from broken decodings and cannot be written.
    text = text.encode("utf-8", "replace").decode("utf-8").strip(". ")
    if text.startswith("~"):
        text = "_" + text[1:]
    if _RESERVED.fullmatch(text):
        text = "_" + text
    if len(text.encode()) > LONGEST:
        stem, dot, ending = text.rpartition(".")
        if not dot or len(ending.encode()) > 20:
            stem, dot, ending = text, "", ""
        room = LONGEST - len((dot + ending).encode())
        text = stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") + dot + ending
    return text or instead


class Names:
    """Gives names that stay different where case or Unicode forms do not count; a clash gets ` (2)`, ` (3)`, ..."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, path: str) -> str:
        """The path, or a variant of it that is not taken yet. The same calls in the same order give the same names."""
        stem, dot, ending = path.rpartition(".")
        if not dot or "/" in ending:
            stem, dot, ending = path, "", ""
        number, candidate = 1, path
        while _folded(candidate) in self._taken:
            number += 1
            candidate = f"{stem} ({number}){dot}{ending}"
        self._taken.add(_folded(candidate))
        return candidate


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", path).casefold())
