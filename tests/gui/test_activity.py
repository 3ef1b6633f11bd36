"""The activity page: jobs are listed, shown in full, stopped, taken up again and thrown away."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from gui_helpers import until
from satchel.core.bags.validate import ValidateRequest
from satchel.core.errors import Kind
from satchel.core.export.request import ExportRequest, ExportResult, TableResult
from satchel.core.jobs.events import Asked, Warned
from satchel.core.jobs.views import ErrorView, JobView, PartView, StageView
from satchel.gui.activity.page import ActivityPage
from satchel.gui.activity.timeline import LINE, Mark
from satchel.gui.dialogs import Dialog
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import ErrorCard
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton
REQUEST = ExportRequest(host="data.example", catalog="1", rid="1-ABCD", out="/bags")


def stage(name: str, state: str = "begun", **more: Any) -> StageView:
    given = {"title": name.title(), "unit": "rows", "done": 0, "total": None, "item": "", "note": "", "seconds": 3.0}
    given |= {"rate": 0.0, "parts": ()} | more
    return StageView(name=name, state=state, **given)


def job(number: int, state: str, **more: Any) -> JobView:
    given: dict[str, Any] = {"kind": "export", "title": f"Export 1-000{number}", "request": REQUEST}
    return JobView(id=str(number), state=state, created=float(number), started=float(number), **(given | more))


def result(folder: Path) -> ExportResult:
    tables = (TableResult(table="eye:Subject", rows=3, bytes=100),)
    return ExportResult(
        bag=None, archive=str(folder / "bag.zip"), snapshot="361", valid=True, complete=True, cached=False,
        rows=3, bytes=100, tables=tables,
    )  # fmt: skip


@pytest.fixture
def page(window: MainWindow) -> ActivityPage:
    made = window.show_page("activity")
    assert isinstance(made, ActivityPage)
    return made


def put(window: MainWindow, *views: JobView) -> None:
    window.bridge.jobs.put(list(views))
    window.bridge.changed.emit()
    QApplication.processEvents()


def buttons(page: ActivityPage) -> set[str]:
    panel = page.panel
    every = (panel.cancel, panel.resume, panel.open, panel.check, panel.copy_command, panel.discard)
    return {button.accessibleName() for button in every if button.isVisible()}


def test_an_empty_page_says_what_will_be_there(page: ActivityPage) -> None:
    assert page.stack.currentWidget() is page.empty
    assert "runs here" in page.empty.text.text()


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("queued", {"Cancel", "Copy as command"}),
        ("running", {"Cancel", "Copy as command"}),
        ("failed", {"Resume", "Copy as command", "Discard…"}),
        ("cancelled", {"Resume", "Copy as command", "Discard…"}),
        ("interrupted", {"Resume", "Copy as command", "Discard…"}),
        ("done", {"Open folder", "Check the bag", "Copy as command", "Discard…"}),
    ],
)
def test_each_state_offers_what_makes_sense(
    window: MainWindow, page: ActivityPage, tmp_path: Path, state: str, offered: set[str]
) -> None:
    put(window, job(1, state, result=result(tmp_path) if state == "done" else None))
    assert buttons(page) == offered


def test_the_timeline_tells_what_is_known_and_what_is_not(window: MainWindow, page: ActivityPage) -> None:
    parts = (PartView("eye:Subject", 40, 40), PartView("eye:Image", 20, 60))
    stages = (
        stage("schema", "ended", unit="", note="snapshot 361"),
        stage("records", done=60, total=100, rate=20.0, parts=parts, item="eye:Image"),
        stage("prepare", unit=""),
    )
    put(window, job(1, "running", stages=stages, seconds=65.0))
    lines = [page.panel.timeline.lines.index(n, 0).data(LINE) for n in range(page.panel.timeline.lines.rowCount())]
    schema, records, subject, image, prepare = lines
    assert (schema.mark, schema.detail) == (Mark.DONE, "snapshot 361")
    assert records.figures == "60 of 100 rows · 20 rows/s · 0:02 left"
    assert records.fraction == pytest.approx(0.6)
    assert (subject.part, subject.mark) == (True, Mark.DONE)
    assert image.figures == "20 of 60 rows"
    assert prepare.fraction is None
    assert "there is no telling how far it is" in prepare.detail
    assert "1:05" in page.panel.state.text()
    assert page.panel.timeline.lines.index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole).startswith("Records, 60 of")


def test_arrows_walk_the_list_and_news_do_not_move_it(window: MainWindow, page: ActivityPage) -> None:
    put(window, job(3, "done"), job(2, "failed"), job(1, "running"))
    assert page.panel.title.text() == "Export 1-0003"
    QTest.keyClick(page.list, Qt.Key.Key_Down)
    assert page.panel.title.text() == "Export 1-0002"
    put(window, job(4, "running"), job(3, "done"), job(2, "failed"), job(1, "running"))
    assert page.panel.title.text() == "Export 1-0002", "another job at the top does not take the place of this one"
    assert page.list.currentIndex().row() == 2


def test_a_failure_and_warnings_are_said_in_full(window: MainWindow, page: ActivityPage) -> None:
    error = ErrorView(Kind.DISK_FULL, "The disk is full.", "Free some space, then resume.", "ENOSPC")
    warnings = tuple(Warned(code="hidden", message=f"Table {n} is hidden.") for n in range(6))
    put(window, job(1, "failed", error=error, warnings=warnings, warning_count=6))
    (card,) = [c for c in page.panel.findChildren(ErrorCard) if c.isVisible()]
    assert (card.message.text(), card.hint.text()) == ("The disk is full.", "Free some space, then resume.")
    (notice,) = [n for n in page.panel.findChildren(Notice) if n.isVisible()]
    assert notice.text.text() == "6 warnings"
    assert "Table 5 is hidden." in notice.hint.text()
    assert "and 2 more" in notice.hint.text()


def test_a_question_is_answered_where_it_is_shown(
    window: MainWindow, page: ActivityPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, ...]] = []
    monkeypatch.setattr(window.bridge, "answer", lambda *said: given.append(said))
    asked = Asked(
        question="orphans", text="Rows refer to rows that are not there.", choices=("keep", "drop"), default="keep"
    )
    put(window, job(1, "waiting", question=asked))
    (notice,) = [n for n in page.panel.findChildren(Notice) if n.isVisible()]
    drop = next(b for b in notice.findChildren(QPushButton) if b.accessibleName() == "drop")
    QTest.mouseClick(drop, LEFT)
    assert given == [("1", "orphans", "drop")]


def test_a_finished_export_is_shown_checked_and_copied_as_a_command(
    window: MainWindow, page: ActivityPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    checked: list[Path] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: bool(shown.append(url.toLocalFile())) or True)
    monkeypatch.setattr(window, "check_bag", checked.append)
    put(window, job(1, "done", result=result(tmp_path)))
    assert page.panel.made.text == str(tmp_path / "bag.zip")
    QTest.mouseClick(page.panel.open, LEFT)
    assert shown == [str(tmp_path)]
    QTest.mouseClick(page.panel.check, LEFT)
    assert checked == [tmp_path / "bag.zip"]
    QTest.mouseClick(page.panel.copy_command, LEFT)
    assert QApplication.clipboard().text() == "satchel export data.example 1 --rid 1-ABCD --out /bags"


def test_a_folder_that_is_gone_is_said_to_be(window: MainWindow, page: ActivityPage, tmp_path: Path) -> None:
    put(window, job(1, "done", result=result(tmp_path / "gone")))
    QTest.mouseClick(page.panel.open, LEFT)
    (notice,) = [n for n in window.toasts.findChildren(Notice) if n.isVisible()]
    assert f"There is no folder {tmp_path / 'gone'} any more." in notice.text.text()


def test_a_job_is_run_logged_and_discarded_after_a_question(
    window: MainWindow, page: ActivityPage, in_loop: InLoop, tmp_path: Path
) -> None:
    async def body() -> None:
        await window.bridge.submit(ValidateRequest(path=str(tmp_path / "missing")))
        await until(lambda: page.panel.view is not None and page.panel.view.state == "failed")
        (card,) = [c for c in page.panel.findChildren(ErrorCard) if c.isVisible()]
        assert "missing" in card.message.text()
        QTest.mouseClick(page.panel.log_button, LEFT)
        assert page.panel.log.isVisible()
        await until(lambda: "missing" in page.panel.log.toPlainText())
        QTest.keyClick(page.list, Qt.Key.Key_Delete)
        await until(lambda: [d for d in window.findChildren(Dialog) if d.isVisible()])
        (dialog,) = [d for d in window.findChildren(Dialog) if d.isVisible()]
        really = next(b for b in dialog.findChildren(QPushButton) if b.accessibleName() == "Discard")
        QTest.mouseClick(really, LEFT)
        await until(lambda: not window.bridge.jobs.views())
        assert page.stack.currentWidget() is page.empty
        await window.bridge.stop()

    in_loop(body)


def test_a_job_is_run_again(window: MainWindow, page: ActivityPage, in_loop: InLoop, tmp_path: Path) -> None:
    async def body() -> None:
        first = await window.bridge.submit(ValidateRequest(path=str(tmp_path)))
        await until(lambda: (view := window.bridge.jobs.view(first)) is not None and view.state in ("done", "failed"))
        page.show_job(first)
        await until(lambda: page.panel.again.isVisible())
        QTest.mouseClick(page.panel.again, LEFT)
        await until(lambda: len(window.bridge.jobs.views()) == 2)
        second = next(view.id for view in window.bridge.jobs.views() if view.id != first)
        await until(lambda: page.panel.view is not None and page.panel.view.id == second)
        await until(lambda: (view := window.bridge.jobs.view(second)) is not None and view.state in ("done", "failed"))
        await window.bridge.stop()

    in_loop(body)
