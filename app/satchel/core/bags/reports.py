"""The verdict on a bag as a file to keep or send on: JSON, CSV or HTML."""

from __future__ import annotations

import csv
import html
import os
import secrets
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Literal

import msgspec

from satchel.core.bags.validate import Problem, ValidateResult
from satchel.core.errors import Kind, SatchelError
from satchel.core.words import count, size

Format = Literal["json", "csv", "html"]
FORMATS: tuple[Format, ...] = ("json", "csv", "html")
_STYLE = (
    "body{font:14px/1.5 sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#1d2124}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #dedad2;padding:.3em .6em;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}.bad{color:#ab241c}.good{color:#1b6e3f}"
)
_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")


def format_of(path: Path) -> Format:
    """The format that a file's name asks for. Raises SatchelError when it is none of them."""
    ending = path.suffix.lower()
    for known in FORMATS:
        if ending == f".{known}" or (known == "html" and ending == ".htm"):
            return known
    raise SatchelError(
        Kind.USAGE, f"{path.name} does not say which kind of report it is.", "End its name in .json, .csv or .html."
    )


def write_report(result: ValidateResult, path: Path) -> None:
    """Write a report; the file is there when it is whole. Blocking.

    Args:
        result: of a validation.
        path: its ending says the format; what is there is replaced.

    Raises:
        SatchelError: the ending is none of those known.
        OSError: it cannot be written.
    """
    write = {"json": _json, "csv": _csv, "html": _html}[format_of(path)]
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("x", encoding="utf-8", errors="backslashreplace", newline="") as file:
            write(result, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _json(result: ValidateResult, file: IO[str]) -> None:
    file.write(msgspec.json.format(msgspec.json.encode(result).decode(), indent=2) + "\n")


def _csv(result: ValidateResult, file: IO[str]) -> None:
    writer = csv.writer(file)
    writer.writerow(("severity", "code", "path", "line", "message"))
    for severity, problem in _all(result):
        texts = (severity, problem.code, problem.path, "" if problem.line is None else str(problem.line))
        writer.writerow([_harmless(text) for text in (*texts, problem.message)])


def _harmless(text: str) -> str:
    """A name that a spreadsheet would take for a formula, as text."""
    return f"'{text}" if text.startswith(_SPREADSHEET) else text


def _html(result: ValidateResult, file: IO[str]) -> None:
    said = "valid" if result.valid else "not valid"
    if result.valid and not result.complete:
        said += ", but not complete"
    name = html.escape(Path(result.path).name)
    tone = "good" if result.valid and result.complete else "bad"
    file.write(f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>')
    file.write(f"<style>{_STYLE}</style></head>\n<body><h1>{name}</h1>\n")
    file.write(f'<p class="{tone}"><strong>The bag is {said}.</strong></p>\n')
    figures = f"{count(result.files, 'files')}, {size(result.bytes)}"
    if result.remote:
        figures += f", {count(result.remote, 'files')} still to be fetched"
    sums = ", ".join(result.algorithms) or "none"
    file.write(f"<p>BagIt {html.escape(result.version)} · {figures} · checksums: {html.escape(sums)} · ")
    file.write(f"checked at level “{html.escape(result.level)}” · {count(result.error_count)} errors, ")
    file.write(f"{count(result.warning_count)} warnings</p>\n")
    if result.errors or result.warnings:
        file.write("<table><tr><th></th><th>Problem</th><th>File</th><th>Line</th></tr>\n")
        for severity, problem in _all(result):
            line = "" if problem.line is None else str(problem.line)
            cells = (severity, problem.message, problem.path, line)
            file.write("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>\n")
        file.write("</table>\n")
    told, all_there = len(result.errors) + len(result.warnings), result.error_count + result.warning_count
    if told < all_there:
        file.write(f"<p>The first {count(told)} of {count(all_there)} are listed.</p>\n")
    file.write("</body></html>\n")


def _all(result: ValidateResult) -> Iterator[tuple[str, Problem]]:
    return chain((("error", p) for p in result.errors), (("warning", p) for p in result.warnings))
