"""An RO-Crate 1.1 of a bag's payload: `data/ro-crate-metadata.json` says what the files are and whence they come.

https://w3id.org/ro/crate/1.1 ("Combining with other packaging schemes": the crate's root is the bag's data folder).
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from satchel import __version__
from satchel.core.bags.digests import hash_file
from satchel.core.bags.writer import Entry, Inventory

FILE = "data/ro-crate-metadata.json"
_CONTEXT = "https://w3id.org/ro/crate/1.1/context"
_SOFTWARE = "https://pypi.org/project/deriva-satchel/"


def crate(inventory: Iterable[Entry], info: Sequence[tuple[str, str]], when: datetime) -> dict[str, Any]:
    """The crate's JSON-LD.

    Args:
        inventory: the payload, here and to be fetched.
        info: fields of bag-info.txt.
        when: the time of the data.
    """
    fields: dict[str, str] = {}
    for label, value in info:
        fields.setdefault(label, value)
    files = [_file(entry) for entry in inventory if entry.path.startswith("data/") and entry.path != FILE]
    name = fields.get("External-Description") or _described(fields)
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": name,
        "description": name,
        "datePublished": when.isoformat(),
        "license": {"@id": "#license"},
        "hasPart": [{"@id": file["@id"]} for file in files],
    }
    more: list[dict[str, Any]] = [
        {
            "@id": "#license",
            "@type": "CreativeWork",
            "name": "Not stated",
            "description": fields.get("License", "The catalog says nothing of a licence; ask the owner of the data."),
        },
        {"@id": _SOFTWARE, "@type": "SoftwareApplication", "name": "Satchel", "version": __version__},
    ]
    people = _people(fields)
    if people:
        root["author"] = {"@id": people[0]["@id"]}
        more += people
    if identifier := fields.get("External-Identifier"):
        root["identifier"] = identifier
    if host := fields.get("Source-Host"):
        source = f"https://{host}/ermrest/catalog/{fields.get('Source-Catalog', '')}"
        if snapshot := fields.get("Source-Snapshot"):
            source += f"@{snapshot}"
        root["isBasedOn"] = {"@id": source}
        more.append(
            {"@id": source, "@type": "CreativeWork", "name": f"Catalog {fields.get('Source-Catalog')} of {host}"}
        )
    action: dict[str, Any] = {
        "@id": "#export",
        "@type": "CreateAction",
        "name": "Export",
        "endTime": when.isoformat(),
        "instrument": {"@id": _SOFTWARE},
        "result": {"@id": "./"},
    }
    if people:
        action["agent"] = {"@id": people[0]["@id"]}
    root["mentions"] = {"@id": "#export"}
    descriptor = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    return {"@context": _CONTEXT, "@graph": [descriptor, root, *files, action, *more]}


def add_crate(
    bag: Path, inventory: Inventory, algorithms: Sequence[str], info: Sequence[tuple[str, str]], when: datetime
) -> None:
    """Write the crate into a bag and its inventory. Blocking."""
    inventory.remove(FILE)
    document = crate(inventory, info, when)
    path = bag / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
    hashers = hash_file(path, algorithms)
    inventory.add([Entry(FILE, hashers.length, hashers.digests())])


def _file(entry: Entry) -> dict[str, Any]:
    below = entry.path.removeprefix("data/")
    found: dict[str, Any] = {
        # A file that is not here is told of by its address, as web-based data entities are.
        "@id": entry.url or quote(below),
        "@type": "File",
        "name": below,
        "encodingFormat": mimetypes.guess_type(below, strict=False)[0] or "application/octet-stream",
    }
    if entry.length is not None:
        found["contentSize"] = str(entry.length)
    if sha256 := entry.digests.get("sha256"):
        found["sha256"] = sha256
    return found


def _described(fields: dict[str, str]) -> str:
    what = fields.get("Source-Spec") or fields.get("Root-Table") or "Export"
    return f"{what} of catalog {fields.get('Source-Catalog', '?')} on {fields.get('Source-Host', '?')}"


def _people(fields: dict[str, str]) -> list[dict[str, Any]]:
    name = fields.get("Contact-Name")
    if not name:
        return []
    orcid = fields.get("Contact-Orcid", "")
    identifier = (orcid if orcid.startswith("http") else f"https://orcid.org/{orcid}") if orcid else "#person"
    person: dict[str, Any] = {"@id": identifier, "@type": "Person", "name": name}
    if email := fields.get("Contact-Email"):
        person["email"] = email
    people = [person]
    if organisation := fields.get("Source-Organization"):
        person["affiliation"] = {"@id": "#organization"}
        people.append({"@id": "#organization", "@type": "Organization", "name": organisation})
    return people
