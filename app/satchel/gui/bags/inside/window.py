"""The window in which a bag is looked into."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, QSize, Qt, QTimer, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHeaderView,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from satchel.core import words
from satchel.core.errors import Kind, SatchelError
from satchel.gui.bags.inside import source
from satchel.gui.bags.inside.graph import GraphPane
from satchel.gui.bags.inside.table_pane import TablePane
from satchel.gui.bags.inside.tree_model import TreeModel
from satchel.gui.bags.inside.viewers import GoneView, InfoView, PictureView, TextView
from satchel.gui.folders import show_folder
from satchel.gui.icons import dress
from satchel.gui.tasks import Spawned, spawn
from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4, theme
from satchel.gui.widgets.boxes import Line, clear, row
from satchel.gui.widgets.buttons import button, icon_button
from satchel.gui.widgets.fields import SearchField
from satchel.gui.widgets.states import BusyLine, EmptyState, ErrorCard, as_error
from satchel.gui.widgets.text import CopyLabel, label

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from satchel.core.bags.inside.opening import Inside, Shown, Text
    from satchel.core.bags.inside.records import Records, View
    from satchel.core.bags.inside.tasks import Done, Link
    from satchel.core.bags.inside.tree import Children
    from satchel.gui.window import MainWindow

TYPING = 250
MOST_BACK = 100
RUNS = (
    *(".appimage", ".bat", ".cmd", ".com", ".cpl", ".desktop", ".dll", ".exe", ".hta", ".htm", ".html", ".jar", ".js"),
    *(".lnk", ".msi", ".ps1", ".py", ".scr", ".sh", ".svg", ".url", ".vbs", ".wsf", ".xhtml"),
)
"""Files that the desktop might run when it is asked to open them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere that one can go back to."""

    kind: str
    """`info`, `graph` or `file`."""
    path: str = ""
    view: View | None = None


def _entry(icon: str, name: str, tip: str, do: Callable[[], object]) -> QToolButton:
    """A line above the files; it is lit while it is shown."""
    made = QToolButton()
    made.setText(f" {name}")
    made.setAccessibleName(name)
    made.setToolTip(tip)
    made.setCheckable(True)
    made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    dress(made, icon, "muted", 18, "accent_text")

    def clicked() -> None:
        made.setChecked(True)  # a second click changes nothing
        do()

    made.clicked.connect(clicked)
    return made


class InsideWindow(QDialog):
    """A bag's files at the left, what is chosen at the right.

    Args:
        window: whose engine is asked.
        path: of the bag, a folder or an archive.
        unpack: unpacks an archive that cannot be looked into as it is.
        fetch: asks which of a folder's missing files to fetch.
    """

    def __init__(
        self,
        window: MainWindow,
        path: str,
        unpack: Callable[[], object] | None = None,
        fetch: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(window, Qt.WindowType.Window)
        self._window, self._bridge, self._path = window, window.bridge, path
        self._inside: Inside | None = None
        self._opening: Spawned | None = None
        self._showing: Spawned | None = None
        self._trail: list[Place] = []
        self._ahead: list[Place] = []
        self._now: Place | None = None
        self._links: Done | None = None
        self._quiet = self._closed = False
        self._reading: list[Spawned] = []
        self.setWindowTitle(f"{Path(path).name} – inside")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumSize(QSize(760, 480))
        self.resize(1180, 760)

        self.info_button = _entry("info", "Bag-info", "What the bag says of itself", lambda: self.go(Place("info")))
        self.graph_button = _entry("schema", "Tables and links", "What refers to what", lambda: self.go(Place("graph")))
        self.field = SearchField("Find files")
        self.model = TreeModel(self)
        self.model.wanted.connect(self._children)
        self.tree = QTreeView()
        self.tree.setAccessibleName("Files of the bag")
        self.tree.setModel(self.model)
        self.tree.setProperty("role", "nav")
        self.tree.setUniformRowHeights(True)
        self.tree.setIconSize(QSize(16, 16))
        self.tree.setIndentation(16)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.tree.setAllColumnsShowFocus(True)
        self.tree.header().setStretchLastSection(False)
        self.tree.header().setMinimumSectionSize(40)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.selectionModel().currentChanged.connect(self._current)
        self.tree.activated.connect(self._activated)
        self.files = label("", "caption", "muted", wrap=True)
        left = QWidget()
        left.setMinimumWidth(230)
        side = QVBoxLayout(left)
        side.setContentsMargins(SPACE_2, SPACE_2, SPACE_2, SPACE_2)
        side.setSpacing(SPACE_1)
        side.addWidget(self.info_button)
        side.addWidget(self.graph_button)
        side.addSpacing(SPACE_1)
        side.addWidget(self.field)
        side.addWidget(self.tree, 1)
        side.addWidget(self.files)

        self.back_button = icon_button("Back", "back", self.back, shortcut="Alt+Left")
        self.title = CopyLabel("", "Path", "strong")
        self.open_button = button("Open in system", self._open, icon="external", tip="With the program for such files")
        self.folder_button = button("Show in folder", self._show_folder, icon="folder")
        self.busy = BusyLine()
        self.busy.cancelled.connect(self._cancel)
        self.info = InfoView()
        self.graph = GraphPane()
        self.graph.opened.connect(lambda path: self.go(Place("file", path)))
        self.table = TablePane(self._bridge)
        self.table.link_wanted.connect(self._follow)
        self.table.back_wanted.connect(self._referring)
        self.table.all_wanted.connect(lambda path: self.go(Place("file", path)))
        self.text = TextView()
        self.text.more_wanted.connect(self._more_text)
        self.picture = PictureView()
        self.gone = GoneView(fetch)
        self.unpack_button = button("&Unpack…", unpack, icon="folder", primary=True)
        self.archive = EmptyState(
            "bag",
            "Unpack it to look inside",
            "The files of a tar archive cannot be read one by one.",
            self.unpack_button,
        )
        if unpack is None:
            self.unpack_button.hide()
        self.nothing = EmptyState("file", "Choose a file", "Tables, pictures and texts are shown here.")
        self.errors = QWidget()
        self._error_place = QVBoxLayout(self.errors)
        self._error_place.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        self.stack = QStackedWidget()
        parts: list[QWidget] = [self.nothing, self.info, self.graph, self.table, self.text, self.picture]
        for part in (*parts, self.gone, self.archive, self.errors):
            self.stack.addWidget(part)
        head = row(self.back_button, self.title, self.open_button, self.folder_button, spacing=SPACE_2)
        head.setStretch(1, 1)
        head.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        right = QFrame()
        right.setProperty("role", "plain")
        body = QVBoxLayout(right)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addLayout(head)
        body.addWidget(Line())
        body.addWidget(self.busy)
        body.addWidget(self.stack, 1)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.addWidget(left)
        self.split.addWidget(right)
        self.split.setStretchFactor(1, 1)
        self.split.setSizes([340, 840])
        self.split.setChildrenCollapsible(False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.split)

        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING)
        self._typing.timeout.connect(self._find)
        self.field.textChanged.connect(lambda: self._typing.start())
        theme().changed.connect(self.model.repaint)
        for keys, do in (
            ("Alt+Left", self.back),
            ("Alt+Right", self.forward),
            ("Ctrl+F", self._focus_filter),
            ("F5", self.reload),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(do)
        self.tree.setFocus()
        self._buttons("")
        window.ended.connect(self.close)  # so that nothing that was taken out is left behind
        self._opening = self._spawn(self._open_inside(), "look into a bag", self._failed)

    # -- opening ----------------------------------------------------------------------------------------------------

    async def _open_inside(self) -> None:
        self.busy.wait_for(f"Opening {Path(self._path).name}")
        self._inside = inside = await self._bridge.call(source.open_inside, self._path)
        if inside.kind == "tar":
            self.busy.done()
            self.model.nothing()
            self.info_button.setEnabled(False)
            self.graph_button.setEnabled(False)
            self.stack.setCurrentWidget(self.archive)
            return
        self.model.begin()
        if inside.kind == "folder":
            self.busy.done()
            self.go(Place("info"))
        self.files.setText("Reading the bag's lists…")
        await self._bridge.call(source.ready, inside)
        if inside.kind != "folder":
            self.busy.done()
        self.files.setText(words.count(inside.tree.files, "files"))
        if not self.field.text():
            self.model.begin()
        self._links_begin(inside)
        if self._now is None:
            self.go(Place("info"))

    def _links_begin(self, inside: Inside) -> None:
        self.graph.busy.wait_for("Looking for tables and what links them")
        self._spawn(self._find_links(inside), "links", self._no_links)

    async def _find_links(self, inside: Inside) -> None:
        self._links = await self._bridge.call(source.graph, inside)
        self.graph.show_graph(self._links)
        self.table.show_links(self._links)
        self.graph_button.setEnabled(bool(self._links.tables))

    def _no_links(self, fault: BaseException) -> None:
        self.graph.busy.done()
        self.graph.note.setText(as_error(fault).message)

    def reload(self) -> None:
        """Look at the bag anew: files may have been fetched since."""
        if self._inside is None:
            return
        self._cancel()
        self.table.stop()
        self._bridge.finish(source.close, self._inside)
        place, self._inside, self._now = self._now, None, None
        self.stack.setCurrentWidget(self.nothing)
        self._opening = self._spawn(self._open_again(place), "look into a bag again", self._failed)

    async def _open_again(self, place: Place | None) -> None:
        await self._open_inside()
        if place is not None:
            self._show(Place(place.kind, place.path))

    def closeEvent(self, event: QCloseEvent) -> None:
        self._closed = True
        self.table.end()
        for running in (*self._reading, self._opening, self._showing):
            if running is not None:
                running.cancel()
        if self._inside is not None:
            self._bridge.finish(source.close, self._inside)
            self._inside = None
        super().closeEvent(event)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str, failed: Callable[[BaseException], None]) -> Spawned:
        """Have something read that ends with this window."""

        def told(fault: BaseException) -> None:
            if not self._closed:
                failed(fault)

        self._reading = [running for running in self._reading if not running.done]
        spawned = spawn(work, name, told)
        self._reading.append(spawned)
        return spawned

    # -- the tree ---------------------------------------------------------------------------------------------------

    def _children(self, path: str, first: int) -> None:
        if self._inside is not None:
            reading = self._read_children(self._inside, path, first, self.field.text().strip())
            self._spawn(reading, "read a folder", partial(self._children_failed, path))

    async def _read_children(self, inside: Inside, path: str, first: int, text: str) -> None:
        found: Children = await self._bridge.call(source.children, inside, path, first, text if self.model.flat else "")
        if text == self.field.text().strip() or not self.model.flat:
            self.model.put(path, first, found)
            self._choose_in_tree(self._now.path if self._now is not None else "")
        if self.model.flat and first == 0:
            self.files.setText("" if found.nodes else f"No file has “{text}” in its name.")
        elif self._inside is not None and self._inside.tree.ready:
            self.files.setText(words.count(self._inside.tree.files, "files"))

    def _children_failed(self, path: str, fault: BaseException) -> None:
        self.model.failed(path)
        self.files.setText(as_error(fault).message)

    def _find(self) -> None:
        self.model.begin(flat=bool(self.field.text().strip()))

    def _focus_filter(self) -> None:
        field = (
            self.table.field
            if self.stack.currentWidget() is self.table and self.table.field.isVisible()
            else self.field
        )
        field.setFocus()
        field.selectAll()

    def _current(self, index: QModelIndex) -> None:
        node = self.model.node(index)
        if node is not None and not node.folder and not self._quiet:
            self.go(Place("file", node.path))

    def _activated(self, index: QModelIndex) -> None:
        node = self.model.node(index)
        if node is not None and node.folder:
            self.tree.setExpanded(index.siblingAtColumn(0), not self.tree.isExpanded(index.siblingAtColumn(0)))

    # -- going ------------------------------------------------------------------------------------------------------

    def go(self, place: Place) -> None:
        """Show something; one can go back from it."""
        if place == self._now:
            return
        if self._now is not None:
            self._trail = [*self._trail[-MOST_BACK:], self._now]
        self._ahead.clear()
        self._show(place)

    def back(self) -> None:
        """Show what was shown before."""
        if self._trail and self._now is not None:
            self._ahead.append(self._now)
            self._show(self._trail.pop())

    def forward(self) -> None:
        """Undo going back."""
        if self._ahead and self._now is not None:
            self._trail.append(self._now)
            self._show(self._ahead.pop())

    def _show(self, place: Place) -> None:
        inside = self._inside
        if inside is None:
            return
        self._now = place
        self.info_button.setChecked(place.kind == "info")
        self.graph_button.setChecked(place.kind == "graph")
        self.back_button.setEnabled(bool(self._trail))
        if self._showing is not None:
            self._showing.cancel()
        self.busy.done()
        self.table.stop()
        if place.kind != "file":
            self._choose_in_tree("")
        if place.kind == "info":
            self.title.set_text(self._path)
            self.info.show_info(inside.info, "As in bag-info.txt, to read and copy")
            self.stack.setCurrentWidget(self.info)
        elif place.kind == "graph":
            self.title.set_text("Tables and links")
            self.stack.setCurrentWidget(self.graph)
            QTimer.singleShot(0, self.graph, self.graph.picture.fit)
        else:
            from satchel.core.bags.inside.plain import one_line

            self.title.set_text(one_line(place.path))
            self._choose_in_tree(place.path)
            self._showing = self._spawn(self._show_file(inside, place), "show a file", self._failed)
        self._buttons(place.path)

    def _choose_in_tree(self, path: str) -> None:
        """Show in the tree where a file is; folders on the way to it are opened, and read when need be."""
        index = self.model.index_of(path)
        self._quiet = True
        try:
            if index.isValid():
                if self.tree.currentIndex().siblingAtColumn(0) != index:
                    self.tree.setCurrentIndex(index)
                    self.tree.scrollTo(index)
                return
            if self.model.node(self.tree.currentIndex()) is not None:
                self.tree.setCurrentIndex(QModelIndex())
                self.tree.clearSelection()
            parts = path.split("/")
            for depth in range(2, len(parts)):
                above = self.model.index_of("/".join(parts[:depth]))
                if above.isValid() and not self.model.flat:
                    self.tree.expand(above)
        finally:
            self._quiet = False

    async def _show_file(self, inside: Inside, place: Place) -> None:
        self.busy.wait_for(f"Opening {place.path.rpartition('/')[2][:80]}")
        shown: Shown = await self._bridge.call(source.show, inside, place.path)
        self.busy.done()
        self._put(place, shown)

    def _put(self, place: Place, shown: Shown) -> None:
        from satchel.core.bags.inside.opening import Bytes, Gone, Picture, Text

        if isinstance(shown, Gone):
            self.gone.show_gone(shown)
            self.stack.setCurrentWidget(self.gone)
            self._buttons("")
        elif isinstance(shown, Picture):
            self.picture.show_picture(shown)
            self.stack.setCurrentWidget(self.picture)
        elif isinstance(shown, Text):
            self.text.show_text(shown)
            self.stack.setCurrentWidget(self.text)
        elif isinstance(shown, Bytes):
            self.text.show_bytes(shown)
            self.stack.setCurrentWidget(self.text)
        else:
            from_graph = self.stack.currentWidget() is self.graph and not self.tree.hasFocus()
            self.table.show_records(place.path, shown, place.view)
            self.stack.setCurrentWidget(self.table)
            if from_graph:
                self.table.view.setFocus()

    def _cancel(self) -> None:
        for running in (self._opening, self._showing):
            if running is not None:
                running.cancel()
        self.busy.done()

    def _failed(self, fault: BaseException) -> None:
        self.busy.done()
        clear(self._error_place)
        self._error_place.addWidget(ErrorCard(as_error(fault), dismissable=False))
        self._error_place.addStretch(1)
        self.stack.setCurrentWidget(self.errors)

    # -- links ------------------------------------------------------------------------------------------------------

    def _follow(self, link: Link, values: list[str]) -> None:
        if self._inside is not None:
            going = self._go_along(self._inside, link, values, there=True)
            self._showing = self._spawn(going, "follow a link", self._failed)

    def _referring(self, link: Link, values: list[str]) -> None:
        if self._inside is not None:
            self._showing = self._spawn(
                self._go_along(self._inside, link, values, there=False), "go back a link", self._failed
            )

    async def _go_along(self, inside: Inside, link: Link, values: list[str], *, there: bool) -> None:
        path = link.target if there else link.table
        self.busy.wait_for(f"Looking for {', '.join(values)[:60]} in {path.rpartition('/')[2]}")
        found: tuple[Records, View] = await self._bridge.call(
            source.follow if there else source.back, inside, link, values
        )
        self.busy.done()
        self.go(Place("file", path, found[1]))

    def _more_text(self, path: str, first: int) -> None:
        if self._inside is not None:
            self._spawn(self._add_text(self._inside, path, first), "read more of a text", self._failed)

    async def _add_text(self, inside: Inside, path: str, first: int) -> None:
        found: Text = await self._bridge.call(source.more_text, inside, path, first)
        if self._now is not None and self._now.path == path:
            self.text.add_text(found)

    # -- outside ----------------------------------------------------------------------------------------------------

    def _buttons(self, path: str) -> None:
        """Files in a folder can be opened elsewhere; members of an archive cannot."""
        there = bool(path) and self._inside is not None and self._inside.kind == "folder"
        self.open_button.setVisible(there and Path(path).suffix.lower() not in RUNS)
        self.folder_button.setVisible(there or not path)

    def _file(self) -> Path:
        return Path(self._path) / (self._now.path if self._now is not None else "")

    def _open(self) -> None:
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._file()))):
            error = SatchelError(Kind.FILES, "No program was found that opens this file.", "Show it in its folder.")
            self._window.toasts.fail(error)

    def _show_folder(self) -> None:
        show_folder(self._window, self._file())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            for field in (self.table.field, self.field):
                if field.hasFocus() and field.text():
                    field.clear()
                    return
            self.close()
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return  # a dialog would press a button
        super().keyPressEvent(event)
