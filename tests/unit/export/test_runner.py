"""The export job as a whole, ended by force at its last moments, and looked at by what it leaves."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox_process import SandboxProcess
from satchel.core.errors import Kind, SatchelError
from satchel.core.export import finishing, runner
from satchel.core.export.leftovers import KEY, leftovers
from satchel.core.export.request import ExportRequest, ExportResult
from satchel.core.jobs.request import Access
from satchel.core.jobs.state import JobContext


class PowerCutError(BaseException):
    """Ends a run as nothing expects it."""


class Job:
    """An export with what is durable of it."""

    def __init__(self, box: SandboxProcess, folder: Path, **other: Any) -> None:
        self.folder = folder / "job"
        self.folder.mkdir()
        self.out = folder / "out"
        self.out.mkdir()
        self.kept: dict[str, Any] = {}
        self.stages: list[str] = []
        access = Access(ca=(box.ca,), credential=box.credential)
        known = {"host": box.host, "catalog": box.catalog, "rid": box.root, "out": str(self.out), "access": access}
        self.request = ExportRequest(**{**known, **other})

    async def run(self) -> ExportResult:
        context = JobContext("7-seven", self.folder, keep=self.kept.__setitem__, kept=self.kept)
        try:
            return await runner.run(self.request, context)
        finally:
            self.stages = [stage.name for stage in context.stages]

    def seen(self) -> list[str]:
        return sorted(path.name for path in self.out.iterdir() if not path.name.startswith("."))

    def hidden(self) -> list[Path]:
        return [path for path in self.out.iterdir() if path.name.startswith(".")]


def cut(monkeypatch: pytest.MonkeyPatch, what: str) -> Callable[[], None]:
    """Make the power fail when `what` is called, once. Returns what makes it whole again."""

    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise PowerCutError

    place = runner if hasattr(runner, what) else finishing
    before = getattr(place, what)
    monkeypatch.setattr(place, what, fail)
    return lambda: monkeypatch.setattr(place, what, before)


@pytest.mark.parametrize("archive", ["zip", "none"])
async def test_ended_right_after_its_work_got_its_name_it_is_done(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: str
) -> None:
    """The name is there, the job did not get to say so: neither does it make it again, nor is it in its own way."""
    job = Job(sandbox, tmp_path, archive=archive)
    power = cut(monkeypatch, "sync_folder")  # the first thing behind the rename
    with pytest.raises(PowerCutError):
        await job.run()
    (name,) = job.seen()
    before = (job.out / name).stat()
    power()
    result = await job.run()
    assert job.stages == [], "no server is asked"
    assert str(job.out / name) == (result.bag if archive == "none" else result.archive)
    assert (result.valid, result.complete, result.rows > 0) == (True, True, True)
    assert (job.out / name).stat().st_ino == before.st_ino
    assert job.hidden() == []
    undisturbed = Job(sandbox, make(tmp_path / "again"), archive=archive, snapshot=result.snapshot)
    other = await undisturbed.run()
    assert (other.tables, other.rows, other.bytes) == (result.tables, result.rows, result.bytes)


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("archive", ["zip", "none"])
@pytest.mark.parametrize("what", ["clear", "size_of", "place", "_mark"])
async def test_ended_before_that_nothing_looks_finished_and_it_goes_on(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: str, what: str
) -> None:
    job = Job(sandbox, tmp_path, archive=archive)
    power = cut(monkeypatch, what)
    with pytest.raises(PowerCutError):
        await job.run()
    assert job.seen() == []
    power()
    result = await job.run()
    assert result.valid
    assert job.seen() == [Path(result.bag or result.archive or "").name]
    assert job.hidden() == []


async def test_what_somebody_else_put_there_meanwhile_stays(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(sandbox, tmp_path, name="mine")
    power = cut(monkeypatch, "_mark")
    with pytest.raises(PowerCutError):
        await job.run()
    power()
    (job.out / "mine.zip").write_text("somebody's")
    with pytest.raises(SatchelError) as caught:
        await job.run()
    assert caught.value.kind is Kind.FILES
    assert "already there" in caught.value.message
    assert (job.out / "mine.zip").read_text() == "somebody's"
    (job.out / "mine.zip").unlink()
    assert (await job.run()).valid


@pytest.mark.parametrize("archive", ["tgz", "none"])
@pytest.mark.parametrize("links", [True, False])
async def test_a_name_that_is_taken_at_the_last_moment_stays_somebody_elses(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: str, links: bool
) -> None:
    """As by another export into the same folder."""
    job = Job(sandbox, tmp_path, name="mine", archive=archive)
    goal = job.out / ("mine" if archive == "none" else "mine.tgz")
    mark = finishing._mark

    def late(made: Path) -> list[int]:
        if archive == "none":
            goal.mkdir()
            (goal / "x").write_text("somebody's")
        else:
            goal.write_text("somebody's")
        return mark(made)

    def no_links(*_paths: Path) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    else:
        monkeypatch.setattr(finishing, "_mark", late)
        with pytest.raises(SatchelError) as caught:
            await job.run()
        assert caught.value.kind is Kind.FILES
        assert f"{goal} is already there" in caught.value.message
        assert (goal / "x" if archive == "none" else goal).read_text() == "somebody's"
        assert job.seen() == [goal.name]
        (shutil.rmtree if archive == "none" else Path.unlink)(goal)
        monkeypatch.setattr(finishing, "_mark", mark)
    result = await job.run()
    assert (result.bag or result.archive) == str(goal)
    assert job.seen() == [goal.name]
    assert job.hidden() == []


async def test_a_result_that_was_replaced_is_not_taken_for_its_own(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(sandbox, tmp_path, name="mine")
    power = cut(monkeypatch, "sync_folder")
    with pytest.raises(PowerCutError):
        await job.run()
    power()
    content = (job.out / "mine.zip").read_bytes()
    (job.out / "mine.zip").unlink()
    (job.out / "mine.zip").write_bytes(content[:-1] + b"?")
    with pytest.raises(SatchelError, match="already there"):
        await job.run()
    (job.out / "mine.zip").unlink()
    result = await job.run()
    assert (job.out / "mine.zip").read_bytes() == content
    assert result.valid


async def test_leftovers_of_a_job_are_its_own_folder_alone(sandbox: SandboxProcess, tmp_path: Path) -> None:
    job = Job(sandbox, tmp_path)
    task = asyncio.create_task(job.run())
    while not job.hidden():  # noqa: ASYNC110 - what is awaited is a folder
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert leftovers(job.request, "7-seven", job.kept) == job.hidden()
    assert leftovers(job.request, "8-eight", job.kept) == []
    (job.out / ".link.7-seven.satchel").symlink_to(tmp_path)
    outside = make(tmp_path / ".x.7-seven.satchel")
    for lie in (
        [str(tmp_path)],
        [str(outside)],
        [str(job.out)],
        [str(job.out / ".link.7-seven.satchel")],
        [7],
        "x",
        None,
    ):
        assert leftovers(job.request, "7-seven", {KEY: lie}) == []


async def test_a_file_that_the_disk_spoils_is_noticed(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written is read once more before it is handed out."""
    job = Job(sandbox, tmp_path)
    tags = runner.write_tags

    def spoil(bag: Path, *args: Any) -> Any:
        file = bag / "data" / "records" / "eye.Study.csv"
        content = file.read_bytes()
        os.truncate(file, 0)
        file.write_bytes(content[:-2] + b"?\n")
        return tags(bag, *args)

    monkeypatch.setattr(runner, "write_tags", spoil)
    with pytest.raises(SatchelError) as caught:
        await job.run()
    assert caught.value.kind is Kind.INVALID
    assert "data/records/eye.Study.csv is not on the disk as it was written" in caught.value.message
    assert job.seen() == []
    monkeypatch.setattr(runner, "write_tags", tags)
    result = await job.run()
    assert result.valid, "what was spoilt is read again"


async def test_a_cancelled_export_does_not_wait_for_the_rule_to_be_worked_out(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(sandbox, tmp_path)
    solve, begun, go_on = runner.reach.solve, threading.Event(), threading.Event()

    def slow(*args: Any) -> Any:
        begun.set()
        go_on.wait()
        return solve(*args)

    monkeypatch.setattr(runner.reach, "solve", slow)
    task = asyncio.create_task(job.run())
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert job.stages[-1] == "solve", "a phase has a name while it lasts"
    monkeypatch.setattr(runner.reach, "solve", solve)
    go_on.set()
    assert (await job.run()).valid
