"""The loop under the window: what is spawned runs, nothing nests, the end is orderly, None is not used up."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication

import satchel.gui
from gui_helpers import until
from satchel.core.errors import Kind, SatchelError
from satchel.gui.engine_bridge import EngineBridge
from satchel.gui.settings import Settings
from satchel.gui.tasks import Tasks, tasks

GUI = Path(satchel.gui.__file__).parent
Body = Callable[[], Coroutine[Any, Any, None]]


def test_a_thousand_turns_use_up_neither_none_nor_true(app: QApplication) -> None:
    """PySide6 6.12.0 on Python 3.11 loses a reference to None a turn, and one to a bool with each signal."""

    class Sender(QObject):
        sent = Signal(bool)

    sender = Sender()
    app.processEvents()
    none, true = sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(1000):
        app.processEvents()
        sender.sent.emit(True)
    assert none - sys.getrefcount(None) < 200
    assert true - sys.getrefcount(True) < 200


def test_nothing_in_the_window_runs_a_loop_of_its_own() -> None:
    """`exec()` and the static dialogs lose tasks for ever (qasync 0.28)."""
    found = []
    for path in GUI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called, owner = node.func.attr, ast.unparse(node.func.value)
                static = owner in ("QMessageBox", "QFileDialog", "QInputDialog", "QColorDialog", "QFontDialog")
                if called in ("exec", "exec_") or (
                    static and called.startswith(("get", "question", "warning", "info"))
                ):
                    found.append(f"{path.name}:{node.lineno} {owner}.{called}")
    assert found == []


def test_no_network_and_no_other_party_in_the_window() -> None:
    banned = {"aiohttp", "requests", "urllib", "http", "socketserver", "zipfile", "tarfile", "csv", "bdbag", "deriva"}
    found = []
    for path in GUI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [
                f"{path.name}: {name}" for name in names if name.split(".")[0] in banned and name != "urllib.parse"
            ]
    assert found == []


def test_the_first_paint_waits_for_nothing_heavy() -> None:
    code = (
        "import sys, satchel.gui.app\n"
        "heavy = {'asyncio', 'qasync', 'aiohttp', 'keyring', 'msgspec', 'deriva', 'bdbag', 'PySide6.QtSvg',"
        " 'satchel.gui.theme', 'satchel.core.jobs.engine'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "[]"


def test_what_is_spawned_before_the_loop_runs_with_it(in_loop: Callable[[Body], None]) -> None:
    done: list[str] = []

    async def work(name: str) -> None:
        done.append(name)

    early = tasks.spawn(work("early"), "early")
    given_up = tasks.spawn(work("given up"), "given up")
    given_up.cancel()

    async def body() -> None:
        tasks.spawn(work("late"), "late")
        await until(lambda: len(done) == 2)

    in_loop(body)
    assert sorted(done) == ["early", "late"]
    assert early.done


def test_a_failure_is_told_and_the_loop_goes_on(in_loop: Callable[[Body], None]) -> None:
    told: list[BaseException] = []
    fault = SatchelError(Kind.SERVER, "It broke.")

    async def fail() -> None:
        raise fault

    async def body() -> None:
        tasks.spawn(fail(), "fails", told.append)
        await until(lambda: told)
        before, tasks.show_failure = tasks.show_failure, told.append
        tasks.spawn(fail(), "fails too")
        await until(lambda: len(told) == 2)
        tasks.show_failure = before

    in_loop(body)
    assert told == [fault, fault]


def test_the_end_cancels_and_waits(in_loop: Callable[[Body], None]) -> None:
    import asyncio

    ended: list[str] = []
    own = Tasks()

    async def long() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0.01)
            ended.append("cleaned up")

    async def body() -> None:
        own.begin(asyncio.get_running_loop())
        own.spawn(long(), "long")
        await asyncio.sleep(0.01)
        await own.end()

    in_loop(body)
    assert ended == ["cleaned up"]


def test_the_bridge_calls_the_engine_and_brings_errors_back(
    in_loop: Callable[[Body], None], settings: Settings
) -> None:
    async def add(one: int, other: int) -> int:
        return one + other

    async def refuse() -> None:
        raise SatchelError(Kind.NOT_FOUND, "There is none.")

    async def stumble() -> None:
        raise ZeroDivisionError

    async def body() -> None:
        bridge = EngineBridge(settings)
        assert await bridge.call(add, 1, 2) == 3
        with pytest.raises(SatchelError, match=r"There is none\."):
            await bridge.call(refuse)
        with pytest.raises(SatchelError) as told:
            await bridge.call(stumble)
        assert told.value.kind is Kind.INTERNAL
        assert not bridge._timer.isActive(), "nothing runs, so nothing is looked at"
        await bridge.stop()

    in_loop(body)


def test_giving_up_waiting_cancels_the_call(in_loop: Callable[[Body], None], settings: Settings) -> None:
    import asyncio

    seen: list[str] = []

    async def long() -> None:
        try:
            seen.append("began")
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def body() -> None:
        bridge = EngineBridge(settings)
        spawned = tasks.spawn(bridge.call(long), "long")
        await until(lambda: seen == ["began"])
        spawned.cancel()
        await until(lambda: seen == ["began", "cancelled"])
        await bridge.stop()

    in_loop(body)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_opens_and_ends_when_told_to(tmp_path: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "SATCHEL_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    code = (
        "import sys, satchel.gui.window as w\n"
        "begin = w.MainWindow.begin\n"
        "def told(self):\n    begin(self); self.bridge.started.connect(lambda: print('ready', flush=True))\n"
        "w.MainWindow.begin = told\n"
        "from satchel.gui.app import main\n"
        "sys.exit(main([]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    time.sleep(0.2)
    process.send_signal(number)
    assert process.wait(30) == 0
    errors = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    assert "Traceback" not in errors, errors
    assert (tmp_path / "config" / "window.json").is_file(), "sizes were kept"
