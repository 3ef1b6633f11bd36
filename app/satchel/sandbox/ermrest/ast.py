"""What a data URL of ERMrest says, before any model is asked whether it makes sense.

`url.parse` makes a `Query`; `compile` turns it into SQL. Names are decoded, nothing is resolved.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Name:
    """A name of one to three parts: column, alias and column, table, schema and table, schema and table and column."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return ":".join(self.parts)


@dataclass(frozen=True, slots=True)
class TableElement:
    """A table: the path's root, or a link implied by the foreign keys between it and what comes before."""

    name: Name
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class ColumnsElement:
    """A link named by columns: of one end `(a,b)`, or of both `(a,b)=(s:t:c,d)`.

    `outer` is `left`, `right`, `full` or None, and never given without `right`.
    """

    left: tuple[Name, ...]
    right: tuple[Name, ...] | None = None
    outer: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class ContextElement:
    """`$alias`: what follows speaks of that table instance again."""

    alias: Name


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column and what it must be.

    `operator` is one of `=`, `lt`, `leq`, `gt`, `geq`, `regexp`, `ciregexp`, `ts`, `null`; `values` are the literals
    (one, unless `quantifier` is `any` or `all`; none for `null`).
    """

    name: Name
    operator: str
    values: tuple[str, ...] = ()
    quantifier: str | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    term: Filter


@dataclass(frozen=True, slots=True)
class And:
    """Conjunction."""

    terms: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Disjunction."""

    terms: tuple[Filter, ...]


Filter = Comparison | Not | And | Or


@dataclass(frozen=True, slots=True)
class FilterElement:
    """A filter; the filters of a path hold together."""

    term: Filter


Element = TableElement | ColumnsElement | ContextElement | FilterElement


@dataclass(frozen=True, slots=True)
class Projection:
    """A projected column.

    `function` is an aggregate (`cnt`, `cnt_d`, `min`, `max`, `avg`, `sum`, `array`, `array_d`), `bin` with its three
    `arguments` (number of bins, lower and upper bound), or None. The name's last part is `*` for all columns.
    """

    name: Name
    alias: str | None = None
    function: str | None = None
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SortKey:
    """An output column to sort by: ascending with nulls last, or descending with nulls first."""

    name: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A whole data resource.

    `elements` follow the root. `keys` are the group keys of an attributegroup, `columns` the
    projection of attribute and aggregate and what follows the `;` of an attributegroup. `before` and `after` are page
    keys, None in them a null. `limit` is None where there is none. `options` holds every query parameter as given,
    decoded, with a list of its comma-separated or repeated values (empty for a parameter without one).
    """

    api: str
    root: TableElement
    elements: tuple[Element, ...] = ()
    keys: tuple[Projection, ...] = ()
    columns: tuple[Projection, ...] = ()
    sort: tuple[SortKey, ...] = ()
    before: tuple[str | None, ...] | None = None
    after: tuple[str | None, ...] | None = None
    limit: int | None = None
    options: dict[str, list[str]] = field(default_factory=dict)

    def option(self, name: str) -> str | None:
        """The first value of a query parameter, or None when it is absent or has no value."""
        values = self.options.get(name)
        return values[0] if values else None
