"""A guided tour: the real window, the real wizard and the real sandbox, driven by clicks and keys, checking itself.

`python -m e2e.tour FOLDER` saves a picture of every page under FOLDER, exports a record with its files, has bdbag
validate the result, says what it did, and ends with 0 only if all of it held. `make demo` runs it where there is no
screen; a test runs it as well.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import QMessageLogContext, QPoint, Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QWidget

from gui_helpers import until
from satchel.gui.activity.page import ActivityPage
from satchel.gui.app import dress_application, make_application
from satchel.gui.bags.inside.window import InsideWindow
from satchel.gui.bags.page import BagsPage
from satchel.gui.catalog.page import CatalogPage
from satchel.gui.loop import run
from satchel.gui.settings import Settings
from satchel.gui.tasks import tasks
from satchel.gui.window import MainWindow
from satchel.gui.wizards.export.tree import Kind
from satchel.gui.wizards.export.wizard import ExportWizard

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
SLOW = 120.0
"""Seconds for what waits for the sandbox; a machine may be busy."""


class Tour:
    """One walk through the window."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        self.window = window
        self.folder = folder
        self.pictures: list[str] = []
        self.failures: list[BaseException] = []
        self.bag = Path()

    async def walk(self) -> None:
        """All of it. Raises AssertionError or TimeoutError where the window does not do what it should."""
        await self._look_around()
        wizard = await self._open_wizard()
        await self._preview(wizard)
        await self._choose_options(wizard)
        await self._export(wizard)
        await self._check(wizard)
        await self._other_pages()
        await self._look_inside()

    # -- the stations -----------------------------------------------------------------------------------------------

    async def _look_around(self) -> None:
        window = self.window
        await self._picture("home")
        await until(lambda: window.current_page == "catalog", SLOW)
        page = cast(CatalogPage, window.page("catalog"))
        await until(lambda: page.stack.currentWidget() is page.browser, SLOW)
        assert page.chosen_record()[0], "the demo catalog is open"
        self._click_item(page.tables.view, page.tables.model.index_of("eye", "Image"))
        await until(lambda: page.rows.model.rowCount() > 0, SLOW)
        self._click_item(page.rows.view, page.rows.model.index(0, 0))
        await until(lambda: page.detail.picture.isVisible(), SLOW)
        await self._picture("catalog")
        place = window.sandbox_place
        assert place is not None
        window.activateWindow()
        await until(window.isActiveWindow)
        QTest.keyClick(window, Qt.Key.Key_R, CONTROL)
        await until(page.rid.hasFocus)
        QTest.keyClicks(page.rid, place.root.lower())
        QTest.keyClick(page.rid, Qt.Key.Key_Return)
        await until(lambda: page.chosen_record()[2] == place.root and page.detail.export.isVisible(), SLOW)
        await self._picture("record")
        self._say(f"looked around in catalog {place.catalog} on {place.host} and found the record {place.root}")

    async def _open_wizard(self) -> ExportWizard:
        page = cast(CatalogPage, self.window.page("catalog"))
        QTest.mouseClick(page.detail.export, LEFT)
        await until(lambda: self._wizards(), SLOW)
        (wizard,) = self._wizards()
        await until(lambda: wizard.flow.current.name == "preview", SLOW)
        QTest.mouseClick(wizard.back_button, LEFT)
        assert wizard.flow.current.name == "what"
        assert wizard.what.found.isVisible(), "the record was looked up"
        await self._picture("export-what", wizard)
        QTest.keyClick(wizard.what.rid, Qt.Key.Key_Return)
        await until(lambda: wizard.flow.current.name == "preview")
        return wizard

    async def _preview(self, wizard: ExportWizard) -> None:
        page = wizard.preview
        await until(lambda: wizard.flow.size is not None, SLOW)
        shown = page.shown
        assert shown is not None
        assert shown.assets > 0
        await until(lambda: all(node.cost_text for node in page.model.nodes() if node.ticked is not None), SLOW)
        await self._picture("export-preview", wizard)
        before = shown.rows
        image = page.model.find("eye:Image")
        self._click_tick(page.tree, image)
        await until(lambda: page.shown is not None and page.shown.rows < before and wizard.flow.size is not None, SLOW)
        await until(lambda: all(node.cost_text for node in page.model.nodes() if node.ticked is not None), SLOW)
        await self._picture("export-preview-unticked", wizard)
        without = page.shown
        page.tree.setCurrentIndex(page.model.find("eye:Image"))
        QTest.keyClick(page.tree, Qt.Key.Key_Space)
        await until(lambda: page.shown is not None and page.shown.rows == before, SLOW)
        offers = [node for node in page.model.nodes() if node.kind is Kind.OFFER]
        assert without is not None
        self._say(
            f"previewed {before:,} rows and {shown.assets:,} files; without eye:Image it would be {without.rows:,} rows"
            f" and {without.assets:,} files; {len(offers)} associations offer what belongs to their partners"
        )

    async def _choose_options(self, wizard: ExportWizard) -> None:
        page, out = wizard.options, self.folder / "bags"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        QTest.keyClick(wizard.preview.tree, Qt.Key.Key_Return)
        await until(lambda: wizard.flow.current.name == "options", SLOW)
        page.out.selectAll()
        QTest.keyClicks(page.out, str(out / "missing"))
        QTest.mouseClick(wizard.next_button, LEFT)
        assert wizard.flow.current.name == "options", "a folder that is not there is said before anything is done"
        assert wizard.problem.isVisible()
        page.out.selectAll()
        QTest.keyClicks(page.out, str(out))
        box = page.materialize
        QTest.mouseClick(box, LEFT, pos=QPoint(12, box.height() // 2))
        assert wizard.flow.draft.materialize
        await self._picture("export-options", wizard)

    async def _export(self, wizard: ExportWizard) -> None:
        QTest.keyClick(wizard.options.out, Qt.Key.Key_Return)
        await until(lambda: wizard.flow.current.name in ("run", "done"))
        run_page = wizard.run
        await until(lambda: run_page.view is not None and run_page.view.stages, SLOW)
        await self._picture("export-run", wizard)
        await until(lambda: not wizard.flow.running, SLOW)
        view = run_page.view
        assert view is not None
        assert view.state == "done", view.error
        await until(lambda: wizard.flow.current.name == "done")
        await self._picture("export-done", wizard)
        result = cast(Any, view.result)
        assert result.valid
        assert result.complete
        self.bag = Path(result.archive)
        assert self.bag.is_file()
        files = sum(table.assets for table in result.tables)
        self._say(f"exported {result.rows:,} rows and {files:,} files into {self.bag} in {view.seconds:.1f} s")
        assert result.rows == wizard.preview.shown.rows, "what was previewed is what was exported"  # type: ignore[union-attr]

    async def _check(self, wizard: ExportWizard) -> None:
        QTest.mouseClick(wizard.done_page.check, LEFT)
        bags = cast(BagsPage, self.window.page("bags"))
        await until(lambda: self.window.current_page == "bags" and bags.card.isVisible(), SLOW)
        QTest.keyClick(wizard, Qt.Key.Key_Escape)
        await until(lambda: not self._wizards())
        await self._picture("bags")
        verdict = bags.card.title.text()
        assert "valid" in verdict.lower(), verdict
        assert "not" not in verdict.lower(), verdict
        self._say(f"checked it in the window: {verdict}")

    async def _look_inside(self) -> None:
        bags = cast(BagsPage, self.window.show_page("bags"))
        await until(bags.facts.isVisible, SLOW)
        QTest.mouseClick(bags.facts.look, LEFT)
        (inside,) = self.window.findChildren(InsideWindow)
        await until(lambda: inside.graph.shown, SLOW)
        QTest.mouseClick(inside.graph_button, LEFT)
        await self._picture("inside-graph", inside)
        inside.graph.opened.emit("data/records/eye.Subject.csv")
        table = inside.table
        await until(lambda: inside.stack.currentWidget() is table and table.model.row(0) is not None, SLOW)
        await until(lambda: table.model.columns[0].sure, SLOW)
        await self._picture("inside-table", inside)
        place = next(n for n, column in enumerate(table.model.columns) if column.name == "Study")
        table.view.setCurrentIndex(table.model.index(0, place))
        QTest.keyClick(table.view, Qt.Key.Key_Return)
        await until(lambda: inside.title.text == "data/records/eye.Study.csv" and table.model.rowCount() == 1, SLOW)
        self._say(f"looked inside: {inside.graph.note.text()}, and went from a subject to its study")
        QTest.keyClick(inside, Qt.Key.Key_Escape)
        await until(lambda: not self.window.findChildren(InsideWindow))

    async def _other_pages(self) -> None:
        window = self.window
        QTest.keyClick(window, Qt.Key.Key_5, CONTROL)
        activity = cast(ActivityPage, window.page("activity"))
        await until(lambda: window.current_page == "activity" and activity.panel.view is not None)
        activity.show_job(next(v.id for v in window.bridge.jobs.views() if v.kind == "export"))
        QTest.mouseClick(activity.panel.log_button, LEFT)
        await until(lambda: activity.panel.log.toPlainText())
        await self._picture("activity")
        QTest.keyClick(window, Qt.Key.Key_6, CONTROL)
        await until(lambda: window.current_page == "settings")
        await self._picture("settings")
        window.menus.actions["theme-dark"].trigger()
        for name, key in (("home", Qt.Key.Key_1), ("catalog", Qt.Key.Key_2), ("activity", Qt.Key.Key_5)):
            QTest.keyClick(window, key, CONTROL)
            await until(lambda name=name: window.current_page == name)
            await self._picture(f"{name}-dark")
        window.menus.actions["theme-light"].trigger()

    # -- hands and eyes ---------------------------------------------------------------------------------------------

    def _wizards(self) -> list[ExportWizard]:
        return [wizard for wizard in self.window.findChildren(ExportWizard) if wizard.isVisible()]

    @staticmethod
    def _click_item(view: QAbstractItemView, index: Any) -> None:
        assert index.isValid()
        view.scrollTo(index)
        QTest.mouseClick(view.viewport(), LEFT, pos=view.visualRect(index).center())

    @staticmethod
    def _click_tick(view: QAbstractItemView, index: Any) -> None:
        assert index.isValid()
        view.scrollTo(index)
        place = view.visualRect(index)
        QTest.mouseClick(view.viewport(), LEFT, pos=QPoint(place.left() + 12, place.center().y()))

    async def _picture(self, name: str, of: QWidget | None = None) -> None:
        for _ in range(5):
            await asyncio.sleep(0.02)
        made = (of or self.window).grab()
        file = self.folder / f"{len(self.pictures) + 1:02}-{name}.png"
        assert made.save(str(file)), f"{file} could not be written"
        self.pictures.append(file.name)

    @staticmethod
    def _say(text: str) -> None:
        print(f"  {text}", flush=True)


def take(folder: Path) -> bool:
    """Walk the tour in a home of its own. Returns whether all held; says what did not."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    app = make_application()
    dress_application(app, "light")
    settings = Settings()
    settings.theme = "light"
    window = MainWindow(settings, sandbox=True)
    window.show()
    window.build()
    tour = Tour(window, folder)
    before = window.fail

    def failed(fault: BaseException) -> None:
        tour.failures.append(fault)
        before(fault)

    window.fail = failed  # type: ignore[method-assign]

    async def walk() -> None:
        tasks.show_failure = failed
        try:
            await tour.walk()
        except BaseException as fault:
            tour.failures.append(fault)
            window.grab().save(str(folder / "99-failed.png"))
            for wizard in window.findChildren(ExportWizard):
                wizard.grab().save(str(folder / "99-failed-wizard.png"))
        finally:
            for wizard in window.findChildren(ExportWizard):
                wizard.close()
            window._leave()

    tasks.spawn(walk(), "the tour")
    run(app, window)
    for fault in tour.failures:
        traceback.print_exception(fault)
    if not tour.failures:
        print(f"  saved {len(tour.pictures)} pictures under {folder}")
    return not tour.failures and _bdbag(tour.bag)


def _bdbag(bag: Path) -> bool:
    """Whether bdbag calls it valid."""
    command = [sys.executable, "-m", "bdbag.bdbag_cli", "--validate", "full", str(bag)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "valid" in line.lower()]
    print(f"  bdbag --validate full: {lines[-1].rpartition(' - ')[2] if lines else done.stderr[-500:]}")
    return done.returncode == 0


def _from_qt(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    """What Qt has to say, but not that there is no real screen."""
    if not message.startswith("This plugin does not support"):
        print(message, file=sys.stderr)


def main(arguments: list[str]) -> int:
    """The tour as a program."""
    folder = Path(arguments[0] if arguments else "build/demo").absolute()
    qInstallMessageHandler(_from_qt)
    with tempfile.TemporaryDirectory(prefix="satchel-tour-") as home:
        os.environ["SATCHEL_HOME"] = home
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        held = take(folder)
    print("The tour went well." if held else "THE TOUR FAILED.")
    return 0 if held else 1


if __name__ == "__main__":
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    sys.exit(main(sys.argv[1:]))
