"""Row and column policies: ERMrest's dynamic ACL bindings as SQL conditions.

A binding projects, along foreign keys from the row in question, a column; the row is shown when that column names the
client (`acl`) or is not null (`nonnull`). Mirrors ERMrest's api-doc/acl/dynamic.md.
"""

from __future__ import annotations

from typing import Any

from . import types
from .filters import comparison
from .model import Client, Column, ErmrestError, ForeignKey, Model, Table
from .problems import conflict, malformed
from .statement import Statement, balanced, quoted

_MAX_NESTING = 32


def rows(build: Statement, table: Table, alias: str, right: str = "select") -> str | None:
    """The condition under which the client has a right on a row of `alias`, or None when no row is excepted."""
    decision = build.rights.table(table, right)
    if decision is None:
        return _any(build, table, alias, build.rights.bindings(table.acl_bindings, right))
    return None if decision else "0"


def cell(build: Statement, table: Table, alias: str, column: Column) -> str:
    """A column's value, null where the column's own policy hides it."""
    plain = build.cell(alias, column)
    if build.rights.column(table, column, "select") is None and build.rights.restricted(table, column):
        return f"CASE WHEN {value(build, table, alias, column)} THEN {plain} END"
    return plain


def value(build: Statement, table: Table, alias: str, column: Column, right: str = "select") -> str | None:
    """The condition under which the client has a right on the value of a column, or None when there is none."""
    decision = build.rights.column(table, column, right)
    if decision is None:
        return _any(build, table, alias, build.rights.bindings(build.rights.effective(table, column), right))
    return None if decision else "0"


def reference(build: Statement, table: Table, key: ForeignKey, alias: str, right: str) -> str | None:
    """The condition under which the client may let rows refer to a row of the referenced table, `alias`.

    None where it may always.
    """
    decision = build.rights.foreign_key(table, key, right)
    there = build.rights.referenced(key)
    if decision is None and there is not None:
        return _any(build, there, alias, build.rights.bindings(key.acl_bindings, right))
    return None if decision else "0"


def check(model: Model, table: Table, binding: dict[str, Any]) -> None:
    """Refuse a binding whose projection does not fit the model.

    Args:
        model: The model that the binding is to become part of.
        table: The table it starts from: the one that has it, or has the column that has it; for a foreign key's
            binding the referenced one.
        binding: The binding's document.

    Raises:
        ErmrestError: 400 or 409, saying what is wrong.
    """
    _Binding(Statement(model, Client(), None), table, "base").condition(binding)


def _any(build: Statement, table: Table, alias: str, bindings: Any) -> str:
    terms = []
    for binding in bindings:
        try:
            terms.append(_Binding(build, table, alias).condition(binding))
        except ErmrestError:
            # What it speaks of is gone: it grants nothing any more.
            continue
    return balanced("OR", terms) if terms else "0"


