"""BagIt profiles: what a community wants of its bags beyond BagIt itself (BagIt Profiles Specification 1.1 to 1.4).

A profile is read from a file, from bdbag's two that are built in, or from the web (`profile_web`). The package
`bagit-profile` is not used: it ends the process where a profile cannot be fetched, opens any kind of address, stops at
the first rule that is broken, keeps all manifests in memory and knows nothing of 1.4 (docs/validation.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from satchel.core.errors import Kind, SatchelError

LARGEST = 1 << 20
"""Bytes of a profile."""
MOST_ENTRIES = 10_000
"""Of a list in a profile."""
_BDBAG = "://raw.githubusercontent.com/fair-research/bdbag/master/profiles/"
_SUMS = ["md5", "sha1", "sha256", "sha512"]


@dataclass(frozen=True, slots=True)
class Tag:
    """What a profile says of a field of bag-info.txt."""

    required: bool = False
    values: tuple[str, ...] = ()
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile's rules; None where it has none of a kind."""

    identifier: str
    known_as: tuple[str, ...]
    """Addresses that a bag may name it by: its own, and where it was found."""
    version: tuple[int, ...]
    """Of the specification that it is written for."""
    tags: dict[str, Tag] = field(default_factory=dict)
    manifests_required: tuple[str, ...] = ()
    manifests_allowed: tuple[str, ...] | None = None
    tag_manifests_required: tuple[str, ...] = ()
    tag_manifests_allowed: tuple[str, ...] | None = None
    tag_files_required: tuple[str, ...] = ()
    tag_files_allowed: tuple[str, ...] | None = None
    payload_files_required: tuple[str, ...] = ()
    payload_files_allowed: tuple[str, ...] | None = None
    allow_fetch: bool = True
    fetch_required: bool = False
    data_empty: bool = False
    serialization: str = "optional"
    accept_serialization: tuple[str, ...] = ()
    accept_version: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """Rules that are newer than the version of the specification that the profile names, so that they do not count."""


_SINCE = {
    "Tag-Files-Allowed": (1, 2),
    "Manifests-Allowed": (1, 3),
    "Tag-Manifests-Allowed": (1, 3),
    "Fetch.txt-Required": (1, 4),
    "Data-Empty": (1, 4),
    "Payload-Files-Required": (1, 4),
    "Payload-Files-Allowed": (1, 4),
}


def built_in(name: str) -> Profile | None:
    """One of bdbag's profiles, by `bdbag`, `bdbag-ro` or its address; None for any other."""
    for short in ("bdbag", "bdbag-ro"):
        address = f"{_BDBAG}{short}-profile.json"
        if name in (short, f"http{address}", f"https{address}"):
            return _read(_bdbag(short, f"http{address}"), short, (f"http{address}", f"https{address}"))
    return None


def _bdbag(short: str, address: str) -> dict[str, Any]:
    """The rules of the profiles that bdbag publishes (version 0.2.20210201); its package does not bring them along."""
    return {
        "BagIt-Profile-Info": {
            "BagIt-Profile-Identifier": address,
            "BagIt-Profile-Version": "1.3.0",
            "Source-Organization": "https://fair-research.github.io/",
            "External-Description": short,
            "Version": "0.2.20210201",
        },
        "Bag-Info": {"Payload-Oxum": {"required": True}},
        "Manifests-Required": ["md5"],
        "Manifests-Allowed": _SUMS,
        "Tag-Manifests-Required": ["md5", "sha256"],
        "Tag-Manifests-Allowed": _SUMS,
        "Tag-Files-Required": ["metadata/manifest.json"] if short == "bdbag-ro" else [],
        "Allow-Fetch.txt": True,
        "Serialization": "required",
        "Accept-Serialization": [
            "application/zip",
            "application/x-zip-compressed",
            "application/x-tar",
            "application/x-tar+gzip",
        ],
        "Accept-BagIt-Version": ["0.97", "1.0"],
    }


