"""`satchel inspect --columns`: all records read, said for programs and for people."""

from __future__ import annotations

import asyncio
import tarfile
from pathlib import Path

import pytest
from test_inside import deriva_bag, zipped

from satchel.cli.inspect import told
from satchel.core.bags import inspecting
from satchel.core.bags.inspecting import InspectRequest, InspectResult
from satchel.core.errors import SatchelError
from satchel.core.jobs.state import local_context


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path / "home"))


def inspected(path: Path, work: Path) -> InspectResult:
    work.mkdir(exist_ok=True)
    return asyncio.run(inspecting.run(InspectRequest(path=str(path), columns=True), local_context(work)))


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_columns_and_links_are_told(tmp_path: Path, form: str) -> None:
    bag = deriva_bag(tmp_path / "bag", schema=True)
    with (bag / "data/records/eye.Subject.csv").open("ab") as file:
        file.write(b"2-DDDD\n")
    found = inspected(bag if form == "folder" else zipped(bag), tmp_path / "work")
    subject = found.records[1]
    assert [(c.name, c.type, c.empty, c.distinct) for c in subject.columns] == [
        ("RID", "text", 0, 4),
        ("Study", "text", 1, 2),
        ("Part_Of", "text", 2, 1),
    ]
    assert [problem.line for problem in subject.problems] == [5]
    assert [link.columns for link in found.links] == [("Study",)]
    text = told(found)
    assert "eye:Subject: 4 rows" in text
    assert "-> eye:Study(RID)" in text
    assert "The row on line 5 of eye.Subject.csv has 1 field where there are 3 columns." in text


def test_a_tar_archive_is_to_be_extracted_first(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bag.tar", "w") as packed:
        packed.add(deriva_bag(tmp_path / "bag"), "bag")
    with pytest.raises(SatchelError, match="is a tar archive"):
        inspected(tmp_path / "bag.tar", tmp_path / "work")
