"""Who one is on a server, signing in and out: `/authn/session` as Deriva's webauthn answers it.

https://github.com/informatics-isi-edu/webauthn (its REST API): GET tells of the session, POST of a user name and a
password begins one, DELETE ends it.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlencode

import msgspec

from satchel.core.credentials import Credential
from satchel.core.deriva import faults
from satchel.core.deriva.retry import BRISK
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access

PATH = "/authn/session"
COOKIE = "webauthn"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is signed in."""

    id: str
    name: str
    """For people."""
    expires: str
    """When the session ends, as the server writes it; empty: it does not say."""
    groups: tuple[str, ...]
    """What the person is a member of."""


async def who(host: str, access: Access | None = None, *, credential: Credential | None = None) -> Person | None:
    """As whom the server sees one; None: as nobody in particular.

    Args:
        host: `name` or `name:port`.
        access: extra certificate authorities, and a credential file in place of the keyring.
        credential: instead of any that is kept.

    Raises:
        SatchelError: no such server, or none that signs people in.
    """
    async with Session.open(host, access, credential=credential, policy=BRISK) as session:
        if not session.signed_in:
            # The server is asked all the same: that it is there, and can be trusted, is part of the answer.
            await session.request("GET", PATH, also=(401, 404))
            return None
        answer = await session.request("GET", PATH, also=(401, 404))
        return None if answer.status in (401, 404) else _person(answer.json(), session.host)


async def still_signed_in(session: Session) -> Person | None:
    """Make sure that the server knows whose credential a session sends.

    A server takes a sign-in that has run out for nobody at all, and gives what everybody may see: fewer rows, without a
    word. So whoever reads a whole asks before and after.

    Returns:
        Who it is; None: nobody has signed in, or the server does not say.

    Raises:
        SatchelError: the server does not accept the sign-in any more.
    """
    if not session.signed_in:
        return None
    answer = await session.request("GET", PATH, also=(401, 404))
    kind = answer.headers.get("content-type", "")
    if answer.status == 401 or (answer.status == 404 and "html" not in kind):
        raise faults.from_status(session.host, PATH, 401, kind, answer.body, signed_in=True)
    return _person(answer.json(), session.host) if answer.status < 300 else None


async def sign_in(host: str, user: str, password: str, access: Access | None = None) -> Credential:
    """Begin a session with a user name and a password.

    Returns:
        What proves from now on who asks. The password is kept nowhere.

    Raises:
        SatchelError: the server does not accept them, or has no sign-in of this kind.
    """
    async with Session.open(host, access, credential={}, policy=BRISK) as session:
        answer = await session.request(
            "POST",
            PATH,
            data=urlencode({"username": user, "password": password}).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            also=(400, 401, 403, 404, 405, 501),
        )
        if answer.status in (401, 403):
            raise SatchelError(
                Kind.NOT_SIGNED_IN,
                f"{session.host} does not accept this user name and password.",
                "Check them and try again.",
            )
        if answer.status >= 300:
            raise SatchelError(
                Kind.NOT_SIGNED_IN,
                f"{session.host} does not sign people in with a user name and a password.",
                f"Sign in there in a browser, and give the token: satchel login {session.host}",
                f"{answer.status}",
            )
        cookie = SimpleCookie()
        try:
            cookie.load(answer.headers.get("set-cookie", ""))
            return Credential("cookie", f"{COOKIE}={cookie[COOKIE].value}")
        except (CookieError, KeyError, ValueError):
            raise SatchelError(
                Kind.SERVER, f"{session.host} accepts the password but gives no session.", "Try again later."
            ) from None


async def prolong(host: str, credential: Credential, access: Access | None = None) -> Person:
    """Make a session last as long as the server lets it.

    Raises:
        SatchelError: it has run out.
    """
    async with Session.open(host, access, credential=credential, policy=BRISK) as session:
        answer = await session.request("PUT", PATH, also=(401, 404))
        if answer.status >= 300:
            raise faults.from_status(session.host, PATH, 401, "", b"", signed_in=True)
        return _person(answer.json(), session.host)


async def sign_out(host: str, credential: Credential, access: Access | None = None) -> bool:
    """End the session on the server. Returns whether there was one. Raises SatchelError."""
    async with Session.open(host, access, credential=credential, policy=BRISK) as session:
        answer = await session.request("DELETE", PATH, also=(401, 404))
        return answer.status < 300


def _person(document: Any, host: str) -> Person:
    client = document.get("client") if isinstance(document, dict) else None
    if not isinstance(client, dict) or not isinstance(client.get("id"), str):
        raise SatchelError(Kind.SERVER, f"{host} does not say who is signed in.", "Check the server's name.")
    attributes = document.get("attributes")
    groups = [a for a in attributes if isinstance(a, dict)] if isinstance(attributes, list) else []
    named = [str(g.get("display_name") or g.get("id")) for g in groups if g.get("id") != client["id"]]
    name = client.get("full_name") or client.get("display_name") or client["id"]
    return Person(id=client["id"], name=str(name), expires=str(document.get("expires") or ""), groups=tuple(named))
