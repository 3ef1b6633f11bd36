"""Pages of a source that is slow, or gives what was not asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from catalog_maker import T, gathered_of
from satchel.core.clone.gate import Gate
from satchel.core.clone.plan import make_plan
from satchel.core.clone.request import CloneRequest
from satchel.core.clone.source import ServerSource
from satchel.core.deriva.reach import solve
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.request import Offers

ROWS = 700


class SlowCatalog:
    """Answers a query for a table's rows, and cuts off those that ask for many."""

    host = "slow.example.org"

    def __init__(self, rows: list[dict[str, Any]], most: int) -> None:
        self.rows = rows
        self.most = most
        self.asked: list[int] = []

    async def read(self, query: str, accept: str) -> bytes:
        assert accept == "application/json"
        limit = int(re.search(r"limit=(\d+)", query)[1])  # type: ignore[index]
        after = re.search(r"@after\(([^)]*)\)", query)
        self.asked.append(limit)
        if limit > self.most:
            raise SatchelError(
                Kind.SERVER, "cut off", "", "400 Request malformed. Detail: Query run time limit exceeded.\n/x"
            )
        begin = next(n for n, row in enumerate(self.rows) if row["RID"] == after[1]) + 1 if after else 0
        return json.dumps(self.rows[begin : begin + limit]).encode()


def item(n: int) -> dict[str, Any]:
    return {"RID": f"1-{n:04}", "RCT": "t", "RMT": "m", "RCB": None, "RMB": None, "Root": "R", "Text": f"row {n}"}


async def copied(catalog: SlowCatalog, folder: Path) -> list[str]:
    tables = {
        "s:Root": T(rows=[{"RID": "R"}]),
        "s:Item": T(columns=["Root", "Text"], refs=[(("Root",), "s:Root", ("RID",))], rows=catalog.rows),
    }
    gathered = gathered_of(tables, "s:Root", "R", Offers(), folder / "r.sqlite", everything=False)
    try:
        with solve(gathered, Offers()) as reached:
            plan = make_plan(CloneRequest(host="h", catalog="1", rid="R"), gathered, reached, [])
            (table,) = [table for table in plan.tables if table.name.table == "Item"]
            source = ServerSource(catalog, gathered, reached, Gate(2), lambda _: None)  # type: ignore[arg-type]
            found: list[str] = []
            async for part in source.parts(table, 0):
                page = await part.read()
                assert [row["RID"] for row in json.loads(page.body)] == page.rids
                found += page.rids
            return found
    finally:
        gathered.close()


async def test_f5_a_page_that_takes_too_long_is_read_in_parts_and_no_row_is_missed(tmp_path: Path) -> None:
    catalog = SlowCatalog([item(n) for n in range(ROWS)], most=100)
    assert await copied(catalog, tmp_path) == [row["RID"] for row in catalog.rows]
    assert max(catalog.asked) > 100, "it began with more"


async def test_f5_a_server_that_cannot_give_a_single_row_ends_the_clone(tmp_path: Path) -> None:
    with pytest.raises(SatchelError) as caught:
        await copied(SlowCatalog([item(n) for n in range(20)], most=0), tmp_path)
    assert "time limit" in caught.value.detail
