"""Addresses of records, as people copy them from a browser.

Known forms: Chaise's pages (`/chaise/record/#1/eye:Subject/RID=1-ABCD`), the resolver's (`/id/1/1-ABCD`, `/id/1-ABCD`)
and ERMrest's own (`/ermrest/catalog/1/entity/eye:Subject/RID=1-ABCD`), each perhaps with `@snapshot`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_RID = r"(?P<rid>[0-9A-Za-z]+(?:-[0-9A-Za-z]+)*)"
_CATALOG = r"(?P<catalog>[^/@#?]+)(?:@(?P<snapshot>[0-9A-Za-z-]+))?"
_FORMS = (
    re.compile(rf"/chaise/[a-z]+/?#{_CATALOG}/[^/]+/(?:[^/]*&)?RID=(?:{_RID})(?:[&/@?].*)?"),
    re.compile(rf"/ermrest/catalog/{_CATALOG}/[a-z_]+/[^/]+/(?:[^/]*&)?RID=(?:{_RID})(?:[&/@?].*)?"),
    re.compile(rf"/id/(?:{_CATALOG}/)?{_RID}(?:@(?P<at>[0-9A-Za-z-]+))?/?"),
)


@dataclass(frozen=True, slots=True)
class RecordAddress:
    """Where a record is."""

    host: str
    catalog: str
    """Empty where the address does not say it."""
    rid: str
    snapshot: str | None = None


def record_address(text: str) -> RecordAddress | None:
    """What an https address of a record says; None where it is none."""
    address = text.strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username is not None:
        return None
    rest = address.split("://", 1)[1].partition("/")[2]
    for form in _FORMS:
        found = form.fullmatch("/" + unquote(rest))
        if found is not None:
            named = found.groupdict()
            snapshot = named.get("snapshot") or named.get("at")
            return RecordAddress(parts.netloc.lower(), named.get("catalog") or "", named["rid"].upper(), snapshot)
    return None
