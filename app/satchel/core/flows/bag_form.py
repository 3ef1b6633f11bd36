"""Making a bag of a folder, and changing what a bag says of itself: the forms without a screen.

What a profile requires of bag-info and manifests is known before the bag is made, so that nothing has to be done twice.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from satchel.core.bags.making import BagRequest, How, check_label
from satchel.core.bags.manifests import ALGORITHMS
from satchel.core.bags.profiles import Profile
from satchel.core.bags.rebagging import RebagRequest
from satchel.core.errors import SatchelError
from satchel.core.flows.flow import Problem

__all__ = ["ALGORITHMS", "COMPUTED", "IDENTIFIER", "LABELS", "BagDraft", "ChangeDraft", "FieldRule", "rules"]
IDENTIFIER = "BagIt-Profile-Identifier"
COMPUTED = ("Payload-Oxum", "Bag-Size", "Bagging-Date", "Bag-Software-Agent", IDENTIFIER)
"""Fields that need not be filled in: they are computed, or follow from what else is said."""
LABELS = (
    "Source-Organization",
    "Organization-Address",
    "Contact-Name",
    "Contact-Phone",
    "Contact-Email",
    "External-Description",
    "External-Identifier",
    "Internal-Sender-Identifier",
    "Internal-Sender-Description",
    "Bag-Group-Identifier",
    "Bag-Count",
)
"""RFC 8493, 2.2.2: the fields that people fill in."""
Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What a profile says of a field that people fill in."""

    label: str
    required: bool
    values: tuple[str, ...]
    repeatable: bool


def rules(profile: Profile | None) -> list[FieldRule]:
    """The rules, required fields first, in the profile's order."""
    if profile is None:
        return []
    computed = {label.lower() for label in COMPUTED} - {"bag-size"}
    found = [
        FieldRule(label, tag.required, tag.values, tag.repeatable)
        for label, tag in profile.tags.items()
        if label.lower() not in computed
    ]
    return sorted(found, key=lambda rule: not rule.required)


def field_problems(fields: Sequence[tuple[str, str]], profile: Profile | None) -> list[Problem]:
    """What is wrong with fields of bag-info. A problem's field is `info:N` for the Nth, or `info` for one missing."""
    found: list[Problem] = []
    said: dict[str, list[tuple[int, str]]] = {}
    for place, (label, value) in enumerate(fields):
        if not label.strip() and not value.strip():
            continue
        try:
            check_label(label)
        except SatchelError as error:
            found.append(Problem(f"info:{place}", f"{error.message} {error.hint}".strip()))
            continue
        if "\n" in value or "\r" in value:
            found.append(Problem(f"info:{place}", f"{label} has a line break in it."))
        if value.strip():
            said.setdefault(label.lower(), []).append((place, value))
    for rule in rules(profile):
        there = said.get(rule.label.lower(), [])
        if rule.required and not there:
            empty = (f"info:{n}" for n, (label, _) in enumerate(fields) if label.lower() == rule.label.lower())
            where = next(empty, "info")
            found.append(Problem(where, f"The profile requires {rule.label}."))
        if not rule.repeatable and len(there) > 1:
            found.append(Problem(f"info:{there[1][0]}", f"The profile allows {rule.label} only once."))
        for place, value in there if rule.values else ():
            if value not in rule.values:
                some = ", ".join(rule.values[:6])
                found.append(Problem(f"info:{place}", f"{rule.label} can be: {some}."))
    return found


def algorithm_problems(algorithms: Sequence[str], profile: Profile | None) -> list[Problem]:
    """What is wrong with a choice of checksums."""
    if not algorithms:
        return [Problem("algorithms", "Choose a kind of checksum: without any, nobody can tell whether files change.")]
    if profile is None:
        return []
    wanted = [*profile.manifests_required, *profile.tag_manifests_required]
    missing = [a for a in dict.fromkeys(w.lower().replace("-", "") for w in wanted) if a not in algorithms]
    if missing:
        return [Problem("algorithms", f"The profile requires {' and '.join(missing)}.")]
    if profile.manifests_allowed is not None:
        allowed = {a.lower().replace("-", "") for a in profile.manifests_allowed}
        if other := [a for a in algorithms if a not in allowed]:
            return [Problem("algorithms", f"The profile does not allow {' and '.join(other)}.")]
    return []


def _clean(fields: Sequence[tuple[str, str]]) -> Fields:
    return [(label, value.strip()) for label, value in fields if label.strip() and value.strip()]


