"""The command line against a sandbox, as a person or a script uses it: one process after the other."""

from __future__ import annotations

import json
import os
import pty
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_process import SandboxProcess, start_sandbox
from satchel.core.jobs.journal import Journal
from satchel.core.paths import Home
from terminal import SECONDS, Terminal, bdbag_accepts, unpack, wait_for


@pytest.fixture
def terminal(tmp_path: Path, sandbox: SandboxProcess) -> Terminal:
    return Terminal(tmp_path, sandbox)


@pytest.fixture(scope="module")
def slow_sandbox() -> Iterator[SandboxProcess]:
    with start_sandbox("--demo", "small", "--latency", "60") as running:
        yield running


@pytest.fixture
def slow(tmp_path: Path, slow_sandbox: SandboxProcess) -> Terminal:
    return Terminal(tmp_path, slow_sandbox)


# -- what it does ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["zip", "tgz", "none"])
def test_an_export_is_a_bag_that_bdbag_calls_valid(terminal: Terminal, tmp_path: Path, kind: str) -> None:
    done = terminal.run(*terminal.export_words("--archive", kind, "--materialize", "--json"))
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "started"
    begun = [e["stage"] for e in events if e["event"] == "stage-began"]
    assert set(begun) == {e["stage"] for e in events if e["event"] == "stage-ended"}
    result = events[-1]
    assert (result["event"], result["valid"], result["complete"], result["cached"]) == ("result", True, True, False)
    assert result["job"] == events[0]["job"]
    assert {table["table"]: table["rows"] for table in result["tables"]}["eye:Subject"] > 0
    if kind == "none":
        assert result["archive"] is None
        bag = Path(result["bag"])
    else:
        assert result["bag"] is None
        bag = unpack(Path(result["archive"]), tmp_path / "unpacked")
    bdbag_accepts(bag)
    checked = terminal.json("validate", str(bag))
    assert (checked["valid"], checked["complete"], checked["errors"]) == (True, True, [])
    assert [path.name for path in terminal.out.iterdir() if path.name.startswith(".")] == []


def test_what_is_broken_or_lacks_files_is_not_called_well(terminal: Terminal) -> None:
    result = terminal.json(*terminal.export_words("--archive", "none"))
    bag = Path(result["bag"])
    lacking = terminal.json("validate", str(bag), status=1)
    assert (lacking["valid"], lacking["complete"]) == (False, False)
    assert {error["code"] for error in lacking["errors"]} == {"not-fetched"}
    assert lacking["remote"] == lacking["error_count"] > 0
    assert terminal.json("validate", str(bag), "--level", "structure")["valid"] is True
    told = terminal.run("validate", str(bag))
    assert "NOT complete" in told.stdout
    with (bag / "data" / "schema.json").open("a") as file:
        file.write(" ")
    broken = terminal.json("validate", str(bag), status=1)
    assert broken["valid"] is False
    assert any(error["path"] == "data/schema.json" for error in broken["errors"])


def test_a_preview_says_what_the_export_then_brings(terminal: Terminal) -> None:
    box = terminal.sandbox
    words = [*terminal.export_words("--vocabularies", "used", "--untick", "eye:Report")]
    seen = terminal.json("preview", *words[1:])
    done = terminal.json(*words)
    assert {t["table"]: t["rows"] for t in seen["tables"]} == {t["table"]: t["rows"] for t in done["tables"]}
    assert seen["rows"] == done["rows"]
    assert seen["snapshot"] == done["snapshot"]
    assert "eye:Report" not in {t["table"] for t in seen["tables"]}
    offer = next(o for o in seen["associations"] if not o["current"] and o["rows"])
    more = terminal.json("preview", *words[1:], "--follow", offer["key"])
    assert more["rows"] == seen["rows"] + offer["rows"]
    people = ["--ca", box.ca, "--credential", box.credential_user]
    told = terminal.run("preview", box.host, box.catalog, "--rid", box.root, *people)
    assert told.returncode == 0
    assert "Hidden from you, so not in the bag:\n  eye:Consent" in told.stdout
    assert f"--follow {offer['key']}" in told.stdout


