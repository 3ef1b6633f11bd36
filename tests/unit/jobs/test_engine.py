"""The engine: jobs are queued, run, cancelled, resumed, and never lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.engine import Engine
from satchel.core.jobs.journal import Journal
from satchel.core.jobs.run import run_job
from satchel.core.jobs.views import JobView
from satchel.core.paths import Home
from unit.jobs.dummy import DummyRequest, DummyResult


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.under(tmp_path / "home")


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    engine = Engine(home)
    engine.start()
    yield engine
    assert engine.stop()


def until(check: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def ended(engine: Engine, job: str) -> JobView:
    def over() -> bool:
        view = engine.view(job)
        return view is not None and view.state in ("done", "failed", "cancelled", "interrupted")

    until(over)
    view = engine.view(job)
    assert view is not None
    return view


def running(engine: Engine, job: str) -> None:
    def begun() -> bool:
        view = engine.view(job)
        return view is not None and bool(view.stages)

    until(begun)


def test_a_job_is_done_and_its_result_is_kept(engine: Engine, home: Home) -> None:
    job = engine.submit(DummyRequest(units=1000))
    view = ended(engine, job)
    assert view.state == "done"
    assert view.result == DummyResult(done=1000)
    assert [(s.title, s.done, s.total, s.state) for s in view.stages] == [("Count", 1000, 1000, "ended")]
    assert view.stages[0].parts[0].name == "eye:Subject"
    journal = Journal(home)
    assert journal.job(job).state == "done"
    assert not (home.data / "jobs" / job).exists(), "a job that is done leaves nothing behind"
    journal.close()


@pytest.mark.parametrize("what", ["hang", "thread"])
def test_cancelling_is_prompt_and_the_job_can_be_resumed(engine: Engine, what: str) -> None:
    job = engine.submit(DummyRequest(what=what))
    running(engine, job)
    engine.cancel(job)
    view = engine.view(job)
    assert view is not None
    assert view.state in ("cancelling", "cancelled")
    assert ended(engine, job).state == "cancelled"
    engine.resume(job)
    running(engine, job)
    engine.cancel(job)
    assert ended(engine, job).state == "cancelled"


def test_failures_are_told_in_a_sentence(engine: Engine) -> None:
    kinds = {}
    for what in ("fail", "full", "bug"):
        view = ended(engine, engine.submit(DummyRequest(what=what)))
        assert view.state == "failed"
        assert view.error is not None
        kinds[what] = view.error.kind
        assert "Traceback" not in view.error.message
    assert kinds == {"fail": Kind.SERVER, "full": Kind.DISK_FULL, "bug": Kind.INTERNAL}


def test_the_log_has_the_traceback_of_a_bug_and_the_warning(engine: Engine) -> None:
    job = engine.submit(DummyRequest(what="bug"))
    ended(engine, job)
    assert any("ZeroDivisionError" in line.message for line in engine.log(job))
    job = engine.submit(DummyRequest(what="fail"))
    view = ended(engine, job)
    assert [(w.code, w.where) for w in view.warnings] == [("careful", "eye:Subject")]
    assert any(line.level == "warning" for line in engine.log(job))


def test_more_jobs_than_places_wait_their_turn(engine: Engine) -> None:
    jobs = [engine.submit(DummyRequest(what="hang")) for _ in range(3)]
    running(engine, jobs[0])
    running(engine, jobs[1])
    waiting = engine.view(jobs[2])
    assert waiting is not None
    assert waiting.state == "queued"
    assert [v.id for v in engine.views()] == jobs[::-1], "the newest is on top"
    engine.cancel(jobs[2])
    assert ended(engine, jobs[2]).state == "cancelled", "a job that waits can be cancelled"
    engine.cancel(jobs[0])
    engine.cancel(jobs[1])


def test_a_question_is_answered(engine: Engine) -> None:
    job = engine.submit(DummyRequest(what="ask"))

    def asked() -> bool:
        view = engine.view(job)
        return view is not None and view.state == "waiting"

    until(asked)
    engine.answer(job, "go", "Perhaps")
    engine.answer(job, "go", "Yes")
    assert ended(engine, job).result == DummyResult(done=10, answer="Yes")


def test_a_job_runs_in_one_place_only(engine: Engine, home: Home) -> None:
    job = engine.submit(DummyRequest(what="hang"))
    running(engine, job)
    other = Engine(home)
    other.start()
    try:
        view = other.view(job)
        assert view is not None
        assert view.state == "running", "another window sees that it runs"
        with pytest.raises(SatchelError, match="is running; there is nothing to resume"):
            other.resume(job)
        with pytest.raises(SatchelError, match="another window"):
            other.discard(job)
    finally:
        other.stop()
    engine.cancel(job)
    ended(engine, job)
    engine.discard(job)
    assert engine.view(job) is None


def test_quitting_interrupts_and_the_next_start_offers_to_resume(home: Home) -> None:
    first = Engine(home)
    first.start()
    job = first.submit(DummyRequest(what="slow", units=200))
    running(first, job)
    assert first.stop()
    second = Engine(home)
    second.start()
    view = second.view(job)
    assert view is not None
    assert view.state == "interrupted"
    assert view.request == DummyRequest(what="slow", units=200)
    second.resume(job)
    assert ended(second, job).result == DummyResult(done=200)
    second.stop()


def test_a_killed_process_leaves_a_job_that_resumes(home: Home) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from unit.jobs.dummy import DummyRequest\n"
        "from satchel.core.jobs.run import run_job; from satchel.core.paths import Home\n"
        "def hear(e):\n  print(e, flush=True)\n"
        "asyncio.run(run_job(DummyRequest(what='slow', units=300), Home.under(Path(sys.argv[1])), hear))"
    )
    tests = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(home.data.parent)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{os.environ['PYTHONPATH']}{os.pathsep}{tests}"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if b"StageProgress" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    journal = Journal(home)
    (entry,) = journal.jobs()
    assert entry.state == "interrupted"
    done = journal.kept(entry.id)["done"]
    journal.close()
    assert 0 < done < 300
    heard: list[object] = []
    _, result = asyncio.run(run_job(None, home, heard.append, resume=entry.id))
    assert result == DummyResult(done=300)
    assert heard[0].resumed  # type: ignore[attr-defined]


def test_a_question_to_the_engine_comes_back_as_a_future(engine: Engine) -> None:
    async def double(n: int) -> int:
        await asyncio.sleep(0)
        return 2 * n

    async def breaks() -> None:
        raise OSError(28, "No space left on device")

    assert engine.call(double, 21).result(10) == 42
    with pytest.raises(SatchelError) as caught:
        engine.call(breaks).result(10)
    assert caught.value.kind is Kind.DISK_FULL


def test_a_million_counts_are_cheap_to_look_at(engine: Engine) -> None:
    job = engine.submit(DummyRequest(units=1_000_000))
    view = ended(engine, job)
    assert view.stages[0].done == 1_000_000
