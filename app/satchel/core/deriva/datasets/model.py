"""What is known of a dataset. Values only."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from satchel.core.errors import Kind, SatchelError

ML = "deriva-ml"
"""The schema's name."""
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:[-.+]?(.*))?")


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """The run of a workflow that made something."""

    rid: str
    description: str = ""
    status: str = ""
    workflow: str = ""
    """The workflow's name; empty: not known."""
    workflow_url: str = ""
    by: str = ""
    """Who ran it, by name where names may be read."""


class DatasetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a dataset."""

    version: str
    rid: str
    """Of its row in `Dataset_Version`."""
    snapshot: str | None
    """The catalog's state that it stands for; None: it cannot be exported."""
    description: str = ""
    made: str = ""
    """When, as the server writes it (RCT)."""
    by: str = ""
    execution: Execution | None = None
    minid: str | None = None
    """An identifier of its bag, as deriva-ml keeps it: the address of a landing page."""
    minid_spec_hash: str | None = None
    """Of the spec that bag was made by; catalogs of deriva-ml 1.17.10 have no such column."""


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset."""

    rid: str
    description: str = ""
    types: tuple[str, ...] = ()
    deleted: bool = False
    parents: tuple[str, ...] = ()
    """RIDs of the datasets in which it is nested, as the catalog is now."""
    children: tuple[str, ...] = ()
    made: str = ""
    by: str = ""
    versions: tuple[DatasetVersion, ...] = ()
    """The newest first."""

    @property
    def newest(self) -> DatasetVersion | None:
        """The version with the highest number, as deriva-ml has it."""
        return self.versions[0] if self.versions else None


class MemberCount(msgspec.Struct, frozen=True, kw_only=True):
    """Members of one type."""

    table: str
    """The element's table, `schema:table`."""
    association: str
    """The table that says so."""
    rows: int


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """What a dataset holds at one version, by type."""

    rid: str
    direct: tuple[MemberCount, ...]
    nested: tuple[str, ...] = ()
    """All datasets within it, however deep."""
    total: tuple[MemberCount, ...] = ()
    """With the members of nested datasets; each row counts once."""


def version_key(version: str) -> tuple[int, int, int, bool, str]:
    """Sorts versions: by number; `1.2.0.post1.dev3` after 1.2.0, what is no version before all.

    A version with a suffix is one of work in progress (deriva-ml since 2026 makes them after a release).
    """
    found = _VERSION.fullmatch(version.strip())
    if found is None:
        return (-1, 0, 0, False, version)
    major, minor, patch, rest = found.groups()
    return (int(major), int(minor), int(patch), bool(rest), rest or "")


def pick_version(dataset: Dataset, wanted: str | None) -> DatasetVersion:
    """A version of a dataset.

    Args:
        dataset: whose.
        wanted: its number; None: the newest that has a snapshot.

    Raises:
        SatchelError: there is no such version, or it has no snapshot.
    """
    if not dataset.versions:
        raise SatchelError(
            Kind.NOT_FOUND,
            f"The dataset {dataset.rid} has no versions.",
            "deriva-ml gives a dataset its first version when it makes it; its owner can make one.",
        )
    if wanted is None:
        found = next((v for v in dataset.versions if v.snapshot), dataset.versions[0])
    else:
        by_number = {v.version: v for v in reversed(dataset.versions)}
        if wanted not in by_number:
            raise SatchelError(Kind.NOT_FOUND, f"The dataset {dataset.rid} has no version {wanted}.", _which(by_number))
        found = by_number[wanted]
    if not found.snapshot:
        raise SatchelError(
            Kind.USAGE,
            f"Version {found.version} of the dataset {dataset.rid} is bound to no snapshot of the catalog.",
            "It is not released, so what it holds may change. Choose another, or have it released.",
        )
    return found


def _which(versions: Iterable[str]) -> str:
    return f"It has {', '.join(sorted(versions, key=version_key, reverse=True)[:8])}."
