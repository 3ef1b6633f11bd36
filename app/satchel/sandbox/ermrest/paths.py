"""Data paths against a model: table instances, how they are joined, and which conditions hold for them."""

from __future__ import annotations

from dataclasses import dataclass

from . import policy, types
from .ast import (
    And,
    ColumnsElement,
    Comparison,
    ContextElement,
    Element,
    Filter,
    FilterElement,
    Name,
    Not,
    Or,
    TableElement,
)
from .filters import as_text, comparison, matching
from .model import Column, Model, Table, Type
from .problems import conflict, malformed, unsupported
from .rights import Rights, label
from .statement import MAX_TABLES, Statement, balanced

Pairs = tuple[tuple[Column, Column], ...]
"""Columns of the left table and of the right one that must be equal."""

MAX_ELEMENTS = 500


@dataclass(frozen=True, slots=True)
class Instance:
    """A table in a path. `sql` is its alias in the statement; `links` (any of them) tie it to instance `left`."""

    position: int
    table: Table
    sql: str
    left: int = -1
    links: tuple[Pairs, ...] = ()
    outer: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter as SQL, and the positions of the instances that it speaks of."""

    sql: str
    about: frozenset[int]


def find_table(rights: Rights, name: Name) -> Table:
    """The table of that name, qualified by its schema or not.

    Raises:
        ErmrestError: 409 when there is none that the client may know of, or several; 400 when it is no table name.
    """
    model: Model = rights.model
    if len(name.parts) == 2:
        schema = model.schemas.get(name.parts[0])
        if schema is None or not rights.schema(schema, "enumerate"):
            raise conflict(f"Schema {name.parts[0]} does not exist.")
        table = schema.tables.get(name.parts[1])
        if table is None or rights.table(table, "enumerate") is False:
            raise conflict(f"Table {name.parts[1]} does not exist in schema {name.parts[0]}.")
        return table
    if len(name.parts) == 1:
        found = [t for t in model.tables() if t.name == name.parts[0] and rights.table(t, "enumerate") is not False]
        if not found:
            raise conflict(f"Table {name} not found in model.")
        if len(found) > 1:
            raise conflict(f"Table name {name} is ambiguous.")
        return found[0]
    raise malformed(f"Name {name} is not a valid syntax for a table name.")


def find_column(rights: Rights, table: Table, name: str) -> Column:
    """The column of that name.

    Raises:
        ErmrestError: 409 when there is none that the client may know of.
    """
    column = table.column(name)
    if column is None or rights.column(table, column, "enumerate") is False:
        raise conflict(f"Requested column {name} does not exist in table {table.name}.")
    return column


def visible_columns(rights: Rights, table: Table) -> list[Column]:
    """The columns that the client may know of, in the table's order."""
    return [c for c in table.columns if rights.column(table, c, "enumerate") is not False]


