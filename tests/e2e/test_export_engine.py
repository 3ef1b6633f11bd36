"""Exports in the window's engine: cancelled and resumed at once in one process, beside each other, over restarts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox_process import SandboxProcess, start_sandbox
from satchel.core.errors import SatchelError
from satchel.core.export.request import ExportRequest, ExportResult
from satchel.core.jobs.engine import Engine
from satchel.core.jobs.request import Access
from satchel.core.jobs.views import ALIVE, JobView
from satchel.core.paths import Home


@pytest.fixture(scope="module")
def slow_sandbox() -> Iterator[SandboxProcess]:
    with start_sandbox("--demo", "small", "--latency", "25") as running:
        yield running


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(Home.under(tmp_path / "home"))
    engine.start()
    yield engine
    assert engine.stop()


def request_of(box: SandboxProcess, out: Path, **other: object) -> ExportRequest:
    out.mkdir(exist_ok=True)
    known = {"host": box.host, "catalog": box.catalog, "rid": box.root, "out": str(out), "materialize": True}
    known["use_cache"] = False  # each is to do its own work
    access = Access(ca=(box.ca,), credential=box.credential)
    return ExportRequest(**{**known, "access": access, **other})  # type: ignore[arg-type]


def until(check: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def view_of(engine: Engine, job: str) -> JobView:
    view = engine.view(job)
    assert view is not None
    return view


def ended(engine: Engine, job: str) -> JobView:
    until(lambda: view_of(engine, job).state not in ALIVE)
    return view_of(engine, job)


def done(engine: Engine, job: str) -> ExportResult:
    view = ended(engine, job)
    assert view.state == "done", view.error
    assert isinstance(view.result, ExportResult)
    return view.result


def archive_of(result: ExportResult) -> Path:
    assert result.archive is not None
    return Path(result.archive)


@pytest.mark.parametrize("seed", [1, 2])
def test_cancelled_and_resumed_at_once_again_and_again(
    slow_sandbox: SandboxProcess, engine: Engine, tmp_path: Path, seed: int
) -> None:
    """What the cancelled run may still be at must not meet what the resumed one does to the same files."""
    dice = random.Random(seed)
    undisturbed = done(engine, engine.submit(request_of(slow_sandbox, tmp_path / "calm")))
    out = tmp_path / "out"
    job = engine.submit(request_of(slow_sandbox, out, snapshot=undisturbed.snapshot))
    cancelled = 0
    for _ in range(15):
        time.sleep(dice.random() * 0.5)
        engine.cancel(job)
        state = ended(engine, job).state
        if state == "done":
            break
        assert state == "cancelled"
        cancelled += 1
        assert [path.name for path in out.iterdir() if not path.name.startswith(".")] == []
        until(lambda: _resumed(engine, job))
    assert cancelled > 2
    result = done(engine, job)
    assert (result.valid, result.complete, result.tables) == (True, True, undisturbed.tables)
    assert archive_of(result).read_bytes() == archive_of(undisturbed).read_bytes()
    assert list(out.iterdir()) == [archive_of(result)]


def _resumed(engine: Engine, job: str) -> bool:
    try:
        engine.resume(job)
    except SatchelError:  # the cancelled run has not let go of it yet
        return False
    return True


def test_two_exports_into_one_folder_do_not_meet(slow_sandbox: SandboxProcess, engine: Engine, tmp_path: Path) -> None:
    """Of two that want the same name, one gets it and the other says so; its leftovers go when it is discarded."""
    out = tmp_path / "out"
    first = engine.submit(request_of(slow_sandbox, out))
    second = engine.submit(request_of(slow_sandbox, out))
    third = engine.submit(request_of(slow_sandbox, out, name="third"))
    views = [ended(engine, job) for job in (first, second)]
    assert sorted(view.state for view in views) == ["done", "failed"]
    (failed,) = [view for view in views if view.state == "failed"]
    assert failed.error is not None
    assert "is already there" in failed.error.message
    assert done(engine, third).valid
    content = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    assert len(content) == 2
    engine.discard(failed.id)
    assert sorted(path.name for path in out.iterdir()) == content


def test_the_program_is_quit_in_mid_run_and_begun_again(slow_sandbox: SandboxProcess, tmp_path: Path) -> None:
    home = Home.under(tmp_path / "home")
    out = tmp_path / "out"
    job, interrupted = "", 0
    for wait in (0.2, 0.4, 0.6, None):
        engine = Engine(home)
        engine.start()
        try:
            if not job:
                job = engine.submit(request_of(slow_sandbox, out))
            elif view_of(engine, job).state == "interrupted":
                interrupted += 1
                engine.resume(job)
            if wait is None:
                result = done(engine, job)
            else:
                time.sleep(wait)
        finally:
            assert engine.stop()
    assert interrupted
    assert (result.valid, result.complete) == (True, True)
    assert list(out.iterdir()) == [archive_of(result)]
