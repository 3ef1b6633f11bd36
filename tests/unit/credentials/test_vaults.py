"""Where secrets are kept: long values in parts, an encrypted file, memory; and what another process is given."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from satchel.core.credentials import Credential, chosen, lookup
from satchel.core.credentials.kept import SignIn, seconds_of
from satchel.core.credentials.platform import LARGEST, KeyringVault
from satchel.core.credentials.ring import forget, keep, kept
from satchel.core.credentials.sealed import SealedVault, WrongPassphrase
from satchel.core.credentials.vault import MemoryVault, NoKeyring
from satchel.core.errors import SatchelError
from satchel.core.jobs.request import Access

SECRET = "s3cr3t-0123456789"


class SmallRing(KeyringBackend):
    """A keyring that, as Windows' does, refuses what is long."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("no")
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password.encode("utf-16-le")) > 2560:
            raise OSError(1783, "The stub received bad data")
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.held.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


@pytest.fixture
def ring() -> Iterator[SmallRing]:
    before = keyring.get_keyring()
    ring = SmallRing()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture(autouse=True)
def own_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path / "home"))
    chosen.use(None)
    yield
    chosen.use(None)


def test_a_long_value_is_kept_in_parts_and_leaves_none_behind(ring: SmallRing) -> None:
    vault = KeyringVault()
    long = "".join(chr(33 + at % 90) for at in range(5 * LARGEST + 7))
    vault.put("host", long)
    assert vault.get("host") == long
    assert len(ring.held) == 7
    vault.put("host", long[::-1])
    assert vault.get("host") == long[::-1]
    assert len(ring.held) == 7
    vault.put("host", "short")
    assert vault.get("host") == "short"
    assert len(ring.held) == 1
    vault.put("host", long)
    assert vault.drop("host")
    assert ring.held == {}
    assert not vault.drop("host")


def test_a_value_of_which_a_part_is_missing_is_no_value(ring: SmallRing) -> None:
    vault = KeyringVault()
    vault.put("host", "x" * (3 * LARGEST))
    del ring.held[next(key for key in ring.held if "2 of 3" in key[1])]
    assert vault.get("host") is None


async def test_a_locked_keyring_is_told_as_locked(ring: SmallRing) -> None:
    ring.locked = True
    with pytest.raises(NoKeyring) as caught:
        await kept("host")
    assert caught.value.locked
    assert "locked" in str(caught.value)


async def test_a_sign_in_comes_back_with_all_that_is_known_of_it(ring: SmallRing) -> None:
    sign_in = SignIn(
        Credential("bearer-token", SECRET * 100),
        how="globus",
        person="Ada",
        identity="id-1",
        until=1234.5,
        renew={"refresh_token": "r" * 400},
    )
    await keep("www.example.org", sign_in)
    assert await kept("www.example.org") == sign_in
    assert await lookup("www.example.org", Access()) == sign_in.credential
    assert SECRET not in repr(sign_in)
    assert "r" * 400 not in repr(sign_in)


@given(st.text(max_size=300))
def test_no_text_of_a_vault_makes_it_crash(text: str) -> None:
    found = SignIn.read(text)
    assert found is None or isinstance(found.credential, Credential)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("1970-01-01 00:01:00.500000+00:00", 60.5),
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("1970-01-01T00:00:09", 9.0),
        ("", 0.0),
        ("soon", 0.0),
    ],
)
def test_moments_are_read_as_servers_write_them(moment: str, seconds: float) -> None:
    assert seconds_of(moment) == seconds


