"""Everything under `/authn`: Credenza's device and service tokens, and webauthn's session.

Paths and bodies are those of Credenza (github.com/informatics-isi-edu/credenza) as deriva-py 1.7.12's
`credenza_auth_utils` asks for them:

    POST device/start[?refresh=true]   device_code, user_code, verification_uri, interval, expires_in
    GET, POST device/verify/CODE       the page where a person confirms
    POST device/token                  {"device_code"}: 403 while nobody has, then access_token, token_type, expires_in
    POST device/logout                 ends a device's session
    POST, DELETE service/token         a token for a name and a password, as client id and secret
    GET, PUT, POST, DELETE session     as webauthn, which Credenza stands in for
    GET preauth, discovery             how one signs in: a form for name and password; no scopes of Globus
"""

from __future__ import annotations

import hmac
import json
import time
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import BasicAuth, web

from satchel.sandbox.authn import Authn, Session, read_form

from . import page
from .devices import INTERVAL, WAITING, Devices

DEVICE_DAYS = 14
"""A device's session lasts so many times as long as another."""
SERVICE_GRANT = "urn:credenza:service:auth"
_LARGEST_BODY = 64 * 1024
_NAMES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
          413: "request_entity_too_large", 429: "too_many_requests", 501: "not_implemented"}  # fmt: skip
_PRIVATE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


