"""The embedded server as a child of the window: started for `satchel --sandbox`, stopped with it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

from satchel.core.errors import Kind, SatchelError


@dataclass(frozen=True)
class SandboxPlace:
    """Where the sandbox is, as its ready line says."""

    host: str
    ca: str
    credential: str
    catalog: str
    root: str


class SandboxProcess(QObject):
    """Runs `python -m satchel sandbox` and says when it is ready."""

    ready = Signal(object)
    """A SandboxPlace."""
    failed = Signal(object)
    """A SatchelError: it did not start, or it ended by itself."""

    def __init__(self, arguments: list[str] | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._arguments = ["-m", "satchel", "sandbox", *(arguments or [])]
        self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUNBUFFERED", "1")
        self._process.setProcessEnvironment(environment)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._ended)
        self._process.errorOccurred.connect(self._ended)
        self._place: SandboxPlace | None = None
        self._buffer = b""
        self._stopping = False

    @property
    def place(self) -> SandboxPlace | None:
        """Where it is, once it is ready."""
        return self._place

    def start(self) -> None:
        """Start it; `ready` or `failed` follows."""
        self._process.start(sys.executable, self._arguments)

    def stop(self) -> None:
        """End it and wait until it has ended: asked for first, after three seconds forced."""
        self._stopping = True
        if self._process.state() == QProcess.ProcessState.NotRunning:
            return
        self._process.terminate()
        if not self._process.waitForFinished(3000):
            self._process.kill()
            self._process.waitForFinished(2000)

    def _read(self) -> None:
        if self._place is not None:
            self._process.readAllStandardOutput()
            return
        self._buffer += bytes(self._process.readAllStandardOutput().data())
        while self._place is None and b"\n" in self._buffer:
            line, self._buffer = self._buffer.split(b"\n", 1)
            try:
                told = json.loads(line)
                self._place = SandboxPlace(*(str(told[k]) for k in ("host", "ca", "credential", "catalog", "root")))
            except (ValueError, KeyError, TypeError):
                continue
            self.ready.emit(self._place)

    def _ended(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        words = bytes(self._process.readAllStandardError().data()).decode(errors="replace")[-4000:]
        started = self._place is not None
        self.failed.emit(
            SatchelError(
                Kind.INTERNAL,
                "The sandbox ended by itself." if started else "The sandbox could not be started.",
                "Close Satchel and start it again with --sandbox; the details say what the sandbox said last.",
                words.strip(),
            )
        )
