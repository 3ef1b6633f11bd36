"""Problems of a bag, grouped by kind. Plain Python, for a thread: there may be many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class Listed(Protocol):
    """Things with a severity, a kind, a message and a place, as many as there may be."""

    def __len__(self) -> int: ...

    def severity(self, place: int) -> str:
        """How it is marked."""

    def code(self, place: int) -> str:
        """Its kind."""

    def message(self, place: int) -> str:
        """What there is to say."""

    def where(self, place: int) -> str:
        """The file, and where in it."""

    def matching(self, text: str) -> Sequence[int]:
        """The places with a text in them."""


TITLES = {
    "missing": "Missing files",
    "unexpected": "Files that no manifest lists",
    "not-listed": "Files that not every manifest lists",
    "listed-twice": "Listed more than once",
    "checksum": "Changed files: wrong checksums",
    "length": "Changed files: wrong lengths",
    "not-fetched": "Not yet fetched",
    "incomplete": "The bag says that it lacks something",
    "malformed": "Malformed lines",
    "unsafe-path": "Paths that leave the bag",
    "oxum": "Number or size of files differs from bag-info",
    "unknown-algorithm": "Unknown kinds of checksum",
    "profile": "Rules of the profile",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Problems of one kind.

    Attributes:
        severity: `error`: they make the bag invalid; `warning`: advice.
        places: which of the findings.
    """

    code: str
    severity: str
    places: Sequence[int]

    @property
    def title(self) -> str:
        """The kind in words; what is only advice says so."""
        plain = self.code.replace("-", " ").capitalize() if self.code.islower() else self.code
        title = TITLES.get(self.code, plain)
        return f"Advice: {title[:1].lower()}{title[1:]}" if self.severity == "warning" else title


@runtime_checkable
class Grouped(Protocol):
    """Things that know their groups by themselves."""

    def groups(self, text: str) -> list[Group]:
        """As `grouped`."""


def grouped(found: Listed, text: str = "") -> list[Group]:
    """The findings with a text in them by severity and kind, errors first, the largest group first."""
    if isinstance(found, Grouped):
        return found.groups(text)
    groups: dict[tuple[str, str], list[int]] = {}
    for place in found.matching(text):
        groups.setdefault((found.severity(place), found.code(place)), []).append(place)
    made = [Group(code, severity, places) for (severity, code), places in groups.items()]
    return sorted(made, key=lambda group: (group.severity != "error", -len(group.places), group.code))
