"""What the run of an export spec is asked for, and what it has to say at the end."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from satchel.core.export.request import AssetChoice, AssetProblem, Notice, TableResult
from satchel.core.jobs.request import Request, Result

SpecArchive = Literal["spec", "none", "zip", "tar", "tgz", "bz2", "xz"]


class SpecRequest(Request, tag="export-spec", frozen=True, kw_only=True):
    """Export what a spec describes (docs/specs.md), on this computer or through the server's export service."""

    host: str
    catalog: str
    spec: dict[str, Any]
    """The spec itself, a JSON object as deriva-download-cli takes it. `satchel.core.export.spec.reading` reads one."""
    out: str
    """The folder in which the bag, its archive, or the files are made."""
    env: dict[str, str] = msgspec.field(default_factory=dict)
    """Values for placeholders; those that the spec's own `env` names are the spec's, as in deriva-py."""
    label: str = ""
    """What people call the spec: its file's name, or a template's display name."""
    file: str = ""
    """Where the spec was read from; empty: from nowhere, or it was changed since."""
    table: str | None = None
    """`schema:table` where the spec was made from a template of that table."""
    rid: str | None = None
    """The record where it was made for one."""
    snapshot: str | None = None
    """None: the catalog as it is, as deriva-py reads it; where it changes meanwhile, its state at the start."""
    archive: SpecArchive = "spec"
    """`spec`: as the spec says (`bag_archiver`)."""
    algorithms: tuple[str, ...] = ()
    """Of the manifests. Empty: as the spec says (`bag_algorithms`)."""
    name: str | None = None
    """The bag's name, or a pattern with placeholders for it; None: as the spec says (`bag_name`)."""
    materialize: bool = False
    """Put assets that the spec lists into the bag."""
    assets: AssetChoice = AssetChoice()
    """Which of them, where `materialize` is set."""
    keep_fetch: bool = False
    """Files that are put into the bag stay listed in fetch.txt, as bdbag leaves it; deriva-ml's reader looks there."""
    info: tuple[tuple[str, str], ...] = ()
    """Further fields of bag-info.txt, such as who made it; `bag_metadata` of the spec wins."""
    ro_crate: bool = False
    """Describe the bag by an RO-Crate as well."""
    timeout: float | None = None
    """Seconds without a word from the server after which a query is given up; None: a minute."""
    server_side: bool = False
    """Have the server's export service make it."""
    use_cache: bool = True
    """Answer with a bag that was made before of the same spec and snapshot."""

    @property
    def title(self) -> str:
        """For example "Export spec.json from host, catalog 1"."""
        what = " ".join(filter(None, [self.label or "a spec", f"of {self.table}" if self.table else "", self.rid]))
        return f"Export {what} from {self.host}, catalog {self.catalog}"


class OutputResult(msgspec.Struct, frozen=True, kw_only=True):
    """One file that a spec has made."""

    path: str
    """Below `data/` of the bag, or below the output folder."""
    bytes: int
    url: str = ""
    """The query that it came from."""
    rows: int | None = None
    """Of a table or a stream of objects, where they were counted."""


class SpecResult(Result, tag="export-spec", frozen=True, kw_only=True):
    """What was made."""

    bag: str | None
    """The bag's folder; None when there is no bag or only its archive was kept."""
    archive: str | None
    snapshot: str | None
    """The state of the catalog that it holds."""
    valid: bool
    complete: bool
    """Nothing that the spec asks for is missing."""
    cached: bool
    rows: int
    bytes: int
    tables: tuple[TableResult, ...] = ()
    """The tables among the outputs, named by their paths."""
    outputs: tuple[OutputResult, ...] = ()
    files: tuple[str, ...] = ()
    """What a spec without a bag has made."""
    identifiers: tuple[str, ...] = ()
    """Minted by a post-processor."""
    remote: tuple[str, ...] = ()
    """Addresses that a post-processor has uploaded to, or the server gives."""
    problems: tuple[AssetProblem, ...] = ()
    warnings: tuple[Notice, ...] = ()
