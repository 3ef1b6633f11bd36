"""What a request to mint leaves open, settled: typed words first, then the lab's profile, then the catalog's own."""

from __future__ import annotations

import msgspec

from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers.asking import PUBLIC
from satchel.core.identifiers.minting import MintRequest
from satchel.core.identifiers.names import service_address
from satchel.core.identifiers.place import Place, place
from satchel.core.identifiers.profile import Profile


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """Where to."""

    place: Place
    said_by: str
    """Where the bucket comes from: `typed`, `profile`, `catalog`; empty: nowhere."""
    service: str
    test: bool
    authors: tuple[str, ...]


def settle(request: MintRequest, profile: Profile, bucket: str = "", acl: str = "") -> Settled:
    """Settle it.

    Args:
        request: what was asked.
        profile: the lab's.
        bucket: of the Dataset table's export annotation; empty: none.
        acl: of it.

    Raises:
        SatchelError: a bucket or service cannot be one.
    """
    if request.place.bucket:
        where, said_by = request.place, "typed"
    elif profile.bucket:
        where, said_by = _of_profile(profile, profile.bucket, profile.acl), "profile"
    elif bucket:
        where, said_by = _of_profile(profile, bucket, profile.acl or acl), "catalog"
    else:
        where, said_by = Place(), ""
    if "public" not in request.visible_to:
        # What is meant for few is not made readable for all; who may read it is then the bucket's business.
        where = msgspec.structs.replace(where, acl="none")
    test = request.test if request.test is not None else bool(profile.test)
    return Settled(
        place=where,
        said_by=said_by,
        service=service_address(request.service or profile.service or PUBLIC),
        test=test,
        authors=request.authors or profile.authors,
    )


def _of_profile(profile: Profile, bucket: str, acl: str) -> Place:
    return place(
        bucket,
        endpoint=profile.endpoint,
        region=profile.region,
        aws_profile=profile.aws_profile,
        public_url=profile.public_url,
        acl=acl,
    )


def need_place(settled: Settled) -> Place:
    """The place. Raises SatchelError: there is none."""
    if settled.place.bucket:
        return settled.place
    raise SatchelError(
        Kind.USAGE,
        "No bucket is configured, so the bag has nowhere to go.",
        "Name one: --bucket s3://my-bucket/folder (and --endpoint for a store other than Amazon's), or put it into the "
        "lab's profile.",
    )
