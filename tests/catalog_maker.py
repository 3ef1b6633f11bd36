"""Small catalogs for tests, in a few words: their /schema document and, for the rule's tests, their rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from satchel.core.deriva.model import Model
from satchel.core.deriva.model_reader import read_model
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach.choices import Choices
from satchel.core.deriva.reach.gather import Gathered
from satchel.core.deriva.reach.pages import ReadRow
from satchel.core.deriva.reach.plan import plan
from satchel.core.deriva.reach.store import Store

SYSTEM = ("RID", "RCT", "RMT", "RCB", "RMB")
VOCABULARY = ("ID", "URI", "Name", "Description", "Synonyms")


@dataclass
class T:
    """A table: its own columns, composite keys, and references `(columns, table, referenced columns)`."""

    columns: Sequence[str] = ()
    keys: Sequence[Sequence[str]] = ()
    refs: Sequence[tuple[Sequence[str], str, Sequence[str]]] = ()
    vocabulary: bool = False
    asset: bool = False
    select: bool | None = True
    hidden_columns: Iterable[str] = ()
    required: Iterable[str] = ()
    rows: list[dict[str, Any]] = field(default_factory=list)


def schema_document(tables: Mapping[str, T]) -> dict[str, Any]:
    """The `/schema` document of tables named `schema:table`."""
    schemas: dict[str, Any] = {}
    for full, table in tables.items():
        schema, name = full.split(":")
        columns = [*SYSTEM, *(VOCABULARY if table.vocabulary else ()), *table.columns]
        if table.asset:
            columns += ["URL", "Filename", "Length", "MD5"]
        hidden = set(table.hidden_columns)
        definitions = [
            {
                "name": column,
                "type": {"typename": "int8" if column == "Length" else "text"},
                "nullok": column != "RID" and column not in set(table.required),
                "annotations": {"tag:isrd.isi.edu,2017:asset": {}} if table.asset and column == "URL" else {},
                "rights": {"select": column not in hidden},
            }
            for column in columns
        ]
        schemas.setdefault(schema, {"schema_name": schema, "tables": {}})["tables"][name] = {
            "RID": f"T-{name}",
            "schema_name": schema,
            "table_name": name,
            "kind": "table",
            "comment": None,
            "annotations": {},
            "rights": {"select": table.select},
            "column_definitions": definitions,
            "keys": [{"unique_columns": ["RID"]}, *({"unique_columns": list(key)} for key in table.keys)],
            "foreign_keys": [
                {
                    "names": [[schema, f"{name}_{'_'.join(own)}_{n}_fkey"]],
                    "foreign_key_columns": [_column(full, column) for column in own],
                    "referenced_columns": [_column(other, column) for column in theirs],
                }
                for n, (own, other, theirs) in enumerate(table.refs)
            ],
        }
    return {"schemas": schemas}


def model_of(tables: Mapping[str, T]) -> Model:
    """The model of such a catalog."""
    return read_model(schema_document(tables))


def gathered_of(
    tables: Mapping[str, T], root: str, rid: str, choices: Choices, file: Path, *, everything: bool = True
) -> Gathered:
    """What `gather` would have read of such a catalog."""
    model = model_of(tables)
    wanted = plan(model, TableName.parse(root), choices, everything=everything)
    store = Store(file, ("test",), wanted)
    totals = {}
    for planned in wanted.tables:
        rows = tables[str(planned.name)].rows
        totals[planned.name] = len(rows)
        store.add(
            planned.name,
            0,
            [
                ReadRow(
                    row["RID"],
                    row.get("Length"),
                    int(bool(row.get("URL"))),
                    tuple(row.get(column) for column in planned.columns),
                )
                for row in rows
            ],
        )
        store.finish(planned.name)
    store.build(model)
    return Gathered("1", "test", "S", rid, model, wanted, totals, frozenset(), everything, store)


def _column(table: str, column: str) -> dict[str, str]:
    schema, name = table.split(":")
    return {"schema_name": schema, "table_name": name, "column_name": column}
