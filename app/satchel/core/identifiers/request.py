"""What receiving an identifier is asked for, and what comes of it."""

from __future__ import annotations

from typing import Any

from satchel.core.bags.validate import Level, ValidateResult
from satchel.core.identifiers.record import Checksum
from satchel.core.jobs.request import Request, Result


class ResolveRequest(Request, tag="resolve", frozen=True, kw_only=True):
    """Say what an identifier is; fetch what it names; check that."""

    identifier: str
    """In any form, as it was typed or pasted."""
    service: str = ""
    """The address of the service to ask first; empty: the one of the profile, then the public one."""
    out: str = ""
    """The folder to download into; empty: nothing is downloaded, or, to be opened, into Satchel's own folder."""
    open: bool = False
    """Download it, and check the bag that it is."""
    level: Level = "full"
    allow_private: bool = False
    """Download from this computer and from its local network, whoever leads there."""
    any_size: bool = False
    """Unpack the archive to check it however large it grows."""

    @property
    def title(self) -> str:
        """For example "Receive minid:b9abc"."""
        shown = " ".join(self.identifier.split())[:60]
        return f"{'Receive' if self.open or self.out else 'Look up'} {shown}"


class ResolveResult(Result, tag="resolve", frozen=True, kw_only=True):
    """What is known of the identifier; with a download where it is, with a check what that found."""

    identifier: str
    """`ark:/57799/b9...`"""
    compact: str
    landing_page: str
    service: str
    name: str
    """The title that it was registered with."""
    locations: tuple[str, ...]
    checksum: str | None
    """sha256, hexadecimal; None where none is registered."""
    checksums: tuple[Checksum, ...]
    length: int | None
    metadata: dict[str, Any]
    active: bool
    replaces: str | None
    replaced_by: str | None
    created: str
    created_by: str

    archive: str | None = None
    """The downloaded file: as long as was registered, with the registered checksum."""
    location: str | None = None
    """Where it came from."""
    downloaded: bool = False
    """False where the same file was there already."""

    validation: ValidateResult | None = None
    """What the check has found, where it was opened."""