class Path:
    """A path resolved element by element, from left to right.

    Raises:
        ErmrestError: 409 for unknown names and missing or ambiguous links, 400 for wrong literals, 401 or 403 for
            tables and columns that the client may not read.
    """

    def __init__(self, build: Statement, root: TableElement, elements: tuple[Element, ...]) -> None:
        if len(elements) > MAX_ELEMENTS:
            raise malformed(f"A path has at most {MAX_ELEMENTS} elements.")
        self.build = build
        self.rights = build.rights
        self.instances: list[Instance] = []
        self.aliases: dict[str, int] = {}
        self.conditions: list[Condition] = []
        self.context = 0
        table = find_table(self.rights, root.name)
        self._add(table, root.alias)
        for element in elements:
            self._extend(element)
        self.rights.enforce(table, "select")

    @property
    def current(self) -> Instance:
        """The instance that the path denotes."""
        return self.instances[self.context]

    @property
    def outer(self) -> bool:
        """Whether any link is an outer join."""
        return any(instance.outer for instance in self.instances)

    def cell(self, instance: Instance, column: Column) -> str:
        """The SQL of a column's value as the client may see it."""
        return policy.cell(self.build, instance.table, instance.sql, column)

    # elements

    def _extend(self, element: Element) -> None:
        if isinstance(element, FilterElement):
            about: set[int] = set()
            sql = self._filter(element.term, about)
            self.conditions.append(Condition(sql, frozenset(about)))
        elif isinstance(element, ContextElement):
            if len(element.alias.parts) > 1:
                raise malformed(f"Context name {element.alias} is not a valid syntax for an entity alias.")
            if element.alias.parts[0] not in self.aliases:
                raise malformed(f"Context name {element.alias} is not a bound alias in entity path.")
            self.context = self.aliases[element.alias.parts[0]]
        elif isinstance(element, TableElement):
            table = find_table(self.rights, element.name)
            self._add(table, element.alias, self.context, self._implied(self.current.table, table))
        elif element.right is None:
            left, table, pairs = self._endpoint(element)
            self._add(table, element.alias, left, (pairs,))
        else:
            left, table, pairs = self._explicit(element.left, element.right)
            self._add(table, element.alias, left, (pairs,), element.outer)

    def _add(
        self,
        table: Table,
        alias: str | None,
        left: int = -1,
        links: tuple[Pairs, ...] = (),
        outer: str | None = None,
    ) -> None:
        if left >= 0:
            self.rights.enforce(table, "select")
        if len(self.instances) >= MAX_TABLES:
            raise unsupported(f"The sandbox joins at most {MAX_TABLES} tables.")
        position = len(self.instances)
        if alias is not None:
            if alias in self.aliases:
                raise malformed(f"Alias {alias} bound more than once.")
            self.aliases[alias] = position
        self.instances.append(Instance(position, table, f"t{position}", left, links, outer))
        self.context = position

    # links

    def _references(self, source: Table, target: Table) -> list[Pairs]:
        """The visible foreign keys from one table to another, as pairs of columns."""
        found = []
        for key in source.foreign_keys:
            if self.rights.referenced(key) is target and self.rights.foreign_key(source, key) is not False:
                pairs = zip(key.columns, key.ref_columns, strict=True)
                found.append(tuple((_must(source, a), _must(target, b)) for a, b in pairs))
        return found

    def _implied(self, left: Table, right: Table) -> tuple[Pairs, ...]:
        if left is right:
            raise conflict(f"Ambiguous self-link for table {label(left)}")
        links = [_swapped(pairs) for pairs in self._references(right, left)] + self._references(left, right)
        if not links:
            raise conflict(f"No link found between tables {label(left)} and {label(right)}")
        return tuple(links)

    def _endpoint(self, element: ColumnsElement) -> tuple[int, Table, Pairs]:
        """The one link that a set of columns, here or in another table, takes part in as foreign key or key."""
        left, table, columns = self._side(element.left)
        names = frozenset(c.name for c in columns)
        found: list[tuple[Table, Pairs]] = []
        here = self.current.table
        for key in table.foreign_keys:
            there = self.rights.referenced(key)
            if frozenset(key.columns) != names or there is None or self.rights.foreign_key(table, key) is False:
                continue
            if left is not None or there is here:
                pairs = tuple(
                    (_must(table, a), _must(there, b)) for a, b in zip(key.columns, key.ref_columns, strict=True)
                )
                found.append((there, pairs) if left is not None else (table, _swapped(pairs)))
        if any(frozenset(key.columns) == names for key in table.keys):
            for source in self.rights.model.tables() if left is not None else (here,):
                for pairs in self._references(source, table):
                    if frozenset(b.name for _, b in pairs) == names:
                        found.append((source, _swapped(pairs)) if left is not None else (table, pairs))
        described = "[" + ", ".join(f"'{label(table, c)}'" for c in columns) + "]"
        if not found:
            raise conflict(f"No link found involving columns {described}")
        if len(found) > 1:
            raise conflict(f"Ambiguous links found involving columns {described}")
        return self.context if left is None else left, *found[0]

    def _explicit(self, left: tuple[Name, ...], right: tuple[Name, ...]) -> tuple[int, Table, Pairs]:
        if len(left) != len(right):
            raise malformed("Left and right name lists in (left)=(right) link notation must be equal length.")
        position, here, columns = self._side(left)
        if position is None:
            raise conflict("Left names in (left)=(right) link notation must resolve to columns in entity path.")
        bound, there, others = self._side(right, outside=True)
        if bound is not None:
            raise conflict("Right names in (left)=(right) link notation must resolve to new table instance.")
        pairs = tuple(zip(columns, others, strict=True))
        for a, b in pairs:
            self.rights.enforce_column(here, a, "select")
            self.rights.enforce_column(there, b, "select")
            _comparable(a.type, b.type)
        return position, there, pairs

    def _side(self, names: tuple[Name, ...], outside: bool = False) -> tuple[int | None, Table, list[Column]]:
        """Columns of one table: the instance's position (None for a table that is not in the path), and the table."""
        first = names[0]
        position: int | None = None
        if len(first.parts) == 1:
            position, table = self.context, self.current.table
        elif len(first.parts) == 2 and first.parts[0] in self.aliases:
            position = self.aliases[first.parts[0]]
            table = self.instances[position].table
        elif len(first.parts) in (2, 3):
            table = find_table(self.rights, Name(first.parts[:-1]))
        else:
            raise malformed(f"Name {first} is not a valid syntax for columns.")
        if outside and position is not None:
            raise conflict("Right names in (left)=(right) link notation must resolve to new table instance.")
        columns = []
        for name in names:
            if len(name.parts) > 1 and name.parts[:-1] != first.parts[:-1] and self._table_of(name) is not table:
                raise conflict("Linking columns must belong to the same table.")
            columns.append(find_column(self.rights, table, name.parts[-1]))
        if len({c.name for c in columns}) != len(columns) and not outside:
            raise conflict("Linking columns must be distinct.")
        return position, table, columns

    def _table_of(self, name: Name) -> Table:
        if len(name.parts) == 2 and name.parts[0] in self.aliases:
            return self.instances[self.aliases[name.parts[0]]].table
        return find_table(self.rights, Name(name.parts[:-1]))

    # columns and filters

    def instance_of(self, name: Name) -> Instance:
        """The instance that a column name in a filter speaks of."""
        if len(name.parts) == 1:
            return self.current
        if len(name.parts) == 2:
            if name.parts[0] in self.aliases:
                return self.instances[self.aliases[name.parts[0]]]
            find_table(self.rights, Name(name.parts[:1]))
        elif len(name.parts) == 3:
            find_table(self.rights, Name(name.parts[:2]))
        else:
            raise malformed(f"Name {name} is not a valid syntax for columns.")
        raise conflict(f"Referenced column {name} not bound in entity path.")

    def _filter(self, term: Filter, about: set[int]) -> str:
        # Depth is bounded by the parser.
        if isinstance(term, Not):
            return f"NOT ({self._filter(term.term, about)})"
        if isinstance(term, And):
            return balanced("AND", [self._filter(t, about) for t in term.terms])
        if isinstance(term, Or):
            return balanced("OR", [self._filter(t, about) for t in term.terms])
        return self._comparison(term, about)

    def _comparison(self, term: Comparison, about: set[int]) -> str:
        instance = self.instance_of(term.name)
        about.add(instance.position)
        table = instance.table
        if term.name.parts[-1] == "*" and table.column("*") is None:
            if term.operator not in ("regexp", "ciregexp", "ts"):
                raise malformed(f'Operator {term.operator} does not support text-search psuedo-column "*".')
            if term.operator == "ts":
                raise unsupported("Text search (::ts::) is not supported; ::ciregexp:: is.")
            texts = []
            for column in visible_columns(self.rights, table):
                self.rights.enforce_column(table, column, "select")
                texts.append(as_text(self.cell(instance, column), column.type))
            return matching(self.build, texts, term.operator, term.values, term.quantifier)
        column = find_column(self.rights, table, term.name.parts[-1])
        self.rights.enforce_column(table, column, "select")
        cell = self.cell(instance, column)
        return comparison(self.build, cell, column, term.operator, term.values, term.quantifier)


def _must(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise conflict(f"Requested column {name} does not exist in table {table.name}.")
    return column


def _swapped(pairs: Pairs) -> Pairs:
    return tuple((b, a) for a, b in pairs)


def _comparable(a: Type, b: Type) -> None:
    one, other = types.family(a), types.family(b)
    if one == other and (one != "array" or a.base == b.base):
        return
    if {one, other} <= {"int", "float"}:
        return
    if {one, other} <= {"int", "float", "numeric"} or {one, other} <= {"date", "timestamp", "timestamptz"}:
        raise unsupported(f"Columns of types {a.typename} and {b.typename} cannot be joined here.")
    raise conflict(f"operator does not exist: {a.typename} = {b.typename}")
