"""Fixtures for tests of the window: the dressed application, a window of its own folder, the window's loop."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import qasync
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from satchel.gui.app import dress_application, make_application
from satchel.gui.bags.page import BagsPage
from satchel.gui.settings import Settings
from satchel.gui.tasks import tasks
from satchel.gui.theme import theme
from satchel.gui.window import MainWindow

Body = Callable[[], Coroutine[Any, Any, None]]


def collect_what_others_left() -> None:
    """Sockets that other tests of this process left to the collector (deriva-py's clients do) are no fault of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session", autouse=True)
def _what_is_there_stays() -> Iterator[None]:
    collect_what_others_left()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.fixture(autouse=True)
def collect_here(_what_is_there_stays: None) -> Iterator[None]:
    """As in the program (see gui/garbage.py), Qt objects are taken apart in the window's thread alone."""
    collect_what_others_left()
    yield
    gc.collect()


@pytest.fixture(scope="session")
def qapp_cls() -> type[QApplication]:
    return QApplication


@pytest.fixture
def app(qapp: QApplication) -> Iterator[QApplication]:
    """The application in its light dress."""
    made = make_application()
    dress_application(made, "light")
    yield made
    theme().use("light")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a new person."""
    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path / "home"))
    made = Settings(tmp_path / "home" / "config" / "window.json")
    made.theme = "light"
    return made


@pytest.fixture
def window(app: QApplication, settings: Settings, qtbot: QtBot) -> Iterator[MainWindow]:
    """A window that is shown and has no engine until one is asked for."""
    made = MainWindow(settings)
    made.build()
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.hide()
    made.deleteLater()
    QApplication.processEvents()


@pytest.fixture
def page(window: MainWindow) -> BagsPage:
    """The bags page, in front."""
    made = window.show_page("bags")
    assert isinstance(made, BagsPage)
    return made


@pytest.fixture
def in_loop(app: QApplication) -> Iterator[Callable[[Body], None]]:
    """Runs a coroutine function on the window's loop, with time limit, and leaves nothing running."""
    loop = qasync.QEventLoop(app)
    pool = ThreadPoolExecutor(2)
    loop.set_default_executor(pool)
    asyncio.set_event_loop(loop)

    def run(body: Body) -> None:
        async def whole() -> None:
            tasks.begin(loop)
            try:
                await asyncio.wait_for(body(), 60)
            finally:
                await tasks.end()

        loop.run_until_complete(whole())

    yield run
    pool.shutdown(wait=True)
    asyncio.set_event_loop(None)
    loop.close()
