"""Where the boxes of a graph go: tables that others refer to at the left, those that refer to them further right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set

HIGH = 14
"""Boxes above each other; more go into another column."""


def columns(names: Sequence[str], targets: Mapping[str, Set[str]]) -> list[list[str]]:
    """Columns of boxes.

    Args:
        names: of all tables.
        targets: to which tables each refers; itself and circles do no harm.

    Returns:
        From left to right; tables without links come last.
    """
    linked = {name for name, to in targets.items() if to - {name}} | {t for n, to in targets.items() for t in to - {n}}
    level = _levels([name for name in names if name in linked], targets)
    layers: dict[int, list[str]] = defaultdict(list)
    for name in names:
        if name in linked:
            layers[level[name]].append(name)
    placed: dict[str, float] = {}
    made: list[list[str]] = []
    for number in sorted(layers):
        # Beside what it refers to, so that lines cross little.
        def middle(name: str) -> tuple[float, str]:
            places = [placed[to] for to in targets.get(name, ()) if to in placed]
            return (sum(places) / len(places) if places else len(names) / 2, name)

        ordered = sorted(layers[number], key=middle)
        for place, name in enumerate(ordered):
            placed[name] = place % HIGH
        made += [ordered[first : first + HIGH] for first in range(0, len(ordered), HIGH)]
    alone = [name for name in names if name not in linked]
    return made + [alone[first : first + HIGH] for first in range(0, len(alone), HIGH)]


def _levels(names: Sequence[str], targets: Mapping[str, Set[str]]) -> dict[str, int]:
    """How far each is from tables that refer to nothing; of a circle one reference does not count."""
    level: dict[str, int] = {}
    for start in names:
        way: list[tuple[str, list[str]]] = [(start, sorted(targets.get(start, ())))] if start not in level else []
        on_way = {start}
        while way:
            name, left = way[-1]
            if left:
                to = left.pop()
                if to not in level and to not in on_way:
                    on_way.add(to)
                    way.append((to, sorted(targets.get(to, ()))))
                continue
            way.pop()
            on_way.discard(name)
            level[name] = 1 + max((level[to] for to in targets.get(name, ()) if to in level and to != name), default=-1)
    return level
