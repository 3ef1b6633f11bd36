"""Ticks in a tree of folders and files: what is on, what is off, what is partly on, and what it comes to.

Nothing needs to know the whole tree: a folder's own figures are enough, and only what differs from the folder above it
is kept. So a tree of a million files is ticked at once.
"""

from __future__ import annotations

from typing import Protocol


class Figures(Protocol):
    """A file or a folder with what is in it; `satchel.core.fetching.missing.Node` is one."""

    @property
    def path(self) -> str:
        """Of the tree's top; no slash at the end."""

    @property
    def files(self) -> int:
        """In it; 1 for a file."""

    @property
    def size(self) -> int:
        """Bytes in it."""


class Ticks:
    """All is ticked at first.

    Args:
        files: in all.
        size: bytes in all.
    """

    def __init__(self, files: int, size: int) -> None:
        self.files, self.size = files, size
        """Of what is ticked."""
        self._words: dict[str, bool] = {}
        self._ticked: dict[str, tuple[int, int]] = {}
        """Files and bytes that are ticked in a folder, where some are and some may not be."""

    def state(self, node: Figures) -> bool | None:
        """Whether it is ticked; None: some of it is."""
        files, _ = self._of(node)
        return None if 0 < files < node.files else files > 0

    def set(self, node: Figures, on: bool, above: list[Figures]) -> None:
        """Tick or untick a file, or a folder with all in it.

        Args:
            node: what.
            on: whether.
            above: the folders that it is in, the nearest first.
        """
        before = self._of(node)
        inside = f"{node.path}/"
        self._words = {path: word for path, word in self._words.items() if not path.startswith(inside)}
        self._ticked = {path: n for path, n in self._ticked.items() if not path.startswith(inside)}
        self._ticked.pop(node.path, None)
        self._words.pop(node.path, None)
        if self._word(node.path) is not on:
            self._words[node.path] = on
        after = self._of(node)
        files, size = after[0] - before[0], after[1] - before[1]
        self.files += files
        self.size += size
        for folder in above:
            there = self._of(folder)
            self._ticked[folder.path] = there[0] + files, there[1] + size

    def _of(self, node: Figures) -> tuple[int, int]:
        if (known := self._ticked.get(node.path)) is not None:
            return known
        return (node.files, node.size) if self._word(node.path) else (0, 0)

    def _word(self, path: str) -> bool:
        """What is said of a path, by itself or the nearest folder that it is in."""
        while True:
            if (word := self._words.get(path)) is not None:
                return word
            path, slash, _ = path.rpartition("/")
            if not slash:
                return True

    @property
    def pick(self) -> tuple[str, ...]:
        """As a request has it. Empty while nothing is said, for then all is wanted."""
        on = tuple(path for path, word in self._words.items() if word)
        # A word for nothing at all: whatever no other word is of stays ticked.
        return ("data", *on) if on else ()

    @property
    def skip(self) -> tuple[str, ...]:
        """As a request has it."""
        return tuple(path for path, word in self._words.items() if not word)
