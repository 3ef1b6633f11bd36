"""Reading what the rule needs: once, whole, from one snapshot, through failures, and on after a stop."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from catalog_maker import T
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach import gather, solve
from satchel.core.deriva.reach.store import Store
from satchel.core.deriva.retry import Policy
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.request import Offers
from small_ermrest import SNAPSHOT, SmallErmrest
from tls_server import serve

QUICK = Policy(tries=12, first_pause=0.001, longest_pause=0.01)


def study(observations: int = 1000) -> dict[str, T]:
    return {
        "eye:Subject": T(rows=[{"RID": f"1-{n:04}"} for n in range(10)]),
        "eye:Observation": T(
            columns=["Subject"],
            refs=[(("Subject",), "eye:Subject", ("RID",))],
            rows=[{"RID": f"2-{n:06}", "Subject": f"1-{n % 10:04}"} for n in range(observations)],
        ),
        "eye:Image": T(
            columns=["Observation"],
            asset=True,
            refs=[(("Observation",), "eye:Observation", ("RID",))],
            rows=[
                {"RID": f"3-{n}", "Observation": f"2-{n:06}", "URL": f"/hatrac/{n}" if n % 3 else None, "Length": n}
                for n in range(0, 60)
            ],
        ),
    }


@asynccontextmanager
async def catalog(server: SmallErmrest, folder: Path):
    async with (
        serve(server.application, folder) as served,
        Session.open(served.host, served.access, credential={}, policy=QUICK) as session,
    ):
        yield await Catalog(session, "1").pin()


def content(gathered) -> dict[str, list[tuple[int, str]]]:
    with solve(gathered, Offers()) as found:
        return {str(table.name): list(found.rids(table.name)) for table in found.tables}


async def test_what_is_gathered_gives_the_rows_in_the_servers_order(tmp_path: Path):
    server = SmallErmrest(study())
    async with catalog(server, tmp_path) as there:
        gathered = await gather(there, "1-0003", Offers(), tmp_path / "r", page=64)
    rows = content(gathered)
    assert rows["eye:Observation"] == [(n, f"2-{n:06}") for n in range(3, 1000, 10)]
    assert [rid for _, rid in rows["eye:Image"]] == ["3-13", "3-23", "3-3", "3-33", "3-43", "3-53"]
    with solve(gathered, Offers()) as found:
        images = next(t for t in found.tables if t.name == TableName("eye", "Image"))
        assert (images.rows, images.assets, images.asset_bytes) == (6, 4, 13 + 23 + 43 + 53)
    assert all(f"/catalog/1@{SNAPSHOT}/" in path for path in server.asked if "/attribute/" in path)
    gathered.close()


async def test_failures_and_cuts_lose_and_double_nothing(tmp_path: Path):
    async with catalog(SmallErmrest(study()), tmp_path) as there:
        calm = await gather(there, "1-0003", Offers(), tmp_path / "calm", page=50)
    stormy_server = SmallErmrest(study(), fail=0.2, cut=0.1)
    async with catalog(stormy_server, tmp_path) as there:
        stormy = await gather(there, "1-0003", Offers(), tmp_path / "stormy", page=50)
    assert len(stormy_server.asked) > 35
    assert content(stormy) == content(calm)
    calm.close()
    stormy.close()


async def test_a_stopped_reading_goes_on_where_it_stopped(tmp_path: Path):
    server = SmallErmrest(study())
    async with catalog(server, tmp_path) as there:
        undisturbed = await gather(there, "1-0003", Offers(), tmp_path / "calm", page=10)
        whole = sum("/attribute/" in path for path in server.asked)
        stops = 0
        for server.patience in (20, 40, 60):
            server.asked.clear()
            server.busy.clear()
            task = asyncio.create_task(gather(there, "1-0003", Offers(), tmp_path / "r", page=10))
            await server.busy.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            stops += 1
        server.asked.clear()
        gathered = await gather(there, "1-0003", Offers(), tmp_path / "r", page=10)
        rest = sum("/attribute/" in path for path in server.asked)
        assert stops == 3
        assert rest < whole - 30
        assert content(gathered) == content(undisturbed)
        gathered.close()
        server.asked.clear()
        gathered = await gather(there, "1-0003", Offers(), tmp_path / "r", page=10)
        assert not any("/attribute/" in path for path in server.asked)
        gathered.close()
        undisturbed.close()


async def test_a_file_of_something_else_is_begun_anew(tmp_path: Path):
    tables = study(50)
    async with catalog(SmallErmrest(tables), tmp_path) as there:
        (await gather(there, "1-0003", Offers(), tmp_path / "r")).close()
        narrow = await gather(there, "1-0003", Offers(exclude=("eye:Image",)), tmp_path / "r")
        assert set(content(narrow)) == {"eye:Subject", "eye:Observation"}
        narrow.close()
        (tmp_path / "r").write_bytes(b"not a database" * 100)
        again = await gather(there, "1-0003", Offers(), tmp_path / "r")
        assert len(content(again)["eye:Observation"]) == 5
        again.close()


async def test_only_what_the_choices_need_is_read(tmp_path: Path):
    server = SmallErmrest(study(50))
    async with catalog(server, tmp_path) as there:
        (await gather(there, "1-0003", Offers(exclude=("eye:Observation",)), tmp_path / "r")).close()
    assert not any("Observation" in path or "Image" in path for path in server.asked)


async def test_an_unknown_rid_is_told(tmp_path: Path):
    async with catalog(SmallErmrest(study(10)), tmp_path) as there:
        with pytest.raises(SatchelError) as caught:
            await gather(there, "9-NONE", Offers(), tmp_path / "r")
    assert caught.value.kind is Kind.NOT_FOUND
    assert "another catalog" in caught.value.hint


async def test_a_root_that_a_policy_hides_is_told(tmp_path: Path):
    tables = study(10)
    tables["eye:Subject"].rows[3]["_unseen"] = True
    async with catalog(SmallErmrest(tables), tmp_path) as there:
        with pytest.raises(SatchelError) as caught:
            await gather(there, "1-0003", Offers(), tmp_path / "r")
    assert caught.value.kind is Kind.NOT_ALLOWED


async def test_a_table_that_the_server_refuses_is_named(tmp_path: Path):
    server = SmallErmrest(study(20))
    server.forbidden.add("eye:Image")
    async with catalog(server, tmp_path) as there:
        gathered = await gather(there, "1-0003", Offers(), tmp_path / "r")
    with solve(gathered, Offers()) as found:
        assert [str(hidden) for hidden in found.hidden] == ["eye:Image"]
        assert TableName("eye", "Image") not in {table.name for table in found.tables}
    gathered.close()


async def test_a_count_that_does_not_agree_is_an_error(tmp_path: Path):
    server = SmallErmrest(study(20))
    server.lies["eye:Observation"] = 21
    async with catalog(server, tmp_path) as there:
        with pytest.raises(SatchelError, match="counts 21 rows in eye:Observation but gave 20"):
            await gather(there, "1-0003", Offers(), tmp_path / "r")


async def test_a_full_disk_is_told(tmp_path: Path, monkeypatch):
    async with catalog(SmallErmrest(study(2000)), tmp_path) as there:
        begin = Store._begin

        def tight(self, described):
            begin(self, described)
            self._db.execute("PRAGMA max_page_count = 10")

        monkeypatch.setattr(Store, "_begin", tight)
        with pytest.raises(SatchelError) as caught:
            await gather(there, "1-0003", Offers(), tmp_path / "r", page=500)
    assert caught.value.kind is Kind.DISK_FULL


async def test_a_live_catalog_is_not_gathered_from(tmp_path: Path):
    async with catalog(SmallErmrest(study(5)), tmp_path) as there:
        with pytest.raises(ValueError, match="snapshot"):
            await gather(there.at(None), "1-0003", Offers(), tmp_path / "r")
        with pytest.raises(SatchelError) as caught:
            await there.pin("ZZZ-ZZZZ-ZZZZ")
        assert "future" in caught.value.message
        with pytest.raises(SatchelError) as caught:
            await there.pin("1-0000")
        assert caught.value.kind is Kind.NOT_FOUND
        with pytest.raises(SatchelError) as caught:
            await there.pin("uuu")
        assert caught.value.kind is Kind.USAGE
