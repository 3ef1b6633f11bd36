"""Citations, judged by the programs that read them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import bibtexparser
import pytest
import rispy
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from satchel.core.errors import SatchelError
from satchel.core.identifiers import qr
from satchel.core.identifiers.citations import DATACITE, FORMATS, Author, Work, cite, work
from satchel.core.identifiers.names import Name
from satchel.core.identifiers.record import Record

EYES = Work(
    compact="minid:b9abc123",
    ark="ark:/57799/b9abc123",
    url="https://identifiers.org/minid:b9abc123",
    title='Eyes & "ears": 100% of {them}_\\ done',
    authors=(Author("Lovelace", "Ada Augusta"), Author("van der Meer", "Jan"), Author("The Eye Lab")),
    publisher="www.eye.example.org",
    published=date(2026, 11, 21),
    version="1.2.0",
    description="First line.\nSecond line with <tags> & ampersands.",
    length=12345,
)
texts = st.text(min_size=1, max_size=60).filter(lambda t: t.strip() and t.isprintable())


def test_a_sentence() -> None:
    assert cite(EYES, "plain") == (
        "Lovelace, A. A., van der Meer, J., & The Eye Lab. (2026). "
        'Eyes & "ears": 100% of {them}_\\ done (Version 1.2.0) [Data set]. www.eye.example.org. '
        "minid:b9abc123. https://identifiers.org/minid:b9abc123\n"
    )


def test_bibtex() -> None:
    library = bibtexparser.parse_string(cite(EYES, "bibtex"))
    assert library.failed_blocks == []
    (entry,) = library.entries
    fields = {field.key: field.value for field in entry.fields}
    assert (entry.entry_type, entry.key) == ("misc", "b9abc123")
    assert fields["author"] == "Lovelace, Ada Augusta and van der Meer, Jan and {The Eye Lab}"
    assert fields["title"] == '{Eyes \\& "ears": 100\\% of \\{them\\}\\_\\textbackslash{} done}'
    assert (fields["year"], fields["url"]) == ("2026", EYES.url)


def test_ris() -> None:
    (entry,) = rispy.loads(cite(EYES, "ris"))
    assert entry["type_of_reference"] == "DATA"
    assert entry["authors"] == ["Lovelace, Ada Augusta", "van der Meer, Jan", "The Eye Lab"]
    assert (entry["title"], entry["year"]) == (EYES.title, "2026")
    assert entry["urls"] == [EYES.url]
    assert entry["abstract"] == "First line. Second line with <tags> & ampersands."


def test_csl_json() -> None:
    (item,) = json.loads(cite(EYES, "csl-json"))
    assert (item["type"], item["title"]) == ("dataset", EYES.title)
    assert item["author"][0] == {"family": "Lovelace", "given": "Ada Augusta"}
    assert item["author"][2] == {"literal": "The Eye Lab"}
    assert item["issued"] == {"date-parts": [[2026, 11, 21]]}


def test_datacite() -> None:
    root = ElementTree.fromstring(cite(EYES, "datacite"))
    ns = {"d": DATACITE}
    assert root.tag == f"{{{DATACITE}}}resource"
    identifier = root.find("d:identifier", ns)
    assert identifier is not None
    assert (identifier.text, identifier.get("identifierType")) == (EYES.ark, "ARK")
    assert root.findtext("d:creators/d:creator/d:creatorName", "", ns) == "Lovelace, Ada Augusta"
    assert root.findtext("d:titles/d:title", "", ns) == EYES.title
    assert root.findtext("d:publicationYear", "", ns) == "2026"
    kind = root.find("d:resourceType", ns)
    assert kind is not None
    assert kind.get("resourceTypeGeneral") == "Dataset"
    assert root.findtext("d:descriptions/d:description", "", ns) == EYES.description


@given(title=texts, family=texts, given_name=st.one_of(st.just(""), texts), publisher=texts)
def test_whatever_somebody_is_called_it_is_read_back(title: str, family: str, given_name: str, publisher: str) -> None:
    record = Record(
        id="ark:/99999/b9x", compact="minid.test:b9x", landing_page="https://x/ark:/99999/b9x", service="https://x/",
        title=title, metadata={"publisher": publisher}, created="2026-01-02T03:04:05",
    )  # fmt: skip
    made = work(record, [f"{family.replace(',', ' ')},{given_name}"])
    for form in FORMATS:
        assert cite(made, form).endswith("\n")
    library = bibtexparser.parse_string(cite(made, "bibtex"))
    assert library.failed_blocks == []
    assert len(library.entries) == 1
    (entry,) = rispy.loads(cite(made, "ris"))
    assert entry.get("title", "").strip() == made.title.strip()
    assert json.loads(cite(made, "csl-json"))[0]["title"] == made.title
    ElementTree.fromstring(cite(made, "datacite"))


def test_what_is_not_known_is_not_made_up() -> None:
    bare = Record(id="ark:/57799/b9x", compact="minid:b9x", landing_page="https://x/a", service="https://x/")
    made = work(bare)
    assert (made.authors, made.title, made.version) == ((), "minid:b9x", "")
    assert "Unknown author" in cite(made, "plain")
    assert work(bare, ["Lovelace, Ada"]).authors == (Author("Lovelace", "Ada"),)


# -- QR codes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["https://localhost:8443/identifiers/ark:/99999/b9xyz", "minid:b9abc123"])
def test_a_code_is_read_back(tmp_path: Path, text: str) -> None:
    picture = tmp_path / "code.png"
    picture.write_bytes(qr.png(text))
    assert qr.of_picture(picture).short == text.rpartition("/")[2].rpartition(":")[2]
    rows = qr.matrix(text)
    drawn = Image.new("L", (len(rows[0]), len(rows)))
    drawn.putdata([0 if module else 255 for row in rows for module in row])
    photo = drawn.resize((drawn.width * 5, drawn.height * 5)).rotate(7, fillcolor=255, expand=True).convert("RGB")
    photo.save(tmp_path / "photo.jpg", quality=60)
    assert qr.of_picture(tmp_path / "photo.jpg") == qr.of_picture(picture)
    assert qr.svg(text).startswith("<?xml")


def test_pictures_without_a_code(tmp_path: Path) -> None:
    picture = tmp_path / "white.png"
    Image.new("L", (200, 200), 255).save(picture)
    with pytest.raises(SatchelError, match="no QR code"):
        qr.of_picture(picture)
    picture.write_bytes(qr.png("https://example.org/"))
    with pytest.raises(SatchelError, match="no QR code"):
        qr.of_picture(picture)
    picture.write_bytes(b"\x89PNG nonsense")
    with pytest.raises(SatchelError, match="no picture"):
        qr.of_picture(picture)
    assert qr.of_grey(b"\xff" * 100, 10, 10) is None
    assert Name("ark:/57799/b9abc123").compact == "minid:b9abc123"
