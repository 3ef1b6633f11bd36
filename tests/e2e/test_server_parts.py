"""A proxy that gives up before the server is ready: the export is made in parts, and the bag holds all of it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from faulty_front import Front, Seen, front
from sandbox_process import SandboxProcess
from terminal import SECONDS, Terminal

MOST = 60
"""Queries that the server gets done before the proxy gives up."""


@pytest.fixture
def proxy(tmp_path: Path, sandbox: SandboxProcess) -> Iterator[Front]:
    with front(sandbox.url, tmp_path, sandbox.ca) as running:

        def before(seen: Seen) -> web.Response | None:
            if seen.method == "POST" and "/deriva/export/" in seen.path:
                spec = json.loads(seen.body)
                if len(spec["catalog"]["query_processors"]) > MOST:
                    return web.Response(status=504, text="<h1>Gateway Time-out</h1>", content_type="text/html")
                spec["catalog"]["host"] = sandbox.url
                seen.body = json.dumps(spec).encode()
            return None

        running.before, running.pass_changed = before, True
        yield running


def words(terminal: Terminal, proxy: Front, tmp_path: Path, *more: str) -> list[str]:
    token = json.loads(Path(terminal.sandbox.credential).read_text())
    credential = tmp_path / "credential.json"
    credential.write_text(json.dumps({proxy.host: next(iter(token.values()))}))
    credential.chmod(0o600)
    box = terminal.sandbox
    return ["export", proxy.host, box.catalog, "--dataset", box.dataset, "--out", str(terminal.out), "--no-cache",
            "--ca", proxy.ca, "--credential", str(credential), *more]  # fmt: skip


def rows(bag: Path) -> dict[str, list[str]]:
    return {p.relative_to(bag).as_posix(): sorted(p.read_text().splitlines()) for p in bag.rglob("data/**/*.csv")}


@pytest.mark.timeout(300)
def test_what_takes_too_long_as_a_whole_is_made_in_parts(tmp_path: Path, sandbox: SandboxProcess, proxy: Front) -> None:
    terminal = Terminal(tmp_path, sandbox)
    here = terminal.json(*words(terminal, proxy, tmp_path, "--name", "here", "--archive", "none"))
    done = terminal.run(
        *words(terminal, proxy, tmp_path, "--name", "parts", "--archive", "none", "--server-side", "--json")
    )
    assert done.returncode == 0, done.stdout
    events = [json.loads(line) for line in done.stdout.splitlines()]
    result = events[-1]
    assert "server-in-parts" in {event.get("code") for event in events}
    assert (result["valid"], result["complete"], result["rows"]) == (True, True, here["rows"])
    bag = Path(result["bag"])
    assert rows(bag) == rows(Path(here["bag"]))
    # The addresses of one are the proxy's, of the other the server's own.
    listed = [
        sorted(line.split("\t")[1:] for line in (folder / "fetch.txt").read_text().splitlines())
        for folder in (bag, Path(here["bag"]))
    ]
    assert listed[0] == listed[1]
    assert [p.name for p in terminal.out.iterdir() if p.name.startswith(".")] == []


@pytest.mark.timeout(300)
def test_killed_between_parts_it_goes_on_with_those_that_are_missing(
    tmp_path: Path, sandbox: SandboxProcess, proxy: Front
) -> None:
    terminal = Terminal(tmp_path, sandbox)
    process = terminal.start(*words(terminal, proxy, tmp_path, "--name", "parts", "--server-side", "--json"))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and not list(terminal.out.glob(".*/part-*")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate(timeout=SECONDS)
    job = json.loads(out.splitlines()[0])["job"]
    before = proxy.count("POST", "/deriva/export/")
    result = terminal.json("jobs", "resume", job)
    assert (result["valid"], result["complete"]) == (True, True)
    assert proxy.count("POST", "/deriva/export/") - before < 6
    assert sorted(p.name for p in terminal.out.iterdir()) == ["parts.zip"]


@pytest.mark.timeout(200)
def test_where_not_even_one_query_gets_through_it_is_said(
    tmp_path: Path, sandbox: SandboxProcess, proxy: Front
) -> None:
    terminal = Terminal(tmp_path, sandbox)
    page = web.Response

    def never(seen: Seen) -> web.Response | None:
        if seen.method == "POST" and "/deriva/export/" in seen.path:
            return page(status=502, text="<h1>Bad Gateway</h1>", content_type="text/html")
        return None

    proxy.before = never
    told = terminal.json(*words(terminal, proxy, tmp_path, "--server-side"), status=1)
    assert "gave up waiting" in told["message"]
    assert "without --server-side" in told["hint"]
