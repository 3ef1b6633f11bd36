"""A sign-in that runs out makes nobody of a person, and nobody sees less: an export must not take that for all."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_process import SandboxProcess, start_sandbox
from terminal import SECONDS, Terminal, wait_for


@pytest.fixture(scope="module")
def slow_sandbox() -> Iterator[SandboxProcess]:
    with start_sandbox("--demo", "small", "--latency", "40") as running:
        yield running


@pytest.fixture
def terminal(tmp_path: Path, slow_sandbox: SandboxProcess) -> Terminal:
    """Somebody who has signed in with a password."""
    terminal = Terminal(tmp_path, slow_sandbox)
    sign_in(terminal)
    return terminal


def words(terminal: Terminal, *more: str) -> list[str]:
    box = terminal.sandbox
    return ["export", box.host, box.catalog, "--rid", box.root, "--out", str(terminal.out), "--ca", box.ca, *more]


def sign_in(terminal: Terminal, user: str = "admin") -> None:
    box = terminal.sandbox
    assert terminal.json("login", box.host, "--ca", box.ca, "--user", user, typed=f"{user}\n")["id"] == user


def run_out(terminal: Terminal) -> None:
    """End the session on the server; what is kept of it stays."""
    box = terminal.sandbox
    kept = json.loads(Path(terminal.env["TEST_KEYRING"]).read_text())
    cookie = json.loads(kept[f"satchel {box.host}"])["cookie"]
    request = urllib.request.Request(f"{box.url}/authn/session", headers={"Cookie": cookie}, method="DELETE")
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=box.ca)) as answer:
        assert answer.status < 300


def test_a_sign_in_that_has_run_out_is_told_instead_of_less_being_exported(terminal: Terminal) -> None:
    box = terminal.sandbox
    run_out(terminal)
    for command in ("export", "preview"):
        told = terminal.json(command, *words(terminal)[1:], status=3)
        assert told["kind"] == "not-signed-in"
        assert told["message"] == f"{box.host} does not accept your sign-in any more."
        assert f"satchel login {box.host}" in told["hint"]
    assert list(terminal.out.iterdir()) == []


@pytest.mark.parametrize("stage", ["schema", "reach", "records", "assets"])
def test_a_sign_in_that_runs_out_in_mid_run_ends_the_export_until_the_next(terminal: Terminal, stage: str) -> None:
    whole = terminal.json(*words(terminal, "--archive", "none", "--name", "whole"))
    process = terminal.start(*words(terminal, "--materialize", "--json"))
    job = wait_for(process, stage)
    run_out(terminal)
    out, err = process.communicate(timeout=SECONDS)
    if stage in ("schema", "reach") or process.returncode:
        assert process.returncode == 3, out + err
        assert json.loads(out.splitlines()[-1])["kind"] == "not-signed-in"
        sign_in(terminal)
        result = terminal.json("jobs", "resume", job)
    else:
        # All that was asked of the server from then on was what anybody may have.
        result = json.loads(out.splitlines()[-1])
    assert {t["table"]: t["rows"] for t in result["tables"]} == {t["table"]: t["rows"] for t in whole["tables"]}
    assert result["hidden"] == []


def test_an_export_is_not_gone_on_with_as_somebody_else(terminal: Terminal) -> None:
    box = terminal.sandbox
    process = terminal.start(*words(terminal, "--json"))
    job = wait_for(process, "records")
    process.kill()
    process.communicate()
    sign_in(terminal, "user")
    told = terminal.json("jobs", "resume", job, status=3)
    assert told["message"].startswith("This export was begun as Ada Admin; now you are ")
    assert terminal.json("logout", box.host, "--ca", box.ca)["signed_out"]
    told = terminal.json("jobs", "resume", job, status=3)
    assert f"now you are nobody to {box.host}" in told["message"]
    sign_in(terminal)
    assert terminal.json("jobs", "resume", job)["valid"]
