"""Jobs that run in processes of their own: what is seen, how they are stopped, and what a sudden end leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from satchel.core.bags.validate import ValidateRequest, ValidateResult
from satchel.core.errors import Kind
from satchel.core.jobs.engine import Engine
from satchel.core.jobs.views import ALIVE, JobView
from satchel.core.paths import Home

BIG = 400 << 20
"""Bytes of a bag that takes long enough to check to be caught at it."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.under(tmp_path / "home")


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    made = Engine(home, apart=True)
    made.start()
    yield made
    made.stop()


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def over(engine: Engine, job: str) -> JobView:
    until(lambda: (view := engine.view(job)) is not None and view.state not in ALIVE)
    found = engine.view(job)
    assert found is not None
    return found


def a_bag(folder: Path, size: int = 10) -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    with (folder / "data" / "zeros").open("wb") as file:
        file.truncate(size)  # a hole: it takes no room, and as long to read as any other
    (folder / "manifest-sha512.txt").write_text(f"{'0' * 128}  data/zeros\n")
    (folder / "manifest-sha256.txt").write_text(f"{'0' * 64}  data/zeros\n")
    return folder


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "worker" in child.cmdline()]


def long_job(engine: Engine, folder: Path) -> str:
    job = engine.submit(ValidateRequest(path=str(a_bag(folder / "big", BIG * 20))))
    until(lambda: (view := engine.view(job)) is not None and any(stage.done for stage in view.stages))
    return job


def test_what_runs_apart_is_seen_and_its_result_kept(engine: Engine, tmp_path: Path) -> None:
    job = engine.submit(ValidateRequest(path=str(a_bag(tmp_path / "bag"))))
    view = over(engine, job)
    assert view.state == "done", view.error
    assert isinstance(view.result, ValidateResult)
    assert [problem.code for problem in view.result.errors] == ["checksum", "checksum"]
    assert view.stages
    assert all(stage.state == "ended" for stage in view.stages)
    assert engine.log(job)
    assert workers() == []


def test_a_failure_apart_is_told_as_any_other(engine: Engine, tmp_path: Path) -> None:
    view = over(engine, engine.submit(ValidateRequest(path=str(tmp_path / "missing"))))
    assert view.state == "failed"
    assert view.error is not None
    assert view.error.kind is Kind.FILES
    assert "missing" in view.error.message


def test_it_is_cancelled_at_once_and_resumed(engine: Engine, tmp_path: Path) -> None:
    job = long_job(engine, tmp_path)
    (worker,) = workers()
    engine.cancel(job)
    view = over(engine, job)
    assert view.state == "cancelled"
    assert not worker.is_running()
    (tmp_path / "big" / "data" / "zeros").write_bytes(b"")
    engine.resume(job)
    assert over(engine, job).state == "done"


def test_one_that_is_killed_has_failed_and_can_be_resumed(engine: Engine, tmp_path: Path) -> None:
    job = long_job(engine, tmp_path)
    (worker,) = workers()
    worker.kill()
    view = over(engine, job)
    assert view.state == "failed"
    assert view.error is not None
    assert "ended by itself" in view.error.message
    (tmp_path / "big" / "data" / "zeros").write_bytes(b"")
    engine.resume(job)
    assert over(engine, job).state == "done"


def test_stopping_the_engine_interrupts_it(home: Home, tmp_path: Path) -> None:
    engine = Engine(home, apart=True)
    engine.start()
    job = long_job(engine, tmp_path)
    assert engine.stop()
    assert workers() == []
    again = Engine(home, apart=True)
    again.start()
    try:
        view = again.view(job)
        assert view is not None
        assert view.state == "interrupted"
    finally:
        again.stop()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_when_its_window_is_killed_it_stops_and_is_leased_until_it_has(home: Home, tmp_path: Path) -> None:
    bag = a_bag(tmp_path / "big", BIG * 20)
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from satchel.core.bags.validate import ValidateRequest\n"
        "from satchel.core.jobs.engine import Engine\nfrom satchel.core.paths import Home\n"
        "engine = Engine(Home.under(Path(sys.argv[1])), apart=True)\nengine.start()\n"
        "job = engine.submit(ValidateRequest(path=sys.argv[2]))\n"
        "while not any(stage.done for stage in engine.view(job).stages): time.sleep(0.01)\n"
        "print(job, flush=True)\ntime.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(home.data.parent), str(bag)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as window:
        assert window.stdout is not None
        job = window.stdout.readline().strip()
        (worker,) = [c for c in psutil.Process(window.pid).children() if "worker" in c.cmdline()]
        worker.suspend()
        window.send_signal(signal.SIGKILL)
        window.wait()
    engine = Engine(home, apart=True)
    engine.start()
    try:
        view = engine.view(job)
        assert view is not None
        assert view.state == "running", "it is held by the worker, which has not heard yet"
        worker.resume()
        until(lambda: (now := engine.view(job)) is not None and now.state == "interrupted")
        until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    finally:
        engine.stop()
