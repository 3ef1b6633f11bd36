"""The model as `/schema` and its parts print it: what this client may know, with the client's rights."""

from __future__ import annotations

from typing import Any

from . import rids
from .model import Client, Column, ForeignKey, Key, Model, Schema, Table
from .rights import Rights

EVERYONE = {"insert": ["*"], "update": ["*"]}
"""The ACLs of a foreign key that was given none."""
_READ_ONLY = {"select": False, "update": True, "insert": True, "delete": True, "owner": True, "create": True}
"""Which rights a snapshot takes away from everyone."""


FEATURES = {
    "trs": True, "tcrs": True, "history_control": True, "implicit_fkey_index": True, "catalog_post_input": True,
    "catalog_alias": True, "quantified_value_lists": True, "quantified_rid_lists": True, "rid_lease": True,
    "registry_catalog": True, "csv_array_json": True,
    "indexing_preferences": {"btree": True, "btree_column_list": True, "trgm": True, "gin_array": True},
}  # fmt: skip
"""What `/ermrest` says that it can."""


class Printer:
    """Prints parts of a model for one client; `live` is False for snapshots, where nothing may be changed."""

    def __init__(self, model: Model, client: Client, live: bool = True) -> None:
        self.model = model
        self.client = client
        self.live = live
        self.rights = Rights(model, client)
        self.owner = self.rights.catalog("owner")

    def _kept(self, right: str, granted: bool | None) -> bool | None:
        return granted if self.live or not _READ_ONLY[right] else False

    def sees(self, table: Table, column: Column | None = None) -> bool:
        """Whether the client may know of the table or column."""
        if self.rights.table(table, "enumerate") is False:
            return False
        return column is None or self.rights.column(table, column, "enumerate") is not False

    def schemas(self) -> dict[str, Any]:
        """The whole `/schema` document."""
        document: dict[str, Any] = {
            # The moment of the last change of the model, which is not that of the catalog.
            "snaptime": rids.encode(self.model.since),
            "features": FEATURES,
            "schemas": {s.name: self.schema(s) for s in self.model.schemas.values() if self.sees_schema(s)},
            "acls": self.acls(self.model.acls),
            "annotations": self.model.annotations,
            "rights": {
                "create": self.live and self.rights.catalog("create"),
                "owner": self.live and self.owner,
            },
        }
        return document

    def sees_schema(self, schema: Schema) -> bool:
        """Whether the client may know of the schema."""
        return self.rights.schema(schema, "enumerate")

    def acls(self, acls: dict[str, list[str]]) -> dict[str, list[str]]:
        """ACLs are shown to owners alone."""
        return acls if self.owner else {}

    def schema(self, schema: Schema) -> dict[str, Any]:
        """A schema with its tables."""
        return {
            "RID": schema.rid,
            "schema_name": schema.name,
            "comment": schema.comment,
            "rights": {r: self._kept(r, self.rights.schema(schema, r)) for r in ("create", "owner")},
            "annotations": schema.annotations,
            "tables": {t.name: self.table(t) for t in schema.tables.values() if self.sees(t)},
            "acls": self.acls(schema.acls),
        }

    def table(self, table: Table) -> dict[str, Any]:
        """A table with its columns, keys and foreign keys."""
        shown = {c.name for c in table.columns if self.sees(table, c)}
        return {
            "RID": table.rid,
            "schema_name": table.schema,
            "table_name": table.name,
            "rights": {
                r: self._kept(r, self.rights.table(table, r)) for r in ("select", "update", "delete", "insert", "owner")
            },
            "column_definitions": [self.column(table, c) for c in table.columns if c.name in shown],
            "keys": [self.key(k) for k in table.keys if shown.issuperset(k.columns)],
            "foreign_keys": [self.fkey(table, f) for f in self.fkeys(table)],
            "kind": table.kind,
            "comment": table.comment,
            "annotations": table.annotations,
            "acls": self.acls(table.acls),
            "acl_bindings": table.acl_bindings if self.owner else {},
        }

    def column(self, table: Table, column: Column) -> dict[str, Any]:
        """A column."""
        return {
            "RID": column.rid,
            "name": column.name,
            "rights": {
                r: self._kept(r, self.rights.column(table, column, r)) for r in ("select", "update", "insert", "delete")
            },
            "type": column.type.document,
            "default": column.default,
            "nullok": column.nullok,
            "comment": column.comment,
            "annotations": column.annotations,
            "acls": self.acls(column.acls),
            "acl_bindings": column.acl_bindings if self.owner else {},
        }

    def key(self, key: Key) -> dict[str, Any]:
        """A key."""
        return {
            "RID": key.rid,
            "comment": key.comment,
            "annotations": key.annotations,
            "unique_columns": list(key.columns),
            "names": [list(key.constraint)],
        }

    def fkeys(self, table: Table) -> list[ForeignKey]:
        """The foreign keys of a table whose both ends the client may know."""
        found = []
        for fkey in table.foreign_keys:
            ends = [(table, fkey.columns)]
            schema = self.model.schemas.get(fkey.ref_schema)
            referenced = schema.tables.get(fkey.ref_table) if schema else None
            if referenced is None:
                continue
            if "enumerate" in fkey.acls and self.rights.foreign_key(table, fkey) is False:
                continue
            ends.append((referenced, fkey.ref_columns))
            columns = [(t, t.column(name)) for t, names in ends for name in names]
            if all(c is not None and self.sees(t) and self.sees(t, c) for t, c in columns):
                found.append(fkey)
        return found

    @staticmethod
    def fkey_acls(fkey: ForeignKey) -> dict[str, list[str]]:
        """The ACLs of a foreign key: everyone's where none were given."""
        return fkey.acls or EVERYONE

    def fkey(self, table: Table, fkey: ForeignKey) -> dict[str, Any]:
        """A foreign key."""
        return {
            "RID": fkey.rid,
            "foreign_key_columns": [
                {"schema_name": table.schema, "table_name": table.name, "column_name": c} for c in fkey.columns
            ],
            "referenced_columns": [
                {"schema_name": fkey.ref_schema, "table_name": fkey.ref_table, "column_name": c}
                for c in fkey.ref_columns
            ],
            "rights": {
                r: self.live and self.client.in_acl((fkey.acls or EVERYONE).get(r)) for r in ("update", "insert")
            },
            "comment": fkey.comment,
            "annotations": fkey.annotations,
            "names": [list(fkey.constraint)],
            "acls": self.acls(fkey.acls or EVERYONE),
            "acl_bindings": fkey.acl_bindings if self.owner else {},
            "on_delete": fkey.on_delete,
            "on_update": fkey.on_update,
        }
