"""Which tables and columns must be read before the rule can be worked out: a matter of the schema alone."""

from __future__ import annotations

from dataclasses import dataclass

from satchel.core.deriva.model import ForeignKey, Model, Table
from satchel.core.deriva.model_reader import is_system_reference
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach.choices import Choices, Way, check, goes_down, offers


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """A table to read."""

    table: Table
    columns: tuple[str, ...]
    """Besides RID: those that refer, and those that are referred to."""
    references: tuple[ForeignKey, ...]
    """Its own references that the rule follows in one direction or the other."""
    down: bool
    """Whether its rows may come to belong to the root."""

    @property
    def name(self) -> TableName:
        """The table's name."""
        return self.table.name


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read."""

    root: TableName
    tables: tuple[PlannedTable, ...]
    ways: frozenset[Way]
    """Through associations: those that are followed, and those that might be."""
    whole_vocabularies: bool
    """Whether vocabularies come whole, or might."""


def plan(model: Model, root: TableName, choices: Choices, *, everything: bool = False) -> Plan:
    """What must be read from a root table.

    Args:
        model: the catalog's.
        root: the table of the root record.
        choices: the person's.
        everything: read what every other choice about associations and tables might need, too.

    Raises:
        SatchelError: the choices do not fit the catalog.
    """
    chosen = check(model, root, choices)
    ways: set[Way] = set(chosen.ways)
    excluded = chosen.excluded
    if everything:
        excluded = frozenset()
        for offer in offers(model, root, (*choices.follow, *choices.stop)):
            ways.update(offer.ways)
    down = _down(model, root, excluded, frozenset(ways))
    tables = _up(model, down, excluded)
    found = tuple(planned(model, model.tables[name], tables, down) for name in sorted(tables))
    return Plan(root, found, frozenset(ways), everything or chosen.whole_vocabularies)


def readable(table: Table | None) -> bool:
    """Whether the user may read rows of a table by their RIDs."""
    if table is None or not table.selectable:
        return False
    rid = table.column("RID")
    return rid is not None and rid.selectable


def unreadable_columns(key: ForeignKey, model: Model) -> bool:
    """Whether one of the columns of a reference, on either side, may not be read."""
    sides = ((key.table, key.columns), (key.referenced, key.referenced_columns))
    return any((table := model.tables.get(name)) is None or hides(table, columns) for name, columns in sides)


def _down(model: Model, root: TableName, excluded: frozenset[TableName], ways: frozenset[Way]) -> set[TableName]:
    found = {root}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if not goes_down(model.tables[name], name == root):
            continue
        for key in model.referring.get(name, ()):
            if is_system_reference(key) or key.table in excluded or unreadable_columns(key, model):
                continue
            if not readable(model.tables[key.table]):
                continue
            for reached in [key.table, *(way[1].referenced for way in ways if way[0] == key)]:
                if reached not in found and reached not in excluded and readable(model.tables.get(reached)):
                    found.add(reached)
                    waiting.append(reached)
    return found


def _up(model: Model, down: set[TableName], excluded: frozenset[TableName]) -> set[TableName]:
    found = set(down)
    waiting = list(down)
    while waiting:
        for key in model.tables[waiting.pop()].foreign_keys:
            target = key.referenced
            if is_system_reference(key) or target in found or target in excluded or unreadable_columns(key, model):
                continue
            if readable(model.tables.get(target)):
                found.add(target)
                waiting.append(target)
    return found


def planned(model: Model, table: Table, tables: set[TableName], down: set[TableName]) -> PlannedTable:
    """What to read of a table.

    Args:
        model: the catalog's.
        table: which.
        tables: all that are read.
        down: those whose rows may come to belong to the root.
    """
    columns: dict[str, None] = {}
    references = []
    for key in table.foreign_keys:
        if not is_system_reference(key) and not hides(table, key.columns):
            references.append(key)
            columns.update(dict.fromkeys(key.columns))
    for key in model.referring.get(table.name, ()):
        if key.table in tables and not is_system_reference(key) and not unreadable_columns(key, model):
            columns.update(dict.fromkeys(key.referenced_columns))
    columns.pop("RID", None)
    return PlannedTable(table, tuple(columns), tuple(references), table.name in down)


def hides(table: Table, columns: tuple[str, ...]) -> bool:
    """Whether one of these columns may not be read, or is not there for this user."""
    return any((described := table.column(column)) is None or not described.selectable for column in columns)
