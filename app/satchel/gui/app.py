"""The application: `main` puts the window on the screen first and brings everything else afterwards.

Nothing but what the first paint needs may be imported here (see `window`). Widgets, theme, asyncio, qasync, the engine,
aiohttp and the keyring follow when the window has been seen.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QDeadlineTimer, QEvent, QEventLoop, QObject
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

from satchel import __version__
from satchel.gui import settings as settings_module
from satchel.gui.window import MainWindow

FIRST_PAINT = 2000
"""Milliseconds to wait for the first paint before going on without (a window that starts minimised never paints)."""


class FileOpener(QObject):
    """Bags that the desktop hands over while the program runs (macOS: dropped on its icon, or opened with it)."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FileOpen and isinstance(event, QFileOpenEvent) and event.file():
            self._window.check_bags([Path(event.file())])
            return True
        return False


def make_application() -> QApplication:
    """The QApplication, named; the one that exists when there is one."""
    QCoreApplication.setOrganizationName("satchel")
    QCoreApplication.setApplicationName("satchel")
    QCoreApplication.setApplicationVersion(__version__)
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationDisplayName("Satchel")
    app.setDesktopFileName("satchel")
    app.setQuitOnLastWindowClosed(False)
    return app


def dress_application(app: QApplication, preference: str) -> None:
    """Style, colours, font, icon; `preference` is system, light or dark."""
    from satchel.gui.icons import app_icon, follow_theme
    from satchel.gui.theme import theme

    theme().start(app, preference)
    follow_theme()
    app.setWindowIcon(app_icon())


def main(argv: Sequence[str]) -> int:
    """Open the window and run until it is closed.

    Args:
        argv: what follows `satchel` on the command line: `--sandbox` opens the demo catalog of the embedded server;
            anything else is a bag to open.

    Returns:
        The exit status.
    """
    settings = settings_module.load()
    app = make_application()
    bags = [Path(word).absolute() for word in argv if word != "--sandbox"]
    window = MainWindow(settings, sandbox="--sandbox" in argv, bags=bags)
    window.show()
    deadline = QDeadlineTimer(FIRST_PAINT)
    while not window.painted and not deadline.hasExpired():
        app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)
    dress_application(app, settings.theme)
    window.build()
    opener = FileOpener(window)
    app.installEventFilter(opener)
    from satchel.gui.loop import run

    return run(app, window)
