"""Exports by the server, from a terminal: followed over kills, cancelled at once, asked again where nobody heard."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sandbox_process import SandboxProcess
from terminal import SECONDS, Terminal, bdbag_accepts, unpack, wait_for


@pytest.fixture
def slow(tmp_path: Path, slow_sandbox: SandboxProcess) -> Terminal:
    return Terminal(tmp_path, slow_sandbox)


def words(terminal: Terminal, *more: str) -> list[str]:
    box = terminal.sandbox
    words = ["export", box.host, box.catalog, "--dataset", box.dataset, "--out", str(terminal.out), *terminal.admin]
    return [*words, "--server-side", "--no-cache", *more]


def results(box: SandboxProcess) -> set[str]:
    return {path.name for path in (box.folder / "export" / "admin").glob("*") if path.is_dir()}


def began(terminal: Terminal) -> tuple[float, int]:
    """When the process that waits began, and which it is."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for file in (terminal.out.parent / "home").rglob("began"):
            when, number = file.read_text().split()
            return float(when), int(number)
        time.sleep(0.05)
    raise AssertionError("nobody waits")


def asked(box: SandboxProcess, before: set[str]) -> str:
    """The export that the server works on."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if new := results(box) - before:
            (key,) = new
            return key
        time.sleep(0.05)
    raise AssertionError("the server was not asked")


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=SECONDS)


def test_the_server_makes_a_bag_as_good_as_ours(tmp_path: Path, sandbox: SandboxProcess) -> None:
    terminal = Terminal(tmp_path, sandbox)
    done = terminal.run(*words(terminal, "--json"))
    assert done.returncode == 0, done.stdout
    events = [json.loads(line) for line in done.stdout.splitlines()]
    result = events[-1]
    assert (result["valid"], result["complete"], result["cached"]) == (True, True, False)
    assert any("Created bag" in e["message"] for e in events if e["event"] == "log"), "its log is repeated"
    theirs = unpack(Path(result["archive"]), tmp_path / "theirs")
    ours = terminal.json(*[w for w in words(terminal, "--name", "ours") if w != "--server-side"])
    here = unpack(Path(ours["archive"]), tmp_path / "ours")

    def rows(bag: Path) -> dict[str, list[str]]:
        return {p.relative_to(bag).as_posix(): sorted(p.read_text().splitlines()) for p in bag.rglob("data/**/*.csv")}

    assert rows(theirs) == rows(here)
    assert result["rows"] == ours["rows"]
    full = terminal.json(*words(terminal, "--name", "full", "--materialize", "--archive", "none"))
    assert (full["complete"], full["valid"]) == (True, True)
    assert terminal.json("validate", full["bag"])["complete"]
    bdbag_accepts(Path(full["bag"]))
    kept = [w for w in words(terminal, "--name", "x") if w != "--no-cache"]
    assert terminal.json(*kept)["cached"] is False
    Path(terminal.out / "x.zip").unlink()
    local = [w for w in kept if w != "--server-side"]
    assert terminal.json(*local)["cached"] is True, "who made it does not matter"


@pytest.mark.timeout(300)
def test_killed_while_the_server_works_the_same_export_is_followed(slow: Terminal) -> None:
    before = results(slow.sandbox)
    process = slow.start(*words(slow, "--json"))
    job = wait_for(process, "server")
    _, waiter = began(slow)
    killed(process)
    os.kill(waiter, 0)  # still there
    running = asked(slow.sandbox, before)
    listed = slow.json("jobs", "show", job)
    assert listed["resumable"]
    done = slow.run("jobs", "resume", job, "--json")
    assert done.returncode == 0, done.stdout
    assert "still running" in done.stdout
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["valid"], result["complete"]) == (True, True)
    assert results(slow.sandbox) - before == {running}, "nothing was asked for twice"
    assert [p.name for p in slow.out.iterdir()] == [Path(result["archive"]).name]


@pytest.mark.timeout(300)
def test_an_answer_that_came_while_nobody_looked_is_there(slow: Terminal) -> None:
    before = results(slow.sandbox)
    process = slow.start(*words(slow, "--json"))
    job = wait_for(process, "server")
    began(slow)
    killed(process)
    end = time.monotonic() + SECONDS
    while not list((slow.out.parent / "home").rglob("answer.json")) and time.monotonic() < end:
        time.sleep(0.2)
    assert slow.json("jobs", "resume", job)["valid"]
    assert len(results(slow.sandbox) - before) == 1


@pytest.mark.timeout(300)
def test_where_nobody_heard_the_answer_it_is_asked_for_again(slow: Terminal) -> None:
    process = slow.start(*words(slow, "--json"))
    job = wait_for(process, "server")
    _, waiter = began(slow)
    killed(process)
    os.kill(waiter, signal.SIGKILL)
    done = slow.run("jobs", "resume", job, "--json")
    assert done.returncode == 0, done.stdout
    codes = {json.loads(line).get("code") for line in done.stdout.splitlines()}
    assert codes & {"server-busy", "server-answer-lost"}
    assert json.loads(done.stdout.splitlines()[-1])["valid"]


@pytest.mark.timeout(200)
def test_cancelled_it_stops_at_once_and_leaves_nothing(slow: Terminal) -> None:
    process = slow.start(*words(slow, "--json"))
    wait_for(process, "server")
    began(slow)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 4, out + err
    assert "Traceback" not in err
    assert [p for p in slow.out.iterdir() if not p.name.startswith(".")] == []


def test_what_the_server_refuses_is_told(tmp_path: Path, sandbox: SandboxProcess) -> None:
    terminal = Terminal(tmp_path, sandbox)
    query = {"processor": "csv", "processor_params": {"query_path": "/entity/eye:Consent", "output_path": "consent"}}
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"bag": {"bag_name": "closed"}, "catalog": {"query_processors": [query]}}))
    at = ["export", sandbox.host, sandbox.catalog, "--spec", str(spec), "--out", str(terminal.out), "--server-side"]
    told = terminal.json(*at, "--ca", sandbox.ca, "--credential", sandbox.credential_user, status=3)
    assert "does not let you export this" in told["message"]
    assert "eye:Consent" in told["message"]
    assert "leave the closed tables out" in told["hint"]


def test_what_belongs_to_a_record_is_made_there_too(tmp_path: Path, sandbox: SandboxProcess) -> None:
    terminal, box = Terminal(tmp_path, sandbox), sandbox
    base = ["export", box.host, box.catalog, "--rid", box.root, "--out", str(terminal.out), *terminal.admin]
    here = terminal.json(*base, "--name", "here")
    there = terminal.json(*base, "--name", "there", "--server-side")
    assert (there["valid"], there["complete"], there["cached"]) == (True, True, False)
    assert there["rows"] == here["rows"]
    (terminal.out / "there.zip").unlink()
    assert terminal.json(*base, "--name", "there", "--server-side")["cached"] is True
