"""Time to the first painted window: Satchel beside an empty PySide6 window.

Each run is a fresh process; time counts from its start to the moment when the first window has painted itself.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import python, run, spread, verdict


def main(runs: int) -> None:
    """Print both medians and their ratio."""
    empty: list[float] = []
    ours: list[float] = []
    with tempfile.TemporaryDirectory(prefix="satchel-bench-") as folder:
        log = Path(folder) / "log"
        home = {"SATCHEL_HOME": str(Path(folder) / "home"), "QT_QPA_PLATFORM": "offscreen"}
        for _ in range(max(runs, 3) * 3):
            for kind, times in (("empty", empty), ("satchel", ours)):
                begin = time.time()
                told = run(python("bench.startup", kind), env=home, log=log).output
                times.append(float(told.split()[-1]) - begin)
    ratio = statistics.median(ours) / statistics.median(empty)
    print("first window painted, process start included")
    print(f"  empty PySide6 window  {spread([t * 1000 for t in empty], 'ms', 0)}")
    print(f"  satchel               {spread([t * 1000 for t in ours], 'ms', 0)}")
    print(f"  ratio {ratio:.2f}: {verdict(ratio, 1.5, at_least=False)}")


def _first_paint(kind: str) -> None:
    """In the child: open the window, print the time when it has painted, and end."""
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtWidgets import QApplication, QWidget

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint and isinstance(watched, QWidget) and watched.isWindow():
                watched.event(event)
                print(time.time(), flush=True)
                import os

                os._exit(0)
            return False

    app = QApplication.instance() or QApplication(sys.argv[:1])
    watch = Watch()
    app.installEventFilter(watch)
    if kind == "empty":
        window = QWidget()
        window.resize(1100, 720)
        window.show()
        app.exec()
    else:
        from satchel.gui.app import main as satchel

        satchel([])


if __name__ == "__main__":
    _first_paint(sys.argv[1])
