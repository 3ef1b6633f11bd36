"""Signing in by Credenza's device flow: a page is confirmed in any browser, and this program then gets a token.

github.com/informatics-isi-edu/credenza, rest/device_flow.py: `device/start` gives codes and an address, `device/token`
answers 403 until somebody has confirmed there, 429 to who asks too often, 400 when the codes have run out.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec

from satchel.core.credentials import Credential
from satchel.core.deriva.retry import BRISK
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access
from satchel.core.secrets import guard

LONGEST = 3600.0
"""Seconds that codes are waited for, whatever the server says."""


class DeviceCode(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in that waits to be confirmed."""

    user_code: str
    """What the page asks for, or shows to be compared."""
    page: str
    """Where a person confirms."""
    ends: float
    """When it is too late, in seconds since 1970."""
    every: float
    """Seconds between two questions to the server."""
    device_code: str
    """This program's part. Secret."""

    def __repr__(self) -> str:
        return f"DeviceCode({self.user_code}, {self.page})"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    credential: Credential
    ends: float
    """When it runs out, in seconds since 1970; 0: not said."""


async def begin(host: str, access: Access | None = None) -> DeviceCode:
    """Begin to sign in. Raises SatchelError: the server has no such flow, or its answer makes no sense."""
    async with _session(host, access) as session:
        answer = await session.request("POST", "/authn/device/start", idempotent=True, also=(404, 405, 501))
        if answer.status >= 300:
            raise SatchelError(
                Kind.USAGE, f"{session.host} does not sign people in by a code.", "Choose another way to sign in."
            )
        told = answer.json()
        code, user_code, page = (_text(told, n) for n in ("device_code", "user_code", "verification_uri"))
        if not code or not user_code or not _safe(page):
            raise SatchelError(
                Kind.SERVER, f"{session.host} begins a sign-in with an answer that makes no sense.", "Tell its owner."
            )
        guard(code)
        lasts = min(max(_number(told, "expires_in", 600.0), 1.0), LONGEST)
        every = min(max(_number(told, "interval", 3.0), 0.5), 60.0)
        return DeviceCode(user_code=user_code[:40], page=page, ends=time.time() + lasts, every=every, device_code=code)


async def wait(host: str, code: DeviceCode, access: Access | None = None) -> Token:
    """Ask until somebody has confirmed. Cancel it to stop waiting.

    Raises:
        SatchelError: nobody did in time, it was refused, or the server cannot be reached.
    """
    every = code.every
    async with _session(host, access) as session:
        while True:
            await asyncio.sleep(every)
            if time.time() > code.ends:
                raise _late(session.host)
            answer = await session.request(
                "POST",
                "/authn/device/token",
                json={"device_code": code.device_code},
                idempotent=True,
                also=(400, 403, 429),
            )
            if answer.status == 403:
                continue
            if answer.status == 429:  # too often for this server
                every = min(every * 1.5, 60.0)
                continue
            if answer.status == 400:
                raise _late(session.host)
            told = answer.json()
            try:
                credential = Credential("bearer-token", _text(told, "access_token"))
            except ValueError:
                raise SatchelError(
                    Kind.SERVER, f"{session.host} confirms the sign-in and gives no token.", "Try again later."
                ) from None
            lasts = _number(told, "expires_in", 0.0)
            return Token(credential=credential, ends=time.time() + lasts if lasts > 0 else 0.0)


async def end(host: str, credential: Credential, access: Access | None = None) -> None:
    """End a device's session on the server; one that is gone already is left alone. Raises SatchelError."""
    trust = Access(ca=access.ca) if access is not None else Access()
    async with Session.open(host, trust, credential=credential, policy=BRISK) as session:
        await session.request("POST", "/authn/device/logout", idempotent=True, also=(400, 401, 403, 404, 405, 501))


def _session(host: str, access: Access | None) -> Any:
    trust = Access(ca=access.ca) if access is not None else Access()
    return Session.open(host, trust, credential={}, policy=BRISK)


def _late(host: str) -> SatchelError:
    return SatchelError(
        Kind.NOT_SIGNED_IN, f"The sign-in to {host} was not confirmed in time.", "Begin again and confirm it at once."
    )


def _safe(page: str) -> bool:
    """Whether it may be opened in a browser: https, no user name, nothing odd. It may be of another host."""
    try:
        split = urlsplit(page)
        return (
            split.scheme == "https"
            and bool(split.hostname)
            and split.username is None
            and page.isascii()
            and page.isprintable()
            and " " not in page
            and len(page) < 2000
        )
    except ValueError:
        return False


def _text(told: Any, name: str) -> str:
    value = told.get(name) if isinstance(told, dict) else None
    return value if isinstance(value, str) else ""


def _number(told: Any, name: str, default: float) -> float:
    value = told.get(name) if isinstance(told, dict) else None
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else default  # type: ignore[arg-type]
