"""Where archives go: a bucket of Amazon's S3 or of any store that speaks its language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import msgspec

from satchel.core.errors import Kind, SatchelError

EXPORT = "tag:isrd.isi.edu,2019:export"
Acl = Literal["public-read", "none"]
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bucket, and how it is reached. No secret: keys come from the AWS configuration of this computer or from the
    keyring."""

    bucket: str = ""
    prefix: str = ""
    """Of the names of all that is put there, without slashes at its ends."""
    endpoint: str = ""
    """The store's address; empty: Amazon's."""
    region: str = ""
    aws_profile: str = ""
    public_url: str = ""
    """The address under which anybody gets what is in the bucket; empty: the store's own."""
    acl: Acl = "public-read"
    """`public-read`: each object is made readable for all, where the store lets one; `none`: as the bucket has it."""

    @property
    def shown(self) -> str:
        """For people: `s3://bucket/prefix`, with the store where it is not Amazon's."""
        at = f" at {urlsplit(self.endpoint).netloc}" if self.endpoint else ""
        return f"s3://{self.bucket}{'/' + self.prefix if self.prefix else ''}{at}"

    @property
    def keyring_name(self) -> str:
        """Under which its keys are in the keyring."""
        host = urlsplit(self.endpoint).netloc.lower() if self.endpoint else "amazonaws.com"
        return f"s3:{host}/{self.bucket}"

    def address(self, key: str) -> str:
        """Where anybody gets an object."""
        path = quote(key, safe="/-._~")
        if self.public_url:
            return f"{self.public_url.rstrip('/')}/{path}"
        if self.endpoint:
            return f"{self.endpoint.rstrip('/')}/{self.bucket}/{path}"
        if "." in self.bucket:  # the certificate does not cover it as a server's name
            return f"https://s3{'.' + self.region if self.region else ''}.amazonaws.com/{self.bucket}/{path}"
        region = f".{self.region}" if self.region and self.region != "us-east-1" else ""
        return f"https://{self.bucket}.s3{region}.amazonaws.com/{path}"


def place(
    bucket: str,
    *,
    endpoint: str = "",
    region: str = "",
    aws_profile: str = "",
    public_url: str = "",
    acl: str = "",
) -> Place:
    """A place from what a person has typed.

    Args:
        bucket: `s3://bucket/prefix`, or `bucket/prefix`.
        endpoint: the store's https address.
        region: as the store names it.
        aws_profile: of the AWS configuration.
        public_url: an https address.
        acl: `public-read`, `none`, or empty for the default.

    Raises:
        SatchelError: it cannot be one.
    """
    bare = bucket.strip().removeprefix("s3://")
    name, _, prefix = bare.partition("/")
    prefix = prefix.strip("/")
    if not _BUCKET.fullmatch(name):
        raise SatchelError(
            Kind.USAGE, f"{bucket!r} is not a bucket.", "Write it as in s3://my-bucket or s3://my-bucket/folder."
        )
    if any(c in prefix for c in "\\?#%") or not prefix.isprintable() or ".." in prefix.split("/"):
        raise SatchelError(Kind.USAGE, f"{prefix!r} cannot be a folder in a bucket.", "Use letters, digits, - _ . /")
    if acl not in ("", "public-read", "none"):
        raise SatchelError(Kind.USAGE, f"{acl!r} is neither public-read nor none.", "")
    return Place(
        bucket=name,
        prefix=prefix,
        endpoint=_https(endpoint, "the address of an S3 store"),
        region=region.strip(),
        aws_profile=aws_profile.strip(),
        public_url=_https(public_url, "the public address of a bucket"),
        acl="none" if acl == "none" else "public-read",
    )


def _https(address: str, what: str) -> str:
    bare = address.strip().rstrip("/")
    if not bare:
        return ""
    try:
        split = urlsplit(bare)
        fine = (
            split.scheme == "https" and split.hostname and split.username is None and not (split.query + split.fragment)
        )
    except ValueError:
        fine = False
    if not fine or not bare.isascii() or " " in bare:
        raise SatchelError(
            Kind.USAGE,
            f"{address!r} is not {what}.",
            "Write it as in https://s3.example.org; without https nothing is sent.",
        )
    return bare


def annotated_bucket(annotations: Mapping[str, Any]) -> tuple[str, str]:
    """The bucket that a table's export annotation uploads to, and its ACL; empty where there is none.

    Args:
        annotations: the Dataset table's, as deriva-ml makes them (template "BDBag to Cloud", `cloud_upload`).
    """
    for processor in _processors(annotations.get(EXPORT)):
        params = processor.get("processor_params")
        target = params.get("target_url") if isinstance(params, Mapping) else None
        if isinstance(target, str) and target.startswith("s3://") and isinstance(params, Mapping):
            acl = params.get("acl")
            return target, "public-read" if acl == "public-read" else "none" if isinstance(acl, str) else ""
    return "", ""


def _processors(value: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """All upload processors in an annotation, wherever they stand."""
    if depth > 12:
        return
    if isinstance(value, Mapping):
        if value.get("processor") == "cloud_upload":
            yield value
        for inner in value.values():
            yield from _processors(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _processors(inner, depth + 1)
