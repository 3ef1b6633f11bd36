"""The export wizard: what, preview, options, run, done. The flow is `satchel.core.flows.export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.gui.tasks import spawn

if TYPE_CHECKING:
    from satchel.gui.window import MainWindow


def open_export(window: MainWindow, host: str, catalog: str, rid: str) -> None:
    """Open the wizard, filled in as far as is known; the one that is open already when nothing runs in it.

    What the wizard needs is imported in the engine's thread first.
    """
    spawn(_open(window, host, catalog, rid), "open the export wizard")


async def _open(window: MainWindow, host: str, catalog: str, rid: str) -> None:
    from satchel.gui.wizards.export import source

    flow = await window.bridge.call(source.make_flow, host, catalog, rid)
    from satchel.gui.wizards.export.wizard import ExportWizard

    for there in window.findChildren(ExportWizard):
        if there.isVisible() and not there.flow.finished and not there.flow.running:
            if not rid:
                there.raise_()
                there.activateWindow()
                return
            there.close()
    wizard = ExportWizard(window, flow)
    wizard.show()
    if rid:
        wizard.go_on()
