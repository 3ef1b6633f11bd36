"""What minting is asked for, and what comes of it."""

from __future__ import annotations

from typing import Literal

from satchel.core.export.request import Offers
from satchel.core.identifiers.place import Place
from satchel.core.jobs.request import Request, Result

Way = Literal["here", "server"]
Layout = Literal["complete", "deriva-ml"]


class MintRequest(Request, tag="mint", frozen=True, kw_only=True):
    """Give a version of a dataset an identifier: make its bag, put it where all can get it, register that."""

    host: str
    catalog: str
    dataset: str
    """The dataset's RID."""
    version: str | None = None
    """None: the newest that is released."""
    release: Literal["", "major", "minor", "patch"] = ""
    """Release the dataset as it is now, raising this part of its version's number, and mint for that."""
    description: str = ""
    """Of the version that is released."""
    place: Place = Place()
    """Without a bucket: as the lab's profile says, else as the Dataset table's export annotation does."""
    service: str = ""
    """The identifier service; empty: the profile's, else the public one."""
    test: bool | None = None
    """A test identifier; None: as the profile says, else a real one."""
    name: str = ""
    """The title; empty: made of dataset, version and description."""
    authors: tuple[str, ...] = ()
    """`Family, Given`; empty: the profile's."""
    visible_to: tuple[str, ...] = ("public",)
    """Who sees what is registered: `public`, or principals as the service names them."""
    way: Way = "here"
    """`here`: this computer makes and uploads the bag; `server`: the catalog's export service does."""
    layout: Layout = "complete"
    """Of a bag that is made here: `complete` holds all that is reachable; `deriva-ml` is what deriva-ml's own programs
    open, which follow the identifier of a version."""
    offers: Offers = Offers()
    materialize: bool = False
    algorithms: tuple[str, ...] = ("md5", "sha256")
    replace: bool = False
    """Mint a new one although the one that is there was made by other software, so that nobody knows its spec."""
    incomplete: bool = False
    """Mint although files of the bag could not be had."""

    @property
    def title(self) -> str:
        """For example "Mint an identifier for 1-ABCD, version 1.0.0"."""
        version = f", version {self.version}" if self.version else ", a new version" if self.release else ""
        return f"Mint an identifier for {self.dataset}{version}"


class MintResult(Result, tag="mint", frozen=True, kw_only=True):
    """The identifier."""

    identifier: str
    """`ark:/57799/b9...`"""
    compact: str
    """`minid:b9...`"""
    landing_page: str
    """What is written into the dataset's version."""
    reused: bool
    """It was there already, for this version and spec; nothing was minted."""
    replaced: str | None = None
    """The identifier that the version had before, for another spec."""
    host: str
    catalog: str
    dataset: str
    version: str
    snapshot: str
    spec_hash: str
    name: str = ""
    authors: tuple[str, ...] = ()
    created: str = ""
    created_by: str = ""
    locations: tuple[str, ...] = ()
    checksum: str | None = None
    """sha256, hexadecimal."""
    length: int | None = None
    recorded: bool = True
    """It is in the dataset's version in the catalog."""
    way: Way = "here"
