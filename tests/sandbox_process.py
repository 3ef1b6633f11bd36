"""Starts `satchel sandbox` as a process of its own, for tests, benchmarks and the tour."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 600.0


class SandboxProcess:
    """A running sandbox. Its ready line's fields are attributes: url, host, ca, credential, catalog, root, ..."""

    def __init__(self, *arguments: str, folder: Path | None = None) -> None:
        self._kept = None if folder else tempfile.TemporaryDirectory(prefix="satchel-sandbox-")
        self.folder = folder or Path(self._kept.name) / "sandbox"  # type: ignore[union-attr]
        self._arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}
        self.start()

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["ready"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return (self.folder / "stderr.log").read_text(errors="replace")

    def start(self, *more: str) -> None:
        """Start it and wait for its ready line. Raises RuntimeError when it ends instead."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "satchel", "sandbox", "--dir", str(self.folder), *self._arguments, *more]
        with (self.folder / "stderr.log").open("ab") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(START_SECONDS):
                self.kill()
                raise RuntimeError(f"the sandbox did not get ready in time:\n{self.log}")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sandbox ended with {self.process.wait()}:\n{self.log}")
        self.ready = json.loads(line)

    def restart(self) -> None:
        """Stop it and start it again in the same folder, on the same port."""
        port = self.ready["host"].rpartition(":")[2]
        self.stop()
        self.start("--port", port)

    def stop(self) -> int:
        """SIGTERM. Returns the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL."""
        return self._end(signal.SIGKILL)

    def _end(self, number: int) -> int:
        process = self.process
        if process is None:
            return 0
        process.send_signal(number)
        try:
            status = process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self.process = None
        return status

    def close(self) -> None:
        """Stop it and remove its folder."""
        self._end(signal.SIGTERM)
        if self._kept is not None:
            for _ in range(5):
                try:
                    self._kept.cleanup()
                    break
                except OSError:
                    time.sleep(0.2)


@contextmanager
def start_sandbox(*arguments: str, folder: Path | None = None) -> Iterator[SandboxProcess]:
    """A sandbox for a `with` block."""
    sandbox = SandboxProcess(*arguments, folder=folder)
    try:
        yield sandbox
    finally:
        sandbox.close()


def environment(home: Path) -> dict[str, str]:
    """The environment of a command that shall leave nothing behind."""
    return {**os.environ, "SATCHEL_HOME": str(home)}
