"""Making assets local, between two sandboxes."""

from __future__ import annotations

import asyncio
import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from catalog_maker import T
from sandbox_catalog import make, session_of
from sandbox_process import SandboxProcess, environment
from satchel.core.clone.localize import run
from satchel.core.clone.localize_request import LocalizeRequest, LocalizeResult
from satchel.core.deriva import hatrac_write
from satchel.core.deriva.session import Session
from satchel.core.errors import SatchelError
from satchel.core.jobs.request import Access
from satchel.core.jobs.state import local_context
from tls_server import serve
from two_sites import access, md5, put, read, row

IMAGES = "eye:Image"


def body(n: int, size: int = 100) -> bytes:
    return (f"asset {n} ".encode() * (size // 8 + 1))[:size]


async def catalog_with(session: Session, rows: list[dict[str, Any]], *, unique: bool = True) -> str:
    keys = (("URL",),) if unique else ()
    return await make(session, {IMAGES: T(("Note",), keys=keys, asset=True, rows=rows)})


async def rows_of(session: Session, catalog: str) -> dict[str, dict[str, Any]]:
    path = f"/ermrest/catalog/{catalog}/entity/eye:Image@sort(RID)"
    found = (await session.request("GET", path, accept="application/json")).json()
    return {r["RID"]: r for r in found}


def request(sandbox: SandboxProcess, catalog: str, where: Any, **more: Any) -> LocalizeRequest:
    return LocalizeRequest(host=sandbox.host, catalog=catalog, table=IMAGES, access=where, **more)


async def localize(asked: LocalizeRequest, folder: Path) -> LocalizeResult:
    context = local_context(folder)
    return await run(asked, context)


async def test_all_assets_come_here_verified(sandbox, empty_sandbox, tmp_path):
    bodies = {f"1-{n:04d}": body(n) for n in range(40)}
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        rows = [
            row(rid, f"https://{source.host}{await put(source, f'/hatrac/from/{rid}.bin', data)}", data, f"{rid}.bin")
            for rid, data in bodies.items()
        ]
        catalog = await catalog_with(session, rows)
        audit = tmp_path / "audit.csv"
        where = access(tmp_path, sandbox, empty_sandbox)
        found = await localize(request(sandbox, catalog, where, audit=str(audit)), tmp_path / "job")
        assert (found.processed, found.skipped, found.failed) == (40, 0, 0)
        assert found.source_hosts == (empty_sandbox.host,)
        after = await rows_of(session, catalog)
        old = {r["RID"]: r["URL"] for r in rows}
        for rid, data in bodies.items():
            assert after[rid]["URL"].startswith("/hatrac/Image/")
            assert await read(session, after[rid]["URL"]) == data
            assert after[rid]["MD5"] == md5(data)
        with audit.open(newline="") as file:
            told = list(csv.reader(file))
        assert told[0] == ["RID", "old URL", "new URL"]
        assert {tuple(line) for line in told[1:]} == {(rid, old[rid], after[rid]["URL"]) for rid in bodies}
        assert {tuple(t) for t in found.localized} == {tuple(line) for line in told[1:]}
        # Again: nothing is left to do, and nothing is changed.
        again = await localize(request(sandbox, catalog, where), tmp_path / "again")
        assert (again.processed, again.skipped_why, again.failed) == (0, {"local": 40}, 0)
        assert await rows_of(session, catalog) == after


async def test_dry_run_changes_nothing(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        url = f"https://{source.host}{await put(source, '/hatrac/dry/a.bin', b'one')}"
        catalog = await catalog_with(session, [row("1-AAAA", url, b"one", "a.bin")])
        before = await rows_of(session, catalog)
        where = access(tmp_path, sandbox, empty_sandbox)
        audit = tmp_path / "audit.csv"
        found = await localize(request(sandbox, catalog, where, dry_run=True, audit=str(audit)), tmp_path / "job")
        assert (found.processed, found.skipped, found.failed, found.dry_run) == (1, 0, 0, True)
        assert await rows_of(session, catalog) == before
        assert audit.read_text().splitlines() == ["RID,old URL,new URL", f"1-AAAA,{url},"]


async def test_what_is_left_as_it_is(sandbox, empty_sandbox, tmp_path):
    """Addresses of other kinds, none, the server's own; rows that are not there."""
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        good = f"https://{source.host}{await put(source, '/hatrac/left/a.bin', b'one')}"
        mine = await put(session, "/hatrac/left/mine.bin", b"mine")
        rows = [
            row("1-AAA1", good, b"one", "a.bin"),
            row("1-AAA2", "ftp://example.org/hatrac/x", b"x"),
            row("1-AAA3", "s3://bucket/hatrac/x", b"x"),
            row("1-AAA4", f"https://{source.host}/elsewhere/x", b"x"),
            row("1-AAA5", f"https://{source.host}/x/hatrac/y", b"x"),
            row("1-AAA6", mine, b"mine"),
            row("1-AAA7", f"https://{session.host.upper()}{mine}", b"mine"),
            {"RID": "1-AAA8", "URL": None, "Filename": "none"},
            row("1-AAA9", "file:///etc/passwd", b"x"),
        ]
        catalog = await catalog_with(session, rows)
        where = access(tmp_path, sandbox, empty_sandbox)
        wanted = (*(r["RID"] for r in rows), "1-ZZZZ")
        found = await localize(request(sandbox, catalog, where, rids=wanted), tmp_path / "job")
        assert (found.processed, found.failed, found.skipped) == (1, 0, 9)
        assert found.skipped_why == {"local": 2, "no-such-row": 1, "no-url": 1, "not-hatrac": 5}
        after = await rows_of(session, catalog)
        assert {rid for rid, r in after.items() if r["URL"] != {x["RID"]: x["URL"] for x in rows}[rid]} == {"1-AAA1"}


async def test_relative_addresses_belong_to_the_source_host_that_is_named(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        theirs = await put(source, "/hatrac/rel/theirs.bin", b"theirs")
        mine = await put(session, "/hatrac/rel/mine.bin", b"mine")
        catalog = await catalog_with(session, [row("1-AAA1", theirs, b"theirs"), row("1-AAA2", mine, b"mine")])
        where = access(tmp_path, sandbox, empty_sandbox)
        none = await localize(request(sandbox, catalog, where), tmp_path / "none")
        assert (none.processed, none.skipped_why) == (0, {"local": 2})
        asked = request(sandbox, catalog, where, source_host=empty_sandbox.host, namespace="/hatrac/brought/here")
        found = await localize(asked, tmp_path / "job")
        assert (found.processed, found.skipped_why, found.failed) == (1, {"local": 1}, 0)
        after = await rows_of(session, catalog)
        assert after["1-AAA1"]["URL"].startswith("/hatrac/brought/here/")
        assert await read(session, after["1-AAA1"]["URL"]) == b"theirs"
        assert after["1-AAA2"]["URL"] == mine
        # They are relative now, and still nothing is brought twice.
        again = await localize(asked, tmp_path / "again")
        assert (again.processed, again.skipped_why) == (0, {"local": 2})


async def test_equal_bytes_and_names_get_an_address_each(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        rows = [
            row(
                f"1-AAA{n}",
                f"https://{source.host}{await put(source, f'/hatrac/twice/{n}/a.bin', b'same')}",
                b"same",
                "a",
            )
            for n in (1, 2, 3)
        ]
        catalog = await catalog_with(session, rows)
        found = await localize(request(sandbox, catalog, access(tmp_path, sandbox, empty_sandbox)), tmp_path / "job")
        assert (found.processed, found.failed) == (3, 0)
        assert len({r["URL"] for r in (await rows_of(session, catalog)).values()}) == 3


async def test_bytes_that_are_not_what_the_row_says_stay_away(sandbox, empty_sandbox, tmp_path):
    """Wrong checksum, wrong length, no object: told, the others are brought, and the rows keep their address."""
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        base = f"https://{source.host}"
        rows = [
            row("1-AAA1", base + await put(source, "/hatrac/bad/1.bin", b"right"), b"right", "1.bin"),
            {**row("1-AAA2", base + await put(source, "/hatrac/bad/2.bin", b"wrong"), b"right"), "Length": 5},
            {**row("1-AAA3", base + await put(source, "/hatrac/bad/3.bin", b"longer"), b"longer"), "Length": 5},
            row("1-AAA4", f"{base}/hatrac/bad/none.bin", b"none"),
        ]
        catalog = await catalog_with(session, rows)
        where = access(tmp_path, sandbox, empty_sandbox)
        found = await localize(request(sandbox, catalog, where), tmp_path / "job")
        assert (found.processed, found.failed) == (1, 3)
        assert found.failed_why == {"checksum": 1, "length": 1, "missing": 1}
        assert len(found.errors) == 3
        after = await rows_of(session, catalog)
        assert [after[r["RID"]]["URL"] == r["URL"] for r in rows] == [False, True, True, True]
        assert await session.request("GET", "/hatrac/Image", accept="application/json")
        # What was wrong is put right, and the same command brings it.
        await put(source, "/hatrac/bad/none.bin", b"none")
        later = await localize(request(sandbox, catalog, where, rids=("1-AAA4",)), tmp_path / "later")
        assert (later.processed, later.failed) == (1, 0)


async def test_large_files_go_in_chunks(sandbox, empty_sandbox, tmp_path):
    """With and without checksums, and one whose last chunk is whole."""
    sizes = {"1-AAA1": 1_000_001, "1-AAA2": 1_048_576, "1-AAA3": 350_000, "1-AAA4": 7_000_000}
    bodies = {rid: bytes(range(256)) * (size // 256) + b"x" * (size % 256) for rid, size in sizes.items()}
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        rows = [
            row(rid, f"https://{source.host}{await put(source, f'/hatrac/big/{rid}.bin', data)}", data, f"{rid}.bin")
            for rid, data in bodies.items()
        ]
        rows[2].update(MD5=None, Length=None)
        catalog = await catalog_with(session, rows)
        where = access(tmp_path, sandbox, empty_sandbox)
        asked = request(sandbox, catalog, where, chunked_above=300_000, chunk=262_144)
        found = await localize(asked, tmp_path / "job")
        assert (found.processed, found.failed, found.errors) == (4, 0, ())
        after = await rows_of(session, catalog)
        for rid, data in bodies.items():
            answer = await session.request("GET", after[rid]["URL"])
            assert answer.body == data
            assert answer.headers["content-disposition"] == f"filename*=UTF-8''{rid}.bin"


async def test_middling_files_pass_through_the_disk(sandbox, empty_sandbox, tmp_path):
    data = bytes(range(256)) * 20_000  # above what passes through memory
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        url = f"https://{source.host}{await put(source, '/hatrac/mid/a.bin', data, sha256=True)}"
        catalog = await catalog_with(session, [row("1-AAA1", url, data, "ä b/c.bin")])
        where = access(tmp_path, sandbox, empty_sandbox)
        found = await localize(request(sandbox, catalog, where), tmp_path / "job")
        assert (found.processed, found.failed, found.errors) == (1, 0, ())
        assert await read(session, (await rows_of(session, catalog))["1-AAA1"]["URL"]) == data
        assert not list((tmp_path / "job" / "assets").glob("*.part"))


async def test_a_file_that_the_destination_refuses_does_not_keep_the_others_back(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        bodies = {"1-AAA1": b"one", "1-AAA2": b"two"}
        rows = [
            row(
                rid, f"https://{source.host}{await put(source, f'/hatrac/refused/{rid}.bin', data)}", data, f"{rid}.bin"
            )
            for rid, data in bodies.items()
        ]
        catalog = await catalog_with(session, rows)
        where = access(tmp_path, sandbox, empty_sandbox)
        real = hatrac_write.HatracWriter.put

        async def spoilt(self: Any, path: str, content: Any, data: Any, **more: Any) -> str:
            """As on a line that changes bytes of one."""
            return await real(self, path, content, b"oNe" if data == b"one" else data, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hatrac_write.HatracWriter, "put", spoilt)
            found = await localize(request(sandbox, catalog, where), tmp_path / "job")
        assert (found.processed, found.failed_why) == (1, {"refused": 1})
        again = await localize(request(sandbox, catalog, where), tmp_path / "again")
        assert (again.processed, again.failed) == (1, 0)
        now = await rows_of(session, catalog)
        assert [await read(session, now[rid]["URL"]) for rid in bodies] == list(bodies.values())


async def test_somebodys_change_meanwhile_is_not_undone(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        url = f"https://{source.host}{await put(source, '/hatrac/race/a.bin', b'one')}"
        catalog = await catalog_with(session, [row("1-AAA1", url, b"one")])
        where = access(tmp_path, sandbox, empty_sandbox)
        context = local_context(tmp_path / "job")
        from satchel.core.clone import asset_mover

        async def change(*_: Any) -> None:
            path = f"/ermrest/catalog/{catalog}/attributegroup/eye:Image/RID;URL"
            await session.request("PUT", path, json=[{"RID": "1-AAA1", "URL": "/hatrac/other"}])

        moved = asset_mover.Mover.move

        async def slow(self: Any, *arguments: Any) -> str:
            target = await moved(self, *arguments)
            await change()
            return target

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asset_mover.Mover, "move", slow)
            found = await run(request(sandbox, catalog, where), context)
        assert (found.processed, found.failed_why) == (0, {"row-changed": 1})
        assert (await rows_of(session, catalog))["1-AAA1"]["URL"] == "/hatrac/other"


async def test_who_may_not_write_is_told(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        url = f"https://{source.host}{await put(source, '/hatrac/plain/a.bin', b'one')}"
        catalog = await catalog_with(session, [row("1-AAA1", url, b"one")])
        for acl in ("enumerate", "select"):
            await session.request("PUT", f"/ermrest/catalog/{catalog}/acl/{acl}", json=["*"])
        where = access(tmp_path, sandbox, empty_sandbox, who="user")
        with pytest.raises(SatchelError) as error:
            await localize(request(sandbox, catalog, where), tmp_path / "job")
        assert error.value.kind == "not-allowed"
        with pytest.raises(SatchelError, match="no table"):
            await localize(LocalizeRequest(host=sandbox.host, catalog=catalog, table="eye:No", access=where), tmp_path)


async def test_each_server_gets_its_own_credential_and_no_other(sandbox, empty_sandbox, tmp_path):
    """Rows that lead to three servers, of which one redirects to another."""
    data = b"from elsewhere"
    asked: list[tuple[str, dict[str, str]]] = []

    async def answer(incoming: web.Request) -> web.StreamResponse:
        asked.append((incoming.path, {k.lower(): v for k, v in incoming.headers.items()}))
        if incoming.path == "/hatrac/moved.bin":
            raise web.HTTPFound(f"https://{empty_sandbox.host}/hatrac/cred/a.bin")
        return web.Response(body=data)

    stranger = web.Application()
    stranger.router.add_route("*", "/{tail:.*}", answer)
    async with (
        session_of(empty_sandbox) as source,
        session_of(sandbox) as session,
        serve(stranger, tmp_path) as third,
    ):
        theirs = await put(source, "/hatrac/cred/a.bin", data)
        rows = [
            row("1-AAA1", f"https://{source.host}{theirs}", data, "a.bin"),
            row("1-AAA2", f"https://{third.host}/hatrac/b.bin", data, "b.bin"),
            row("1-AAA3", f"https://{third.host}/hatrac/moved.bin", data, "c.bin"),
        ]
        catalog = await catalog_with(session, rows)
        where = access(tmp_path, sandbox, empty_sandbox)
        where = Access(ca=(*where.ca, third.ca), credential=where.credential)
        found = await localize(request(sandbox, catalog, where), tmp_path / "job")
        assert (found.processed, found.failed, found.errors) == (3, 0, ())
        assert {path for path, _ in asked} == {"/hatrac/b.bin", "/hatrac/moved.bin"}
        for _, headers in asked:
            assert not {"cookie", "authorization"} & headers.keys()


def satchel(sandbox: SandboxProcess, home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "satchel", *arguments]
    return subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_command(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        url = f"https://{source.host}{await put(source, '/hatrac/cmd/a.bin', b'one')}"
        catalog = await catalog_with(session, [row("1-AAA1", url, b"one", "a.bin")])
        where = access(tmp_path, sandbox, empty_sandbox)
        trust = [part for ca in where.ca for part in ("--ca", ca)]
        options = [sandbox.host, catalog, IMAGES, *trust, "--credential", str(where.credential), "--json"]
        process = satchel(sandbox, tmp_path / "home", "localize", *options)
        out, errors = await asyncio.to_thread(process.communicate, None, 60)
        assert process.returncode == 0, errors
        found = json.loads(out.splitlines()[-1])
        assert (found["event"], found["processed"], found["skipped"], found["failed"]) == ("result", 1, 0, 0)
        assert found["localized"][0][:2] == ["1-AAA1", url]
