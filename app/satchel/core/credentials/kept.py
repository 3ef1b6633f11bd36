"""A sign-in as it is kept: the credential, and what is known of it without asking the server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from satchel.core.credentials.credential import Credential
from satchel.core.secrets import guard

How = Literal["", "password", "device", "globus", "token", "browser", "import"]
"""How one signed in; empty: it was kept by an older Satchel."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One host's.

    Attributes:
        credential: what is sent.
        how: the way.
        person: the name of who signed in, for people.
        identity: that person's id on the server.
        until: when it runs out, in seconds since 1970; 0: the server does not say.
        renew: what a new credential can be had with (a refresh token), by name. Secret.
    """

    credential: Credential
    how: How = ""
    person: str = ""
    identity: str = ""
    until: float = 0.0
    renew: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for secret in self.renew.values():
            guard(secret)

    @property
    def text(self) -> str:
        """For the vault, and nowhere else: secret."""
        told: dict[str, Any] = dict(self.credential.entry)
        plain = {"how": self.how, "person": self.person, "identity": self.identity, "until": self.until}
        told.update({name: value for name, value in plain.items() if value})
        if self.renew:
            told["renew"] = dict(self.renew)
        return json.dumps(told)

    @classmethod
    def read(cls, text: str) -> SignIn | None:
        """From the vault; None for what Satchel has not written."""
        try:
            told = json.loads(text)
            credential = Credential.read(told) if isinstance(told, dict) else None
        except (ValueError, RecursionError):
            return None
        if credential is None:
            return None
        renew = told.get("renew")
        until = told.get("until")
        return cls(
            credential,
            how=_text(told, "how"),  # type: ignore[arg-type]
            person=_text(told, "person"),
            identity=_text(told, "identity"),
            until=float(until) if isinstance(until, int | float) else 0.0,
            renew={str(k): str(v) for k, v in renew.items()} if isinstance(renew, dict) else {},
        )

    def lasting(self, until: str) -> SignIn:
        """The same, with its end as servers write it."""
        return replace(self, until=seconds_of(until))


def seconds_of(moment: str) -> float:
    """A moment as servers write it (ISO, a space for the T allowed) in seconds since 1970; 0 for what is none."""
    try:
        found = datetime.fromisoformat(moment.strip())
    except ValueError:
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
