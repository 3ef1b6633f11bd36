"""A catalog's schema, shared by the store (which writes it) and the query compiler (which reads it).

How rows lie in SQLite, one database file a catalog:

* every ERMrest table is one SQLite table named `Table.phys`, with the columns
  `_id INTEGER PRIMARY KEY`, `_from INTEGER NOT NULL`, `_to INTEGER` and one `Column.phys` for each ERMrest column;
* a row version is alive in snapshot S (microseconds since 1970, as all snapshot numbers here) when
  `_from <= S AND (_to IS NULL OR _to > S)`; the live rows are those with `_to IS NULL`. An update closes the old
  version and adds a new one; a delete closes it;
* a dropped column or table stays on disk and in older models, so that snapshots keep their own schema.

Values in SQLite, by ERMrest type:

* text, markdown, longtext, ermrest_*: TEXT; int2/4/8, serial*: INTEGER; float4/8: REAL; boolean: INTEGER 0 or 1;
* numeric: TEXT, canonical decimal; date: TEXT `YYYY-MM-DD`;
* timestamptz (ermrest_rct, ermrest_rmt): TEXT, UTC, `YYYY-MM-DDTHH:MM:SS[.ffffff without trailing zeros]+00:00`,
  that is ERMrest's JSON form; timestamp the same without the zone;
* json, jsonb: TEXT, as ERMrest prints it in CSV (jsonb: PostgreSQL's normal form, `{"a": 1, "b": [1, 2]}`);
  JSON null is the text `null`, SQL null is NULL;
* arrays: TEXT, a JSON array of the elements' JSON values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Type:
    """A column type. `base` is the built-in type that decides storage; `array` when values are arrays of it."""

    typename: str
    base: str
    array: bool = False
    document: dict[str, Any] = field(default_factory=dict)
    """As `/schema` prints it."""


@dataclass(slots=True)
class Column:
    """A column. `phys` is its name in SQLite."""

    rid: str
    name: str
    type: Type
    phys: str
    nullok: bool = True
    default: Any = None
    comment: str | None = None
    annotations: dict[str, Any] = field(default_factory=dict)
    acls: dict[str, list[str]] = field(default_factory=dict)
    acl_bindings: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Key:
    """A unique constraint."""

    rid: str
    constraint: tuple[str, str]
    """Schema and constraint name."""
    columns: tuple[str, ...]
    comment: str | None = None
    annotations: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ForeignKey:
    """A reference from `columns` of the table that holds it to `ref_columns` of `ref_schema:ref_table`."""

    rid: str
    constraint: tuple[str, str]
    columns: tuple[str, ...]
    ref_schema: str
    ref_table: str
    ref_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    comment: str | None = None
    annotations: dict[str, Any] = field(default_factory=dict)
    acls: dict[str, list[str]] = field(default_factory=dict)
    acl_bindings: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Table:
    """A table. `phys` is its name in SQLite."""

    rid: str
    schema: str
    name: str
    phys: str
    kind: str = "table"
    comment: str | None = None
    columns: list[Column] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    annotations: dict[str, Any] = field(default_factory=dict)
    acls: dict[str, list[str]] = field(default_factory=dict)
    acl_bindings: dict[str, Any] = field(default_factory=dict)

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((c for c in self.columns if c.name == name), None)


@dataclass(slots=True)
class Schema:
    """A schema."""

    rid: str
    name: str
    comment: str | None = None
    tables: dict[str, Table] = field(default_factory=dict)
    annotations: dict[str, Any] = field(default_factory=dict)
    acls: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Model:
    """A catalog's schema at one moment. Treated as immutable once published: the store changes a copy."""

    schemas: dict[str, Schema] = field(default_factory=dict)
    annotations: dict[str, Any] = field(default_factory=dict)
    acls: dict[str, list[str]] = field(default_factory=dict)
    since: int = 0
    """The snapshot number at which this model came into force."""

    def tables(self) -> Iterator[Table]:
        """All tables of all schemas."""
        for schema in self.schemas.values():
            yield from schema.tables.values()


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: the id and all attributes that ACLs may name. Nobody has no id and no attributes."""

    id: str | None = None
    display_name: str | None = None
    attributes: frozenset[str] = frozenset()

    def in_acl(self, acl: list[str] | None) -> bool:
        """Whether an access control list names this client, or everyone."""
        return acl is not None and ("*" in acl or not self.attributes.isdisjoint(acl))


class ErmrestError(Exception):
    """An answer other than success, as ERMrest words it: the generic sentence, then "Detail: ..."."""

    def __init__(self, status: int, generic: str, detail: str) -> None:
        super().__init__(f"{status} {generic} Detail: {detail}")
        self.status = status
        self.generic = generic
        self.detail = detail

    @property
    def body(self) -> str:
        """The text/plain body."""
        return f"{self.generic} Detail: {self.detail}\n"
