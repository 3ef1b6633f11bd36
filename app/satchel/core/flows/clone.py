"""The clone wizard without its screen: what, take, forecast, destination, summary, run, result.

`foretold` is what a clone of the draft would do to references that lead nowhere, `checked` the same with a look at the
destination. Both are answers of servers and are dropped whenever the draft changes in a way that makes them untrue.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from satchel.core.clone.forecast import Forecast
from satchel.core.clone.request import CONCURRENCY, Assets, CloneRequest, Selection, Strategy
from satchel.core.export.request import ExportRequest, Offers, Vocabularies
from satchel.core.flows.export import Found, Size, catalog_problems, record_problems
from satchel.core.flows.flow import Flow, Page, Problem
from satchel.core.jobs.request import Access

_ALIAS = re.compile(r"[A-Za-z0-9._-]{1,64}")
Where = Literal["new", "existing"]


class CloneDraft(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the person has said so far."""

    host: str = ""
    catalog: str = ""
    rid: str = ""
    snapshot: str | None = None
    offers: Offers = Offers()
    access: Access = Access()
    from_bag: str | None = None
    """The bag that is the source in place of a catalog; empty: one that has not been chosen yet."""
    associations: bool = True
    by_annotation: bool = False
    assets: Assets = "references"
    orphans: Strategy = "fail"
    orphans_for: dict[str, Strategy] = msgspec.field(default_factory=dict)
    to_host: str = ""
    """Empty: the source's."""
    to_access: Access = Access()
    where: Where = "new"
    to_catalog: str = ""
    alias: str = ""
    copy_annotations: bool = True
    copy_policy: bool = True
    prune_hidden_fkeys: bool = False
    truncate_oversized: bool = False
    add_ml_schema: bool = True
    new_versions: bool = True
    concurrency: int = CONCURRENCY


