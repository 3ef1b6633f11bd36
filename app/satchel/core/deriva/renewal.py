"""Making a sign-in last longer without asking the person: by Globus' refresh token, or by prolonging the session."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from satchel.core.credentials import Credential
from satchel.core.credentials.kept import SignIn, seconds_of
from satchel.core.credentials.ring import NoKeyring, keep, kept
from satchel.core.deriva import authn
from satchel.core.deriva.authn import Person
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access

SOON = 300.0
"""Seconds before its end at which a sign-in is renewed by itself."""


async def renew(host: str, access: Access) -> Person:
    """Renew a host's sign-in and keep it.

    Returns:
        Who one is, with the new end.

    Raises:
        SatchelError: there is none, it has run out for good, or the server cannot be reached.
    """
    try:
        known = await kept(host)
    except NoKeyring as error:
        raise SatchelError(
            Kind.FILES, f"The sign-in to {host} cannot be read: {error}.", "Unlock the keyring."
        ) from None
    if known is None:
        raise SatchelError(
            Kind.NOT_SIGNED_IN, f"You are not signed in to {host}.", f"Sign in: satchel login {host}", host=host
        )
    trust = Access(ca=access.ca)
    fresh = await from_globus(known)
    person = await authn.prolong(host, fresh.credential, trust)
    await keep(host, replace(fresh, until=seconds_of(person.expires) or fresh.until))
    return person


async def fresh(host: str, found: Credential, warn: Callable[[str], None]) -> Credential:
    """A credential that is good for a while: one that is about to run out is renewed first, where that can be done."""
    try:
        known = await kept(host)
        if known is None or known.credential != found or not known.renew or known.until - time.time() > SOON:
            return found
        renewed = await from_globus(known)
        await keep(host, renewed)
        return renewed.credential
    except (NoKeyring, SatchelError) as error:
        warn(f"The sign-in to {host} could not be renewed: {error}")
        return found


async def from_globus(known: SignIn) -> SignIn:
    """The sign-in with a new token, where Globus' refresh token is kept with it; else as it is. Raises SatchelError."""
    token, scope = known.renew.get("refresh_token"), known.renew.get("scope")
    if known.how != "globus" or not token or not scope:
        return known
    from satchel.core.deriva import globus

    got = await globus.refresh(token, scope)
    return replace(
        known, credential=got.credential, until=got.ends, renew={"refresh_token": got.refresh, "scope": scope}
    )
