"""The clone wizard against the sandbox: clicked through by a plain user, whom rows are hidden from."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from gui_helpers import accessible_name, until
from sandbox_process import SandboxProcess, start_sandbox
from satchel.core.clone.report import Category, CloneIssue, CloneReport, Severity
from satchel.core.clone.report_tree import ReportTree
from satchel.core.clone.request import CloneRequest, CloneResult
from satchel.core.jobs.request import Access
from satchel.gui.activity.panel import JobPanel
from satchel.gui.clone.localize import LocalizeDialog
from satchel.gui.clone.report_model import ReportModel
from satchel.gui.clone.report_view import ReportWindow
from satchel.gui.dialogs import Dialog
from satchel.gui.widgets.notices import Notice
from satchel.gui.window import MainWindow
from satchel.gui.wizards.clone.wizard import CloneWizard

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def box() -> Iterator[SandboxProcess]:
    """One of its own: catalogs are made in it."""
    with start_sandbox("--demo", "small") as running:
        yield running


def wizards(window: MainWindow) -> list[CloneWizard]:
    return [wizard for wizard in window.findChildren(CloneWizard) if wizard.isVisible()]


def words(widget: QWidget) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def click(widget: QWidget) -> None:
    QTest.mouseClick(widget, LEFT)


async def at(wizard: CloneWizard, name: str) -> None:
    await until(lambda: wizard.flow.current.name == name, seconds=60)


async def at_forecast(window: MainWindow, box: SandboxProcess, credential: str, root: str = "") -> CloneWizard:
    window.settings.remember_host(box.host, ca=box.ca, credential=credential)
    window.start_clone(box.host, box.catalog, root or box.root)
    await until(lambda: wizards(window))
    wizard = wizards(window)[-1]
    await until(lambda: wizard.flow.size is not None, seconds=60)
    click(wizard.next_button)
    await at(wizard, "forecast")
    await until(lambda: wizard.flow.foretold is not None, seconds=60)
    return wizard


async def closed(window: MainWindow) -> None:
    for wizard in wizards(window):
        wizard.close()
    await until(lambda: not window.findChildren(CloneWizard))
    await window.bridge.stop()


def test_a_plain_user_clones_with_a_strategy_of_their_own_and_gets_a_report(
    window: MainWindow, box: SandboxProcess, in_loop: InLoop, tmp_path: Path
) -> None:
    async def body() -> None:
        wizard = await at_forecast(window, box, box.credential_user, box.dataset)
        page = wizard.forecast
        found = wizard.flow.foretold
        assert found is not None
        assert found.dangling, "rows that the user may not see are referred to"
        assert page.model.rowCount() == len(found.dangling)
        assert "constraint" in words(page.for_all)
        click(page.for_all.buttons["delete"])
        assert wizard.flow.foretold is None, "it is worked out anew"
        await until(lambda: wizard.flow.foretold is not None)
        deleted = wizard.flow.foretold
        assert deleted is not None
        assert deleted.chosen.rows_deleted > 0
        assert f"{deleted.chosen.rows_deleted:,}" in page.more.text()
        # One foreign key by itself.
        own = next(n for n, key in enumerate(deleted.dangling) if key.in_clone)
        page.list.setCurrentIndex(page.model.index(own, 0))
        click(page.for_one.buttons["fail"])
        await until(lambda: wizard.flow.foretold is not None)
        name = deleted.dangling[own].name
        assert wizard.flow.draft.orphans_for == {name: "fail"}
        mixed = wizard.flow.foretold
        assert mixed is not None
        assert mixed.chosen.fkeys_left_off >= 1
        click(wizard.next_button)
        await at(wizard, "destination")
        assert not wizard.destination.to_catalog.isVisible()
        # A plain user may not make catalogs; that is said before anything is made.
        click(wizard.next_button)
        await at(wizard, "summary")
        await until(lambda: wizard.flow.checked is not None, seconds=60)
        checked = wizard.flow.checked
        assert checked is not None
        told = [notice.text.text() for notice in wizard.summary.findChildren(Notice) if notice.isVisible()]
        if not checked.possible:
            assert any("may not create catalogs" in text for text in told)
            click(wizard.next_button)
            assert wizard.flow.current.name == "summary"
        assert f"--orphans-for {name}=fail" in wizard.summary.command.toPlainText()
        assert "--orphans delete" in wizard.summary.command.toPlainText()
        await closed(window)

    in_loop(body)


def test_the_whole_walk_makes_a_verified_clone_that_opens(
    window: MainWindow, box: SandboxProcess, in_loop: InLoop, tmp_path: Path
) -> None:
    async def body() -> None:
        wizard = await at_forecast(window, box, box.credential)
        click(wizard.next_button)
        await at(wizard, "destination")
        page = wizard.destination
        QTest.keyClicks(page.alias, "no good")
        click(wizard.next_button)
        assert wizard.flow.current.name == "destination"
        assert "alias" in wizard.problem.text()
        page.alias.clear()
        click(page.assets.options["full"])
        assert "copied" in page.assets_text.text()
        click(wizard.next_button)
        await at(wizard, "summary")
        await until(lambda: wizard.flow.checked is not None, seconds=60)
        found = wizard.flow.checked
        assert found is not None
        assert found.possible
        assert f"{found.rows:,} rows" in words(wizard.summary.card)
        click(wizard.next_button)
        await at(wizard, "run")
        await at(wizard, "result")
        result = wizard.result_page.result
        assert result is not None
        assert result.verified
        assert result.report.summary.total_rows_restored == found.rows
        assert "verified" in wizard.result_page.title.text()
        report = wizard.result_page.report
        file = tmp_path / "report.json"
        report.save(str(file))
        await until(file.exists)
        assert json.loads(file.read_text())["summary"]["total_rows_restored"] == found.rows
        click(wizard.result_page.open)
        catalog = window.page("catalog")
        await until(lambda: getattr(catalog, "_opened", None) is not None, seconds=30)
        assert catalog._opened.catalog.id == result.catalog_id  # type: ignore[attr-defined]
        # Once more with another strategy: at the forecast, with everything as it was.
        click(wizard.result_page.again)
        await until(lambda: wizards(window) and wizards(window)[-1] is not wizard)
        again = wizards(window)[-1]
        assert again.flow.current.name == "forecast"
        await until(lambda: again.flow.foretold is not None, seconds=60)
        assert again.flow.draft.assets == "full"
        assert again.flow.draft.rid == box.root
        await closed(window)

    in_loop(body)


def test_everything_that_takes_the_focus_has_a_name(window: MainWindow, box: SandboxProcess, in_loop: InLoop) -> None:
    async def body() -> None:
        wizard = await at_forecast(window, box, box.credential_user)
        nameless = [
            f"{type(widget).__name__} in {type(widget.parentWidget()).__name__}"
            for widget in wizard.findChildren(QWidget)
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and not isinstance(widget, QLabel)
            and not accessible_name(widget).strip()
        ]
        assert nameless == []
        await closed(window)

    in_loop(body)


def test_the_reports_tree_is_a_proper_model_and_a_million_issues_open_at_once(window: MainWindow) -> None:
    issues = tuple(
        CloneIssue(
            severity=(Severity.ERROR, Severity.WARNING)[n % 2],
            category=(Category.ORPHAN_ROWS, Category.FK_VIOLATION, Category.SCHEMA_ISSUE)[n % 3],
            message=f"issue {n}",
            table=f"s:t{n % 5}" if n % 7 else None,
            row_count=n,
        )
        for n in range(200)
    )
    model = ReportModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show(ReportTree(CloneReport(issues=issues)))
    top = model.index(0, 0)
    assert model.data(top) == "Errors (100)"
    category = model.index(0, 0, top)
    table = model.index(0, 0, category)
    leaf = model.index(0, 0, table)
    assert model.issue(leaf) is not None
    assert model.parent(leaf) == table
    assert model.parent(model.parent(table)) == top
    del tester  # it would look at each line
    large = ReportModel()
    large.show(ReportTree(CloneReport(issues=issues * 5000)))
    assert large.rowCount(large.index(0, 0, large.index(0, 0, large.index(0, 0)))) > 10_000


def test_a_clone_begins_at_the_record_that_is_chosen(window: MainWindow, box: SandboxProcess, in_loop: InLoop) -> None:
    async def body() -> None:
        window.settings.remember_host(box.host, ca=box.ca, credential=box.credential)
        await window.bridge.engine_ready()
        window.open_record(box.host, box.catalog, box.root)
        page = window.page("catalog")
        await until(lambda: page.chosen_record()[2] == box.root, seconds=30)  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        button = next(
            b for b in page.findChildren(QPushButton) if b.accessibleName() == "Clone what belongs to this record"
        )
        await until(button.isVisible)
        click(button)
        await until(lambda: wizards(window))
        assert wizards(window)[-1].flow.draft.rid == box.root
        await closed(window)

    in_loop(body)


def test_a_clone_that_was_stopped_is_thrown_away_with_what_it_made(
    window: MainWindow, box: SandboxProcess, in_loop: InLoop
) -> None:
    async def body() -> None:
        window.settings.remember_host(box.host, ca=box.ca, credential=box.credential)
        request = CloneRequest(
            host=box.host, catalog=box.catalog, rid=box.root, access=Access(ca=(box.ca,), credential=box.credential)
        )
        job = await window.bridge.submit(request)
        jobs = window.bridge.jobs

        def state() -> str:
            view = jobs.view(job)
            return view.state if view is not None else "gone"

        def copying() -> bool:
            view = jobs.view(job)
            return view is not None and any(stage.name == "copy" for stage in view.stages)

        await until(lambda: copying() or state() == "done", seconds=60)
        window.bridge.cancel(job)
        await until(lambda: state() in ("cancelled", "done"), seconds=30)
        window.show_activity(job)
        panel = next(p for p in window.page("activity").findChildren(JobPanel) if p.view is not None)
        await until(lambda: panel.view is not None and panel.view.state in ("cancelled", "done"))
        if state() == "done":  # it was quicker than the click
            click(panel.report)
            await until(lambda: window.findChildren(ReportWindow))
            return
        click(panel.discard)
        await until(lambda: [d for d in window.findChildren(Dialog) if d.isVisible()], seconds=30)
        dialog = next(d for d in window.findChildren(Dialog) if d.isVisible())
        assert "It has made catalog" in words(dialog)
        click(next(b for b in dialog.findChildren(QPushButton) if "Delete the catalog" in b.text()))
        try:
            await until(lambda: state() == "gone", seconds=12)
        except TimeoutError:
            raise AssertionError(f"{state()}: {words(window.toasts)}") from None
        assert any("Deleted: catalog" in n.text.text() for n in window.toasts.findChildren(Notice))
        await window.bridge.stop()

    in_loop(body)


def test_a_clones_report_is_shown_again_from_the_list_of_jobs(window: MainWindow, in_loop: InLoop) -> None:
    async def body() -> None:
        await window.bridge.engine_ready()
        issue = CloneIssue(
            severity=Severity.ERROR,
            category=Category.FK_VIOLATION,
            message="Foreign key s:fk left off",
            table="s:t",
            details="2 rows refer to nothing",
            action="Clone again with delete",
            row_count=2,
            skipped_rids=("1-A", "1-B"),
        )
        result = CloneResult(catalog_id="7", hostname="h", report=CloneReport(issues=(issue,)), verified=True)
        report = ReportWindow(window, result)
        report.show()
        view = report.view
        await until(lambda: view.model.rowCount() == 1)
        leaf = view.model.index(0, 0)
        while view.model.rowCount(leaf):
            leaf = view.model.index(0, 0, leaf)
        view.tree.setCurrentIndex(leaf)
        await until(lambda: "Foreign key s:fk left off" in words(view.detail))
        assert "Clone again with delete" in words(view.detail)
        wanted: list[tuple[str, bool]] = []
        view.jump.disconnect()
        view.jump.connect(lambda rid, there: wanted.append((rid, there)))
        click(next(b for b in view.detail.findChildren(QPushButton) if b.accessibleName() == "Show 1-B in the source"))
        assert wanted == [("1-B", False)]
        QTest.keyClicks(view.filter, "no such words")
        await until(lambda: view.model.rowCount() == 0)
        await until(lambda: "Nothing in the report has these words" in words(view.detail))
        view.filter.setText("1-b")
        await until(lambda: view.model.rowCount() == 1)
        QTest.keyClick(report, Qt.Key.Key_Escape)
        await until(lambda: not window.findChildren(ReportWindow))

    in_loop(body)


def test_a_bag_is_cloned_as_well(window: MainWindow, box: SandboxProcess, in_loop: InLoop, tmp_path: Path) -> None:
    out = tmp_path / "bags"
    out.mkdir()
    told = ["export", box.host, box.catalog, "--rid", box.root, "--out", str(out), "--ca", box.ca]
    done = subprocess.run(
        [sys.executable, "-m", "satchel", *told, "--credential", box.credential, "--materialize"],
        capture_output=True,
        text=True,
        env={**os.environ, "SATCHEL_HOME": str(tmp_path / "home")},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (bag,) = out.iterdir()

    async def body() -> None:
        window.settings.remember_host(box.host, ca=box.ca, credential=box.credential)
        window.start_clone()
        await until(lambda: wizards(window))
        wizard = wizards(window)[-1]
        click(wizard.what.of.options["bag"])
        click(wizard.next_button)
        assert "Choose the bag" in wizard.problem.text()
        wizard.what.archive._take(str(bag))
        click(wizard.next_button)
        await at(wizard, "forecast")
        await until(lambda: wizard.flow.foretold is not None, seconds=60)
        click(wizard.next_button)
        await at(wizard, "destination")
        wizard.destination.host_edit.setText(box.host)
        click(wizard.next_button)
        await at(wizard, "summary")
        await until(lambda: wizard.flow.checked is not None, seconds=60)
        assert str(bag) in words(wizard.summary.card)
        click(wizard.next_button)
        await at(wizard, "result")
        result = wizard.result_page.result
        assert result is not None
        assert result.verified
        await closed(window)

    in_loop(body)


def test_files_of_a_table_are_copied_here_from_the_catalog_page(
    window: MainWindow, box: SandboxProcess, in_loop: InLoop, tmp_path: Path
) -> None:
    async def body() -> None:
        window.settings.remember_host(box.host, ca=box.ca, credential=box.credential)
        await window.bridge.engine_ready()
        window.open_catalog(box.host, box.catalog)
        page = window.page("catalog")
        rows = page.rows  # type: ignore[attr-defined]
        await until(lambda: getattr(page, "_opened", None) is not None, seconds=30)
        page.tables.choose("eye", "Image")  # type: ignore[attr-defined]
        await until(lambda: rows.localize.isVisible() and rows.model.rowCount(), seconds=30)
        click(rows.localize)
        await until(lambda: window.findChildren(LocalizeDialog))
        (dialog,) = window.findChildren(LocalizeDialog)
        dialog.only_try.setChecked(True)
        dialog.audit.set_path(str(tmp_path))
        assert dialog.request().dry_run
        assert dialog.request().rids == ()
        click(next(b for b in dialog.findChildren(QPushButton) if "opy" in b.text() and b.isDefault()))
        await until(
            lambda: any(view.kind == "localize" and view.state == "done" for view in window.bridge.jobs.views())
        )
        panel = next(p for p in window.page("activity").findChildren(JobPanel) if p.view is not None)
        await until(lambda: any("would be copied" in n.text.text() for n in panel.findChildren(Notice)))
        await window.bridge.stop()

    in_loop(body)
