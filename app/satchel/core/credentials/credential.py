"""What proves to a server who asks. It never shows itself: not in `repr`, not in an error, not in a log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from satchel.core.secrets import guard

CredentialKind = Literal["cookie", "bearer-token"]
"""Named as in deriva-py's credential files."""


class Credential:
    """A cookie (`name=value`) or a bearer token.

    Args:
        kind: which of the two.
        secret: the cookie or token itself.

    Raises:
        ValueError: it cannot be sent in a header; the message does not repeat it.
    """

    __slots__ = ("_secret", "kind")

    def __init__(self, kind: CredentialKind, secret: str) -> None:
        # Control characters and spaces at the ends would let a file smuggle further headers into requests.
        if not secret or not secret.isascii() or not secret.isprintable() or secret != secret.strip():
            raise ValueError("is empty or has characters that cannot be sent to a server")
        if kind == "cookie" and not secret.partition("=")[2]:
            raise ValueError("is not written name=value")
        self.kind = kind
        self._secret = secret
        guard(secret)

    @property
    def headers(self) -> dict[str, str]:
        """The request header that carries it."""
        if self.kind == "cookie":
            return {"Cookie": self._secret}
        return {"Authorization": f"Bearer {self._secret}"}

    @property
    def entry(self) -> dict[str, str]:
        """As deriva-py's files hold it. Secret: for the keyring only."""
        return {self.kind: self._secret}

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Credential | None:
        """From an entry as deriva-py's files hold it: its bearer token, else its cookie; None when it has neither.

        Raises:
            ValueError: what it has is no credential; the message says why and not what.
        """
        kinds: tuple[CredentialKind, ...] = ("bearer-token", "cookie")
        for kind in kinds:
            value = entry.get(kind)
            if value is None:
                continue
            if not isinstance(value, str):
                raise ValueError(f'its "{kind}" is not a text')
            try:
                return cls(kind, value)
            except ValueError as error:
                raise ValueError(f'its "{kind}" {error}') from None
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credential) and (self.kind, self._secret) == (other.kind, other._secret)

    def __hash__(self) -> int:
        return hash((self.kind, self._secret))

    def __repr__(self) -> str:
        return f"Credential({self.kind}, secret hidden)"

    def __reduce__(self) -> str:
        raise TypeError("a credential is not written anywhere but to the keyring")
