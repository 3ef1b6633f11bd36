"""Assets: where they go whatever they are called, what is believed of them, and to whom no token goes."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from catalog_maker import T, model_of
from satchel.core.bags.writer import Entry, Inventory
from satchel.core.deriva.hatrac import Hatrac
from satchel.core.deriva.model import Table
from satchel.core.deriva.names import TableName
from satchel.core.deriva.retry import Policy
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.assets import Asset, Assets, listed, part_of
from satchel.core.export.request import AssetProblem
from satchel.core.jobs.request import Access
from satchel.core.jobs.state import JobContext
from tls_server import Served, serve

QUICK = Policy(tries=8, first_pause=0.001, longest_pause=0.01)
TOKEN = "Bearer only-for-home"
FOLDER = "data/assets/Image"


def table() -> Table:
    return model_of({"eye:Image": T(asset=True)}).tables[TableName("eye", "Image")]


def found(tmp_path: Path, *rows: dict[str, str]) -> list[Asset]:
    """What is found in a table's file with these rows."""
    records = tmp_path / "records.csv"
    with records.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["RID", "URL", "Filename", "Length", "MD5"])
        writer.writeheader()
        writer.writerows(rows)
    assets = list(listed(table(), records, FOLDER))
    assert all(isinstance(asset, Asset) for asset in assets)
    return [asset for asset in assets if isinstance(asset, Asset)]


# -- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("a.png", "a.png"),
        ("../x", "_x"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("C:\\Windows\\x.dll", "C__Windows_x.dll"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("..", "1-A"),
        (" . ", "1-A"),
        ("a\nb\0c.png", "a_b_c.png"),
        ("50%20.png", "50_20.png"),
        ("~root", "_root"),
        ("e\u0301.png", "é.png"),
        ("\u202egnp.exe", "_gnp.exe"),
    ],
)
def test_a_hostile_name_is_one_harmless_one(tmp_path: Path, name: str, becomes: str) -> None:
    (asset,) = found(tmp_path, {"RID": "1-A", "URL": "/hatrac/x", "Filename": name})
    assert asset.path == f"{FOLDER}/1-A/{becomes}"


@given(st.lists(st.tuples(st.text(max_size=300), st.text(min_size=1, max_size=60)), max_size=6))
def test_no_name_leaves_its_folder_and_no_two_files_meet(tmp_path_factory: pytest.TempPathFactory, pairs) -> None:
    """Two rows have different RIDs, whatever these look like; no file system may take their files for one."""
    rows = {
        rid: {"RID": rid, "URL": "/hatrac/x", "Filename": name}
        for name, rid in pairs
        if "\0" not in name + rid and not any("\ud800" <= c <= "\udfff" for c in name + rid)
    }
    assets = found(tmp_path_factory.mktemp("names"), *rows.values())
    assert len(assets) == len(rows)
    for asset in assets:
        parts = PurePosixPath(asset.path).parts
        assert parts[:3] == ("data", "assets", "Image")
        assert len(parts) == 5
        for part in parts[3:]:
            assert part not in (".", "..")
            assert len(part.encode()) <= 255
            assert not set(part) & set('\\:*?"<>|\n\r\0%')
    folded = {unicodedata.normalize("NFKD", asset.path).casefold() for asset in assets}
    assert len(folded) == len(assets)


def test_rids_that_differ_in_case_have_folders_of_their_own(tmp_path: Path) -> None:
    assets = found(tmp_path, *({"RID": rid, "URL": "/hatrac/x", "Filename": "a"} for rid in ("1-A", "1-a", "1-á")))
    assert len({asset.path.casefold() for asset in assets}) == 3


