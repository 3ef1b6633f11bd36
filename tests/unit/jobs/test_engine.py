"""The engine: jobs are queued, run, cancelled, resumed, and never lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.engine import Engine
from satchel.core.jobs.events import AnyEvent, Asked, JobStarted, StageBegan, StageEnded, StageProgress
from satchel.core.jobs.journal import Journal
from satchel.core.jobs.run import run_job
from satchel.core.jobs.state import local_context
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


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("what", ["hang", "thread", "socket"])
def test_cancelling_is_prompt_and_the_job_can_be_resumed(engine: Engine, silent: int, what: str) -> None:
    job = engine.submit(DummyRequest(what=what, units=silent if what == "socket" else 10))
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
    job = first.submit(DummyRequest(what="slow", units=60))
    running(first, job)
    assert first.stop()
    second = Engine(home)
    second.start()
    view = second.view(job)
    assert view is not None
    assert view.state == "interrupted"
    assert view.request == DummyRequest(what="slow", units=60)
    second.resume(job)
    assert ended(second, job).result == DummyResult(done=60)
    second.stop()


def test_a_killed_process_leaves_a_job_that_resumes(home: Home) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from unit.jobs.dummy import DummyRequest\n"
        "from satchel.core.jobs.run import run_job; from satchel.core.paths import Home\n"
        "def hear(e):\n  print(e, flush=True)\n"
        "asyncio.run(run_job(DummyRequest(what='slow', units=100), Home.under(Path(sys.argv[1])), hear))"
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
    assert 0 < done < 100
    heard: list[object] = []
    _, result = asyncio.run(run_job(None, home, heard.append, resume=entry.id))
    assert result == DummyResult(done=100)
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


def test_a_job_that_is_cancelled_before_its_first_step_does_not_linger(engine: Engine, home: Home) -> None:
    for _ in range(20):
        job = engine.submit(DummyRequest(what="hang"))
        engine.cancel(job)
        assert ended(engine, job).state == "cancelled"
        assert engine.journal.job(job).state == "cancelled"
    assert not engine.busy
    assert ended(engine, engine.submit(DummyRequest())).state == "done", "and its place is free"


def test_waiting_jobs_start_in_order_and_more_at_once_when_allowed(engine: Engine) -> None:
    engine.parallel = 1
    jobs = [engine.submit(DummyRequest(what="hang")) for _ in range(3)]
    running(engine, jobs[0])
    assert [v.state for v in engine.views()] == ["queued", "queued", "running"]
    engine.cancel(jobs[0])
    running(engine, jobs[1])
    engine.parallel = 2
    running(engine, jobs[2])
    for job in jobs:
        engine.cancel(job)
        assert ended(engine, job).state == "cancelled"


def test_where_a_job_stood_is_still_known_after_a_restart(home: Home) -> None:
    first = Engine(home)
    first.start()
    job = first.submit(DummyRequest(units=7))
    before = ended(first, job)
    assert first.stop()
    second = Engine(home)
    second.start()
    assert second.view(job) == before
    assert before.stages[0].parts[0].done == 7
    assert second.stop()


def test_another_window_sees_jobs_come_and_go_and_can_cancel_them(engine: Engine, home: Home) -> None:
    other = Engine(home)
    other.start()
    try:
        job = engine.submit(DummyRequest(what="hang"))
        running(engine, job)

        def seen(state: str) -> bool:
            view = other.view(job)
            return view is not None and view.state == state

        until(lambda: seen("running"))
        other.cancel(job)
        assert seen("cancelling")
        assert ended(engine, job).state == "cancelled"
        until(lambda: seen("cancelled"))
        other.resume(job)
        running(other, job)
        with pytest.raises(SatchelError, match="nothing to resume"):
            engine.resume(job)
        until(lambda: getattr(engine.view(job), "state", "") == "running")
        other.cancel(job)
        assert ended(other, job).state == "cancelled"
        other.discard(job)
        until(lambda: engine.view(job) is None)
    finally:
        other.stop()


def test_a_warning_is_not_said_again_when_a_job_is_resumed(engine: Engine) -> None:
    job = engine.submit(DummyRequest(what="warn"))
    assert ended(engine, job).state == "failed"
    engine.resume(job)
    view = ended(engine, job)
    assert view.state == "done"
    assert [w.where for w in view.warnings] == ["eye:Subject", "eye:Image"]
    assert view.warning_count == 2


def test_a_secret_does_not_reach_journal_log_or_view(engine: Engine, home: Home) -> None:
    job = engine.submit(DummyRequest(what="secret"))
    view = ended(engine, job)
    assert view.error is not None
    assert "(hidden)" in view.error.detail
    assert any("(hidden)" in line.message for line in engine.log(job))
    assert engine.stop()
    for file in (path for path in home.data.rglob("*") if path.is_file()):
        assert b"abcdef0123456789" not in file.read_bytes(), file


def test_a_full_disk_under_the_journal_does_not_hide_why_a_job_failed(engine: Engine) -> None:
    job = engine.submit(DummyRequest(what="swell", units=100_000))
    running(engine, job)
    engine.journal._db.execute("PRAGMA max_page_count = 1")  # SQLite may not grow from here on: as on a full disk
    view = ended(engine, job)
    assert view.state == "failed"
    assert view.error is not None
    assert view.error.kind is Kind.DISK_FULL
    engine.journal._db.execute("PRAGMA max_page_count = 1000000")
    engine.resume(job)
    running(engine, job)
    engine.cancel(job)
    assert ended(engine, job).state == "cancelled"


async def test_where_nobody_can_answer_the_default_is_taken(home: Home) -> None:
    heard: list[AnyEvent] = []
    _, result = await run_job(DummyRequest(what="ask"), home, heard.append)
    assert result == DummyResult(done=10, answer="No")
    assert any(isinstance(event, Asked) for event in heard)


async def test_events_come_in_order_and_progress_before_the_end(home: Home) -> None:
    heard: list[AnyEvent] = []
    await run_job(DummyRequest(units=100_000), home, heard.append)
    kinds = [type(event) for event in heard]
    assert kinds[:2] == [JobStarted, StageBegan]
    assert kinds[-1] is StageEnded
    figures = [(e.part, e.done) for e in heard if isinstance(e, StageProgress)]
    assert ("", 100_000) in figures
    assert ("eye:Subject", 100_000) in figures
    assert len(heard) < 100, "events are sampled, not one for each unit"


async def test_a_job_that_is_done_is_not_run_again(home: Home) -> None:
    job, _ = await run_job(DummyRequest(), home)
    with pytest.raises(SatchelError, match="is done"):
        await run_job(None, home, resume=job)
    with pytest.raises(SatchelError, match="no job nonsense"):
        await run_job(None, home, resume="nonsense")
    assert not (home.data / "jobs" / "nonsense.lock").exists()


def test_counts_from_many_threads_are_exact(tmp_path: Path) -> None:
    context = local_context(tmp_path)
    with context.stage("count", "Count", unit="rows") as stage, ThreadPoolExecutor(8) as pool:
        parts = [stage.part(f"t{n}") for n in range(8)]
        list(pool.map(lambda part: [part.add(1) for _ in range(20_000)], parts))
        stage.add(5)
    view = context.stages[0].look()
    assert view.done == 160_005
    assert [part.done for part in view.parts] == [20_000] * 8
    assert context.stages[0].look() is view, "what does not change any more is not made anew"


def test_a_picture_of_many_parts_makes_anew_only_what_moved(tmp_path: Path) -> None:
    context = local_context(tmp_path)
    with context.stage("count", "Count") as stage:
        parts = [stage.part(f"t{n}", 10) for n in range(1000)]
        first = context.stages[0].look()
        parts[500].add(3)
        second = context.stages[0].look()
        assert second.parts[500].done == 3
        assert sum(a is not b for a, b in zip(first.parts, second.parts, strict=True)) == 1
        assert context.stages[0].look().parts is second.parts


def test_a_phase_left_by_an_error_is_not_shown_as_ended(tmp_path: Path) -> None:
    heard: list[AnyEvent] = []
    context = local_context(tmp_path, heard.append)

    def fail() -> None:
        with context.stage("count", "Count") as stage:
            stage.add(2)
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    view = context.stages[0].look()
    assert (view.state, view.done) == ("begun", 2)
    assert context.stages[0].look().seconds == view.seconds, "its clock stands still"
    assert not any(isinstance(event, StageEnded) for event in heard)


def test_a_million_counts_are_cheap_to_look_at(engine: Engine) -> None:
    job = engine.submit(DummyRequest(units=1_000_000))
    view = ended(engine, job)
    assert view.stages[0].done == 1_000_000


def test_a_job_that_is_discarded_elsewhere_right_after_it_ended_is_gone_at_the_next_look(
    engine: Engine, home: Home
) -> None:
    """Before the engine has looked into the journal for the first time since it was submitted."""
    job = engine.submit(DummyRequest(what="count"))
    ended(engine, job)
    elsewhere = Journal(home)
    elsewhere.discard(job)
    elsewhere.close()
    engine.refresh()
    assert engine.view(job) is None
    assert job not in [view.id for view in engine.views()]
