"""The window: where one gets to, with mouse and keys; what is remembered; what a screen reader hears."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, Qt, QUrl
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from test_widgets import drop

from gui_helpers import accessible_name
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.views import JobView, StageView
from satchel.gui.settings import Settings, load
from satchel.gui.sidebar import PAGES
from satchel.gui.widgets.badge import Badge
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import ErrorCard
from satchel.gui.window import MainWindow

CONTROL = Qt.KeyboardModifier.ControlModifier


def job(number: int, state: str, **more: object) -> JobView:
    return JobView(
        id=str(number),
        kind=str(more.pop("kind", "export")),
        title=f"Export 1-000{number}",
        request=None,
        state=state,
        created=float(number),
        **more,  # type: ignore[arg-type]
    )


def dialogs(window: MainWindow) -> list[QDialog]:
    return [child for child in window.findChildren(QDialog) if child.isVisible()]


@pytest.mark.parametrize(("place", "name"), list(enumerate((name for name, _, _ in PAGES), 1)))
def test_every_page_has_its_keys(qtbot: QtBot, window: MainWindow, place: int, name: str) -> None:
    window.show_page("catalog" if name != "catalog" else "bags")
    window.activateWindow()
    qtbot.keyClick(window, getattr(Qt.Key, f"Key_{place}"), CONTROL)
    qtbot.waitUntil(lambda: window.current_page == name)
    assert window.sidebar.buttons[name].isChecked()
    title = next(title for page, title, _ in PAGES if page == name)
    assert window.windowTitle() == ("Satchel" if name == "home" else f"{title} – Satchel")


def test_the_sidebar_leads_everywhere_and_back_returns(qtbot: QtBot, window: MainWindow) -> None:
    for name in ("catalog", "bags", "settings"):
        qtbot.mouseClick(window.sidebar.buttons[name], Qt.MouseButton.LeftButton)
        assert window.current_page == name
    window.back()
    assert window.current_page == "bags"
    window.back()
    window.back()
    assert window.current_page == "home"
    window.back()
    assert window.current_page == "home"


def test_the_sidebar_can_be_walked_with_arrows_and_entered(qtbot: QtBot, window: MainWindow) -> None:
    buttons = window.sidebar.buttons
    buttons["home"].setFocus()
    qtbot.keyClick(buttons["home"], Qt.Key.Key_Down)
    focused = QApplication.focusWidget()
    assert focused is buttons["catalog"]
    qtbot.keyClick(buttons["catalog"], Qt.Key.Key_Return)
    assert window.current_page == "catalog"


def test_pages_are_made_when_they_are_wanted(window: MainWindow) -> None:
    assert window.stack.count() == 1
    first = window.show_page("bags")
    assert window.show_page("bags") is first
    assert window.stack.count() == 2


def test_no_part_of_a_page_flashes_as_a_window_of_its_own(window: MainWindow, app: QApplication) -> None:
    """What is shown before it has a parent is a window for a moment, and takes the focus away from this one."""
    window.settings.remember_host("one.example", ca="/ca.pem")
    window.bridge.jobs.put([job(1, "interrupted"), job(2, "done")])
    seen: list[str] = []

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
                seen.append(f"{type(watched).__name__} {watched.accessibleName()}")
            return False

    watch = Watch()
    app.installEventFilter(watch)
    try:
        for name, _, _ in PAGES:
            window.show_page(name)
        window.home.refresh()
        Notice("Text", "info", "Hint")
        ErrorCard(SatchelError(Kind.SERVER, "No.", "Yes.", "Perhaps."))
        Badge("new")
    finally:
        app.removeEventFilter(watch)
    assert seen == []


def test_everything_that_takes_the_focus_has_a_name(qtbot: QtBot, window: MainWindow) -> None:
    window.settings.remember_host("one.example", ca="/ca.pem")
    window.settings.remember_catalog("one.example", "1", "Fish", 1.0)
    window.bridge.jobs.put([job(1, "interrupted"), job(2, "done")])
    window.home.refresh()
    for name, _, _ in PAGES:
        page = window.show_page(name)
        assert page.isVisible()
    nameless = [
        f"{type(widget).__module__}.{type(widget).__name__} in {type(widget.parentWidget()).__name__}"
        for widget in window.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(widget, QLabel)
        and not accessible_name(widget).strip()
        and not type(widget).__name__.startswith("QTabBar")
    ]
    assert nameless == []


def test_tab_reaches_every_control_of_the_home_page(qtbot: QtBot, window: MainWindow) -> None:
    """And comes round again: nothing keeps the focus for itself."""
    start = window.home.tiles[0]
    start.setFocus()
    met: list[QWidget] = []
    for _ in range(60):
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused in met:
            break
        met.append(focused)
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert {*window.home.tiles, window.home.drop} <= set(met)
    assert set(window.sidebar.buttons.values()) & set(met)


def test_shortcuts_and_mnemonics_are_not_given_twice(window: MainWindow) -> None:
    keys = [action.shortcut().toString() for action in window.menus.actions.values() if action.shortcut().toString()]
    assert len(keys) == len(set(keys))
    for menu in window.menuBar().actions():
        entries = menu.menu().actions() if menu.menu() else []
        letters = [text[text.index("&") + 1].lower() for a in entries if "&" in (text := a.text())]
        assert len(letters) == len(set(letters)), menu.text()
    assert [QKeySequence(k).toString() for k in ("Ctrl+E", "Ctrl+O", "Ctrl+B", "Ctrl+R", "F5")] == [
        key for key in ("Ctrl+E", "Ctrl+O", "Ctrl+B", "Ctrl+R", "F5") if key in keys
    ]


def test_the_tiles_show_the_shortcuts_that_they_have(window: MainWindow) -> None:
    shown = [tile._shortcut for tile in window.home.tiles]
    real = [window.menus.actions[name].shortcut().toString() for name in ("export", "open-catalog", "check-bag")]
    assert shown == real


def test_an_empty_home_says_what_will_be_there(window: MainWindow) -> None:
    words = " ".join(label.text() for label in window.home.findChildren(QLabel))
    assert "Catalogs that you open are listed here" in words
    assert "What you export or check is listed here" in words


def test_recent_catalogs_are_opened_from_home(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, str]] = []
    monkeypatch.setattr(window, "open_catalog", lambda host, catalog: opened.append((host, catalog)))
    window.catalog_opened("one.example", "7", "Fish")
    rows = [b for b in window.home.catalogs.findChildren(QWidget) if b.accessibleName().startswith("Fish")]
    qtbot.mouseClick(rows[-1], Qt.MouseButton.LeftButton)
    assert opened == [("one.example", "7")]
    assert load(window.settings.path).recent[0].title == "Fish"


def test_a_bag_dropped_anywhere_is_checked(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Path] = []
    monkeypatch.setattr(window, "check_bags", checked.extend)
    assert drop(window, QUrl.fromLocalFile("/tmp/one.zip"))
    assert drop(window.home.drop, QUrl.fromLocalFile("/tmp/two"))
    assert checked == [Path("/tmp/one.zip"), Path("/tmp/two")]


def test_choosing_a_bag_opens_a_dialog_and_does_not_wait(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Path] = []
    monkeypatch.setattr(window, "check_bags", checked.extend)
    window.menus.actions["check-bag"].trigger()
    (dialog,) = window.findChildren(QFileDialog)
    assert dialog.isVisible()
    dialog.filesSelected.emit(["/tmp/bag.zip", "/tmp/other.tgz"])
    assert checked == [Path("/tmp/bag.zip"), Path("/tmp/other.tgz")]
    dialog.reject()


def test_interrupted_jobs_are_offered(qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    window.bridge.jobs.put([job(1, "interrupted"), job(2, "done"), job(3, "failed")])
    window.home.refresh()
    notice = window.home.interrupted
    qtbot.waitUntil(notice.isVisible)
    assert "Export 1-0001" in notice.text.text()
    asked: list[str] = []

    async def resume(job_id: str) -> None:
        asked.append(job_id)

    monkeypatch.setattr(window.bridge, "resume", resume)
    started: list[str] = []
    monkeypatch.setattr(
        "satchel.gui.home.page.spawn", lambda coroutine, name: (coroutine.close(), started.append(name))
    )
    buttons = {button.text(): button for button in notice.findChildren(QPushButton)}
    buttons["Resume"].click()
    assert started == ["resume a job"]
    assert window.current_page == "activity"
    window.show_page("home")
    buttons = {button.text(): button for button in window.home.interrupted.findChildren(QPushButton)}
    buttons["Discard…"].click()
    (dialog,) = dialogs(window)
    assert started == ["resume a job"], "nothing is thrown away before it is said what"
    next(b for b in dialog.findChildren(QPushButton) if b.text() == "Discard").click()
    assert started == ["resume a job", "discard a job"]
    window.bridge.jobs.put([job(2, "done")])
    window.home.refresh()
    assert not window.home._notices.count()


def test_running_jobs_are_counted_in_the_sidebar(window: MainWindow) -> None:
    stage = StageView("rows", "Reading rows", "rows", 30, 120, "", "", "begun", 1.0, 5.0, ())
    window.bridge.jobs.put([job(2, "queued"), job(1, "running", stages=(stage,))])
    window.bridge.changed.emit()
    assert accessible_name(window.sidebar.buttons["activity"]) == "Activity, 2 running"
    status = window.sidebar.status
    assert status.isVisible()
    assert "2 jobs are running" in accessible_name(status)
    assert "25% · Reading rows" in accessible_name(status)
    status.click()
    assert window.current_page == "activity"
    window.bridge.jobs.put([job(2, "done"), job(1, "done")])
    window.bridge.changed.emit()
    assert status.isHidden()


def test_closing_asks_when_something_runs(qtbot: QtBot, window: MainWindow) -> None:
    window.bridge.jobs.put([job(1, "running")])
    ended: list[bool] = []
    window.ended.connect(lambda: ended.append(True))
    window.close()
    (dialog,) = dialogs(window)
    assert window.isVisible()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert window.isVisible()
    assert not ended
    window.close()
    (dialog,) = dialogs(window)
    next(b for b in dialog.findChildren(QPushButton) if b.text() == "Quit").click()
    assert ended == [True]


def test_sizes_are_remembered_and_positions_are_not(
    app: QApplication, settings: Settings, window: MainWindow, qtbot: QtBot
) -> None:
    window.resize(1000, 700)
    window.close()
    assert load(settings.path).sizes["window"] == [1000, 700]
    again = MainWindow(load(settings.path))
    qtbot.addWidget(again)
    assert (again.width(), again.height()) == (1000, 700)


def test_a_size_that_makes_no_sense_is_not_taken(app: QApplication, settings: Settings, qtbot: QtBot) -> None:
    settings.sizes["window"] = [3, 2]
    small = MainWindow(settings)
    qtbot.addWidget(small)
    assert small.width() >= 820


def test_help_lists_the_shortcuts(qtbot: QtBot, window: MainWindow) -> None:
    window.menus.actions["shortcuts"].trigger()
    (dialog,) = dialogs(window)
    words = [label.text() for label in dialog.findChildren(QLabel)]
    assert "Ctrl+E" in words
    assert "Find RID" in words
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialogs(window)
    window.menus.actions["about"].trigger()
    (dialog,) = dialogs(window)
    dialog.accept()


def test_hosts_are_added_and_removed_on_the_settings_page(qtbot: QtBot, window: MainWindow) -> None:
    page = window.show_page("settings")
    page.new_host.setText("https://one.example/chaise/")  # type: ignore[attr-defined]
    qtbot.keyClick(page.new_host, Qt.Key.Key_Return)  # type: ignore[attr-defined]
    assert [h.host for h in load(window.settings.path).hosts] == ["one.example"]
    page.new_host.setText("no host")  # type: ignore[attr-defined]
    page.add_button.click()  # type: ignore[attr-defined]
    assert page.problem.isVisible()  # type: ignore[attr-defined]
    from satchel.gui.preferences.hosts import HostCard

    (card,) = page.findChildren(HostCard)
    card.ca.chosen.emit("/ca.pem")
    assert load(window.settings.path).hosts[0].ca == "/ca.pem"
    card.remove.click()
    assert load(window.settings.path).hosts == []


def test_the_number_of_jobs_is_kept(window: MainWindow) -> None:
    page = window.show_page("settings")
    page.parallel.setValue(4)  # type: ignore[attr-defined]
    assert load(window.settings.path).parallel_jobs == 4