def test_the_encrypted_file_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "sealed"
    vault = SealedVault.create(file, "correct horse")
    vault.put("a", SECRET)
    vault.put("b", "other")
    assert vault.drop("b")
    assert not vault.drop("b")
    assert SECRET.encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    again = SealedVault.unlock(file, "correct horse")
    assert again.get("a") == SECRET
    assert again.get("b") is None
    with pytest.raises(WrongPassphrase):
        SealedVault.unlock(file, "wrong horse")
    again.change_passphrase("battery")
    assert SealedVault.unlock(file, "battery").get("a") == SECRET
    with pytest.raises(WrongPassphrase):
        vault.get("a")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'{"format": 1}', b'{"format": 1, "salt": "!", "n": 4}', b"\xff"]
)
def test_a_damaged_encrypted_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "sealed"
    file.write_bytes(content)
    with pytest.raises(NoKeyring, match="sealed"):
        SealedVault.unlock(file, "x")


def test_a_file_that_wants_too_much_work_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sealed"
    file.write_text(json.dumps({"format": 1, "kdf": "scrypt", "n": 2**40, "salt": "AAAA", "box": ""}))
    with pytest.raises(NoKeyring, match="newer"):
        SealedVault.unlock(file, "x")


def test_two_programs_may_write_the_encrypted_file_at_once(tmp_path: Path) -> None:
    file = tmp_path / "sealed"
    SealedVault.create(file, "pass")
    program = (
        "import sys; from pathlib import Path; from satchel.core.credentials.sealed import SealedVault\n"
        "vault = SealedVault.unlock(Path(sys.argv[1]), 'pass')\n"
        "for n in range(20): vault.put(f'{sys.argv[2]}{n}', 'x')\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(file), name]) for name in "ab"]
    assert [process.wait(120) for process in running] == [0, 0]
    vault = SealedVault.unlock(file, "pass")
    assert all(vault.get(f"{name}{n}") == "x" for name in "ab" for n in range(20))


async def test_the_choice_is_remembered_and_the_file_waits_for_its_passphrase(ring: SmallRing) -> None:
    chosen.choose(chosen.Choice("file"), "pass")
    await keep("h", SignIn(Credential("bearer-token", SECRET)))
    assert ring.held == {}
    chosen.use(None)  # another program
    told: list[str] = []
    assert await lookup("h", Access(), warn=told.append) is None
    assert "waits for its passphrase" in told[0]
    with pytest.raises(SatchelError, match="not the passphrase"):
        chosen.unlock("wrong")
    chosen.unlock("pass")
    found = await lookup("h", Access())
    assert found == Credential("bearer-token", SECRET)


async def test_a_passphrase_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen.choose(chosen.Choice("file"), "pass")
    await keep("h", SignIn(Credential("bearer-token", SECRET)))
    chosen.use(None)
    named = tmp_path / "passphrase"
    monkeypatch.setenv(chosen.PASSPHRASE_FILE, str(named))
    with pytest.raises(NoKeyring, match="cannot be read"):
        chosen.current()
    named.write_text("pass\n")
    assert await lookup("h", Access()) == Credential("bearer-token", SECRET)


async def test_what_is_in_memory_alone_is_given_to_our_own_processes_and_ends_with_the_program(ring: SmallRing) -> None:
    chosen.choose(chosen.Choice("memory"))
    await keep("h", SignIn(Credential("bearer-token", SECRET)))
    given = chosen.handover()
    chosen.use(None)
    assert await lookup("h", Access()) is None
    chosen.take_over(given)
    assert await lookup("h", Access()) == Credential("bearer-token", SECRET)
    assert await forget("h")
    assert ring.held == {}
    assert isinstance(chosen.current(), MemoryVault)


def test_the_encrypted_file_is_given_to_our_own_processes_without_the_passphrase() -> None:
    vault = chosen.choose(chosen.Choice("file"), "a passphrase")
    vault.put("h", SECRET)
    given = json.loads(json.dumps(chosen.handover()))
    assert "a passphrase" not in json.dumps(given)
    chosen.take_over(given)
    assert chosen.current().get("h") == SECRET


async def test_a_keyring_that_was_chosen_and_is_gone_is_named() -> None:
    chosen.choose(chosen.Choice("keyring", "no.such.Ring"))
    told: list[str] = []
    assert await lookup("h", Access(), warn=told.append) is None
    assert "no.such.Ring" in told[0]