def test_only_what_makes_sense_of_a_row_is_believed(tmp_path: Path) -> None:
    rows: list[dict[str, str]] = [
        {"RID": "1-A", "URL": "", "Filename": "nothing"},
        {"RID": "1-B", "URL": "/hatrac/a/b%20c.png:VERSION", "Length": "12", "MD5": "A" * 32},
        {"RID": "1-C", "URL": "/hatrac/a", "Filename": "c", "Length": "many", "MD5": "not a checksum"},
        {"RID": "1-D", "URL": "https://example.org/x/d.bin?a=/e#/f", "Length": "-1", "MD5": "a" * 31},
    ]
    b, c, d = found(tmp_path, *rows)
    assert (b.length, b.sums) == (12, {"md5": "a" * 32})
    assert b.path == f"{FOLDER}/1-B/b_20c.png"
    assert (c.length, c.sums) == (None, {})
    assert (d.length, d.sums, d.path) == (None, {}, f"{FOLDER}/1-D/d.bin")


# -- fetching -------------------------------------------------------------------------------------------------------


def body_of(number: int) -> bytes:
    return f"body {number} ".encode() * (number * 997 % 4000 + 1)


class Store:
    """Objects `/hatrac/<number>`, with the headers of every request."""

    def __init__(self) -> None:
        self.headers: list[tuple[str, str, dict[str, str]]] = []
        self.change: Callable[[int, bytes], bytes] = lambda _number, body: body
        self.status = 200
        self.cut = 0
        self.redirect = ""
        self.ranges = True
        """Whether it answers well when there is nothing left to give."""
        self.enough = asyncio.Event()
        self.patience: int | None = None
        self.application = web.Application()
        self.application.router.add_route("*", "/{rest:.*}", self.answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.headers.append((request.method, request.path, dict(request.headers)))
        if self.patience is not None and len(self.headers) > self.patience:
            self.enough.set()
            await asyncio.sleep(3600)
        if self.redirect:
            return web.Response(status=302, headers={"Location": self.redirect + request.path})
        if self.status != 200:
            return web.Response(status=self.status, text="no")
        number = int(request.path.rpartition("/")[2])
        body = self.change(number, body_of(number))
        start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start and start >= len(body) and self.ranges:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
        headers = {"ETag": f'"{number}"', "Content-Length": str(len(body) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        if self.cut and not start and len(body) > self.cut:
            await response.write(body[: self.cut])
            request.transport.close()  # type: ignore[union-attr]
            return response
        await response.write(body[start:])
        return response


def asset(number: int, url: str = "/hatrac/{}", **other: Any) -> Asset:
    body = body_of(number)
    known = {"length": len(body), "sums": {"md5": hashlib.md5(body).hexdigest()}, **other}
    return Asset("eye:Image", f"1-{number}", f"{FOLDER}/1-{number}/{number}.bin", url.format(number), **known)


class Fetching:
    """An export's fetching of assets, begun anew as often as it takes."""

    def __init__(self, folder: Path, home: Served, *others: Served) -> None:
        self.folder = folder
        self.bag = folder / "bag"
        self.home = home
        self.access = Access(ca=(home.ca, *(other.ca for other in others)))
        self.done = 0

    async def run(self, *assets: Asset, reference: bool = False) -> tuple[dict[str, Entry], list[AssetProblem]]:
        context = JobContext("1", self.folder)
        inventory = Inventory(self.folder / "inventory.sqlite")
        credential = {"Authorization": TOKEN}
        try:
            async with Session.open(self.home.host, self.access, credential=credential, policy=QUICK) as session:
                work = Assets(Hatrac(session), self.bag, inventory, ("md5", "sha256"), context)
                with context.stage("assets", "Fetch") as stage:
                    await (work.reference if reference else work.fetch)(iter(assets), stage)
                self.done = stage.done
            return {entry.path: entry for entry in inventory}, work.problems
        finally:
            inventory.close()

    def files(self) -> dict[str, bytes]:
        return {p.relative_to(self.bag).as_posix(): p.read_bytes() for p in self.bag.rglob("*") if p.is_file()}


@asynccontextmanager
async def stores(tmp_path: Path, count: int = 1) -> AsyncIterator[tuple[Fetching, list[Store], list[Served]]]:
    made = [Store() for _ in range(count)]
    async with (
        serve(made[0].application, tmp_path) as home,
        serve(made[-1].application, tmp_path) as other,
    ):
        yield Fetching(tmp_path, home, other), made, [home, other]


async def test_what_is_fetched_is_what_the_rows_say(tmp_path: Path) -> None:
    async with stores(tmp_path) as (fetching, (store,), _):
        store.cut = 1000
        wanted = [asset(n) for n in range(60)]
        entries, problems = await fetching.run(*wanted)
    assert problems == []
    assert fetching.done == 60
    assert fetching.files() == {a.path: body_of(n) for n, a in enumerate(wanted)}
    for n, a in enumerate(wanted):
        sums = {"md5": hashlib.md5(body_of(n)).hexdigest(), "sha256": hashlib.sha256(body_of(n)).hexdigest()}
        assert entries[a.path] == Entry(a.path, len(body_of(n)), sums)


@pytest.mark.parametrize("reference", [False, True])
async def test_a_token_goes_to_its_own_host_alone(tmp_path: Path, reference: bool) -> None:
    async with stores(tmp_path, 2) as (fetching, (home, other), (_, away)):
        there = asset(2, f"https://{away.host}/files/{{}}", sums={} if not reference else asset(2).sums, length=None)
        entries, problems = await fetching.run(asset(1), there, reference=reference)
    assert problems == []
    assert len(entries) == 2
    assert [headers.get("Authorization") for _, _, headers in home.headers] == [TOKEN]
    assert len(other.headers) == 1
    assert not {"authorization", "cookie"} & {name.lower() for _, _, headers in other.headers for name in headers}
    if reference:
        assert entries[there.path].url == f"https://{away.host}/files/2"
        assert entries[there.path].length == len(body_of(2))


async def test_a_token_does_not_follow_a_redirect_to_another_host(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (fetching, (home, other), (_, away)):
        home.redirect = f"https://{away.host}"
        entries, problems = await fetching.run(asset(1))
    assert (len(entries), problems) == (1, [])
    assert [headers.get("Authorization") for _, _, headers in home.headers] == [TOKEN]
    assert [headers.get("Authorization") for _, _, headers in other.headers] == [None]


async def test_another_host_that_cannot_be_reached_is_soon_left_alone(tmp_path: Path) -> None:
    async with stores(tmp_path) as (fetching, _, _):
        wanted = [asset(n, "https://localhost:1/{}") for n in range(100)]
        entries, problems = await fetching.run(asset(200), *wanted)
    assert list(entries) == [asset(200).path], "what the catalog's own host has comes nonetheless"
    assert {problem.rid for problem in problems} == {a.rid for a in wanted}
    assert {problem.reason for problem in problems} == {"unusable"}
    untried = [p for p in problems if "its other files were not tried" in p.message]
    assert len(untried) > 50
    assert any("cannot be reached: " in p.message for p in problems)


async def test_the_catalogs_own_host_must_answer(tmp_path: Path) -> None:
    async with stores(tmp_path) as (fetching, (store,), _):
        store.status = 503
        with pytest.raises(SatchelError) as caught:
            await fetching.run(asset(1))
        assert caught.value.kind is Kind.SERVER
        store.status = 200
        entries, problems = await fetching.run(asset(1))
        assert (len(entries), problems) == (1, [])


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "missing"), (410, "missing"), (403, "not-allowed"), (409, "missing"), (400, "unusable")],
)
@pytest.mark.parametrize("reference", [False, True])
async def test_an_asset_that_is_not_given_is_a_problem_of_its_own(
    tmp_path: Path, status: int, reason: str, reference: bool
) -> None:
    async with stores(tmp_path) as (fetching, (store,), _):
        store.status = status
        entries, problems = await fetching.run(asset(1), reference=reference)
    assert entries == {}
    assert [(p.table, p.rid, p.url, p.reason) for p in problems] == [("eye:Image", "1-1", "/hatrac/1", reason)]
    assert problems[0].message.endswith(".")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://example.org/x", "//example.org/x", "x", "https://[", "\n"]
)
@pytest.mark.parametrize("reference", [False, True])
async def test_an_address_that_is_none_is_a_problem_of_its_own(tmp_path: Path, url: str, reference: bool) -> None:
    async with stores(tmp_path) as (fetching, (store,), _):
        entries, problems = await fetching.run(asset(1, url), asset(2), reference=reference)
        assert [path for _, path, _ in store.headers] == ["/hatrac/2"]
    assert list(entries) == [asset(2).path]
    assert [(p.rid, p.reason) for p in problems] == [("1-1", "unusable")]


