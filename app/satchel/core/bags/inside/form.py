"""How a file of records is written: CSV with which delimiter, JSON lines or a JSON array, in which encoding.

Told from its name and its first bytes; nothing else is read.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from pathlib import Path
from typing import Any, Literal

import msgspec

HEAD = 1 << 18
"""Bytes at a file's begin from which its form is told."""
LONGEST_HEAD = 1 << 24
MOST_COLUMNS = 4096
Kind = Literal["csv", "lines", "array"]
_ENDINGS = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson")
_DECODER = json.JSONDecoder()


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """How records are written."""

    kind: Kind
    """`csv`: a header and rows (RFC 4180); `lines`: an object a line; `array`: a JSON array of objects."""
    encoding: str
    """`utf-8` or, where the begin is not that, `cp1252`."""
    delimiter: str = ","
    start: int
    """Where the first record begins, in bytes."""
    line: int = 1
    """The line on which it begins."""
    columns: tuple[str, ...]
    """Names, made different from each other. Of JSON those that the begin has."""

    @property
    def said(self) -> str:
        """For people: "CSV", "CSV, separated by semicolons", "JSON, an object a line"."""
        if self.kind == "csv":
            by = {",": "", "\t": ", separated by tabs", ";": ", separated by semicolons", "|": ", separated by bars"}
            text = f"CSV{by.get(self.delimiter, '')}"
        else:
            text = "JSON, an object a line" if self.kind == "lines" else "JSON, an array of objects"
        return text if self.encoding == "utf-8" else f"{text}; not UTF-8, read as Windows-1252"


def may_hold_records(name: str) -> bool:
    """Whether a file's name says that it may hold records."""
    return name.lower().endswith(_ENDINGS)


def form_of(path: Path) -> Form | None:
    """How a file's records are written; None where it holds none that can be shown as a table. Blocking.

    Raises:
        OSError: it cannot be read.
    """
    if not may_hold_records(path.name):
        return None
    with path.open("rb") as file:
        head = file.read(HEAD)
        whole = len(head) < HEAD
        found = _form(path.name.lower(), head, whole)
        while found is None and not whole and path.suffix.lower() in (".csv", ".tsv", ".tab"):
            # A header may be long; anything longer than this is none.
            if len(head) >= LONGEST_HEAD:
                return None
            more = file.read(len(head))
            whole, head = len(more) < len(head), head + more
            found = _form(path.name.lower(), head, whole)
    return found


def _form(name: str, head: bytes, whole: bool) -> Form | None:
    mark = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or not head[mark:].strip():
        return None
    encoding = encoding_of(head)
    if name.endswith((".csv", ".tsv", ".tab")):
        return _csv_form(name, head, mark, encoding, whole)
    return _json_form(name, head, mark, whole) if encoding == "utf-8" else None


def encoding_of(head: bytes) -> str:
    """`utf-8` where the bytes are that, a character cut at the end aside; `cp1252` otherwise."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _csv_form(name: str, head: bytes, mark: int, encoding: str, whole: bool) -> Form | None:
    from satchel.core.bags.inside.blocks import first_end

    delimiter = "\t" if name.endswith((".tsv", ".tab")) else ","
    body = head[mark:]
    if delimiter == ",":
        line = body.lstrip(b"\r\n").partition(b"\n")[0].partition(b"\r")[0]
        others = [sign for sign in (";", "\t", "|") if line.count(sign.encode())]
        if b"," not in line and others:
            delimiter = max(others, key=lambda sign: line.count(sign.encode()))
    start, line_number = 0, 1
    while True:  # blank lines before the header are passed over
        end = first_end(body[start:], delimiter)
        if end is None:
            if not whole:
                return None
            end = len(body) - start
        piece = body[start : start + end]
        row = next(csv.reader(io.StringIO(piece.decode(encoding, "replace"), newline=""), delimiter=delimiter), [])
        start += end
        line_number += lines_in(piece)
        if row or not piece:
            break
    if not row or len(row) > MOST_COLUMNS:
        return None
    return Form(
        kind="csv",
        encoding=encoding,
        delimiter=delimiter,
        start=mark + start,
        line=line_number,
        columns=different(row),
    )


def _json_form(name: str, head: bytes, mark: int, whole: bool) -> Form | None:
    body = head[mark:]
    first = body.lstrip()
    start = mark + len(body) - len(first)
    line = 1 + lines_in(head[:start])
    if first.startswith(b"["):
        inner = first[1:].lstrip()
        line += lines_in(first[: len(first) - len(inner)])
        start += len(first) - len(inner)
        if not inner.startswith((b"{", b"]")):
            return None
        objects = list(_objects(inner))
        if not objects and not inner.startswith(b"]") and whole:
            return None
        return Form(kind="array", encoding="utf-8", start=start, line=line, columns=keys_of(objects))
    if not first.startswith(b"{"):
        return None
    lines = first.split(b"\n")
    if len(lines) > 1 and not whole:
        lines.pop()  # it may be cut
    found: list[dict[str, Any]] = []
    for number, text in enumerate(lines):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            if number == 0:
                return None
            continue
        if not isinstance(value, dict):
            return None
        found.append(value)
    if len(found) < 2 and name.endswith(".json"):
        return None  # one document, such as a schema
    return Form(kind="lines", encoding="utf-8", start=start, line=line, columns=keys_of(found))


def _objects(data: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    text, at = data.decode("utf-8", "ignore"), 0
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return found
        if isinstance(value, dict):
            found.append(value)


def keys_of(objects: list[dict[str, Any]]) -> tuple[str, ...]:
    """The keys of objects in the order in which they appear, those that are text."""
    keys = dict.fromkeys(key for each in objects for key in each)
    return tuple([key for key in keys if is_text(key)][:MOST_COLUMNS])


def is_text(text: str) -> bool:
    """Whether it can be written: JSON may say half a character."""
    return text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text)


def lines_in(data: bytes) -> int:
    """Line ends in some bytes: LF, CRLF or CR."""
    if b"\r" not in data:
        return data.count(b"\n")
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def different(names: list[str]) -> tuple[str, ...]:
    """Column names, none empty, none twice: `column 3`, `Name (2)`."""
    taken: set[str] = set()
    made = []
    for number, name in enumerate(names, 1):
        base = candidate = name or f"column {number}"
        again = 1
        while candidate in taken:
            again += 1
            candidate = f"{base} ({again})"
        taken.add(candidate)
        made.append(candidate)
    return tuple(made)
