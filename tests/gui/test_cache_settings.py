"""The cached bags on the settings page: seen, verified, pinned, deleted, limited."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest

from gui_helpers import until
from satchel.core.export.cache.store import Cache, Entry
from satchel.core.paths import Home
from satchel.gui.preferences.page import PreferencesPage
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton
FLAG = QItemSelectionModel.SelectionFlag
KEYS = [f"{n:016x}_2ZZ-ABCD-EFGH" for n in range(3)]


def fill(tmp_path: Path) -> Cache:
    cache = Cache(Home.find())
    for n, key in enumerate(KEYS):
        made = tmp_path / f"bag{n}.zip"
        made.write_bytes(bytes([n]) * 1000)
        cache.put(
            Entry(
                key=key,
                name="",
                folder=False,
                title=f"Export {n}",
                host="h",
                catalog="1",
                snapshot="2ZZ-ABCD-EFGH",
                who="",
                made=0.0,
                bytes=0,
                result={},
                pieces=(),
            ),
            made,
        )
        os.utime(cache.folder / key / "used", (10_000 - n, 10_000 - n))
        made.unlink()
    return cache


def test_bags_are_seen_verified_pinned_deleted_and_limited(window: MainWindow, tmp_path: Path, in_loop: InLoop) -> None:
    async def body() -> None:
        cache = fill(tmp_path)
        await window.bridge.engine_ready()
        page = window.show_page("settings")
        assert isinstance(page, PreferencesPage)
        section = page.cache
        section.look()
        await until(lambda: section.model.rowCount() == 3)
        tester = QAbstractItemModelTester(section.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        assert [section.model.index(n, 0).data() for n in range(3)] == ["Export 0", "Export 1", "Export 2"]
        assert "3 bags, 3.0 kB" in section.said.text()
        assert not section.delete.isEnabled()

        def choose(row: int) -> None:
            section.table.selectionModel().select(section.model.index(row, 0), FLAG.ClearAndSelect)

        choose(0)
        QTest.mouseClick(section.verify, LEFT)
        await until(lambda: "every checksum is right" in section.said.text())
        choose(0)
        QTest.mouseClick(section.pin, LEFT)
        await until(lambda: section.model.index(0, 3).data() == "pinned")
        choose(0)
        assert section.pin.text() == "Un&pin"
        (victim,) = (cache.folder / KEYS[1]).glob("bag/*")
        victim.write_bytes(b"damaged")
        choose(1)
        QTest.mouseClick(section.verify, LEFT)
        await until(lambda: "damaged" in section.said.text())
        assert section.model.rowCount() == 2
        section.limit.setValue(1)
        await until(lambda: cache.settings().limit == 1_000_000_000)
        section.limited.setChecked(False)
        await until(lambda: cache.settings().limit is None)
        choose(1)
        QTest.mouseClick(section.delete, LEFT)
        await until(lambda: section.model.rowCount() == 1)
        assert [e.key for e in cache.entries()] == [KEYS[0]]
        choose(0)
        QTest.mouseClick(section.delete, LEFT)
        await until(lambda: section.none.isVisibleTo(section))
        del tester
        await window.bridge.stop()

    in_loop(body)
