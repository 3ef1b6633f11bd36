"""The catalog's own note of where it came from, tag:deriva-ml.org,2025:catalog-provenance, when assets become local."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from satchel.core.clone.localize_request import LocalizeResult
from satchel.core.deriva.ermrest import Catalog
from satchel.core.errors import SatchelError
from satchel.core.jobs.context import Context

TAG = "tag:deriva-ml.org,2025:catalog-provenance"
PATH = f"annotation/{quote(TAG, safe='')}"


async def note_localized(catalog: Catalog, result: LocalizeResult, context: Context) -> None:
    """Add to a clone's provenance that its assets are local now. All else in it stays; a catalog without is left so."""
    try:
        found = (await catalog.info()).annotations.get(TAG)
        if not isinstance(found, Mapping) or not isinstance(found.get("clone_details"), Mapping):
            return
        details: dict[str, Any] = dict(found["clone_details"])
        before = details.get("assets_copied")
        details.update(
            assets_localized=True,
            assets_localized_at=datetime.now(UTC).isoformat(timespec="seconds"),
            asset_source_hostname=result.source_hosts[0] if len(result.source_hosts) == 1 else None,
            assets_copied=result.processed + (before if isinstance(before, int) else 0),
            assets_skipped=result.skipped,
            assets_failed=result.failed,
        )
        await catalog.session.request("PUT", f"{catalog.path}/{PATH}", json={**found, "clone_details": details})
    except SatchelError as error:
        context.warn(
            "provenance",
            f"The catalog's note of where it came from could not be changed: {error.message}",
            hint="The assets are local all the same.",
        )
