"""Cycles are collected where Qt's objects may be taken apart."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from satchel.gui.garbage import GarbageCollection

pytestmark = pytest.mark.usefixtures("app")


class Knot:
    """Lies in a cycle, and tells which thread took it apart."""

    def __init__(self, gone: list[int]) -> None:
        self.itself = self
        weakref.finalize(self, lambda: gone.append(threading.get_ident()))


@pytest.fixture
def garbage() -> Iterator[GarbageCollection]:
    made = GarbageCollection()
    made.start()
    yield made
    made.stop()
    gc.disable()  # as the session's fixture has it


def test_cycles_that_another_thread_leaves_are_collected_in_the_windows(
    garbage: GarbageCollection, qtbot: QtBot
) -> None:
    gone: list[int] = []

    def work() -> None:
        for _ in range(20_000):
            Knot(gone)

    worker = threading.Thread(target=work)
    worker.start()
    while worker.is_alive():  # the window's thread does nothing of its own meanwhile
        QThread.msleep(5)
    assert gone == []
    qtbot.waitUntil(lambda: len(gone) == 20_000, timeout=10_000)
    assert set(gone) == {threading.get_ident()}


def test_the_collector_is_given_back_in_the_end(garbage: GarbageCollection) -> None:
    assert not gc.isenabled()
    garbage.stop()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
