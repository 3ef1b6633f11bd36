"""A second identical export answers from the cache, and a person looks after what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox_process import SandboxProcess
from terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path, sandbox: SandboxProcess) -> Terminal:
    return Terminal(tmp_path, sandbox)


def words(terminal: Terminal, folder: str, *more: str, user: bool = False) -> list[str]:
    box = terminal.sandbox
    out = terminal.out / folder
    out.mkdir(exist_ok=True)
    access = ["--ca", box.ca, "--credential", box.credential_user] if user else terminal.admin
    return ["export", box.host, box.catalog, "--out", str(out), *access, *more]


def test_the_same_export_again_comes_from_the_cache_byte_for_byte(terminal: Terminal) -> None:
    box = terminal.sandbox
    first = terminal.json(*words(terminal, "a", "--rid", box.root))
    second = terminal.json(*words(terminal, "b", "--rid", box.root))
    assert (first["cached"], second["cached"]) == (False, True)
    assert Path(first["archive"]).read_bytes() == Path(second["archive"]).read_bytes()
    assert Path(second["archive"]).parent.name == "b"
    kept = {k: v for k, v in second.items() if k not in ("archive", "cached", "job", "seconds")}
    assert kept == {k: first[k] for k in kept}
    said = terminal.run(*words(terminal, "c", "--rid", box.root)).stdout
    assert "from the cache" in said
    for more in (["--no-cache"], ["--name", "other"], ["--untick", "eye:Report"]):
        assert terminal.json(*words(terminal, more[-1][-5:], "--rid", box.root, *more))["cached"] is False
    assert sorted(p.name for p in (terminal.out / "b").iterdir()) == [Path(first["archive"]).name]


def test_another_person_is_not_given_it(terminal: Terminal) -> None:
    box = terminal.sandbox
    admin = terminal.json(*words(terminal, "admin", "--rid", box.root, "--name", "x"))
    user = terminal.json(*words(terminal, "user", "--rid", box.root, "--name", "x", user=True))
    assert (admin["cached"], user["cached"]) == (False, False)
    assert user["rows"] < admin["rows"] or user["hidden"]
    again = terminal.json(*words(terminal, "again", "--rid", box.root, "--name", "x", user=True))
    assert (again["cached"], again["rows"]) == (True, user["rows"])


@pytest.mark.timeout(200)
def test_two_at_once_make_it_once(tmp_path: Path, slow_sandbox: SandboxProcess) -> None:
    terminal, box = Terminal(tmp_path, slow_sandbox), slow_sandbox
    running = [
        terminal.start(*words(terminal, name, "--dataset", box.dataset, "--version", "1.1.0", "--json"))
        for name in ("a", "b")
    ]
    results = []
    for process in running:
        out, err = process.communicate(timeout=150)
        assert process.returncode == 0, out + err
        results.append(json.loads(out.splitlines()[-1]))
    assert sorted(result["cached"] for result in results) == [False, True]
    first, second = (Path(result["archive"]).read_bytes() for result in results)
    assert first == second


def test_a_cache_that_cannot_be_used_is_no_hindrance(terminal: Terminal) -> None:
    box = terminal.sandbox
    folder = terminal.out.parent / "home" / "cache"
    folder.mkdir(parents=True)
    (folder / "exports").write_text("a file where a folder is needed")
    made = terminal.json(*words(terminal, "a", "--dataset", box.dataset, "--version", "1.0.0"))
    assert (made["valid"], made["cached"]) == (True, False)
    assert "cache-unusable" in {warning["code"] for warning in made["warnings"]}


def test_damage_is_found_and_the_bag_made_anew(terminal: Terminal) -> None:
    box = terminal.sandbox
    first = terminal.json(*words(terminal, "a", "--dataset", box.dataset))
    (kept,) = (terminal.out.parent / "home").glob("cache/exports/bags/*/bag/*.zip")
    data = bytearray(kept.read_bytes())
    data[len(data) // 2] ^= 1
    kept.write_bytes(data)
    done = terminal.run(*words(terminal, "b", "--dataset", box.dataset, "--json"))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["code"] for e in events if e["event"] == "warning" and "cache" in e["code"]] == ["cache-damaged"]
    assert events[-1]["cached"] is False
    assert Path(events[-1]["archive"]).read_bytes() == Path(first["archive"]).read_bytes()
    third = terminal.json(*words(terminal, "c", "--dataset", box.dataset))
    assert third["cached"] is True


def test_a_person_lists_verifies_pins_and_deletes(terminal: Terminal) -> None:
    box = terminal.sandbox
    assert terminal.json("cache")["entries"] == []
    assert "No bags" in terminal.run("cache", "list").stdout
    terminal.json(*words(terminal, "a", "--dataset", box.dataset))
    terminal.json(*words(terminal, "b", "--dataset", box.dataset, "--version", "1.0.0", "--archive", "none"))
    listed = terminal.json("cache", "list")
    assert len(listed["entries"]) == 2
    assert listed["bytes"] == sum(e["bytes"] for e in listed["entries"])
    older, newest = (e["key"] for e in listed["entries"])  # the one used last is a folder
    assert box.dataset in terminal.run("cache").stdout
    assert all(e["valid"] for e in terminal.json("cache", "verify")["entries"])
    terminal.json("cache", "pin", older[:8])
    assert terminal.json("cache", "limit", "1kB")["freed"] > 0
    assert [e["key"] for e in terminal.json("cache")["entries"]] == [older]
    assert terminal.json("cache", "delete", "--all")["deleted"] == []
    terminal.json("cache", "unpin", older)
    (inside,) = (terminal.out.parent / "home").glob(f"cache/exports/bags/{older}/bag/*/bagit.txt")
    inside.write_text("nonsense")
    assert terminal.json("cache", "verify", status=1)["entries"][0]["valid"] is False
    assert terminal.json("cache")["entries"] == []
    assert terminal.json("cache", "limit", "none")["limit"] is None
    for wrong in (("delete",), ("delete", newest), ("limit", "much"), ("pin",)):
        assert terminal.run("cache", *wrong).returncode in (1, 2), wrong
