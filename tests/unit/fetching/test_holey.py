"""Files of a bag are left to servers, each only after its server has answered for it, and brought back."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import pytest
from aiohttp import web
from test_materialize import LARGE, Server, fetch, server

from bag_maker import make_bag, tree
from satchel.core.errors import SatchelError
from satchel.core.fetching import holey
from satchel.core.fetching.request import HoleyRequest, HoleyResult
from satchel.core.jobs.state import local_context
from small_bags import judge, put

__all__ = ["server"]
FILES = {"data/a": b"a", "data/sub/b c%": b"bb" * 50, "data/sub/large": LARGE}


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return make_bag(tmp_path / "bag", FILES)


async def leave(bag: Path, server: Server, **how: object) -> HoleyResult:
    if not how.get("table"):
        how.setdefault("url", server.url("/files/"))
    request = HoleyRequest(path=str(bag), access=server.served.access, **how)  # type: ignore[arg-type]
    return await holey.run(request, local_context(bag.parent / "context"))


def serve_all(server: Server, files: dict[str, bytes] = FILES) -> None:
    server.files.update({f"/files/{path.removeprefix('data/')}": content for path, content in files.items()})


@pytest.mark.parametrize("read", [False, True])
async def test_there_and_back(server: Server, bag: Path, read: bool) -> None:
    serve_all(server)
    result = await leave(bag, server, read=read)
    assert (result.files, result.bytes, result.stayed, result.problems) == (3, sum(map(len, FILES.values())), 0, ())
    assert tree(bag / "data") == {}
    found = await asyncio.to_thread(judge, bag)
    assert (found.sound, found.remote, found.warnings) == (True, 3, ())
    assert {request.method for request in server.asked} == ({"HEAD", "GET"} if read else {"HEAD"})
    back = await fetch(bag, server, full=True, hosts=(server.served.host,))
    assert (back.full, back.valid) == (True, True)
    assert tree(bag / "data") == {path.removeprefix("data/"): content for path, content in FILES.items()}
    found = await asyncio.to_thread(judge, bag)
    assert (found.valid, found.complete, found.warnings) == (True, True, ())


async def test_only_what_is_asked_for_goes(server: Server, bag: Path) -> None:
    serve_all(server)
    result = await leave(bag, server, only=("sub/*",), smallest=1000)
    assert (result.files, result.stayed) == (1, 2)
    assert sorted(tree(bag / "data")) == ["a", "sub/b c%"]
    again = await leave(bag, server, only=("a",))
    assert again.files == 1
    assert [line.split()[2] for line in (bag / "fetch.txt").read_text().splitlines()] == ["data/sub/large", "data/a"]
    assert (await asyncio.to_thread(judge, bag)).sound


async def test_what_the_server_does_not_have_stays(server: Server, bag: Path) -> None:
    serve_all(server, {"data/a": b"other", "data/sub/large": LARGE})
    before = tree(bag / "data")
    result = await leave(bag, server)
    assert (result.files, result.problem_count) == (1, 2)
    assert [(p.path, p.code) for p in result.problems] == [("data/a", "length"), ("data/sub/b c%", "not-found")]
    del before["sub/large"]
    assert tree(bag / "data") == before
    assert (await asyncio.to_thread(judge, bag)).sound


async def test_another_file_of_the_same_length_is_seen_by_what_the_server_says_or_by_reading(
    server: Server, bag: Path
) -> None:
    serve_all(server, {**FILES, "data/a": b"x"})

    async def told(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x", headers={"Content-SHA256": hashlib.sha256(b"x").hexdigest()})

    server.special["/files/a"] = told
    result = await leave(bag, server, only=("a",))
    assert [(p.path, p.code, result.files) for p in result.problems] == [("data/a", "checksum", 0)]
    del server.special["/files/a"]
    result = await leave(bag, server, only=("a",), read=True)
    assert [(p.path, p.code, result.files) for p in result.problems] == [("data/a", "checksum", 0)]
    assert (bag / "data/a").read_bytes() == b"a"
    assert not (bag / "fetch.txt").exists()
    assert [name for name in tree(bag) if name.startswith(".")] == []


async def test_a_file_that_was_changed_here_stays(server: Server, bag: Path) -> None:
    serve_all(server)
    (bag / "data/a").write_bytes(b"y")
    result = await leave(bag, server)
    assert [(p.path, p.code, result.files) for p in result.problems] == [("data/a", "checksum", 2)]
    assert (bag / "data/a").read_bytes() == b"y"


async def test_addresses_come_from_a_list(server: Server, bag: Path, tmp_path: Path) -> None:
    server.files.update({"/1": b"a", "/2": LARGE})
    urls = {"a": server.url("/1"), "sub/large": server.url("/2"), "not/in/it": server.url("/3")}
    (tmp_path / "list").write_text("\n".join(json.dumps({"filename": f, "url": u}) for f, u in urls.items()))
    result = await leave(bag, server, table=str(tmp_path / "list"), hosts=(server.served.host,))
    assert (result.files, result.stayed) == (2, 1)
    back = await fetch(bag, server, hosts=(server.served.host,))
    assert (back.complete, back.valid) == (True, True)


async def test_an_old_bag_keeps_its_form(server: Server, tmp_path: Path) -> None:
    bag = put(tmp_path / "bag", {"data/50%": b"1"}, version="0.97", manifest="{data/50%}  data/50%\n")
    server.files["/files/50%"] = b"1"
    assert (await leave(bag, server)).files == 1
    assert (bag / "fetch.txt").read_text().endswith("/files/50%25 1 data/50%\n")
    assert (await fetch(bag, server, hosts=(server.served.host,))).complete


async def test_a_list_leads_nowhere_on_this_computer_unless_it_is_allowed(
    server: Server, bag: Path, tmp_path: Path
) -> None:
    serve_all(server)
    (tmp_path / "list").write_text(f"filename,url\na,{server.url('/files/a')}\n")
    request = HoleyRequest(path=str(bag), table=str(tmp_path / "list"))
    result = await holey.run(request, local_context(bag.parent / "context"))
    assert {problem.code for problem in result.problems} == {"private-address"}
    assert server.asked == []


async def test_what_makes_no_sense_is_refused(server: Server, bag: Path, tmp_path: Path) -> None:
    with pytest.raises(SatchelError, match="Where the files are is missing"):
        await leave(bag, server, url="")
    (bag / ".satchel-fetch").mkdir()
    with pytest.raises(SatchelError, match="was not finished"):
        await leave(bag, server)
