"""The clone wizard: what, take, forecast, destination, summary, run, result. The flow is `satchel.core.flows.clone`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.gui.tasks import spawn

if TYPE_CHECKING:
    from satchel.core.flows.clone import CloneFlow
    from satchel.gui.window import MainWindow


def open_clone(window: MainWindow, host: str, catalog: str, rid: str) -> None:
    """Open the wizard, filled in as far as is known; the one that is open already when nothing runs in it.

    What the wizard needs is imported in the engine's thread first.
    """
    spawn(_open(window, host, catalog, rid), "open the clone wizard")


async def _open(window: MainWindow, host: str, catalog: str, rid: str) -> None:
    from satchel.gui.wizards.clone import asking

    flow = await window.bridge.call(asking.make_flow, host, catalog, rid)
    show(window, flow, go_on=bool(rid))


def show(window: MainWindow, flow: CloneFlow, *, go_on: bool = False) -> None:
    """Show the wizard over a flow, in place of one that is open and idle."""
    from satchel.gui.wizards.clone.wizard import CloneWizard

    for there in window.findChildren(CloneWizard):
        if there.isVisible() and not there.flow.finished and not there.flow.running:
            if not go_on:
                there.raise_()
                there.activateWindow()
                return
            there.close()
    wizard = CloneWizard(window, flow)
    wizard.show()
    if go_on:
        wizard.go_on()
