"""The sandbox answers as the real servers did when they were recorded."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from contract.replay import Outcome, replay
from sandbox_process import SandboxProcess

RECORDINGS = Path(__file__).parent / "recordings"


def steps(name: str) -> list[str]:
    lines = (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["step"]["name"] for line in lines]


@cache
def _outcomes(name: str, url: str, ca: str, users: str) -> list[Outcome]:
    return list(replay(RECORDINGS / f"{name}.jsonl", url, ca, json.loads(Path(users).read_text())))


@pytest.mark.parametrize(
    ("recording", "number"),
    [
        pytest.param(name, number, id=f"{name}: {step}")
        for name in ("ermrest", "hatrac", "export")
        for number, step in enumerate(steps(name))
    ],
)
@pytest.mark.xdist_group("recordings")
def test_the_answer_agrees(empty_sandbox: SandboxProcess, recording: str, number: int) -> None:
    # Steps build on each other: a recording is replayed whole, once, and each step is judged by itself.
    outcome = _outcomes(recording, empty_sandbox.url, empty_sandbox.ca, empty_sandbox.users)[number]
    assert outcome.differences == []


def test_the_recordings_are_all_there() -> None:
    assert {name: len(steps(name)) for name in ("ermrest", "hatrac", "export")} == {
        "ermrest": 164,
        "hatrac": 48,
        "export": 16,
    }
