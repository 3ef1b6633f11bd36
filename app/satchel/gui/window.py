"""The main window: sidebar, pages, menus, notices; and what pages ask of each other.

The window is on the screen before most of it is imported: `MainWindow()` paints only its grounds and its name, `build`
then brings the rest. What the first paint needs must not touch PySide6's `Qt` namespace (18 ms for its enumerations).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from satchel.gui.settings import Host, Settings

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QPaintEvent
    from PySide6.QtWidgets import QFileDialog

    from satchel.core.jobs.request import Access
    from satchel.core.jobs.views import JobView
    from satchel.gui.activity.page import ActivityPage
    from satchel.gui.bags.page import BagsPage
    from satchel.gui.catalog.page import CatalogPage
    from satchel.gui.engine_bridge import EngineBridge
    from satchel.gui.identifiers.page import IdentifiersPage
    from satchel.gui.sandbox_process import SandboxPlace, SandboxProcess

ARCHIVES = "*.zip *.tgz *.tar.gz *.tar *.tar.bz2 *.tbz2 *.tar.xz *.txz"
OF_BAGS = frozenset({"validate", "materialize", "extract", "archive", "bag", "rebag", "holey"})
"""Kinds of job that the bags page shows."""
SIZE = (1280, 800)
SMALLEST = (820, 560)
SIDEBAR_WIDTH = 212
FIRST_LIGHT = ("#f7f6f3", "#ebe8e1", "#1d2124")
FIRST_DARK = ("#16191b", "#101315", "#e9ebec")
"""Window, sidebar and text of the themes; a test holds them equal to `satchel.gui.theme`."""


class MainWindow(QMainWindow):
    """The one window.

    Args:
        settings: what is remembered.
        sandbox: start the embedded server and open its demo catalog.
        bags: to check as soon as the window is there.
    """

    ended = Signal()
    """The person wants out and nothing keeps the window open any more."""

    def __init__(self, settings: Settings, *, sandbox: bool = False, bags: Sequence[Path] = ()) -> None:
        super().__init__()
        self.settings = settings
        self.painted = False
        self._built = False
        self._want_sandbox = sandbox
        self._bags = list(bags)
        self._sandbox: SandboxProcess | None = None
        self._own_hosts: dict[str, Host] = {}
        self._leaving = False
        self._trail: list[str] = []
        self._pages: dict[str, QWidget] = {}
        self.watched: set[str] = set()
        """Jobs that a wizard shows: their end needs no notice."""
        self.setWindowTitle("Satchel")
        self.setMinimumSize(*SMALLEST)
        self.resize(*_size(settings.sizes.get("window"), SIZE))

    def paintEvent(self, event: QPaintEvent) -> None:
        self.painted = True
        if not self._built:
            self._paint_first()

    def _paint_first(self) -> None:
        """Grounds and name, as they will be when the window is built."""
        preference = self.settings.theme
        system_is_dark = QApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128
        dark = preference == "dark" or (preference == "system" and system_is_dark)
        ground, side, ink = FIRST_DARK if dark else FIRST_LIGHT
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(ground))
        painter.fillRect(0, 0, SIDEBAR_WIDTH, self.height(), QColor(side))
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.15)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(ink))
        painter.drawText(60, 63, "Satchel")
        painter.end()

    def build(self, bridge: EngineBridge | None = None) -> None:
        """Bring everything: sidebar, home page, menus.

        Args:
            bridge: the engine's side; made from the settings when None.
        """
        from PySide6.QtWidgets import QStackedWidget, QVBoxLayout

        from satchel.gui.engine_bridge import EngineBridge
        from satchel.gui.home.page import HomePage
        from satchel.gui.menus import Menus
        from satchel.gui.session_clock import SessionClock
        from satchel.gui.sidebar import Sidebar
        from satchel.gui.tasks import tasks
        from satchel.gui.widgets.boxes import row
        from satchel.gui.widgets.notices import Toasts

        self._built = True
        self.setAcceptDrops(True)
        self.bridge = bridge or EngineBridge(self.settings)
        self.sidebar = Sidebar()
        self.sidebar.chosen.connect(self.show_page)
        self.stack = QStackedWidget()
        self.home = HomePage(self)
        self.stack.addWidget(self.home)
        self._pages["home"] = self.home
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.addWidget(self.stack)
        whole = row(self.sidebar, right, spacing=0)
        whole.setStretch(1, 1)
        middle = QWidget()
        middle.setLayout(whole)
        self.setCentralWidget(middle)
        self.menus = Menus(self)
        self.toasts = Toasts(middle)
        self.clock = SessionClock(self)
        self.sidebar.set_current("home")
        self.home.tiles[0].setFocus()
        self.bridge.changed.connect(self._jobs_changed)
        self.bridge.ended.connect(self._job_ended)
        tasks.show_failure = self.fail
        from satchel.gui.identifiers.watch import Watch

        self.watch = Watch(self)

    # -- life -----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The loop runs: bring the engine and, where wanted, the sandbox."""
        if self.settings.trouble:
            self.toasts.say(self.settings.trouble, "warning")
        from satchel.gui.tasks import spawn

        spawn(self._start_engine(), "start the engine")
        if self._bags:
            self.check_bags(self._bags)
        if self._want_sandbox:
            self._start_sandbox()

    async def _start_engine(self) -> None:
        await self.bridge.engine_ready()
        from satchel.gui.sign_in.unlock import tell_if_locked

        await tell_if_locked(self)

    def _start_sandbox(self) -> None:
        from satchel.gui.sandbox_process import SandboxProcess

        self._sandbox = SandboxProcess(parent=self)
        self._sandbox.ready.connect(self._sandbox_ready)
        self._sandbox.failed.connect(self.fail)
        self.home.wait_for("Starting the sandbox, a Deriva server on this machine")
        self._sandbox.start()

    def _sandbox_ready(self, place: SandboxPlace) -> None:
        self.home.wait_for("")
        self._own_hosts[place.host] = Host(place.host, place.ca, place.credential)
        self.home.refresh()
        if self.current_page == "home":
            self.open_catalog(place.host, place.catalog)

    def quit(self) -> None:
        """Leave, after asking when jobs run."""
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        if self._leaving:
            return
        running = self.bridge.active()
        if running:
            from satchel.gui.dialogs import ask_to_leave

            ask_to_leave(self, running, self._leave)
        else:
            self._leave()

    def _leave(self) -> None:
        self._leaving = True
        if not (self.isMaximized() or self.isFullScreen()):
            self.settings.sizes["window"] = [self.width(), self.height()]
        for page in self._pages.values():
            if callable(keep := getattr(page, "keep_sizes", None)):
                keep()
        self.save_settings()
        self.hide()
        self.ended.emit()

    def end(self) -> None:
        """The very end: stop the sandbox."""
        if self._sandbox is not None:
            self._sandbox.stop()

    # -- pages ----------------------------------------------------------------------------------------------------

    @property
    def current_page(self) -> str:
        """The name of the page in front."""
        shown = self.stack.currentWidget()
        return next(name for name, page in self._pages.items() if page is shown)

    def page(self, name: str) -> QWidget:
        """A page, made when it is first wanted. Raises KeyError for an unknown name."""
        if name not in self._pages:
            page = self._make_page(name)
            self._pages[name] = page
            self.stack.addWidget(page)
        return self._pages[name]

    def _make_page(self, name: str) -> QWidget:
        if name == "catalog":
            from satchel.gui.catalog.page import CatalogPage

            return CatalogPage(self)
        if name == "bags":
            from satchel.gui.bags.page import BagsPage

            return BagsPage(self)
        if name == "identifiers":
            from satchel.gui.identifiers.page import IdentifiersPage

            return IdentifiersPage(self)
        if name == "activity":
            from satchel.gui.activity.page import ActivityPage

            return ActivityPage(self)
        if name == "settings":
            from satchel.gui.preferences.page import PreferencesPage

            return PreferencesPage(self)
        raise KeyError(name)

    def show_page(self, name: str, *, remember: bool = True) -> QWidget:
        """Bring a page to the front."""
        before = self.current_page
        page = self.page(name)
        if before != name:
            if remember:
                self._trail.append(before)
            self.stack.setCurrentWidget(page)
        self.sidebar.set_current(name)
        from satchel.gui.sidebar import PAGES

        title = next(title for page_name, title, _ in PAGES if page_name == name)
        self.setWindowTitle("Satchel" if name == "home" else f"{title} – Satchel")
        if before != name and callable(entered := getattr(page, "entered", None)):
            entered()
        return page

    def back(self) -> None:
        """Return to the page that was in front before."""
        if self._trail:
            self.show_page(self._trail.pop(), remember=False)

    def _catalog_page(self) -> CatalogPage:
        return cast("CatalogPage", self.show_page("catalog"))

    def _identifiers_page(self) -> IdentifiersPage:
        return cast("IdentifiersPage", self.show_page("identifiers"))

    def _bags_page(self) -> BagsPage:
        return cast("BagsPage", self.show_page("bags"))

    # -- what can be done ------------------------------------------------------------------------------------------

    def choose_catalog(self) -> None:
        """Go where a catalog is named."""
        self._catalog_page().choose()

    def open_catalog(self, host: str, catalog: str) -> None:
        """Open a catalog."""
        self._catalog_page().open(host, catalog)

    def _chosen_record(self) -> tuple[str, str, str]:
        """Host, catalog and RID of what is chosen on the catalog page; the RID only while that page is in front."""
        page = self._pages.get("catalog")
        if page is None:
            return "", "", ""
        chosen: tuple[str, str, str] = page.chosen_record()  # type: ignore[attr-defined]
        host, catalog, rid = chosen
        return host, catalog, rid if self.current_page == "catalog" else ""

    def export_chosen(self) -> None:
        """Export the record that is chosen on the catalog page, or begin at the wizard's first page."""
        self.start_export(*self._chosen_record())

    def start_export(self, host: str = "", catalog: str = "", rid: str = "") -> None:
        """Open the export wizard, filled in as far as is known."""
        from importlib import import_module

        import_module("satchel.gui.wizards.export").open_export(self, host, catalog, rid)

    def edit_spec(self, host: str = "", catalog: str = "", table: str = "", rid: str = "") -> None:
        """Open the editor of export specs, with a table's templates where one is named."""
        from importlib import import_module

        import_module("satchel.gui.export_spec").open_editor(self, host, catalog, table=table, rid=rid)

    def open_record(self, host: str, catalog: str, rid: str) -> None:
        """Open a catalog and go to a record."""
        self._catalog_page().open_record(host, catalog, rid)

    def clone_chosen(self) -> None:
        """Clone from the record that is chosen on the catalog page, or begin at the wizard's first page."""
        self.start_clone(*self._chosen_record())

    def start_clone(self, host: str = "", catalog: str = "", rid: str = "") -> None:
        """Open the clone wizard, filled in as far as is known."""
        from importlib import import_module

        import_module("satchel.gui.wizards.clone").open_clone(self, host, catalog, rid)

    def receive(self, text: str = "") -> None:
        """Go where an identifier is received; look it up where one is given."""
        page = self._identifiers_page()
        if text:
            page.receive.receive(text)
        else:
            page.receive.field.setFocus()

    def mint(self, host: str = "", catalog: str = "", dataset: str = "") -> None:
        """Open the wizard that mints an identifier, filled in as far as is known."""
        from importlib import import_module

        import_module("satchel.gui.wizards.mint").open_mint(self, host, catalog, dataset)

    def choose_bag(self) -> None:
        """Ask for archives of bags and check them."""
        from PySide6.QtWidgets import QFileDialog

        self._choose("Choose archives of bags", QFileDialog.FileMode.ExistingFiles)

    def choose_bag_folder(self) -> None:
        """Ask for a bag's folder and check it."""
        from PySide6.QtWidgets import QFileDialog

        self._choose("Choose a bag's folder", QFileDialog.FileMode.Directory)

    def _choose(self, title: str, mode: QFileDialog.FileMode) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(self, title, self.settings.export_folder)
        dialog.setFileMode(mode)
        if mode == QFileDialog.FileMode.ExistingFiles:
            dialog.setNameFilters([f"Archives of bags ({ARCHIVES})", "All files (*)"])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda paths: self.check_bags([Path(path) for path in paths]))
        dialog.open()

    def check_bag(self, path: Path) -> None:
        """Check a bag, folder or archive, and show what was found."""
        self._bags_page().check(path)

    def check_bags(self, paths: list[Path]) -> None:
        """Check bags that were dropped together, one after the other."""
        self._bags_page().check_all(paths)

    def make_bag(self, folder: str = "") -> None:
        """Open the window in which a bag is made of a folder."""
        from satchel.gui.bags.make import MakeWindow

        MakeWindow(self, folder).show()

    def follow_bag_job(self, job: str) -> None:
        """Show on the bags page a job that makes or changes a bag."""
        self._bags_page().show_job(job)

    def compare_bags(self, first: str = "", second: str = "") -> None:
        """Open the window in which two bags are compared."""
        from satchel.gui.bags.compare import CompareWindow

        CompareWindow(self, first, second).show()

    def focus_filter(self) -> None:
        """Put the focus into the page's filter field."""
        if callable(find := getattr(self.stack.currentWidget(), "focus_filter", None)):
            find()

    def find_rid(self) -> None:
        """Put the focus into the catalog page's field for a RID."""
        self._catalog_page().focus_rid()

    def reload(self) -> None:
        """Read again what the page in front shows."""
        if callable(reload := getattr(self.stack.currentWidget(), "reload", None)):
            reload()

    def use_theme(self, name: str) -> None:
        """Follow the system, or be light or dark."""
        from satchel.gui.theme import theme

        self.settings.theme = name
        theme().use(name)
        self.menus.set_theme(name)
        if callable(told := getattr(self._pages.get("settings"), "theme_changed", None)):
            told()
        self.save_settings()

    def show_shortcuts(self) -> None:
        """The list of shortcuts."""
        from satchel.gui.dialogs import show_shortcuts

        show_shortcuts(self, self.menus.shortcuts())

    def show_about(self) -> None:
        """What this is, and whose."""
        from satchel.gui.dialogs import show_about

        show_about(self)

    # -- servers ---------------------------------------------------------------------------------------------------

    def access(self, host: str) -> Access:
        """How requests to a host are to be made: its certificate authority and credential file, if any."""
        own = self._own_hosts.get(host)
        if own is not None:
            return own.access()
        return self.settings.access(host)

    def known_hosts(self) -> list[str]:
        """Hosts to offer, the sandbox first."""
        return list(dict.fromkeys([*self._own_hosts, *(known.host for known in self.settings.hosts)]))

    @property
    def sandbox_place(self) -> SandboxPlace | None:
        """Where this window's own sandbox is, when it has one that is ready."""
        return self._sandbox.place if self._sandbox is not None else None

    def catalog_opened(self, host: str, catalog: str, title: str) -> None:
        """A catalog was opened: remember it, unless it is the sandbox's."""
        import time

        if host in self._own_hosts:
            return
        self.settings.remember_host(host)
        self.settings.remember_catalog(host, catalog, title, time.time())
        self.save_settings()
        self.home.refresh()

    # -- news ------------------------------------------------------------------------------------------------------

    def save_settings(self) -> None:
        """Keep the settings; says so when that fails."""
        if trouble := self.settings.save():
            self.toasts.say(trouble, "warning", "Satchel goes on, but will not remember it.")

    def fail(self, fault: BaseException) -> None:
        """Show a failure that no page shows in its own place."""
        from satchel.core.errors import SatchelError
        from satchel.gui.widgets.states import as_error

        if not isinstance(fault, SatchelError):
            import logging

            logging.getLogger(__name__).error("in the window", exc_info=fault)
        self.home.wait_for("")
        self.toasts.fail(as_error(fault))

    def _jobs_changed(self) -> None:
        from PySide6.QtCore import QTimer

        self.sidebar.show_jobs(self.bridge.active())
        QTimer.singleShot(0, self.home, self.home.jobs_changed)

    def _job_ended(self, view: JobView) -> None:
        from satchel.gui.jobs_words import end_words

        text, tone = end_words(view)
        # The bags page says itself what came of jobs that it began.
        if view.id not in self.watched and self.current_page != ("bags" if view.kind in OF_BAGS else "activity"):
            self.toasts.say(text, tone, action="Show", do=lambda: self.show_job(view))

    def show_job(self, view: JobView) -> None:
        """Show a job where its kind is shown."""
        if view.kind == "validate":
            self._bags_page().show_job(view.id)
        else:
            self.show_activity(view.id)

    def show_activity(self, job: str) -> None:
        """Show a job on the activity page."""
        page = cast("ActivityPage", self.show_page("activity"))
        page.show_job(job)

    # -- drops -----------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        from satchel.gui.widgets.drop_zone import dropped_paths

        if dropped_paths(event) or event.mimeData().hasText():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        from satchel.gui.widgets.drop_zone import dropped_paths

        paths = dropped_paths(event)
        event.acceptProposedAction()
        if not paths:
            self.receive(event.mimeData().text())
        elif _are_pictures(paths):
            self._identifiers_page().receive.receive_picture(paths[0])
        else:
            self.check_bags(paths)


def _are_pictures(paths: list[Path]) -> bool:
    from satchel.gui.identifiers.receive import are_pictures

    return are_pictures(paths)


def _size(kept: list[int] | None, default: tuple[int, int]) -> tuple[int, int]:
    if kept is None or len(kept) != 2:
        return default
    return max(kept[0], SMALLEST[0]), max(kept[1], SMALLEST[1])
