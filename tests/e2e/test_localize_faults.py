"""Making assets local while servers fail, connections are cut, and the job is killed."""

from __future__ import annotations

import asyncio
import json
import random
import re
from pathlib import Path

import pytest

from e2e.test_localize import IMAGES, body, catalog_with, localize, request, rows_of, satchel
from sandbox_catalog import session_of
from sandbox_process import SandboxProcess, start_sandbox
from satchel.core.clone.localize import run
from satchel.core.deriva import hatrac_write
from satchel.core.jobs.state import local_context
from two_sites import access, put, read, row


@pytest.mark.slow
async def test_servers_that_fail_and_cut_change_nothing(tmp_path):
    with start_sandbox("--demo", "none") as source_box, start_sandbox("--demo", "none") as dest_box:
        bodies = {f"1-{n:04d}": body(n, 200 + 4000 * (n % 7)) for n in range(60)}
        bodies["1-BIG1"] = random.Random(1).randbytes(1_500_000)
        bodies["1-BIG2"] = random.Random(2).randbytes(6_000_000)
        async with session_of(source_box) as source, session_of(dest_box) as session:
            rows = [
                row(rid, f"https://{source.host}{await put(source, f'/hatrac/f/{rid}.bin', data)}", data, f"{rid}.bin")
                for rid, data in bodies.items()
            ]
            catalog = await catalog_with(session, rows)
        for box in (source_box, dest_box):
            port = box.ready["host"].rpartition(":")[2]
            box.stop()
            box.start("--port", port, "--fail", "0.2", "--cut", "0.1")
        where = access(tmp_path, source_box, dest_box)
        asked = request(dest_box, catalog, where, chunked_above=1_000_000, chunk=300_000)
        found = await localize(asked, tmp_path / "job")
        assert (found.processed, found.failed, found.errors) == (62, 0, ())
        for box in (source_box, dest_box):
            box.restart()
        async with session_of(dest_box) as session:
            after = await rows_of(session, catalog)
            assert len({r["URL"] for r in after.values()}) == 62
            for rid, data in bodies.items():
                assert await read(session, after[rid]["URL"]) == data


async def kill_until_done(box: SandboxProcess, home: Path, arguments: list[str], kills: int) -> dict[str, object]:
    """Run a command, kill it again and again, resume it. Returns its result."""
    chance = random.Random(7)
    for n in range(kills + 1):
        process = satchel(box, home, *arguments)
        if n < kills:
            try:
                await asyncio.wait_for(asyncio.to_thread(process.wait), chance.uniform(0.6, 1.6))
            except TimeoutError:
                process.kill()
        out, errors = await asyncio.to_thread(process.communicate)
        lines = [json.loads(line) for line in out.splitlines() if line.startswith("{") and line.endswith("}")]
        if lines and lines[-1]["event"] == "result":
            return lines[-1]
        jobs = satchel(box, home, "jobs", "list", "--json")
        listed, _ = await asyncio.to_thread(jobs.communicate)
        found = re.search(r'"(?:job|id)": ?"([^"]+)"', listed)
        if found is not None:
            arguments = ["jobs", "resume", found[1], "--json"]
        assert n < kills, errors
    raise AssertionError("not reached")


@pytest.mark.slow
async def test_killed_again_and_again_it_comes_to_the_same(tmp_path):
    with (
        start_sandbox("--demo", "none", "--latency", "20", "--bandwidth", "4") as source_box,
        start_sandbox("--demo", "none") as dest_box,
    ):
        bodies = {f"1-{n:04d}": body(n, 3000) for n in range(300)}
        bodies["1-BIG1"] = random.Random(1).randbytes(9_000_000)
        bodies["1-BIG2"] = random.Random(2).randbytes(5_000_000)
        async with session_of(source_box) as source, session_of(dest_box) as session:
            rows = [
                row(rid, f"https://{source.host}{await put(source, f'/hatrac/k/{rid}.bin', data)}", data, f"{rid}.bin")
                for rid, data in bodies.items()
            ]
            catalog = await catalog_with(session, rows)
            where = access(tmp_path, source_box, dest_box)
            trust = [part for ca in where.ca for part in ("--ca", ca)]
            chunks = ["--chunked-above", "6000000", "--chunk-size", "500000"]
            audit = tmp_path / "audit.csv"
            options = [dest_box.host, catalog, IMAGES, *trust, "--credential", str(where.credential), *chunks]
            options += ["--audit", str(audit), "--json"]
            found = await kill_until_done(dest_box, tmp_path / "home", ["localize", *options], 8)
            assert (found["processed"], found["failed"], found["skipped"]) == (302, 0, 0)
            after = await rows_of(session, catalog)
            assert len({r["URL"] for r in after.values()}) == 302
            for rid, data in bodies.items():
                assert await read(session, after[rid]["URL"]) == data
            assert len(audit.read_text().splitlines()) == 303
            assert not audit.with_name("audit.csv.part").exists()
            # Whatever was killed, no row's file was put up twice.
            listed = (await session.request("GET", "/hatrac/Image", accept="application/json")).json()
            assert len(listed) == 302


