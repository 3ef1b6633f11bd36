"""The form of the model's documents: which members they have, and of which kind. What they mean is `ddl`'s to judge.

A document that passes here trips nobody who works with it, so that whatever does trip later is a fault of the sandbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .problems import malformed

Form = Callable[[Any, str], None]
"""Raises ErmrestError 400 for a value that is not of the form; the text says where in the document it is."""


def _refuse(where: str, what: str) -> Exception:
    return malformed(f"The document is not of the form that it should have: {where} must be {what}.")


def _text(value: Any, where: str) -> None:
    if not isinstance(value, str):
        raise _refuse(where, "a text")


def _object(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise _refuse(where, "an object")


def _maybe(form: Form) -> Form:
    """The form, or null."""

    def check(value: Any, where: str) -> None:
        if value is not None:
            form(value, where)

    return check


def _each(form: Form) -> Form:
    """A list of things of a form."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise _refuse(where, "a list")
        for number, item in enumerate(value):
            form(item, f"{where}[{number}]")

    return check


def _values(form: Form) -> Form:
    """An object with values of a form under any names."""

    def check(value: Any, where: str) -> None:
        _object(value, where)
        for name, item in value.items():
            form(item, f"{where}.{name}")

    return check


def _members(forms: Mapping[str, Form]) -> Form:
    """An object whose members, where they are there, have forms; others are not looked at."""

    def check(value: Any, where: str) -> None:
        _object(value, where)
        for name, form in forms.items():
            if name in value:
                form(value[name], f"{where}.{name}")

    return check


def _type(value: Any, where: str) -> None:
    _object(value, where)
    _text(value.get("typename"), f"{where}.typename")


def _names(value: Any, where: str) -> None:
    _each(_each(_text))(value, where)
    for number, pair in enumerate(value):
        if len(pair) != 2:
            raise _refuse(f"{where}[{number}]", "a schema's name and a constraint's")


def _binding(supported: frozenset[str]) -> Form:
    """An ACL binding that grants some types of access, or false where an inherited one is not to hold."""

    def check(value: Any, where: str) -> None:
        if value is False:
            return
        if not isinstance(value, dict):
            raise _refuse(where, "an object, or false")
        for name in value:
            if name not in ("types", "projection", "projection_type", "scope_acl", "comment"):
                raise malformed(f'Field "{name}" in an ACL binding is not recognized.')
        wanted = value.get("types")
        if not isinstance(wanted, list) or not wanted:
            raise malformed('Field "types" in an ACL binding must be a list with names of types.')
        for item in wanted:
            if not isinstance(item, str) or item not in supported:
                raise malformed(f"ACL binding type {item!r} is not supported on this resource.")
        if "projection" not in value:
            raise malformed('Field "projection" is required for ACL bindings.')
        scope = value.get("scope_acl", ["*"])
        if not isinstance(scope, list) or not scope or not all(isinstance(member, str) for member in scope):
            raise malformed('Field "scope_acl" in an ACL binding must be a list of texts that is not empty.')
        _text(value.get("comment", ""), f"{where}.comment")

    return check


row_binding: Form = _binding(frozenset({"owner", "update", "delete", "select"}))
"""A binding of a table or a column."""
reference_binding: Form = _binding(frozenset({"owner", "insert", "update"}))
"""A binding of a foreign key."""
_COMMON: dict[str, Form] = {
    "comment": _maybe(_text),
    "annotations": _maybe(_object),
    "acls": _maybe(_values(_maybe(_each(_text)))),
    "acl_bindings": _maybe(_values(row_binding)),
}
_SIDE = _each(_members({"schema_name": _text, "table_name": _text, "column_name": _text}))
column: Form = _members({**_COMMON, "name": _text, "type": _type})
key: Form = _members({**_COMMON, "unique_columns": _each(_text), "names": _maybe(_names)})
fkey: Form = _members(
    {
        **_COMMON,
        "acl_bindings": _maybe(_values(reference_binding)),
        "names": _maybe(_names),
        "foreign_key_columns": _SIDE,
        "referenced_columns": _SIDE,
        "on_delete": _maybe(_text),
        "on_update": _maybe(_text),
    }
)
table: Form = _members(
    {
        **_COMMON,
        "schema_name": _text,
        "table_name": _text,
        "kind": _maybe(_text),
        "column_definitions": _maybe(_each(column)),
        "keys": _maybe(_each(key)),
        "foreign_keys": _maybe(_each(fkey)),
    }
)
schema: Form = _members({**_COMMON, "schema_name": _text, "tables": _maybe(_values(table))})


def several(value: Any, where: str) -> None:
    """What `POST /schema` takes: a list of schemas, tables and foreign keys."""
    for number, document in enumerate(value if isinstance(value, list) else [value]):
        _object(document, f"{where}[{number}]")
        kind = fkey if "foreign_key_columns" in document else table if "table_name" in document else schema
        kind(document, f"{where}[{number}]")


named_objects: Form = _maybe(_object)
"""All annotations, or all bindings, of a thing."""
