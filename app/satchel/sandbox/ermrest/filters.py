"""Comparisons of a column with literals, as SQL."""

from __future__ import annotations

from . import types
from .functions import regexp
from .model import Column, Type
from .problems import conflict, unsupported
from .statement import Statement, balanced

_OPERATORS = {"=": "=", "lt": "<", "leq": "<=", "gt": ">", "geq": ">="}
_UNORDERED = frozenset({"interval", "tstzrange", "tsvector", "timetz"})
"""Types whose texts are not in the order of their values."""


def comparison(
    build: Statement,
    cell: str,
    column: Column,
    operator: str,
    values: tuple[str, ...],
    quantifier: str | None,
) -> str:
    """The condition that a column's value meets a comparison; SQL's null where PostgreSQL has it.

    Raises:
        ErmrestError: 400 for a literal that is none of the type, 409 for a bad regular expression or an operator that
            the type does not have, 501 for what the sandbox does not compare.
    """
    of = column.type
    if operator == "null":
        return f"{cell} IS NULL"
    if operator in ("regexp", "ciregexp"):
        return matching(build, [as_text(cell, of)], operator, values, quantifier)
    if operator == "ts":
        raise unsupported("Text search (::ts::) is not supported; ::ciregexp:: is.")
    if of.base == "json":
        raise conflict(f"operator does not exist: json {_OPERATORS[operator]} unknown")
    if of.base in _UNORDERED:
        raise unsupported(f"Values of type {of.typename} cannot be compared here.")
    literals = [types.literal(of, text) for text in values]
    if of.array:
        return _array(build, cell, of, operator, literals, quantifier)
    collation = types.collate(of)
    if operator == "=" and quantifier != "all":
        if column.name == "RID":
            normal = (types.normal_rid(str(value)) for value in literals)
            literals = list(dict.fromkeys([*literals, *(rid for rid in normal if rid is not None)]))
        if len(literals) > 1:
            return f"{cell}{collation} IN ({', '.join(build.bind(value) for value in literals)})"
    terms = [f"{cell} {_OPERATORS[operator]} {build.bind(value)}{collation}" for value in literals]
    return balanced("AND" if quantifier == "all" else "OR", terms)


def _array(
    build: Statement, cell: str, of: Type, operator: str, literals: list[types.Value], quantifier: str | None
) -> str:
    if types.family(types.element(of)) in ("json", "numeric"):
        raise unsupported(f"Values of type {of.typename} cannot be compared here.")
    bound = [build.bind(value) for value in literals]
    if operator != "=":
        terms = [f"(SELECT max(value {_OPERATORS[operator]} {p}) FROM json_each({cell}))" for p in bound]
        return balanced("AND" if quantifier == "all" else "OR", terms)
    if quantifier == "all":
        found = balanced("AND", [f"EXISTS (SELECT 1 FROM json_each({cell}) WHERE value = {p})" for p in bound])
    else:
        found = f"EXISTS (SELECT 1 FROM json_each({cell}) WHERE value IN ({', '.join(bound)}))"
    return f"CASE WHEN {cell} IS NOT NULL THEN {found} END"


def matching(build: Statement, texts: list[str], operator: str, values: tuple[str, ...], quantifier: str | None) -> str:
    """The condition that one of some texts matches a regular expression (of several, any or all of them)."""
    terms = []
    for pattern in values:
        regexp(pattern, operator == "ciregexp")
        bound = build.bind(pattern)
        terms.append(balanced("OR", [f"ermrest_{operator}({bound}, {text})" for text in texts]))
    return balanced("AND" if quantifier == "all" else "OR", terms)


def as_text(cell: str, of: Type) -> str:
    """A value as ERMrest's text operators see it."""
    kind = types.family(of)
    if kind == "array":
        if types.family(types.element(of)) in ("boolean", "timestamptz", "timestamp"):
            raise unsupported(f"Values of type {of.typename} cannot be searched as text here.")
        return f"ermrest_array({cell}, '{of.base}')"
    if kind == "float":
        return f"ermrest_{'float4' if of.base == 'float4' else 'float8'}({cell})"
    if kind == "boolean":
        return f"CASE {cell} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
    if kind == "timestamptz":
        return f"substr({cell}, 1, 19) || 'Z'"
    if kind == "timestamp":
        return f"substr({cell}, 1, 19)"
    return cell
