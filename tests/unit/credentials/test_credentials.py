"""Credentials go to their own host only, are never shown, and what is wrong with a file is said without its content."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, NoKeyringError, PasswordDeleteError

from satchel.core.credentials import Credential, forget, lookup, store
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access
from satchel.core.secrets import redact
from tls_server import serve

SECRET = "s3cr3t-0123456789"


class Ring(KeyringBackend):
    """A keyring in memory that can be made to misbehave."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.error: Exception | None = None
        self.stuck = threading.Event()
        self.stuck.set()

    def _behave(self) -> None:
        self.stuck.wait(20)
        if self.error:
            raise self.error

    def get_password(self, service: str, username: str) -> str | None:
        self._behave()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._behave()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._behave()
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


@pytest.fixture
def ring() -> Iterator[Ring]:
    before = keyring.get_keyring()
    ring = Ring()
    keyring.set_keyring(ring)
    yield ring
    ring.stuck.set()
    keyring.set_keyring(before)


def credential_file(folder: Path, content: object, mode: int = 0o600) -> Access:
    file = folder / "credential.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    file.chmod(mode)
    return Access(credential=str(file))


def test_a_credential_does_not_show_itself() -> None:
    credential = Credential("bearer-token", SECRET)
    for shown in (repr(credential), str(credential), f"{credential}", repr([credential])):
        assert SECRET not in shown
    with pytest.raises(TypeError):
        pickle.dumps(credential)
    assert SECRET not in redact(f"GET failed: Authorization: Bearer {SECRET}")


@pytest.mark.parametrize(
    "text",
    [
        "Cookie: webauthn=abcdef123",
        '{"cookie": "webauthn=abcdef123"}',
        "authorization: bearer abcdef123",
        '"bearer-token": "abcdef123"',
        "https://host/x?access_token=abcdef123&y=1",
    ],
)
def test_what_looks_like_a_secret_is_hidden_though_nobody_said_that_it_is_one(text: str) -> None:
    assert "abcdef123" not in redact(text)


async def test_a_file_gives_a_hosts_own_credential_only(tmp_path: Path) -> None:
    access = credential_file(
        tmp_path,
        {
            "www.example.org": {"cookie": f"webauthn={SECRET}"},
            "localhost:8443": {"bearer-token": "port"},
            "Upper.Example.ORG:443": {"bearer-token": "upper", "cookie": "webauthn=not-this"},
        },
    )
    told: list[str] = []

    async def find(host: str) -> dict[str, str]:
        found = await lookup(host, access, warn=told.append)
        return found.headers if found else {}

    assert await find("www.example.org") == {"Cookie": f"webauthn={SECRET}"}
    assert await find("localhost:8443") == {"Authorization": "Bearer port"}
    assert await find("upper.example.org") == {"Authorization": "Bearer upper"}
    assert told == []
    for other in ("example.org", "www.example.org:8443", "localhost", "www.example.org.evil.net", "evil.net"):
        assert await find(other) == {}
    assert len(told) == 5
    assert all("has nothing for" in line for line in told)


