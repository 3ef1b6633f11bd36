"""What is asked of making assets local, and what comes of it."""

from __future__ import annotations

from typing import Any

import msgspec

from satchel.core.clone.asset_mover import CHUNK, CHUNKED_ABOVE
from satchel.core.jobs.request import Access, Request, Result

MOST_TOLD = 10_000
"""Rows that a result lists one by one; the audit has all."""


class LocalizeRequest(Request, tag="localize", frozen=True, kw_only=True, omit_defaults=True):
    """Bring the assets of a table's rows into its catalog's own Hatrac."""

    host: str
    catalog: str
    table: str
    """`schema:table`."""
    rids: tuple[str, ...] = ()
    """Which rows; empty: all."""
    source_host: str | None = None
    """Whose relative addresses are that are not found on `host`. None: relative addresses are local."""
    namespace: str | None = None
    """Where the files go: a path below `/hatrac`; None: `/hatrac/<table>`."""
    dry_run: bool = False
    audit: str | None = None
    """A CSV file to write: RID, old address, new address."""
    chunked_above: int = CHUNKED_ABOVE
    """Bytes. Larger files go up in chunks."""
    chunk: int = CHUNK
    """Bytes of a chunk."""
    source_access: Access = Access()
    """How sources are reached, where not as `host` is."""

    @property
    def title(self) -> str:
        """A few words for lists."""
        what = f"{len(self.rids):,} assets" if self.rids else "the assets"
        return f"Localize {what} of {self.table} in catalog {self.catalog} on {self.host}"


class LocalizeResult(Result, tag="localize", frozen=True, kw_only=True):
    """What came of it."""

    host: str
    catalog: str
    table: str
    processed: int
    """Rows whose asset is local now, verified; of a dry run: those that would be."""
    skipped: int
    """Rows that were left as they are."""
    failed: int
    skipped_why: dict[str, int]
    """Skipped rows by reason: local, no-url, no-such-row, not-hatrac."""
    failed_why: dict[str, int]
    bytes: int
    """Of the processed ones, as far as their rows say it."""
    source_hosts: tuple[str, ...]
    errors: tuple[str, ...]
    """A sentence for each failed row, at most `MOST_TOLD`."""
    localized: tuple[tuple[str, str, str], ...]
    """RID, old address, new address (empty in a dry run), at most `MOST_TOLD`; the audit has all."""
    audit: str | None
    dry_run: bool

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return dict(msgspec.to_builtins(self))
