"""Completing a bag of 2,000 files of 2 KiB, beside bdbag's resolve-fetch and a bare aiohttp client with 32 connections;
and of 20 files of 50 MiB, beside aria2c.

The server is one process of its own over HTTPS on loopback, first 20 ms away, then at no latency. aria2c verifies a
sha256 of each file, as it is told to; Satchel verifies what the bag has.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bag_maker import make_bag
from bench.figures import python, run, spread, verdict
from satchel.core.bags.writer import Entry, Inventory, write_tags

FILES = 2_000
BYTES = 2_048
LARGE_FILES = 20
LARGE_BYTES = 50 << 20
CASES = ((20, 12.0), (0, 2.0))
"""Milliseconds away, and how many times as fast as bdbag."""


def content(number: int) -> bytes:
    """A file's bytes."""
    return (b"%08d" % number) * (BYTES // 8)


def main(runs: int) -> None:
    """Print the times of all three and their ratios."""
    scratch = Path(tempfile.mkdtemp(prefix="satchel-bench-"))
    try:
        for latency, goal in CASES:
            _case(scratch / f"{latency}", latency, goal, runs)
        _large(scratch / "large", runs)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _server(scratch: Path, latency: int) -> Iterator[tuple[str, str]]:
    """A server's host, and the file of its authority."""
    log = scratch / "server.log"
    with log.open("wb") as errors:
        server = subprocess.Popen(
            python("bench.fetch", "serve", str(scratch), str(latency)), stdout=subprocess.PIPE, stderr=errors
        )
    assert server.stdout is not None
    try:
        host = server.stdout.readline().decode().strip()
        if not host:
            raise RuntimeError(log.read_text())
        yield host, str(scratch / "ca.pem")
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def _large(scratch: Path, runs: int) -> None:
    """Large files beside aria2c, where that is installed."""
    aria = shutil.which("aria2c")
    if aria is None:
        print(
            f"fetching {LARGE_FILES} files of {LARGE_BYTES >> 20} MiB: aria2c is not installed (apt-get install aria2)"
        )
        return
    scratch.mkdir()
    (scratch / "served").mkdir()
    body = os.urandom(LARGE_BYTES - 8)
    bag = scratch / "whole"
    (bag / "data").mkdir(parents=True)
    sums = {}
    with closing(Inventory(scratch / "inventory.sqlite")) as inventory, _server(scratch, 0) as (host, ca):
        for n in range(LARGE_FILES):
            content = b"%08d" % n + body
            (scratch / "served" / str(n)).write_bytes(content)
            sums[n] = hashlib.sha256(content).hexdigest()
            inventory.add([Entry(f"data/{n}", LARGE_BYTES, {"sha256": sums[n]}, f"https://{host}/large/{n}")])
        write_tags(bag, inventory, (), ("sha256",))
        listed = "".join(f"https://{host}/large/{n}\n checksum=sha-256={sums[n]}\n" for n in sums)
        (scratch / "list").write_text(listed)
        times: dict[str, list[float]] = {"satchel": [], "aria2c": []}
        for n in range(runs):
            mine = scratch / f"mine{n}"
            shutil.copytree(bag, mine)
            words = python(
                "satchel", "materialize", str(mine), "--ca", ca, "--allow-private", "--check", "none", "--json"
            )
            done = run(words, env={"SATCHEL_HOME": str(scratch / f"home{n}")}, log=scratch / "ours.log")
            assert json.loads(done.output.splitlines()[-1])["fetched"] == LARGE_FILES
            times["satchel"].append(done.seconds)
            shutil.rmtree(mine)
            theirs = scratch / f"theirs{n}"
            words = [
                aria, f"--dir={theirs}", f"--input-file={scratch / 'list'}", f"--ca-certificate={ca}", "--quiet=true",
                f"--max-concurrent-downloads={LARGE_FILES}", "--file-allocation=none", "--check-certificate=true",
            ]  # fmt: skip
            done = run(words, env={}, log=scratch / "aria.log")
            assert len(list(theirs.iterdir())) == LARGE_FILES
            times["aria2c"].append(done.seconds)
            shutil.rmtree(theirs)
    share = statistics.median(times["satchel"]) / statistics.median(times["aria2c"])
    print(f"fetching {LARGE_FILES} files of {LARGE_BYTES >> 20} MiB")
    print(f"  satchel        {spread(times['satchel'])}, on the disk for good")
    print(f"  aria2c         {spread(times['aria2c'])}")
    print(f"  {share:.2f} of aria2c's time: {verdict(share, 1.1, at_least=False)}")


def _case(scratch: Path, latency: int, goal: float, runs: int) -> None:
    scratch.mkdir()
    with _server(scratch, latency) as (host, ca):
        times: dict[str, list[float]] = {"satchel": [], "inside": [], "bdbag": [], "bare": []}
        remote = {f"data/f{n // 100}/{n}": (f"https://{host}/{n}", content(n)) for n in range(FILES)}
        whole = make_bag(scratch / "whole", {}, remote)
        trust = {"REQUESTS_CA_BUNDLE": ca, "SSL_CERT_FILE": ca, "HOME": str(scratch)}
        for n in range(runs):
            for name in ("satchel", "bdbag", "bare"):
                bag = scratch / f"{name}{n}"
                shutil.copytree(whole, bag)
                if name == "satchel":
                    words = python(
                        "satchel", "materialize", str(bag), "--ca", ca, "--allow-private", "--check", "none", "--json"
                    )
                    done = run(words, env={"SATCHEL_HOME": str(scratch / f"home{n}")}, log=scratch / "ours.log")
                    events = [json.loads(line) for line in done.output.splitlines()]
                    assert events[-1]["fetched"] == FILES, events[-1]
                    ended = {e["stage"]: e["seconds"] for e in events if e["event"] == "stage-ended"}
                    times["inside"].append(ended["fetch"])
                elif name == "bdbag":
                    done = run(
                        python("bdbag.bdbag_cli", str(bag), "--resolve-fetch", "all"), env=trust, log=scratch / "b.log"
                    )
                else:
                    done = run(python("bench.fetch", "bare", str(bag), ca), env={}, log=scratch / "bare.log")
                there = sum(len(files) for _, _, files in os.walk(bag / "data"))
                assert there == FILES, (name, there)
                times[name].append(done.seconds)
                shutil.rmtree(bag)
    ours = statistics.median(times["satchel"])
    print(f"fetching {FILES:,} files of {BYTES:,} bytes, server {latency} ms away", flush=True)
    print(f"  satchel        {spread(times['satchel'])}, of that fetching {spread(times['inside'])}")
    print(f"  bdbag          {spread(times['bdbag'])}")
    print(f"  bare aiohttp   {spread(times['bare'])}, neither verified nor on the disk for good")
    print(f"  {statistics.median(times['bdbag']) / ours:.1f} times bdbag: "
          f"{verdict(statistics.median(times['bdbag']) / ours, goal, at_least=True)}")  # fmt: skip
    if not latency:
        share = ours / statistics.median(times["bare"])
        print(f"  {share:.2f} of bare aiohttp's time: {verdict(share, 1.2, at_least=False)}")


def _serve(folder: Path, latency: int) -> None:
    """Serve the files until terminated; the first line of output is the host."""
    import asyncio
    import ssl

    import trustme
    import uvloop
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        if latency:
            await asyncio.sleep(latency / 1000)
        return web.Response(body=content(int(request.match_info["number"])))

    async def serve() -> None:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        application = web.Application()
        application.router.add_get("/{number:[0-9]+}", answer)
        if (folder / "served").is_dir():
            application.router.add_static("/large", folder / "served")
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        print(f"localhost:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()

    uvloop.run(serve())


def _bare(bag: Path, ca: str) -> None:
    """Fetch what fetch.txt lists as simply as can be."""
    import asyncio
    import ssl

    import aiohttp
    import uvloop

    async def fetch() -> None:
        lines = iter((bag / "fetch.txt").read_text().splitlines())
        connector = aiohttp.TCPConnector(limit=32, ssl=ssl.create_default_context(cafile=ca))
        async with aiohttp.ClientSession(connector=connector) as session:

            async def work() -> None:
                for line in lines:
                    url, _, path = line.split(" ", 2)
                    async with session.get(url) as response:
                        body = await response.read()
                    (bag / path).parent.mkdir(parents=True, exist_ok=True)
                    (bag / path).write_bytes(body)

            await asyncio.gather(*(work() for _ in range(32)))

    begun = time.perf_counter()
    uvloop.run(fetch())
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        _bare(Path(sys.argv[2]), sys.argv[3])
