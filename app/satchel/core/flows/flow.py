"""What every wizard is underneath: pages, what leads where, and what each page checks.

A flow knows no screen. It holds a draft, says which page comes next, and whether a page may be left. The window renders
it and keeps nothing of its own; tests walk through it without Qt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a page cannot be left: the field that is concerned and a sentence for the person."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Page:
    """A step: a stable name, the words in the list of steps, and the sentence under the page's title."""

    name: str
    title: str
    subtitle: str


class Flow:
    """A walk through pages.

    Subclasses give `pages` and override `problems` (what keeps the current page from being left) and, where the order
    is not simply one after the other, `following`.
    """

    pages: Sequence[Page] = ()

    def __init__(self) -> None:
        self._trail: list[str] = [self.pages[0].name]

    @property
    def current(self) -> Page:
        """The page that is shown."""
        return self.page(self._trail[-1])

    @property
    def index(self) -> int:
        """The current page's place among all pages, from 0."""
        return self.pages.index(self.current)

    def page(self, name: str) -> Page:
        """The page of that name. Raises KeyError where there is none."""
        for page in self.pages:
            if page.name == name:
                return page
        raise KeyError(name)

    def problems(self, page: str) -> list[Problem]:
        """What is still wrong or missing on a page; empty when it may be left."""
        raise NotImplementedError

    def following(self, page: str) -> str | None:
        """The page after this one, None at the end."""
        names = [p.name for p in self.pages]
        place = names.index(page) + 1
        return names[place] if place < len(names) else None

    @property
    def can_go_back(self) -> bool:
        """Whether `back` leads anywhere."""
        return len(self._trail) > 1

    def next(self) -> list[Problem]:
        """Leave the current page forwards. Returns what keeps it from being left; empty when the step was taken."""
        found = self.problems(self.current.name)
        if not found:
            following = self.following(self.current.name)
            if following is not None:
                self._trail.append(following)
        return found

    def back(self) -> None:
        """Return to the page that was shown before; nothing happens on the first."""
        if self.can_go_back:
            self._trail.pop()
