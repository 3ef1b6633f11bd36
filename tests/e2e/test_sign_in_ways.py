"""The ways in which people of this ecosystem sign in: found out, followed, kept, renewed, taken over."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from globus_auth import GlobusAuth
from sandbox_process import SandboxProcess, start_sandbox
from satchel.core.credentials import Credential, chosen, lookup
from satchel.core.credentials.kept import SignIn
from satchel.core.credentials.ring import keep, kept
from satchel.core.credentials.vault import MemoryVault
from satchel.core.deriva import device
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.flows import importing, sign_in
from satchel.core.jobs.request import Access
from terminal import Terminal
from tls_server import serve

SCOPE = "https://auth.globus.org/scopes/localhost/deriva_all"


@pytest.fixture(scope="module")
def box() -> Iterator[SandboxProcess]:
    """One whose sign-ins may be ended."""
    with start_sandbox("--demo", "small") as running:
        yield running


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    chosen.use(MemoryVault())
    yield
    chosen.use(None)


def access(box: SandboxProcess) -> Access:
    return Access(ca=(box.ca,))


def confirm(box: SandboxProcess, page: str, **form: str) -> None:
    """What a person does in the browser."""
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(
        urllib.request.Request(page, data), context=ssl.create_default_context(cafile=box.ca)
    ) as answer:
        assert answer.status == 200


def token(box: SandboxProcess, user: str = "admin") -> str:
    found = json.loads(Path(box.credential if user == "admin" else box.credential_user).read_text())
    return str(next(iter(found.values()))["bearer-token"])


# -- finding out -----------------------------------------------------------------------------------


async def test_the_sandbox_has_a_device_flow_and_passwords(box: SandboxProcess) -> None:
    found = await sign_in.ways(box.host, access(box))
    assert found.ways == ("device", "password", "token")


@pytest.mark.parametrize(
    ("preauth", "discovery", "ways"),
    [
        ({"redirect_url": "https://auth.globus.org/v2/x"}, {"oauth2_scopes": {"deriva": SCOPE}}, ("globus", "browser")),
        ({"authentication-type": "database", "login_form": {"method": "POST"}}, {}, ("password",)),
        ({"redirect_url": "/login.html"}, None, ("browser",)),
        (None, None, ()),
        ([1], {"oauth2_scopes": ["x"]}, ()),
        ({}, {"oauth2_scopes": {"a": 7, "b": "two words\n"}}, ()),
    ],
)
async def test_what_a_server_offers_is_read_from_its_answers(
    tmp_path: Path, preauth: Any, discovery: Any, ways: tuple[str, ...]
) -> None:
    def told(value: Any) -> Any:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=404) if value is None else web.json_response(value)

        return answer

    app = web.Application()
    app.router.add_get("/authn/preauth", told(preauth))
    app.router.add_get("/authn/discovery", told(discovery))
    async with serve(app, tmp_path) as served:
        found = await sign_in.ways(served.host, served.access)
    assert found.ways == (*ways, "token")
    assert found.scopes == ((SCOPE,) if "globus" in ways else ())


# -- by a code -------------------------------------------------------------------------------------


async def test_a_page_confirmed_elsewhere_signs_in(box: SandboxProcess) -> None:
    shown: list[sign_in.DeviceCode] = []

    def told(code: sign_in.DeviceCode) -> None:
        shown.append(code)
        asyncio.get_running_loop().run_in_executor(
            None, lambda: confirm(box, code.page, username="user", password="user")
        )

    person = await sign_in.by_device(box.host, access(box), told)
    assert person.id == "user"
    assert shown[0].user_code in shown[0].page
    assert shown[0].device_code not in repr(shown[0])
    found = await kept(box.host)
    assert found is not None
    assert (found.how, found.identity, found.person) == ("device", "user", "Uwe User")
    assert found.until > time.time()
    assert await sign_in.sign_out(box.host, access(box)) == (True, "")
    async with Session.open(box.host, access(box), credential=found.credential) as session:
        answer = await session.request("GET", "/authn/session", also=(401, 404))
    assert answer.status == 404, "the server has ended it, too"


async def test_a_page_that_is_refused_signs_nobody_in(box: SandboxProcess) -> None:
    def told(code: sign_in.DeviceCode) -> None:
        form = {"username": "user", "password": "user", "answer": "refuse"}
        asyncio.get_running_loop().run_in_executor(None, lambda: confirm(box, code.page, **form))

    with pytest.raises(SatchelError) as caught:
        await sign_in.by_device(box.host, access(box), told)
    assert caught.value.kind is Kind.NOT_SIGNED_IN
    assert await kept(box.host) is None


async def test_one_may_give_up_waiting(box: SandboxProcess) -> None:
    begun = asyncio.Event()
    task = asyncio.create_task(sign_in.by_device(box.host, access(box), lambda _: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await kept(box.host) is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"device_code": "d", "user_code": "u", "verification_uri": "http://localhost/"},
        {"device_code": "d", "user_code": "u", "verification_uri": "file:///etc/passwd"},
        {"device_code": "d", "user_code": "u", "verification_uri": "https://user@localhost/"},
        {"device_code": "d", "user_code": "u", "verification_uri": "https://h/\u202e"},
        [],
    ],
)
async def test_a_page_that_should_not_be_opened_is_not(tmp_path: Path, answer: Any) -> None:
    async def start(_: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.router.add_post("/authn/device/start", start)
    async with serve(app, tmp_path) as served:
        with pytest.raises(SatchelError, match="makes no sense"):
            await device.begin(served.host, served.access)


def test_the_command_shows_page_and_code_and_waits(tmp_path: Path, box: SandboxProcess) -> None:
    terminal = Terminal(tmp_path, box)
    running = terminal.start("login", box.host, "--ca", box.ca, "--way", "device", "--json")
    assert running.stdout is not None
    told = json.loads(running.stdout.readline())
    assert told["event"] == "confirm"
    assert told["code"] in told["page"]
    confirm(box, told["page"], username="admin", password="admin")
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["id"] == "admin"
    assert terminal.json("whoami", box.host, "--ca", box.ca)["id"] == "admin"


# -- by Globus -------------------------------------------------------------------------------------


def browse(page: str, ca: str = "") -> tuple[int, str]:
    """What a browser does with the page: it follows the way back to this computer."""
    context = ssl.create_default_context(cafile=ca) if ca else None
    try:
        with urllib.request.urlopen(page, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def by_globus(box: SandboxProcess, ca: str) -> tuple[Any, list[tuple[int, str]]]:
    seen: list[tuple[int, str]] = []
    tasks: list[asyncio.Task[None]] = []

    async def go(page: str) -> None:
        seen.append(await asyncio.to_thread(browse, page, ca))

    try:
        person = await sign_in.by_globus(
            box.host, access(box), (SCOPE,), lambda page: tasks.append(asyncio.create_task(go(page)))
        )
    finally:
        await asyncio.gather(*tasks)
    return person, seen


@pytest.fixture
async def globus(tmp_path: Path, box: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Any:
    auth = GlobusAuth(token(box))
    async with serve(auth.app, tmp_path) as served:
        monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_AUTH", f"https://{served.host}/")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", served.ca)
        yield auth, served.ca


async def test_globus_signs_in_and_is_renewed_before_it_runs_out(globus: Any, box: SandboxProcess) -> None:
    auth, ca = globus
    auth.lasts = 60
    person, seen = await by_globus(box, ca)
    assert person.id == "admin"
    assert seen[0][0] == 200
    assert "You are signed in" in seen[0][1]
    found = await kept(box.host)
    assert found is not None
    assert found.how == "globus"
    # The sandbox says when its session ends; make it soon.
    await keep(
        box.host,
        SignIn(Credential("bearer-token", "an-old-token"), how="globus", until=time.time() + 9, renew=found.renew),
    )
    async with Session.open(box.host, access(box)) as session:
        answer = await session.request("GET", "/authn/session")
    assert answer.json()["client"]["id"] == "admin"
    assert auth.refreshed == 1
    assert await lookup(box.host, Access()) == Credential("bearer-token", token(box))


async def test_a_refusal_at_globus_is_told(globus: Any, box: SandboxProcess) -> None:
    auth, ca = globus
    auth.refuses = True
    with pytest.raises(SatchelError, match="refused"):
        await by_globus(box, ca)
    assert await kept(box.host) is None


async def test_the_listener_takes_its_own_answer_alone(globus: Any) -> None:
    from satchel.core.deriva.globus import GlobusSignIn

    flow = await GlobusSignIn.begin((SCOPE,))
    try:
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(flow.page).query)
        at = asked["redirect_uri"][0].replace("localhost", "127.0.0.1")
        waiting = asyncio.create_task(flow.wait())
        for query in ("", "?code=x", "?code=x&state=y", "?state=" + asked["state"][0][:-1]):
            status, _ = await asyncio.to_thread(browse, at + query)
            assert status == 400
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    finally:
        await flow.close()


async def test_without_trust_in_globus_no_code_goes_there(
    globus: Any, box: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ca = globus
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("GLOBUS_SDK_VERIFY_SSL", "false")
    with pytest.raises(SatchelError, match="Globus Auth cannot be reached"):
        await by_globus(box, ca)


# -- renewing, taking over -------------------------------------------------------------------------


async def test_a_session_is_prolonged(box: SandboxProcess) -> None:
    await sign_in.sign_in(box.host, access(box), "user", "user")
    before = await sign_in.known(box.host)
    assert before is not None
    await asyncio.sleep(0.05)
    person = await sign_in.renew(box.host, access(box))
    after = await sign_in.known(box.host)
    assert after is not None
    assert person.id == "user"
    assert after.until > before.until


async def test_what_has_run_out_cannot_be_prolonged(box: SandboxProcess) -> None:
    await keep(box.host, SignIn(Credential("cookie", "webauthn=gone"), how="password"))
    with pytest.raises(SatchelError) as caught:
        await sign_in.renew(box.host, access(box))
    assert caught.value.kind is Kind.NOT_SIGNED_IN


def test_other_programs_files_are_read(tmp_path: Path) -> None:
    deriva = tmp_path / "credential.json"
    deriva.write_text(
        json.dumps({"A.example.org": {"cookie": "webauthn=aaaaaa"}, "b:8443": {"bearer-token": "bbbbbb"}, "c": {}})
    )
    assert [(f.host, f.credential) for f in importing.read(deriva)] == [
        ("a.example.org", Credential("cookie", "webauthn=aaaaaa")),
        ("b:8443", Credential("bearer-token", "bbbbbb")),
    ]
    bdbag = tmp_path / "keychain.json"
    bdbag.write_text(
        json.dumps(
            [
                {"uri": "https://a.example.org/", "auth_type": "bearer-token", "auth_params": {"token": "aaaaaa"}},
                {
                    "uri": "https://b.example.org/hatrac",
                    "auth_type": "cookie",
                    "auth_params": {"cookies": ["a_cookie=b"]},
                },
                {"uri": "http://plain.example.org/", "auth_type": "bearer-token", "auth_params": {"token": "aaaaaa"}},
                {"uri": "https://u@evil.example.org/", "auth_type": "bearer-token", "auth_params": {"token": "aaaaaa"}},
                {"uri": "ftp://f/", "auth_type": "ftp-basic", "auth_params": {"username": "x", "password": "y"}},
                7,
            ]
        )
    )
    assert [(f.host, f.credential.kind) for f in importing.read(bdbag)] == [
        ("a.example.org", "bearer-token"),
        ("b.example.org", "cookie"),
    ]
    for content in ("secret stuff", "7", '"x"'):
        deriva.write_text(content)
        with pytest.raises(SatchelError, match="neither") as caught:
            importing.read(deriva)
        assert "secret" not in str(caught.value)


def test_a_sign_in_is_taken_over_by_the_command(tmp_path: Path, box: SandboxProcess) -> None:
    terminal = Terminal(tmp_path, box)
    at = [box.host, "--ca", box.ca]
    assert terminal.json("login", *at, "--import", box.credential_user)["id"] == "user"
    assert terminal.json("whoami", *at)["id"] == "user"
    told = terminal.json("login", "elsewhere.example.org", "--ca", box.ca, "--import", box.credential, status=1)
    assert told["kind"] in ("unreachable", "files")


# -- where it is kept ------------------------------------------------------------------------------


def test_without_a_keyring_an_encrypted_file_serves_all_commands(tmp_path: Path, box: SandboxProcess) -> None:
    terminal = Terminal(tmp_path, box)
    terminal.env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    at = [box.host, "--ca", box.ca]
    told = terminal.json("login", *at, "--user", "user", status=2, typed="user\n")
    assert "keyring cannot be used" in told["message"]
    assert "--keep file" in told["hint"]
    told = terminal.json("login", *at, "--user", "user", "--keep", "file", status=2, typed="user\n")
    assert "SATCHEL_PASSPHRASE_FILE" in told["hint"]
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery\n")
    terminal.env["SATCHEL_PASSPHRASE_FILE"] = str(passphrase)
    assert terminal.json("login", *at, "--user", "user", "--keep", "file", typed="user\n")["id"] == "user"
    assert terminal.json("whoami", *at)["id"] == "user"
    home = Path(terminal.env["SATCHEL_HOME"])
    every = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name == "sign-ins.sealed" for path in every)
    assert not [path for path in every if b"webauthn=" in path.read_bytes()]
    passphrase.write_text("another\n")
    told = terminal.json("whoami", *at, status=2)
    assert "does not open" in told["message"] or "not the passphrase" in told["message"]
    del terminal.env["SATCHEL_PASSPHRASE_FILE"]
    told = terminal.json("whoami", *at, status=2)
    assert "needs its passphrase" in told["message"]


def test_a_passphrase_is_never_a_word_of_the_command(tmp_path: Path, box: SandboxProcess) -> None:
    done: subprocess.CompletedProcess[str] = Terminal(tmp_path, box).run("login", "--help")
    assert "--passphrase" not in done.stdout
