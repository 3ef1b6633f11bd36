"""The form of who one is, on the settings page."""

from __future__ import annotations

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from satchel.core import person
from satchel.core.paths import Home
from satchel.gui.preferences.person import PersonSection


def test_what_is_typed_is_kept_and_a_wrong_orcid_is_told(app: QApplication, settings: object) -> None:
    section = PersonSection()
    QTest.keyClicks(section.fields["name"], "Ada Lovelace")
    section.fields["name"].editingFinished.emit()
    QTest.keyClicks(section.fields["orcid"], "https://orcid.org/0000-0002-1825-0098")
    section.fields["orcid"].editingFinished.emit()
    assert not section.problem.isHidden()
    assert "is not an ORCID" in section.problem.text()
    assert person.load(Home.find()) == person.Profile(name="Ada Lovelace")
    section.fields["orcid"].setText("https://orcid.org/0000-0002-1825-0097")
    section.fields["orcid"].editingFinished.emit()
    assert section.problem.isHidden()
    assert section.fields["orcid"].text() == "0000-0002-1825-0097"
    assert person.load(Home.find()).fields()[1] == ("Contact-Orcid", "0000-0002-1825-0097")
    again = PersonSection()
    assert again.fields["name"].text() == "Ada Lovelace"
