"""Keys to S3 stores: from the keyring where they were put there for a bucket, else as AWS's own tools find them.

They are never words of a command, and enter no request, journal, event or log.
"""

from __future__ import annotations

import json

from satchel.core.credentials import chosen, ring
from satchel.core.credentials.vault import NoKeyring
from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers.place import Place
from satchel.core.secrets import guard


class Keys:
    """An access key and its secret. They never show themselves."""

    __slots__ = ("access", "secret", "token")

    def __init__(self, access: str, secret: str, token: str = "") -> None:
        for text in (access, secret, token):
            if text != text.strip() or not text.isascii() or not (text.isprintable() or not text):
                raise ValueError("has characters that no key has")
        if not access or not secret:
            raise ValueError("is empty")
        self.access, self.secret, self.token = access, secret, token
        guard(secret)
        guard(access)
        if token:
            guard(token)

    def __repr__(self) -> str:
        return "Keys(hidden)"

    def __reduce__(self) -> str:
        raise TypeError("keys are not written anywhere but to the keyring")


async def from_keyring(place: Place) -> Keys | None:
    """What the keyring has for a bucket; None: nothing, or there is no keyring."""
    try:
        text = await ring.in_thread(lambda: chosen.current().get(place.keyring_name))
    except (NoKeyring, SatchelError):
        return None
    if text is None:
        return None
    try:
        told = json.loads(text)
        return Keys(told["access_key"], told["secret_key"], told.get("session_token", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SatchelError(
            Kind.FILES, f"What the keyring has for {place.shown} was not written by Satchel.", "Give the keys again."
        ) from None


async def store(place: Place, keys: Keys) -> None:
    """Put a bucket's keys into the keyring.

    Raises:
        SatchelError: the keyring cannot be used; nothing is kept elsewhere instead.
    """
    text = json.dumps({"access_key": keys.access, "secret_key": keys.secret, "session_token": keys.token})
    try:
        await ring.in_thread(lambda: chosen.current().put(place.keyring_name, text))
    except NoKeyring as error:
        raise SatchelError(
            Kind.FILES,
            f"The keys to {place.shown} cannot be kept in the keyring: {error}.",
            "Keep them as AWS's own tools do (aws configure), or unlock the keyring.",
        ) from None


async def forget(place: Place) -> bool:
    """Remove a bucket's keys from the keyring. Returns whether there were any. Raises SatchelError."""
    try:
        return await ring.in_thread(lambda: chosen.current().drop(place.keyring_name))
    except NoKeyring as error:
        raise SatchelError(
            Kind.FILES, f"The keys to {place.shown} cannot be removed: {error}.", "Unlock the keyring and try again."
        ) from None