def test_looking_around(terminal: Terminal) -> None:
    box = terminal.sandbox
    found = terminal.json("catalogs", box.host, *terminal.admin)
    assert box.catalog in [entry["id"] for entry in found["catalogs"]]
    tables = terminal.json("tables", box.host, box.catalog, *terminal.admin)
    assert {"eye:Subject", "lab:Animal", "deriva-ml:Dataset"} <= {table["table"] for table in tables["tables"]}
    here = terminal.json("resolve", box.host, box.catalog, box.root, *terminal.admin)
    assert terminal.json("resolve", box.root, box.host, box.catalog, *terminal.admin) == here
    assert (here["table"], here["identifier"]) == ("eye:Study", box.root)
    assert terminal.json("whoami", box.host, *terminal.admin)["id"] == "admin"
    for words in (["catalogs", box.host], ["tables", box.host, box.catalog]):
        assert terminal.run(*words, *terminal.admin).stdout.count("\n") >= 2


# -- signing in -----------------------------------------------------------------------------------------------------


def test_signing_in_is_kept_in_the_keyring_until_signing_out(terminal: Terminal) -> None:
    box = terminal.sandbox
    at = [box.host, "--ca", box.ca]
    assert terminal.json("whoami", *at, status=3)["kind"] == "not-signed-in"
    refused = terminal.json("login", *at, "--user", "admin", status=3, typed="wrong password\n")
    assert "does not accept this user name and password" in refused["message"]
    assert terminal.json("login", *at, "--user", "admin", typed="admin\n")["id"] == "admin"
    assert terminal.json("whoami", *at)["id"] == "admin"
    kept = json.loads(Path(terminal.env["TEST_KEYRING"]).read_text())
    assert list(kept) == [f"satchel {box.host}"]
    assert terminal.json("logout", *at) == {
        "event": "result",
        "result": "logout",
        "host": box.host,
        "signed_out": True,
        "trouble": "",
    }
    assert terminal.json("whoami", *at, status=3)["kind"] == "not-signed-in"
    # Put back, it is worth nothing: the session has ended on the server as well.
    Path(terminal.env["TEST_KEYRING"]).write_text(json.dumps(kept))
    assert terminal.json("whoami", *at, status=3)["kind"] == "not-signed-in"


def test_a_token_is_not_shown_while_it_is_typed_and_nowhere_else(terminal: Terminal, tmp_path: Path) -> None:
    box = terminal.sandbox
    token = json.loads(Path(box.credential).read_text())[box.host]["bearer-token"]
    ours, theirs = pty.openpty()
    process = terminal.start("login", box.host, "--ca", box.ca, "--way", "token", stdin=theirs, start_new_session=True)
    os.close(theirs)
    assert process.stderr is not None
    asked = ""
    while not asked.endswith("(not shown): "):
        asked += process.stderr.read(1)
    os.write(ours, f"{token}\n".encode())
    out, err = process.communicate(timeout=SECONDS)
    os.set_blocking(ours, False)
    try:
        echoed = os.read(ours, 10_000).decode()
    except OSError:
        echoed = ""
    os.close(ours)
    assert process.returncode == 0, err
    assert "Ada Admin" in out
    assert token not in echoed + out + err + asked
    for file in (path for path in (tmp_path / "home").rglob("*") if path.is_file()):
        assert token not in file.read_text(errors="replace")
    assert terminal.json("login", box.host, "--ca", box.ca, status=3, typed="nonsense\n")["kind"] == "not-signed-in"
    assert terminal.json("login", box.host, "--ca", box.ca, status=2, typed="")["kind"] == "usage"


def test_without_a_keyring_the_sentence_says_what_to_do(terminal: Terminal) -> None:
    terminal.env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    told = terminal.json("login", terminal.sandbox.host, "--ca", terminal.sandbox.ca, status=2, typed="secret\n")
    assert "keyring" in told["message"]
    assert "--credential FILE" in told["hint"]


def test_a_credential_file_that_others_can_read_is_told_of(terminal: Terminal, tmp_path: Path) -> None:
    box = terminal.sandbox
    open_to_all = tmp_path / "credential.json"
    open_to_all.write_text(Path(box.credential).read_text())
    open_to_all.chmod(0o644)
    words = ["whoami", box.host, "--ca", box.ca, "--credential", str(open_to_all)]
    done = terminal.run(*words)
    assert done.returncode == 0
    assert f"forbid it with: chmod 600 {open_to_all}" in done.stderr
    first, last = map(json.loads, terminal.run(*words, "--json").stdout.splitlines())
    assert (first["event"], first["level"], last["event"]) == ("log", "warning", "result")