@pytest.mark.parametrize(
    ("change", "reason", "says"),
    [
        (lambda body: body[:-1] + b"?", "checksum", "has another md5 on the server than its row says"),
        (lambda body: body[:-1], "length", "its row says"),
        (lambda body: body + b"?" * 1_000_000, "length", "has more than"),
        (lambda body: b"", "length", "has 0 bytes on the server"),
    ],
)
async def test_a_file_that_is_not_what_its_row_says_is_not_kept(
    tmp_path: Path, change: Callable[[bytes], bytes], reason: str, says: str
) -> None:
    async with stores(tmp_path) as (fetching, (store,), _):
        store.change = lambda number, body: change(body) if number == 7 else body
        entries, problems = await fetching.run(asset(7), asset(8))
    assert list(entries) == list(fetching.files()) == [asset(8).path]
    assert [(p.rid, p.reason) for p in problems] == [("1-7", reason)]
    assert says in problems[0].message


# -- going on -------------------------------------------------------------------------------------------------------


async def test_what_was_fetched_and_verified_is_not_fetched_again(tmp_path: Path) -> None:
    wanted = [asset(n) for n in range(50)]
    async with stores(tmp_path) as (fetching, (store,), _):
        store.patience = 30
        task = asyncio.create_task(fetching.run(*wanted))
        await store.enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        there = {path for path in fetching.files() if not PurePosixPath(path).name.startswith(".")}
        assert there
        store.patience = None
        store.headers.clear()
        entries, problems = await fetching.run(*wanted)
        assert problems == []
        assert fetching.done == 50
        assert fetching.files() == {a.path: body_of(n) for n, a in enumerate(wanted)}
        assert set(entries) == set(fetching.files())
        asked = {path for _, path, _ in store.headers}
        assert asked == {a.url for a in wanted if a.path not in there}
        store.headers.clear()
        (fetching.bag / wanted[3].path).write_bytes(b"changed since")
        (fetching.bag / wanted[4].path).unlink()
        await fetching.run(*wanted)
        assert sorted(path for _, path, _ in store.headers) == ["/hatrac/3", "/hatrac/4"]
        assert fetching.files() == {a.path: body_of(n) for n, a in enumerate(wanted)}


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("left", ["begin", "other", "longer", "whole"])
async def test_half_a_file_is_gone_on_with_unless_it_was_another_ones(tmp_path: Path, left: str, ranges: bool) -> None:
    number = 3
    body, one = body_of(number), asset(number)
    halves = {"begin": body[:1000], "other": b"x" * 1000, "longer": body + b"!", "whole": body}
    async with stores(tmp_path) as (fetching, (store,), _):
        store.ranges = ranges
        part = part_of(fetching.bag / one.path)
        part.parent.mkdir(parents=True)
        part.write_bytes(halves[left])
        entries, problems = await fetching.run(one)
        assert problems == []
        assert fetching.files() == {one.path: body}
        assert entries[one.path].digests["md5"] == one.sums["md5"]
        assert store.headers[0][2].get("Range") == f"bytes={len(halves[left])}-"
        again = [headers.get("Range") for _, _, headers in store.headers[1:]]
        assert again == ([] if left in ("begin", "whole") else [None])
