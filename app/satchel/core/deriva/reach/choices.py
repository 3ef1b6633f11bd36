"""What a person may choose about the rule, and the associations about which there is something to choose."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from satchel.core.deriva.model import ForeignKey, Model, Table
from satchel.core.deriva.model_reader import association_keys, is_system_reference
from satchel.core.deriva.names import TableName
from satchel.core.errors import Kind, SatchelError

DATASET = TableName("deriva-ml", "Dataset")
_ELEMENTS_OF_ITS_OWN = frozenset({DATASET, TableName("deriva-ml", "File")})
"""Tables of deriva-ml's own schema that hold members of datasets; all other elements are in other schemas."""

Way = tuple[ForeignKey, ForeignKey]
"""Through an association: by which of its references it is entered, and by which it is left."""


class Choices(Protocol):
    """A person's choices; `satchel.core.export.request.Offers` is one."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Tables left out; nothing is reached through them either."""

    @property
    def follow(self) -> tuple[str, ...]:
        """Associations whose partner brings what belongs to it, beyond the defaults."""

    @property
    def stop(self) -> tuple[str, ...]:
        """Associations whose partner comes alone although the default is to follow."""

    @property
    def vocabularies(self) -> str:
        """`whole` or `used`."""


@dataclass(frozen=True, slots=True)
class Offer:
    """ "And what belongs to them", for the far side of one association."""

    key: str
    """How choices name it: `schema:table`, or `schema:table>column` for a way that leads back towards the root."""
    association: TableName
    partners: tuple[TableName, ...]
    ways: tuple[Way, ...]
    default: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """Choices, checked against a model and a root."""

    excluded: frozenset[TableName]
    ways: frozenset[Way]
    whole_vocabularies: bool


def offers(model: Model, root: TableName, also: Iterable[str] = ()) -> list[Offer]:
    """The associations that the rule can come to from a root table, with their defaults.

    By its plain name an association is left on the side away from the root, that is entered from the table that is
    fewer steps down from it (from both where they are equally near). For a deriva-ml dataset the members' side is
    offered, on by default; where the dataset is the farther side that way has a name of its own,
    `schema:table>column`, as any other way back has when choices name it (`also`).
    """
    steps = _steps_down(model, root)
    found: list[Offer] = []
    named = set(also)
    for table in sorted(model, key=lambda t: t.name):
        keys = association_keys(table)
        if keys is None or table.name not in steps or any(map(is_system_reference, keys)):
            continue
        ways = [way for way in (keys, (keys[1], keys[0])) if _leads_on(model, way) and way[0].referenced in steps]
        if not ways:
            continue
        members = [way for way in ways if _is_membership(way)]
        nearest = min(steps[way[0].referenced] for way in ways)
        outward = [way for way in ways if steps[way[0].referenced] == nearest]
        if any(way in members for way in outward):
            outward = [way for way in outward if way in members]
        found.append(_offer(str(table.name), table.name, outward, default=any(w in members for w in outward)))
        for way in ways:
            key = f"{table.name}>{','.join(way[1].columns)}"
            if way not in outward and (way in members or key in named):
                found.append(_offer(key, table.name, [way], default=way in members))
    return found


def check(model: Model, root: TableName, choices: Choices) -> Chosen:
    """Make sure that choices name what there is.

    Raises:
        SatchelError: a table that is none, an association that is none, the root itself left out, or a contradiction.
    """
    names = {str(table.name): table for table in model}
    for name in choices.exclude:
        if name not in names:
            raise SatchelError(Kind.USAGE, f"There is no table {name} to leave out.", _spelling(name, names))
    if str(root) in choices.exclude:
        raise SatchelError(Kind.USAGE, f"{root} cannot be left out: the record itself is in it.")
    for name in (*choices.follow, *choices.stop):
        bare, _, column = name.partition(">")
        table = names.get(bare)
        keys = association_keys(table) if table is not None else None
        if keys is None:
            raise SatchelError(Kind.USAGE, f"{bare} is not an association between two tables.", _spelling(bare, names))
        if column and column not in {",".join(key.columns) for key in keys}:
            raise SatchelError(Kind.USAGE, f"{bare} has no reference by {column} to follow.")
    for name in choices.follow:
        if name in choices.stop:
            raise SatchelError(Kind.USAGE, f"{name} cannot be followed and stopped at once.")
    if choices.vocabularies not in ("whole", "used"):
        raise SatchelError(Kind.USAGE, f"Vocabularies come whole or used, not {choices.vocabularies!r}.")
    ways: set[Way] = set()
    for offer in offers(model, root, (*choices.follow, *choices.stop)):
        if offer.key in choices.follow or (offer.default and offer.key not in choices.stop):
            ways.update(offer.ways)
    return Chosen(
        excluded=frozenset(TableName.parse(name) for name in choices.exclude),
        ways=frozenset(ways),
        whole_vocabularies=choices.vocabularies == "whole",
    )


def goes_down(table: Table, is_root: bool) -> bool:
    """Whether what refers to a row of this table belongs to it. Vocabularies never go down; the root always does."""
    return is_root or not table.is_vocabulary


def _steps_down(model: Model, root: TableName) -> dict[TableName, int]:
    """How many steps down each table is from the root, if all associations were followed."""
    steps = {root: 0}
    queue = deque([root])
    while queue:
        name = queue.popleft()
        table = model.tables.get(name)
        if table is None or not goes_down(table, name == root):
            continue
        for key in model.referring.get(name, ()):
            child = model.tables[key.table]
            if is_system_reference(key) or not child.selectable:
                continue
            nexts = [child.name]
            pair = association_keys(child)
            if pair is not None and key in pair:
                other = pair[1] if key == pair[0] else pair[0]
                nexts.append(other.referenced)
            for distance, reached in enumerate(nexts, steps[name] + 1):
                if reached not in steps:
                    steps[reached] = distance
                    queue.append(reached)
    return steps


def _leads_on(model: Model, way: Way) -> bool:
    """Whether there is anything to offer: a way from what goes down to what goes down, both readable."""
    enters, leaves = (model.tables.get(key.referenced) for key in way)
    return (
        enters is not None
        and leaves is not None
        and leaves.selectable
        and not enters.is_vocabulary
        and not leaves.is_vocabulary
    )


def _is_membership(way: Way) -> bool:
    """Whether a way leads from a deriva-ml dataset to its members, nested datasets among them."""
    enters, leaves = way
    if enters.referenced != DATASET:
        return False
    if leaves.referenced == DATASET:
        return "nested" in leaves.columns[0].lower() and "nested" not in enters.columns[0].lower()
    return leaves.referenced.schema != DATASET.schema or leaves.referenced in _ELEMENTS_OF_ITS_OWN


def _offer(key: str, association: TableName, ways: list[Way], *, default: bool) -> Offer:
    partners = tuple(dict.fromkeys(way[1].referenced for way in ways))
    return Offer(key, association, partners, tuple(ways), default)


def _spelling(name: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(names), n=1)
    return f"Did you mean {close[0]}?" if close else "Tables are written schema:table."
