"""The verdict on a bag as a file to keep or send on: JSON, CSV or HTML."""

from __future__ import annotations

import csv
import html
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Literal

import msgspec

from satchel.core.bags.problem_store import ProblemStore, Severity
from satchel.core.bags.validate import Problem, ValidateResult
from satchel.core.errors import Kind, SatchelError
from satchel.core.words import count, size

Format = Literal["json", "csv", "html"]
Failed = tuple[str, str]
"""A bag that could not be checked, and why."""
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


def write_report(results: Sequence[ValidateResult], path: Path, failed: Sequence[Failed] = ()) -> None:
    """Write a report on one bag or several; the file is there when it is whole. Blocking.

    Args:
        results: of validations.
        path: its ending says the format; what is there is replaced.
        failed: bags that could not be checked, and why.

    Raises:
        SatchelError: the ending is none of those known, or the problems of a bag cannot be read any more.
        OSError: it cannot be written.
    """
    write = {"json": _json, "csv": _csv, "html": _html}[format_of(path)]
    if not (results or failed):
        raise SatchelError(Kind.USAGE, "There is nothing to report yet.", "Check a bag first.")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("x", encoding="utf-8", errors="backslashreplace", newline="") as file:
            write(results, failed, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _json(results: Sequence[ValidateResult], failed: Sequence[Failed], file: IO[str]) -> None:
    one = len(results) == 1 and not failed
    file.write("" if one else "[\n")
    for number, result in enumerate(results):
        # Problems one by one: there may be a million.
        plain = msgspec.to_builtins(msgspec.structs.replace(result, errors=(), warnings=()))
        del plain["errors"], plain["warnings"]
        file.write(json.dumps(plain, indent=2, ensure_ascii=False).removesuffix("\n}"))
        severities: tuple[Severity, ...] = ("error", "warning")
        for severity in severities:
            file.write(f',\n  "{severity}s": [')
            for place, problem in enumerate(problems(result, severity)):
                text = json.dumps(msgspec.to_builtins(problem), ensure_ascii=False)
                file.write(f"{',' if place else ''}\n    {text}")
            file.write("]")
        file.write("\n}" + (",\n" if number + 1 < len(results) + len(failed) else "\n"))
    for number, (bag, why) in enumerate(failed, 1):
        file.write(json.dumps({"path": bag, "valid": None, "failed": why}, indent=2, ensure_ascii=False))
        file.write(",\n" if number < len(failed) else "\n")
    file.write("" if one else "]\n")


def problems(result: ValidateResult, severity: Severity) -> Iterator[Problem]:
    """All problems of a severity, from the store where there are more than the result holds.

    Raises:
        SatchelError: the store cannot be read.
    """
    if not result.store:
        yield from result.errors if severity == "error" else result.warnings
        return
    try:
        with ProblemStore(Path(result.store)) as store:
            yield from store.all(severity)
    except sqlite3.Error as error:
        raise SatchelError(
            Kind.FILES, f"The problems of {result.path} cannot be read any more.", "Check the bag again.", str(error)
        ) from error


def _csv(results: Sequence[ValidateResult], failed: Sequence[Failed], file: IO[str]) -> None:
    writer = csv.writer(file)
    writer.writerow(("bag", "severity", "code", "path", "line", "message"))
    for result in results:
        rows = (("verdict", _said(result)), ("checked", _ran(result).removeprefix("checked: ")))
        for what, text in rows:
            writer.writerow([_harmless(cell) for cell in (result.path, what, "", "", "", text)])
        for severity, problem in _all(result):
            line = "" if problem.line is None else str(problem.line)
            texts = (result.path, severity, problem.code, problem.path, line, problem.message)
            writer.writerow([_harmless(text) for text in texts])

    for bag, why in failed:
        writer.writerow([_harmless(text) for text in (bag, "verdict", "", "", "", f"could not be checked: {why}")])


def _harmless(text: str) -> str:
    """A name that a spreadsheet would take for a formula, as text."""
    return f"'{text}" if text.startswith(_SPREADSHEET) else text


def _said(result: ValidateResult) -> str:
    if result.valid:
        return "valid" if result.complete else "valid, but not complete"
    return "not complete: files are still to be fetched" if result.sound else "not valid"


def _ran(result: ValidateResult) -> str:
    """Which checks ran."""
    return f"checked: {result.level}" + "".join(f", profile {profile}" for profile in result.profiles)


def _html(results: Sequence[ValidateResult], failed: Sequence[Failed], file: IO[str]) -> None:
    one = len(results) == 1 and not failed
    title = html.escape(Path(results[0].path).name if one else f"{len(results) + len(failed)} bags")
    file.write(f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>')
    file.write(f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n")
    if not one:
        file.write("<table><tr><th>Bag</th><th>Verdict</th><th>Checked</th><th>Files</th><th>Size</th></tr>\n")
        for result in results:
            ran = _ran(result).removeprefix("checked: ")
            cells = (result.path, _said(result), ran, count(result.files), size(result.bytes))
            file.write("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>\n")
        for bag, why in failed:
            cells = (bag, f"could not be checked: {why}", "", "", "")
            file.write("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>\n")
        file.write("</table>\n")
    for result in results:
        if not one:
            file.write(f"<h2>{html.escape(result.path)}</h2>\n")
        _html_of(result, file)
    file.write("</body></html>\n")


def _html_of(result: ValidateResult, file: IO[str]) -> None:
    tone = "good" if result.valid and result.complete else "bad"
    file.write(f'<p class="{tone}"><strong>The bag is {_said(result)}.</strong></p>\n')
    figures = f"{count(result.files, 'files')}, {size(result.bytes)}"
    if result.remote:
        figures += f", {count(result.remote, 'files')} still to be fetched"
    sums = ", ".join(result.algorithms) or "none"
    file.write(f"<p>BagIt {html.escape(result.version)} · {figures} · checksums: {html.escape(sums)} · ")
    file.write(f"{html.escape(_ran(result))} · {count(result.error_count)} errors, ")
    file.write(f"{count(result.warning_count)} warnings</p>\n")
    if result.errors or result.warnings:
        file.write("<table><tr><th></th><th>Problem</th><th>File</th><th>Line</th></tr>\n")
        for severity, problem in _all(result):
            line = "" if problem.line is None else str(problem.line)
            cells = (severity, problem.message, problem.path, line)
            file.write("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>\n")
        file.write("</table>\n")
    told, all_there = len(result.errors) + len(result.warnings), result.error_count + result.warning_count
    if told < all_there and not result.store:
        file.write(f"<p>The first {count(told)} of {count(all_there)} are listed.</p>\n")


def _all(result: ValidateResult) -> Iterator[tuple[str, Problem]]:
    return chain(
        (("error", p) for p in problems(result, "error")), (("warning", p) for p in problems(result, "warning"))
    )
