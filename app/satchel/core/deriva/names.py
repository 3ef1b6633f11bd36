"""Names of tables as people and URLs write them."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote


class TableName(NamedTuple):
    """A table's full name."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}:{self.table}"

    @property
    def path(self) -> str:
        """The name as ERMrest's URLs want it, every reserved character escaped."""
        return f"{quote(self.schema, safe='')}:{quote(self.table, safe='')}"

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read `schema:table`. Raises ValueError when there is no colon."""
        schema, colon, table = text.partition(":")
        if not (schema and colon and table):
            raise ValueError(f"a table is written schema:table, not {text!r}")
        return cls(schema, table)
