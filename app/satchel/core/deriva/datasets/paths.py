"""deriva-ml's own rule of what belongs to a dataset: the paths through the schema that release 1.17.10 follows.

From `Dataset` it walks along all references, in either direction, within the domain's schema and its own; not on from a
vocabulary, not through Dataset_Execution, Dataset_Dataset and Execution, not back to the table that it came from, and
not through an association of `Dataset` with another type of elements. All paths count, and each makes a file. Nested
datasets are reached through Dataset_Dataset, from where the same paths follow, once for each level.

What this user may not read is left out, with what lies behind it (`hidden`).

Where two references tie one table of the domain to another, or a path comes round to where it was, release 1.17.10
gives up; so does this, with a sentence that says which. The tables are those of the version's snapshot throughout
(1.17.10 takes the vocabularies from the schema as it is now, which fails where one has come or gone since).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from satchel.core.deriva.datasets.elements import associations, domain_schema
from satchel.core.deriva.datasets.listing import DATASET, NESTING
from satchel.core.deriva.datasets.model import ML
from satchel.core.deriva.model import ForeignKey, Model, Table
from satchel.core.deriva.names import TableName
from satchel.core.errors import Kind, SatchelError

Path = tuple[TableName, ...]
"""Tables from `Dataset` to the one whose rows are meant."""
ASSET_COLUMNS = frozenset({"Filename", "URL", "Length", "MD5", "Description"})
"""What makes a table one of assets to deriva-ml."""
_SKIPPED = frozenset({"Dataset_Execution", "Dataset_Dataset", "Execution"})
_VOCABULARY = frozenset({"NAME", "URI", "SYNONYMS", "DESCRIPTION", "ID"})
MOST_PATHS = 20_000
"""More than these no server will answer in a day."""
_HINT = "Export the dataset as a record instead: --rid RID follows Satchel's own rule, which handles this."


def is_vocabulary(table: Table) -> bool:
    """Whether deriva-ml takes a table for a vocabulary; it does not mind the case of names."""
    return {column.name.upper() for column in table.columns} >= _VOCABULARY


def is_asset(table: Table) -> bool:
    """Whether deriva-ml takes a table for one of assets."""
    return {column.name for column in table.columns} >= ASSET_COLUMNS


def vocabularies(model: Model) -> list[TableName]:
    """The vocabularies of all schemas that this user may read; each comes whole."""
    return sorted(table.name for table in model if is_vocabulary(table) and table.selectable)


def hidden(model: Model) -> list[TableName]:
    """The tables to which paths would lead if this user might read them. 1.17.10 fails where there is one."""
    domain = domain_schema(model)
    walked = {path[-1] for path in _walk(model)} | set(vocabularies(model))
    found = {table.name for table in model if is_vocabulary(table) and not table.selectable}
    for name in walked - set(vocabularies(model)):
        for key in (*model.tables[name].foreign_keys, *model.referring.get(name, ())):
            for end in (key.table, key.referenced):
                closed = end in model.tables and not _open(model, key)
                if closed and end not in walked and end.schema in (domain, ML) and end.table not in _SKIPPED:
                    found.add(end)
    return sorted(found)


def paths(model: Model, levels: int = 0) -> list[Path]:
    """All paths from a dataset, in a fixed order.

    Args:
        model: the schema at the version's snapshot.
        levels: how deep datasets are nested in it; 0: none is.

    Raises:
        SatchelError: deriva-ml cannot walk this schema.
    """
    own = _walk(model)
    found = set(own)
    for level in range(1, levels + 1):
        found |= {(*((DATASET, NESTING) * level), *path) for path in own}
        found.add((DATASET, NESTING) * level)
    if len(found) > MOST_PATHS:
        raise _too_many(len(found))
    return sorted(found, key=lambda path: (len(path), path))


def depth(children: dict[str, list[str]], rid: str) -> int:
    """How deep datasets are nested in one. Raises SatchelError where one lies within itself."""

    def below(dataset: str, above: tuple[str, ...]) -> int:
        if dataset in above:
            raise SatchelError(
                Kind.INVALID, f"The dataset {dataset} lies within itself.", "Its owner has to remove one nesting."
            )
        inside = children.get(dataset, ())
        return 1 + max(below(child, (*above, dataset)) for child in inside) if inside else 0

    return below(rid, ())


def _walk(model: Model) -> list[Path]:
    domain = domain_schema(model)
    stations = {element.association for element in associations(model)}
    found: list[Path] = []
    known: dict[TableName, list[TableName]] = {}

    def arcs(name: TableName) -> list[TableName]:
        if name not in known:
            known[name] = _neighbours(model, name, domain)
        return known[name]

    waiting: list[Path] = [(DATASET,)]
    while waiting:
        path = waiting.pop()
        found.append(path)
        if len(found) > MOST_PATHS:
            raise _too_many(len(found))
        here = path[-1]
        came_from = path[-2] if len(path) > 1 else None
        if is_vocabulary(model.tables[here]):
            continue
        for table in arcs(here):
            if table.table in _SKIPPED or table == came_from or (table in stations and here != DATASET):
                continue
            if table in path:
                raise SatchelError(
                    Kind.INVALID,
                    f"deriva-ml cannot export datasets of this catalog: its tables refer to each other in a circle "
                    f"({' - '.join(t.table for t in (*path, table))}).",
                    _HINT,
                )
            waiting.append((*path, table))
    return found


def _neighbours(model: Model, name: TableName, domain: str) -> list[TableName]:
    """The tables that one refers to, and those that refer to it."""
    ties = [key.referenced for key in model.tables[name].foreign_keys if _open(model, key)]
    ties += [key.table for key in model.referring.get(name, ()) if _open(model, key)]
    ties = [table for table in ties if table.schema in (domain, ML) and table in model.tables]
    twice = sorted(table for table, times in Counter(ties).items() if times > 1 and table.schema == domain)
    if twice:
        raise SatchelError(
            Kind.INVALID,
            f"deriva-ml cannot export datasets of this catalog: two references tie {name} to {twice[0]}.",
            _HINT,
        )
    return sorted(set(ties))


def _open(model: Model, key: ForeignKey) -> bool:
    """Whether this user may follow a reference: read both tables, and the columns of both sides."""
    for name, columns in ((key.table, key.columns), (key.referenced, key.referenced_columns)):
        table = model.tables.get(name)
        if table is None or not table.selectable:
            return False
        if any((column := table.column(each)) is None or not column.selectable for each in columns):
            return False
    return True


def _too_many(number: int) -> SatchelError:
    return SatchelError(
        Kind.INVALID, f"deriva-ml's rule leads along more than {number - 1:,} paths through this schema.", _HINT
    )


def ends(found: Sequence[Path]) -> dict[TableName, list[Path]]:
    """The paths by the tables that they end in."""
    grouped: dict[TableName, list[Path]] = {}
    for path in found:
        grouped.setdefault(path[-1], []).append(path)
    return grouped
