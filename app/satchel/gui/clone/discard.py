"""Throwing away a clone that did not end: what it has made is said first, and deleted only when that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from satchel.gui.dialogs import Dialog
from satchel.gui.tasks import spawn
from satchel.gui.widgets.buttons import button
from satchel.gui.wizards.clone import asking

if TYPE_CHECKING:
    from satchel.core.jobs.views import JobView
    from satchel.gui.window import MainWindow


def ask_to_discard(window: MainWindow, view: JobView, then: Callable[[], object]) -> None:
    """Look what the clone has made, and ask.

    Args:
        window: whose engine looks.
        view: the job, ended in any way but well.
        then: called when it is gone.
    """

    async def look() -> None:
        found = await window.bridge.call(asking.left_behind, view.id)
        _ask(window, view, str(found) if found is not None else "", found is not None and found.made, then)

    spawn(look(), "look what a clone has left")


def _ask(window: MainWindow, view: JobView, what: str, made: bool, then: Callable[[], object]) -> None:
    if not what:
        text = "It has made nothing at the destination yet."
    elif made:
        text = (
            f"It has made {what}. That can be deleted with it, or stay as it is; it cannot be gone on with either way."
        )
    else:
        text = f"What it put into {what} stays: that catalog was there before."
    dialog = Dialog(window, f"Discard “{view.title}”?", text, "trash", "warning")
    dialog.add_button(button("Keep it"), default=True)

    async def forget() -> None:
        await window.bridge.discard(view.id)
        then()

    async def remove() -> None:
        said = await window.bridge.call(asking.remove_left, view.id)
        await window.bridge.look_again()
        window.toasts.say(said, "success")
        then()

    start = partial(spawn, name="discard a clone")
    dialog.add_button(button("Discard the job" if made else "Discard", danger=not made), lambda: start(forget()))
    if made:
        dialog.add_button(button("Delete the catalog, too", danger=True), lambda: start(remove()))
    dialog.open()
