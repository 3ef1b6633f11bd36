"""The editor of specs against the sandbox: form and text, marks, completion, dry run, templates, run."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QWidget

from gui_helpers import accessible_name, until
from sandbox_process import SandboxProcess
from satchel.gui.export_spec import open_editor
from satchel.gui.export_spec.editor import SpecEditor
from satchel.gui.window import MainWindow

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
SPEC = {
    "bag": {"bag_name": "edited"},
    "catalog": {
        "query_processors": [
            {
                "processor": "csv",
                "processor_params": {"query_path": "/entity/eye:Clinic@sort(RID)", "output_path": "a"},
            },
            {"processor": "csv", "processor_params": {"query_path": "/entity/eye:Room@sort(RID)", "output_path": "b"}},
        ]
    },
}


@pytest.fixture
def host(window: MainWindow, sandbox: SandboxProcess) -> str:
    """The sandbox, known to the window as its administrator."""
    window.settings.remember_host(sandbox.host, ca=sandbox.ca, credential=sandbox.credential)
    return str(sandbox.host)


async def opened(window: MainWindow, host: str = "", **more: str) -> SpecEditor:
    open_editor(window, host, "1" if host else "", **more)
    await until(lambda: [e for e in window.findChildren(SpecEditor) if e.isVisible()])
    (editor,) = [e for e in window.findChildren(SpecEditor) if e.isVisible()]
    return editor


async def closed(window: MainWindow) -> None:
    for editor in window.findChildren(SpecEditor):
        editor.close()
    await until(lambda: not window.findChildren(SpecEditor))
    await window.bridge.stop()


def test_form_and_text_change_each_other(window: MainWindow, in_loop: InLoop) -> None:
    async def body() -> None:
        editor = await opened(window, text=json.dumps(SPEC, indent=2))
        assert editor.form.steps.count() == 2
        output = editor.form.fields["output_path"]
        assert isinstance(output, QLineEdit)
        assert output.text() == "a"
        output.selectAll()
        QTest.keyClicks(output, "clinics")
        await until(lambda: '"output_path": "clinics"' in editor.text.toPlainText())
        editor.text.setPlainText(editor.text.toPlainText().replace("clinics", "from text"))
        await until(lambda: output.text() == "from text")
        editor.form.name.selectAll()
        QTest.keyClicks(editor.form.name, "named")
        await until(lambda: json.loads(editor.text.toPlainText())["bag"]["bag_name"] == "named")
        editor.form._add("transform", "cat")
        assert json.loads(editor.text.toPlainText())["transform_processors"][0]["processor"] == "cat"
        assert editor.form.pointer() == "/transform_processors/0"
        editor.text.undo()
        await until(lambda: "transform_processors" not in editor.text.toPlainText())
        await closed(window)

    in_loop(body)


def test_faults_are_marked_and_listed(window: MainWindow, in_loop: InLoop) -> None:
    async def body() -> None:
        editor = await opened(window, text=json.dumps(SPEC, indent=2))
        await until(lambda: editor.said.text() == "No fault was found.")
        editor.set_text(json.dumps(SPEC, indent=2).replace("eye:Room", "eye:{Room"))
        await until(lambda: editor.findings)
        (fault,) = editor.findings
        assert fault.code == "brace"
        assert editor.text.marked_lines() == {fault.line: "error"}
        assert len(editor.text.extraSelections()) == 1
        item = editor.list.item(0)
        assert item is not None
        assert item.text().startswith(f"Line {fault.line}: ")
        editor._go(item)
        assert editor.text.textCursor().blockNumber() + 1 == fault.line
        editor.set_text("{")
        await until(lambda: editor.findings and editor.findings[0].code == "json")
        assert not editor.run_button.isEnabled()
        assert editor.form.steps.count() == 2
        await closed(window)

    in_loop(body)


@pytest.mark.qt_log_ignore("does not support grabbing the keyboard", extend=True)  # of offscreen's pop-ups
def test_tables_and_columns_of_the_live_catalog(window: MainWindow, host: str, in_loop: InLoop) -> None:
    async def body() -> None:
        text = json.dumps(SPEC, indent=2).replace("eye:Room@", "eye:Rom@")
        editor = await opened(window, host, text=text)
        await until(lambda: editor.text.names.rowCount() > 50)
        await until(lambda: [f.code for f in editor.findings] == ["unknown-table"])
        assert "'eye:Room'" in editor.findings[0].hint
        place = editor.text.toPlainText().index("eye:Rom@") + len("eye:Rom")
        cursor = editor.text.textCursor()
        cursor.setPosition(place)
        editor.text.setTextCursor(cursor)
        editor.text.setFocus()
        QTest.keyClick(editor.text, Qt.Key.Key_Backspace)
        QTest.keyClick(editor.text, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
        assert editor.text.popup.isVisible()
        assert editor.text.completer.currentCompletion() == "eye:Room"
        editor.text.complete("eye:Room")
        editor.text.popup.hide()
        assert "/entity/eye:Room@sort" in editor.text.toPlainText()
        await until(lambda: editor.said.text() == "No fault was found.")
        await closed(window)

    in_loop(body)


def test_a_dry_run_counts_and_an_export_runs(window: MainWindow, host: str, in_loop: InLoop, tmp_path: Path) -> None:
    async def body() -> None:
        editor = await opened(window, host, text=json.dumps(SPEC, indent=2))
        editor.out.setText(str(tmp_path))
        editor.count()
        await until(lambda: editor.said.text().startswith("In all 25 rows"))
        assert [editor.list.item(n).text() for n in range(2)] == ["a.csv: 5 rows", "b.csv: 20 rows"]  # type: ignore[union-attr]
        editor.run()
        await until(lambda: (tmp_path / "edited").is_dir())
        assert (tmp_path / "edited" / "data" / "b.csv").read_bytes().count(b"\n") == 21
        await until(lambda: not window.bridge.active())
        await closed(window)

    in_loop(body)


def test_templates_of_a_table_are_offered_by_their_names(
    window: MainWindow, host: str, sandbox: SandboxProcess, in_loop: InLoop
) -> None:
    async def body() -> None:
        editor = await opened(window, host, table="eye:Study", rid=sandbox.root)
        await until(lambda: editor.templates.count() == 2)
        assert editor.templates.itemText(0) == "Study with pictures (BDBag)"
        await until(lambda: editor.form.steps.count() == 6)
        editor.templates.setCurrentIndex(1)
        editor._take_template()
        await until(lambda: editor.form.steps.count() == 1)
        assert editor.said.text() == "No fault was found." or await _settled(editor)
        await closed(window)

    async def _settled(editor: SpecEditor) -> bool:
        await until(lambda: editor.said.text() == "No fault was found.")
        return True

    in_loop(body)


def test_files_are_opened_and_saved(window: MainWindow, in_loop: InLoop, tmp_path: Path) -> None:
    async def body() -> None:
        editor = await opened(window)
        file = tmp_path / "spec.json"
        file.write_text(json.dumps(SPEC))
        editor.open_file(str(file))
        await until(lambda: editor.form.steps.count() == 2)
        editor.form._remove()
        editor.save_file(str(file))
        assert len(json.loads(file.read_text())["catalog"]["query_processors"]) == 1
        editor.open_file(str(tmp_path / "none.json"))
        assert "none.json" not in editor.windowTitle()
        await closed(window)

    in_loop(body)


def test_everything_has_a_name_for_screen_readers(window: MainWindow, in_loop: InLoop) -> None:
    async def body() -> None:
        editor = await opened(window, text=json.dumps(SPEC, indent=2))
        nameless = [
            type(w).__name__
            for w in editor.findChildren(QWidget)
            if w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.isVisible() and not accessible_name(w).strip()
        ]
        assert nameless == []
        await closed(window)

    in_loop(body)
