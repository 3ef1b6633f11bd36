"""The mint wizard without its screen: dataset, what it needs, about it, summary, run, done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from satchel.core.errors import SatchelError
from satchel.core.flows.export import record_problems
from satchel.core.flows.flow import Flow, Page, Problem
from satchel.core.identifiers.minting import Layout, MintRequest, Way
from satchel.core.identifiers.names import service_address
from satchel.core.identifiers.place import Place, place
from satchel.core.jobs.request import Access

if TYPE_CHECKING:
    from satchel.core.deriva.datasets import Dataset
    from satchel.core.identifiers.readiness import Readiness


class MintDraft(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the person has said so far. No secret."""

    host: str = ""
    catalog: str = ""
    dataset: str = ""
    version: str = ""
    release: Literal["", "major", "minor", "patch"] = ""
    description: str = ""
    bucket: str = ""
    """Empty: as profile or catalog say."""
    endpoint: str = ""
    region: str = ""
    aws_profile: str = ""
    public_url: str = ""
    private: bool = False
    """Leave the object's rights as the bucket has them."""
    service: str = ""
    test: bool = False
    title: str = ""
    authors: tuple[str, ...] = ()
    visible_to: tuple[str, ...] = ("public",)
    way: Way = "here"
    materialize: bool = False
    layout: Layout = "complete"
    access: Access = Access()


class MintFlow(Flow):
    """The mint wizard. `datasets` and `readiness` are answers of servers; they go when they are not true any more."""

    pages = (
        Page("dataset", "Dataset", "Which dataset, and which of its versions, gets an identifier."),
        Page("needs", "What it needs", "Where the bag goes, and whether all is ready."),
        Page("about", "About it", "What people will read who find it."),
        Page("summary", "Summary", "What will happen. An identifier cannot be taken back."),
        Page("run", "Mint", "It goes on when you close this window."),
        Page("done", "Done", "The identifier, and how to cite it."),
    )

    def __init__(self, draft: MintDraft | None = None) -> None:
        super().__init__()
        self.draft = draft or MintDraft()
        self.datasets: tuple[Dataset, ...] | None = None
        self.readiness: Readiness | None = None
        self.running = False
        self.finished = False

    # -- what the person says -----------------------------------------------------------------------------------

    def set_catalog(self, host: str, catalog: str) -> None:
        """Name the catalog; forgets what is known of another one."""
        named = (host.strip().removeprefix("https://").rstrip("/"), catalog.strip())
        if named != (self.draft.host, self.draft.catalog):
            self.draft.host, self.draft.catalog = named
            self.draft.dataset = self.draft.version = ""
            self.datasets = self.readiness = None

    def set_dataset(self, rid: str, version: str) -> None:
        """Choose a dataset and one of its versions."""
        if (rid, version) != (self.draft.dataset, self.draft.version):
            if rid != self.draft.dataset:
                self.draft.title = ""
            self.draft.dataset, self.draft.version = rid, version
            self.readiness = None

    def set_release(self, part: Literal["", "major", "minor", "patch"], description: str) -> None:
        """Release the dataset as it is now, and mint for that; an empty part: mint for a version that is there."""
        if part != self.draft.release:
            self.readiness = None
        self.draft.release, self.draft.description = part, description.strip()

    def set_place(self, **said: str | bool) -> None:
        """Say where the bag goes: bucket, endpoint, region, aws_profile, public_url, private, service, test, way."""
        for name, value in said.items():
            now = value.strip() if isinstance(value, str) else value
            if getattr(self.draft, name) != now:
                setattr(self.draft, name, now)
                self.readiness = None

    @property
    def dataset(self) -> Dataset | None:
        """The dataset that is chosen, once the catalog's are known."""
        return next((one for one in self.datasets or () if one.rid == self.draft.dataset), None)

    # -- what it comes to -----------------------------------------------------------------------------------------

    def place(self) -> Place:
        """The bucket that was typed; without one an empty place. Raises SatchelError: it cannot be one."""
        draft = self.draft
        if not draft.bucket:
            return Place()
        return place(
            draft.bucket,
            endpoint=draft.endpoint,
            region=draft.region,
            aws_profile=draft.aws_profile,
            public_url=draft.public_url,
            acl="none" if draft.private else "",
        )

    def request(self) -> MintRequest:
        """The request that the draft stands for. Raises SatchelError: it makes no sense yet."""
        draft = self.draft
        return MintRequest(
            host=draft.host,
            catalog=draft.catalog,
            dataset=draft.dataset,
            version=None if draft.release else draft.version or None,
            release=draft.release,
            description=draft.description if draft.release else "",
            place=self.place(),
            service=service_address(draft.service) if draft.service else "",
            test=True if draft.test else None,
            name=draft.title.strip(),
            authors=draft.authors,
            visible_to=draft.visible_to,
            way=draft.way,
            materialize=draft.materialize,
            layout=draft.layout,
            access=draft.access,
        )

    @property
    def can_go_back(self) -> bool:
        """What was started is not changed any more."""
        return super().can_go_back and (self.current.name == "done" or not (self.running or self.finished))

    def following(self, page: str) -> str | None:
        """As the pages stand, but from "run" on only once it has ended well."""
        if page == "run" and not self.finished:
            return None
        return super().following(page)

    def problems(self, page: str) -> list[Problem]:
        """What keeps a page from being left."""
        check = {"dataset": self._dataset, "needs": self._needs, "about": self._about, "summary": self._needs}.get(page)
        return check() if check else []

    def _dataset(self) -> list[Problem]:
        draft = self.draft
        found = record_problems(draft.host, draft.catalog, draft.dataset or "0")
        if found:
            return found
        if self.datasets is None:
            return [Problem("catalog", "The catalog's datasets have not been read yet.")]
        if not draft.dataset:
            return [Problem("dataset", "Choose the dataset.")]
        if not draft.version and not draft.release:
            return [Problem("version", "Choose a version, or have the dataset released.")]
        if draft.release and not draft.description:
            return [Problem("description", "Say in a few words what is new in the version that is released.")]
        return []

    def _needs(self) -> list[Problem]:
        try:
            self.request()
        except SatchelError as error:
            field = "service" if "service" in error.message else "bucket"
            return [Problem(field, f"{error.message} {error.hint}".strip())]
        if self.readiness is None:
            return [Problem("checks", "It has not been looked yet whether all is ready.")]
        missing = next((check for check in self.readiness.checks if check.mark == "missing"), None)
        if missing is not None:
            return [Problem("checks", f"{missing.title}: {missing.message} {missing.hint}".strip())]
        return []

    def _about(self) -> list[Problem]:
        draft, found = self.draft, []
        if not draft.title.strip():
            found.append(Problem("title", "Give it a title: it is what people read in a citation."))
        if not draft.visible_to:
            found.append(Problem("visible", "Say who may see it."))
        return found

    # -- keeping it -----------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """The draft as JSON, to be kept when the wizard is closed; of one that was started only where things go."""
        draft = self.draft
        if self.running or self.finished:
            draft = msgspec.structs.replace(
                draft, dataset="", version="", release="", description="", title="", access=Access()
            )
        return msgspec.json.encode(draft)

    @staticmethod
    def load(kept: bytes) -> MintDraft:
        """A kept draft; a new one when what was kept cannot be read (it is a convenience, not data)."""
        try:
            return msgspec.json.decode(kept, type=MintDraft)
        except msgspec.MsgspecError:
            return MintDraft()
