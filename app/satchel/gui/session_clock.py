"""A clock for each server: how long the sign-in there still counts, and a word before it ends."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from satchel.core import words
from satchel.gui.tasks import spawn

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow

SOON = 15 * 60.0
"""Seconds before the end at which it is said."""
EVERY = 30_000
"""Milliseconds."""


def seconds_of(moment: str) -> float:
    """A moment as servers write it in seconds since 1970; 0: it is none."""
    try:
        return datetime.fromisoformat(moment).timestamp() if moment else 0.0
    except ValueError:
        return 0.0


def lasts(moment: str) -> str:
    """ ", until 14:20 (another 3 h)", or nothing where the server does not say."""
    ends = seconds_of(moment)
    if not ends:
        return ""
    at = datetime.fromtimestamp(ends)
    today = at.date() == datetime.now().date()
    left = ends - time.time()
    rest = f"another {words.duration(left)}" if left > 0 else "over"
    return f", until {at:%H:%M} ({rest})" if today else f", until {at:%Y-%m-%d %H:%M} ({rest})"


class SessionClock(QObject):
    """Watches the ends that it was told of. It asks nobody: neither a keyring nor a server."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._ends: dict[str, float] = {}
        self._said: set[tuple[str, float]] = set()
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def note(self, host: str, moment: str) -> None:
        """A sign-in to a host counts until this moment, as the server writes it; empty: it does not say."""
        ends = seconds_of(moment)
        if ends:
            self._ends[host] = ends
            self.look()

    def look(self) -> None:
        """Say which sign-in is about to end, once."""
        for host, ends in list(self._ends.items()):
            left = ends - time.time()
            if not 0 < left < SOON or (host, ends) in self._said:
                continue
            self._said.add((host, ends))
            self._window.toasts.say(
                f"Your sign-in to {host} ends in {words.duration(left)}.",
                "warning",
                "A job that needs it longer will wait for you to sign in again.",
                action="Renew it",
                do=partial(self._renew, host),
            )

    def _renew(self, host: str) -> None:
        from satchel.gui.sign_in import renew

        async def longer() -> None:
            person = await self._window.bridge.call(renew, host, self._window.access(host))
            self.note(host, person.expires)
            said = lasts(person.expires).removeprefix(", ")
            self._window.toasts.say(f"Your sign-in to {host} counts {said}." if said else "Renewed.", "success")

        spawn(longer(), "renew a sign-in")
