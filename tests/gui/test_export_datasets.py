"""The export wizard with a dataset: the list, versions, what changed, the estimate, where it is made, the bag."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest

from gui_helpers import until
from sandbox_process import SandboxProcess
from satchel.core.deriva.datasets import Dataset, DatasetVersion
from satchel.gui.widgets.states import ErrorCard
from satchel.gui.window import MainWindow
from satchel.gui.wizards.export.datasets.model import DatasetModel
from satchel.gui.wizards.export.wizard import ExportWizard

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton
FLAG = QItemSelectionModel.SelectionFlag


@pytest.fixture
def host(window: MainWindow, sandbox: SandboxProcess) -> str:
    window.settings.remember_host(sandbox.host, ca=sandbox.ca, credential=sandbox.credential)
    return str(sandbox.host)


async def opened(window: MainWindow, host: str, catalog: str) -> ExportWizard:
    window.start_export(host, catalog, "")
    await until(lambda: [w for w in window.findChildren(ExportWizard) if w.isVisible()])
    return next(w for w in window.findChildren(ExportWizard) if w.isVisible())


async def closed(window: MainWindow) -> None:
    for wizard in window.findChildren(ExportWizard):
        wizard.close()
    await until(lambda: not window.findChildren(ExportWizard))
    await window.bridge.stop()


async def at_datasets(window: MainWindow, sandbox: SandboxProcess) -> ExportWizard:
    wizard = await opened(window, sandbox.host, sandbox.catalog)
    QTest.mouseClick(wizard.choosing.what.options["dataset"], LEFT)
    await until(lambda: wizard.choosing.dataset.datasets)
    return wizard


def pick(wizard: ExportWizard, rid: str) -> None:
    pane = wizard.choosing.dataset
    pane.tree.selectionModel().setCurrentIndex(pane.model.find(rid), FLAG.ClearAndSelect | FLAG.Rows)


def test_datasets_are_chosen_with_their_versions_and_what_changed_is_told(
    window: MainWindow, sandbox: SandboxProcess, host: str, in_loop: InLoop
) -> None:
    async def body() -> None:
        wizard = await at_datasets(window, sandbox)
        pane = wizard.choosing.dataset
        assert pane.model.rowCount() == 2, "nested ones are below those that hold them"
        pick(wizard, sandbox.dataset)
        assert (wizard.flow.draft.dataset, wizard.flow.draft.version) == (sandbox.dataset, "2.0.0")
        assert [pane.version.itemText(n) for n in range(pane.version.count())] == [
            "2.0.0", "1.1.0", "1.0.0", "0.2.0", "0.1.0",
        ]  # fmt: skip
        assert "Build datasets" in pane.about.text()
        assert "Ada Admin" in pane.about.text()
        await until(lambda: "26 Subject" in pane.held.text())
        pane.since.setCurrentText("1.0.0")
        pane.since.activated.emit(pane.since.currentIndex())
        await until(lambda: "Image: 5 came, 1 went" in pane.changes.text())
        pane.version.setCurrentText("1.0.0")
        assert wizard.flow.draft.version == "1.0.0"
        assert pane.changes.text() == ""
        pick(wizard, next(d.rid for d in pane.datasets if d.types == ("File",)))
        assert pane.version.currentText() == "0.2.0"
        await closed(window)

    in_loop(body)


def test_a_dataset_is_estimated_exported_and_comes_from_the_cache_the_next_time(
    window: MainWindow, sandbox: SandboxProcess, host: str, tmp_path: Path, in_loop: InLoop
) -> None:
    async def made(folder: str) -> ExportWizard:
        wizard = await at_datasets(window, sandbox)
        pick(wizard, sandbox.dataset)
        QTest.mouseClick(wizard.next_button, LEFT)
        await until(lambda: wizard.estimate.shown is not None)
        assert wizard.flow.current.name == "preview"
        assert "699 rows" in wizard.estimate.total.text()
        QTest.mouseClick(wizard.next_button, LEFT)
        assert wizard.flow.current.name == "options"
        assert wizard.options.place.isVisible()
        assert "This computer is proposed" in wizard.options.why.text()
        (tmp_path / folder).mkdir()
        wizard.options.out.setText(str(tmp_path / folder))
        assert wizard.flow.target() == tmp_path / folder / f"Dataset_{sandbox.dataset}.zip"
        QTest.mouseClick(wizard.next_button, LEFT)
        await until(lambda: wizard.flow.current.name == "done", 50)
        return wizard

    async def body() -> None:
        wizard = await made("first")
        assert "made and verified" in wizard.done_page.title.text()
        command = wizard.done_page.command.toPlainText()
        assert f"--dataset {sandbox.dataset}" in command
        assert "--version 2.0.0" in command
        wizard.close()
        await until(lambda: not window.findChildren(ExportWizard))
        wizard = await made("second")
        assert "from the cache" in wizard.done_page.text.text()
        first, second = (tmp_path / name / f"Dataset_{sandbox.dataset}.zip" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
        with zipfile.ZipFile(second) as archive:
            assert archive.testzip() is None
        wizard.close()
        await until(lambda: not window.findChildren(ExportWizard))
        window.start_export(sandbox.host, sandbox.catalog, sandbox.root)
        await until(lambda: [w for w in window.findChildren(ExportWizard) if w.isVisible()])
        wizard = window.findChildren(ExportWizard)[0]
        await until(lambda: wizard.flow.size is not None)
        assert wizard.preview.isVisible(), "a record that is named is exported as one"
        await closed(window)

    in_loop(body)


def test_the_server_can_be_chosen_for_datasets_and_records(
    window: MainWindow, sandbox: SandboxProcess, host: str, in_loop: InLoop
) -> None:
    async def body() -> None:
        wizard = await at_datasets(window, sandbox)
        pick(wizard, sandbox.dataset)
        QTest.mouseClick(wizard.next_button, LEFT)
        await until(lambda: wizard.estimate.shown is not None)
        QTest.mouseClick(wizard.next_button, LEFT)
        QTest.mouseClick(wizard.options.place.options["server"], LEFT)
        request = wizard.flow.request()
        assert getattr(request, "server_side", None) is True
        for _ in range(2):
            QTest.mouseClick(wizard.back_button, LEFT)
        QTest.mouseClick(wizard.choosing.what.options["record"], LEFT)
        assert wizard.choosing.record.isVisible()
        assert wizard.what.host_edit.text() == sandbox.host
        wizard.what.rid.setText(sandbox.root)
        await until(lambda: wizard.flow.found is not None)
        QTest.mouseClick(wizard.next_button, LEFT)
        await until(lambda: wizard.flow.size is not None)
        QTest.mouseClick(wizard.next_button, LEFT)
        assert wizard.flow.current.name == "options"
        assert "worked out here" in wizard.options.why.text()
        assert getattr(wizard.flow.request(), "server_side", None) is True, "as it was chosen before"
        await closed(window)

    in_loop(body)


def test_a_catalog_without_datasets_and_a_server_that_is_not_there_are_told(
    window: MainWindow, sandbox: SandboxProcess, host: str, in_loop: InLoop
) -> None:
    async def body() -> None:
        wizard = await opened(window, host, "77")
        QTest.mouseClick(wizard.choosing.what.options["dataset"], LEFT)
        pane = wizard.choosing.dataset
        await until(lambda: [c for c in pane.findChildren(ErrorCard) if c.isVisible()])
        QTest.mouseClick(wizard.next_button, LEFT)
        assert wizard.flow.current.name == "what"
        assert "Choose a dataset" in wizard.problem.text()
        pane.catalog.setText(sandbox.catalog)
        await until(lambda: pane.datasets)
        assert not [c for c in pane.findChildren(ErrorCard) if c.isVisible()]
        await closed(window)

    in_loop(body)


def test_the_tree_of_datasets_is_a_sound_model(app: Any) -> None:
    def dataset(rid: str, *children: str, parents: tuple[str, ...] = ()) -> Dataset:
        version = DatasetVersion(version="1.0.0", rid=f"V{rid}", snapshot="S")
        return Dataset(rid=rid, description=f"About {rid}", children=children, parents=parents, versions=(version,))

    model = DatasetModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show([
        dataset("A", "B", "C"),
        dataset("B", "C", parents=("A",)),
        dataset("C", parents=("A", "B")),
        dataset("X", "Y", parents=("Y",)),
        dataset("Y", "X", parents=("X",)),
    ])  # fmt: skip
    assert model.rowCount() == 2
    assert model.rowCount(model.index(0, 0)) == 2
    assert model.find("C").isValid()
    assert model.find("Y").isValid()
    assert not model.find("Z").isValid()
    model.show([])
    assert model.rowCount() == 0
    del tester
