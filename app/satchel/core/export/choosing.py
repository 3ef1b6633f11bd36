"""Which assets are put into a bag, and what that choice comes to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import translate

import msgspec

from satchel.core.deriva.reach import Reached
from satchel.core.export.assets import Asset
from satchel.core.export.request import AssetChoice, AssetProblem

SMALL = 256 * 1024
"""Bytes. Files below this on average are called small."""
MANY = 500
"""Small files from which on the person is told how long they take."""
SMALL_SECONDS = 0.05
"""About how long one small file takes on its connection: a round trip, the server's work, a name on the disk."""
BYTES_A_SECOND = 20e6
AT_ONCE = 24


class Chooser:
    """Says of one asset after the other whether it is put inside; running totals as it goes.

    Args:
        choice: None: none is.
    """

    def __init__(self, choice: AssetChoice | None) -> None:
        self._choice = choice
        self._patterns = [re.compile(translate(p)) for p in choice.patterns] if choice is not None else []
        self.count = 0
        """Taken so far."""
        self.bytes = 0
        """Of those taken whose length is known."""

    def takes(self, path: str, length: int | None, table: str | None) -> bool:
        """Whether this one is put inside.

        Args:
            path: in the bag.
            length: None: not known.
            table: `schema:table` of its row; None: not known, and then no table is asked for.
        """
        choice = self._choice
        if choice is None:
            return False
        if choice.tables and table not in choice.tables:
            return False
        if self._patterns and not any(p.match(n) for p in self._patterns for n in _names(path)):
            return False
        if choice.largest is not None and (length is None or length > choice.largest):
            return False
        if choice.count is not None and self.count >= choice.count:
            return False
        if choice.bytes is not None and (length is None or self.bytes + length > choice.bytes):
            return False
        self.count += 1
        self.bytes += length or 0
        return True


class AssetTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What a choice of assets comes to."""

    count: int
    """Files that are put inside."""
    bytes: int
    """Of those whose length is known."""
    unknown: int = 0
    """Files among them of unknown length."""
    exact: bool = True
    """False: at most so many, since names are not known beforehand."""
    seconds: float = 0.0
    """About how long they take to fetch."""
    slow: str = ""
    """A sentence where many small files make that slow."""


def asset_totals(reached: Reached, choice: AssetChoice) -> AssetTotals:
    """What a choice comes to for what belongs to a record, in the order in which an export goes over it. No network."""
    plain = msgspec.structs.replace(choice, patterns=())
    chooser = Chooser(plain)
    unknown = 0
    for table in sorted((t for t in reached.tables if t.assets), key=lambda t: t.name):
        for length in reached.lengths(table.name):
            if chooser.takes("", length, str(table.name)):
                unknown += length is None
    return AssetTotals(
        count=chooser.count,
        bytes=chooser.bytes,
        unknown=unknown,
        exact=not choice.patterns,
        seconds=round(seconds(chooser.count, chooser.bytes), 1),
        slow=slow(chooser.count, chooser.bytes) or "",
    )


def chosen(
    assets: Iterator[Asset | AssetProblem], table: str, chooser: Chooser, *, inside: bool
) -> Iterator[Asset | AssetProblem]:
    """The assets of a table that a choice puts inside, or those that it does not.

    Args:
        assets: in their order.
        table: written `schema:table`.
        chooser: goes on counting.
        inside: which of the two.
    """
    for asset in assets:
        if isinstance(asset, AssetProblem):
            if not inside:
                yield asset
        elif chooser.takes(asset.path, asset.length, table) == inside:
            yield asset


def _names(path: str) -> Iterable[str]:
    yield path
    yield path.removeprefix("data/")
    yield path.rpartition("/")[2]


def seconds(count: int, size: int, at_once: int = AT_ONCE) -> float:
    """About how long so many files of so many bytes take to fetch."""
    return max(count * SMALL_SECONDS / at_once, 0.0) + size / BYTES_A_SECOND


def slow(count: int, size: int) -> str | None:
    """A sentence where many small files make fetching slow; None where they do not."""
    if count < MANY or size / count > SMALL:
        return None
    from satchel.core.words import duration

    about = duration(seconds(count, size))
    return (
        f"{count:,} small files: each is a request of its own, so they take longer than their size says, about {about}."
    )
