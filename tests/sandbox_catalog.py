"""Catalogs of a sandbox, made for one test from tables of `catalog_maker`."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path

from catalog_maker import T, schema_document
from sandbox_process import SandboxProcess
from satchel.core.deriva.names import TableName
from satchel.core.deriva.retry import Policy
from satchel.core.deriva.session import Session
from satchel.core.jobs.request import Access

QUICK = Policy(first_pause=0.005, longest_pause=0.05)
DOMAINS = {"RID": "text", "RCT": "timestamptz", "RMT": "timestamptz", "RCB": "text", "RMB": "text"}


def secret(sandbox: SandboxProcess, who: str = "admin") -> dict[str, str]:
    return {"Cookie": json.loads(Path(sandbox.users).read_text())[who]}


@asynccontextmanager
async def session_of(sandbox: SandboxProcess, who: str = "admin"):
    access = Access(ca=(sandbox.ca,))
    async with Session.open(sandbox.host, access, credential=secret(sandbox, who), policy=QUICK) as session:
        yield session


async def make(session: Session, tables: dict[str, T]) -> str:
    """A catalog with these tables and rows; its number."""
    number = (await session.request("POST", "/ermrest/catalog", json={})).json()["id"]
    path = f"/ermrest/catalog/{number}"
    schemas = schema_document(tables)["schemas"]
    for schema in schemas.values():
        for table in schema["tables"].values():
            table["keys"] = [{"unique_columns": k["unique_columns"], "names": []} for k in table["keys"]]
            for column in table["column_definitions"]:
                column.pop("rights")
                if (name := column["name"]) in DOMAINS:
                    column["type"] = {
                        "typename": f"ermrest_{name.lower()}",
                        "is_domain": True,
                        "base_type": {"typename": DOMAINS[name]},
                    }
            table.pop("rights")
            table.pop("RID")
    late = []
    for schema in schemas.values():
        for table in schema["tables"].values():
            late += [
                {**key, "names": [[schema["schema_name"], f"{table['table_name']}_{n}_fkey"]]}
                for n, key in enumerate(table.pop("foreign_keys"))
            ]
            table["foreign_keys"] = []
    documents = [s for s in schemas.values() if s["schema_name"] != "public"]
    await session.request("POST", f"{path}/schema", json=documents)
    for name, table in tables.items():
        if table.rows:
            columns = {column for row in table.rows for column in row}
            rows = [{column: row.get(column) for column in columns} for row in table.rows]
            escaped = TableName.parse(name).path
            await session.request("POST", f"{path}/entity/{escaped}?nondefaults=RID", json=rows)
    if late:
        await session.request("POST", f"{path}/schema", json=late)
    return number


def ref(column: str, table: str, to: str = "RID"):
    return ((column,), table, (to,))