@dataclass(slots=True)
class BagDraft:
    """A bag that is to be made."""

    path: str = ""
    out: str = ""
    how: How | None = None
    """None until the person has said it: nothing is moved unasked."""
    name: str = ""
    fields: Fields = field(default_factory=list)
    algorithms: tuple[str, ...] = ("md5", "sha256")
    remote: str = ""
    profile: Profile | None = None

    def problems(self) -> list[Problem]:
        """What keeps it from being made. Looks at the disk: whether folders are there, nothing more."""
        found: list[Problem] = []
        if not self.path:
            found.append(Problem("path", "Choose the folder to make a bag of."))
        elif not Path(self.path).is_dir():
            found.append(Problem("path", f"There is no folder {self.path}."))
        if self.how is None:
            found.append(Problem("how", "Say how: as a copy, with hard links, or in place."))
        elif self.how != "in-place":
            found += self._out_problems()
        found += algorithm_problems(self.algorithms, self.profile)
        if self.profile is not None and self.profile.fetch_required and not self.remote:
            found.append(Problem("remote", "The profile requires files that are on servers (fetch.txt)."))
        if self.profile is not None and not self.profile.allow_fetch and self.remote:
            found.append(Problem("remote", "The profile does not allow files that are on servers (fetch.txt)."))
        return found + field_problems(self.fields, self.profile)

    def _out_problems(self) -> list[Problem]:
        if not self.out:
            return [Problem("out", "Choose the folder that the bag is to be in.")]
        if not Path(self.out).is_dir():
            return [Problem("out", f"There is no folder {self.out}.")]
        target = self.request().target
        if os.path.lexists(target):
            return [Problem("name", f"{target} is already there: give the bag another name.")]
        if Path(self.path) in (target, *target.parents):
            return [Problem("out", "The bag cannot be inside the folder that it is made of.")]
        return []

    def target(self) -> str:
        """Where the bag will be; empty while that is not known."""
        if not self.path or self.how is None or (self.how != "in-place" and not self.out):
            return ""
        return str(self.request().target)

    def request(self) -> BagRequest:
        """The request."""
        in_place = self.how == "in-place"
        info = _clean(self.fields)
        if self.profile is not None and not any(label.lower() == IDENTIFIER.lower() for label, _ in info):
            info.append((IDENTIFIER, self.profile.identifier))
        return BagRequest(
            path=self.path,
            out=None if in_place else self.out,
            how=self.how or "copy",
            name=None if in_place or not self.name.strip() else self.name.strip(),
            info=tuple(info),
            algorithms=tuple(a for a in ALGORITHMS if a in self.algorithms),
            remote=self.remote or None,
        )


@dataclass(slots=True)
class ChangeDraft:
    """A bag whose bag-info or manifests are to be changed."""

    path: str
    before: Fields
    """The fields that are there."""
    there: tuple[str, ...]
    """The checksums of its manifests."""
    fields: Fields = field(default_factory=list)
    remanifest: bool = False
    algorithms: tuple[str, ...] = ()
    profile: Profile | None = None

    def problems(self) -> list[Problem]:
        """What keeps it from being changed."""
        found = field_problems(self.fields, self.profile)
        if self.remanifest:
            found += algorithm_problems(self.algorithms, self.profile)
        if not found and not self.is_changed:
            found.append(Problem("info", "Nothing is changed yet."))
        return found

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to do."""
        return self.remanifest or bool(self._set() or self._gone())

    def _values(self, fields: Sequence[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for label, value in _clean(fields):
            if label.lower() != "payload-oxum":
                found.setdefault(label.lower(), []).append((label, value))
        return found

    def _set(self) -> Fields:
        before, now = self._values(self.before), self._values(self._now())
        changed = (
            fields for key, fields in now.items() if [v for _, v in fields] != [v for _, v in before.get(key, [])]
        )
        return [one for fields in changed for one in fields]

    def _gone(self) -> list[str]:
        now = self._values(self._now())
        return [fields[0][0] for key, fields in self._values(self.before).items() if key not in now]

    def _now(self) -> Fields:
        named = any(label.lower() == IDENTIFIER.lower() for label, _ in self.fields)
        more = [(IDENTIFIER, self.profile.identifier)] if self.profile is not None and not named else []
        return [*self.fields, *more]

    def request(self) -> RebagRequest:
        """The request."""
        same = tuple(sorted(self.algorithms)) == tuple(sorted(self.there))
        return RebagRequest(
            path=self.path,
            info=tuple(self._set()),
            remove=tuple(self._gone()),
            remanifest=self.remanifest,
            algorithms=None if not self.remanifest or same else tuple(a for a in ALGORITHMS if a in self.algorithms),
        )
