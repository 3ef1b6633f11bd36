"""Bags on the command line against a sandbox: looked at, completed, killed and gone on with, packed, compared, made."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path

import pytest

from sandbox_process import SandboxProcess
from terminal import SECONDS, Terminal, bdbag_accepts


@pytest.fixture
def terminal(tmp_path: Path, sandbox: SandboxProcess) -> Terminal:
    return Terminal(tmp_path, sandbox)


@pytest.fixture
def slow(tmp_path: Path, slow_sandbox: SandboxProcess) -> Terminal:
    return Terminal(tmp_path, slow_sandbox)


def export(terminal: Terminal) -> Path:
    return Path(terminal.json(*terminal.export_words("--archive", "none"))["bag"])


def test_a_holey_bag_is_looked_at_completed_packed_and_the_same_again(terminal: Terminal, tmp_path: Path) -> None:
    bag = export(terminal)
    seen = terminal.json("inspect", str(bag))
    assert seen["missing"] == seen["remote"] > 0
    assert seen["origin"]["host"] == terminal.sandbox.host
    assert sum(table["rows"] for table in seen["tables"]) > 0
    assert "to be fetched" in terminal.run("inspect", str(bag)).stdout

    some = terminal.json("materialize", str(bag), "--only", "assets/*", "--largest", "1000", *terminal.admin)
    assert some["left"] + some["fetched"] == seen["remote"]
    assert some["validation"] is None
    done = terminal.json("materialize", str(bag), *terminal.admin, "--check", "full")
    assert done["fetched"] == some["left"]
    assert (done["complete"], done["valid"], done["problem_count"]) == (True, True, 0)
    bdbag_accepts(bag)

    packed = Path(terminal.json("archive", str(bag), "--format", "tgz")["archive"])
    assert terminal.json("archive", str(bag), "--format", "tgz", status=1)["kind"] == "files"
    unpacked = Path(terminal.json("extract", str(packed), "--into", str(tmp_path / "there"))["bag"])
    assert terminal.json("diff", str(bag), str(unpacked))["same"] is True
    assert terminal.json("inspect", str(packed))["tables"] == seen["tables"]

    table = next(p for p in sorted((unpacked / "data/records").iterdir()) if p.read_bytes().count(b"\n") > 2)
    lines = table.read_bytes().split(b"\n")
    table.write_bytes(b"\n".join([lines[0], *lines[2:]]))
    terminal.json("rebag", str(unpacked), "--remanifest", "--info", "Contact-Name=Ada")
    differing = terminal.json("diff", str(packed), str(unpacked), status=1)
    assert [(change["kind"], change["path"]) for change in differing["files"]] == [
        ("changed", f"data/records/{table.name}")
    ]
    assert differing["tables"][0]["removed"] == 1
    assert terminal.json("validate", str(unpacked))["valid"] is True


def test_from_this_computer_nothing_is_fetched_without_a_word_of_the_person(terminal: Terminal) -> None:
    bag = export(terminal)
    refused = terminal.json("materialize", str(bag), status=1)
    assert {problem["code"] for problem in refused["problems"]} == {"private-address"}
    assert not list((bag / "data").rglob("assets/*/*/*"))
    told = terminal.run("materialize", str(bag))
    assert "--allow-private" in told.stdout
    assert terminal.json("materialize", str(bag), "--ca", terminal.sandbox.ca)["complete"] is True


def test_a_killed_fetch_is_gone_on_with(slow: Terminal) -> None:
    bag = export(slow)
    remote = slow.json("inspect", str(bag))["remote"]
    process = slow.start("materialize", str(bag), *slow.admin, "--json")
    job = ""
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        job = event.get("job", job)
        if event["event"] == "progress" and event["stage"] == "fetch" and event["done"]:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=SECONDS)
    # Whatever has a file's name is the file.
    checked = slow.json("validate", str(bag), status=1)
    assert (checked["valid"], checked["complete"]) == (False, False)
    assert {error["code"] for error in checked["errors"]} == {"not-fetched"}
    done = slow.json("jobs", "resume", job)
    assert done["fetched"] + done["already"] == remote
    assert (done["complete"], done["valid"]) == (True, True)
    assert slow.json("validate", str(bag))["complete"] is True
    assert not (bag / ".satchel-fetch").exists()


def test_a_bag_of_any_folder(terminal: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "100% sure.txt").write_text("text")
    (folder / "-rf").write_text("text")
    done = terminal.run("bag", str(folder), "--out", str(tmp_path / "bags"), "--info", "Contact-Name=Ada Lovelace")
    bag = Path(done.stdout.splitlines()[0])
    assert bag == tmp_path / "bags" / "pictures"
    assert terminal.json("validate", str(bag))["complete"] is True
    assert terminal.json("inspect", str(bag))["info"][0] == ["Contact-Name", "Ada Lovelace"]
    assert terminal.json("bag", str(folder), status=2)["kind"] == "usage"
    assert terminal.json("bag", str(folder), "--in-place")["bag"] == str(folder)
    assert terminal.json("diff", str(bag), str(folder))["same"] is True


def test_a_full_bag_becomes_holey_and_full_again(terminal: Terminal, tmp_path: Path) -> None:
    """By commands, with Hatrac as the server of the files."""
    result = terminal.json(*terminal.export_words("--archive", "none"))
    bag = Path(result["bag"])
    lines = [line.split(" ", 2) for line in (bag / "fetch.txt").read_text().splitlines()]
    full = terminal.json("materialize", str(bag), "--full", *terminal.admin)
    assert (full["full"], full["valid"]) == (True, True)
    assert not (bag / "fetch.txt").exists()
    bdbag_accepts(bag)
    table = tmp_path / "list.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("url", "path"), *((url, path) for url, _, path in lines)])
    host = ["--host", terminal.sandbox.host]
    left = terminal.json("holey", str(bag), "--table", str(table), *host, *terminal.admin)
    assert (left["files"], left["problem_count"]) == (len(lines), 0)
    assert terminal.json("validate", str(bag), status=1)["remote"] == len(lines)
    again = terminal.json("materialize", str(bag), "--full", *terminal.admin)
    assert (again["fetched"], again["full"]) == (len(lines), True)
    bdbag_accepts(bag)
