"""After a restart the home page says which exports a server still works on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from test_window import job

from gui_helpers import until
from satchel.core.export.server_side.waiter import BEGAN, LOCK
from satchel.core.export.server_side.waiting import of_job
from satchel.core.jobs import lease
from satchel.core.paths import Home
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


def test_an_export_that_a_server_still_makes_is_said_to_be_running(window: MainWindow, in_loop: InLoop) -> None:
    async def body() -> None:
        await window.bridge.engine_ready()
        view = job(1, "interrupted")
        home = Home.find()
        folder = home.private(home.data / "jobs" / view.id)
        assert not of_job(home, view.id)
        (folder / BEGAN).write_text("1700000000.5 4711\n")
        assert not of_job(home, view.id), "nobody waits, and there is no answer"
        held = lease.take(folder / LOCK, "export")
        try:
            assert of_job(home, view.id)
            window.bridge.jobs.put([view])
            window.home.refresh()
            assert "was interrupted" in window.home.interrupted.text.text()
            await until(lambda: "still running on the server" in window.home.interrupted.text.text())
            assert "Resume follows it" in window.home.interrupted.hint.text()
        finally:
            held.release()
        await window.bridge.stop()

    in_loop(body)
