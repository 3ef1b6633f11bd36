"""One SQL statement in the making: its parameters, the tables it touches, which row versions it sees, for whom."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Client, Column, Model, Table, Type
from .problems import malformed, unsupported
from .rights import Rights
from .types import Value

MAX_PARAMETERS = 30_000
"""SQLite takes 32,766."""

MAX_TABLES = 60
"""SQLite joins 64."""


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def balanced(operator: str, terms: list[str]) -> str:
    """Terms joined by AND or OR with brackets that keep the expression flat: SQLite limits its depth to 1,000."""
    if len(terms) <= 16:
        return f" {operator} ".join(f"({term})" for term in terms) if len(terms) != 1 else terms[0]
    middle = len(terms) // 2
    return f"({balanced(operator, terms[:middle])}) {operator} ({balanced(operator, terms[middle:])})"


@dataclass(slots=True)
class Batches:
    """The same rows in pieces, for output that comes from one table alone.

    A statement that gives rows one by one takes Python's lock for each, and waits for it as long as another thread
    is busy; these take it once for some hundred rows.
    """

    cells: list[str]
    """The SQL of each output column."""
    source: str
    """The table, as `alias` in the cells."""
    alias: str
    identities: str
    """A statement for the `_id`s of all rows, in their order."""
    wheres: list[str]
    key: str | None
    """Where the rows are all of the table's, ordered by this unique cell: no identities are needed then."""
    descending: bool
    limit: int | None


@dataclass(slots=True)
class Compiled:
    """A statement ready to run.

    Run it with `cursor.execute(sql, params)`; it gives stored values in the order of `columns`. `render.rows` runs it
    by itself, wrapped so that SQLite formats the rows.
    """

    sql: str
    params: dict[str, Value]
    columns: list[tuple[str, Type]]
    """Output names and types. For `targets`: the columns that the URL names, the SQL itself gives only `_id`."""
    tables: list[Table]
    """Every table that is read, those of row policies included."""
    batches: Batches | None = None
    """Another way to the same rows."""
    arrays_as_json: bool = False
    """CSV shows arrays as JSON (`?arrays=json`)."""
    forbidden: str | None = None
    """For `targets`: a statement with the same parameters that gives a row when the client may not change all rows."""
    table: Table | None = None
    """For `targets`: the table whose rows are meant."""


class Statement:
    """Collects what belongs to one statement while it is written."""

    def __init__(self, model: Model, client: Client, at: int | None) -> None:
        self.model = model
        self.client = client
        self.rights = Rights(model, client)
        self.params: dict[str, Value] = {}
        self._at = at
        self._tables: dict[int, Table] = {}
        self._names = 0
        if at is not None:
            self.params["at"] = at

    @property
    def tables(self) -> list[Table]:
        """The tables touched so far."""
        return list(self._tables.values())

    def bind(self, value: Value) -> str:
        """A parameter with this value."""
        name = f"p{len(self.params)}"
        if len(self.params) >= MAX_PARAMETERS:
            raise malformed(f"The URL holds more than {MAX_PARAMETERS} values.")
        self.params[name] = value
        return f":{name}"

    def alias(self, prefix: str) -> str:
        """A table alias not used yet."""
        self._names += 1
        return f"{prefix}{self._names}"

    def source(self, table: Table) -> str:
        """A table's name in SQLite, and a note that it is read."""
        self._tables[id(table)] = table
        if len(self._tables) > MAX_TABLES:
            raise unsupported(f"The sandbox joins at most {MAX_TABLES} tables.")
        return quoted(table.phys)

    def alive(self, alias: str) -> str:
        """The condition that a row version is the one to see.

        The live rows' condition is the one of the partial indexes, word for word; in snapshots the plus signs keep
        SQLite from answering the second half through an index, which is never worth it.
        """
        if self._at is None:
            return f"{alias}._to IS NULL"
        return f"{alias}._from <= :at AND (+{alias}._to IS NULL OR +{alias}._to > :at)"

    @property
    def live(self) -> bool:
        """Whether it reads the rows of now."""
        return self._at is None

    @staticmethod
    def cell(alias: str, column: Column) -> str:
        """A stored column."""
        return f"{alias}.{quoted(column.phys)}"
