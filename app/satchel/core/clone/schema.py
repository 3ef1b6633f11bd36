"""The clone's schema as documents for ERMrest: tables without foreign keys, and the foreign keys one by one.

Mirrors `POST /schema` (a list of schemas, tables or foreign keys) of https://docs.derivacloud.org/ermrest/api-doc.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from satchel.core.clone.plan import SYSTEM_TABLES, ClonePlan, KeyPlan, copied_columns
from satchel.core.clone.pruning import Pruner, pruner
from satchel.core.deriva.model import ASSET_TAG, SYSTEM_COLUMNS, Table
from satchel.core.deriva.names import TableName

INDEXING_TAG = "tag:isrd.isi.edu,2018:indexing-preferences"
CLONE_STATE_TAG = "tag:isrd.isi.edu,2018:clone-state"
"""deriva-py's mark of a clone under way; a source that is an unfinished clone itself must not pass it on."""
STRUCTURAL = (ASSET_TAG, INDEXING_TAG)
"""Annotations without which a column is another one; they are copied even if no others are."""


@dataclass
class Documents:
    """All documents of a clone's schema."""

    schemas: list[dict[str, Any]]
    tables: list[dict[str, Any]]
    keys: dict[str, dict[str, Any]]
    """Name of the foreign key -> its document."""
    catalog: dict[str, Any]
    """Annotations of the catalog."""
    pruned: Mapping[str, Sequence[str]]
    """Where -> references in annotations that were taken out."""
    counting: dict[TableName, list[str]]
    """Columns that count on their own, and begin again at 1 in the clone."""
    hidden_columns: dict[TableName, list[str]]
    """Columns that the clone lacks since this user may not read them."""


def documents(
    plan: ClonePlan, *, annotations: bool, hints: Mapping[TableName, Sequence[str]], catalog: Mapping[str, Any]
) -> Documents:
    """The documents of a clone's schema.

    Args:
        plan: of the clone.
        annotations: whether they are copied.
        hints: columns whose values are too long for an index.
        catalog: the source catalog's own annotations.
    """
    source = plan.model.document["schemas"]
    names = {table.name for table in plan.tables}
    prune = pruner(plan.model.document, _kept(plan), frozenset(names) | SYSTEM_TABLES)
    hidden: dict[TableName, list[str]] = {}
    counting: dict[TableName, list[str]] = {}
    tables = []
    for each in plan.tables:
        lost = [column.name for column in each.table.columns if not column.selectable]
        if lost:
            hidden[each.name] = lost
        document = source[each.name.schema]["tables"][each.name.table]
        if numbers := [column["name"] for column in document["column_definitions"] if counts(column)]:
            counting[each.name] = numbers
        tables.append(_table(each.table, document, annotations, hints.get(each.name, ()), prune))
    schemas = [
        {
            "schema_name": name,
            "comment": source[name].get("comment"),
            "annotations": prune.annotations(name, _kept_annotations(source[name], annotations)),
        }
        for name in dict.fromkeys(table.name.schema for table in plan.tables)
        if name != "public"
    ]
    keys = {each.name: _key(each, source, annotations, prune) for each in plan.keys if each.state == "pending"}
    own = prune.annotations("catalog", _kept_annotations({"annotations": catalog}, annotations))
    return Documents(schemas, tables, keys, own, prune.pruned, counting, hidden)


def _kept(plan: ClonePlan) -> frozenset[tuple[str, str]]:
    """All constraints that the clone has, or is to have."""
    found = {(each.key.schema, each.key.name) for each in plan.keys if each.state == "pending"}
    for each in plan.tables:
        document = plan.model.document["schemas"][each.name.schema]["tables"][each.name.table]
        for key in document.get("keys", ()):
            found.update((name[0], name[1]) for name in key.get("names") or () if len(name) == 2)
    return frozenset(found)


def _kept_annotations(document: Mapping[str, Any], all_of_them: bool) -> dict[str, Any]:
    given = document.get("annotations") or {}
    return {tag: value for tag, value in given.items() if tag != CLONE_STATE_TAG and (all_of_them or tag in STRUCTURAL)}


def _table(
    table: Table, document: Mapping[str, Any], annotations: bool, hints: Sequence[str], prune: Pruner
) -> dict[str, Any]:
    kept = {column.name for column in copied_columns(table)}
    lost = frozenset(column.name for column in table.columns) - kept
    where = str(table.name)
    return {
        "schema_name": table.name.schema,
        "table_name": table.name.table,
        "kind": "table",
        "comment": document.get("comment"),
        "annotations": prune.annotations(where, _kept_annotations(document, annotations), lost),
        "column_definitions": [
            _column(column, annotations, column["name"] in hints, prune, where)
            for column in document["column_definitions"]
            if column["name"] in kept
        ],
        "keys": [
            {
                "names": key.get("names") or [],
                "unique_columns": list(key["unique_columns"]),
                "comment": key.get("comment"),
                "annotations": prune.annotations(where, _kept_annotations(key, annotations), lost),
            }
            for key in document.get("keys", ())
            if set(key["unique_columns"]) <= kept
        ],
        "foreign_keys": [],
    }


def _column(column: Mapping[str, Any], annotations: bool, hint: bool, prune: Pruner, where: str) -> dict[str, Any]:
    kept = prune.annotations(f"{where} {column['name']}", _kept_annotations(column, annotations))
    if hint:
        before = kept.get(INDEXING_TAG)
        kept[INDEXING_TAG] = {**(before if isinstance(before, Mapping) else {}), "btree": False}
    # A default that the server makes itself (a number of a sequence, who and when) is told as an expression, and would
    # be taken for a text.
    made = column["name"] in SYSTEM_COLUMNS or counts(column)
    return {
        "name": column["name"],
        "type": column["type"],
        "default": None if made else column.get("default"),
        "nullok": column.get("nullok", True),
        "comment": column.get("comment"),
        "annotations": kept,
    }


def counts(column: Mapping[str, Any]) -> bool:
    """Whether a column counts on its own (`serial4` and the like)."""
    return str(column["type"].get("typename", "")).startswith("serial")


def _key(plan: KeyPlan, source: Mapping[str, Any], annotations: bool, prune: Pruner) -> dict[str, Any]:
    key = plan.key
    for document in source[key.table.schema]["tables"][key.table.table].get("foreign_keys", ()):
        names = document.get("names") or [["", ""]]
        if (names[0][0] or "", names[0][1] or "") == (key.schema, key.name):
            break
    else:
        raise KeyError(plan.name)
    found = {
        "foreign_key_columns": document["foreign_key_columns"],
        "referenced_columns": document["referenced_columns"],
        "names": document["names"],
        "comment": document.get("comment"),
        "annotations": prune.annotations(plan.name, _kept_annotations(document, annotations)),
    }
    for name in ("on_delete", "on_update"):
        if document.get(name):
            found[name] = document[name]
    return found
