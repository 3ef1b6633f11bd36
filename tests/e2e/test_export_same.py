"""The same request on the same snapshot gives the same archive, byte for byte, whatever surrounds it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox_process import SandboxProcess, start_sandbox
from terminal import SECONDS, Terminal

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