def test_a_home_that_cannot_be_written_is_a_sentence(terminal: Terminal) -> None:
    terminal.env["SATCHEL_HOME"] = "/proc/self/nowhere"
    told = terminal.json(*terminal.export_words(), status=1)
    assert told["kind"] == "files"
    assert "SATCHEL_HOME" in told["hint"]
    assert terminal.json("whoami", terminal.sandbox.host, *terminal.admin)["id"] == "admin"


# -- stopping and going on ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def undisturbed(slow_sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The archive of a run that nothing disturbs."""
    terminal = Terminal(tmp_path_factory.mktemp("undisturbed"), slow_sandbox)
    return Path(terminal.json(*terminal.export_words("--materialize"))["archive"]).read_bytes()


@pytest.mark.parametrize("stage", ["schema", "records"])
@pytest.mark.parametrize(
    ("number", "state"),
    [(signal.SIGINT, "cancelled"), (signal.SIGTERM, "interrupted"), (signal.SIGKILL, "interrupted")],
)
def test_a_stopped_export_goes_on_and_gives_the_same_bag(
    slow: Terminal, undisturbed: bytes, stage: str, number: signal.Signals, state: str
) -> None:
    process = slow.start(*slow.export_words("--materialize", "--json"))
    job = wait_for(process, stage)
    process.send_signal(number)
    out, err = process.communicate(timeout=SECONDS)
    assert "Traceback" not in err
    if number is not signal.SIGKILL:
        assert process.returncode == 4
        told = json.loads(out.splitlines()[-1])
        assert (told["event"], told["kind"], told["job"]) == ("error", "cancelled", job)
        assert f"satchel jobs resume {job}" in told["hint"]
    assert [path for path in slow.out.iterdir() if not path.name.startswith(".")] == []
    (entry,) = slow.json("jobs", "list")["jobs"]
    assert (entry["id"], entry["state"], entry["resumable"]) == (job, state, True)
    result = slow.json("jobs", "resume", job)
    assert Path(result["archive"]).read_bytes() == undisturbed
    assert [path.name for path in slow.out.iterdir()] == [Path(result["archive"]).name]
    assert slow.json("jobs", "show", job)["outcome"]["archive"] == result["archive"]
    assert slow.json("jobs", "resume", job, status=2)["kind"] == "usage"


def test_a_job_is_cancelled_from_another_terminal_and_discarded(slow: Terminal) -> None:
    process = slow.start(*slow.export_words("--materialize", "--json"))
    job = wait_for(process, "records")
    process.send_signal(signal.SIGSTOP)  # it would be done before all these commands have begun
    shown = slow.json("jobs", "show", job)
    assert shown["state"] == "running"
    assert slow.json("jobs", "discard", job, status=2)["kind"] == "usage"
    assert slow.json("jobs", "resume", job, status=2)["kind"] == "usage"
    canceller = slow.start("jobs", "cancel", job, "--json")
    journal = Journal(Home.under(Path(slow.env["SATCHEL_HOME"])))
    while not journal.cancel_asked(job):
        assert canceller.poll() is None
    journal.close()
    process.send_signal(signal.SIGCONT)
    told, _ = canceller.communicate(timeout=SECONDS)
    assert json.loads(told)["state"] == "cancelled"
    out, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 4
    assert json.loads(out.splitlines()[-1])["kind"] == "cancelled"
    assert slow.json("jobs", "cancel", job, status=2)["kind"] == "usage"
    assert "cancelled" in slow.run("jobs").stdout
    shown_text = slow.run("jobs", "show", job, "--log").stdout
    assert f"satchel jobs resume {job}" in shown_text
    assert f"satchel export {slow.sandbox.host}" in shown_text
    left = [path.name for path in slow.out.iterdir()]
    assert left == [name for name in left if name.endswith(f".{job}.satchel")]
    (slow.out / "notes.txt").write_text("mine")
    slow.json("jobs", "discard", job)
    assert [path.name for path in slow.out.iterdir()] == ["notes.txt"]
    assert slow.json("jobs")["jobs"] == []


def test_when_nobody_reads_any_more_the_job_is_kept_for_resuming(slow: Terminal) -> None:
    process = slow.start(*slow.export_words("--json"))
    job = wait_for(process, "schema")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(SECONDS) == 4
    assert slow.json("jobs", "show", job)["state"] == "interrupted"


