"""A validation's result as the page shows it: one sentence, figures, what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from satchel.core import words

if TYPE_CHECKING:
    from satchel.core.bags.validate import Problem, ValidateResult


@dataclass(frozen=True, slots=True)
class Findings:
    """Errors and warnings one after the other, without copying either: there may be 100,000."""

    errors: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()

    def __len__(self) -> int:
        return len(self.errors) + len(self.warnings)

    def severity(self, place: int) -> str:
        """`error` or `warning`."""
        return "error" if place < len(self.errors) else "warning"

    def code(self, place: int) -> str:
        """The kind of problem."""
        return self._at(place).code

    def message(self, place: int) -> str:
        """What is wrong."""
        return self._at(place).message

    def where(self, place: int) -> str:
        """The file and, where one is to blame, the line in it."""
        problem = self._at(place)
        return f"{problem.path}, line {problem.line}" if problem.line is not None else problem.path

    def _at(self, place: int) -> Problem:
        errors = len(self.errors)
        return self.errors[place] if place < errors else self.warnings[place - errors]

    def matching(self, text: str) -> Sequence[int]:
        """The places with a text in them, in upper or lower case; slow for many, so ask from a thread."""
        wanted = text.strip().casefold()
        if not wanted:
            return range(len(self))
        return [
            place
            for place in range(len(self))
            if wanted in self.message(place).casefold() or wanted in self.where(place).casefold()
        ]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said at the top."""

    tone: str
    title: str
    text: str


def verdict(result: ValidateResult) -> Verdict:
    """Put a result into words."""
    figures = f"{words.count(result.files, 'files')}, {words.size(result.bytes)}."
    if not result.sound:
        return _bad(result, figures)
    kept = " It keeps its profile." if result.profiles else ""
    if result.level == "structure":
        text = f"bagit.txt, manifests and tag files are as they should be. The files were not looked at.{kept}"
        return Verdict("success", "The bag is well built", text)
    if not result.complete:
        missing = f"{words.count(result.remote, 'files')} still to be fetched." if result.remote else ""
        text = f"What is here is unchanged, but not everything is here: {missing} {figures}"
        title = "The bag is not complete yet" if result.remote else "The bag is valid, but not complete"
        return Verdict("warning", title, " ".join(text.split()))
    if result.level == "completeness":
        text = f"Everything that it lists is here. Checksums were not compared. {figures}{kept}"
        return Verdict("success", "Nothing is missing from the bag", text)
    if result.level == "fast":
        text = f"Sizes agree. Checksums were not compared. {figures}{kept}"
        return Verdict("success", "Nothing is missing from the bag", text)
    text = f"Nothing is missing and nothing was changed. {figures}{kept}"
    return Verdict("success", "The bag is valid and complete", text)


def _bad(result: ValidateResult, figures: str) -> Verdict:
    of_profile = result.error_count
    # All is over at the first that is of another kind: there may be many, and this is asked often.
    if len(result.errors) == of_profile and all(problem.code == "profile" for problem in result.errors):
        rules = (
            "One rule of its profile is" if of_profile == 1 else f"{words.count(of_profile)} rules of its profile are"
        )
        text = f"{rules} broken; as BagIt itself has it, nothing is wrong with what was checked. {figures}"
        return Verdict("danger", "The bag does not keep its profile", text)
    found = f"{words.count(result.error_count)} problem{'s' if result.error_count != 1 else ''} found."
    told = len(result.errors)
    if told < result.error_count and not result.store:
        found += f" The first {words.count(told)} are listed."
    return Verdict("danger", "The bag is not valid", f"{found} {figures}")


_LEVELS = {
    "structure": "structure",
    "completeness": "structure, files there",
    "fast": "structure, files there, sizes",
    "full": "structure, files there, sizes, every checksum",
}


def checks(result: ValidateResult) -> str:
    """Which checks ran: "structure, files there, sizes; profile https://…"."""
    profiles = "".join(f"; profile {profile}" for profile in result.profiles)
    return f"{_LEVELS[result.level]}{profiles}"
