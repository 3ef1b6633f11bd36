"""Who the sandbox knows, and `/authn/session` as webauthn answers it."""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from .ermrest.model import Client

LIFETIME = 24 * 3600.0
"""Seconds that a session lasts."""
PASSWORDS = {"admin": "admin", "user": "user"}
"""User names and passwords of the sandbox's two people; it listens on loopback only."""
ADMIN = Client("admin", "Ada Admin", frozenset({"admin", "staff"}))
USER = Client("user", "Uwe User", frozenset({"user", "staff"}))
_PEOPLE = {"admin": ADMIN, "user": USER}
# A client is a member of the ACL entry that is its own id.
NOBODY = Client()


@dataclass(slots=True)
class Session:
    """Somebody who is signed in."""

    name: str
    token: str
    since: float
    expires: float


class Authn:
    """Sessions by token, each for `lifetime` seconds.

    The two lasting ones are kept in the folder; others end with the server at the latest.
    """

    def __init__(self, folder: Path, lifetime: float = LIFETIME) -> None:
        self.lifetime = lifetime
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / "tokens.json"
        if kept.exists():
            tokens = json.loads(kept.read_text())
        else:
            tokens = {name: secrets.token_urlsafe(24) for name in _PEOPLE}
            write_private(kept, tokens)
        now = time.time()
        self.tokens: dict[str, str] = tokens
        self._sessions = {token: Session(name, token, now, now + 30 * LIFETIME) for name, token in tokens.items()}

    def client(self, request: web.Request) -> Client:
        """Who asks: nobody where there is no token, or an unknown or expired one."""
        session = self._session(request)
        return _PEOPLE[session.name] if session else NOBODY

    def token(self, request: web.Request) -> str:
        """The token that a request came with, where it is good; else nothing."""
        session = self._session(request)
        return session.token if session else ""

    def _session(self, request: web.Request) -> Session | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = request.cookies.get("webauthn", "")
        session = self._sessions.get(token.strip())
        if session is not None and session.expires < time.time():
            del self._sessions[session.token]
            return None
        return session

    async def handle(self, request: web.Request) -> web.Response:
        """`/authn/session`."""
        if request.path != "/authn/session":
            return web.Response(status=501, text="The sandbox has of /authn only /authn/session.\n")
        if request.method == "POST":
            return await self._sign_in(request)
        session = self._session(request)
        if session is None:
            return web.Response(status=404, text="No existing login session found.\n")
        if request.method == "DELETE":
            if session.token not in self.tokens.values():
                del self._sessions[session.token]
            return web.Response(status=204)
        if request.method == "PUT":
            session.expires = max(session.expires, time.time() + self.lifetime)
        elif request.method not in ("GET", "HEAD"):
            return web.Response(status=405, text="Method not allowed.\n")
        return web.json_response(describe(session))

    async def _sign_in(self, request: web.Request) -> web.Response:
        form = await request.post()
        name, password = str(form.get("username", "")), str(form.get("password", ""))
        expected = PASSWORDS.get(name)
        if expected is None or not secrets.compare_digest(password.encode(), expected.encode()):
            return web.Response(status=401, text="Authentication failed: wrong user name or password.\n")
        now = time.time()
        session = Session(name, secrets.token_urlsafe(24), now, now + self.lifetime)
        self._sessions[session.token] = session
        answer = web.json_response(describe(session))
        answer.set_cookie("webauthn", session.token, secure=True, httponly=True, path="/")
        return answer


def describe(session: Session) -> dict[str, Any]:
    """A session as webauthn prints it."""
    client = _PEOPLE[session.name]

    def when(seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")

    own = {"id": client.id, "display_name": client.display_name, "identities": [client.id]}
    others = [{"id": a, "display_name": a} for a in sorted(client.attributes) if a != client.id]
    return {
        "client": own,
        "attributes": [*others, own],
        "since": when(session.since),
        "expires": when(session.expires),
        "seconds_remaining": int(session.expires - time.time()),
        "vary_headers": ["cookie"],
        "tracking": None,
    }


def write_private(path: Path, value: Any) -> None:
    """Write JSON that only this person may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file, indent=1)
