"""Who may do what: ERMrest's static ACLs with their inheritance, and whether a dynamic binding could still allow it.

A right is True (allowed), False (not), or None: rows decide, through the bindings that `policy` turns into SQL.
Mirrors ERMrest's api-doc/acl/static.md and dynamic.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from .model import Client, Column, ErmrestError, ForeignKey, Model, Schema, Table
from .problems import forbidden

SUFFICIENT: dict[str, frozenset[str]] = {
    "owner": frozenset(),
    "create": frozenset({"owner"}),
    "write": frozenset({"owner"}),
    "insert": frozenset({"owner", "write"}),
    "update": frozenset({"owner", "write"}),
    "delete": frozenset({"owner", "write"}),
    "select": frozenset({"owner", "write", "update", "delete"}),
    "enumerate": frozenset({"owner", "create", "write", "insert", "update", "delete", "select"}),
}
"""For each right the other rights that imply it."""

_READING = frozenset({"enumerate", "select"})
_BY_THE_SERVER = {
    "RID": frozenset({"update", "write"}),
    "RCB": frozenset({"update", "write"}),
    "RMT": frozenset({"insert", "update", "write"}),
    "RMB": frozenset({"insert", "update", "write"}),
}


def label(table: Table, column: Column | None = None) -> str:
    """A table or column as ERMrest names it in messages: `:schema:table[:column]`."""
    parts = [table.schema, table.name] + ([column.name] if column else [])
    return "".join(":" + quote(part) for part in parts)


class Rights:
    """The rights of one client on one model, remembered: make one for each request."""

    def __init__(self, model: Model, client: Client) -> None:
        self.model = model
        self.client = client
        self._known: dict[tuple[int, str], bool | None] = {}

    # static lists

    def _granted(self, acls: Mapping[str, list[str] | None], right: str) -> bool:
        return any(self.client.in_acl(acls.get(name)) for name in (right, *SUFFICIENT[right]))

    def _given(self, acls: Mapping[str, list[str] | None], right: str) -> bool:
        """Whether this resource has a list of its own for the right, and so does not inherit the parent's."""
        return acls.get(right) is not None

    def _nobody(self, right: str) -> bool:
        return self.client.id is None and not self.client.attributes and right not in _READING

    def catalog(self, right: str) -> bool:
        """A right on the catalog itself."""
        return not self._nobody(right) and self._granted(self.model.acls, right)

    def schema(self, schema: Schema, right: str) -> bool:
        """A right on a schema."""
        if self._nobody(right):
            return False
        return (
            self._granted(schema.acls, right)
            or self.catalog("owner")
            or (not self._given(schema.acls, right) and self.catalog(right))
        )

    def table(self, table: Table, right: str) -> bool | None:
        """A right on a table."""
        key = (id(table), right)
        if key not in self._known:
            self._known[key] = self._table(table, right)
        return self._known[key]

    def _table(self, table: Table, right: str) -> bool | None:
        schema = self.model.schemas.get(table.schema)
        if schema is None or not self.schema(schema, "enumerate") or self._nobody(right):
            return False
        if (
            self._granted(table.acls, right)
            or self.schema(schema, "owner")
            or (not self._given(table.acls, right) and self.schema(schema, right))
        ):
            return True
        return None if any(True for _ in self.bindings(table.acl_bindings, right)) else False

    def column(self, table: Table, column: Column, right: str) -> bool | None:
        """A right on a column: never more than on its table."""
        key = (id(column), right)
        if key not in self._known:
            self._known[key] = self._column(table, column, right)
        return self._known[key]

    def _column(self, table: Table, column: Column, right: str) -> bool | None:
        if right in _BY_THE_SERVER.get(column.name, ()) or self._nobody(right):
            return False
        of_table = self.table(table, right)
        if of_table is False:
            return False
        if (
            self._granted(column.acls, right)
            or self.table(table, "owner")
            or (not self._given(column.acls, right) and of_table)
        ):
            return True
        return None if any(True for _ in self.bindings(self.effective(table, column), right)) else False

    def foreign_key(self, table: Table, key: ForeignKey, right: str = "enumerate") -> bool | None:
        """A right on a foreign key: `enumerate` (seen when its columns at both ends are), `insert`, `update`."""
        if right == "enumerate":
            there = self.referenced(key)
            if there is None or not self.columns_seen(there, key.ref_columns):
                return False
            if not self.columns_seen(table, key.columns):
                return False
        elif not self._given(key.acls, right):
            return True
        if (
            self._granted(key.acls, right)
            or self.table(table, "owner")
            or (not self._given(key.acls, right) and self.table(table, right))
        ):
            return True
        return None if any(True for _ in self.bindings(key.acl_bindings, right)) else False

    def referenced(self, key: ForeignKey) -> Table | None:
        """The table that a foreign key refers to."""
        schema = self.model.schemas.get(key.ref_schema)
        return schema.tables.get(key.ref_table) if schema else None

    def columns_seen(self, table: Table, names: tuple[str, ...]) -> bool:
        """Whether a constraint over these columns is visible."""
        columns = [table.column(name) for name in names]
        return all(
            c is not None and self.column(table, c, "enumerate") and self.column(table, c, "select") is not False
            for c in columns
        )

    # dynamic bindings

    def bindings(self, bindings: Mapping[str, Any], right: str) -> Iterator[dict[str, Any]]:
        """The bindings among these that may give the right to this client."""
        sufficient = SUFFICIENT[right] | {right}
        for binding in bindings.values():
            if (
                isinstance(binding, dict)
                and self.client.in_acl(binding.get("scope_acl", ["*"]))
                and not sufficient.isdisjoint(binding.get("types", ()))
            ):
                yield binding

    def effective(self, table: Table, column: Column) -> dict[str, Any]:
        """A column's bindings: its table's, where it does not replace (or with False suppress) them, and its own."""
        return {**table.acl_bindings, **column.acl_bindings}

    def restricted(self, table: Table, column: Column, right: str = "select") -> bool:
        """Whether the column's bindings may hide values of rows that the table's bindings show."""
        if self.column(table, column, right):
            return False
        return bool(self.table(table, right)) or not column.acl_bindings.keys().isdisjoint(table.acl_bindings)

    # enforcement

    def enforce(self, table: Table, right: str) -> None:
        """Raise unless the right on the table is there, or rows may decide.

        Raises:
            ErmrestError: 403, or 401 for nobody.
        """
        if self.table(table, right) is False:
            raise self.refusal(right, table)

    def enforce_column(self, table: Table, column: Column, right: str) -> None:
        """The same for a column."""
        if self.column(table, column, right) is False:
            raise self.refusal(right, table, column)

    def refusal(self, right: str, table: Table, column: Column | None = None) -> ErmrestError:
        """The error that says that a right is missing."""
        return forbidden(self.client, f"{right} access on {label(table, column)}")