def profile_file(path: Path) -> Profile:
    """Read a profile from a file.

    Raises:
        SatchelError: it is not there, cannot be read, or is no profile.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise SatchelError(
            Kind.FILES,
            f"The profile {path} cannot be read.",
            "Give a file, an https address, bdbag, bdbag-ro, or bag for the one that the bag names.",
            str(error),
        ) from error
    return parse(content, path.name, ())


def parse(content: bytes, name: str, known_as: tuple[str, ...]) -> Profile:
    """A profile from its JSON.

    Args:
        content: of the file.
        name: of the file or address, for messages.
        known_as: addresses that it was found at.

    Raises:
        SatchelError: it is no profile; the sentence says why.
    """
    if len(content) > LARGEST:
        raise _no_profile(name, f"it has more than {LARGEST:,} bytes")
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (UnicodeError, ValueError, RecursionError) as error:
        raise _no_profile(name, "it is not JSON", str(error)) from error
    return _read(found, name, known_as)


def _read(found: object, name: str, known_as: tuple[str, ...]) -> Profile:
    if not isinstance(found, dict):
        raise _no_profile(name, "it is not a JSON object")
    reader = _Reader(name, found)
    info = reader.mapping("BagIt-Profile-Info")
    if info is None:
        raise _no_profile(name, "it has no BagIt-Profile-Info")
    identifier = info.get("BagIt-Profile-Identifier")
    if not isinstance(identifier, str) or not identifier:
        raise _no_profile(name, "it has no BagIt-Profile-Identifier")
    version = _version(info.get("BagIt-Profile-Version", "1.1.0"), name)
    unknown = tuple(key for key, since in _SINCE.items() if key in found and version < since)
    for key in unknown:
        del reader.found[key]
    serialization = reader.found.get("Serialization", "optional")
    if serialization not in ("required", "optional", "forbidden"):
        raise _no_profile(name, "its Serialization is none of required, optional and forbidden")
    profile = Profile(
        identifier=identifier,
        known_as=(identifier, *known_as),
        version=version,
        tags={label: _tag(label, rules, name) for label, rules in (reader.mapping("Bag-Info") or {}).items()},
        manifests_required=reader.list("Manifests-Required") or (),
        manifests_allowed=reader.list("Manifests-Allowed"),
        tag_manifests_required=reader.list("Tag-Manifests-Required") or (),
        tag_manifests_allowed=reader.list("Tag-Manifests-Allowed"),
        tag_files_required=reader.list("Tag-Files-Required") or (),
        tag_files_allowed=reader.list("Tag-Files-Allowed"),
        payload_files_required=reader.list("Payload-Files-Required") or (),
        payload_files_allowed=reader.list("Payload-Files-Allowed"),
        allow_fetch=reader.flag("Allow-Fetch.txt", default=True),
        fetch_required=reader.flag("Fetch.txt-Required", default=False),
        data_empty=reader.flag("Data-Empty", default=False),
        serialization=serialization,
        accept_serialization=reader.list("Accept-Serialization") or (),
        accept_version=reader.list("Accept-BagIt-Version") or (),
        unknown=unknown,
    )
    if profile.fetch_required and not profile.allow_fetch:
        raise _no_profile(name, "it both requires and forbids a fetch.txt")
    return profile


class _Reader:
    """Takes values of their kinds from a profile."""

    def __init__(self, name: str, found: dict[str, Any]) -> None:
        self._name = name
        self.found = dict(found)

    def mapping(self, key: str) -> dict[str, Any] | None:
        value = self.found.get(key)
        if value is not None and not isinstance(value, dict):
            raise _no_profile(self._name, f"its {key} is not an object")
        return value

    def list(self, key: str) -> tuple[str, ...] | None:
        value = self.found.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise _no_profile(self._name, f"its {key} is not a list of texts")
        if len(value) > MOST_ENTRIES:
            raise _no_profile(self._name, f"its {key} has more than {MOST_ENTRIES:,} entries")
        return tuple(value)

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.found.get(key, default)
        # The specification's grammar has them in quotes.
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise _no_profile(self._name, f"its {key} is neither true nor false")
        return value


def _tag(label: str, rules: object, name: str) -> Tag:
    if not isinstance(rules, dict):
        raise _no_profile(name, f"its rule for {label[:60]!r} is not an object")
    reader = _Reader(f"{name}, {label[:60]}", rules)
    return Tag(
        reader.flag("required", default=False), reader.list("values") or (), reader.flag("repeatable", default=True)
    )


def _version(value: object, name: str) -> tuple[int, ...]:
    parts = value.split(".") if isinstance(value, str) else []
    if not 1 <= len(parts) <= 4 or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
        raise _no_profile(name, "its BagIt-Profile-Version is not a version such as 1.4.0")
    return tuple(int(part) for part in parts)


def _no_profile(name: str, why: str, detail: str = "") -> SatchelError:
    return SatchelError(
        Kind.INVALID, f"{name} is no BagIt profile: {why}.", "Ask whoever gave it to you for the right file.", detail
    )
