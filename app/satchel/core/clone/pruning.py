"""Annotations without references to what the clone does not have.

Chaise's annotations name foreign keys as `[schema, constraint]`, columns by their names, and other definitions by a
`sourcekey`. What names something that the source has and the clone has not is taken out, piece by piece, and told.
Everything else stays as it is, understood or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from satchel.core.deriva.names import TableName

_LISTS = frozenset(
    {
        "tag:isrd.isi.edu,2016:visible-columns",
        "tag:isrd.isi.edu,2016:visible-foreign-keys",
        "tag:isrd.isi.edu,2016:table-display",
        "tag:isrd.isi.edu,2019:source-definitions",
        "tag:isrd.isi.edu,2018:citation",
    }
)
"""Annotations in which pairs are foreign keys and texts in lists may be columns."""
EXPORT = ("tag:isrd.isi.edu,2016:export", "tag:isrd.isi.edu,2019:export")
_GONE = object()


@dataclass
class Pruner:
    """Knows what the clone has.

    Args:
        known: all `(schema, constraint)` of the source.
        kept: those of the clone.
        tables: all tables of the source.
        kept_tables: those of the clone.
    """

    known: frozenset[tuple[str, str]]
    kept: frozenset[tuple[str, str]]
    tables: frozenset[TableName]
    kept_tables: frozenset[TableName]
    pruned: dict[str, list[str]] = field(default_factory=dict)
    """Where -> what was taken out."""

    def annotations(
        self, where: str, annotations: Mapping[str, Any], lost_columns: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        """The annotations of a resource, pruned.

        Args:
            where: names the resource for the report.
            annotations: its own.
            lost_columns: columns of the table that the clone lacks.
        """
        found: dict[str, Any] = {}
        lost_keys = frozenset().union(*(self._lost_sources(value, lost_columns) for value in annotations.values()))
        for tag, value in annotations.items():
            if tag in _LISTS:
                pruned = self._prune(f"{where} {tag}", value, lost_columns, lost_keys)
                if pruned is not _GONE:
                    found[tag] = pruned
            elif tag in EXPORT:
                found[tag] = self._export(f"{where} {tag}", value)
            else:
                found[tag] = value
        return found

    def _note(self, where: str, what: Any) -> None:
        self.pruned.setdefault(where, []).append(str(what))

    def _lost(self, pair: Any) -> bool:
        return (
            isinstance(pair, list)
            and len(pair) == 2
            and all(isinstance(part, str) for part in pair)
            and (pair[0], pair[1]) in self.known
            and (pair[0], pair[1]) not in self.kept
        )

    def _lost_path(self, source: Any, lost_columns: frozenset[str]) -> bool:
        """Whether a source definition leads through what is not there."""
        if isinstance(source, str):
            return source in lost_columns
        if not isinstance(source, list):
            return False
        for number, step in enumerate(source):
            if isinstance(step, Mapping) and any(self._lost(step.get(way)) for way in ("inbound", "outbound")):
                return True
            if number == 0 and isinstance(step, str) and len(source) == 1 and step in lost_columns:
                return True
        return False

    def _lost_sources(self, value: Any, lost_columns: frozenset[str]) -> frozenset[str]:
        """Names of those source definitions of a table that go."""
        sources = value.get("sources") if isinstance(value, Mapping) else None
        if not isinstance(sources, Mapping):
            return frozenset()
        return frozenset(
            name
            for name, definition in sources.items()
            if isinstance(definition, Mapping) and self._lost_path(definition.get("source"), lost_columns)
        )

    def _prune(self, where: str, value: Any, columns: frozenset[str], keys: frozenset[str]) -> Any:
        if isinstance(value, Mapping):
            if "source" in value and self._lost_path(value["source"], columns):
                self._note(where, value["source"])
                return _GONE
            if value.get("sourcekey") in keys:
                self._note(where, value["sourcekey"])
                return _GONE
            found = {}
            for name, each in value.items():
                if name in ("source", "inbound", "outbound"):
                    found[name] = each
                    continue
                pruned = self._prune(where, each, columns, keys)
                if pruned is not _GONE:
                    found[name] = pruned
            return found
        if isinstance(value, list):
            kept = []
            for each in value:
                if self._lost(each) or (isinstance(each, str) and each in columns):
                    self._note(where, each)
                    continue
                pruned = each if isinstance(each, str) else self._prune(where, each, columns, keys)
                if pruned is not _GONE:
                    kept.append(pruned)
            return kept
        return value

    def _export(self, where: str, value: Any) -> Any:
        """An export annotation without the outputs whose paths lead through tables that are not there."""
        if isinstance(value, Mapping):
            return {name: self._export(where, each) for name, each in value.items()}
        if isinstance(value, list):
            kept = []
            for each in value:
                if isinstance(each, Mapping) and self._output_lost(each):
                    self._note(where, each.get("source"))
                    continue
                kept.append(self._export(where, each))
            return kept
        return value

    def _output_lost(self, output: Mapping[str, Any]) -> bool:
        source = output.get("source")
        path = source.get("path") if isinstance(source, Mapping) else None
        if not isinstance(path, str):
            return False
        lost = self.tables - self.kept_tables
        return any(
            part in path.replace("(", "/").replace(")", "/").split("/")
            for table in lost
            for part in (str(table), table.path)
        )


def pruner(document: Mapping[str, Any], kept: frozenset[tuple[str, str]], kept_tables: frozenset[TableName]) -> Pruner:
    """A pruner for a source's schema document."""
    known: set[tuple[str, str]] = set()
    tables = set()
    for schema_name, schema in document["schemas"].items():
        for table_name, table in schema["tables"].items():
            tables.add(TableName(schema_name, table_name))
            for key in (*table.get("keys", ()), *table.get("foreign_keys", ())):
                known.update((name[0], name[1]) for name in key.get("names") or () if len(name) == 2)
    return Pruner(frozenset(known), kept, frozenset(tables), kept_tables)
