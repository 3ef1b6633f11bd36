"""The mint wizard: dataset, what it needs, about it, summary, run, done. The flow is `satchel.core.flows.mint`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.gui.tasks import spawn

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


def open_mint(window: MainWindow, host: str = "", catalog: str = "", dataset: str = "") -> None:
    """Open the wizard, filled in as far as is known; the one that is open already when nothing runs in it."""
    spawn(_open(window, host, catalog, dataset), "open the mint wizard")


async def _open(window: MainWindow, host: str, catalog: str, dataset: str) -> None:
    from satchel.gui.wizards.mint import source

    flow = await window.bridge.call(source.make_flow, host, catalog, dataset)
    from satchel.gui.wizards.mint.wizard import MintWizard

    for there in window.findChildren(MintWizard):
        if there.isVisible() and not there.flow.finished and not there.flow.running:
            if not dataset:
                there.raise_()
                there.activateWindow()
                return
            there.close()
    MintWizard(window, flow).show()
