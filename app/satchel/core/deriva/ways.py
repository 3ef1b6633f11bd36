"""How a server signs people in: found out by asking it, not by asking the person.

webauthn tells by `/authn/preauth` (github.com/informatics-isi-edu/webauthn, doc/rest_api.md): a login form for names
and passwords of its own, or an address to go to. A server that takes Globus tokens names their scopes in
`/authn/discovery`, as deriva-py reads it. Credenza (github.com/informatics-isi-edu/credenza) has a device flow, whose
start only takes POST: 405 to a GET says that it is there, and begins nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec

from satchel.core.deriva.retry import BRISK
from satchel.core.deriva.session import Session
from satchel.core.jobs.request import Access

Way = Literal["password", "device", "globus", "browser", "token"]
GLOBUS = "https://auth.globus.org/"
LONGEST = 500
"""Characters of a scope; and at most so many scopes."""
_SCOPES = 20


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """What a server offers."""

    ways: tuple[Way, ...]
    """The best first. A token can be given everywhere."""
    scopes: tuple[str, ...] = ()
    """Of Globus Auth, for `globus`."""
    page: str = ""
    """Where a browser signs in, for `browser`: an address on the server itself."""


async def ways(host: str, access: Access | None = None) -> Ways:
    """Ask a server how it signs people in.

    Args:
        host: `name` or `name:port`.
        access: extra certificate authorities.

    Raises:
        SatchelError: no such server, or it cannot be trusted.
    """
    trust = Access(ca=access.ca) if access is not None else Access()
    async with Session.open(host, trust, credential={}, policy=BRISK) as session:
        before, scopes, device = await asyncio.gather(_preauth(session), _scopes(session), _has_device_flow(session))
    found: list[Way] = []
    if device:
        found.append("device")
    if scopes:
        found.append("globus")
    if isinstance(before.get("login_form"), dict):
        found.append("password")
    elif before.get("redirect_url"):
        found.append("browser")
    return Ways(ways=(*found, "token"), scopes=scopes, page=f"https://{session.host}/authn/preauth?do_redirect=true")


async def _preauth(session: Session) -> dict[str, Any]:
    answer = await session.request(
        "GET", "/authn/preauth", headers={"Accept": "application/json"}, also=range(300, 600)
    )
    return _object(answer.status, answer.body)


async def _scopes(session: Session) -> tuple[str, ...]:
    answer = await session.request("GET", "/authn/discovery", also=range(300, 600))
    told = _object(answer.status, answer.body).get("oauth2_scopes")
    if not isinstance(told, dict):
        return ()
    usable = (s for s in told.values() if isinstance(s, str) and s.isascii() and s.isprintable() and len(s) < LONGEST)
    return tuple(usable)[:_SCOPES]


async def _has_device_flow(session: Session) -> bool:
    answer = await session.request("GET", "/authn/device/start", also=range(300, 600))
    return answer.status == 405


def _object(status: int, body: bytes) -> dict[str, Any]:
    if status != 200:
        return {}
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return told if isinstance(told, dict) else {}
