"""Discarding an export removes what it left beside its target, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from satchel.core.errors import SatchelError
from satchel.core.export.leftovers import KEY, work_folder
from satchel.core.export.request import ExportRequest
from satchel.core.jobs import registry
from satchel.core.jobs.journal import Journal
from satchel.core.paths import Home


@pytest.fixture
def out(tmp_path: Path) -> Path:
    out = tmp_path / "out"
    out.mkdir()
    return out


@pytest.fixture
def journal(tmp_path: Path):  # type: ignore[no-untyped-def]
    journal = Journal(Home.under(tmp_path / "home"))
    yield journal
    journal.close()


def add(journal: Journal, out: Path, leftovers: object) -> str:
    request = ExportRequest(host="www.example.org", catalog="1", rid="1-ABCD", out=str(out))
    job = journal.new_id()
    journal.add("export", request.title, registry.encode(request), job)
    journal.keep(job, KEY, leftovers(job) if callable(leftovers) else leftovers)
    return job


def fill(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "page.csv").write_text("RID\n")
    return folder


def test_the_work_folder_goes_and_all_else_stays(journal: Journal, out: Path) -> None:
    goal = out / "1_Study_1-ABCD.zip"
    job = add(journal, out, lambda job: [str(work_folder(goal, job))])
    other = add(journal, out, lambda job: [str(work_folder(goal, job))])
    ours, theirs = fill(work_folder(goal, job)), fill(work_folder(goal, other))
    (out / "notes.txt").write_text("mine")
    journal.folder(job)
    journal.discard(job)
    assert not ours.exists()
    assert (theirs / "data" / "page.csv").exists()
    assert (out / "notes.txt").exists()
    assert [entry.id for entry in journal.jobs()] == [other]
    journal.discard(other)
    assert [path.name for path in out.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("where", ["elsewhere", "below", "above", "name", "job", "out", "rubbish"])
def test_a_journal_that_names_something_else_removes_nothing(
    journal: Journal, out: Path, tmp_path: Path, where: str
) -> None:
    def named(job: str) -> object:
        name = f".bag.{job}.satchel"
        return {
            "elsewhere": [str(fill(tmp_path / "elsewhere" / name))],
            "below": [str(fill(out / "below" / name))],
            "above": [f"{out}/../{fill(tmp_path / name).name}"],
            "name": [str(fill(out / "thesis"))],
            "job": [str(fill(out / ".bag.000000-00000000.satchel"))],
            "out": [str(out), ".", "/", ""],
            "rubbish": {"a": [1, None]},
        }[where]

    job = add(journal, out, named)
    files = {path for path in tmp_path.rglob("*") if "home" not in path.parts}
    journal.discard(job)
    assert {path for path in tmp_path.rglob("*") if "home" not in path.parts} == files


def test_a_link_is_not_followed(journal: Journal, out: Path, tmp_path: Path) -> None:
    precious = fill(tmp_path / "precious")
    job = add(journal, out, lambda job: [str(out / f".bag.{job}.satchel")])
    (out / f".bag.{job}.satchel").symlink_to(precious, target_is_directory=True)
    inner = add(journal, out, lambda job: [str(out / f".bag.{job}.satchel")])
    fill(out / f".bag.{inner}.satchel").joinpath("link").symlink_to(precious, target_is_directory=True)
    journal.discard(job)
    journal.discard(inner)
    assert (precious / "data" / "page.csv").exists()
    assert not (out / f".bag.{inner}.satchel").exists()


def test_what_cannot_be_removed_is_named(journal: Journal, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = add(journal, out, lambda job: [str(out / f".bag.{job}.satchel")])
    left = fill(out / f".bag.{job}.satchel")

    def refuse(path: Path, *_: object, **__: object) -> None:
        if Path(path) == left:
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("satchel.core.jobs.journal.shutil.rmtree", refuse)
    with pytest.raises(SatchelError, match="could not be removed: Permission denied") as told:
        journal.discard(job)
    assert str(left) in told.value.message
    assert journal.jobs() == []


def test_a_job_of_an_unknown_kind_is_discarded_without_touching_anything(journal: Journal, out: Path) -> None:
    job = journal.add("from-the-future", "Future", b'{"request": "from-the-future"}')
    journal.keep(job, KEY, [str(fill(out / f".bag.{job}.satchel"))])
    journal.discard(job)
    assert (out / f".bag.{job}.satchel").exists()
    assert journal.jobs() == []
