"""Checks a bag against a BagIt profile: every rule that is broken, each with the file that it is about."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from satchel.core.bags.baginfo import Info
from satchel.core.bags.declaration import Declaration
from satchel.core.bags.digests import StoppedError
from satchel.core.bags.listing import Manifests
from satchel.core.bags.manifests import unsafe_path
from satchel.core.bags.places import is_file, is_inside
from satchel.core.bags.problems import Findings
from satchel.core.bags.profiles import Profile

IDENTIFIER = "BagIt-Profile-Identifier"
_OWN = re.compile(r"bagit\.txt|(bag|package)-info\.txt|fetch\.txt|(tag)?manifest-[^/]+\.txt")
_TARS = {
    "gzip": {"application/gzip", "application/x-gzip", "application/x-tar+gzip", "application/tar+gzip",
             "application/x-tgz", "application/x-gtar", "application/x-gtar-compressed", "application/x-compressed-tar",
             "application/x-tar-gz"},
    "bzip2": {"application/x-bzip2", "application/x-bzip", "application/bzip2", "application/x-tar+bzip2",
              "application/x-bzip-compressed-tar", "application/x-bzip2-compressed-tar", "application/x-tar-bzip2"},
    "xz": {"application/x-xz", "application/xz", "application/x-tar+xz", "application/x-xz-compressed-tar"},
    "tar": {"application/x-tar", "application/tar", "application/x-gtar"},
    "zip": {"application/zip", "application/x-zip-compressed", "application/x-zip"},
}  # fmt: skip
_MAGIC = ((b"PK", "zip"), (b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"))


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked."""

    bag: Path
    source: Path
    """The folder or archive that was given."""
    db: sqlite3.Connection
    declared: Declaration
    manifests: Manifests
    info: Info


def check_profile(profile: Profile, subject: Subject, findings: Findings, stop: threading.Event) -> None:
    """Tell every rule of a profile that a bag breaks. Blocking: call it in a thread.

    Raises:
        OSError: the bag cannot be read.
        StoppedError: the job was cancelled.
    """
    _Rules(profile, subject, findings, stop).check()


