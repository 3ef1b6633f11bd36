"""What these pages ask of the core. Each runs in the engine's loop, where the imports are paid for too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from satchel.core.deriva.datasets import Dataset, DatasetVersion, Members
    from satchel.core.deriva.datasets.changes import Changes
    from satchel.core.export.datasets.estimate import Estimate
    from satchel.core.export.datasets.request import DatasetRequest
    from satchel.core.jobs.request import Access


async def every(host: str, catalog: str, access: Access) -> tuple[Dataset, ...]:
    """The datasets of a catalog. Raises SatchelError."""
    from satchel.core.deriva.datasets.asking import every as ask

    return await ask(host, catalog, access)


async def members(
    host: str, catalog: str, rid: str, version: str, access: Access
) -> tuple[Dataset, DatasetVersion, Members]:
    """What a version holds. Raises SatchelError."""
    from satchel.core.deriva.datasets.asking import one

    return await one(host, catalog, rid, version, access)


async def changes(host: str, catalog: str, rid: str, old: str, new: str, access: Access) -> Changes:
    """What changed from one version to another. Raises SatchelError."""
    from satchel.core.deriva.datasets.asking import changed

    return await changed(host, catalog, rid, old, new, access)


async def estimate(request: DatasetRequest) -> Estimate:
    """What the bag would hold. Raises SatchelError."""
    from satchel.core.export.datasets.estimate import estimate as ask

    return await ask(request)
