"""Signing in by Globus Auth as deriva-py's native login does: in the person's browser, with a token for each scope.

globus-sdk speaks with Globus. The browser comes back to an address on this computer, where a listener waits for exactly
the one answer that carries its `state`; PKCE (in the library) makes the code in it worthless to anybody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import html
import os
import secrets
import ssl
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from satchel.core.credentials import Credential
from satchel.core.errors import Kind, SatchelError
from satchel.core.secrets import guard

if TYPE_CHECKING:
    from globus_sdk import NativeAppAuthClient

CLIENT = "8ef15ba9-2b4a-469c-a163-7fd910c9d111"
"""deriva-py's native application at Globus: Deriva servers know it, and it may ask for their scopes."""
SECONDS = 600.0
"""How long the browser is waited for."""
_LONGEST_REQUEST = 16 * 1024


class GlobusToken(msgspec.Struct, frozen=True, kw_only=True):
    """For one scope."""

    scope: str
    credential: Credential
    ends: float
    """Seconds since 1970."""
    refresh: str
    """Gets a new one; empty: there is none. Secret."""

    def __repr__(self) -> str:
        return f"GlobusToken({self.scope})"


class GlobusSignIn:
    """One sign-in under way. Make it with `begin`, open `page` in a browser, await `wait`, and `close` in any case."""

    def __init__(self, client: NativeAppAuthClient, scopes: Sequence[str]) -> None:
        self._client, self._scopes = client, tuple(scopes)
        self._state = secrets.token_urlsafe(24)
        self._came: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._servers: list[asyncio.Server] = []
        self._answering: set[asyncio.Task[None]] = set()
        self.page = ""
        """Where the person signs in."""

    @classmethod
    async def begin(cls, scopes: Sequence[str]) -> GlobusSignIn:
        """Listen for the browser's return.

        Args:
            scopes: what tokens are for, as the server's `/authn/discovery` names it.

        Raises:
            SatchelError: this computer lets nobody listen.
        """
        made = cls(await asyncio.to_thread(_client), scopes)
        try:
            await made._listen()
        except OSError as error:
            raise SatchelError(
                Kind.FILES,
                f"Satchel cannot listen for the browser's answer: {error.strerror or error}.",
                "Sign in with a token instead.",
            ) from error
        return made

    async def _listen(self) -> None:
        first = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_LONGEST_REQUEST)
        self._servers.append(first)
        port = first.sockets[0].getsockname()[1]
        with contextlib.suppress(OSError):  # where the browser takes "localhost" for IPv6
            self._servers.append(await asyncio.start_server(self._connected, "::1", port, limit=_LONGEST_REQUEST))
        self._client.oauth2_start_flow(
            requested_scopes=list(self._scopes),
            redirect_uri=f"http://localhost:{port}",
            state=self._state,
            refresh_tokens=True,
            prefill_named_grant="Satchel",
        )
        self.page = self._client.oauth2_get_authorize_url()

    async def wait(self) -> tuple[GlobusToken, ...]:
        """The tokens, when the person has signed in.

        Raises:
            SatchelError: nobody did in time, it was refused, or Globus cannot be reached.
        """
        try:
            came = await asyncio.wait_for(asyncio.shield(self._came), SECONDS)
        except TimeoutError:
            raise SatchelError(Kind.NOT_SIGNED_IN, "Nobody has signed in at Globus in time.", "Begin again.") from None
        if "code" not in came:
            raise SatchelError(
                Kind.NOT_SIGNED_IN, "The sign-in at Globus was refused.", "Begin again.", came.get("error", "")[:200]
            )
        with _told():
            answer = await asyncio.to_thread(self._client.oauth2_exchange_code_for_tokens, came["code"])
        return _tokens(answer.by_scopes.scope_map, self._scopes)

    async def close(self) -> None:
        """Listen no more."""
        for server in self._servers:
            server.close()
        if self._answering:  # the page that says how it went
            await asyncio.wait(self._answering, timeout=2)
        self._client.transport.close()
        self._came.cancel()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(reader, writer))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                line = (await reader.readuntil(b"\r\n")).decode("latin-1")
                status, said = self._take(line)
                body = _PAGE.format(html.escape(said)).encode()
                head = (
                    f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
                    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n"
                    "Content-Security-Policy: default-src 'none'\r\n\r\n"
                )
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # not the browser that is waited for, or one that did not stay
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _take(self, line: str) -> tuple[str, str]:
        method, _, rest = line.partition(" ")
        asked = parse_qs(urlsplit(rest.partition(" ")[0]).query)
        state = asked.get("state", [""])[0]
        if method != "GET" or not hmac.compare_digest(state.encode(), self._state.encode()):
            return "400 Bad Request", "This is not the answer that Satchel waits for."
        if self._came.done():
            return "410 Gone", "This sign-in is over."
        code = asked.get("code", [""])[0]
        if code:
            guard(code)
            self._came.set_result({"code": code})
            return "200 OK", "You are signed in. You may close this page and return to Satchel."
        self._came.set_result({"error": asked.get("error", ["no code came"])[0]})
        return "200 OK", "You are not signed in. You may close this page and return to Satchel."


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Satchel</title></head>
<body><h1>Satchel</h1><p>{}</p></body></html>
"""


async def refresh(token: str, scope: str) -> GlobusToken:
    """Get a new token for the one that has run out, without asking the person.

    Raises:
        SatchelError: Globus does not accept it any more, or cannot be reached.
    """
    client = await asyncio.to_thread(_client)
    try:
        with _told():
            answer = await asyncio.to_thread(client.oauth2_refresh_token, token)
    finally:
        client.transport.close()
    found = _tokens(answer.by_scopes.scope_map, (scope,))
    return msgspec.structs.replace(found[0], refresh=found[0].refresh or token)


def _tokens(by_scope: dict[str, Any], scopes: Sequence[str]) -> tuple[GlobusToken, ...]:
    found: list[GlobusToken] = []
    for scope in scopes:
        told = by_scope.get(scope)
        if not isinstance(told, dict):
            raise SatchelError(Kind.NOT_SIGNED_IN, f"Globus gave no token for {scope}.", "Begin again and allow it.")
        if told.get("refresh_token"):
            guard(str(told["refresh_token"]))
        try:
            credential = Credential("bearer-token", str(told["access_token"]))
        except (KeyError, ValueError):
            raise SatchelError(
                Kind.SERVER, "Globus answers with a token that makes no sense.", "Begin again."
            ) from None
        ends = told.get("expires_at_seconds")
        found.append(
            GlobusToken(
                scope=scope,
                credential=credential,
                ends=float(ends) if isinstance(ends, int | float) else time.time() + 3600,
                refresh=str(told.get("refresh_token") or ""),
            )
        )
    return tuple(found)


def _client() -> NativeAppAuthClient:
    from globus_sdk import NativeAppAuthClient

    # Verified, whatever GLOBUS_SDK_VERIFY_SSL says. The library looks at no REQUESTS_CA_BUNDLE, as requests else does.
    verify: bool | str = os.environ.get("REQUESTS_CA_BUNDLE") or True
    return NativeAppAuthClient(CLIENT, app_name="Satchel", transport_params={"verify_ssl": verify})


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Globus' errors in our words; theirs may repeat what was sent."""
    from globus_sdk import GlobusAPIError, NetworkError

    try:
        yield
    except GlobusAPIError as error:
        if error.http_status in (400, 401, 403):
            raise SatchelError(
                Kind.NOT_SIGNED_IN, "Globus does not accept this sign-in.", "Sign in again.", f"{error.http_status}"
            ) from None
        raise SatchelError(
            Kind.SERVER, f"Globus Auth failed ({error.http_status}).", "Try again in a few minutes."
        ) from None
    except NetworkError as error:
        cause = error.__cause__ or error
        kind = Kind.UNTRUSTED if isinstance(cause, ssl.SSLError) else Kind.UNREACHABLE
        raise SatchelError(
            kind,
            "Globus Auth cannot be reached.",
            "Check the network, and the proxy if there is one.",
            type(cause).__name__,
        ) from None
