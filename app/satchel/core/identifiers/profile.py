"""The lab's profile: where its identifiers are minted and its archives are kept. A JSON file in the settings folder.

A lab hands it round: it holds no secret.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from satchel.core.errors import Kind, SatchelError
from satchel.core.files import write_atomically
from satchel.core.paths import Home

NAME = "identifiers.json"
LARGEST = 100_000


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Defaults for minting and resolving; empty texts are not set."""

    service: str = ""
    """The identifier service's address."""
    test: bool | None = None
    """Mint test identifiers."""
    bucket: str = ""
    """`s3://bucket/prefix`"""
    endpoint: str = ""
    """The S3 store's address where it is not Amazon's."""
    region: str = ""
    aws_profile: str = ""
    """A profile of the AWS configuration of this computer, with the keys."""
    public_url: str = ""
    """The address under which anybody gets what is in the bucket, where it is not the store's own."""
    acl: str = ""
    """`public-read` or `none`"""
    authors: tuple[str, ...] = ()


def profile_file(home: Home) -> Path:
    """Where it is."""
    return home.config / NAME


def load(home: Home) -> Profile:
    """The profile; an empty one where there is none.

    Raises:
        SatchelError: it is damaged.
    """
    file = profile_file(home)
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST)
    except FileNotFoundError:
        return Profile()
    except OSError as error:
        raise SatchelError(Kind.FILES, f"{file} cannot be read: {error.strerror}.", "Check who may read it.") from None
    try:
        return msgspec.json.decode(data, type=Profile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SatchelError(
            Kind.USAGE, f"{file} is no profile for identifiers: {error}.", "Correct it, or remove it."
        ) from None


def save(home: Home, profile: Profile) -> None:
    """Keep a profile. Raises OSError."""
    home.private(home.config)
    write_atomically(profile_file(home), msgspec.json.format(msgspec.json.encode(profile), indent=2) + b"\n")
