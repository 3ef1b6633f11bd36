"""The many ways in which an identifier is written, and the one in which Satchel keeps it.

A MINID is an ARK of the name assigning authority 57799 (99999 for tests), which the services also know as `minid:` and
as a handle (minid 2.0, github.com/fair-research/minid). People paste any of these, a resolver's address with one in it,
or the address of a landing page, which names the service as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from satchel.core.errors import Kind, SatchelError

NAMESPACES = {"57799": "minid", "99999": "minid.test"}
"""Name assigning authorities and the prefixes of the compact form."""
_HANDLES = {"20.500.12582": "57799", "20.500.12633": "99999"}
_RESOLVERS = frozenset(
    {"identifiers.org", "www.identifiers.org", "n2t.net", "www.n2t.net", "arks.org", "hdl.handle.net"}
)
"""Servers that only lead on: what stands in their addresses is an identifier, and they are no service."""
LONGEST = 20_000
"""Characters of a text in which an identifier is looked for."""
_NAME = r"[A-Za-z0-9][A-Za-z0-9=~*+@_$.%-]{0,199}(?:/[A-Za-z0-9=~*+@_$.%-]{1,200}){0,8}"
_FORMS = (
    re.compile(rf"ark:/?(?P<authority>[0-9b-df-hj-km-np-tv-xz]{{5,16}})/(?P<name>{_NAME})", re.IGNORECASE),
    re.compile(r"minid(?P<test>\.test)?[:/](?:/)?(?P<name>[A-Za-z0-9]{3,100})", re.IGNORECASE),
    re.compile(rf"(?:hdl:/?|hdl\.handle\.net/)(?P<handle>20\.500\.(?:12582|12633))/(?P<name>{_NAME})", re.IGNORECASE),
)
_ADDRESS = re.compile(r"https?://[^\s<>\"'`{}|\\^]+", re.IGNORECASE)
_ENDS = ".,;:!?)]}>'\"’”»*_"
"""What belongs to the sentence around an identifier and not to it."""


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier.

    Attributes:
        id: as services keep it, `ark:/57799/b9...`.
        service: the address of the service that a landing page's address names, with a slash at its end; empty: not
            said.
    """

    id: str
    service: str = ""

    @property
    def compact(self) -> str:
        """For people: `minid:b9...`; the ARK where it is no MINID."""
        _, _, rest = self.id.partition("/")
        authority, _, name = rest.partition("/")
        prefix = NAMESPACES.get(authority)
        return f"{prefix}:{name}" if prefix else self.id

    @property
    def is_test(self) -> bool:
        """Whether it is one of those that are made to try things out."""
        return self.id.startswith("ark:/99999/")

    @property
    def short(self) -> str:
        """The last part, for names of files."""
        return self.id.rpartition("/")[2]

    @property
    def url(self) -> str:
        """An address that leads to it in any browser, as far as a public resolver knows it."""
        return f"https://n2t.net/{self.id}"


def parse(text: str) -> Name:
    """The identifier that somebody has typed or pasted, in any form, perhaps in the middle of a sentence.

    Raises:
        SatchelError: there is none in it.
    """
    found = find(text)
    if found is None:
        shown = " ".join(text.split())[:80]
        raise SatchelError(
            Kind.USAGE,
            f"There is no identifier in {shown!r}." if shown else "An identifier is missing.",
            "Write it as in minid:b9abc123, ark:/57799/b9abc123, hdl:20.500.12582/b9abc123, or paste the address of "
            "its page.",
        )
    return found


def find(text: str) -> Name | None:
    """The first identifier in a text; None where there is none. See `parse`."""
    text = text[:LONGEST]
    for match in _ADDRESS.finditer(text):
        if (found := _of_address(match[0].rstrip(_ENDS))) is not None:
            return found
    matches = [m for form in _FORMS for m in form.finditer(text) if _stands_alone(text, m)]
    for match in sorted(matches, key=lambda m: m.start()):
        return Name(_ark(match))
    return None


def canonical(text: str) -> str:
    """How an identifier of a service's answer compares with others; as it is where it has a form of its own."""
    found = find(text)
    return found.id if found is not None else text.strip()


def service_address(text: str) -> str:
    """The address of an identifier service as a person writes it, made ready: https, with a slash at its end.

    Raises:
        SatchelError: it is none.
    """
    bare = text.strip()
    if "://" not in bare:
        bare = f"https://{bare}"
    try:
        split = urlsplit(bare)
        usable = split.scheme.lower() == "https" and split.hostname and split.username is None and split.port != 0
    except ValueError:
        usable = False
    if not usable or split.query or split.fragment or not bare.isascii() or " " in bare:
        raise SatchelError(
            Kind.USAGE,
            f"{text!r} is not the address of an identifier service.",
            "Write it as in https://identifiers.fair-research.org/; Satchel talks https only.",
        )
    return f"https://{split.netloc.lower()}{split.path.rstrip('/')}/"


def _of_address(address: str) -> Name | None:
    try:
        split = urlsplit(address)
        host = (split.hostname or "").lower()
        if not host or split.username is not None or split.port == 0:
            return None
    except ValueError:
        return None
    path = unquote(split.path)
    if host == "hdl.handle.net":
        path = f"hdl:{path.lstrip('/')}"
    matches = [m for form in _FORMS for m in form.finditer(path) if _stands_alone(path, m)]
    if not matches:
        return None
    match = min(matches, key=lambda m: m.start())
    if host in _RESOLVERS:
        return Name(_ark(match))
    base = path[: match.start()]
    if not base.startswith("/") or not base.endswith("/") or not base.isascii() or " " in base:
        return None
    return Name(_ark(match), f"https://{split.netloc.lower()}{base}")


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    """Whether it is no part of a longer word, such as of `hallmark:`."""
    before = text[match.start() - 1] if match.start() else " "
    return not (before.isalnum() or before in "-_.")


def _ark(match: re.Match[str]) -> str:
    groups = match.groupdict()
    name = groups["name"].rstrip(_ENDS + "/")
    if groups.get("authority"):
        return f"ark:/{groups['authority'].lower()}/{name}"
    if groups.get("handle"):
        return f"ark:/{_HANDLES[groups['handle']]}/{name}"
    return f"ark:/{'99999' if groups.get('test') else '57799'}/{name.lower()}"