async def test_a_file_takes_the_place_of_the_keyring(tmp_path: Path, ring: Ring) -> None:
    await store("www.example.org", Credential("bearer-token", "ring-token"))
    access = credential_file(tmp_path, {"other.example.org": {"cookie": "a=b"}})
    assert await lookup("www.example.org", access, warn=lambda _: None) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not JSON"),
        (f'{{"h": {{"cookie": "{SECRET}"', "not JSON"),
        (f'["{SECRET}"]', "does not hold an object"),
        ({"h": SECRET}, "is not an object"),
        ({"h": {"cookie": SECRET}}, "not written name=value"),
        ({"h": {"cookie": f"a={SECRET}\r\nX-Evil: 1"}}, "cannot be sent"),
        ({"h": {"bearer-token": [SECRET]}}, "not a text"),
        ({"h": {"username": "me", "password": SECRET}}, "neither"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
async def test_a_damaged_file_is_refused_without_its_content(tmp_path: Path, content: object, says: str) -> None:
    access = credential_file(tmp_path, content)
    with pytest.raises(SatchelError) as caught:
        await lookup("h", access)
    told = caught.value
    assert told.kind is Kind.FILES
    assert says in told.message
    assert str(access.credential) in told.message
    assert SECRET not in f"{told.message}{told.hint}{told.detail}"
    assert told.__cause__ is None
    assert told.__suppress_context__


@given(st.binary(max_size=200))
async def test_no_content_of_a_file_makes_it_crash(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("credential") / "c.json"
    file.write_bytes(content)
    file.chmod(0o600)
    try:
        found = await lookup("h", Access(credential=str(file)), warn=lambda _: None)
    except SatchelError:
        return
    assert found is None


async def test_a_missing_file_or_a_folder_is_named(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "none.json", "There is no credential file"), (tmp_path, "folder")):
        with pytest.raises(SatchelError, match=says) as caught:
            await lookup("h", Access(credential=str(path)))
        assert str(path) in caught.value.message


async def test_a_file_that_others_can_read_is_told_of(tmp_path: Path) -> None:
    access = credential_file(tmp_path, {"h": {"cookie": "a=b"}}, mode=0o644)
    told: list[str] = []
    assert await lookup("h", access, warn=told.append) == Credential("cookie", "a=b")
    assert len(told) == 1
    assert "chmod 600" in told[0]


async def test_the_keyring_keeps_and_forgets(ring: Ring) -> None:
    assert await lookup("www.example.org", Access()) is None
    await store("www.Example.org:443", Credential("cookie", f"webauthn={SECRET}"))
    found = await lookup("www.example.org", Access())
    assert found == Credential("cookie", f"webauthn={SECRET}")
    assert await lookup("www.example.org:8443", Access()) is None
    assert await forget("www.example.org")
    assert not await forget("www.example.org")
    assert await lookup("www.example.org", Access()) is None


@pytest.mark.parametrize("error", [KeyringLocked(SECRET), OSError(SECRET), RuntimeError(SECRET)])
async def test_a_keyring_that_fails_is_no_keyring(ring: Ring, error: Exception) -> None:
    ring.error = error
    told: list[str] = []
    assert await lookup("h", Access(), warn=told.append) is None
    assert len(told) == 1
    assert type(error).__name__ in told[0]
    with pytest.raises(SatchelError) as caught:
        await store("h", Credential("cookie", "a=b"))
    assert SECRET not in f"{told}{caught.value.message}{caught.value.hint}{caught.value.detail}"


async def test_a_computer_without_keyring_is_no_news(ring: Ring) -> None:
    ring.error = NoKeyringError("none")
    told: list[str] = []
    assert await lookup("h", Access(), warn=told.append) is None
    assert told == []


async def test_a_keyring_that_hangs_does_not_hang_the_program(ring: Ring) -> None:
    ring.stuck.clear()
    told: list[str] = []
    assert await lookup("h", Access(), warn=told.append, seconds=0.05) is None
    assert "did not answer" in told[0]
    ring.stuck.set()
    assert await lookup("h", Access(), warn=told.append) is None, "and it is asked again later"
    assert len(told) == 1


async def test_a_foreign_entry_of_the_keyring_is_not_sent(ring: Ring) -> None:
    ring.kept["satchel", "h"] = SECRET
    told: list[str] = []
    assert await lookup("h", Access(), warn=told.append) is None
    assert "not written by Satchel" in told[0]
    assert SECRET not in told[0]


async def test_a_session_sends_what_the_file_has_for_its_host_and_nothing_elsewhere(tmp_path: Path) -> None:
    seen: list[tuple[str, str | None]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.path, request.headers.get("Cookie")))
        if request.path == "/away":
            return web.Response(status=302, headers={"Location": f"https://{request.query['to']}/there"})
        return web.Response(text="ok")

    application = web.Application()
    application.router.add_get("/{rest:.*}", answer)
    async with serve(application, tmp_path) as one, serve(application, tmp_path) as other:
        access = credential_file(tmp_path, {one.host: {"cookie": f"webauthn={SECRET}"}})
        access = Access(ca=(one.ca, other.ca), credential=access.credential)
        async with Session.open(one.host, access) as session:
            assert session.signed_in
            await session.request("GET", f"/away?to={other.host}")
        async with Session.open(other.host, access) as session:
            assert not session.signed_in
    assert seen == [("/away", f"webauthn={SECRET}"), ("/there", None)]
