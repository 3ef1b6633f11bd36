"""Who the sandbox knows, and `/authn/session` as webauthn answers it."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from .ermrest.model import Client

COOKIE = "webauthn"
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
    key: str
    """Of the token, which itself is not kept."""
    since: float
    expires: float
    kind: str = "user"
    """`user`, `device` or `service`: how the session began, which decides how it may be ended."""

    @property
    def client(self) -> Client:
        """Who it is."""
        return _PEOPLE[self.name]


def token_key(token: str) -> str:
    """What a token is looked up by."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class Authn:
    """Sessions by token, kept in the folder; the two lasting ones with their tokens.

    Args:
        folder: where they are kept.
        lifetime: seconds that a session lasts.
    """

    def __init__(self, folder: Path, lifetime: float = LIFETIME) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.lifetime = lifetime
        kept = folder / "tokens.json"
        if kept.exists():
            tokens = json.loads(kept.read_text())
        else:
            tokens = {name: secrets.token_urlsafe(24) for name in _PEOPLE}
            write_private(kept, tokens)
        now = time.time()
        self.tokens: dict[str, str] = tokens
        self._lasting = {token_key(token): name for name, token in tokens.items()}
        self._kept = folder / "sessions.json"
        found = json.loads(self._kept.read_text()) if self._kept.exists() else []
        self._sessions = {s["key"]: Session(**s) for s in found if s["expires"] > now}
        for key, name in self._lasting.items():
            self._sessions[key] = Session(name, key, now, now + 30 * LIFETIME)

    # -- sessions ---------------------------------------------------------------------------------------------------

    def client(self, request: web.Request) -> Client:
        """Who asks: nobody where there is no token, or an unknown or expired one."""
        session = self.session(request)
        return session.client if session else NOBODY

    def token(self, request: web.Request) -> str:
        """The token that a request came with, where it is good; else nothing."""
        return _given(request) if self.session(request) else ""

    def session(self, request: web.Request) -> Session | None:
        """The session that a request belongs to, if that has not expired."""
        session = self._sessions.get(token_key(_given(request)))
        if session is not None and session.expires < time.time():
            del self._sessions[session.key]
            return None
        return session

    def known(self, name: str, password: str) -> bool:
        """Whether somebody has this password."""
        expected = PASSWORDS.get(name)
        given = password.encode("utf-8", "surrogateescape")
        return expected is not None and secrets.compare_digest(given, expected.encode())

    def begin(self, name: str, kind: str = "user", seconds: float | None = None) -> tuple[str, Session]:
        """A new session of a person, and its token."""
        now = time.time()
        token = secrets.token_urlsafe(24)
        session = Session(name, token_key(token), now, now + (self.lifetime if seconds is None else seconds), kind)
        self._sessions[session.key] = session
        self._keep()
        return token, session

    def prolong(self, session: Session) -> None:
        """Let a session last as long again as a new one."""
        session.expires = max(session.expires, time.time() + self.lifetime)
        self._keep()

    def end(self, session: Session) -> None:
        """End a session. The two lasting ones stay: the files that the sandbox wrote at its start hold them."""
        if session.key not in self._lasting:
            self._sessions.pop(session.key, None)
            self._keep()

    def _keep(self) -> None:
        now = time.time()
        kept = [asdict(s) for s in self._sessions.values() if s.key not in self._lasting and s.expires > now]
        temporary = self._kept.with_suffix(".new")
        write_private(temporary, kept)
        temporary.replace(self._kept)

    # -- webauthn's API ---------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.Response:
        """`/authn/session`, as webauthn answers it."""
        if request.method == "POST":
            return await self._sign_in(request)
        session = self.session(request)
        if session is None:
            return web.Response(status=404, text="No existing login session found.\n")
        if request.method == "DELETE":
            self.end(session)
            answer = web.Response(status=204)
            answer.del_cookie(COOKIE, path="/")
            return answer
        if request.method == "PUT":
            self.prolong(session)
        elif request.method not in ("GET", "HEAD"):
            return web.Response(status=405, text="Method not allowed.\n")
        return web.json_response(describe(session))

    async def _sign_in(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        if not self.known(form.get("username", ""), form.get("password", "")):
            return web.Response(status=401, text="Authentication failed: wrong user name or password.\n")
        token, session = self.begin(form["username"])
        answer = web.json_response(describe(session))
        # Lax: a form on somebody else's page does not act as whoever is signed in here.
        answer.set_cookie(COOKIE, token, secure=True, httponly=True, path="/", samesite="Lax")
        return answer


def _given(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.cookies.get(COOKIE, "")
    return token.strip()


async def read_form(request: web.Request) -> dict[str, str]:
    """A form's fields; none where the body is no form."""
    try:
        form = await request.post()
    except ValueError:
        return {}
    return {name: value for name, value in form.items() if isinstance(value, str)}


def describe(session: Session) -> dict[str, Any]:
    """A session as webauthn prints it, and Credenza where it stands in for webauthn."""
    client = session.client

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
