"""Tables and columns of a spec's queries, looked up in a catalog's schema."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from satchel.core.deriva.model import Model, Table
from satchel.core.deriva.names import TableName
from satchel.core.export.spec.querypath import Element, QueryPath

_FREE = frozenset({"*", ""})


class UnknownError(ValueError):
    """A name that the schema does not have."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code, self.hint = code, hint


@dataclass
class Walk:
    """Where a path is: the table that its last element leads to, and those that aliases stand for."""

    model: Model
    here: Table | None = None
    aliases: dict[str, Table | None] = field(default_factory=dict)
    used: list[Table] = field(default_factory=list)

    def step(self, element: Element) -> None:
        """Go on by one element. Raises UnknownError."""
        if element.kind == "reset":
            if element.alias not in self.aliases:
                raise _unknown("alias", "alias", str(element.alias), self.aliases)
            self.here = self.aliases[str(element.alias)]
            return
        if element.kind == "filter":
            for names in element.columns:
                self._column(names)
            return
        before = self.here
        if element.table is not None:
            self.here = self._table(*element.table)
        else:
            self.here = None  # a link by its columns alone: where it leads is the server's to say
        if element.kind == "link":
            for names in element.columns:
                self._linked(names, before)
        if element.alias is not None:
            self.aliases[element.alias] = self.here
        if self.here is not None:
            self.used.append(self.here)

    def _table(self, schema: str | None, name: str) -> Table:
        if schema is not None:
            found = self.model.tables.get(TableName(schema, name))
            if found is not None:
                return found
            if schema not in self.model.schemas():
                raise _unknown("unknown-table", "schema", schema, self.model.schemas())
            raise _unknown(
                "unknown-table", "table", f"{schema}:{name}", [str(t) for t in self.model.tables if t.schema == schema]
            )
        if name in self.aliases and (aliased := self.aliases[name]) is not None:
            return aliased
        matches = [t for t in self.model if t.name.table == name]
        if not matches:
            raise _unknown("unknown-table", "table", name, [t.name.table for t in self.model])
        if len(matches) > 1:
            raise UnknownError(
                "unknown-table",
                f"There are several tables called {name}.",
                f"Write {' or '.join(str(t.name) for t in matches)}.",
            )
        return matches[0]

    def _linked(self, names: tuple[str, ...], before: Table | None) -> None:
        if len(names) == 3:
            _has(self._table(names[0], names[1]), names[2])
        elif len(names) == 2 and names[0] in self.aliases:
            aliased = self.aliases[names[0]]
            if aliased is not None:
                _has(aliased, names[1])
        elif (
            len(names) == 1
            and before is not None
            and not any(t.column(names[0]) for t in (before, self.here) if t is not None)
        ):
            _has(before, names[0])

    def _column(self, names: tuple[str, ...]) -> None:
        if len(names) == 1 and self.here is not None:
            _has(self.here, names[0])
        elif len(names) == 2 and names[0] in self.aliases and (table := self.aliases[names[0]]) is not None:
            _has(table, names[1])


def check_path(model: Model, path: QueryPath) -> Iterator[tuple[str, str, str]]:
    """Names in a path that the schema does not have: code, sentence, hint of each."""
    walk = Walk(model)
    try:
        for element in path.elements:
            walk.step(element)
        for shown in path.projection:
            if shown.column in _FREE or shown.column in walk.aliases:
                continue
            if shown.alias is not None:
                if shown.alias not in walk.aliases:
                    raise _unknown("alias", "alias", shown.alias, walk.aliases)
                table = walk.aliases[shown.alias]
            else:
                table = walk.here
            if table is not None:
                _has(table, shown.column)
        named = {shown.name for shown in path.projection}
        for column in path.sort:
            if column not in named and walk.here is not None and (path.api == "entity" or not path.projection):
                _has(walk.here, column)
    except UnknownError as error:
        yield error.code, str(error), error.hint


def columns_of(model: Model, path: QueryPath) -> list[str] | None:
    """The columns of an `/entity/` path's answer; None where that cannot be told."""
    if path.api != "entity":
        return None
    walk = Walk(model)
    try:
        for element in path.elements:
            walk.step(element)
    except UnknownError:
        return None
    return [c.name for c in walk.here.columns] if walk.here is not None else None


def _has(table: Table, column: str) -> None:
    if column not in _FREE and table.column(column) is None:
        raise _unknown("unknown-column", f"column of {table.name}", column, [c.name for c in table.columns])


def _unknown(code: str, what: str, name: str, known: Iterable[str]) -> UnknownError:
    near = difflib.get_close_matches(name, list(known), 1, 0.6)
    close = near[0] if near else next((k for k in known if k.lower() == name.lower()), "")
    return UnknownError(code, f"There is no {what} called {name!r}.", f"Did you mean {close!r}?" if close else "")