class SignInError(Exception):
    """An answer that is an error, as Credenza words it for programs."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=_PRIVATE)


class CredenzaService:
    """Answers below `/authn`."""

    def __init__(self, authn: Authn) -> None:
        self.authn = authn
        self.devices = Devices()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request; errors are answers too."""
        if (request.content_length or 0) > _LARGEST_BODY:
            return self._error(SignInError(413, "The body is too large."))
        try:
            return await self._route(request)
        except SignInError as error:
            return self._error(error)

    @staticmethod
    def _error(error: SignInError) -> web.Response:
        body = {"error": _NAMES[error.status], "code": error.status, "message": str(error)}
        return web.json_response(body, status=error.status)

    async def _route(self, request: web.Request) -> web.StreamResponse:
        method = request.method
        parts = [unquote(p) for p in request.path.strip("/").split("/")[1:]]
        match parts:
            case ["session"]:
                return await self.authn.handle(request)
            case ["preauth"] if method in ("GET", "HEAD"):
                # As webauthn tells of its database provider: names and passwords of its own.
                fields = [{"type": "text", "name": "username"}, {"type": "password", "name": "password"}]
                form = {"method": "POST", "action": "/authn/session", "input_fields": fields}
                return web.json_response({"authentication_type": "database", "login_form": form})
            case ["discovery"] if method in ("GET", "HEAD"):
                return web.json_response({})  # no scopes of Globus Auth
            case ["device", "start"] if method == "POST":
                return self._start(request)
            case ["device", "verify"] if method in ("GET", "HEAD"):
                code = request.query.get("user_code", "").strip()
                if code:
                    return web.Response(
                        status=303, headers={"Location": f"/authn/device/verify/{quote(code, safe='')}"}
                    )
                return _html(page.ask_for_code())
            case ["device", "verify", code] if method in ("GET", "HEAD", "POST"):
                return await self._verify(request, code)
            case ["device", "token"] if method == "POST":
                return await self._token(request)
            case ["device", "logout"] if method == "POST":
                session = self._session(request)
                if session.kind != "device":
                    raise SignInError(403, "Not a device session")
                self.authn.end(session)
                return web.json_response({"status": "logged out"})
            case ["service", "token"] if method == "POST":
                return await self._service_token(request)
            case ["service", "token"] if method == "DELETE":
                session = self._session(request)
                if session.kind != "service":
                    raise SignInError(403, "Not a service session")
                self.authn.end(session)
                return web.Response(status=204)
            case ["device", "start" | "verify" | "token" | "logout", *_] | ["service", "token"]:
                raise SignInError(405, f"{method} is not for {request.path}.")
        raise SignInError(501, f"The sandbox has no {request.path}; it has /authn/session and Credenza's device flow.")

    def _session(self, request: web.Request) -> Session:
        session = self.authn.session(request)
        if session is None:
            raise SignInError(404, "No existing login session found.")
        return session

    # -- devices ----------------------------------------------------------------------------------------------------

    def _start(self, request: web.Request) -> web.Response:
        code, flow = self.devices.start()
        return web.json_response(
            {
                "device_code": code,
                "user_code": flow.user_code,
                "verification_uri": f"https://{request.host}/authn/device/verify/{flow.user_code}",
                "interval": INTERVAL,
                "expires_in": WAITING,
            }
        )

    async def _verify(self, request: web.Request, code: str) -> web.Response:
        flow = self.devices.by_user_code(code)
        if flow is None:
            return _html(
                page.message("No such code", "No device waits with this code; it may have waited too long."), 404
            )
        if flow.person is not None:
            return _html(page.message("Done already", "This device was confirmed before."), 409)
        session = self.authn.session(request)
        shown = session.client.display_name if session else None
        proof = self.devices.proof(flow, session.key) if session else ""
        if request.method != "POST":
            return _html(page.confirm(flow.user_code, shown, proof))
        form = await read_form(request)
        name, password = form.get("username", ""), form.get("password", "")
        confirmed: str | None = None
        if self.authn.known(name, password):
            confirmed = name
        elif session is not None and hmac.compare_digest(form.get("proof", "").encode(), proof.encode()):
            confirmed = session.name
        if form.get("answer") == "refuse" and (confirmed or session is None):
            self.devices.drop(flow)
            return _html(page.message("Refused", "The device gets nothing. You may close this page."))
        if confirmed is None:
            return _html(page.confirm(flow.user_code, shown, proof, wrong=True), 401)
        flow.person = confirmed
        return _html(
            page.message(
                "Confirmed", "Device authorization complete. You may return to the device and close this page."
            )
        )

    async def _token(self, request: web.Request) -> web.Response:
        try:
            given = json.loads(await request.read())
        except (ValueError, RecursionError):
            raise SignInError(400, "The body must be JSON.") from None
        code = given.get("device_code") if isinstance(given, dict) else None
        if not isinstance(code, str) or not code:
            raise SignInError(400, "Missing device_code")
        flow = self.devices.get(code)
        if flow is None:
            raise SignInError(400, "expired token")
        now = time.time()
        if now < flow.asked + INTERVAL:
            raise SignInError(429, "slow_down")
        flow.asked = now
        if flow.person is None:
            return web.json_response({"error": "authorization_pending"}, status=403)
        self.devices.drop(flow)
        return self._issued(flow.person, "device", DEVICE_DAYS * self.authn.lifetime)

    def _issued(self, name: str, kind: str, seconds: float) -> web.Response:
        token, session = self.authn.begin(name, kind, seconds)
        body = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": max(0, int(session.expires - time.time())),
        }
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    # -- services ---------------------------------------------------------------------------------------------------

    async def _service_token(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        if form.get("grant_type") != SERVICE_GRANT:
            raise SignInError(400, f"grant_type must be {SERVICE_GRANT}.")
        if "subject_token" in form:
            raise SignInError(501, "The sandbox asks no Amazon; use client_secret_basic or client_secret_post.")
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        header = request.headers.get("Authorization", "")
        if header.lower().startswith("basic "):
            try:
                basic = BasicAuth.decode(header, "utf-8")
            except ValueError:
                raise SignInError(400, "The Authorization header cannot be read.") from None
            name, secret = basic.login, basic.password
        if not self.authn.known(name, secret):
            raise SignInError(401, "Wrong client id or secret.")
        return self._issued(name, "service", self._seconds(form))

    def _seconds(self, form: dict[str, Any]) -> float:
        wanted = form.get("requested_ttl_seconds")
        if wanted is None:
            return self.authn.lifetime
        if not str(wanted).isascii() or not str(wanted).isdigit() or len(str(wanted)) > 9:
            raise SignInError(400, "requested_ttl_seconds must be a number of seconds.")
        return min(float(wanted), self.authn.lifetime)
