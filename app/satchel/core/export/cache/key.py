"""What names a cached bag: everything that decides what is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from satchel.core.deriva.authn import Person
from satchel.core.export.request import AssetChoice, ExportRequest
from satchel.core.export.spec.hashing import normal
from satchel.core.export.spec.request import SpecRequest

FORM = 1
"""Raised when this program begins to make other bags of the same request."""


def who(person: Person | None) -> str:
    """Who asks, as far as it decides what they see: their id and groups; empty for nobody in particular.

    Two people of one computer must not be given each other's rows, nor one who has left a group those of that time.
    """
    if person is None:
        return ""
    return "\n".join([person.id, *sorted(person.groups)])


def spec_key(request: SpecRequest, snapshot: str, person: Person | None) -> str:
    """The key of a spec's bag."""
    return _key(
        {
            "spec": normal(request.spec, request.env),
            "archive": _archive(request),
            "assets": _assets(request.materialize, request.assets),
            "algorithms": _algorithms(request),
            "name": request.name,
            "info": list(request.info),
            "ro_crate": request.ro_crate,
            "keep_fetch": request.keep_fetch,
            # These stand in bag-info.txt.
            "label": request.label,
            "table": request.table,
            "rid": request.rid,
        },
        request.host,
        request.catalog,
        snapshot,
        person,
    )


def record_key(request: ExportRequest, snapshot: str, person: Person | None) -> str:
    """The key of the bag of what belongs to a record."""
    offers = request.offers
    return _key(
        {
            "rid": request.rid,
            "exclude": sorted(set(offers.exclude)),
            "follow": sorted(set(offers.follow)),
            "stop": sorted(set(offers.stop)),
            "vocabularies": offers.vocabularies,
            "server_side": request.server_side,  # its bag is laid out in another way
            "archive": request.archive,
            "assets": _assets(request.materialize, request.assets),
            "algorithms": sorted(set(request.algorithms)),
            "name": request.name,
            "info": list(request.info),
            "ro_crate": request.ro_crate,
        },
        request.host,
        request.catalog,
        snapshot,
        person,
    )


def is_key(text: str) -> bool:
    """Whether a text is a key, and so a safe name of a folder."""
    head, _, snapshot = text.partition("_")
    return len(head) == 16 and set(head) <= set("0123456789abcdef") and snapshot.replace("-", "").isalnum()


def _assets(inside: bool, choice: AssetChoice) -> dict[str, Any] | None:
    return msgspec.to_builtins(choice) if inside else None


def _algorithms(request: SpecRequest) -> list[str]:
    """Those that are asked for, else the spec's, else deriva-py's."""
    bag = request.spec.get("bag")
    said = bag.get("bag_algorithms") if isinstance(bag, dict) else None
    return sorted({str(a) for a in request.algorithms or (said if isinstance(said, list) else ()) or ("sha256",)})


def _archive(request: SpecRequest) -> str:
    """How it is packed, where "as the spec says" is as good as saying the same; the service's default is zip."""
    if request.archive != "spec":
        return request.archive
    bag = request.spec.get("bag")
    said = bag.get("bag_archiver") if isinstance(bag, dict) else None
    return str(said).lower() if said else ("zip" if request.server_side else "none")


def _key(said: dict[str, Any], host: str, catalog: str, snapshot: str, person: Person | None) -> str:
    whole: Sequence[Any] = [FORM, said, host.lower(), catalog, who(person)]
    data = msgspec.json.encode(whole, order="deterministic")
    return f"{hashlib.sha256(data).hexdigest()[:16]}_{snapshot}"
