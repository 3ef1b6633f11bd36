"""What Globus Auth answers to a native application, as far as a sign-in needs it; the real one cannot be run here.

https://docs.globus.org/api/auth/reference/ : authorize with PKCE (S256), a code for tokens, a refresh token for a
new token.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from urllib.parse import urlencode

from aiohttp import web


class GlobusAuth:
    """Signs everybody in who comes, with one token for every scope.

    Args:
        token: what it hands out.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.refuses = False
        self.lasts = 3600
        self.refreshed = 0
        self._codes: dict[str, dict[str, str]] = {}
        self._refresh: dict[str, str] = {}
        self.app = web.Application()
        self.app.router.add_get("/v2/oauth2/authorize", self._authorize)
        self.app.router.add_post("/v2/oauth2/token", self._token)

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["redirect_uri"].startswith("http://localhost:")
        back = {"state": asked["state"]}
        if self.refuses:
            back["error"] = "access_denied"
        else:
            back["code"] = secrets.token_urlsafe(8)
            self._codes[back["code"]] = asked
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        if form["grant_type"] == "refresh_token":
            scope = self._refresh.get(str(form["refresh_token"]))
            if scope is None:
                return web.json_response({"error": "invalid_grant"}, status=400)
            self.refreshed += 1
            return web.json_response(self._answer([scope], str(form["refresh_token"])))
        asked = self._codes.pop(str(form["code"]), None)
        digest = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(self._answer(asked["scope"].split()))

    def _answer(self, scopes: list[str], refresh: str = "") -> dict[str, object]:
        def one(scope: str) -> dict[str, object]:
            key = refresh or secrets.token_urlsafe(8)
            self._refresh[key] = scope
            return {
                "access_token": self.token,
                "scope": scope,
                "expires_in": self.lasts,
                "token_type": "Bearer",
                "resource_server": scope,
                "refresh_token": key,
            }

        return {**one(scopes[0]), "other_tokens": [one(scope) for scope in scopes[1:]]}
