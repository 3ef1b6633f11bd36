"""Which files somebody has ticked in a tree: by exact paths, where patterns would be long and slow."""

from __future__ import annotations

from collections.abc import Iterable


class Picked:
    """Files and folders that are wanted, and such that are not.

    Of what is named for a path, the nearest counts: a folder's word is for all in it, but for what has a word of its
    own.

    Args:
        pick: paths with or without `data/`. None: all are wanted, but for those to be left out.
        skip: paths that are not wanted.
    """

    def __init__(self, pick: Iterable[str] = (), skip: Iterable[str] = ()) -> None:
        self._words = {_plain(path): True for path in pick}
        self._default = not self._words
        self._words |= {_plain(path): False for path in skip}

    def __call__(self, path: str) -> bool:
        """Whether a file of the payload (`data/...`) is wanted."""
        while self._words:
            if (word := self._words.get(path)) is not None:
                return word
            path, slash, _ = path.rpartition("/")
            if not slash:
                break
        return self._default


def _plain(path: str) -> str:
    path = path.rstrip("/")
    return path if path == "data" or path.startswith("data/") else f"data/{path}"
