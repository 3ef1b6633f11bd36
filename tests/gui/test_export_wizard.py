"""The export wizard against the sandbox: what it asks, shows, refuses, keeps, and makes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from gui_helpers import accessible_name, until
from sandbox_process import SandboxProcess
from satchel.gui.widgets.states import ErrorCard
from satchel.gui.window import MainWindow
from satchel.gui.wizards.export.tree import Kind, Node
from satchel.gui.wizards.export.tree_model import PreviewModel
from satchel.gui.wizards.export.wizard import ExportWizard

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def host(window: MainWindow, sandbox: SandboxProcess) -> str:
    """The sandbox, known to the window as its administrator."""
    window.settings.remember_host(sandbox.host, ca=sandbox.ca, credential=sandbox.credential)
    return str(sandbox.host)


def wizards(window: MainWindow) -> list[ExportWizard]:
    return [wizard for wizard in window.findChildren(ExportWizard) if wizard.isVisible()]


async def opened(window: MainWindow, host: str = "", catalog: str = "", rid: str = "") -> ExportWizard:
    window.start_export(host, catalog, rid)
    await until(lambda: wizards(window))
    return wizards(window)[-1]


async def at_preview(window: MainWindow, sandbox: SandboxProcess) -> ExportWizard:
    wizard = await opened(window, sandbox.host, sandbox.catalog, sandbox.root)
    await until(lambda: wizard.flow.size is not None)
    return wizard


async def closed(window: MainWindow) -> None:
    for wizard in wizards(window):
        wizard.close()
    await until(lambda: not window.findChildren(ExportWizard))
    await window.bridge.stop()


def words(widget: QWidget) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def node(wizard: ExportWizard, name: str, kind: Kind = Kind.TABLE) -> Node:
    found = wizard.preview.model.node(wizard.preview.model.find(name, kind))
    assert found is not None, name
    return found


def click_tick(wizard: ExportWizard, name: str, kind: Kind = Kind.TABLE) -> None:
    tree = wizard.preview.tree
    index = wizard.preview.model.find(name, kind)
    tree.scrollTo(index)
    place = tree.visualRect(index)
    QTest.mouseClick(tree.viewport(), LEFT, pos=QPoint(place.left() + 12, place.center().y()))


def told_by_command(sandbox: SandboxProcess, *options: str) -> dict[str, Any]:
    """What `satchel preview` says of the same record."""
    command = [sys.executable, "-m", "satchel", "preview", sandbox.host, sandbox.catalog, "--rid", sandbox.root]
    command += ["--json", "--ca", sandbox.ca, "--credential", sandbox.credential, *options]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(json.loads(lines[-1]))


def test_a_record_that_is_not_there_is_said_in_its_place(
    window: MainWindow, sandbox: SandboxProcess, host: str, in_loop: InLoop
) -> None:
    async def body() -> None:
        wizard = await opened(window, host, sandbox.catalog, "9-ZZZZ")
        await until(lambda: wizard.what.findChildren(ErrorCard))
        (card,) = wizard.what.findChildren(ErrorCard)
        assert "9-ZZZZ" in card.message.text()
        assert wizard.flow.current.name == "what"
        QTest.mouseClick(wizard.next_button, LEFT)
        await until(lambda: wizard.what.findChildren(ErrorCard) and not wizard.what.busy.isVisible())
        assert wizard.flow.current.name == "what"
        wizard.what.rid.selectAll()
        QTest.keyClicks(wizard.what.rid, sandbox.root.lower())
        await until(lambda: wizard.what.found.isVisible())
        assert f"Study {sandbox.root}" in wizard.what.found_title.text()
        assert "eye:Study" in wizard.what.found_text.text()
        assert not [c for c in wizard.what.findChildren(ErrorCard) if c.isVisible()]
        await closed(window)

    in_loop(body)


def test_what_is_missing_is_marked_and_gets_the_focus(window: MainWindow, in_loop: InLoop) -> None:
    async def body() -> None:
        wizard = await opened(window)
        await until(wizard.isActiveWindow)
        QTest.keyClicks(wizard.what.host_edit, "not a server")
        QTest.mouseClick(wizard.next_button, LEFT)
        assert "not a server is not a server's name" in wizard.problem.text()
        assert wizard.what.host.property("invalid") is True
        wizard.what.host_edit.selectAll()
        QTest.keyClicks(wizard.what.host_edit, "a.example")
        assert wizard.what.host.property("invalid") is False
        QTest.keyClicks(wizard.what.catalog, "1")
        QTest.keyClick(wizard.what.catalog, Qt.Key.Key_Return)
        assert wizard.flow.current.name == "what"
        assert "RID" in wizard.problem.text()
        assert wizard.what.rid.hasFocus()
        await closed(window)

    in_loop(body)


def test_an_address_from_the_browser_fills_in_all_fields(window: MainWindow, in_loop: InLoop) -> None:
    async def body() -> None:
        wizard = await opened(window)
        QApplication.clipboard().setText("https://data.example:8443/chaise/record/#7/eye:Subject/RID=1-AB2C")
        wizard.what.rid.setFocus()
        wizard.what.rid.paste()
        page = wizard.what
        assert (page.host_edit.text(), page.catalog.text(), page.rid.text()) == ("data.example:8443", "7", "1-AB2C")
        draft = wizard.flow.draft
        assert (draft.host, draft.catalog, draft.rid) == ("data.example:8443", "7", "1-AB2C")
        await closed(window)

    in_loop(body)


def test_the_preview_says_what_the_command_says_and_each_tick_its_cost(
    window: MainWindow, sandbox: SandboxProcess, host: str, in_loop: InLoop
) -> None:
    told = told_by_command(sandbox)
    without = told_by_command(sandbox, "--untick", "eye:Observation")

    async def body() -> None:
        wizard = await at_preview(window, sandbox)
        model = wizard.preview.model
        tables = [n for n in model.nodes() if n.kind is Kind.TABLE]
        assert {(n.name, n.rows) for n in tables} == {(t["table"], t["rows"]) for t in told["tables"]}
        assert f"{told['rows']:,} rows" in wizard.preview.total.text()
        assert told["snapshot"] in wizard.preview.more.text()
        assert wizard.flow.draft.snapshot == told["snapshot"]
        await until(lambda: all(n.cost_text for n in model.nodes() if n.ticked is not None))
        observation = node(wizard, "eye:Observation")
        assert observation.cost is not None
        assert observation.cost.rows == without["rows"] - told["rows"]
        assert observation.parent is not None
        click_tick(wizard, "eye:Observation")
        await until(lambda: wizard.preview.shown is not None and wizard.preview.shown.rows == without["rows"])
        assert node(wizard, "eye:Observation").rows_text == "left out"
        assert node(wizard, "eye:Image").rows_text == "not reached"
        assert f"{without['rows']:,} rows" in wizard.preview.total.text()
        QTest.mouseClick(wizard.preview.everything, LEFT)
        await until(lambda: wizard.preview.shown is not None and wizard.preview.shown.rows == told["rows"])
        assert node(wizard, "eye:Observation").ticked is True
        await closed(window)

    in_loop(body)


def test_an_association_offers_what_belongs_to_its_partners(
    window: MainWindow, sandbox: SandboxProcess, host: str, in_loop: InLoop
) -> None:
    async def body() -> None:
        wizard = await at_preview(window, sandbox)
        await until(lambda: all(n.cost_text for n in wizard.preview.model.nodes() if n.kind is Kind.OFFER))
        offer = next(n for n in wizard.preview.model.nodes() if n.kind is Kind.OFFER and n.cost and n.cost.rows)
        before, cost = wizard.preview.shown, offer.cost
        assert before is not None
        assert cost is not None
        assert "and what belongs to them" in offer.title
        assert offer.ticked is False
        click_tick(wizard, offer.name, Kind.OFFER)
        await until(lambda: wizard.preview.shown is not None and wizard.preview.shown.rows > before.rows)
        assert wizard.preview.shown is not None
        assert wizard.preview.shown.rows == before.rows + (cost.rows or 0)
        assert wizard.flow.draft.offers.follow == (offer.name,)
        click_tick(wizard, offer.name, Kind.OFFER)
        await until(lambda: wizard.preview.shown is not None and wizard.preview.shown.rows == before.rows)
        assert wizard.flow.draft.offers.follow == wizard.flow.draft.offers.stop == ()
        await closed(window)

    in_loop(body)


def test_quick_changes_of_mind_end_with_the_last_one(
    window: MainWindow, sandbox: SandboxProcess, host: str, in_loop: InLoop
) -> None:
    async def body() -> None:
        wizard = await at_preview(window, sandbox)
        for name in ("eye:Image", "eye:Observation", "eye:Image", "eye:Consent", "eye:Observation"):
            click_tick(wizard, name)
            await asyncio.sleep(0.005)
        QTest.keyClick(wizard.preview.tree, Qt.Key.Key_Return)
        await until(lambda: wizard.flow.current.name == "options")
        assert wizard.flow.draft.offers.exclude == ("eye:Consent",)
        assert wizard.preview.shown is not None
        assert wizard.preview.shown.offers.exclude == ("eye:Consent",)
        assert wizard.flow.size is not None
        assert wizard.flow.size.rows == wizard.preview.shown.rows
        await closed(window)

    in_loop(body)


def test_what_is_hidden_from_a_plain_user_is_named_in_the_tree(
    window: MainWindow, sandbox: SandboxProcess, in_loop: InLoop
) -> None:
    window.settings.remember_host(sandbox.host, ca=sandbox.ca, credential=sandbox.credential_user)

    async def body() -> None:
        wizard = await at_preview(window, sandbox)
        hidden = [n.name for n in wizard.preview.model.nodes() if n.kind is Kind.HIDDEN]
        assert wizard.preview.shown is not None
        assert tuple(hidden) == wizard.preview.shown.hidden
        assert hidden, "the demo has a table that plain users may not read"
        group = node(wizard, "hidden", Kind.GROUP)
        assert "Hidden from you" in group.title
        await closed(window)

    in_loop(body)


def test_a_stranger_is_told_how_to_be_let_in(
    window: MainWindow, sandbox: SandboxProcess, in_loop: InLoop, tmp_path: Path
) -> None:
    window.settings.remember_host(sandbox.host)

    async def body() -> None:
        wizard = await opened(window, sandbox.host, sandbox.catalog, sandbox.root)
        await until(lambda: wizard.what.findChildren(ErrorCard))
        (card,) = wizard.what.findChildren(ErrorCard)
        assert "certificate" in card.message.text().lower()
        buttons = [b.accessibleName() for b in card.findChildren(QPushButton)]
        assert "Trust an authority…" in buttons
        assert "Try again" in buttons
        window.settings.remember_host(sandbox.host, ca=sandbox.ca, credential=sandbox.credential)
        again = next(b for b in card.findChildren(QPushButton) if b.accessibleName() == "Try again")
        QTest.mouseClick(again, LEFT)
        await until(lambda: wizard.what.found.isVisible())
        await closed(window)

    in_loop(body)


def test_options_refuse_what_cannot_work_and_say_what_they_will_make(
    window: MainWindow, sandbox: SandboxProcess, host: str, in_loop: InLoop, tmp_path: Path
) -> None:
    async def body() -> None:
        wizard = await at_preview(window, sandbox)
        QTest.mouseClick(wizard.next_button, LEFT)
        await until(lambda: wizard.flow.current.name == "options")
        page = wizard.options
        assert wizard.next_button.text() == "&Export"
        page.out.setText(str(tmp_path / "nowhere"))
        QTest.mouseClick(wizard.next_button, LEFT)
        assert f"There is no folder {tmp_path / 'nowhere'}." in wizard.problem.text()
        page.out.setText(str(tmp_path))
        name = page.name.placeholderText()
        assert sandbox.root in name
        (tmp_path / f"{name}.zip").touch()
        QTest.mouseClick(wizard.next_button, LEFT)
        assert f"{name}.zip is already there" in wizard.problem.text()
        assert page.name.property("invalid") is True
        QTest.keyClicks(page.name, "my bag")
        assert str(tmp_path / "my bag.zip") in page.target.text
        QTest.mouseClick(page.archive.options["none"], LEFT)
        assert page.target.text.endswith("my bag")
        for box in page.algorithms.values():
            if box.isChecked():
                QTest.mouseClick(box, LEFT, pos=QPoint(12, box.height() // 2))
        QTest.mouseClick(wizard.next_button, LEFT)
        assert "at least one kind of checksum" in wizard.problem.text()
        assert wizard.flow.current.name == "options"
        await closed(window)

    in_loop(body)


def test_an_export_is_cancelled_resumed_and_made(
    window: MainWindow, in_loop: InLoop, tmp_path: Path, slow_sandbox: SandboxProcess
) -> None:
    sandbox = slow_sandbox
    window.settings.remember_host(sandbox.host, ca=sandbox.ca, credential=sandbox.credential)

    async def body() -> None:
        wizard = await at_preview(window, sandbox)
        QTest.keyClick(wizard.preview.tree, Qt.Key.Key_Return)
        await until(lambda: wizard.flow.current.name == "options")
        wizard.options.out.setText(str(tmp_path))
        wizard.options.materialize.setChecked(True)
        QTest.mouseClick(wizard.next_button, LEFT)
        run = wizard.run
        await until(lambda: run.view is not None and any(stage.name == "records" for stage in run.view.stages))
        assert not wizard.back_button.isEnabled()
        assert run.panel.timeline.lines.rowCount() >= 2
        QTest.mouseClick(run.panel.cancel, LEFT)
        await until(lambda: run.view is not None and run.view.state == "cancelled")
        assert wizard.flow.current.name == "run"
        assert wizard.back_button.isEnabled()
        assert run.panel.resume.isVisible()
        assert not [path for path in tmp_path.iterdir() if path.suffix == ".zip"]
        QTest.mouseClick(run.panel.resume, LEFT)
        await until(lambda: wizard.flow.current.name == "done", 60)
        done = wizard.done_page
        (archive,) = tmp_path.glob("*.zip")
        assert done.path.text == str(archive)
        assert "made and verified" in done.title.text()
        assert wizard.preview.shown is not None
        assert f"{wizard.preview.shown.rows:,} rows" in done.text.text()
        command = done.command.toPlainText()
        assert command.startswith("satchel export ")
        assert "--materialize" in command
        with zipfile.ZipFile(archive) as bag:
            assets = [name for name in bag.namelist() if "/data/assets/" in name]
        assert len(assets) == wizard.preview.shown.assets
        assert "Study_" in archive.name
        await closed(window)

    in_loop(body)


def test_a_closed_wizard_keeps_its_draft_and_a_running_export_goes_on(
    window: MainWindow, in_loop: InLoop, tmp_path: Path, slow_sandbox: SandboxProcess
) -> None:
    sandbox = slow_sandbox
    window.settings.remember_host(sandbox.host, ca=sandbox.ca, credential=sandbox.credential)

    async def body() -> None:
        wizard = await at_preview(window, sandbox)
        click_tick(wizard, "eye:Image")
        await until(lambda: wizard.flow.size is not None and wizard.preview.shown.offers.exclude)  # type: ignore[union-attr]
        QTest.keyClick(wizard, Qt.Key.Key_Escape)
        await until(lambda: not wizards(window))
        wizard = await opened(window)
        draft = wizard.flow.draft
        assert (draft.host, draft.catalog, draft.rid) == (sandbox.host, sandbox.catalog, sandbox.root)
        assert draft.offers.exclude == ("eye:Image",)
        assert wizard.what.rid.text() == sandbox.root
        QTest.keyClick(wizard.what.rid, Qt.Key.Key_Return)
        await until(lambda: wizard.flow.size is not None)
        assert node(wizard, "eye:Image").ticked is False
        QTest.keyClick(wizard.preview.tree, Qt.Key.Key_Return)
        await until(lambda: wizard.flow.current.name == "options")
        wizard.options.out.setText(str(tmp_path))
        QTest.keyClick(wizard.options.out, Qt.Key.Key_Return)
        await until(lambda: wizard.run.view is not None and wizard.run.view.stages)
        job = wizard.run.job
        QTest.mouseClick(wizard.close_button, LEFT)
        await until(lambda: not wizards(window))
        view = window.bridge.jobs.view(job)
        assert view is not None
        assert view.state == "running"
        await until(lambda: (now := window.bridge.jobs.view(job)) is not None and now.state == "done", 60)
        assert list(tmp_path.glob("*.zip"))
        fresh = await opened(window)
        assert fresh.flow.draft.rid == "", "what was exported is no draft any more"
        assert fresh.flow.draft.out == str(tmp_path), "but where bags go is remembered"
        await closed(window)

    in_loop(body)


def test_everything_in_the_wizard_has_a_name_and_is_reached_by_tab(
    window: MainWindow, sandbox: SandboxProcess, host: str, in_loop: InLoop
) -> None:
    async def body() -> None:
        wizard = await at_preview(window, sandbox)
        await until(wizard.isActiveWindow)
        nameless = [
            f"{type(widget).__name__} in {type(widget.parentWidget()).__name__}"
            for widget in wizard.findChildren(QWidget)
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and not isinstance(widget, QLabel)
            and not accessible_name(widget).strip()
        ]
        assert nameless == []
        wizard.preview.tree.setFocus()
        met = []
        for _ in range(12):
            focused = QApplication.focusWidget()
            assert focused is not None
            if focused in met:
                break
            met.append(focused)
            QTest.keyClick(focused, Qt.Key.Key_Tab)
        assert {wizard.preview.tree, wizard.preview.used_only, wizard.next_button, wizard.close_button} <= set(met)
        await closed(window)

    in_loop(body)


def test_the_tree_model_keeps_qts_rules_while_it_changes(app: QApplication) -> None:
    model = PreviewModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)

    def tree(rows: int, *more: str) -> list[Node]:
        root = Node(Kind.TABLE, "s:Root", "Root", rows=1, total_rows=1)
        root.add(Node(Kind.TABLE, "s:Child", "Child", ticked=True, rows=rows, total_rows=9))
        for name in more:
            root.children[0].add(Node(Kind.OFFER, name, name, ticked=False))
        return [root]

    model.show(tree(3))
    child = model.find("s:Child")
    assert model.data(child) == "Child"
    assert model.data(child.siblingAtColumn(1)) == "3 of 9"
    kept: list[tuple[str, bool]] = []
    model.ticked.connect(lambda node, on: kept.append((node.name, on)))
    assert model.setData(child, Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    assert kept == [("s:Child", False)]
    assert model.data(child.siblingAtColumn(1)) == "left out"
    model.show(tree(4))
    assert model.data(model.find("s:Child").siblingAtColumn(1)) == "4 of 9"
    model.show(tree(4, "s:One", "s:Two"))
    assert model.rowCount(model.find("s:Child")) == 2
    assert model.parent(model.find("s:Two", Kind.OFFER)) == model.find("s:Child")
    assert model.node(QModelIndex()) is None
    model.show([])
    assert model.rowCount() == 0
    assert tester.failureReportingMode() is not None


def test_a_wizard_that_is_closed_while_its_export_starts_leaves_it_running(
    window: MainWindow, sandbox: SandboxProcess, host: str, in_loop: InLoop, tmp_path: Path
) -> None:
    async def body() -> None:
        wizard = await at_preview(window, sandbox)
        QTest.keyClick(wizard.preview.tree, Qt.Key.Key_Return)
        await until(lambda: wizard.flow.current.name == "options")
        wizard.options.out.setText(str(tmp_path))
        QTest.mouseClick(wizard.next_button, LEFT)
        assert wizard.run.job == "", "it has not been written down yet"
        wizard.close()
        await until(lambda: not window.findChildren(ExportWizard))
        await until(lambda: list(tmp_path.glob("*.zip")), 60)
        await until(lambda: not window.bridge.active())
        assert window.watched == set()
        await window.bridge.stop()

    in_loop(body)


def test_files_are_chosen_with_running_totals(
    window: MainWindow, host: str, sandbox: SandboxProcess, in_loop: InLoop
) -> None:
    async def body() -> None:
        wizard = await at_preview(window, sandbox)
        wizard._next()
        options = wizard.options
        await until(options.isVisible)
        assert not options.assets.isVisible()
        options.materialize.setChecked(True)
        await until(lambda: options.assets.totals.text().startswith("96 files"))
        options.assets.count.setValue(5)
        await until(lambda: options.assets.totals.text().startswith("5 files"))
        QTest.keyClicks(options.assets.patterns, "*.png")
        await until(lambda: options.assets.totals.text().startswith("At most 5 files"))
        request = wizard.flow.request()
        assert (request.assets.patterns, request.assets.count) == (("*.png",), 5)
        await closed(window)

    in_loop(body)
