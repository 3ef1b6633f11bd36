"""A change of a bag is whole or not there, whenever the program is killed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bag_maker import make_bag, tree
from satchel.core.bags import rebagging
from satchel.core.bags.changing import DROPPED, finish
from satchel.core.bags.places import PLAN, TAGS
from satchel.core.bags.rebagging import RebagRequest
from satchel.core.errors import SatchelError
from satchel.core.jobs.state import local_context
from small_bags import judge

TESTS = Path(__file__).parents[2]


def all_anew(folder: Path) -> None:
    """Run by kill_at.py."""
    request = RebagRequest(path=str(folder / "bag"), remanifest=True, algorithms=("sha512",), info=(("A", "new"),))
    asyncio.run(rebagging.run(request, local_context(folder / "context")))


def info_alone(folder: Path) -> None:
    """Run by kill_at.py."""
    request = RebagRequest(path=str(folder / "bag"), info=(("A", "new"),))
    asyncio.run(rebagging.run(request, local_context(folder / "context")))


def at_each_moment(work: str, folder: Path) -> list[Path]:
    """The bags that came of it."""
    done = subprocess.run(
        [sys.executable, TESTS / "kill_at.py", f"test_killed:{work}", folder],
        env={"PYTHONPATH": f"{TESTS}:{Path(__file__).parent}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = [folder / f"after-{n}" for n in range(1, int(done.stdout) + 1)]
    assert len(found) > 8, "it changes the disk more often than that"
    return found


@pytest.mark.parametrize("work", ["all_anew", "info_alone"])
def test_a_change_that_is_killed_is_undone_or_finished(tmp_path: Path, work: str) -> None:
    make_bag(tmp_path / "before", {"data/a": b"a", "data/b/c": b"c" * 100_000}, info=(("A", "old"),))
    for bag in at_each_moment(work, tmp_path):
        result = judge(bag)
        assert (result.valid, result.complete, result.warnings) == (True, True, ()), bag.name
        assert "A: new\n" in (bag / "bag-info.txt").read_text()
        assert result.algorithms == (("sha512",) if work == "all_anew" else ("md5", "sha256"))
        assert [name for name in tree(bag) if name.startswith(".")] == []


def unfinished(bag: Path, plan: object, **files: bytes) -> Path:
    (bag / TAGS).mkdir()
    for name, content in files.items():
        (bag / TAGS / name).write_bytes(content)
    (bag / TAGS / PLAN).write_text(json.dumps(plan))
    return bag


def test_what_was_decided_on_is_finished_by_the_next_change(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", {"data/a": b"a"})
    info = bag / "bag-info.txt"
    unfinished(bag, {"put": ["bag-info.txt"], "remove": ["fetch.txt"]}, **{"bag-info.txt": info.read_bytes()})
    info.unlink()
    assert {w.code for w in judge(bag).warnings} == {"unfinished"}
    asyncio.run(rebagging.run(RebagRequest(path=str(bag)), local_context(tmp_path / "context")))
    assert judge(bag).valid
    assert not (bag / TAGS).exists()


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "data/a", "..", "bagit.txt\n", ".satchel-tags"])
def test_a_bag_cannot_bring_a_plan_that_leads_out(tmp_path: Path, name: str) -> None:
    (tmp_path / "out.txt").write_bytes(b"mine")
    bag = unfinished(make_bag(tmp_path / "bag", {"data/a": b"a"}), {"put": [], "remove": [name]})
    with pytest.raises(SatchelError, match="cannot be understood"):
        finish(bag)
    assert (tmp_path / "out.txt").exists()
    assert (bag / "data/a").exists()


def test_a_bag_cannot_bring_a_list_that_removes_anything_else(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    status = mine.stat()
    bag = make_bag(tmp_path / "bag", {"data/a": b"a"})
    (bag / "data/link").symlink_to(tmp_path)
    paths = ["../mine", "data/../../mine", str(mine), "data/link/mine", "bagit.txt", "data/a"]
    lines = [json.dumps([path, status.st_size, status.st_mtime_ns]) for path in paths]
    unfinished(bag, {"put": []}, **{DROPPED: "\n".join(lines).encode()})
    assert finish(bag)
    assert mine.read_bytes() == b"mine"
    assert (bag / "data/a").exists(), "it is not the file that was looked at"
    assert (bag / "bagit.txt").exists()
