"""What a clone is asked for, and what it has to say at the end."""

from __future__ import annotations

from typing import Literal

import msgspec

from satchel.core.clone.forecast import Forecast
from satchel.core.clone.report import CloneReport, TruncatedValue
from satchel.core.export.request import Notice, Offers
from satchel.core.jobs.request import Access, Request, Result

Assets = Literal["none", "references", "full"]
Strategy = Literal["fail", "delete", "nullify"]
Vocabularies = Literal["whole", "used", "none"]

CONCURRENCY = 6
"""Requests to the source at once, at most, unless the person says otherwise. The destination has one writer."""


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which tables and rows are taken. Tables are written `schema:table`.

    The rule is docs/reach.md's; what is not mentioned follows its defaults. Nothing that is not reached from the root
    is taken, vocabularies apart.
    """

    exclude: tuple[str, ...] = ()
    """Tables left out; nothing is reached through them either."""
    exclude_schemas: tuple[str, ...] = ()
    """Schemas left out with all of their tables."""
    include: tuple[str, ...] = ()
    """Tables that the clone has even where none of their rows is reached; vocabularies among them come whole."""
    include_schemas: tuple[str, ...] = ()
    """The same for all tables of these schemas."""
    follow: tuple[str, ...] = ()
    """Associations whose partner brings also what belongs to it, beyond the defaults."""
    stop: tuple[str, ...] = ()
    """Associations whose partner comes alone although the default is to follow."""
    vocabularies: Vocabularies = "whole"
    associations: bool = True
    """Whether tables that only connect two others come along."""
    by_annotation: bool = False
    """Take the tables and rows that the export annotation of the root's table names, where it has one, in place of the
    rule's. Associations between those tables and vocabularies that they refer to are added."""

    @property
    def offers(self) -> Offers:
        """As far as the rule itself is concerned (schemas and switches are resolved against a catalog's schema)."""
        return Offers(
            exclude=self.exclude,
            follow=self.follow,
            stop=self.stop,
            vocabularies="used" if self.vocabularies == "used" else "whole",
        )


class CloneRequest(Request, tag="clone", frozen=True, kw_only=True):
    """Make a catalog of all that is reachable from one record of another.

    `access` is how the source is reached, `dest_access` how the destination is; None: as the source.
    """

    host: str
    """The source's server; empty where the source is a bag."""
    catalog: str
    rid: str
    """The root record."""
    snapshot: str | None = None
    """A snapshot of the source; None: the newest when the job starts."""
    from_bag: str | None = None
    """A bag (folder or archive) that an export made, as the source in place of a server."""
    to_host: str | None = None
    """The destination's server; None: the source's."""
    to_catalog: str | None = None
    """An existing, empty catalog; None: a new one."""
    dest_access: Access | None = None
    selection: Selection = Selection()
    assets: Assets = "references"
    """`none`: no rows of asset tables, and what refers to them is an orphan; `references`: files stay where they are;
    `full`: files are copied to the destination's Hatrac and verified."""
    orphans: Strategy = "fail"
    """What becomes of references to rows that do not come along."""
    orphans_for: dict[str, Strategy] = msgspec.field(default_factory=dict)
    """Other strategies for some: `schema:table` for all references of that table, or `schema:constraint_name`, which
    goes before."""
    copy_annotations: bool = True
    copy_policy: bool = True
    prune_hidden_fkeys: bool = False
    """Leave out foreign keys that refer to what this user may see only row by row."""
    truncate_oversized: bool = False
    """Cut values that an index refuses, in place of telling the index to leave their column out."""
    concurrency: int = CONCURRENCY
    """Requests to the source at once, at most."""
    alias: str | None = None
    add_ml_schema: bool = True
    """Add deriva-ml's schema where the clone has none."""
    reinitialize_dataset_versions: bool = True
    """Give each dataset a new version with a snapshot that exists in the clone."""
    dry_run: bool = False
    """Make nothing; the result is the forecast."""

    @property
    def destination(self) -> str:
        """The destination's host."""
        return self.to_host or self.host

    @property
    def destination_access(self) -> Access:
        """How the destination is reached."""
        return self.access if self.dest_access is None else self.dest_access

    @property
    def title(self) -> str:
        """For example "Clone 1-ABCD from host, catalog 1, to other"."""
        source = f"the bag {self.from_bag}" if self.from_bag else f"{self.rid} from {self.host}, catalog {self.catalog}"
        there = f", catalog {self.to_catalog}" if self.to_catalog else ""
        return f"Clone {source}, to {self.destination}{there}"


class CloneResult(Result, tag="clone", frozen=True, kw_only=True):
    """What was made."""

    catalog_id: str
    """Empty after a dry run."""
    hostname: str
    report: CloneReport
    verified: bool
    """Every table has as many rows as it should have, and their digests are the source's."""
    alias: str | None = None
    """Only where it was made."""
    source_hostname: str = ""
    source_catalog_id: str = ""
    source_snapshot: str | None = None
    root_rid: str = ""
    asset_mode: str = "references"
    schema_only: bool = False
    ml_schema_added: bool = False
    datasets_reinitialized: int = 0
    orphan_rows_removed: int = 0
    orphan_rows_nullified: int = 0
    fkeys_pruned: int = 0
    rows_skipped: int = 0
    truncated_values: tuple[TruncatedValue, ...] = ()
    forecast: Forecast | None = None
    """After a dry run."""
    warnings: tuple[Notice, ...] = ()

    @property
    def url(self) -> str:
        """The clone's address."""
        return f"https://{self.hostname}/ermrest/catalog/{self.catalog_id}"
