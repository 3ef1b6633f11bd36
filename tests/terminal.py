"""A person's terminal for tests: commands run as processes in a home of their own, and what is done with a bag."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from sandbox_process import SandboxProcess, environment

TESTS = Path(__file__).resolve().parent
SECONDS = 90


class Terminal:
    """One person's terminal: a home of its own, and commands that are run in it."""

    def __init__(self, folder: Path, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self.env = {
            **environment(folder / "home"),
            "PYTHON_KEYRING_BACKEND": "file_keyring.FileKeyring",
            "TEST_KEYRING": str(folder / "keyring.json"),
        }
        self.env["PYTHONPATH"] = os.pathsep.join([str(TESTS), self.env["PYTHONPATH"]])
        self.out = folder / "out"
        self.out.mkdir()

    @property
    def admin(self) -> list[str]:
        return ["--ca", self.sandbox.ca, "--credential", self.sandbox.credential]

    def start(self, *words: str, **kwargs: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "satchel", *words],
            env=self.env,
            stdin=kwargs.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **kwargs,
        )

    def run(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command. Whatever it does, it shows no traceback."""
        done = subprocess.run(
            [sys.executable, "-m", "satchel", *words],
            env=self.env,
            input=typed,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    def json(self, *words: str, status: int = 0, typed: str = "") -> dict[str, Any]:
        """Run a command with --json. Returns its last line."""
        done = self.run(*words, "--json", typed=typed)
        assert done.returncode == status, done.stdout + done.stderr
        assert done.stderr == "", done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["event"] for line in lines if line["event"] in ("result", "error")] == [lines[-1]["event"]]
        return lines[-1]

    def export_words(self, *more: str) -> list[str]:
        box = self.sandbox
        words = ["export", box.host, box.catalog, "--rid", box.root, "--out", str(self.out), *self.admin]
        return [*words, "--no-cache", *more]


def bdbag_accepts(bag: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bdbag.bdbag_cli", str(bag), "--validate", "full"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr


def unpack(archive: Path, folder: Path) -> Path:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
    else:
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    (bag,) = folder.iterdir()
    return bag


def wait_for(process: subprocess.Popen[str], stage: str) -> str:
    """Read events until a phase begins. Returns the job's id."""
    assert process.stdout is not None
    job = ""
    for line in process.stdout:
        event = json.loads(line)
        job = event.get("job", job)
        if event["event"] == "stage-began" and event["stage"] == stage:
            return job
    raise AssertionError(f"{stage} never began")
