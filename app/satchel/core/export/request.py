"""What an export is asked for, and what it has to say at the end."""

from __future__ import annotations

from typing import Literal

import msgspec

from satchel.core.jobs.request import Request, Result

Archive = Literal["zip", "tgz", "none"]
Vocabularies = Literal["whole", "used"]


class Offers(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The person's choices over the rule of what is reachable (docs/reach.md).

    Tables are written `schema:table`. What is not mentioned follows the rule's defaults.
    """

    exclude: tuple[str, ...] = ()
    """Tables left out; nothing is reached through them either."""
    follow: tuple[str, ...] = ()
    """Associations whose partner brings also what belongs to it, beyond the defaults."""
    stop: tuple[str, ...] = ()
    """Associations whose partner comes alone although the default is to follow."""
    vocabularies: Vocabularies = "whole"


class AssetChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which assets are put into a bag that takes any; those that are not are listed by their addresses.

    An asset is put inside where all that is given holds; with nothing given, all are.
    """

    tables: tuple[str, ...] = ()
    """Only those of these tables (`schema:table`)."""
    patterns: tuple[str, ...] = ()
    """Only those whose path in the bag, or whose file name, is like one of these (`*.png`)."""
    largest: int | None = None
    """Only files of at most so many bytes; those of unknown length are not."""
    bytes: int | None = None
    """Only so many bytes of them all, in the order of the bag's paths within each table."""
    count: int | None = None
    """Only so many of them all."""


class ExportRequest(Request, tag="export", frozen=True, kw_only=True):
    """Export all that is reachable from one record as a BDBag."""

    host: str
    catalog: str
    rid: str
    out: str
    """The folder in which the bag (or its archive) is made."""
    snapshot: str | None = None
    """A snapshot of the catalog; None: the newest when the job starts."""
    offers: Offers = Offers()
    archive: Archive = "zip"
    materialize: bool = False
    algorithms: tuple[str, ...] = ("md5", "sha256")
    name: str | None = None
    """The bag's name; None: made from catalog, table and RID."""
    assets: AssetChoice = AssetChoice()
    """Which assets are put inside, where `materialize` is set."""
    info: tuple[tuple[str, str], ...] = ()
    """Further fields of bag-info.txt, such as who made it."""
    ro_crate: bool = False
    """Describe the bag by an RO-Crate as well."""
    server_side: bool = False
    """Have the server's export service make it."""
    use_cache: bool = True
    """Answer with a bag that was made before of the same record, choices and snapshot."""

    @property
    def title(self) -> str:
        """For example "Export 1-ABCD from host, catalog 1"."""
        return f"Export {self.rid} from {self.host}, catalog {self.catalog}"


class TableResult(msgspec.Struct, frozen=True, kw_only=True):
    """One table in the bag."""

    table: str
    rows: int
    bytes: int
    assets: int = 0
    asset_bytes: int = 0


class AssetProblem(msgspec.Struct, frozen=True, kw_only=True):
    """An asset that the bag lacks, and why."""

    table: str
    rid: str
    url: str
    reason: str
    """`missing`, `checksum`, `length`, `not-allowed`, `no-checksum` or `unusable`."""
    message: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A warning of the run, kept with its result."""

    code: str
    message: str
    where: str = ""
    hint: str = ""


class ExportResult(Result, tag="export", frozen=True, kw_only=True):
    """What was made."""

    bag: str | None
    """The bag's folder; None when only the archive was kept."""
    archive: str | None
    snapshot: str
    valid: bool
    """Structure and checksums of all that is in the bag were verified."""
    complete: bool
    """No row and no asset is missing from the bag (assets by reference count as missing only when they are gone)."""
    cached: bool
    rows: int
    bytes: int
    tables: tuple[TableResult, ...]
    hidden: tuple[str, ...] = ()
    """Tables that the rule leads to and that this user may not read."""
    problems: tuple[AssetProblem, ...] = ()
    warnings: tuple[Notice, ...] = ()
