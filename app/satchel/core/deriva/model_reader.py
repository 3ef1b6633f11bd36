"""From ERMrest's `/schema` document to `Model`.

What kind of table each is follows deriva-py's `ermrest_model`: an asset table has a column with the annotation
tag:isrd.isi.edu,2017:asset; a vocabulary has the columns ID, URI, Name, Description and Synonyms, an association is
`Table.is_association(pure=False)`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from satchel.core.deriva.model import ASSET_TAG, SYSTEM_COLUMNS, AssetColumns, Column, ForeignKey, Model, Table
from satchel.core.deriva.names import TableName
from satchel.core.errors import Kind, SatchelError

DISPLAY_TAGS = ("tag:misd.isi.edu,2015:display", "tag:isrd.isi.edu,2015:display")
_VOCABULARY = {"ID", "URI", "Name", "Description", "Synonyms"}
_ASSET_DEFAULTS = {"filename": "Filename", "length": "Length", "md5": "MD5", "sha256": "SHA256"}
_ASSET_KEYS = {"filename": "filename_column", "length": "byte_count_column", "md5": "md5", "sha256": "sha256"}


def read_model(document: Any, host: str = "the server") -> Model:
    """The schema as a graph.

    Args:
        document: the `/schema` resource, parsed.
        host: for the error's sentence.

    Raises:
        SatchelError: it is no schema document.
    """
    try:
        tables: dict[TableName, Table] = {}
        for schema_name, schema in sorted(document["schemas"].items()):
            for table_name, table in sorted(schema["tables"].items()):
                name = TableName(schema_name, table_name)
                tables[name] = _table(name, table)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise SatchelError(
            Kind.SERVER,
            f"{host} gives no schema that makes sense.",
            "Check that it is a Deriva server.",
            f"{type(error).__name__}: {error}",
        ) from error
    referring: dict[TableName, list[ForeignKey]] = defaultdict(list)
    for each in tables.values():
        for foreign_key in each.foreign_keys:
            referring[foreign_key.referenced].append(foreign_key)
    return Model(
        tables=tables, document=document, referring={name: tuple(keys) for name, keys in sorted(referring.items())}
    )


def association_keys(table: Table) -> tuple[ForeignKey, ForeignKey] | None:
    """The two references of an association, in the order of the schema document; None for any other table.

    As deriva-py's `Table.is_association(pure=False)`: the longest key of more than one column, system columns aside,
    is made of exactly two references that share no column. Columns outside the key do not matter. Where several keys
    are longest, one that qualifies is enough (deriva-py picks any).
    """
    return _association(table.keys, table.foreign_keys)


def is_system_reference(key: ForeignKey) -> bool:
    """Whether a reference only says who made or changed a row (RCB, RMB)."""
    return all(column in ("RCB", "RMB") for column in key.columns)


def _table(name: TableName, document: Mapping[str, Any]) -> Table:
    columns = tuple(_column(column) for column in document["column_definitions"])
    keys = tuple(tuple(key["unique_columns"]) for key in document.get("keys", ()))
    foreign_keys = tuple(_foreign_key(name, key) for key in document.get("foreign_keys", ()))
    annotations = document.get("annotations") or {}
    asset = _asset(columns)
    return Table(
        name=name,
        kind=document.get("kind", "table"),
        rid=document.get("RID") or "",
        comment=document.get("comment") or "",
        columns=columns,
        keys=keys,
        foreign_keys=foreign_keys,
        annotations=annotations,
        selectable=_selectable(document),
        asset=asset,
        is_vocabulary={column.name for column in columns} >= _VOCABULARY,
        is_association=_association(keys, foreign_keys) is not None,
        display_name=display_name(annotations) or name.table,
    )


def _column(document: Mapping[str, Any]) -> Column:
    return Column(
        name=document["name"],
        typename=document["type"]["typename"],
        nullok=bool(document.get("nullok", True)),
        comment=document.get("comment") or "",
        annotations=document.get("annotations") or {},
        selectable=_selectable(document),
    )


def _foreign_key(table: TableName, document: Mapping[str, Any]) -> ForeignKey:
    own, other = document["foreign_key_columns"], document["referenced_columns"]
    names = document.get("names") or [["", ""]]
    return ForeignKey(
        schema=names[0][0] or "",
        name=names[0][1] or "",
        table=table,
        columns=tuple(column["column_name"] for column in own),
        referenced=TableName(other[0]["schema_name"], other[0]["table_name"]),
        referenced_columns=tuple(column["column_name"] for column in other),
    )


def _selectable(document: Mapping[str, Any]) -> bool:
    """Only a plain "false" forbids; null stands for "it depends on the row"."""
    return (document.get("rights") or {}).get("select") is not False


def _asset(columns: Sequence[Column]) -> AssetColumns | None:
    """The first column that says it is an asset; where the annotation names no column, the usual name if it exists."""
    names = {column.name for column in columns}
    for column in columns:
        annotation = column.annotations.get(ASSET_TAG)
        if ASSET_TAG not in column.annotations or annotation is False:
            continue
        given = annotation if isinstance(annotation, Mapping) else {}
        found: dict[str, str | None] = {}
        for what, key in _ASSET_KEYS.items():
            named = given.get(key)
            wanted = named if isinstance(named, str) else _ASSET_DEFAULTS[what]
            found[what] = wanted if named is not False and wanted in names else None
        return AssetColumns(url=column.name, **found)
    return None


def _association(
    keys: Sequence[Sequence[str]], foreign_keys: Sequence[ForeignKey]
) -> tuple[ForeignKey, ForeignKey] | None:
    compound = {frozenset(key) for key in keys if len(key) > 1 and not set(key) & set(SYSTEM_COLUMNS)}
    longest = max((len(key) for key in compound), default=0)
    for key in sorted((key for key in compound if len(key) == longest), key=sorted):
        covered = [reference for reference in foreign_keys if set(reference.columns) <= key]
        if len(covered) != 2:
            continue
        first, second = (set(reference.columns) for reference in covered)
        if not first & second and first | second == key:
            return covered[0], covered[1]
    return None


def display_name(annotations: Mapping[str, Any]) -> str:
    """The name that annotations give for people; empty when they give none."""
    for tag in DISPLAY_TAGS:
        display = annotations.get(tag)
        name = display.get("name") if isinstance(display, Mapping) else None
        if isinstance(name, str) and name.strip():
            return name.strip()
    return ""
