"""The same request on the same snapshot gives the same archive, byte for byte, whatever surrounds it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from catalog_maker import T
from sandbox_catalog import make, ref, session_of
from sandbox_process import SandboxProcess, start_sandbox
from terminal import SECONDS, Terminal, wait_for

SURROUNDINGS: dict[str, dict[str, str]] = {
    "east": {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "1", "LANG": "tr_TR.UTF-8"},
    "west": {"TZ": "America/St_Johns", "LC_ALL": "C", "PYTHONHASHSEED": "4294967295"},
}
MASKS = {"east": 0o077, "west": 0o000}


@contextmanager
def other_file_system(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system in memory where there is one, which lists its files in another order."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="satchel-test-", dir=memory) as folder:
        yield Path(folder)


def digest(result: dict[str, Any]) -> str:
    return hashlib.sha256(Path(result["archive"]).read_bytes()).hexdigest()


@pytest.mark.parametrize("options", [["--archive", "zip", "--materialize"], ["--archive", "tgz"]], ids=["zip", "tgz"])
def test_nothing_of_the_machine_goes_into_an_archive(
    sandbox: SandboxProcess, tmp_path: Path, options: list[str]
) -> None:
    """Time zone, language, umask, hash seed, folder, file system; and two that run at once and disturb each other."""
    terminal = Terminal(tmp_path, sandbox)
    first = terminal.json(*terminal.export_words(*options))
    more = ["--snapshot", first["snapshot"], *options, "--json"]
    with other_file_system(tmp_path) as elsewhere:
        running = []
        for name, surroundings in SURROUNDINGS.items():
            folder = elsewhere / f"{name} ünd 魚"
            folder.mkdir()
            terminal = Terminal(folder, sandbox)
            terminal.env.update(surroundings)
            # Each begins in another working folder, with another umask.
            running.append(
                terminal.start(*terminal.export_words(*more), cwd=folder, umask=MASKS[name]),
            )
        for process in running:
            out, err = process.communicate(timeout=SECONDS)
            assert process.returncode == 0, out + err
            result = json.loads(out.splitlines()[-1])
            assert Path(result["archive"]).name == Path(first["archive"]).name
            assert digest(result) == digest(first)


def test_the_order_in_which_things_come_does_not_matter(tmp_path: Path) -> None:
    """A server that is slow here and fails there brings pages and assets in another order each time."""
    with start_sandbox("--demo", "small", folder=tmp_path / "sandbox") as box:
        terminal = Terminal(tmp_path, box)
        first = terminal.json(*terminal.export_words("--materialize", "--name", "x"))
        port = box.host.rpartition(":")[2]
        found = []
        for seed in ("1", "2"):
            box.stop()
            box.start("--port", port, "--latency", "15", "--bandwidth", "2", "--fail", "0.1", "--seed", seed)
            folder = tmp_path / seed
            folder.mkdir()
            again = Terminal(folder, box)
            found.append(again.json(*again.export_words("--materialize", "--name", "x")))
        assert [digest(result) for result in found] == [digest(first)] * 2
        assert {result["snapshot"] for result in found} == {first["snapshot"]}


def test_what_changes_meanwhile_or_since_does_not_get_in(tmp_path: Path) -> None:
    """All reads are of one snapshot: rows that are changed, added and deleted in mid-run belong to the next."""
    tables = {
        "eye:Subject": T(columns=["Name"], rows=[{"RID": "9-S001", "Name": "one"}]),
        "eye:Visit": T(
            columns=["Subject", "Note"],
            refs=[ref("Subject", "eye:Subject")],
            rows=[{"RID": f"9-{n:04}", "Subject": "9-S001", "Note": f"note {n}"} for n in range(1000)],
        ),
    }
    with start_sandbox("--demo", "none", "--latency", "40", folder=tmp_path / "sandbox") as box:
        terminal = Terminal(tmp_path, box)

        async def made() -> str:
            async with session_of(box) as session:
                return await make(session, tables)

        catalog = asyncio.run(made())

        async def change() -> None:
            async with session_of(box) as session:
                base = f"/ermrest/catalog/{catalog}"
                visits = f"{base}/entity/eye:Visit"
                rows = [{"RID": "9-0007", "Note": "changed"}]
                await session.request("PUT", f"{base}/attributegroup/eye:Visit/RID;Note", json=rows)
                await session.request("DELETE", f"{visits}/RID=9-0008")
                rows = [{"RID": f"9-X{n:03}", "Subject": "9-S001", "Note": "new"} for n in range(10)]
                await session.request("POST", f"{visits}?nondefaults=RID", json=rows)

        def words(name: str, *more: str) -> list[str]:
            out = tmp_path / name
            out.mkdir()
            return [
                *("export", box.host, catalog, "--rid", "9-S001", "--out", str(out), *terminal.admin),
                *("--name", "same", "--no-cache", *more),
            ]

        before = terminal.json(*words("before"))
        running = terminal.start(*words("during", "--json"))
        wait_for(running, "reach")
        asyncio.run(change())
        out, err = running.communicate(timeout=SECONDS)
        assert running.returncode == 0, out + err
        during = json.loads(out.splitlines()[-1])
        assert during["snapshot"] == before["snapshot"], "it began before the changes"
        since = terminal.json(*words("since", "--snapshot", before["snapshot"]))
        assert {digest(before), digest(during), digest(since)} == {digest(before)}
        after = terminal.json(*words("after"))
        assert after["snapshot"] != before["snapshot"]
        assert (before["rows"], after["rows"]) == (1001, 1010)
        with zipfile.ZipFile(after["archive"]) as archive:
            found = archive.read("same/data/records/eye.Visit.csv").decode()
        assert ",changed\n" in found
        assert "\n9-0008," not in found
        assert found.count(",new\n") == 10
