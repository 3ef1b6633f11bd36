"""Signing in, keeping that in the keyring, and signing out: what the window and the command line both do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from satchel.core.credentials import Credential, forget
from satchel.core.credentials.kept import SignIn, seconds_of
from satchel.core.credentials.ring import NoKeyring, from_keyring, keep, kept
from satchel.core.deriva import authn, device, renewal
from satchel.core.deriva.authn import Person
from satchel.core.deriva.device import DeviceCode
from satchel.core.deriva.ways import Ways, ways
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access

__all__ = [
    "DeviceCode",
    "Ways",
    "by_device",
    "by_globus",
    "known",
    "ready",
    "renew",
    "sign_in",
    "sign_out",
    "take",
    "ways",
    "who",
]


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
                "Start or unlock a keyring (on Linux gnome-keyring or KWallet); or have sign-ins kept in an encrypted "
                "file (--keep file) or for this session only (Settings); or name a credential file of deriva-py's "
                "(--credential FILE).",
            ) from None
    await authn.who(host, access)


async def sign_in(host: str, access: Access, secret: str, user: str = "") -> Person:
    """Sign in, make sure that it worked, and keep it.

    Args:
        host: `name` or `name:port`.
        access: extra certificate authorities; a credential file in it is not used.
        secret: the password, or without a user a token: a bearer token, or `webauthn=...` for a cookie.
        user: the user's name; empty: the secret is a token.

    Raises:
        SatchelError: it was not accepted, and nothing was kept; or it could not be kept.
    """
    credential = await authn.sign_in(host, user, secret, _trust(access)) if user else _credential(secret)
    return await _keep(host, access, SignIn(credential, how="password" if user else "token"))


async def by_device(host: str, access: Access, told: Callable[[DeviceCode], object]) -> Person:
    """Sign in by a page that is confirmed in any browser, and keep it. Cancel it to give up.

    Args:
        host: `name` or `name:port`.
        access: extra certificate authorities.
        told: is given the code and the page, to be shown and opened.

    Raises:
        SatchelError: nobody confirmed in time, it was refused, or could not be kept.
    """
    code = await device.begin(host, access)
    told(code)
    token = await device.wait(host, code, access)
    return await _keep(host, access, SignIn(token.credential, how="device", until=token.ends))


async def by_globus(host: str, access: Access, scopes: Sequence[str], told: Callable[[str], object]) -> Person:
    """Sign in at Globus in the system's browser, and keep it. Cancel it to give up.

    Args:
        host: `name` or `name:port`.
        access: extra certificate authorities, for the server.
        scopes: of the server, as `ways` found them.
        told: is given the page to open.

    Raises:
        SatchelError: nobody signed in in time, it was refused, or could not be kept.
    """
    from satchel.core.deriva import globus

    flow = await globus.GlobusSignIn.begin(scopes)
    try:
        told(flow.page)
        token = (await flow.wait())[0]
    finally:
        await flow.close()
    renew = {"refresh_token": token.refresh, "scope": token.scope} if token.refresh else {}
    return await _keep(host, access, SignIn(token.credential, how="globus", until=token.ends, renew=renew))


async def take(host: str, access: Access, credential: Credential) -> Person:
    """Keep a credential that another program's file holds, if the server accepts it. Raises SatchelError."""
    return await _keep(host, access, SignIn(credential, how="import"))


async def _keep(host: str, access: Access, made: SignIn) -> Person:
    person = await authn.who(host, _trust(access), credential=made.credential)
    if person is None:
        raise SatchelError(
            Kind.NOT_SIGNED_IN, f"{host} does not accept this token.", "Get a new one; nothing was kept."
        )
    ends = seconds_of(person.expires) or made.until
    await keep(host, replace(made, person=person.name, identity=person.id, until=ends))
    return person


async def sign_out(host: str, access: Access) -> tuple[bool, str]:
    """Forget a sign-in, here and on the server.

    Returns:
        Whether there was one, and a sentence when the server could not be told.
    """
    trust = _trust(access)
    try:
        known = await kept(host)
    except NoKeyring:  # `forget` says why
        known = None
    gone = await forget(host)
    # A token that was pasted may serve elsewhere, too; a cookie and a device's token are this sign-in's own.
    if known is None or (known.credential.kind != "cookie" and known.how != "device"):
        return gone, ""
    try:
        if known.how == "device":
            await device.end(host, known.credential, trust)
        else:
            await authn.sign_out(host, known.credential, trust)
    except SatchelError as error:
        return gone, f"The session on the server could not be ended and ends by itself later. {error.message}"
    return gone, ""


async def known(host: str) -> SignIn | None:
    """What is kept of a host's sign-in, without asking the server; None: nothing that can be read."""
    try:
        return await kept(host)
    except NoKeyring:
        return None


async def renew(host: str, access: Access) -> Person:
    """Make a sign-in last longer, without asking the person.

    Raises:
        SatchelError: it cannot be renewed; sign in again.
    """
    return await renewal.renew(host, access)


async def who(host: str, access: Access) -> Person | None:
    """As whom the server sees one; None: as nobody in particular. Raises SatchelError."""
    return await authn.who(host, access)


def _trust(access: Access) -> Access:
    return Access(ca=access.ca)


def _credential(secret: str) -> Credential:
    try:
        return Credential("cookie" if secret.startswith("webauthn=") else "bearer-token", secret.strip())
    except ValueError as error:
        raise SatchelError(Kind.USAGE, f"The token {error}.", "Copy it again, all of it and nothing else.") from None
