"""Who the person is, for the bags that they make: name, ORCID, organisation, contact. Kept in the settings folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from satchel.core.errors import Kind, SatchelError
from satchel.core.paths import Home

FILE = "person.json"
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4})-?(\d{4})-?(\d{4})-?(\d{3}[\dXx])/?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a bag says of the person who made it; empty texts are left out."""

    name: str = ""
    orcid: str = ""
    """As `0000-0002-1825-0097`."""
    organization: str = ""
    address: str = ""
    """Of the organisation."""
    email: str = ""
    phone: str = ""

    def fields(self) -> tuple[tuple[str, str], ...]:
        """The fields of bag-info.txt (RFC 8493, 2.2.2, and bdbag's `Contact-Orcid`)."""
        said = (
            ("Source-Organization", self.organization),
            ("Organization-Address", self.address),
            ("Contact-Name", self.name),
            ("Contact-Orcid", self.orcid),
            ("Contact-Email", self.email),
            ("Contact-Phone", self.phone),
        )
        return tuple((label, value) for label, value in said if value)


def checked(profile: Profile) -> Profile:
    """The profile with its ORCID in the usual form.

    Raises:
        SatchelError: the ORCID is mistyped (its last digit is a checksum), or the e-mail address is none.
    """
    orcid = profile.orcid.strip()
    if orcid:
        match = _ORCID.fullmatch(orcid)
        if match is None or not _right("".join(match.groups())):
            raise SatchelError(
                Kind.USAGE, f"{orcid} is not an ORCID.", "It looks like 0000-0002-1825-0097; check its digits."
            )
        orcid = "-".join(match.groups()).upper()
    if profile.email and not _EMAIL.fullmatch(profile.email.strip()):
        raise SatchelError(Kind.USAGE, f"{profile.email} is not an e-mail address.", "It has one @ in it.")
    values = {name: " ".join(str(value).split()) for name, value in msgspec.structs.asdict(profile).items()}
    return Profile(**{**values, "orcid": orcid})


def _right(digits: str) -> bool:
    """ISO 7064, MOD 11-2."""
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    found = (12 - total % 11) % 11
    return digits[-1].upper() == ("X" if found == 10 else str(found))


def load(home: Home) -> Profile:
    """The profile that is kept; an empty one where there is none, or it cannot be read."""
    try:
        return msgspec.json.decode((home.config / FILE).read_bytes(), type=Profile)
    except (OSError, msgspec.MsgspecError):
        return Profile()


def save(home: Home, profile: Profile) -> Profile:
    """Keep a profile. Returns it as it is kept. Raises SatchelError, OSError."""
    kept = checked(profile)
    folder = Home.private(home.config)
    part: Path = folder / f".{FILE}.part"
    with part.open("wb") as file:
        file.write(msgspec.json.encode(kept))
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / FILE)
    return kept
