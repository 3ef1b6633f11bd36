"""Rows are read whole, once and in order, however the server behaves and wherever the reading was stopped."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from row_server import RowServer

from catalog_maker import T, gathered_of
from satchel.core.deriva import reach
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.retry import Policy
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export import records
from satchel.core.export.naming import record_paths
from satchel.core.export.records import Done, Records
from satchel.core.export.request import Offers
from satchel.core.jobs.events import Logged
from satchel.core.jobs.state import JobContext
from tls_server import serve

QUICK = Policy(tries=30, first_pause=0.001, longest_pause=0.01)
ODD = ["plain", "a,b", 'say "x"', "two\nlines", "cr\rlf\r\n", "", None, "魚 é", "=1+1", "\t", '"', "\n"]


def study(rows: int = 400) -> dict[str, T]:
    """A root, a table of which only some rows belong to it, a whole one, and an empty one."""
    return {
        "eye:Study": T(rows=[{"RID": "1-A"}, {"RID": "1-B"}]),
        "eye:Some, 魚": T(
            columns=["Study", 'T"ext'],
            refs=[(("Study",), "eye:Study", ("RID",))],
            rows=[
                {"RID": f"2-{n:04}", "Study": "1-A" if n % 3 else "1-B", 'T"ext': ODD[n % len(ODD)]}
                for n in range(rows)
            ],
        ),
        "eye:All": T(
            columns=["Study", "Text\nand more"],
            refs=[(("Study",), "eye:Study", ("RID",))],
            rows=[{"RID": f"3-{n:04}", "Study": "1-A", "Text\nand more": ODD[n % len(ODD)]} for n in range(rows)],
        ),
        "eye:None": T(columns=["Study", "Text"], refs=[(("Study",), "eye:Study", ("RID",))]),
    }


class Reading:
    """An export's reading of rows, as often begun anew as it takes; what is durable is kept from one to the next."""

    def __init__(self, server: RowServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.kept: dict[str, Any] = {}
        self.said: list[str] = []
        self.gathered = gathered_of(server.tables, "eye:Study", "1-A", Offers(), folder / "reach.sqlite")
        self.paths = record_paths([t.name for t in self.gathered.model])

    async def run(self, host: str, access: Any) -> list[Done]:
        def listen(event: Any) -> None:
            if isinstance(event, Logged):
                self.said.append(event.message)

        context = JobContext("1", self.folder, keep=self.kept.__setitem__, kept=self.kept, listener=listen)
        async with Session.open(host, access, credential={}, policy=QUICK) as session:
            with reach.solve(self.gathered, Offers()) as found, context.stage("records", "Read the rows") as stage:
                catalog = Catalog(session, "1", "361-FHRB-PTNM")
                reader = Records(catalog, found, self.folder / "bag", self.paths, ("md5",), context)
                tasks = [asyncio.create_task(reader.read(t, stage.part(str(t.name), t.rows))) for t in found.tables]
                try:
                    done = await asyncio.gather(*tasks)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                assert stage.done == sum(d.rows for d in done), "what was there already counts as done"
                return done

    def files(self) -> dict[str, bytes]:
        return {str(t): (self.folder / "bag" / path).read_bytes() for t, path in self.paths.items()}

    def expected(self) -> dict[str, bytes]:
        found = {}
        for name, table in self.server.tables.items():
            rows = [row for row in table.rows if row.get("Study") == "1-A" or row["RID"] == "1-A"]
            found[name] = self.server.header(name) + self.server.lines(name, rows)
        return found


@asynccontextmanager
async def reading(tmp_path: Path, tables: dict[str, T] | None = None, **faults: Any) -> AsyncIterator[Any]:
    server = RowServer(tables or study(), **faults)
    made = Reading(server, tmp_path)
    try:
        async with serve(server.application, tmp_path) as served:

            async def run() -> list[Done]:
                return await made.run(served.host, served.access)

            yield made, run
    finally:
        made.gathered.close()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pages where there would be one, and a checkpoint behind each."""
    monkeypatch.setattr(records, "FIRST_ROWS", 7)
    monkeypatch.setattr(records, "MOST_ROWS", 20)
    monkeypatch.setattr(records, "CHECKPOINT_SECONDS", -1.0)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("faults", [{}, {"fail": 0.2, "cut": 0.2}], ids=["calm", "faulty"])
async def test_no_row_is_lost_or_doubled(tmp_path: Path, seed: int, faults: dict[str, float]) -> None:
    async with reading(tmp_path, seed=seed, **faults) as (made, run):
        done = await run()
        assert made.files() == made.expected()
        for each in done:
            content = made.expected()[str(each.table)]
            assert (each.entry.length, each.entry.digests["md5"]) == (len(content), hashlib.md5(content).hexdigest())
        assert max(made.server.given.values()) == 1, "what has come is not asked for again"


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("patience", [1, 3, 5, 9, 14, 20])
async def test_reading_goes_on_where_it_was_stopped(tmp_path: Path, patience: int) -> None:
    """It is stopped with requests under way; what had a checkpoint is not read again."""
    async with reading(tmp_path) as (made, run):
        server = made.server
        server.patience = patience
        while True:
            server.requests = 0
            server.enough.clear()
            task = asyncio.create_task(run())
            stopped = asyncio.create_task(server.enough.wait())
            await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                stopped.cancel()
                break
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            safe = {key: kept["rows"] for key, kept in made.kept.items()}
            server.given.clear()
            server.patience += 5
        await task
        assert made.files() == made.expected()
        for name in server.tables:
            rids = [line.split(",")[0] for line in made.expected()[name].decode().split("\n")]
            first = [rid for rid in rids if rid[:2] in ("1-", "2-", "3-")][: safe.get(f"records/{name}", 0)]
            assert [rid for rid in first if server.given[rid]] == []
        server.given.clear()
        await run()
        assert not server.given, "all was there"


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("harm", ["behind", "inside", "shorter", "gone"])
async def test_what_an_interruption_left_is_not_trusted(tmp_path: Path, harm: str) -> None:
    async with reading(tmp_path) as (made, run):
        made.server.patience = 12
        task = asyncio.create_task(run())
        await made.server.enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        made.server.patience = None
        kept = {key.removeprefix("records/"): value for key, value in made.kept.items() if value["rows"]}
        assert kept
        for name in kept:
            path = tmp_path / "bag" / made.paths[next(t for t in made.paths if str(t) == name)]
            content = path.read_bytes()
            match harm:
                case "behind":
                    path.write_bytes(content + b"half a ro")
                case "inside":
                    path.write_bytes(content[:-3] + b"?" + content[-2:])
                case "shorter":
                    path.write_bytes(content[: kept[name]["bytes"] - 1])
                case "gone":
                    path.unlink()
        await run()
        assert made.files() == made.expected()
        damaged = [line for line in made.said if "damaged" in line]
        assert len(damaged) == (0 if harm == "behind" else len(kept))


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("always", [False, True])
async def test_a_page_with_other_rows_than_asked_for_is_asked_for_again_and_never_kept(
    tmp_path: Path, always: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "CHECK_TRIES", 3)
    async with reading(tmp_path) as (made, run):
        spoiled = 0

        def spoil(name: str, page: bytes) -> bytes:
            nonlocal spoiled
            if name != "eye:All" or b"\n3-0100," not in page or (spoiled and not always):
                return page
            spoiled += 1
            return page.replace(b"\n3-0100,", b"\n3-0999,")

        made.server.spoil = spoil
        if not always:
            await run()
            assert made.files() == made.expected()
            assert any("'3-0999' where '3-0100' was expected" in line for line in made.said)
            return
        with pytest.raises(SatchelError) as caught:
            await run()
        assert caught.value.kind is Kind.SERVER
        assert "eye:All" in caught.value.message
        assert "'3-0999' where '3-0100' was expected" in caught.value.message
        assert b"3-0999" not in made.files()["eye:All"]
        made.server.spoil = lambda _name, page: page
        await run()
        assert made.files() == made.expected()


@pytest.mark.usefixtures("small_pages")
async def test_columns_that_change_in_mid_table_are_told(tmp_path: Path) -> None:
    async with reading(tmp_path) as (made, run):
        made.server.spoil = lambda name, page: (
            page.replace(b"RCB", b"XXX", 1) if name == "eye:All" and b"\n3-0300," in page else page
        )
        with pytest.raises(SatchelError, match="its columns are not those of the pages before"):
            await run()
