"""Datasets of the demo catalog, as commands tell of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox_process import SandboxProcess
from terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path, sandbox: SandboxProcess) -> Terminal:
    return Terminal(tmp_path, sandbox)


def test_datasets_are_listed_with_what_is_nested_in_them(terminal: Terminal) -> None:
    box = terminal.sandbox
    found = terminal.json("datasets", box.host, box.catalog, *terminal.admin)
    by_rid = {d["rid"]: d for d in found["datasets"]}
    root = by_rid[box.dataset]
    assert [v["version"] for v in root["versions"]] == ["2.0.0", "1.1.0", "1.0.0", "0.2.0", "0.1.0"]
    assert all(by_rid[child]["parents"] == [box.dataset] for child in root["children"])
    assert not any("Abandoned" in d["description"] for d in found["datasets"])
    everything = terminal.json("datasets", box.host, box.catalog, "--deleted", *terminal.admin)
    assert any(d["deleted"] for d in everything["datasets"])
    told = terminal.run("datasets", box.host, box.catalog, *terminal.admin)
    assert any(line.startswith("  " + root["children"][0]) for line in told.stdout.splitlines())


def test_one_dataset_tells_its_members_by_type_and_who_made_its_versions(terminal: Terminal) -> None:
    box = terminal.sandbox
    one = terminal.json("datasets", box.host, box.catalog, box.dataset, *terminal.admin)
    assert (one["version"], one["versions"][0]["execution"]["workflow"]) == ("2.0.0", "Build datasets")
    assert one["versions"][0]["execution"]["by"] == "Ada Admin"
    total = {m["table"]: m["rows"] for m in one["members"]["total"]}
    direct = {m["table"]: m["rows"] for m in one["members"]["direct"]}
    assert total["eye:Subject"] > direct["eye:Subject"] == 2
    older = terminal.json("datasets", box.host, box.catalog, box.dataset, "--version", "0.1.0", *terminal.admin)
    assert older["members"]["total"] == []


def test_what_changed_between_two_versions(terminal: Terminal) -> None:
    box = terminal.sandbox
    words = ("datasets", box.host, box.catalog, box.dataset, "--changes")
    found = terminal.json(*words, "1.0.0", "2.0.0", *terminal.admin)
    images = next(m for m in found["members"] if m["table"] == "eye:Image")
    assert (len(images["added"]), len(images["removed"])) == (5, 1)
    tables = {t["table"]: t for t in found["tables"]}
    assert (tables["eye:Dataset_Image"]["added"], tables["eye:Dataset_Image"]["removed"]) == (5, 1)
    changed = [r for r in tables["eye:Subject"]["rows"] if r["what"] == "changed"]
    assert changed
    assert all(row["columns"] and "RMT" not in row["columns"] for row in changed)
    same = terminal.json(*words, "2.0.0", "2.0.0", *terminal.admin)
    assert (same["members"], same["tables"]) == ([], [])


def test_faults_are_told(terminal: Terminal) -> None:
    box = terminal.sandbox
    for words, status, said in (
        ((box.dataset, "--version", "9.0.0"), 1, "has no version 9.0.0"),
        ((box.root,), 1, "There is no dataset"),
        (("--changes", "1.0.0"), 2, "Whose versions"),
    ):
        done = terminal.run("datasets", box.host, box.catalog, *words, *terminal.admin)
        assert (done.returncode, done.stdout) == (status, "")
        assert said in done.stderr


def test_who_may_read_less_gets_less_and_is_told(terminal: Terminal) -> None:
    box = terminal.sandbox
    user = ["--ca", box.ca, "--credential", box.credential_user]
    words = (box.host, box.catalog, "--dataset", box.dataset, "--out", str(terminal.out))
    seen = terminal.json("preview", *words, *user)
    assert seen["hidden"] == ["eye:Consent"]
    made = terminal.json("export", *words, *user)
    assert (made["valid"], made["rows"]) == (True, seen["repeated"])
    assert "hidden-table" in {warning["code"] for warning in made["warnings"]}
    assert made["rows"] < terminal.json("preview", *words, *terminal.admin)["repeated"]
    said = terminal.run("export", *words, *user, "--name", "again").stdout
    assert "You may not read eye:Consent" in said
