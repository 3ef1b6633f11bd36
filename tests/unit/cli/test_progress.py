"""Progress in words: counts, rates, and what is unknown said to be unknown."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from satchel.cli import progress
from satchel.cli.progress import Lines, Phase
from satchel.core.jobs.events import AnyEvent, JobStarted, Logged, StageBegan, StageEnded, StageProgress, Warned


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def at(done: int, total: int | None = None) -> StageProgress:
    return StageProgress(stage="s", done=done, total=total, unit="rows")


def test_rate_and_time_left(clock: list[float]) -> None:
    phase = Phase("Read", "rows", 10_000)
    phase.at(at(0, 10_000))
    assert phase.figures() == "0 of 10,000 rows"
    clock[0] += 2
    phase.at(at(4_000, 10_000))
    assert phase.figures() == "4,000 of 10,000 rows, 2,000 rows/s, about 0:03 left"
    phase.at(at(10_000, 10_000))
    assert "left" not in phase.figures()


def test_the_rate_is_that_of_the_last_seconds(clock: list[float]) -> None:
    phase = Phase("Read", "rows", None)
    for second in range(60):
        clock[0] += 1
        phase.at(at(1000 * min(second, 50) + max(0, second - 50)))
    assert phase.speed < 2


def test_what_is_unknown_is_said_to_be(clock: list[float]) -> None:
    phase = Phase("Wait", "", None)
    assert "not known" in phase.figures()
    phase = Phase("Read", "rows", None)
    phase.at(at(5))
    assert phase.figures() == "5 rows, how many in all is not known"


def test_lines_tell_of_phases_warnings_and_what_is_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    events: list[AnyEvent] = [
        JobStarted(job="1-a", title="Export X"),
        StageBegan(stage="s", title="Read the rows", unit="rows", total=10),
        at(10, 10),
        Warned(code="c", message="You may not read it.", where="eye:Subject", hint="Ask."),
        Logged(level="debug", message="not told"),
        Logged(level="error", message="told as the error at the end"),
        Logged(level="warning", message="tried again"),
        StageEnded(stage="s", done=10, seconds=2.0),
    ]
    for event in events:
        lines.hear(event)
    lines.close()
    assert capsys.readouterr().err.splitlines() == [
        "Export X: job 1-a",
        "Read the rows ...",
        "Warning: eye:Subject: You may not read it. Ask.",
        "tried again",
        "Read the rows: 10 rows, 0:02, 5.0 rows/s",
    ]


def test_a_silent_phase_is_told_of_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.01)
    lines = Lines()
    lines.hear(StageBegan(stage="s", title="The server prepares"))
    told = ""
    while told.count("so far)") < 2:
        told += capsys.readouterr().err
    lines.close()
    assert "The server prepares: it is not known how far (0:00 so far)" in told


def test_what_an_earlier_run_did_is_not_called_fast(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.hear(JobStarted(job="1-a", title="Export X", resumed=True))
    lines.hear(StageBegan(stage="s", title="Read the rows", unit="rows", total=200_000))
    lines.hear(StageEnded(stage="s", done=200_000, seconds=1.0))
    lines.close()
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "Export X (resumed): job 1-a"
    assert told[-1] == "Read the rows: 200,000 rows, 0:01"
