"""Signing in at the sandbox: by form and cookie, by bearer token, until the session ends."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sandbox_client import Peer
from sandbox_process import SandboxProcess, start_sandbox

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def nobody(empty_sandbox: SandboxProcess) -> Iterator[Peer]:
    with Peer(empty_sandbox, None) as peer:
        yield peer


def test_signing_in_by_form(nobody: Peer) -> None:
    assert nobody.send("GET", "/authn/session").status_code == 404
    for wrong in (b"username=user&password=admin", b"username=nobody&password=x", b"", b"username=user"):
        answer = nobody.send("POST", "/authn/session", wrong, headers=FORM)
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers
    answer = nobody.send("POST", "/authn/session", b"username=user&password=user", headers=FORM)
    assert answer.status_code in (200, 201)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("webauthn=")
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    session = nobody.get("/authn/session")
    assert session["client"]["id"] == "user"
    assert {"user", "staff"} <= {a["id"] for a in session["attributes"]}
    assert 0 < session["seconds_remaining"] <= 86_400
    extended = nobody.ask("PUT", "/authn/session")
    assert extended["client"]["id"] == "user"
    nobody.ask("DELETE", "/authn/session")
    assert nobody.send("GET", "/authn/session").status_code == 404


def test_a_token_as_cookie_and_as_bearer_is_the_same(nobody: Peer) -> None:
    answer = nobody.send("POST", "/authn/session", b"username=admin&password=admin", headers=FORM)
    token = answer.headers["Set-Cookie"].partition(";")[0].removeprefix("webauthn=")
    nobody.session.cookies.clear()
    assert nobody.send("POST", "/ermrest/catalog", {}).status_code == 401
    for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"webauthn={token}"}):
        assert nobody.send("GET", "/authn/session", headers=headers).json()["client"]["id"] == "admin"
        made = nobody.send("POST", "/ermrest/catalog", {}, headers=headers)
        assert made.status_code == 201
        nobody.send("DELETE", made.headers["Location"], headers=headers)
    for headers in ({"Authorization": f"Bearer {token}x"}, {"Authorization": f"Basic {token}"}):
        assert nobody.send("GET", "/authn/session", headers=headers).status_code == 404


def test_sessions_end() -> None:
    with start_sandbox("--demo", "none", "--session-seconds", "1.5") as sandbox, Peer(sandbox, None) as peer:
        peer.ask("POST", "/authn/session", b"username=admin&password=admin", headers=FORM)
        catalog = peer.ask("POST", "/ermrest/catalog", {})["id"]
        deadline = time.monotonic() + 30
        while (answer := peer.send("GET", f"/ermrest/catalog/{catalog}")).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert answer.status_code == 401
        assert peer.send("GET", "/authn/session").status_code == 404
        # The credentials of the ready line outlast that, and a restart.
        sandbox.restart()
        with Peer(sandbox) as lasting:
            assert lasting.get(f"/ermrest/catalog/{catalog}")["id"] == catalog
