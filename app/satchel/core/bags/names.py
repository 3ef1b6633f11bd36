"""File names for what servers call their things: portable, readable, and never leading out of their folder."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200
"""Bytes of a name in UTF-8. File systems allow 255; archives and suffixes need room."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*%\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?", re.IGNORECASE)


def safe_name(name: str, instead: str = "file") -> str:
    """One path component for a name from outside.

    Separators, control and direction characters and what Windows forbids become `_`; leading and trailing dots and
    white space go; names that Windows reserves get a `_` in front; too long ones are cut before their ending. Legible
    Unicode stays, in normal form C. A percent sign becomes `_`, too: manifests must write it as `%25` (RFC 8493,
    2.1.3), which bagit-py and bdbag do not read back.

    Args:
        name: anything.
        instead: what to use when nothing is left; itself made safe.
    """
    text = _UNSAFE.sub("_", unicodedata.normalize("NFC", name))
    # Lone surrogates come from broken decodings and cannot be written.
    text = _bare(text.encode("utf-8", "replace").decode("utf-8").replace("?", "_"))
    if text.startswith("~"):
        text = "_" + text[1:]
    if _RESERVED.fullmatch(text):
        text = "_" + text
    if len(text.encode()) > LONGEST:
        stem, dot, ending = text.rpartition(".")
        if not dot or len(ending.encode()) > 20:
            stem, dot, ending = text, "", ""
        room = LONGEST - len((dot + ending).encode())
        text = _bare(stem.encode()[:room].decode("utf-8", "ignore")) + dot + ending
    if not text:
        return "file" if instead == "file" else safe_name(instead)
    return text


def _bare(text: str) -> str:
    while (stripped := text.strip().strip(".")) != text:
        text = stripped
    return text


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
