"""The identifiers page and the mint wizard: against the sandbox, a real store, and a person who only looks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from e2e.minting import BUCKET, Lab, lab
from gui_helpers import accessible_name, until
from satchel.core.identifiers.citations import FORMATS
from satchel.core.identifiers.qr import png
from satchel.gui.bags.page import BagsPage
from satchel.gui.identifiers import card, changes
from satchel.gui.identifiers.page import IdentifiersPage
from satchel.gui.identifiers.watch import Watch
from satchel.gui.widgets.notices import Notice
from satchel.gui.widgets.states import ErrorCard
from satchel.gui.window import MainWindow
from satchel.gui.wizards.mint.keys import KeysDialog
from satchel.gui.wizards.mint.wizard import MintWizard
from swift_store import ACCESS, SECRET

InLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def person(house: Lab, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Whoever sits in front of the window: signed in, with keys as AWS's own tools keep them."""
    house.forget()
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    keys = tmp_path / "aws-credentials"
    keys.write_text(f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    credential = tmp_path / "credential.json"
    token = next(iter(json.loads(Path(house.sandbox.credential).read_text()).values()))
    credential.write_text(json.dumps({house.server.host: token}))
    credential.chmod(0o600)
    window.settings.remember_host(house.server.host, ca=house.server.ca, credential=str(credential))
    window.settings.remember_host(house.s3.host, ca=house.s3.ca)
    return tmp_path


@pytest.fixture
def identifiers(window: MainWindow) -> IdentifiersPage:
    page = window.show_page("identifiers")
    assert isinstance(page, IdentifiersPage)
    return page


def words(widget: QWidget) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def drop(widget: Any, data: QMimeData) -> None:
    place = QPoint(10, 10).toPointF() if hasattr(QPoint(10, 10), "toPointF") else QPoint(10, 10)
    event = QDropEvent(place, Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)  # type: ignore[arg-type]
    widget.dropEvent(event)


async def minted(window: MainWindow, house: Lab) -> MintWizard:
    """Walk through the wizard as a person does, to its end."""
    window.mint(house.server.host, house.sandbox.catalog)
    await until(lambda: [w for w in window.findChildren(MintWizard) if w.isVisible()])
    wizard = next(w for w in window.findChildren(MintWizard) if w.isVisible())
    page = wizard.dataset
    await until(lambda: page.dataset.count())
    page.dataset.setCurrentIndex(page.dataset.findData(house.dataset))
    page.version.setCurrentIndex(page.version.findData(house.version))
    QTest.mouseClick(wizard.next_button, LEFT)
    assert wizard.flow.current.name == "needs"
    needs = wizard.needs
    needs.edits["bucket"].setText(f"s3://{BUCKET}/eyes")
    needs.edits["endpoint"].setText(house.s3.url)
    needs.edits["public_url"].setText(f"{house.s3.url}/v1/AUTH_lab/{BUCKET}")
    needs.edits["service"].setText(house.service)
    needs.test.setChecked(True)
    QTest.mouseClick(wizard.next_button, LEFT)
    await until(lambda: wizard.flow.current.name == "about" or wizard.problem.isVisible())
    assert wizard.flow.current.name == "about", wizard.problem.text()
    needs.keep.click()
    kept = Path(os.environ["SATCHEL_HOME"]) / "config" / "identifiers.json"
    await until(kept.exists)
    assert json.loads(kept.read_text())["bucket"] == f"s3://{BUCKET}/eyes"
    assert wizard.about.title.text().startswith(f"Dataset {house.dataset}")
    wizard.about.title.setText("Eyes of a pilot")
    wizard.about.authors.setPlainText("Lovelace, Ada\nHopper, Grace")
    QTest.mouseClick(wizard.next_button, LEFT)
    assert wizard.flow.current.name == "summary"
    await until(lambda: f"s3://{BUCKET}/eyes" in words(wizard.summary))
    assert "satchel mint" in wizard.summary.command.toPlainText()
    assert SECRET not in wizard.summary.command.toPlainText()
    QTest.mouseClick(wizard.next_button, LEFT)
    assert wizard.flow.current.name == "run"
    await until(lambda: wizard.flow.finished or (wizard.run.view is not None and wizard.run.view.state == "failed"), 60)
    assert wizard.flow.finished, wizard.run.view
    await until(lambda: wizard.done_page.card.isVisible() and wizard.done_page.card.citation.toPlainText())
    return wizard


async def end(window: MainWindow) -> None:
    for wizard in window.findChildren(MintWizard):
        wizard.close()
    await until(lambda: not window.findChildren(MintWizard))
    await window.bridge.stop()


@pytest.mark.qt_log_ignore("does not support raise", extend=True)
def test_minted_cited_and_looked_after(house: Lab, window: MainWindow, person: Path, in_loop: InLoop) -> None:
    async def body() -> None:
        wizard = await minted(window, house)
        record = house.once()
        shown = wizard.done_page.card
        assert shown.compact.text() == record["identifier"].replace("ark:/99999/", "minid.test:")
        assert shown.citation.toPlainText().startswith("Lovelace, A., & Hopper, G. (")
        QTest.mouseClick(shown.copy_id, LEFT)
        assert QApplication.clipboard().text() == shown.compact.text()
        assert "Eyes%20of%20a%20pilot" in shown.mail_address()
        shown.form.setCurrentIndex(shown.form.findData("bibtex"))
        await until(lambda: "@misc" in shown.citation.toPlainText())
        await until(lambda: accessible_name(shown.code).startswith("QR code of https://"))

        QTest.mouseClick(wizard.done_page.all, LEFT)
        page = window.page("identifiers")
        assert isinstance(page, IdentifiersPage)
        await until(lambda: page.model.rowCount() == 1 and page.card.isVisible())
        QAbstractItemModelTester(page.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        assert page.chosen is not None
        assert page.chosen.dataset == house.dataset
        QTest.mouseClick(page.check, LEFT)
        await until(lambda: page.chosen is not None and page.chosen.state == "good")

        # It is lost: the next quiet look says so, and the page.
        client, (key,) = house.store.client(), house.store.keys(BUCKET)
        client.delete_object(Bucket=BUCKET, Key=key)
        client.close()
        from satchel.core.identifiers import shelf
        from satchel.core.paths import Home

        with shelf.Shelf(Home.find()) as opened:
            opened._db.execute("UPDATE kept SET checked = 1, added = 1")
        watch = window.findChild(Watch)
        assert watch is not None
        watch.look()
        await until(lambda: [n for n in window.toasts.findChildren(Notice) if "does not give it" in n.text.text()])
        page.reload()
        await until(lambda: page.chosen is not None and page.chosen.state == "dead")
        await until(lambda: "dead" in words(page))

        changes.ask_text(page, "t", "t", "n", lambda _: None).reject()
        page._change({"add": [f"{house.s3.url}/elsewhere.zip"]})
        await until(lambda: len(page.chosen.record.locations) == 2 if page.chosen else False)
        page.actions_by_name["inactive"].trigger()
        await until(lambda: page.chosen is not None and not page.chosen.record.active)
        page.actions_by_name["forget"].trigger()
        await until(lambda: page.model.rowCount() == 0)
        await end(window)

    in_loop(body)


def test_received_by_paste_drop_and_picture(
    house: Lab, window: MainWindow, person: Path, identifiers: IdentifiersPage, in_loop: InLoop
) -> None:
    async def body() -> None:
        wizard = await minted(window, house)
        landing = house.row()["Minid"]
        wizard.close()
        box = identifiers.receive
        QTest.keyClicks(box.field, landing)
        QTest.keyClick(box.field, Qt.Key.Key_Return)
        await until(box.found.isVisible)
        assert "Eyes of a pilot" in box.name.text()

        text = QMimeData()
        text.setText(f"look at <{landing}>")
        window.show_page("home")
        drop(window, text)
        assert window.current_page == "identifiers"
        await until(box.found.isVisible)

        picture = person / "code.png"
        picture.write_bytes(png(landing))
        box.receive_picture(picture)
        await until(lambda: box.found.isVisible() and landing.rpartition("/")[2] in box.field.text())

        out = person / "received"
        out.mkdir()
        box.fetch_into(str(out))
        await until(lambda: list(out.glob("*.zip")), 40)
        bags = window.page("bags")
        assert isinstance(bags, BagsPage)
        await until(lambda: window.current_page == "bags", 40)
        await until(lambda: not window.bridge.active(), 40)
        await end(window)

    in_loop(body)


def test_what_cannot_be_received_is_said_in_its_place(
    window: MainWindow, identifiers: IdentifiersPage, in_loop: InLoop, tmp_path: Path
) -> None:
    async def body() -> None:
        box = identifiers.receive
        box.receive("no identifier at all")
        await until(lambda: box.findChildren(ErrorCard))
        (shown,) = box.findChildren(ErrorCard)
        assert "There is no identifier" in shown.message.text()
        (tmp_path / "x.png").write_bytes(b"nothing")
        box.receive_picture(tmp_path / "x.png")
        await until(lambda: [c for c in box.findChildren(ErrorCard) if "no picture" in c.message.text()])
        await window.bridge.stop()

    in_loop(body)


def test_from_a_dataset_on_the_catalog_page(house: Lab, window: MainWindow, person: Path, in_loop: InLoop) -> None:
    async def body() -> None:
        window.open_record(house.server.host, house.sandbox.catalog, house.dataset)
        page: Any = window.page("catalog")
        await until(lambda: page.detail.mint.isVisible(), 40)
        QTest.mouseClick(page.detail.mint, LEFT)
        await until(lambda: [w for w in window.findChildren(MintWizard) if w.isVisible()])
        wizard = window.findChildren(MintWizard)[0]
        await until(lambda: wizard.flow.draft.version)
        assert wizard.flow.draft.dataset == house.dataset
        await end(window)

    in_loop(body)


def test_what_is_missing_is_said_and_keys_go_into_the_keyring(
    house: Lab, window: MainWindow, person: Path, in_loop: InLoop
) -> None:
    async def body() -> None:
        from satchel.core.credentials import chosen
        from satchel.core.credentials.vault import MemoryVault

        chosen.use(MemoryVault())
        (person / "aws-credentials").write_text("")
        window.mint(house.server.host, house.sandbox.catalog, house.dataset)
        await until(lambda: [w for w in window.findChildren(MintWizard) if w.isVisible()])
        wizard = window.findChildren(MintWizard)[0]
        await until(lambda: wizard.dataset.dataset.count() and wizard.flow.draft.version)
        assert wizard.flow.draft.dataset == house.dataset
        QTest.mouseClick(wizard.next_button, LEFT)
        needs = wizard.needs
        await until(lambda: wizard.flow.readiness is not None, 40)
        await until(lambda: "No bucket is configured" in words(needs))
        QTest.mouseClick(wizard.next_button, LEFT)
        assert wizard.flow.current.name == "needs"
        assert "bucket" in wizard.problem.text()
        needs.edits["bucket"].setText(f"s3://{BUCKET}")
        needs.edits["endpoint"].setText(house.s3.url)
        needs.edits["service"].setText(house.service)
        needs.look()
        await until(lambda: wizard.flow.readiness is not None, 40)
        await until(lambda: "There are no keys" in words(needs))
        QTest.mouseClick(needs.keys, LEFT)
        await until(lambda: wizard.findChildren(KeysDialog))
        (dialog,) = wizard.findChildren(KeysDialog)
        assert dialog.fields["bucket"].text() == f"s3://{BUCKET}"
        dialog.fields["access"].setText(ACCESS)
        dialog.fields["secret"].setText(SECRET)
        assert dialog.fields["secret"].displayText() != SECRET
        wizard.flow.readiness = None
        dialog.save()
        await until(lambda: wizard.flow.readiness is not None, 40)
        assert wizard.flow.readiness is not None
        assert {c.code: c.mark for c in wizard.flow.readiness.checks}["store"] == "ok"
        await end(window)
        chosen.use(None)
        kept = (person / "home" / "config" / "drafts" / "mint.json").read_text()
        assert SECRET not in kept

    in_loop(body)


def test_the_window_knows_the_formats_of_citations() -> None:
    assert {name: (title, ending) for name, title, ending in card.TITLES} == FORMATS
