"""What an identifier service says of an identifier. Nothing of it is believed further than its form goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from satchel.core.bags.problems import visible
from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers.names import Name, canonical

MOST_LOCATIONS = 50
LONGEST_TEXT = 2000
MOST_METADATA = 100
LARGEST = 1 << 20
"""Bytes of an answer."""
_LENGTHS = {"sha512": 128, "sha384": 96, "sha256": 64, "sha1": 40, "md5": 32}
_STRENGTH = ("sha512", "sha384", "sha256", "sha1", "md5")


class Checksum(msgspec.Struct, frozen=True):
    """A checksum of the content, hexadecimal in lower case."""

    function: str
    value: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An identifier and what is known of it."""

    id: str
    """`ark:/57799/b9...`"""
    compact: str
    """`minid:b9...`"""
    landing_page: str
    service: str
    """The service that said all this."""
    title: str = ""
    locations: tuple[str, ...] = ()
    checksums: tuple[Checksum, ...] = ()
    length: int | None = None
    metadata: dict[str, Any] = {}
    active: bool = True
    replaces: str | None = None
    replaced_by: str | None = None
    created: str = ""
    created_by: str = ""
    visible_to: tuple[str, ...] = ()

    @property
    def checksum(self) -> Checksum | None:
        """The strongest one that Satchel can compute; None where there is none."""
        for function in _STRENGTH:
            for one in self.checksums:
                if one.function == function:
                    return one
        return None

    @property
    def sha256(self) -> str | None:
        """In lower case."""
        return next((c.value for c in self.checksums if c.function == "sha256"), None)

    def said(self, name: str) -> str:
        """A text of the metadata; empty where there is none."""
        value = self.metadata.get(name)
        return value if isinstance(value, str) else ""

    @property
    def dataset(self) -> tuple[str, str]:
        """RID and snapshot of the dataset, as the metadata of deriva-ml's MINIDs have it (`RID@SNAPSHOT`)."""
        rid, _, snapshot = self.said("RID").partition("@")
        return rid, snapshot


def read(document: Any, asked: Name, service: str) -> Record:
    """A service's answer. Two forms are known: today's, and an older one with `locations` and `checksum`.

    Args:
        document: the JSON.
        asked: the identifier that it is to be of.
        service: who answers, an address with a slash at its end.

    Raises:
        SatchelError: it is none, or of another identifier.
    """
    host = urlsplit(service).netloc
    if not isinstance(document, Mapping) or not isinstance(document.get("identifier"), str):
        raise SatchelError(
            Kind.SERVER, f"{host} does not answer as an identifier service does.", "Check the service's address."
        )
    if canonical(document["identifier"]) != asked.id:
        said = visible(document["identifier"][:100])
        raise SatchelError(Kind.SERVER, f"{host} was asked for {asked.id} and answers for {said}.", "Tell its makers.")
    given = document.get("metadata")
    entries = list(given.items())[:MOST_METADATA] if isinstance(given, Mapping) else []
    metadata = {str(key)[:200]: _bounded(value) for key, value in entries}
    page = document.get("landing_page")
    return Record(
        id=asked.id,
        compact=asked.compact,
        landing_page=page if isinstance(page, str) and _is_page(page) else service + asked.id,
        service=service,
        title=_text(metadata.get("title")) or _text(metadata.get("erc.what")),
        locations=_locations(document),
        checksums=_checksums(document),
        length=_length(metadata),
        metadata=metadata,
        active=document.get("active") is not False,
        replaces=_other(document.get("replaces")),
        replaced_by=_other(document.get("replaced_by")),
        created=_text(document.get("created"))[:40],
        created_by=_text(metadata.get("created_by")) or _text(document.get("created_by")),
        visible_to=tuple(_text(v) for v in _list(document.get("visible_to"))[:100]),
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return visible(value[:LONGEST_TEXT]) if isinstance(value, str) else ""


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value[: LONGEST_TEXT * 5]
    if value is None or isinstance(value, bool | int | float):
        return value
    encoded = msgspec.json.encode(value)
    return value if len(encoded) <= LONGEST_TEXT * 5 else "(too long to be shown)"


def _is_page(address: str) -> bool:
    try:
        split = urlsplit(address)
        return (
            split.scheme in ("https", "http")
            and bool(split.hostname)
            and split.username is None
            and address.isascii()
            and address.isprintable()
            and len(address) <= LONGEST_TEXT
        )
    except ValueError:
        return False


def _locations(document: Mapping[str, Any]) -> tuple[str, ...]:
    given = document.get("location", document.get("locations"))
    found: list[str] = []
    for one in [given] if isinstance(given, str) else _list(given):
        address = one.get("uri", one.get("link")) if isinstance(one, Mapping) else one
        if isinstance(address, str) and address and len(address) <= 8000 and address not in found:
            found.append(visible(address))
    return tuple(found[:MOST_LOCATIONS])


def _checksums(document: Mapping[str, Any]) -> tuple[Checksum, ...]:
    found: list[Checksum] = []
    for one in _list(document.get("checksums"))[:20]:
        if not isinstance(one, Mapping):
            continue
        function, value = one.get("function"), one.get("value")
        if isinstance(function, str) and isinstance(value, str):
            _keep(found, function, value)
    old = document.get("checksum")
    if isinstance(old, str) and not found:
        function, mark, value = old.partition(":")
        _keep(found, function if mark else "sha256", value if mark else old)
    return tuple(found)


def _keep(found: list[Checksum], function: str, value: str) -> None:
    name = function.strip().lower().replace("-", "")
    name = "sha1" if name == "sha" else name
    text = value.strip().lower()
    if len(text) == _LENGTHS.get(name) and re.fullmatch(r"[0-9a-f]+", text):
        found.append(Checksum(name, text))


def _length(metadata: Mapping[str, Any]) -> int | None:
    for key in ("length", "contentSize", "content_size"):
        value = metadata.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 60:
            return value
    return None


def _other(value: Any) -> str | None:
    return canonical(value)[:500] if isinstance(value, str) and value else None