class _Binding:
    """Compiles one binding for the rows of one table instance."""

    def __init__(self, build: Statement, table: Table, alias: str) -> None:
        self._build = build
        self._table, self._alias = table, alias
        self._aliases: dict[str, tuple[Table, str]] = {"base": (table, alias)}
        self._joins: list[str] = []
        self._wheres: list[str] = []

    def condition(self, binding: dict[str, Any]) -> str:
        projection = binding.get("projection")
        if isinstance(projection, str):
            projection = [projection]
        if not isinstance(projection, list) or not projection or not isinstance(projection[-1], str):
            raise malformed("The projection of an ACL binding must end with the name of a column.")
        for item in projection[:-1]:
            if not isinstance(item, dict):
                raise malformed("Elements of an ACL binding's projection must be objects.")
            if "inbound" in item or "outbound" in item:
                self._link(item)
            else:
                self._wheres.append(self._filter(item, 0))
        column = _column(self._table, projection[-1])
        self._wheres.append(self._granted(column, binding))
        condition = balanced("AND", self._wheres)
        if not self._joins:
            return condition
        return f"EXISTS (SELECT 1 FROM {', '.join(self._joins)} WHERE {condition})"

    def _granted(self, column: Column, binding: dict[str, Any]) -> str:
        textual = types.family(types.element(column.type)) == "text"
        cell = self._build.cell(self._alias, column)
        if binding.get("projection_type") not in (None, "acl", "nonnull"):
            raise malformed("The projection_type of an ACL binding is acl or nonnull.")
        if binding.get("projection_type", "acl" if textual else "nonnull") == "nonnull":
            return f"{cell} IS NOT NULL"
        if not textual:
            raise conflict(f"ACL binding projection type 'acl' not allowed for column {column.name}.")
        members = ", ".join(self._build.bind(item) for item in sorted({*self._build.client.attributes, "*"}))
        if column.type.array:
            return f"EXISTS (SELECT 1 FROM json_each({cell}) WHERE value IN ({members}))"
        return f"{cell} IN ({members})"

    def _context(self, name: Any) -> tuple[Table, str]:
        if not isinstance(name, str) or name not in self._aliases:
            raise malformed(f"Context {name!r} in an ACL binding is not a bound alias.")
        return self._aliases[name]

    def _link(self, item: dict[str, Any]) -> None:
        if item.get("context") is not None:
            self._table, self._alias = self._context(item["context"])
        inbound = item.get("inbound") is not None
        name = item.get("inbound") if inbound else item.get("outbound")
        if not isinstance(name, list) or len(name) != 2:
            raise malformed(f"Foreign key name {name!r} in an ACL binding is not valid.")
        there, pairs = self._foreign_key((name[0], name[1]), inbound)
        alias = self._build.alias("b")
        self._joins.append(f"{self._build.source(there)} AS {alias}")
        self._wheres.append(self._build.alive(alias))
        for here_column, there_column in pairs:
            left = self._build.cell(self._alias, _column(self._table, here_column))
            right = f"{alias}.{quoted(_column(there, there_column).phys)}"
            self._wheres.append(f"{right} = {left}")
        self._table, self._alias = there, alias
        if item.get("alias") is not None:
            if not isinstance(item["alias"], str) or item["alias"] in self._aliases:
                raise malformed(f"Alias {item['alias']!r} in an ACL binding is not valid.")
            self._aliases[item["alias"]] = (there, alias)

    def _foreign_key(self, name: tuple[str, str], inbound: bool) -> tuple[Table, list[tuple[str, str]]]:
        here = self._table
        for table in self._build.model.tables() if inbound else (here,):
            for key in table.foreign_keys:
                if key.constraint != name:
                    continue
                there = self._build.rights.referenced(key)
                if inbound and there is here:
                    return table, _swap(key)
                if not inbound and there is not None:
                    return there, list(zip(key.columns, key.ref_columns, strict=True))
        raise conflict(f"No foreign key {list(name)!r} found connected to table {here.name} in an ACL binding.")

    def _filter(self, item: Any, depth: int) -> str:
        if not isinstance(item, dict) or depth > _MAX_NESTING:
            raise malformed("A filter of an ACL binding is malformed.")
        if "and" in item or "or" in item:
            terms = item["and"] if "and" in item else item["or"]
            if not isinstance(terms, list) or not terms:
                raise malformed("A conjunction or disjunction of an ACL binding must be a list of filters.")
            found = balanced("AND" if "and" in item else "OR", [self._filter(term, depth + 1) for term in terms])
        elif "filter" in item:
            found = self._comparison(item)
        else:
            raise malformed("A filter of an ACL binding needs one of filter, and, or.")
        return f"NOT ({found})" if item.get("negate") else found

    def _comparison(self, item: dict[str, Any]) -> str:
        name = item["filter"]
        parts = [name] if isinstance(name, str) else name
        if not isinstance(parts, list) or not 1 <= len(parts) <= 2 or not isinstance(parts[-1], str):
            raise malformed(f"Invalid filter column name {name!r} in an ACL binding.")
        table, alias = self._table, self._alias
        if len(parts) == 2 and parts[0] is not None:
            table, alias = self._context(parts[0])
        operator = str(item.get("operator") or "=").strip(":")
        if operator not in ("=", "lt", "leq", "gt", "geq", "regexp", "ciregexp", "ts", "null"):
            raise malformed(f"Unknown operator {operator!r} in an ACL binding.")
        column = _column(table, parts[-1])
        operand = item.get("operand", "")
        text = ("true" if operand else "false") if isinstance(operand, bool) else str(operand)
        values = () if operator == "null" else (text,)
        return comparison(self._build, self._build.cell(alias, column), column, operator, values, None)


def _swap(key: ForeignKey) -> list[tuple[str, str]]:
    return list(zip(key.ref_columns, key.columns, strict=True))


def _column(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise conflict(f"Requested column {name} does not exist in table {table.name}.")
    return column
