"""A job of the window that meets an expired sign-in waits for a new one, and goes on from where it was."""

from __future__ import annotations

import asyncio
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox_process import SandboxProcess, start_sandbox
from satchel.core.credentials import chosen
from satchel.core.export.request import ExportRequest
from satchel.core.flows import sign_in
from satchel.core.jobs.asking import SIGN_IN, SIGNED_IN, STOP
from satchel.core.jobs.engine import Engine
from satchel.core.jobs.request import Access
from satchel.core.jobs.views import JobView
from satchel.core.paths import Home


@pytest.fixture(scope="module")
def slow_sandbox() -> Iterator[SandboxProcess]:
    with start_sandbox("--demo", "small", "--latency", "40") as running:
        yield running


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The window's, each job in a process; sign-ins are in memory alone."""
    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path / "home"))
    chosen.choose(chosen.Choice("memory"))
    engine = Engine(Home.find(), apart=True)
    engine.start()
    yield engine
    engine.stop()
    chosen.use(None)


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def seen(engine: Engine, job: str) -> JobView:
    view = engine.view(job)
    assert view is not None
    return view


def enter(box: SandboxProcess, user: str = "admin") -> None:
    asyncio.run(sign_in.sign_in(box.host, Access(ca=(box.ca,)), user, user))


def run_out(box: SandboxProcess) -> None:
    kept = chosen.current().get(box.host)
    assert kept is not None
    from satchel.core.credentials.kept import SignIn

    found = SignIn.read(kept)
    assert found is not None
    request = urllib.request.Request(f"{box.url}/authn/session", headers=found.credential.headers, method="DELETE")
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=box.ca)) as answer:
        assert answer.status < 300


def begin(engine: Engine, box: SandboxProcess, out: Path, stage: str) -> str:
    out.mkdir()
    request = ExportRequest(
        host=box.host, catalog=box.catalog, rid=box.root, out=str(out), materialize=True, access=Access(ca=(box.ca,))
    )
    job = engine.submit(request)
    until(lambda: any(s.name == stage for s in seen(engine, job).stages) or seen(engine, job).state == "failed")
    return job


@pytest.mark.parametrize("stage", ["reach", "records"])
def test_it_waits_and_goes_on_with_the_new_sign_in(
    engine: Engine, slow_sandbox: SandboxProcess, tmp_path: Path, stage: str
) -> None:
    box = slow_sandbox
    enter(box)
    job = begin(engine, box, tmp_path / "out", stage)
    run_out(box)
    until(lambda: seen(engine, job).state not in ("queued", "running"))
    view = seen(engine, job)
    if view.state != "done" or stage == "reach":
        assert view.state == "waiting", view.error
        assert view.question is not None
        assert view.question.question == f"{SIGN_IN}{box.host}"
        assert "does not accept your sign-in any more" in view.question.text
        enter(box)
        engine.answer(job, view.question.question, SIGNED_IN)
    until(lambda: seen(engine, job).state not in ("queued", "running", "waiting"))
    view = seen(engine, job)
    assert view.state == "done", view.error
    assert view.result is not None
    assert view.result.valid  # type: ignore[attr-defined]
    assert view.result.hidden == ()  # type: ignore[attr-defined]


def test_who_stops_instead_gets_the_error_and_may_resume_later(
    engine: Engine, slow_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    box = slow_sandbox
    enter(box)
    job = begin(engine, box, tmp_path / "out", "reach")
    run_out(box)
    until(lambda: seen(engine, job).state == "waiting")
    engine.answer(job, f"{SIGN_IN}{box.host}", STOP)
    until(lambda: seen(engine, job).state == "failed")
    error = seen(engine, job).error
    assert error is not None
    assert "does not accept your sign-in any more" in error.message
    enter(box)
    engine.resume(job)
    until(lambda: seen(engine, job).state == "done")