# -- what goes wrong ------------------------------------------------------------------------------------------------


def another_catalog(sandbox: SandboxProcess) -> str:
    """An empty catalog that only its owner may see."""
    import ssl
    from urllib.request import Request, urlopen

    token = json.loads(Path(sandbox.credential).read_text())[sandbox.host]["bearer-token"]
    request = Request(
        f"{sandbox.url}/ermrest/catalog",
        data=b"{}",
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urlopen(request, context=ssl.create_default_context(cafile=sandbox.ca)) as answer:
        return json.load(answer)["id"]


@pytest.fixture(scope="module")
def empty_catalog(sandbox: SandboxProcess) -> str:
    return another_catalog(sandbox)


WRONG = {
    "unknown host": (1, "unreachable", "There is no server named"),
    "nobody listens": (1, "unreachable", "cannot be reached"),
    "untrusted": (1, "untrusted", "not trusted on this computer"),
    "no such catalog": (1, "not-found", "There is no catalog 4711"),
    "not signed in": (3, "not-signed-in", "sign in"),
    "not allowed": (3, "not-allowed", "does not allow"),
    "no such record": (1, "not-found", "There is no record with the RID 9-ZZZZ"),
    "other catalog": (1, "not-found", "There is no record with the RID"),
    "there already": (1, "files", "is already there"),
    "no folder": (1, "files", "There is no folder"),
    "read-only": (1, "files", "may not write"),
    "no such table": (2, "usage", "eye:Nonsense"),
    "no such snapshot": (1, "not-found", "lies in the future"),
    "no such authority": (1, "files", "does not exist"),
    "no such credential": (1, "files", "There is no credential file"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_goes_wrong_is_one_sentence(terminal: Terminal, empty_catalog: str, tmp_path: Path, what: str) -> None:
    box = terminal.sandbox
    status, kind, says = WRONG[what]
    admin, user, nobody = terminal.admin, ["--ca", box.ca, "--credential", box.credential_user], ["--ca", box.ca]
    out, more, access = terminal.out, [], admin
    host, catalog, rid = box.host, box.catalog, box.root
    match what:
        case "unknown host":
            host = "nowhere.invalid"
        case "nobody listens":
            host = "localhost:1"
        case "untrusted":
            access = []
        case "no such catalog":
            catalog = "4711"
        case "not signed in":
            catalog, access = empty_catalog, nobody
        case "not allowed":
            catalog, access = empty_catalog, user
        case "no such record":
            rid = "9-ZZZZ"
        case "other catalog":
            catalog = empty_catalog
        case "there already":
            more = ["--name", "taken"]
            (out / "taken.zip").write_text("mine")
        case "no folder":
            out = tmp_path / "nowhere"
        case "read-only":
            out = read_only(tmp_path)
        case "no such table":
            more = ["--untick", "eye:Nonsense"]
        case "no such snapshot":
            more = ["--snapshot", "7ZZ-ZZZZ-ZZZZ"]
        case "no such authority":
            access = ["--ca", "/nonsense.pem"]
        case "no such credential":
            access = ["--ca", box.ca, "--credential", "/nonsense.json"]
    words = ["export", host, catalog, "--rid", rid, "--out", str(out), *access, *more]
    told = terminal.json(*words, status=status)
    assert told["event"] == "error"
    assert told["kind"] == kind, told
    assert says in told["message"]
    assert told["message"].endswith(".")
    assert "\n" not in told["message"]
    done = terminal.run(*words)
    assert done.returncode == status
    assert done.stdout == ""
    assert f"satchel: {told['message']}" in done.stderr
    if what == "there already":
        assert (out / "taken.zip").read_text() == "mine"


def read_only(tmp_path: Path) -> Path:
    """A folder into which nobody may write; root may do so everywhere but in the kernel's."""
    if os.geteuid() == 0:
        return Path("/proc/self")
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o500)
    return folder


def test_a_record_of_another_catalog_is_told_where_it_is(terminal: Terminal, empty_catalog: str) -> None:
    box = terminal.sandbox
    told = terminal.json("resolve", box.host, empty_catalog, box.root, *terminal.admin, status=1)
    assert f"in catalog {box.catalog} on the same server" in told["hint"]
