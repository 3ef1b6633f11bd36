"""Clones that are killed, cancelled, refused, or served badly come out as those that nothing disturbs."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from clone_catalog import clone_words, plain_contents
from sandbox_client import Peer
from sandbox_process import SandboxProcess, start_sandbox
from terminal import SECONDS, Terminal, wait_for

STAGES = {"reach": 0.2, "schema": 0.2, "copy": 0.5, "orphans": 0.3, "constraints": 0.4, "verify": 0.2}
"""Phases in which to kill, and within how many seconds after they began."""


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Both tell the same, foreign key by foreign key."""
    keys = {key["name"]: key for key in foreign_keys(other)}
    differ = {key["name"]: (key, keys[key["name"]]) for key in foreign_keys(one) if key != keys[key["name"]]}
    assert differ == {}
    assert told(one) == told(other)


def foreign_keys(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What became of each; the server's words about one that is violated name one of several values."""
    return [{k: v for k, v in key.items() if k != "message"} for key in result["report"]["foreign_keys"]]


def told(result: dict[str, Any]) -> Any:
    """What must be the same in the result of a clone, however often it was interrupted."""
    report = result["report"]
    tables = [{k: v for k, v in table.items() if k != "seconds"} for table in report["tables"]]
    return (
        result["verified"],
        report["summary"],
        report["tables_restored"],
        report["orphan_details"],
        sorted(tables, key=lambda t: t["table"]),
        foreign_keys(result),
        sorted(
            json.dumps({k: v for k, v in issue.items() if k != "details"}, sort_keys=True) for issue in report["issues"]
        ),
    )


@pytest.mark.timeout(500)
@pytest.mark.parametrize("orphans", ["delete", "nullify"])
@pytest.mark.parametrize("faults", [["--latency", "15"], ["--fail", "0.2", "--cut", "0.1"]], ids=["calm", "faulty"])
def test_f28_f29_killed_ten_times_the_clone_is_the_same(tmp_path: Path, faults: list[str], orphans: str) -> None:
    dice = random.Random(f"{faults}{orphans}")
    with start_sandbox("--demo", "small", folder=tmp_path / "sandbox") as box:
        terminal = Terminal(tmp_path, box)
        words = ["--orphans", orphans, *(["--assets", "none"] if orphans == "nullify" else [])]
        undisturbed = terminal.json(*clone_words(box, *words))
        assert undisturbed["verified"]
        before = plain_contents(box, undisturbed["catalog_id"])
        box.stop()
        box.start("--port", box.host.rpartition(":")[2], *faults)
        more = [*words, "--snapshot", undisturbed["source_snapshot"], "--json"]
        job, kills, done = "", 0, None
        while kills < 10:
            process = terminal.start(*(["jobs", "resume", job, "--json"] if job else clone_words(box, *more)))
            stage = dice.choice(list(STAGES))
            with contextlib.suppress(AssertionError):  # it was over before, or that phase is done
                job = wait_for(process, stage)
                time.sleep(dice.random() * STAGES[stage])
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate(timeout=SECONDS)
            assert "Traceback" not in out + err
            if process.returncode == -signal.SIGKILL:
                kills += 1
            if not job or not terminal.json("jobs", "show", job)["resumable"]:
                job = ""  # it ended in time; begin another
        done = terminal.json("jobs", "resume", job) if job else terminal.json(*clone_words(box, *more[:-1]))
        box.stop()
        box.start("--port", box.host.rpartition(":")[2])
        assert plain_contents(box, done["catalog_id"]) == before
        same(done, undisturbed)


@pytest.mark.timeout(300)
def test_f29_refusals_and_cut_connections_change_nothing(tmp_path: Path) -> None:
    with start_sandbox("--demo", "small", folder=tmp_path / "sandbox") as box:
        terminal = Terminal(tmp_path, box)
        undisturbed = terminal.json(*clone_words(box, "--orphans", "delete"))
        before = plain_contents(box, undisturbed["catalog_id"])
        box.stop()
        port = box.host.rpartition(":")[2]
        box.start("--port", port, "--fail", "0.2", "--cut", "0.1", "--conflicts")
        more = ["--orphans", "delete", "--snapshot", undisturbed["source_snapshot"], "--concurrency", "16"]
        done = terminal.json(*clone_words(box, *more))
        box.stop()
        box.start("--port", port)
        assert plain_contents(box, done["catalog_id"]) == before
        same(done, undisturbed)


def test_a_clone_that_is_cancelled_can_be_deleted_with_its_catalog(
    slow_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    box = slow_sandbox
    terminal = Terminal(tmp_path, box)
    process = terminal.start(*clone_words(box, "--json"))
    job = wait_for(process, "constraints")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 4, out + err
    refused = terminal.json("jobs", "discard", job, status=2)
    assert "catalog" in refused["message"]
    assert f"satchel clone --delete {job}" in refused["hint"]
    with Peer(box) as peer:
        before = {entry["id"] for entry in catalogs(peer)}
        deleted = terminal.json("clone", "--delete", job)
        gone = before - {entry["id"] for entry in catalogs(peer)}
    assert len(gone) == 1
    assert f"catalog {gone.pop()}" in deleted["message"]
    assert terminal.run("jobs", "show", job).returncode == 1, "the job is forgotten, too"


def catalogs(peer: Peer) -> list[dict[str, Any]]:
    """Catalogs by their numbers, as far as there are any."""
    found = []
    for number in range(1, 60):
        answer = peer.send("GET", f"/ermrest/catalog/{number}")
        if answer.status_code == 200:
            found.append({"id": str(number)})
    return found


def test_another_person_cannot_go_on_with_a_clone(slow_sandbox: SandboxProcess, tmp_path: Path) -> None:
    box = slow_sandbox
    terminal = Terminal(tmp_path, box)
    folder = tmp_path / "credential.json"
    folder.write_text(Path(box.credential_user).read_text())
    words = ["clone", box.host, box.catalog, box.dataset, "--ca", box.ca, "--credential", str(folder)]
    process = terminal.start(*words, "--dest-credential", box.credential, "--json")
    job = wait_for(process, "copy")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=SECONDS)
    folder.write_text(Path(box.credential).read_text())
    refused = terminal.json("jobs", "resume", job, status=3)
    assert refused["kind"] == "not-signed-in"
    terminal.run("clone", "--delete", job)
