"""A validation's result as the page shows it: one sentence, figures, problems."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from satchel.core import words


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a bag, or worth knowing."""

    severity: str
    """`error` or `warning`."""
    where: str
    """The file that it concerns; empty when it is the whole bag."""
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said at the top."""

    tone: str
    title: str
    text: str
    problems: tuple[Problem, ...]


def verdict(result: Any) -> Verdict:
    """Put a `satchel.core.bags.validate.ValidateResult` into words."""
    problems = (*_problems("error", result.errors), *_problems("warning", result.warnings))
    errors = sum(1 for problem in problems if problem.severity == "error")
    figures = _figures(result)
    if not result.valid:
        count = words.count(errors, "problems" if errors != 1 else "problem")
        return Verdict("danger", "The bag is not valid", f"{count} found. {figures}".strip(), problems)
    if not result.complete:
        text = f"What is here is unchanged, but not everything is here: files are still to be fetched. {figures}"
        return Verdict("warning", "The bag is valid, but not complete", text.strip(), problems)
    return Verdict("success", "The bag is valid and complete", f"Nothing is missing. {figures}".strip(), problems)


def _figures(result: Any) -> str:
    files, size = getattr(result, "files", None), getattr(result, "bytes", None)
    parts = []
    if isinstance(files, int):
        parts.append(words.count(files, "files"))
    if isinstance(size, int):
        parts.append(words.size(size))
    return f"{', '.join(parts)}." if parts else ""


def _problems(severity: str, found: Iterable[Any]) -> Iterable[Problem]:
    for each in found:
        if isinstance(each, str):
            yield Problem(severity, "", each)
        else:
            where = str(getattr(each, "where", "") or getattr(each, "path", "") or "")
            yield Problem(severity, where, str(each.message))
