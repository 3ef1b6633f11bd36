"""The schema of a catalog as a graph: tables, columns, keys, foreign keys, and what kind of table each is.

Read from ERMrest's `/schema` document (https://docs.derivacloud.org, "Model resources"). Values only: no network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from satchel.core.deriva.names import TableName

ASSET_TAG = "tag:isrd.isi.edu,2017:asset"
SYSTEM_COLUMNS = ("RID", "RCT", "RMT", "RCB", "RMB")


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the catalog describes it."""

    name: str
    typename: str
    nullok: bool
    comment: str
    annotations: Mapping[str, Any]
    selectable: bool
    """False when the user may not read it (`rights.select`)."""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference: `columns` of `table` hold the values of `referenced_columns` in `referenced`."""

    schema: str
    name: str
    table: TableName
    columns: tuple[str, ...]
    referenced: TableName
    referenced_columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.table}({','.join(self.columns)}) -> {self.referenced}({','.join(self.referenced_columns)})"


@dataclass(frozen=True, slots=True)
class AssetColumns:
    """Which columns of an asset table hold what; None where there is none."""

    url: str
    filename: str | None
    length: str | None
    md5: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view."""

    name: TableName
    kind: str
    rid: str
    comment: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...]
    foreign_keys: tuple[ForeignKey, ...]
    annotations: Mapping[str, Any]
    selectable: bool
    asset: AssetColumns | None
    is_vocabulary: bool
    is_association: bool
    """A table whose one key (RID apart) is made of exactly two references."""
    display_name: str

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((c for c in self.columns if c.name == name), None)


@dataclass(frozen=True, slots=True)
class Model:
    """A catalog's schema at one snapshot."""

    tables: Mapping[TableName, Table]
    document: Mapping[str, Any] = field(repr=False)
    """The `/schema` document itself."""
    referring: Mapping[TableName, tuple[ForeignKey, ...]] = field(repr=False)
    """For each table the foreign keys of others (or its own) that refer to it."""

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables.values())

    def schemas(self) -> list[str]:
        """Names of the schemas, in order."""
        return sorted(self.document["schemas"])
