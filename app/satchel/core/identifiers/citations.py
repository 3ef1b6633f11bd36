"""How an identifier is cited: as a sentence, BibTeX, RIS, CSL-JSON and DataCite's XML. Small writers, no network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from xml.etree import ElementTree

import msgspec

from satchel.core.identifiers.asking import PUBLIC
from satchel.core.identifiers.record import Record

FORMATS = {
    "plain": ("Plain text", ".txt"),
    "bibtex": ("BibTeX", ".bib"),
    "ris": ("RIS", ".ris"),
    "csl-json": ("CSL-JSON", ".json"),
    "datacite": ("DataCite XML", ".xml"),
}
"""What each is called, and how its files end."""
DATACITE = "http://datacite.org/schema/kernel-4"
_SCHEMA = "http://schema.datacite.org/meta/kernel-4.5/metadata.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_UNKNOWN = "Unknown author"
_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_XML = re.compile("[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Author(msgspec.Struct, frozen=True):
    """A person, or, without a given name, a person or group of which only one name is known."""

    family: str
    given: str = ""

    @classmethod
    def of(cls, text: str) -> Author:
        """From `Family, Given`, or one name."""
        family, _, given = text.partition(",")
        return cls(" ".join(family.split()), " ".join(given.split()))

    @property
    def shown(self) -> str:
        """`Family, Given`"""
        return f"{self.family}, {self.given}" if self.given else self.family

    @property
    def short(self) -> str:
        """`Family, G. H.`"""
        letters = " ".join(f"{part[0]}." for part in self.given.replace("-", " ").split())
        return f"{self.family}, {letters}" if letters else self.family


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What is cited."""

    compact: str
    ark: str
    url: str
    title: str
    authors: tuple[Author, ...]
    publisher: str
    published: date
    version: str = ""
    description: str = ""
    length: int | None = None


def work(record: Record, authors: Iterable[str] = ()) -> Work:
    """What a service says of an identifier, as something to cite.

    Args:
        record: what it says.
        authors: instead of those that are registered, `Family, Given`.
    """
    named = [*authors] or [a for a in record.said("author").split(";") if a.strip()]
    if not named and record.said("created_by"):
        named = [record.said("created_by")]
    catalog = record.said("Catalog")
    host = catalog.split("/")[2] if catalog.count("/") > 2 else ""
    return Work(
        compact=record.compact,
        ark=record.id,
        url=f"https://identifiers.org/{record.compact}" if record.service == PUBLIC else record.landing_page,
        title=_line(record.title) or record.compact,
        authors=tuple(Author.of(_line(name)) for name in named if _line(name)),
        publisher=_line(record.said("publisher")) or host or "MINID",
        published=_date(record.created),
        version=_line(record.said("Version")),
        description=record.said("Description"),
        length=record.length,
    )


def cite(cited: Work, form: str) -> str:
    """A citation.

    Args:
        cited: of what.
        form: one of `FORMATS`.

    Raises:
        KeyError: there is no such format.
    """
    return {"plain": plain, "bibtex": bibtex, "ris": ris, "csl-json": csl_json, "datacite": datacite}[form](cited)


def plain(cited: Work) -> str:
    """A sentence, much as the APA's style has it for data sets."""
    names = [author.short for author in cited.authors]
    who = names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, & {names[-1]}" if names else _UNKNOWN
    version = f" (Version {cited.version})" if cited.version else ""
    end = "" if who.endswith(".") else "."
    where = f"{cited.compact}. {cited.url}"
    return f"{who}{end} ({cited.published.year}). {cited.title}{version} [Data set]. {cited.publisher}. {where}\n"


