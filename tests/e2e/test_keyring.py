"""Sign-in with a real Secret Service: gnome-keyring on a message bus of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox_process import SandboxProcess, start_sandbox

pytestmark = pytest.mark.skipif(
    not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")),
    reason="gnome-keyring and dbus are not installed (tests/run installs them on Debian, as root)",
)
SESSION = """
import json, subprocess, sys
daemon = subprocess.run(
    ["gnome-keyring-daemon", "--unlock", "--components=secrets", "--daemonize"],
    input=b"a password",
    capture_output=True,
)
assert daemon.returncode == 0, daemon.stderr
told = []
for command, typed in json.loads(sys.argv[1]):
    done = subprocess.run([sys.executable, "-m", "satchel", *command], input=typed, capture_output=True, text=True)
    told.append([done.returncode, done.stdout, done.stderr])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def own_sandbox() -> Iterator[SandboxProcess]:
    """One whose sign-ins may be ended."""
    with start_sandbox("--demo", "small") as running:
        yield running


def in_session(home: Path, *commands: tuple[list[str], str]) -> list[tuple[int, str, str]]:
    """Run commands one after the other on a bus with an unlocked keyring, each with what is typed into it."""
    own = {
        "HOME": home,
        "XDG_DATA_HOME": home / "data",
        "XDG_RUNTIME_DIR": home / "run",
        "SATCHEL_HOME": home / "satchel",
    }
    for folder in own.values():
        folder.mkdir(parents=True, exist_ok=True)
    own["XDG_RUNTIME_DIR"].chmod(0o700)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DBUS", "PYTHON_KEYRING", "GNOME_KEYRING"))}
    env |= {name: str(folder) for name, folder in own.items()}
    words = ["dbus-run-session", "--", sys.executable, "-c", SESSION, json.dumps(commands)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return [(status, out, err) for status, out, err in json.loads(done.stdout.splitlines()[-1])]


def result(out: str) -> dict[str, Any]:
    return dict(json.loads(out.splitlines()[-1]))


def test_a_sign_in_is_kept_by_the_platforms_keyring_used_and_forgotten(
    own_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    sandbox = own_sandbox
    cookie = json.loads(Path(sandbox.users).read_text())["admin"]
    ca = ["--ca", sandbox.ca, "--json"]
    out = tmp_path / "out"
    out.mkdir()
    export = ["export", sandbox.host, sandbox.catalog, "--rid", sandbox.root, "--out", str(out), *ca]
    before, login, who, made, logout, after = in_session(
        tmp_path / "home",
        (["whoami", sandbox.host, *ca], ""),
        (["login", sandbox.host, *ca], cookie + "\n"),
        (["whoami", sandbox.host, *ca], ""),
        (export, ""),
        (["logout", sandbox.host, *ca], ""),
        (["whoami", sandbox.host, *ca], ""),
    )
    assert before[0] == 3
    assert login[0] == 0, login
    assert who[0] == 0, who
    assert "admin" in who[1]
    assert made[0] == 0, made
    assert result(made[1])["hidden"] == []
    assert list(out.glob("*.zip"))
    assert logout[0] == 0, logout
    assert after[0] == 3
    secret = cookie.partition("=")[2]
    assert secret not in json.dumps([before, login, who, made, logout, after]), "no secret is printed"
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert kept == [], "the keyring's own file is encrypted, and nothing else holds the secret"


def test_a_wrong_token_is_not_kept(own_sandbox: SandboxProcess, tmp_path: Path) -> None:
    sandbox = own_sandbox
    ca = ["--ca", sandbox.ca, "--json"]
    login, who = in_session(
        tmp_path / "home",
        (["login", sandbox.host, *ca], "webauthn=not-a-token-of-this-server\n"),
        (["whoami", sandbox.host, *ca], ""),
    )
    assert login[0] == 3
    assert "does not accept this token" in login[1] + login[2]
    assert who[0] == 3