class CloneFlow(Flow):
    """The clone wizard.

    Args:
        draft: where to begin; a new one when None.
    """

    pages = (
        Page("what", "Source and root", "One record. The clone will hold it, and all that belongs to it."),
        Page("take", "What to take", "The rows that come along. Untick what you do not want."),
        Page(
            "forecast", "What will dangle", "References to rows that do not come along, and what is to become of them."
        ),
        Page("destination", "Destination", "Where the clone is made, and how."),
        Page("summary", "Summary", "What will happen. Nothing has been made yet."),
        Page("run", "Clone", "The clone runs on when you close this window."),
        Page("result", "Result", "What was made, and what to look at."),
    )

    def __init__(self, draft: CloneDraft | None = None) -> None:
        super().__init__()
        self._draft = draft or CloneDraft()
        self.found: Found | None = None
        self.size: Size | None = None
        self.foretold: Forecast | None = None
        self.checked: Forecast | None = None
        self.running = False
        """A clone was started and has not ended yet."""
        self.finished = False
        """It has ended, and well."""

    @property
    def draft(self) -> CloneDraft:
        """What the person has said so far."""
        return self._draft

    # -- what the person says -------------------------------------------------------------------------------------

    def set_record(self, host: str, catalog: str, rid: str) -> None:
        """Name the record; forgets what was found and chosen for another one."""
        draft = self.draft
        named = (host.strip().removeprefix("https://").rstrip("/"), catalog.strip(), rid.strip().upper())
        if named != (draft.host, draft.catalog, draft.rid):
            draft.offers = Offers(vocabularies=draft.offers.vocabularies)
            draft.orphans_for = {}
            draft.snapshot = None
            draft.host, draft.catalog, draft.rid = named
            self.found = self.size = None
            self._selected()

    def set_bag(self, path: str | None) -> None:
        """Take a bag as the source; None: a record of a catalog."""
        if path != self.draft.from_bag:
            self.draft.from_bag = path
            self.draft.orphans_for = {}
            self._selected()

    def set_included(self, table: str, included: bool) -> None:
        """Tick or untick a table."""
        kept = tuple(t for t in self.draft.offers.exclude if t != table)
        self._offer(msgspec.structs.replace(self.draft.offers, exclude=kept if included else (*kept, table)))

    def set_followed(self, association: str, followed: bool, default: bool) -> None:
        """Take or leave "and what belongs to them" of an association; `default` is what the rule would do."""
        follow = tuple(t for t in self.draft.offers.follow if t != association)
        stop = tuple(t for t in self.draft.offers.stop if t != association)
        if followed != default:
            follow, stop = ((*follow, association), stop) if followed else (follow, (*stop, association))
        self._offer(msgspec.structs.replace(self.draft.offers, follow=follow, stop=stop))

    def set_vocabularies(self, which: Vocabularies) -> None:
        """Whole vocabularies, or only the terms that are used."""
        self._offer(msgspec.structs.replace(self.draft.offers, vocabularies=which))

    def set_assets(self, assets: Assets) -> None:
        """Rows of asset tables not at all, with the files' addresses, or with the files."""
        if assets != self.draft.assets:
            before, self.draft.assets = self.draft.assets, assets
            if "none" in (before, assets):  # asset rows come or go, and what refers to them with them
                self._selected()
            self.checked = None

    def set_strategy(self, strategy: Strategy, key: str | None = None) -> None:
        """What becomes of references that lead nowhere: for one foreign key, or for all that have none of their own."""
        if key is None:
            self.draft.orphans = strategy
        else:
            self.draft.orphans_for = {**self.draft.orphans_for, key: strategy}
        self.foretold = self.checked = None

    def unset_strategy(self, key: str) -> None:
        """A foreign key follows the strategy for all again."""
        self.draft.orphans_for = {name: one for name, one in self.draft.orphans_for.items() if name != key}
        self.foretold = self.checked = None

    def set_destination(self, host: str, where: Where, catalog: str, alias: str) -> None:
        """Where the clone is made."""
        draft = self.draft
        said = (host.strip().removeprefix("https://").rstrip("/"), where, catalog.strip(), alias.strip())
        if said != (draft.to_host, draft.where, draft.to_catalog, draft.alias):
            draft.to_host, draft.where, draft.to_catalog, draft.alias = said
            self.checked = None

    def set_option(self, name: str, value: bool) -> None:
        """One of the switches of the destination page, by its name in the draft."""
        if getattr(self.draft, name) is not value:
            setattr(self.draft, name, value)
            self.checked = None
            if name in ("prune_hidden_fkeys", "associations", "by_annotation"):
                self._selected()

    def _offer(self, offers: Offers) -> None:
        if offers != self.draft.offers:
            self.draft.offers = offers
            self._selected()

    def _selected(self) -> None:
        """Other rows come along: what was foretold of them is not true any more."""
        self.foretold = self.checked = None
        self.reading += 1

    reading = 0
    """Counts the choices that want the source read again; a forecast belongs to one of them."""

    # -- what it comes to -----------------------------------------------------------------------------------------

    def preview_request(self) -> ExportRequest:
        """What the tree of page two is asked for: an export's preview, by the same rule."""
        draft = self.draft
        return ExportRequest(
            host=draft.host,
            catalog=draft.catalog,
            rid=draft.rid,
            out="",
            snapshot=draft.snapshot,
            offers=draft.offers,
            access=draft.access,
        )

    def request(self) -> CloneRequest:
        """The request that the draft stands for."""
        draft, offers = self.draft, self.draft.offers
        existing, of_bag = draft.where == "existing", draft.from_bag is not None
        other = of_bag or (bool(draft.to_host) and draft.to_host != draft.host)
        return CloneRequest(
            host="" if of_bag else draft.host,
            catalog="" if of_bag else draft.catalog,
            rid="" if of_bag else draft.rid,
            snapshot=None if of_bag else draft.snapshot,
            from_bag=draft.from_bag,
            access=draft.to_access if of_bag else draft.access,
            to_host=draft.to_host if other else None,
            to_catalog=draft.to_catalog if existing else None,
            dest_access=draft.to_access if other and not of_bag else None,
            selection=Selection(
                exclude=offers.exclude,
                follow=offers.follow,
                stop=offers.stop,
                vocabularies=offers.vocabularies,
                associations=draft.associations,
                by_annotation=draft.by_annotation,
            ),
            assets=draft.assets,
            orphans=draft.orphans,
            orphans_for=dict(draft.orphans_for),
            copy_annotations=draft.copy_annotations,
            copy_policy=draft.copy_policy,
            prune_hidden_fkeys=draft.prune_hidden_fkeys,
            truncate_oversized=draft.truncate_oversized,
            concurrency=draft.concurrency,
            alias=draft.alias or None,
            add_ml_schema=draft.add_ml_schema,
            reinitialize_dataset_versions=draft.new_versions,
        )

    def again(self) -> None:
        """Back to the forecast with everything as it is, to clone once more with another strategy."""
        self.running = self.finished = False
        self.checked = None
        self._trail = ["what", "take", "forecast"]

    @property
    def can_go_back(self) -> bool:
        """From the end to how it went; but what was started is not changed any more."""
        return super().can_go_back and (self.current.name == "result" or not (self.running or self.finished))

    def following(self, page: str) -> str | None:
        """As the pages stand, but a clone that has ended goes from "run" to "result" only once it has."""
        if page == "run" and not self.finished:
            return None
        if page == "what" and self.draft.from_bag is not None:  # all that is in it is taken
            return "forecast"
        return super().following(page)

    def problems(self, page: str) -> list[Problem]:
        """What keeps a page from being left."""
        check = {
            "what": self._what,
            "take": self._take,
            "forecast": self._forecast,
            "destination": self._destination,
            "summary": self._summary,
        }.get(page)
        return check() if check else []

    def _what(self) -> list[Problem]:
        if self.draft.from_bag is not None:
            if not self.draft.from_bag:
                return [Problem("from_bag", "Choose the bag, its archive or its folder.")]
            there = Path(self.draft.from_bag).exists()
            return [] if there else [Problem("from_bag", f"There is no {self.draft.from_bag}.")]
        found = record_problems(self.draft.host, self.draft.catalog, self.draft.rid)
        if not found and self.found is None:
            found.append(Problem("rid", "The record has not been looked up yet."))
        return found

    def _take(self) -> list[Problem]:
        return [] if self.size is not None else [Problem("preview", "The server has not been asked yet.")]

    def _forecast(self) -> list[Problem]:
        return [] if self.foretold is not None else [Problem("forecast", "It has not been worked out yet.")]

    def _destination(self) -> list[Problem]:
        draft = self.draft
        catalog = draft.to_catalog if draft.where == "existing" else "1"
        told = {"host": "to_host", "catalog": "to_catalog"}
        host = draft.to_host if draft.from_bag is not None else draft.to_host or draft.host
        found = [Problem(told[p.field], p.message) for p in catalog_problems(host, catalog)]
        same = draft.from_bag is None and host == draft.host
        if draft.where == "existing" and same and draft.to_catalog == draft.catalog:
            found.append(Problem("to_catalog", "This is the source itself."))
        if draft.alias and not _ALIAS.fullmatch(draft.alias):
            found.append(Problem("alias", "An alias has letters, digits, dots, dashes and underscores, at most 64."))
        elif draft.alias.isdigit():
            found.append(Problem("alias", "An alias cannot be a number."))
        return found

    def _summary(self) -> list[Problem]:
        if self.checked is None:
            return [Problem("check", "The destination has not been looked at yet.")]
        return [Problem("check", right.message) for right in self.checked.rights if right.fatal]

    # -- keeping it -----------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """The draft as JSON, to be kept when the wizard is closed; of a clone that was started only how."""
        draft = msgspec.structs.replace(self.draft, snapshot=None)
        if self.running or self.finished:
            draft = msgspec.structs.replace(
                draft,
                host="",
                catalog="",
                rid="",
                from_bag=None,
                offers=Offers(),
                orphans_for={},
                access=Access(),
                alias="",
            )
        return msgspec.json.encode(draft)

    @staticmethod
    def load(kept: bytes) -> CloneDraft:
        """A kept draft; a new one when what was kept cannot be read (it is a convenience, not data)."""
        try:
            return msgspec.json.decode(kept, type=CloneDraft)
        except msgspec.DecodeError:
            return CloneDraft()
