"""Chance that is the same on every machine: numbers that depend on a seed and a position, and on nothing else.

Nothing here keeps state, so that the row number 800,000 can be made without making those before it, and so that a
table's rows do not change when another table gets one more column.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

MASK = (1 << 64) - 1


def mix(number: int) -> int:
    """A 64-bit number that looks unrelated to `number` (the finalizer of the SplitMix64 generator)."""
    z = (number * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class Chance:
    """A stream of chance for one purpose.

    Args:
        seed: the catalog's seed.
        purpose: what the numbers are for, such as a table's name; streams of different purposes are unrelated.
    """

    def __init__(self, seed: int, purpose: str) -> None:
        self._start = mix(seed ^ (zlib.crc32(purpose.encode()) << 24))

    def bits(self, index: int) -> int:
        """The 64 bits at a position."""
        return mix(self._start + index)

    def below(self, index: int, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return mix(self._start + index) % limit

    def pick(self, index: int, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[mix(self._start + index) % len(choices)]


def shares(total: int, parents: int, chance: Chance) -> list[int]:
    """How to share `total` children among parents, unevenly but exactly: where each parent's children begin.

    The list has one entry more than there are parents; parent p has the children from [p] to [p + 1] - 1. It costs
    one number a parent, and parents number tens of thousands at most.
    """
    starts = []
    for p in range(parents):
        even, following = p * total // parents, (p + 1) * total // parents
        starts.append(even + (chance.below(p, following - even) if p and following > even else 0))
    return [*starts, total]