class _Rules:
    def __init__(self, profile: Profile, subject: Subject, findings: Findings, stop: threading.Event) -> None:
        self._profile = profile
        self._subject = subject
        self._findings = findings
        self._stop_event = stop

    def check(self) -> None:
        profile, manifests = self._profile, self._subject.manifests
        for key in profile.unknown:
            version = ".".join(map(str, profile.version))
            self._findings.warning(
                "profile", "", f"The profile's rule {key} is newer than version {version} that it is written for."
            )
        self._serialization()
        self._version()
        self._bag_info()
        self._sums("manifest", manifests.algorithms, profile.manifests_required, profile.manifests_allowed)
        self._sums(
            "tagmanifest", manifests.tag_algorithms, profile.tag_manifests_required, profile.tag_manifests_allowed
        )
        self._fetch()
        self._tag_files()
        self._payload()

    def _broken(self, path: str, message: str, line: int | None = None) -> None:
        self._findings.error("profile", path, message, line)

    def _serialization(self) -> None:
        profile, source = self._profile, self._subject.source
        if source.is_dir():
            if profile.serialization == "required":
                # What an archive was unpacked to is a folder: it may well have come as it should.
                self._findings.warning("profile", "", "The profile wants an archive; a folder was checked.")
            return
        if profile.serialization == "forbidden":
            self._broken(source.name, "The profile forbids archives, and this bag is one.")
            return
        kind = _kind(source)
        accepted = {item.split(";")[0].strip().lower() for item in profile.accept_serialization}
        if not accepted & _TARS[kind]:
            self._broken(
                source.name,
                f"The profile does not accept archives of this kind ({kind}), but "
                f"{', '.join(profile.accept_serialization) or 'none'}.",
            )

    def _version(self) -> None:
        accepted, version = self._profile.accept_version, self._subject.declared.text
        if accepted and version not in accepted:
            self._broken("bagit.txt", f"The profile accepts BagIt {', '.join(accepted)}; this is BagIt {version}.", 1)

    def _bag_info(self) -> None:
        profile, info = self._profile, self._subject.info
        name = info.name
        if not info.there:
            self._broken(name, f"There is no {name}, which every profile wants.")
            return
        named = [value for value, _ in info.all(IDENTIFIER)]
        if not named:
            self._broken(name, f"{name} has no {IDENTIFIER}, which must be {profile.identifier}.")
        elif not {_plain(value) for value in named} & {_plain(value) for value in profile.known_as}:
            self._broken(name, f"{name} names another profile: {named[0][:200]}, not {profile.identifier}.")
        for label, rule in profile.tags.items():
            found = info.all(label)
            if rule.required and not found:
                self._broken(name, f"{name} has no {label}, which the profile requires.")
            if not rule.repeatable and len(found) > 1:
                self._broken(name, f"{label} is in {name} {len(found)} times; the profile allows one.", found[1][1])
            for value, line in found if rule.values else ():
                if value not in rule.values:
                    self._broken(
                        name,
                        f"{label} is {value[:100]!r}, and the profile allows {_some(rule.values)}.",
                        line,
                    )

    def _sums(self, kind: str, there: Sequence[str], required: Sequence[str], allowed: Sequence[str] | None) -> None:
        wanted = [re.sub(r"[^a-z0-9]", "", item.lower()) for item in required]
        for algorithm in wanted:
            if algorithm not in there:
                self._broken(
                    f"{kind}-{algorithm}.txt", f"There is no {kind}-{algorithm}.txt, which the profile requires."
                )
        if allowed is None:
            return
        may = {re.sub(r"[^a-z0-9]", "", item.lower()) for item in allowed}
        for algorithm in wanted:
            if algorithm not in may:
                self._broken(
                    "", f"The profile contradicts itself: it requires and does not allow {kind}-{algorithm}.txt."
                )
        for algorithm in there:
            if algorithm not in may:
                self._broken(f"{kind}-{algorithm}.txt", f"The profile does not allow {kind}-{algorithm}.txt.")

    def _fetch(self) -> None:
        there = is_file(self._subject.bag / "fetch.txt")
        if there and not self._profile.allow_fetch:
            self._broken("fetch.txt", "There is a fetch.txt, which the profile does not allow.")
        if not there and self._profile.fetch_required:
            self._broken("fetch.txt", "There is no fetch.txt, which the profile requires.")

    def _tag_files(self) -> None:
        profile = self._profile
        matches = _Matcher(profile.tag_files_allowed)
        for path in profile.tag_files_required:
            if not matches(path):
                self._broken(path, f"The profile contradicts itself: it requires and does not allow {path}.")
            if unsafe_path(path) is not None or not is_inside(self._subject.bag, path):
                self._broken(path, f"There is no {path}, which the profile requires.")
        if profile.tag_files_allowed is not None:
            for path in self._other_tags():
                if not matches(path):
                    self._broken(path, f"The profile does not allow the tag file {path}.")

    def _other_tags(self) -> Iterator[str]:
        """Tag files that BagIt itself does not define."""
        waiting = [(str(self._subject.bag), "")]
        while waiting:
            place, folder = waiting.pop()
            with os.scandir(place) as scan:
                for entry in scan:
                    self._stop()
                    path = folder + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if path != "data":
                            waiting.append((entry.path, f"{path}/"))
                    elif not _OWN.fullmatch(path):
                        yield path

    def _payload(self) -> None:
        profile, db = self._profile, self._subject.db
        matches = _Matcher(profile.payload_files_allowed)
        for path in profile.payload_files_required:
            if not matches(f"{path}*" if path.endswith("/") else path):
                self._broken(path, f"The profile contradicts itself: it requires and does not allow {path}.")
            if not self._has_payload(path):
                self._broken(path, f"There is no {path}, which the profile requires.")
        paths = "SELECT path FROM listed WHERE NOT tag UNION SELECT path FROM here ORDER BY 1"
        if profile.payload_files_allowed is not None:
            for (path,) in db.execute(paths):
                self._stop()
                if not matches(path):
                    self._broken(path, f"The profile does not allow the payload file {path}.")
        if profile.data_empty:
            self._empty()

    def _has_payload(self, path: str) -> bool:
        if unsafe_path(path) is not None:
            return False
        if not path.endswith("/"):
            query = "SELECT 1 FROM listed WHERE path = ? AND NOT tag UNION ALL SELECT 1 FROM here WHERE path = ?"
            return self._subject.db.execute(query, (path, path)).fetchone() is not None
        query = "SELECT 1 FROM listed WHERE path >= ? AND path < ? AND NOT tag LIMIT 1"
        # '0' follows '/' in Unicode.
        return self._subject.db.execute(query, (path, path[:-1] + "0")).fetchone() is not None

    def _empty(self) -> None:
        """At most one file, of no bytes."""
        (count,) = self._subject.db.execute("SELECT count(DISTINCT path) FROM listed WHERE NOT tag").fetchone()
        (files, size) = self._subject.db.execute("SELECT count(*), coalesce(sum(size), 0) FROM here").fetchone()
        if max(count, files) > 1 or size:
            self._broken("data", "The profile wants a payload of nothing, or of one file of no bytes.")

    def _stop(self) -> None:
        if self._stop_event.is_set():
            raise StoppedError


class _Matcher:
    """Whether a path is one of some patterns; asterisks stand for any characters. All are, where there are none."""

    def __init__(self, patterns: Sequence[str] | None) -> None:
        self._all = patterns is None or "*" in patterns
        self._plain = frozenset(patterns or ())
        self._patterns = [re.compile(translate(p)) for p in patterns or () if any(c in p for c in "*?[")]

    def __call__(self, path: str) -> bool:
        return self._all or path in self._plain or any(pattern.match(path) for pattern in self._patterns)


def _kind(archive: Path) -> str:
    with archive.open("rb") as file:
        begin = file.read(8)
    return next((kind for magic, kind in _MAGIC if begin.startswith(magic)), "tar")


def _plain(address: str) -> str:
    """An address whatever its scheme: profiles that moved to https are the same as before."""
    return re.sub(r"^https?://", "", address.strip())


def _some(values: Sequence[str]) -> str:
    told = ", ".join(repr(value[:60]) for value in values[:5])
    return f"{told} and {len(values) - 5} more" if len(values) > 5 else told