async def test_an_upload_goes_on_with_the_first_chunk_that_is_missing(sandbox, empty_sandbox, tmp_path):
    data = random.Random(3).randbytes(2_000_000)
    sent: list[int] = []

    class CutError(Exception):
        """As a kill would end it."""

    real = hatrac_write.HatracWriter.put_chunk

    async def put_chunk(self, job, number, body, md5):  # type: ignore[no-untyped-def]
        if len(sent) == 8:
            raise CutError
        sent.append(number)
        await real(self, job, number, body, md5)

    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        url = f"https://{source.host}{await put(source, '/hatrac/goon/a.bin', data)}"
        catalog = await catalog_with(session, [row("1-AAA1", url, data, "a.bin")])
        where = access(tmp_path, sandbox, empty_sandbox)
        asked = request(sandbox, catalog, where, chunked_above=100_000, chunk=100_000)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hatrac_write.HatracWriter, "put_chunk", put_chunk)
            with pytest.raises(CutError):
                await run(asked, local_context(tmp_path / "job"))
        before, sent[:] = list(sent), []
        with pytest.MonkeyPatch.context() as patch:

            async def count(self, job, number, body, md5):  # type: ignore[no-untyped-def]
                sent.append(number)
                await real(self, job, number, body, md5)

            patch.setattr(hatrac_write.HatracWriter, "put_chunk", count)
            found = await run(asked, local_context(tmp_path / "job"))
        assert (found.processed, found.failed) == (1, 0)
        assert len(before) == 8
        assert min(sent) in (6, 7, 8), "the two that were on their way may be sent again, none before them"
        assert sorted(sent)[-1] == 19
        assert await read(session, (await rows_of(session, catalog))["1-AAA1"]["URL"]) == data


async def test_a_beginning_of_other_bytes_is_not_gone_on_with(sandbox, empty_sandbox, tmp_path):
    """The file at the source changes between two runs; with the row's checksum nothing mixed is ever taken."""
    old, new = random.Random(4).randbytes(1_000_000), random.Random(5).randbytes(1_000_000)

    class CutError(Exception):
        """As a kill would end it."""

    real = hatrac_write.HatracWriter.put_chunk
    sent: list[int] = []

    async def put_chunk(self, job, number, body, md5):  # type: ignore[no-untyped-def]
        if len(sent) == 4:
            raise CutError
        sent.append(number)
        await real(self, job, number, body, md5)

    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        await put(source, "/hatrac/mix/a.bin", old)
        url = f"https://{source.host}/hatrac/mix/a.bin"  # of no version, as some catalogs have them
        catalog = await catalog_with(session, [row("1-AAA1", url, old, "a.bin")])
        where = access(tmp_path, sandbox, empty_sandbox)
        asked = request(sandbox, catalog, where, chunked_above=100_000, chunk=100_000)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hatrac_write.HatracWriter, "put_chunk", put_chunk)
            with pytest.raises(CutError):
                await run(asked, local_context(tmp_path / "job"))
        await put(source, "/hatrac/mix/a.bin", new)
        found = await run(asked, local_context(tmp_path / "job"))
        assert (found.processed, found.failed_why) == (0, {"checksum": 1})
        assert (await rows_of(session, catalog))["1-AAA1"]["URL"] == url
        await put(source, "/hatrac/mix/a.bin", old)
        again = await run(asked, local_context(tmp_path / "job"))
        assert (again.processed, again.failed) == (1, 0)
        assert await read(session, (await rows_of(session, catalog))["1-AAA1"]["URL"]) == old
