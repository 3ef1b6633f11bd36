"""Text from outside as it may be shown: what would move, hide or turn round other text is made visible."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u200b\ufeff\u2028\u2029]")
_NAMES = {
    "\u061c": "ALM", "\u200e": "LRM", "\u200f": "RLM", "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF",
    "\u202d": "LRO", "\u202e": "RLO", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI",
    "\u200b": "ZWSP", "\ufeff": "BOM", "\u2028": "LS", "\u2029": "PS",
}  # fmt: skip


def visible(text: str) -> str:
    """A text in which control characters are pictures (␀, ␛) and direction marks are names (‹RLO›); tabs and line
    feeds stay, CRLF becomes LF, lone surrogates become �."""
    text = text.replace("\r\n", "\n")
    if _CONTROL.search(text):
        text = _CONTROL.sub(
            lambda m: chr(0x2400 + ord(m[0])) if m[0] < "\x20" else "␡" if m[0] == "\x7f" else "�", text
        )
    if not text.isascii():
        text = _DIRECTION.sub(lambda m: f"‹{_NAMES[m[0]]}›", text)
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text


def _picture(match: re.Match[str]) -> str:
    sign = match[0]
    return chr(0x2400 + ord(sign)) if sign < " " else "␡" if sign == "\x7f" else "�"


def one_line(text: str) -> str:
    """The same on one line, for names."""
    return visible(text).replace("\n", "↵").replace("\t", " ")
