"""The export wizard without its screen: what, preview, options, run, done.

The draft is all that the person has said so far. It is written to JSON when the wizard is closed and read back when it
is opened again, so closing loses nothing. `found` and `size` are answers of the server; they are dropped whenever the
draft changes in a way that makes them untrue.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from satchel.core.bags.names import safe_name
from satchel.core.deriva.names import TableName
from satchel.core.export.datasets.request import DatasetRequest
from satchel.core.export.request import Archive, AssetChoice, ExportRequest, Offers, Vocabularies
from satchel.core.flows.flow import Flow, Page, Problem
from satchel.core.jobs.request import Access

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")
_RID = re.compile(r"[0-9A-HJKMNP-TV-Z]+(-[0-9A-HJKMNP-TV-Z]+)*", re.IGNORECASE)
ALGORITHMS = ("md5", "sha256", "sha512")
What = Literal["record", "dataset"]
USUAL: dict[What, tuple[str, ...]] = {"record": ("md5", "sha256"), "dataset": ("md5",)}
"""Checksums, unless the person says otherwise; those of datasets are deriva-ml's."""


class ExportDraft(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the person has said so far."""

    host: str = ""
    catalog: str = ""
    what: What = "record"
    rid: str = ""
    dataset: str = ""
    """The dataset's RID, where `what` says so."""
    version: str = ""
    server_side: bool = False
    snapshot: str | None = None
    offers: Offers = Offers()
    archive: Archive = "zip"
    materialize: bool = False
    algorithms: tuple[str, ...] = ("md5", "sha256")
    out: str = ""
    name: str = ""
    access: Access = Access()
    assets: AssetChoice = AssetChoice()
    """Which are put inside, where `materialize` is set."""
    info: tuple[tuple[str, str], ...] = ()
    """Fields of bag-info.txt, such as who made it."""
    ro_crate: bool = False


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The record that the RID names."""

    table: TableName
    title: str
    """How the window calls it: the table's display name and the RID."""


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """Where to make a dataset's bag, as far as can be said beforehand."""

    where: str
    """`here` or `server`."""
    reason: str
    seconds_here: float
    seconds_server: float


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """What the preview says about the size of the bag, in bytes; None: not known."""

    rows: int
    records: int | None
    assets: int


class ExportFlow(Flow):
    """The export wizard.

    Args:
        draft: where to begin; a new one when None.
        name_of: gives the bag's name for a request and the root's table, as the export itself will.
    """

    pages = (
        Page("what", "What to export", "One record and all that belongs to it, or a version of a dataset."),
        Page("preview", "Preview", "What the bag will hold. Untick what you do not want."),
        Page("options", "Options", "Where the bag goes and how it is packed."),
        Page("run", "Export", "The export runs on when you close this window."),
        Page("done", "Done", "What was made, and what to do with it."),
    )

    def __init__(
        self, draft: ExportDraft | None = None, name_of: Callable[[ExportRequest, TableName], str] | None = None
    ):
        super().__init__()
        self.draft = draft or ExportDraft()
        self.found: Found | None = None
        self.size: Size | None = None
        self.proposed: Proposed | None = None
        """Of a dataset, once it was estimated."""
        self.running = False
        """An export was started and has not ended yet."""
        self.finished = False
        """It has ended, and well."""
        self._name_of = name_of

    # -- what the person says -----------------------------------------------------------------------------------

    def set_record(self, host: str, catalog: str, rid: str) -> None:
        """Name the record; forgets what was found for another one."""
        named = (host.strip().removeprefix("https://").rstrip("/"), catalog.strip(), rid.strip().upper())
        if named[:2] != (self.draft.host, self.draft.catalog):
            self.draft.dataset = self.draft.version = ""
        if named != (self.draft.host, self.draft.catalog, self.draft.rid):
            self.draft.offers = Offers(vocabularies=self.draft.offers.vocabularies)
            self.draft.snapshot = None
            self.draft.host, self.draft.catalog, self.draft.rid = named
            self.found = self.size = self.proposed = None

    def set_what(self, what: What) -> None:
        """A record, or a dataset; what was found out about the other is forgotten."""
        if what != self.draft.what:
            self.draft.what = what
            self.size = self.proposed = None
            usual, others = USUAL[what], USUAL["record" if what == "dataset" else "dataset"]
            if self.draft.algorithms == others:
                self.draft.algorithms = usual

    def set_dataset(self, rid: str, version: str) -> None:
        """Choose a dataset and one of its versions; empty: none."""
        if (rid, version) != (self.draft.dataset, self.draft.version):
            self.draft.dataset, self.draft.version = rid, version
            self.size = self.proposed = None

    def set_included(self, table: str, included: bool) -> None:
        """Tick or untick a table of the preview."""
        kept = tuple(t for t in self.draft.offers.exclude if t != table)
        self.draft.offers = msgspec.structs.replace(self.draft.offers, exclude=kept if included else (*kept, table))

    def set_followed(self, association: str, followed: bool, default: bool) -> None:
        """Take or leave "and what belongs to them" of an association; `default` is what the rule would do."""
        follow = tuple(t for t in self.draft.offers.follow if t != association)
        stop = tuple(t for t in self.draft.offers.stop if t != association)
        if followed != default:
            follow, stop = ((*follow, association), stop) if followed else (follow, (*stop, association))
        self.draft.offers = msgspec.structs.replace(self.draft.offers, follow=follow, stop=stop)

    def set_vocabularies(self, which: Vocabularies) -> None:
        """Whole vocabularies, or only the terms that are used."""
        self.draft.offers = msgspec.structs.replace(self.draft.offers, vocabularies=which)

    # -- what it comes to -----------------------------------------------------------------------------------------

    def request(self) -> ExportRequest | DatasetRequest:
        """The request that the draft stands for."""
        return self.dataset_request() if self.draft.what == "dataset" else self.preview_request()

    def dataset_request(self) -> DatasetRequest:
        """The export of the dataset that was chosen."""
        draft = self.draft
        return DatasetRequest(
            host=draft.host,
            catalog=draft.catalog,
            dataset=draft.dataset,
            version=draft.version or None,
            out=draft.out,
            archive=draft.archive,
            algorithms=draft.algorithms,
            name=draft.name.strip() or None,
            materialize=draft.materialize,
            assets=draft.assets,
            info=draft.info,
            ro_crate=draft.ro_crate,
            server_side=draft.server_side,
            access=draft.access,
        )

    def preview_request(self) -> ExportRequest:
        """The export of the record: what the preview is asked for."""
        draft = self.draft
        return ExportRequest(
            host=draft.host,
            catalog=draft.catalog,
            rid=draft.rid,
            out=draft.out,
            snapshot=draft.snapshot,
            offers=draft.offers,
            archive=draft.archive,
            materialize=draft.materialize,
            algorithms=draft.algorithms,
            name=draft.name.strip() or None,
            assets=draft.assets,
            info=draft.info,
            ro_crate=draft.ro_crate,
            server_side=draft.server_side and draft.what == "record",
            access=draft.access,
        )

    def target(self) -> Path | None:
        """The file or folder that the export will make; None while that cannot be said."""
        ending = {"zip": ".zip", "tgz": ".tgz", "none": ""}[self.draft.archive]
        if self.draft.what == "dataset":
            name = safe_name(self.draft.name.strip() or f"Dataset_{self.draft.dataset}", "bag")
            return Path(self.draft.out) / (name + ending) if self.draft.out and self.draft.dataset else None
        if not self.draft.out or self.found is None or self._name_of is None:
            return None
        return Path(self.draft.out) / (self._name_of(self.preview_request(), self.found.table) + ending)

    def needed_bytes(self) -> int:
        """About how much disk the export needs while it runs: the bag and, where one is made, its archive."""
        if self.size is None:
            return 0
        bag = (self.size.records or 0) + (self.size.assets if self.draft.materialize else 0)
        return bag * (1 if self.draft.archive == "none" else 2)

    @property
    def current(self) -> Page:
        """The page that is shown; of a dataset there is nothing to leave out."""
        page = super().current
        if page.name == "preview" and self.draft.what == "dataset":
            return Page(page.name, page.title, "What the bag will hold, and about how long it takes to make.")
        return page

    @property
    def index(self) -> int:
        """The current page's place among all pages, from 0."""
        return [page.name for page in self.pages].index(self.current.name)

    @property
    def can_go_back(self) -> bool:
        """From the end to how it went; but what was started is not changed any more."""
        return super().can_go_back and (self.current.name == "done" or not (self.running or self.finished))

    def following(self, page: str) -> str | None:
        """As the pages stand, but an export that has ended goes from "run" to "done" only once it has."""
        if page == "run" and not self.finished:
            return None
        return super().following(page)

    def problems(self, page: str) -> list[Problem]:
        """What keeps a page from being left."""
        check = {"what": self._what, "preview": self._preview, "options": self._options}.get(page)
        return check() if check else []

    def _what(self) -> list[Problem]:
        if self.draft.what == "dataset":
            wrong = catalog_problems(self.draft.host, self.draft.catalog)
            if not wrong and not self.draft.dataset:
                wrong.append(Problem("dataset", "Choose a dataset and one of its versions."))
            return wrong
        found = record_problems(self.draft.host, self.draft.catalog, self.draft.rid)
        if not found and self.found is None:
            found.append(Problem("rid", "The record has not been looked up yet."))
        return found

    def _preview(self) -> list[Problem]:
        return [] if self.size is not None else [Problem("preview", "The server has not been asked yet.")]

    def _options(self) -> list[Problem]:
        draft, found = self.draft, []
        if not draft.algorithms:
            found.append(Problem("algorithms", "Choose at least one kind of checksum."))
        if not draft.out:
            found.append(Problem("out", "Choose the folder that the bag goes into."))
            return found
        folder = Path(draft.out)
        if not folder.is_absolute():
            found.append(Problem("out", "Give the folder's whole path."))
        elif not folder.exists():
            found.append(Problem("out", f"There is no folder {folder}."))
        elif not folder.is_dir():
            found.append(Problem("out", f"{folder} is a file, not a folder."))
        elif not os.access(folder, os.W_OK | os.X_OK):
            found.append(Problem("out", f"You may not write into {folder}."))
        if found:
            return found
        target = self.target()
        if target is not None and os.path.lexists(target):
            found.append(Problem("name", f"{target.name} is already there; choose another name or folder."))
        free = shutil.disk_usage(folder).free
        if self.needed_bytes() > free:
            found.append(
                Problem("out", f"The export needs about {self.needed_bytes():,} bytes and {free:,} are free there.")
            )
        return found

    # -- keeping it -----------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """The draft as JSON, to be kept when the wizard is closed.

        Of an export that was started only how it was packed is kept, for the next one. A snapshot is not kept: who
        comes back later wants what is there then.
        """
        draft = msgspec.structs.replace(self.draft, snapshot=None)
        if self.running or self.finished:
            draft = msgspec.structs.replace(
                draft, host="", catalog="", rid="", dataset="", version="", offers=Offers(), name="", access=Access()
            )
        return msgspec.json.encode(draft)

    @staticmethod
    def load(kept: bytes) -> ExportDraft:
        """A kept draft; a new one when what was kept cannot be read (it is a convenience, not data)."""
        try:
            return msgspec.json.decode(kept, type=ExportDraft)
        except msgspec.DecodeError:
            return ExportDraft()


def record_problems(host: str, catalog: str, rid: str) -> list[Problem]:
    """What keeps these from naming a record, before any server is asked."""
    found = catalog_problems(host, catalog)
    if not rid:
        found.append(Problem("rid", "Give the RID of the record, the short identifier that every row has."))
    elif not _RID.fullmatch(rid):
        found.append(Problem("rid", f"{rid} is not a RID: those are digits and letters such as 1-ABCD."))
    return found


def catalog_problems(host: str, catalog: str) -> list[Problem]:
    """What keeps these from naming a catalog, before any server is asked."""
    found = []
    if not host:
        found.append(Problem("host", "Give the server's name, for example www.eye-ai.org."))
    elif not _HOST.fullmatch(host):
        found.append(Problem("host", f"{host} is not a server's name; leave out everything but host and port."))
    if not catalog:
        found.append(Problem("catalog", "Give the catalog's number or alias."))
    elif "/" in catalog or "@" in catalog:
        found.append(Problem("catalog", "Give the catalog's number or alias alone, without path or snapshot."))
    return found
