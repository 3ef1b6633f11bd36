"""What Satchel says when a real keyring is locked, missing, or goes away: a sentence, never a hang or a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox_process import SandboxProcess

pytestmark = pytest.mark.skipif(
    not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")),
    reason="gnome-keyring and dbus are not installed (tests/run installs them on Debian, as root)",
)
SCRIPT = """
import json, os, signal, subprocess, sys, time
steps = json.loads(sys.argv[1])
told, daemon = [], None
for step in steps:
    match step:
        case ["unlocked"]:
            subprocess.run(["gnome-keyring-daemon", "--unlock", "--components=secrets", "--daemonize"],
                           input=b"a password", capture_output=True, check=True)
        case ["locked"]:
            subprocess.run(["gnome-keyring-daemon", "--start", "--components=secrets", "--daemonize"],
                           capture_output=True, check=True)
        case ["gone"]:
            home = os.environ["HOME"]
            for folder in os.listdir("/proc"):
                try:
                    if open(f"/proc/{folder}/comm").read().startswith("gnome-keyring") and \\
                            f"HOME={home}".encode() in open(f"/proc/{folder}/environ", "rb").read():
                        os.kill(int(folder), signal.SIGKILL)
                except (OSError, ValueError):
                    pass
            time.sleep(0.5)
        case [command, typed]:
            done = subprocess.run([sys.executable, "-m", "satchel", *command], input=typed, capture_output=True,
                                  text=True, timeout=90)
            told.append([done.returncode, done.stdout, done.stderr])
print(json.dumps(told))
"""


def session(home: Path, *steps: list[Any]) -> list[tuple[int, str, str]]:
    own = {
        "HOME": home,
        "XDG_DATA_HOME": home / "data",
        "XDG_RUNTIME_DIR": home / "run",
        "SATCHEL_HOME": home / "satchel",
    }
    for folder in own.values():
        folder.mkdir(parents=True, exist_ok=True)
    own["XDG_RUNTIME_DIR"].chmod(0o700)
    dropped = ("DBUS", "PYTHON_KEYRING", "GNOME_KEYRING", "DISPLAY", "WAYLAND")
    env = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    env |= {name: str(folder) for name, folder in own.items()}
    words = ["dbus-run-session", "--", sys.executable, "-c", SCRIPT, json.dumps(steps)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = [(status, out, err) for status, out, err in json.loads(done.stdout.splitlines()[-1])]
    assert not [err for _, _, err in told if "Traceback" in err]
    return told


def last(out: str) -> dict[str, Any]:
    return dict(json.loads(out.splitlines()[-1]))


def test_a_locked_keyring_is_told_and_nothing_is_kept_elsewhere(sandbox: SandboxProcess, tmp_path: Path) -> None:
    at = [sandbox.host, "--ca", sandbox.ca, "--json"]
    login = [["login", *at, "--user", "user"], "user\n"]
    (first,) = session(tmp_path, ["unlocked"], login)
    assert first[0] == 0, first
    # Another session: the keyring is there, and nobody has typed its password.
    again, who = session(tmp_path, ["locked"], login, [["whoami", *at], ""])
    assert again[0] == 2, again
    assert "keyring cannot be used" in last(again[1])["message"]
    assert "--keep file" in last(again[1])["hint"]
    assert who[0] == 3, who
    lines = [json.loads(line) for line in who[1].splitlines()]
    warned = [line["message"] for line in lines if line["event"] == "log"]
    assert any("keyring" in text and "as nobody" in text for text in warned), lines


def test_without_a_keyring_commands_work_as_nobody_and_signing_in_says_what_to_do(
    sandbox: SandboxProcess, tmp_path: Path
) -> None:
    at = [sandbox.host, "--ca", sandbox.ca, "--json"]
    login, who = session(tmp_path, [["login", *at, "--user", "user"], "user\n"], [["whoami", *at], ""])
    assert login[0] == 2, login
    assert "keyring cannot be used" in last(login[1])["message"]
    assert who[0] == 3
    assert last(who[1])["kind"] == "not-signed-in"


def test_a_keyring_that_goes_away_is_told(sandbox: SandboxProcess, tmp_path: Path) -> None:
    at = [sandbox.host, "--ca", sandbox.ca, "--json"]
    login = [["login", *at, "--user", "user"], "user\n"]
    who: list[Any] = [["whoami", *at], ""]
    before, there, after, refused = session(tmp_path, ["unlocked"], login, who, ["gone"], who, login)
    assert before[0] == 0, before
    assert there[0] == 0, there
    assert after[0] == 3, after
    assert refused[0] == 2, refused
    assert "keyring cannot be used" in last(refused[1])["message"]
