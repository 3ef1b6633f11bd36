"""What the mint wizard asks of the core. Each runs in the engine's loop, where the imports are paid for too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from satchel.core.deriva.datasets import Dataset
    from satchel.core.flows.mint import MintFlow
    from satchel.core.identifiers.minting import MintRequest, MintResult
    from satchel.core.identifiers.readiness import Check, Readiness
    from satchel.core.identifiers.record import Record
    from satchel.core.jobs.request import Access

KIND = "mint"


async def make_flow(host: str, catalog: str, dataset: str) -> MintFlow:
    """A flow, for a dataset where one is named, else from the draft that was kept."""
    from satchel.core.flows.drafts import Drafts
    from satchel.core.flows.mint import MintDraft, MintFlow
    from satchel.core.paths import Home

    kept = Drafts(Home.find()).find(KIND)
    flow = MintFlow(MintFlow.load(kept) if kept is not None else MintDraft())
    if host:
        flow.set_catalog(host, catalog)
    if dataset:
        flow.set_dataset(dataset, "")
    return flow


def keep_draft(flow: MintFlow) -> None:
    """Keep what was said so far. A convenience: where it cannot be written, the next wizard begins empty."""
    import contextlib

    from satchel.core.flows.drafts import Drafts
    from satchel.core.paths import Home

    with contextlib.suppress(OSError):
        Drafts(Home.find()).keep(KIND, flow.dump())


async def datasets(host: str, catalog: str, access: Access) -> tuple[Dataset, ...]:
    """The datasets of a catalog. Raises SatchelError."""
    from satchel.core.deriva.datasets.asking import every

    return await every(host, catalog, access)


async def look(request: MintRequest, told: Callable[[Check], None]) -> Readiness:
    """Whether all is ready. For a dataset that is to be released: as if for its newest version."""
    import msgspec

    from satchel.core.identifiers.readiness import readiness

    return await readiness(msgspec.structs.replace(request, release="", description=""), told)


async def record_of(result: MintResult, access: Access) -> Record:
    """What the service says of an identifier that was minted; what the job has said, where it does not answer."""
    from satchel.core.errors import SatchelError
    from satchel.core.identifiers.asking import asking, resolve
    from satchel.core.identifiers.names import parse
    from satchel.core.identifiers.record import Checksum, Record

    name = parse(result.landing_page)
    try:
        async with asking(access) as asks:
            return await resolve(asks, name)
    except SatchelError:
        return Record(
            id=result.identifier,
            compact=result.compact,
            landing_page=result.landing_page,
            service=name.service,
            title=result.name,
            locations=result.locations,
            checksums=(Checksum("sha256", result.checksum),) if result.checksum else (),
            length=result.length,
            created=result.created,
            created_by=result.created_by,
            metadata={"author": "; ".join(result.authors), "Version": result.version},
        )


async def keep_profile(flow: MintFlow) -> None:
    """Keep where things go as the lab's profile. Raises SatchelError."""
    import asyncio

    from satchel.core.errors import Kind, SatchelError
    from satchel.core.identifiers.profile import Profile, profile_file, save
    from satchel.core.paths import Home

    request, draft, home = flow.request(), flow.draft, Home.find()
    place = request.place
    profile = Profile(
        service=request.service,
        test=draft.test or None,
        bucket=f"s3://{place.bucket}/{place.prefix}".rstrip("/") if place.bucket else "",
        endpoint=place.endpoint,
        region=place.region,
        aws_profile=place.aws_profile,
        public_url=place.public_url,
        acl="none" if draft.private else "",
        authors=draft.authors,
    )
    try:
        await asyncio.to_thread(save, home, profile)
    except OSError as error:
        raise SatchelError(
            Kind.FILES, f"{profile_file(home)} cannot be written: {error.strerror}.", "Check who may write there."
        ) from None


async def store_keys(bucket: str, endpoint: str, access_key: str, secret_key: str, token: str) -> None:
    """Put a bucket's keys into the keyring. Raises SatchelError."""
    from satchel.core.errors import Kind, SatchelError
    from satchel.core.identifiers import keys
    from satchel.core.identifiers.place import place

    try:
        given = keys.Keys(access_key.strip(), secret_key.strip(), token.strip())
    except ValueError as error:
        raise SatchelError(Kind.USAGE, f"A key {error}.", "Copy it once more.") from None
    await keys.store(place(bucket, endpoint=endpoint), given)
