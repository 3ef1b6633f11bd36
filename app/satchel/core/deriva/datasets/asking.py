"""Questions about datasets, each with a session of its own: what a window or a command asks."""

from __future__ import annotations

from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.datasets.changes import Changes, changes
from satchel.core.deriva.datasets.elements import members_of
from satchel.core.deriva.datasets.listing import list_datasets, one_dataset
from satchel.core.deriva.datasets.model import Dataset, DatasetVersion, Members, pick_version
from satchel.core.deriva.datasets.rows import Told
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.retry import BRISK
from satchel.core.deriva.session import Session
from satchel.core.jobs.request import Access


async def every(host: str, catalog: str, access: Access | None = None, *, deleted: bool = False) -> tuple[Dataset, ...]:
    """All datasets of a catalog. Raises SatchelError as `list_datasets` does."""
    async with Session.open(host, access, policy=BRISK) as session:
        await still_signed_in(session)
        return await list_datasets(Catalog(session, catalog), deleted=deleted)


async def one(
    host: str, catalog: str, rid: str, version: str | None = None, access: Access | None = None
) -> tuple[Dataset, DatasetVersion, Members]:
    """A dataset, one of its versions (None: the newest), and what it holds at that version.

    Raises:
        SatchelError: no such dataset or version.
    """
    async with Session.open(host, access, policy=BRISK) as session:
        await still_signed_in(session)
        live = Catalog(session, catalog)
        dataset = await one_dataset(live, rid)
        picked = pick_version(dataset, version)
        return dataset, picked, await members_of(live.at(picked.snapshot), dataset.rid)


async def changed(
    host: str,
    catalog: str,
    rid: str,
    old: str,
    new: str | None = None,
    access: Access | None = None,
    told: Told | None = None,
) -> Changes:
    """What changed between two versions of a dataset (None: the newest).

    Raises:
        SatchelError: no such dataset or version.
    """
    async with Session.open(host, access, policy=BRISK) as session:
        await still_signed_in(session)
        live = Catalog(session, catalog)
        dataset = await one_dataset(live, rid)
        found = await changes(live, dataset.rid, pick_version(dataset, old), pick_version(dataset, new), told)
        await still_signed_in(session)
        return found
