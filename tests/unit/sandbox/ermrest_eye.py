"""The catalog of the recorded exchanges, laid out in SQLite by hand, as it was at each of their phases."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from satchel.sandbox.ermrest import compile as compiler
from satchel.sandbox.ermrest import render, url
from satchel.sandbox.ermrest.model import Client, Column, ForeignKey, Key, Model, Schema, Table, Type

DATA = Path(__file__).parent / "data"

ADMIN = Client("test1", "test1", frozenset({"test1", "admin"}))
USER = Client("test2", "test2", frozenset({"test2"}))
NOBODY = Client()
CLIENTS = {"admin": ADMIN, "user": USER, "anon": NOBODY}

SYSTEM = ["RID ermrest_rid! text", "RCT ermrest_rct! timestamptz", "RMT ermrest_rmt! timestamptz"]
SYSTEM += ["RCB ermrest_rcb text", "RMB ermrest_rmb text"]
TABLES: dict[str, tuple[list[str], list[list[str]]]] = {
    "Species": (
        ["ID text!", "URI text!", "Name text!", "Description markdown! text", "Synonyms text[]"],
        [["Name"], ["ID"], ["URI"]],
    ),
    "Subject": (
        [
            "Name text!",
            "Age int4",
            "Weight float8",
            "Born date",
            "Tags text[]",
            "Meta jsonb",
            "Alive boolean",
            "Species text",
        ],
        [["Name"]],
    ),
    "Visit": (["Subject text!", "When timestamptz", "Note markdown text", "Site text", "Room int4"], []),
    "Site Room": (["Site text!", "Room int4!", "Full_Name text"], [["Site", "Room"]]),
    "Image": (["URL text!", "Filename text", "Length int8", "MD5 text", "Visit text"], []),
    "Subject_Image": (["Subject text!", "Image text!"], [["Subject", "Image"]]),
}
START = 1_000_000
"""The moment of the first rows; every phase comes one later."""


def column(text: str, number: int) -> Column:
    """A column from `name type [base]`, with `!` after the type for not null and `[]` for an array."""
    name, typename, *base = text.split()
    nullok = not typename.endswith("!")
    typename = typename.rstrip("!")
    array = typename.endswith("[]")
    of = Type(typename, base[0] if base else typename.removesuffix("[]"), array, {"typename": typename})
    return Column(f"C{number}", name.replace("_", " ") if name == "Full_Name" else name, of, f"c{number}", nullok)


def table(name: str, columns: list[str], keys: list[list[str]]) -> Table:
    """A table of the schema `eye`."""
    made = Table(f"T-{name}", "eye", name, f"t {name}")
    made.columns = [column(text, number) for number, text in enumerate(SYSTEM + columns)]
    made.keys = [
        Key(f"K-{name}-{'_'.join(k)}", ("eye", f"{name}_{'_'.join(k)}_key"), tuple(k)) for k in [["RID"], *keys]
    ]
    return made


def foreign_key(name: str, columns: list[str], target: str, target_columns: list[str]) -> ForeignKey:
    """A foreign key inside the schema."""
    return ForeignKey(f"F-{name}", ("eye", name), tuple(columns), "eye", target, tuple(target_columns))


def model(phase: int) -> Model:
    """The schema as it was in a phase of the recording; 0 is before the tables."""
    made = Model(acls={"owner": ["test1"], "enumerate": ["*"], "select": ["*"]})
    if phase == 0:
        return made
    made.schemas["eye"] = Schema("S-eye", "eye")
    tables = made.schemas["eye"].tables
    for name, (columns, keys) in TABLES.items():
        tables[name] = table(name, columns, keys)
    if phase >= 3:
        tables["Subject"].foreign_keys = [foreign_key("Subject_Species_fkey", ["Species"], "Species", ["Name"])]
        tables["Visit"].foreign_keys = [
            foreign_key("Visit_Subject_fkey", ["Subject"], "Subject", ["RID"]),
            foreign_key("Visit_Room_fkey", ["Site", "Room"], "Site Room", ["Site", "Room"]),
        ]
    if phase >= 5:
        tables["Subject"].acls["select"] = []
        tables["Subject"].acl_bindings["alive"] = {
            "types": ["select"],
            "scope_acl": ["*"],
            "projection": [{"filter": "Alive", "operand": True}, "RID"],
            "projection_type": "nonnull",
        }
    if phase >= 6:
        tables["Image"].acls["select"] = []
    if phase >= 7:
        tables["Image"].acls["enumerate"] = []
    return made


class Store:
    """As much of a store as the tests need: tables and row versions after model.py's layout."""

    def __init__(self, connection: sqlite3.Connection, of: Model) -> None:
        self.connection = connection
        self.now = START
        for made in of.tables():
            columns = ", ".join(f'"{c.phys}" {affinity(c.type)}' for c in made.columns)
            connection.execute(
                f'CREATE TABLE "{made.phys}" (_id INTEGER PRIMARY KEY, _from INTEGER NOT NULL, _to INTEGER, {columns})'
            )
            for number, key in enumerate(made.keys):
                names = ", ".join(f'"{must(made, name).phys}"' for name in key.columns)
                connection.execute(
                    f'CREATE UNIQUE INDEX "{made.phys} {number}" ON "{made.phys}" ({names}) WHERE _to IS NULL'
                )
            rid = must(made, "RID").phys
            connection.execute(f'CREATE INDEX "{made.phys} history" ON "{made.phys}" ("{rid}", _from)')
        compiler.register(connection)

    def insert(self, into: Table, rows: list[list[Any]]) -> None:
        """Add rows, in the order of the table's columns."""
        marks = ", ".join("?" * (len(into.columns) + 1))
        names = ", ".join(f'"{c.phys}"' for c in into.columns)
        statement = f'INSERT INTO "{into.phys}" (_from, {names}) VALUES ({marks})'
        self.connection.executemany(statement, [(self.now, *row) for row in rows])

    def update(self, of: Table, where: dict[str, Any], change: dict[str, Any]) -> None:
        """Change rows: close their versions, add new ones."""
        for row in self._close(of, where):
            self.insert(of, [[change.get(c.name, row[i]) for i, c in enumerate(of.columns)]])

    def delete(self, of: Table, where: dict[str, Any]) -> None:
        """Delete rows."""
        self._close(of, where)

    def _close(self, of: Table, where: dict[str, Any]) -> list[tuple[Any, ...]]:
        condition = " AND ".join(f'"{must(of, name).phys}" = ?' for name in where)
        names = ", ".join(f'"{c.phys}"' for c in of.columns)
        live = f'FROM "{of.phys}" WHERE _to IS NULL AND {condition}'
        rows = self.connection.execute(f"SELECT {names} {live} ORDER BY _id", list(where.values())).fetchall()
        self.connection.execute(
            f'UPDATE "{of.phys}" SET _to = ? WHERE _to IS NULL AND {condition}', [self.now, *where.values()]
        )
        return rows


