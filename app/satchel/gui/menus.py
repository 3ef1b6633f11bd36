"""The menus and their shortcuts; what they do is the window's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMenu, QPlainTextEdit, QTextEdit

from satchel.gui.sidebar import PAGES

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow

THEMES = (("system", "&As the System"), ("light", "&Light"), ("dark", "&Dark"))


class Menus:
    """Builds the menu bar and keeps its actions."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self.actions: dict[str, QAction] = {}
        bar = window.menuBar()

        file = bar.addMenu("&File")
        self._add(file, "export", "&Export from a Catalog…", "Ctrl+E", window.export_chosen)
        self._add(file, "spec", "Export by a &Spec…", "Ctrl+Shift+E", window.edit_spec)
        self._add(file, "clone", "C&lone from a Catalog…", "Ctrl+L", window.clone_chosen)
        self._add(file, "open-catalog", "&Open a Catalog…", "Ctrl+O", window.choose_catalog)
        self._add(file, "check-folder", "Open a &Bag…", "Ctrl+Shift+B", window.choose_bag_folder)
        self._add(file, "check-bag", "Open an &Archive…", "Ctrl+B", window.choose_bag)
        self.recent = file.addMenu("Open &Recent Bag")
        self.recent.aboutToShow.connect(self._fill_recent)
        self._add(file, "make-bag", "&New Bag of a Folder…", "Ctrl+N", window.make_bag)
        self._add(file, "receive", "Receive an &Identifier…", "Ctrl+I", window.receive)
        self._add(file, "mint", "Min&t an Identifier…", "Ctrl+M", window.mint)
        self._add(file, "compare", "Co&mpare Two Bags…", "Ctrl+D", window.compare_bags)
        file.addSeparator()
        self._add(file, "close", "Close &Window", "Ctrl+W", window.close)
        self._add(file, "quit", "&Quit", "Ctrl+Q", window.quit)

        edit = bar.addMenu("&Edit")
        self._add(edit, "copy", "&Copy", QKeySequence.StandardKey.Copy, copy)
        self._add(edit, "select-all", "Select &All", QKeySequence.StandardKey.SelectAll, select_all)
        edit.addSeparator()
        self._add(edit, "find", "&Filter", "Ctrl+F", window.focus_filter)
        self._add(edit, "find-rid", "Find &RID", "Ctrl+R", window.find_rid)

        view = bar.addMenu("&View")
        group = QActionGroup(window)
        for name, title in THEMES:
            action = self._add(view, f"theme-{name}", title, "", partial(window.use_theme, name))
            action.setCheckable(True)
            action.setChecked(window.settings.theme == name)
            group.addAction(action)
        view.addSeparator()
        self._add(view, "reload", "&Reload", "F5", window.reload)

        go = bar.addMenu("&Go")
        for place, (name, title, _) in enumerate(PAGES, 1):
            self._add(go, f"go-{name}", f"&{title}", f"Ctrl+{place}", partial(window.show_page, name))
        go.addSeparator()
        self._add(go, "back", "Bac&k", "Alt+Left", window.back)

        help_menu = bar.addMenu("&Help")
        self._add(help_menu, "shortcuts", "&Keyboard Shortcuts", "F1", window.show_shortcuts)
        self._add(help_menu, "about", "&About Satchel", "", window.show_about)

    def _add(
        self,
        menu: QMenu,
        name: str,
        title: str,
        shortcut: str | QKeySequence.StandardKey,
        do: Callable[[], object],
    ) -> QAction:
        action = QAction(title, self._window)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
        action.triggered.connect(lambda: do())
        menu.addAction(action)
        self.actions[name] = action
        return action

    def _fill_recent(self) -> None:
        """The bags that were opened last."""
        self.recent.clear()
        for place, path in enumerate(self._window.settings.recent_bags, 1):
            shown = path.replace("&", "&&")
            action = self.recent.addAction(f"&{place} {shown}" if place < 10 else shown)
            action.triggered.connect(lambda _=False, path=path: self._window.check_bag(Path(path)))
        if not self._window.settings.recent_bags:
            self.recent.addAction("No bag was opened yet").setEnabled(False)

    def set_theme(self, name: str) -> None:
        """Mark the theme that was chosen elsewhere."""
        self.actions[f"theme-{name}"].setChecked(True)

    def shortcuts(self) -> list[tuple[str, str]]:
        """What can be done with keys: title and keys."""
        native = QKeySequence.SequenceFormat.NativeText
        bound = [action for action in self.actions.values() if not action.shortcut().isEmpty()]
        return [(a.text().replace("&", "").rstrip("…"), a.shortcut().toString(native)) for a in bound]


def copy() -> None:
    """Copy what is selected in the widget that has the focus."""
    widget = QApplication.focusWidget()
    if isinstance(widget, QLabel):
        if widget.hasSelectedText():
            QGuiApplication.clipboard().setText(widget.selectedText())
    elif isinstance(widget, QLineEdit | QPlainTextEdit | QTextEdit):
        widget.copy()
    elif widget is not None and callable(do := getattr(widget, "copy", None)):
        do()


def select_all() -> None:
    """Select everything in the widget that has the focus."""
    widget = QApplication.focusWidget()
    if widget is not None and callable(do := getattr(widget, "selectAll", None)):
        do()
