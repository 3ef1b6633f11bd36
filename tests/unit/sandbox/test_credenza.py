"""Signing in at the sandbox: Credenza's device flow, service tokens, webauthn's form, and when tokens end."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox_process import SandboxProcess, start_sandbox
from unit.sandbox.people import Person

GRANT = "urn:credenza:service:auth"
MAIN = "import sys; from deriva.core.utils.credenza_auth_utils import main; sys.exit(main())"


def utility(sandbox: SandboxProcess, home: Path, *arguments: str) -> list[str]:
    """The command line of `deriva-credenza-auth-utils`, as it is installed."""
    file = str(home / "credential.json")
    return [sys.executable, "-W", "ignore", "-c", MAIN, "--host", sandbox.host, "--credential-file", file, *arguments]


def run(sandbox: SandboxProcess, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = utility(sandbox, home, *arguments)
    return subprocess.run(command, capture_output=True, text=True, env={"HOME": str(home)}, timeout=60)


def start(who: Person) -> dict[str, Any]:
    answer = who.ask("POST", "/authn/device/start")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def poll(who: Person, code: str) -> requests.Response:
    return who.post("/authn/device/token", {"device_code": code})


def cookie(sandbox: SandboxProcess, name: str = "user") -> str:
    """The cookie that signing in with the form gives."""
    answer = Person(sandbox).ask("POST", "/authn/session", data={"username": name, "password": name})
    assert answer.status_code == 200
    return f"webauthn={answer.cookies['webauthn']}"


def test_derivas_own_utility_signs_a_device_in_and_out(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = utility(
        empty_sandbox, tmp_path, "login", "--refresh", "--bdbag-keychain-file", str(tmp_path / "keychain")
    )
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={"HOME": str(tmp_path)}) as device:
        os.close(theirs)
        said = ""
        while "Proceed?" not in said:
            said += os.read(ours, 4096).decode()
        found = re.search(r"https://\S+/authn/device/verify/([0-9A-F]{8})\b", said)
        assert found, said
        form = {"username": "user", "password": "user", "answer": "confirm"}
        assert Person(empty_sandbox).ask("POST", found[0], data=form).status_code == 200
        os.write(ours, b"y\n")
        while "successfully logged in" not in said:
            said += os.read(ours, 4096).decode()
        assert device.wait(30) == 0
    os.close(ours)
    token = json.loads((tmp_path / "credential.json").read_text())[empty_sandbox.host]["bearer-token"]
    assert run(empty_sandbox, tmp_path, "show-token").stdout.strip() == token
    session = json.loads(run(empty_sandbox, tmp_path, "get-session").stdout)
    assert session["client"]["id"] == "user"
    assert session["seconds_remaining"] > 24 * 3600
    assert (
        json.loads(run(empty_sandbox, tmp_path, "put-session", "--refresh-upstream").stdout)["client"]
        == session["client"]
    )
    device_person = Person(empty_sandbox)
    device_person.session.headers["Authorization"] = f"Bearer {token}"
    assert device_person.get("/authn/session").status_code == 200
    done = run(empty_sandbox, tmp_path, "logout", "--bdbag-keychain-file", str(tmp_path / "keychain"))
    assert "Successfully logged out" in done.stdout, done.stderr
    assert device_person.get("/authn/session").status_code == 404
    assert "Not logged in" in run(empty_sandbox, tmp_path, "logout").stdout


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_derivas_own_utility_gets_a_service_token(empty_sandbox: SandboxProcess, tmp_path: Path, method: str) -> None:
    secret = [
        "--client-id",
        "admin",
        "--client-secret",
        "admin",
        "--requested-ttl-seconds",
        "60",
        "--no-bdbag-keychain",
    ]
    done = run(empty_sandbox, tmp_path, "service-token", "--auth-method", method, *secret)
    assert "Service API token granted" in done.stdout, done.stderr
    session = json.loads(run(empty_sandbox, tmp_path, "get-session").stdout)
    assert session["client"]["id"] == "admin"
    assert session["seconds_remaining"] <= 60
    assert "Successfully logged out" in run(empty_sandbox, tmp_path, "logout", "--no-bdbag-keychain").stdout
    wrong = [*secret[:2], "--client-secret", "guess"]
    refused = run(empty_sandbox, tmp_path, "service-token", "--auth-method", method, *wrong)
    assert refused.returncode == 1
    assert "Authentication required" in refused.stderr


def test_a_device_waits_until_somebody_confirms(empty_sandbox: SandboxProcess) -> None:
    device = Person(empty_sandbox)
    begun = start(device)
    assert (begun["interval"], begun["expires_in"]) == (3, 600)
    assert begun["verification_uri"] == f"{empty_sandbox.url}/authn/device/verify/{begun['user_code']}"
    assert begun["user_code"] not in begun["device_code"].upper()
    pending = poll(device, begun["device_code"])
    assert (pending.status_code, pending.json()) == (403, {"error": "authorization_pending"})
    eager = poll(device, begun["device_code"])
    assert (eager.status_code, eager.json()["message"]) == (429, "slow_down")
    page = device.get(begun["verification_uri"])
    assert page.headers["Content-Type"].startswith("text/html")
    assert begun["user_code"] in page.text
    assert begun["device_code"] not in page.text
    wrong = device.ask(
        "POST", begun["verification_uri"], data={"username": "user", "password": "x", "answer": "confirm"}
    )
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (401, True)
    form = {"username": "admin", "password": "admin", "answer": "confirm"}
    assert device.ask("POST", begun["verification_uri"], data=form).status_code == 200
    assert device.ask("POST", begun["verification_uri"], data=form).status_code == 409
    time.sleep(begun["interval"])
    given = poll(device, begun["device_code"])
    assert (given.status_code, given.json()["token_type"]) == (200, "Bearer")
    assert given.json()["expires_in"] > 13 * 24 * 3600
    device.session.headers["Authorization"] = f"Bearer {given.json()['access_token']}"
    assert device.get("/authn/session").json()["client"]["id"] == "admin"
    assert device.post("/ermrest/catalog", None).status_code == 201
    assert poll(device, begun["device_code"]).status_code == 400


def test_who_is_signed_in_confirms_with_one_button(empty_sandbox: SandboxProcess) -> None:
    device, person = Person(empty_sandbox), Person(empty_sandbox)
    person.session.headers["Cookie"] = cookie(empty_sandbox)
    begun = start(device)
    address = begun["verification_uri"]
    typed = person.get(f"/authn/device/verify?user_code={begun['user_code'].lower()}")
    assert typed.status_code == 303
    page = person.get(typed.headers["Location"])
    assert "Uwe User" in page.text
    proof = re.search(r'name="proof" value="([0-9a-f]+)"', page.text)
    assert proof
    # A form on another site has the victim's cookie at best, and the code, but not this session's proof.
    assert person.ask("POST", address, data={"answer": "confirm"}).status_code == 401
    other = Person(empty_sandbox)
    other.session.headers["Cookie"] = cookie(empty_sandbox, "admin")
    assert other.ask("POST", address, data={"answer": "confirm", "proof": proof[1]}).status_code == 401
    assert poll(device, begun["device_code"]).status_code == 403
    assert person.ask("POST", address, data={"answer": "confirm", "proof": proof[1]}).status_code == 200
    time.sleep(begun["interval"])
    device.session.headers["Authorization"] = f"Bearer {poll(device, begun['device_code']).json()['access_token']}"
    assert device.get("/authn/session").json()["client"]["id"] == "user"


def test_a_refused_device_gets_nothing(empty_sandbox: SandboxProcess) -> None:
    device = Person(empty_sandbox)
    begun = start(device)
    assert device.ask("POST", begun["verification_uri"], data={"answer": "refuse"}).status_code == 200
    assert poll(device, begun["device_code"]).status_code == 400
    assert device.get(begun["verification_uri"]).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("POST", "/authn/device/token", {"data": b"nonsense"}, 400),
        ("POST", "/authn/device/token", {"json": []}, 400),
        ("POST", "/authn/device/token", {"json": {"device_code": 5}}, 400),
        ("POST", "/authn/device/token", {"json": {"device_code": "unknown"}}, 400),
        ("POST", "/authn/device/token", {"data": b"[" * 60_000}, 400),
        ("POST", "/authn/device/token", {"data": b"x" * 100_000}, 413),
        ("GET", "/authn/device/start", {}, 405),
        ("POST", "/authn/device/logout", {}, 404),
        ("GET", "/authn/device/verify/<script>", {}, 404),
        ("POST", "/authn/service/token", {"data": {"grant_type": "password"}}, 400),
        ("POST", "/authn/service/token", {"data": {"grant_type": GRANT, "subject_token": "x"}}, 501),
        ("POST", "/authn/session", {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 401),
        ("GET", "/authn/elsewhere", {}, 501),
    ],
)  # fmt: skip
def test_bad_requests_get_a_sentence(
    empty_sandbox: SandboxProcess, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    answer = Person(empty_sandbox).ask(method, path, **options)
    assert answer.status_code == status
    assert answer.text.strip()
    assert "<script>" not in answer.text


def test_a_browser_session_is_not_ended_as_a_device(empty_sandbox: SandboxProcess) -> None:
    person = Person(empty_sandbox)
    person.session.headers["Cookie"] = cookie(empty_sandbox)
    assert person.ask("POST", "/authn/device/logout").status_code == 403
    assert person.ask("DELETE", "/authn/service/token").status_code == 403
    assert person.get("/authn/session").status_code == 200
    assert person.ask("DELETE", "/authn/session").status_code == 204
    assert person.get("/authn/session").status_code == 404


def test_the_form_gives_a_cookie_that_stays_at_home(empty_sandbox: SandboxProcess) -> None:
    answer = Person(empty_sandbox).ask("POST", "/authn/session", data={"username": "user", "password": "user"})
    said = answer.headers["Set-Cookie"].lower()
    assert all(word in said for word in ("webauthn=", "secure", "httponly", "samesite=lax", "path=/"))
    assert answer.json()["client"]["id"] == "user"
    for wrong in ({"username": "user", "password": "admin"}, {"username": "nobody", "password": ""}, {}):
        refused = Person(empty_sandbox).ask("POST", "/authn/session", data=wrong)
        assert (refused.status_code, "Set-Cookie" in refused.headers) == (401, False)


def test_who_is_signed_in_stays_so_when_the_server_starts_again() -> None:
    with start_sandbox("--demo", "none") as running:
        kept, ended = Person(running), Person(running)
        kept.session.headers["Cookie"] = cookie(running)
        ended.session.headers["Cookie"] = cookie(running, "admin")
        ended.ask("DELETE", "/authn/session")
        port = running.ready["host"].rpartition(":")[2]
        running.kill()
        running.start("--port", port)
        assert [who.get("/authn/session").status_code for who in (kept, ended)] == [200, 404]
        file = running.folder / "authn" / "sessions.json"
        assert file.stat().st_mode & 0o077 == 0
        assert kept.session.headers["Cookie"].partition("=")[2] not in file.read_text()
