"""The sandbox's speed: rows out and in, small objects, beside plain SQLite and a static file server in the same run.

It must never be what a test waits for. One client process; TLS on loopback, as everywhere.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import random
import sqlite3
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from bench.figures import python, spread, verdict
from sandbox_client import Peer, column, table
from sandbox_process import start_sandbox

ROWS = 200_000
ROWS_IN = 20_000
OBJECTS = 2_000
OBJECT_BYTES = 2_048
CONNECTIONS = 16
CLIENTS = 100
CLIENT_SECONDS = 60
GOALS = {"out": 50_000, "in": 20_000, "objects": 1_000}
_NAMES = ("Number", "Name", "Value", "Note", "Seen", "Good", "Kind")
_TABLE = table(
    "Item",
    column("Number", "int4", need=True),
    column("Name", need=True),
    column("Value", "float8"),
    column("Note", "markdown"),
    column("Seen", "timestamptz"),
    column("Good", "boolean"),
    column("Kind"),
    keys=[["Number"]],
)


def _rows(count: int, first: int = 0) -> list[dict[str, Any]]:
    chance = random.Random(first)
    return [
        {
            "Number": first + n,
            "Name": f"Item {first + n}",
            "Value": round(chance.random() * 1000, 3),
            "Note": None if n % 3 else 'A remark, with "quotes" and a comma',
            "Seen": f"2024-{n % 12 + 1:02d}-{n % 28 + 1:02d}T10:20:30+00:00",
            "Good": n % 2 == 0,
            "Kind": "abc"[n % 3],
        }
        for n in range(count)
    ]


def main(runs: int) -> None:
    """Measure all and print it."""
    runs = max(runs, 3)
    with (
        tempfile.TemporaryDirectory(prefix="satchel-bench-") as temporary,
        start_sandbox("--demo", "none", "--query-seconds", "0") as sandbox,
        Peer(sandbox) as peer,
    ):
        folder = Path(temporary)
        catalog = peer.new_catalog(_TABLE)
        for first in range(0, ROWS, ROWS_IN):
            peer.ask("POST", f"{catalog}/entity/s:Item", _rows(ROWS_IN, first))
        plain = _plain(folder / "plain.db", peer.get(f"{catalog}/entity/s:Item@sort(RID)"))
        _print_out(peer, catalog, plain, runs)
        _print_in(peer, folder, runs)
        _print_objects(peer, sandbox.ca, folder, runs)
        _print_clients(peer, sandbox.ca)


def _plain(path: Path, rows: list[dict[str, Any]]) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    names = ("RID", "RCT", "RMT", "RCB", "RMB", *_NAMES)
    db.execute(f"CREATE TABLE item ({', '.join(names)}, UNIQUE (RID), UNIQUE (Number))")
    db.execute("BEGIN")
    marks = ",".join("?" * len(names))
    db.executemany(f"INSERT INTO item VALUES ({marks})", [tuple(row[n] for n in names) for row in rows])
    db.execute("COMMIT")
    return db


def _timed(work: Callable[[], int]) -> float:
    """How many units a second `work` does; it returns their number."""
    begun = time.perf_counter()
    return work() / (time.perf_counter() - begun)


def _line(what: str, ours: list[float], goal: float, unit: str, **others: list[float]) -> None:
    print(f"  {what:28} {spread(ours, unit, 0)}: {verdict(statistics.median(ours), goal, at_least=True)}")
    for name, theirs in others.items():
        ratio = statistics.median(ours) / statistics.median(theirs)
        print(f"  {'':28} {ratio:.2f} of {name.replace('_', ' ')}, {spread(theirs, unit, 0)}")


def _print_out(peer: Peer, catalog: str, plain: sqlite3.Connection, runs: int) -> None:
    print(f"rows out, {ROWS:,} rows of 12 columns")
    for name, media in (
        ("CSV", "text/csv"),
        ("json-stream", "application/x-json-stream"),
        ("JSON", "application/json"),
    ):

        def ours(media: str = media) -> int:
            with peer.session.get(
                f"{peer.url}{catalog}/entity/s:Item@sort(RID)", headers={"Accept": media}, stream=True
            ) as answer:
                size = sum(chunk.count(b"\n") for chunk in answer.iter_content(1 << 18))
            assert ROWS <= size <= ROWS + 1, size
            return ROWS

        def theirs(name: str = name) -> int:
            found = plain.execute("SELECT * FROM item ORDER BY RID")
            names = [d[0] for d in found.description]
            out = io.StringIO()
            if name == "CSV":
                csv.writer(out).writerows(found)
            else:
                for row in found:
                    out.write(json.dumps(dict(zip(names, row, strict=True))) + "\n")
            return ROWS

        figures: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(runs):
            figures["ours"].append(_timed(ours))
            figures["theirs"].append(_timed(theirs))
        _line(
            name,
            figures["ours"],
            GOALS["out"],
            "rows/s",
            **{"plain_SQLite_and_the_standard_library": figures["theirs"]},
        )


def _print_in(peer: Peer, folder: Path, runs: int) -> None:
    print(f"rows in, {ROWS_IN:,} rows of 7 columns a request")
    rows = _rows(ROWS_IN)
    out = io.StringIO()
    writer = csv.DictWriter(out, _NAMES)
    writer.writeheader()
    writer.writerows(rows)
    bodies = {
        "JSON": (json.dumps(rows).encode(), "application/json"),
        "json-stream": ("\n".join(map(json.dumps, rows)).encode(), "application/x-json-stream"),
        "CSV": (out.getvalue().encode(), "text/csv"),
    }
    for name, (body, media) in bodies.items():
        figures: dict[str, list[float]] = {"ours": [], "theirs": []}
        for number in range(runs):
            catalog = peer.new_catalog(_TABLE)

            def ours(catalog: str = catalog, body: bytes = body, media: str = media) -> int:
                peer.ask("POST", f"{catalog}/entity/s:Item", body, headers={"Content-Type": media})
                return ROWS_IN

            def theirs(path: Path = folder / f"in-{name}-{number}.db", body: bytes = body, name: str = name) -> int:
                text = body.decode()
                given = (
                    list(csv.DictReader(io.StringIO(text)))
                    if name == "CSV"
                    else json.loads(text)
                    if name == "JSON"
                    else [json.loads(line) for line in text.splitlines()]
                )
                with sqlite3.connect(path) as db:
                    db.execute(f"CREATE TABLE item (RID INTEGER PRIMARY KEY, {', '.join(_NAMES)}, UNIQUE (Number))")
                    marks = ",".join("?" * len(_NAMES))
                    db.executemany(
                        f"INSERT INTO item ({', '.join(_NAMES)}) VALUES ({marks})",
                        [tuple(row[n] for n in _NAMES) for row in given],
                    )
                return ROWS_IN

            figures["ours"].append(_timed(ours))
            figures["theirs"].append(_timed(theirs))
            peer.ask("DELETE", catalog)
        _line(
            name, figures["ours"], GOALS["in"], "rows/s", **{"plain_SQLite_and_the_standard_library": figures["theirs"]}
        )


async def _each(session: aiohttp.ClientSession, urls: list[str], method: str, body: bytes | None) -> float:
    """Requests a second, over all connections."""
    waiting = iter(urls)

    async def lane() -> None:
        for url in waiting:
            headers = {"Content-Type": "application/octet-stream"} if body is not None else {}
            async with session.request(method, url, data=body, headers=headers) as answer:
                data = await answer.read()
                assert answer.status in (200, 201), data
                assert body is not None or len(data) == OBJECT_BYTES

    begun = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(CONNECTIONS)))
    return len(urls) / (time.perf_counter() - begun)


def _print_objects(peer: Peer, ca: str, folder: Path, runs: int) -> None:
    print(f"small objects, {OBJECTS:,} of {OBJECT_BYTES} bytes, {CONNECTIONS} connections")
    body = random.Random(1).randbytes(OBJECT_BYTES)
    files = folder / "static"
    files.mkdir()
    for n in range(OBJECTS):
        (files / f"{n}.bin").write_bytes(body)
    static = subprocess.Popen(python("bench.sandbox", str(files), str(folder / "tls")), stdout=subprocess.PIPE)
    assert static.stdout is not None
    figures: dict[str, list[float]] = {"put": [], "get": [], "static": []}
    try:
        told = json.loads(static.stdout.readline())
        trust = ssl.create_default_context(cafile=ca)
        trust.load_verify_locations(told["ca"])
        for run in range(runs):
            space = f"/hatrac/bench-{run}"
            peer.ask("PUT", space, headers={"Content-Type": "application/x-hatrac-namespace"})
            asyncio.run(_measure(trust, peer, f"{peer.url}{space}", told["url"], body, figures))
    finally:
        static.terminate()
        static.wait()
        static.stdout.close()
    for what in ("get", "put"):
        _line(
            what.upper(), figures[what], GOALS["objects"], "objects/s", GET_from_a_static_file_server=figures["static"]
        )


async def _measure(
    trust: ssl.SSLContext, peer: Peer, space: str, static: str, body: bytes, figures: dict[str, list[float]]
) -> None:
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=trust)
    headers = {"Cookie": str(peer.session.headers["Cookie"])}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        objects = [f"{space}/{n}.bin" for n in range(OBJECTS)]
        figures["put"].append(await _each(session, objects, "PUT", body))
        figures["get"].append(await _each(session, objects, "GET", None))
        figures["static"].append(await _each(session, [f"{static}/{n}.bin" for n in range(OBJECTS)], "GET", None))
        await asyncio.sleep(0.1)


def _print_clients(peer: Peer, ca: str) -> None:
    catalog = peer.new_catalog(_TABLE)
    trust = ssl.create_default_context(cafile=ca)
    rows, reads, errors = asyncio.run(_crowd(trust, peer, f"{peer.url}{catalog}"))
    (found,) = peer.get(f"{catalog}/aggregate/s:Item/n:=cnt(*)")
    print(f"{CLIENTS} clients for {CLIENT_SECONDS} s, each writing ten rows and reading them back, over and over")
    print(
        f"  {rows:,} rows acknowledged, {found['n']:,} there, {reads:,} reads, {len(errors)} errors {errors[:3] or ''}"
    )


async def _crowd(trust: ssl.SSLContext, peer: Peer, catalog: str) -> tuple[int, int, list[str]]:
    """Rows acknowledged, reads that were right, and what went wrong."""
    errors: list[str] = []
    end = time.monotonic() + CLIENT_SECONDS
    connector = aiohttp.TCPConnector(limit=CLIENTS, ssl=trust)
    headers = {"Cookie": str(peer.session.headers["Cookie"])}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def client(number: int) -> tuple[int, int]:
            made = reads = 0
            while time.monotonic() < end:
                first = number * 1_000_000 + made
                async with session.post(f"{catalog}/entity/s:Item", json=_rows(10, first)) as answer:
                    text = await answer.text()
                    if answer.status != 200:
                        errors.append(text)
                        continue
                made += 10
                span = f"Number::geq::{first}&Number::lt::{first + 10}"
                async with session.get(f"{catalog}/entity/s:Item/{span}") as answer:
                    if answer.status == 200 and len(await answer.json()) == 10:
                        reads += 1
                    else:
                        errors.append(await answer.text())
            return made, reads

        found = await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    await asyncio.sleep(0.1)
    return sum(m for m, _ in found), sum(r for _, r in found), errors


async def _serve(files: Path, tls: Path) -> None:
    """A static file server, until it is told to stop."""
    from aiohttp import web

    from satchel.sandbox.tls import certificates

    context, authority = certificates(tls)
    app = web.Application()
    app.router.add_static("/", files)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    print(json.dumps({"url": f"https://localhost:{runner.addresses[0][1]}", "ca": str(authority)}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), Path(sys.argv[2])))
