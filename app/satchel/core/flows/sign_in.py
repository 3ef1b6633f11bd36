"""Signing in, keeping that in the keyring, and signing out: what the window and the command line both do."""

from __future__ import annotations

from satchel.core.credentials import Credential, forget, lookup, store
from satchel.core.credentials.ring import NoKeyring, from_keyring
from satchel.core.deriva import authn
from satchel.core.deriva.authn import Person
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access


async def ready(host: str, access: Access) -> None:
    """Make sure, before anything secret is typed, that it can be kept and that the server is there and trusted.

    Raises:
        SatchelError: there is no keyring that can be used, or no such server.
    """
    try:
        await from_keyring(host)
    except NoKeyring as error:
        if "was not written by Satchel" not in str(error):
            raise SatchelError(
                Kind.USAGE,
                f"A sign-in cannot be kept: the keyring cannot be used, as {error}.",
                "Start or unlock a keyring (on Linux gnome-keyring or KWallet), or name a credential file of "
                "deriva-py's: in the settings, or with --credential FILE in each command.",
            ) from None
    await authn.who(host, access)


async def sign_in(host: str, access: Access, secret: str, user: str = "") -> Person:
    """Sign in, make sure that it worked, and keep it in the keyring.

    Args:
        host: `name` or `name:port`.
        access: extra certificate authorities; a credential file in it is not used.
        secret: the password, or without a user a token: a bearer token, or `webauthn=...` for a cookie.
        user: the user's name; empty: the secret is a token.

    Raises:
        SatchelError: it was not accepted, and nothing was kept; or it could not be kept.
    """
    trust = Access(ca=access.ca)
    credential = await authn.sign_in(host, user, secret, trust) if user else _credential(secret)
    person = await authn.who(host, trust, credential=credential)
    if person is None:
        raise SatchelError(
            Kind.NOT_SIGNED_IN, f"{host} does not accept this token.", "Get a new one; nothing was kept."
        )
    await store(host, credential)
    return person


async def sign_out(host: str, access: Access) -> tuple[bool, str]:
    """Forget a sign-in, here and on the server.

    Returns:
        Whether there was one, and a sentence when the server could not be told.
    """
    trust = Access(ca=access.ca)
    kept = await lookup(host, trust)
    gone = await forget(host)
    # A token may serve elsewhere, too; the cookie is this sign-in's own.
    if kept is None or kept.kind != "cookie":
        return gone, ""
    try:
        await authn.sign_out(host, kept, trust)
    except SatchelError as error:
        return gone, f"The session on the server could not be ended and ends by itself later. {error.message}"
    return gone, ""


async def who(host: str, access: Access) -> Person | None:
    """As whom the server sees one; None: as nobody in particular. Raises SatchelError."""
    return await authn.who(host, access)


def _credential(secret: str) -> Credential:
    try:
        return Credential("cookie" if secret.startswith("webauthn=") else "bearer-token", secret.strip())
    except ValueError as error:
        raise SatchelError(Kind.USAGE, f"The token {error}.", "Copy it again, all of it and nothing else.") from None
