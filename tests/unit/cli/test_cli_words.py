"""What the command line understands, and the sentences for what it does not."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from satchel.cli import commands
from satchel.cli.export import request_of
from satchel.cli.look import place
from satchel.cli.main import main, parse
from satchel.cli.output import printable


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path / "home"))


EXPORT = ["export", "localhost:8443", "1", "--rid", "1-ABCD", "--out", "/data"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["exprot"], "Did you mean `export`"),
        (["--jobs"], "no option --jobs"),
        (["--json"], "command is missing"),
        (["export", "localhost", "1", "--out", "/data"], "--rid RID"),
        (["export", "localhost", "1", "--rid", "1-ABCD"], "--out DIR"),
        (["export", "localhost"], "required: CATALOG"),
        (["export", "local host", "1", "--rid", "1-ABCD", "--out", "/d"], "not a server's name"),
        (["export", "localhost", "1@2", "--rid", "1-ABCD", "--out", "/d"], "without path or snapshot"),
        (["export", "localhost", "1", "--rid", "../x", "--out", "/d"], "not a RID"),
        ([*EXPORT, "--archive", "rar"], "invalid choice: 'rar'"),
        ([*EXPORT, "--archive", "xz"], "for specs alone"),
        ([*EXPORT, "--template", "1"], "--table SCHEMA:TABLE"),
        ([*EXPORT, "--env", "A=B"], "Give --spec FILE"),
        ([*EXPORT, "--spec", "s.json", "--table", "s:t"], "Give one of them"),
        ([*EXPORT, "--spec", "s.json", "--env", "A"], "NAME=VALUE"),
        ([*EXPORT, "--asset-count", "few"], "not a whole number"),
        (["spec", "count", "s.json"], "Counting needs a server"),
        ([*EXPORT, "--algorithm", "crc32"], "invalid choice: 'crc32'"),
        ([*EXPORT, "--untick", "Subject"], "SCHEMA:TABLE"),
        ([*EXPORT, "--follow", "a:b", "--no-follow", "a:b"], "both"),
        ([*EXPORT, "--materialise"], "nrecognized arguments"),
        ([*EXPORT, "--mat"], "nrecognized arguments"),
        ([*EXPORT, "--ca", ""], "cannot be empty"),
        (["validate"], "required: PATH"),
        (["validate", "/bag", "--level", "quick"], "invalid choice"),
        (["jobs", "show"], "id of the job to show is missing"),
        (["jobs", "list", "1"], "takes no id"),
        (["jobs", "explode", "1"], "invalid choice"),
        (["resolve", "1-ABCD"], "does not say where"),
        (["resolve", "localhost", "1"], "HOST CATALOG RID"),
        (["whoami", "http://localhost"], "not https"),
        (["login", "localhost", "--password", "x"], "nrecognized arguments"),
        (["login", "localhost", "--token", "x"], "nrecognized arguments"),
    ],
    ids=lambda value: " ".join(value)[-30:] if isinstance(value, list) else "",
)
def test_bad_usage_is_told_in_a_sentence(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    told = err or json.loads(out)["message"]
    assert says in told
    assert "Traceback" not in told


def test_a_job_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("show", "resume", "cancel", "discard"):
        assert main(["jobs", action, "nonsense", "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["kind"], told["message"]) == ("not-found", "There is no job nonsense.")
    assert main(["jobs"]) == 0
    assert capsys.readouterr().out == "There are no jobs.\n"


@pytest.mark.parametrize(
    "words",
    [
        ["localhost:8443", "1", "1-ABCD"],
        ["1-ABCD", "localhost:8443", "1"],
        ["1-abcd", "https://localhost:8443/", "1"],
    ],
)
def test_a_rid_is_told_from_host_and_catalog(words: list[str]) -> None:
    assert place(words) == ("localhost:8443", "1", "1-ABCD")


def test_a_host_that_could_be_a_rid_stays_a_host() -> None:
    assert place(["data", "1", "1-ABCD"]) == ("data", "1", "1-ABCD")
    assert place(["ABC", "www.example.org", "1"]) == ("www.example.org", "1", "ABC")
    assert place(["1-ABCD", "data", "1"]) == ("data", "1", "1-ABCD")


def test_folders_are_kept_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    words = ["export", "localhost", "1", "--rid", "1-abcd", "--out", "bags", "--ca", "~/ca.pem", "--credential", "c"]
    request = request_of(parse(words))
    assert request.out == str(tmp_path / "bags")
    assert request.access.ca == ("/home/ada/ca.pem",)
    assert request.access.credential == str(tmp_path / "c")
    assert request.rid == "1-ABCD"


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in commands.names():
        assert f"  {name} " in shown
        if name != "sandbox":
            assert main([name, "--help"]) == 0
            assert f"usage: satchel {name}" in capsys.readouterr().out


def test_help_loads_nothing_large() -> None:
    code = (
        "import sys; from satchel.cli.main import main\n"
        "main(['--help']); main(['export', '--help'])\n"
        "print([m for m in ('aiohttp', 'deriva', 'rich', 'PySide6', 'bdbag', 'sqlite3') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.rstrip().endswith("[]")


def test_a_server_cannot_command_the_terminal() -> None:
    assert printable("a\x1b[31mb\r\u202ec\nd\u2028") == "a\ufffd[31mb\ufffd\ufffdc\nd\ufffd"
    assert printable("Größe 眼 می‌خواهم") == "Größe 眼 می‌خواهم"


def test_an_unforeseen_fault_is_a_sentence_and_its_traceback_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("satchel.cli.jobs.past_view", broken)
    monkeypatch.setattr("satchel.cli.jobs.Journal.job", lambda *_: None)
    assert main(["jobs", "show", "x"]) == 1
    told = capsys.readouterr().err
    assert "Something went wrong inside Satchel." in told
    assert "Traceback" not in told
    assert "ZeroDivisionError" in (tmp_path / "home" / "log" / "satchel.log").read_text()


def test_a_name_that_is_no_text_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "/bag-\udcff", "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert "not UTF-8" in told["message"]


def test_words_that_a_terminal_cannot_show_do_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii"))
    assert main(["眼"]) == 2
    assert b"\\u773c" in raw.getvalue()