def affinity(of: Type) -> str:
    """What the store declares a column as."""
    if of.array:
        return "TEXT"
    return {
        "int2": "INTEGER",
        "int4": "INTEGER",
        "int8": "INTEGER",
        "boolean": "INTEGER",
        "float4": "REAL",
        "float8": "REAL",
    }.get(of.base, "TEXT")


def must(of: Table, name: str) -> Column:
    """The column of that name."""
    found = of.column(name)
    assert found is not None, name
    return found


def eye_study(connection: sqlite3.Connection, phase: int) -> Model:
    """Make the catalog in a database, as it was in a phase; give its schema."""
    now = model(max(phase, 1))
    tables = now.schemas["eye"].tables
    store = Store(connection, now)
    for name, rows in json.loads((DATA / "rows.json").read_text(encoding="utf-8")).items():
        store.insert(tables[name], rows)
    if phase >= 2:
        store.now = START + 2
        store.update(tables["Subject"], {"Species": "extinct"}, {"Species": None})
    if phase >= 3:
        store.now = START + 3
        store.delete(tables["Visit"], {"Site": "East"})
    if phase >= 4:
        store.now = START + 4
        changes = {"Age": 99, "Weight": 1.5, "Born": None, "Tags": None, "Meta": '{"z": 1}', "Alive": None}
        store.update(tables["Subject"], {"RID": "1YP"}, {**changes, "Species": "mouse"})
        store.update(tables["Subject"], {"RID": "1YR"}, {"Age": 50, "Weight": None})
        store.update(tables["Subject"], {"Name": "S03"}, {"Name": "S03b"})
        store.now = START + 5
        when = "2026-11-21T00:12:48.948855+00:00"
        later = ["9-AABP", when, when, "test1", "test1", "later", None, None, None, "[]", None, None, None]
        store.insert(tables["Subject"], [later])
    return now if phase else model(0)


SNAPSHOTS = {"snap0": (START - 1, 0), "snap1": (START + 4, 4)}
"""The captured snapshots: their moment, and the phase of the schema then."""


def read(
    connection: sqlite3.Connection,
    of: Model,
    resource: str,
    client: Client = ADMIN,
    media: str = render.JSON,
    at: int | None = None,
) -> bytes:
    """The body of the answer to a GET of `api/path?query`."""
    api, _, rest = resource.partition("/")
    path, _, query = rest.partition("?")
    compiled = compiler.select(url.parse(api, path, query), of, client, at)
    return b"".join(render.rows(compiled, connection.cursor(), media))