def bibtex(cited: Work) -> str:
    """An entry for BibTeX and BibLaTeX."""
    key = re.sub(r"[^A-Za-z0-9]", "", cited.compact.rpartition(":")[2]) or "dataset"
    people = " and ".join(
        f"{_tex(a.family)}, {_tex(a.given)}" if a.given else f"{{{_tex(a.family)}}}" for a in cited.authors
    )
    fields = {
        "author": people or f"{{{_UNKNOWN}}}",
        "title": f"{{{_tex(cited.title)}}}",
        "year": str(cited.published.year),
        "month": str(cited.published.month),
        "publisher": _tex(cited.publisher),
        "version": _tex(cited.version),
        "note": f"Data set. {_tex(cited.compact)}",
        "url": _braced_url(cited.url),
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}\n"


def ris(cited: Work) -> str:
    """A record for reference managers (RIS, type DATA)."""
    tags = [("TY", "DATA")]
    tags += [("AU", author.shown) for author in cited.authors] or [("AU", _UNKNOWN)]
    tags += [
        ("TI", cited.title),
        ("PY", str(cited.published.year)),
        ("DA", cited.published.strftime("%Y/%m/%d")),
        ("PB", cited.publisher),
        ("ET", cited.version),
        ("AB", _line(cited.description)),
        ("AN", cited.compact),
        ("UR", cited.url),
        ("ER", ""),
    ]
    return "".join(f"{tag}  - {value}\r\n" for tag, value in tags if value or tag == "ER")


def csl_json(cited: Work) -> str:
    """A list of one item as citation processors read it."""
    when = cited.published
    item = {
        "id": cited.compact,
        "type": "dataset",
        "title": cited.title,
        "author": [
            {"family": a.family, "given": a.given} if a.given else {"literal": a.family} for a in cited.authors
        ] or [{"literal": _UNKNOWN}],
        "issued": {"date-parts": [[when.year, when.month, when.day]]},
        "publisher": cited.publisher,
        "version": cited.version,
        "number": cited.compact,
        "abstract": _line(cited.description),
        "URL": cited.url,
    }  # fmt: skip
    return json.dumps([{k: v for k, v in item.items() if v}], ensure_ascii=False, indent=2) + "\n"


def datacite(cited: Work) -> str:
    """DataCite's metadata, schema 4.5."""
    root = ElementTree.Element(
        "resource", {"xmlns": DATACITE, "xmlns:xsi": _XSI, "xsi:schemaLocation": f"{DATACITE} {_SCHEMA}"}
    )

    def add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
        made = ElementTree.SubElement(parent, name, attributes)
        made.text = _XML.sub("\ufffd", text) or None
        return made

    add(root, "identifier", cited.ark, identifierType="ARK")
    creators = add(root, "creators")
    for author in cited.authors or (Author(_UNKNOWN),):
        creator = add(creators, "creator")
        if author.given:
            add(creator, "creatorName", author.shown, nameType="Personal")
            add(creator, "givenName", author.given)
            add(creator, "familyName", author.family)
        else:
            add(creator, "creatorName", author.family)
    add(add(root, "titles"), "title", cited.title)
    add(root, "publisher", cited.publisher)
    add(root, "publicationYear", str(cited.published.year))
    add(root, "resourceType", "BDBag", resourceTypeGeneral="Dataset")
    dates = add(root, "dates")
    add(dates, "date", cited.published.isoformat(), dateType="Issued")
    others = add(root, "alternateIdentifiers")
    add(others, "alternateIdentifier", cited.compact, alternateIdentifierType="MINID")
    add(others, "alternateIdentifier", cited.url, alternateIdentifierType="URL")
    if cited.length is not None:
        add(add(root, "sizes"), "size", f"{cited.length} bytes")
    add(add(root, "formats"), "format", "application/zip")
    if cited.version:
        add(root, "version", cited.version)
    if cited.description.strip():
        add(add(root, "descriptions"), "description", cited.description, descriptionType="Abstract")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _tex(text: str) -> str:
    return "".join(_TEX.get(c, c) for c in text)


def _braced_url(url: str) -> str:
    return url.replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")


def _date(created: str) -> date:
    try:
        return datetime.fromisoformat(created).date()
    except ValueError:
        return datetime.now(UTC).date()
