"""The editor of export specs: a form beside the JSON text, each changing the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.gui.tasks import spawn

if TYPE_CHECKING:
    from satchel.core.export.request import ExportRequest
    from satchel.gui.window import MainWindow


def open_editor(
    window: MainWindow, host: str = "", catalog: str = "", *, table: str = "", rid: str = "", text: str = ""
) -> None:
    """Open the editor, filled in as far as is known.

    Args:
        window: the main window.
        host: of the server.
        catalog: number or alias.
        table: whose templates are offered.
        rid: the record that they are for.
        text: of the spec; empty: the table's first template, or a new one.
    """
    spawn(_open(window, host, catalog, table, rid, text), "open the editor of specs")


async def _open(window: MainWindow, host: str, catalog: str, table: str, rid: str, text: str) -> None:
    from satchel.gui.export_spec import source

    await window.bridge.call(source.ready)  # what it needs is imported in the engine's thread
    from satchel.gui.export_spec.editor import SpecEditor

    editor = SpecEditor(window, host, catalog, table, rid, text)
    editor.show()
    editor.begin()


def open_as_spec(window: MainWindow, request: ExportRequest) -> None:
    """Open the editor with the spec of what belongs to a record."""
    spawn(_as_spec(window, request), "make a spec of an export", window.fail)


async def _as_spec(window: MainWindow, request: ExportRequest) -> None:
    from satchel.gui.export_spec import source

    text = await window.bridge.call(source.as_spec, request)
    await _open(window, request.host, request.catalog, "", request.rid, text)
