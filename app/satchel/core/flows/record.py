"""What wizards have in common that begin with a record and all that belongs to it: export and clone.

Their first two pages, which record and what comes along, are the same; this is what those pages need of a flow.
"""

from __future__ import annotations

from typing import Protocol

from satchel.core.export.request import ExportRequest, Offers, Vocabularies
from satchel.core.flows.export import Found, Size
from satchel.core.jobs.request import Access, Request


class RecordDraft(Protocol):
    """What the person has said of the record."""

    host: str
    catalog: str
    rid: str
    snapshot: str | None
    offers: Offers
    access: Access


class RecordFlow(Protocol):
    """A flow that begins with a record."""

    found: Found | None
    size: Size | None
    running: bool
    finished: bool

    @property
    def draft(self) -> RecordDraft:
        """What the person has said so far."""

    def set_record(self, host: str, catalog: str, rid: str) -> None:
        """Name the record; forgets what was found for another one."""

    def set_included(self, table: str, included: bool) -> None:
        """Tick or untick a table."""

    def set_followed(self, association: str, followed: bool, default: bool) -> None:
        """Take or leave "and what belongs to them" of an association."""

    def set_vocabularies(self, which: Vocabularies) -> None:
        """Whole vocabularies, or only the terms that are used."""

    def preview_request(self) -> ExportRequest:
        """What the preview is asked for."""

    def request(self) -> Request:
        """What is run at the end."""
