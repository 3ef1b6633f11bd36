"""The interrupted mint: killed or cut at every step, two at once, a store that refuses. One identifier, one object, one
record; and no secret anywhere."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from e2e.minting import BUCKET, Lab, lab
from faulty_front import Front, Seen, refusal
from swift_store import ACCESS, READER, READER_SECRET, SECRET
from terminal import SECONDS, Terminal

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(house: Lab) -> None:
    house.forget()


STEPS = {
    "asks who may mint": ("server", "PUT", "satchel-asks"),
    "asks for the checksum": ("server", "GET", "/identifiers/checksum/"),
    "uploads": ("s3", "PUT", ".zip"),
    "reads back": ("s3", "GET", ".zip"),
    "claims": ("s3", "PUT", ".zip.claim"),
    "registers": ("server", "POST", "/namespace/"),
    "records": ("server", "PUT", "Dataset_Version"),
    "lets go": ("s3", "DELETE", ".claim"),
}


def is_step(seen: Seen, method: str, part: str) -> bool:
    return seen.method == method and part in seen.path and (part.endswith("claim") or ".claim" not in seen.path)


def job_of(text: str) -> str:
    return str(next(json.loads(line)["job"] for line in text.splitlines() if '"job"' in line))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_it_goes_on(house: Lab, step: str, when: str) -> None:
    """SIGKILL when the request arrives, or when it was answered and the answer is not sent yet."""
    name, method, part = STEPS[step]
    front: Front = getattr(house, name)
    minter = house.person()
    process: list[subprocess.Popen[str]] = []
    ready = threading.Event()
    killed: list[str] = []

    def kill(seen: Seen, *_: int) -> str | None:
        if killed or not is_step(seen, method, part):
            return None
        ready.wait(10)
        killed.append(seen.path)
        process[0].send_signal(signal.SIGKILL)
        return "cut"

    setattr(front, when, kill)
    process.append(minter.start(*house.words(minter), "--json"))
    ready.set()
    out, _ = process[0].communicate(timeout=SECONDS)
    assert killed, out
    done = minter.json("jobs", "resume", job_of(out))
    record = house.once()
    assert (done["identifier"], done["reused"]) == (record["identifier"], False)
    again = minter.json(*house.words(minter))
    assert (again["identifier"], again["reused"]) == (record["identifier"], True)
    house.once()


@pytest.mark.parametrize("part", ["uploads", "partNumber=1", "partNumber=3", "uploadId"])
def test_killed_in_the_middle_of_an_upload_it_goes_on_with_the_parts(house: Lab, part: str) -> None:
    """An archive in parts; what the store has is not sent again."""
    minter = house.person()
    site = minter.out.parent / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import satchel.core.identifiers.storing as s\ns.PART = 10_000\ns.AT_ONCE = 1\n"
    )
    minter.env["PYTHONPATH"] = f"{site}:{minter.env['PYTHONPATH']}"
    process: list[subprocess.Popen[str]] = []
    ready = threading.Event()
    killed: list[str] = []

    def kill(seen: Seen, _: int) -> str | None:
        wanted = ("POST",) if part in ("uploads", "uploadId") else ("PUT",)
        if killed or part not in seen.path or seen.method not in wanted:
            return None
        ready.wait(10)
        killed.append(seen.path)
        process[0].send_signal(signal.SIGKILL)
        return "cut"

    house.s3.after = kill
    process.append(minter.start(*house.words(minter), "--json"))
    ready.set()
    out, _ = process[0].communicate(timeout=SECONDS)
    assert killed, out
    sent = house.s3.count("PUT", "partNumber=")
    done = minter.json("jobs", "resume", job_of(out))
    assert done["identifier"] == house.once()["identifier"]
    parts = -(-done["length"] // 10_000)
    assert parts > 3
    again = house.s3.count("PUT", "partNumber=") - sent
    # The upload itself may have been begun without anybody knowing; what was sent into it counts.
    assert again == (0 if part == "uploadId" else parts if part == "uploads" else parts - sent)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_connection_that_is_cut_once_is_no_matter(house: Lab, step: str, when: str) -> None:
    name, method, part = STEPS[step]
    front: Front = getattr(house, name)
    minter = house.person()
    cut: list[str] = []

    def once(seen: Seen, *_: int) -> str | None:
        if cut or not is_step(seen, method, part):
            return None
        cut.append(seen.path)
        return "cut"

    setattr(front, when, once)
    done = minter.run(*house.words(minter), "--json")
    assert cut
    told = json.loads(done.stdout.splitlines()[-1])
    if told["event"] == "error":
        # The identifier service is asked once only; the person is told, and goes on.
        assert (name, told["kind"]) == ("server", "unreachable"), told
        told = minter.json("jobs", "resume", told["job"])
    assert told["identifier"] == house.once()["identifier"]


def test_a_body_that_is_cut_when_it_is_read_back(house: Lab) -> None:
    minter = house.person()
    cut: list[str] = []

    def half(seen: Seen, _: int) -> str | None:
        if len(cut) < 2 and is_step(seen, "GET", ".zip"):
            cut.append(seen.path)
            return "half"
        return None

    house.s3.after = half
    told = minter.json(*house.words(minter))
    assert len(cut) == 2
    assert told["identifier"] == house.once()["identifier"]


def test_two_at_once_end_with_one(house: Lab) -> None:
    """Both are held at the door until both have uploaded; then they run."""
    people = [house.person(), house.person()]
    gate = threading.Barrier(2, timeout=60)
    waited: set[int] = set()

    def together(seen: Seen) -> None:
        if is_step(seen, "PUT", ".claim") and len(waited) < 2:
            waited.add(id(seen))
            gate.wait()

    house.s3.before = together
    running = [person.start(*house.words(person), "--json") for person in people]
    told = [json.loads(process.communicate(timeout=SECONDS)[0].splitlines()[-1]) for process in running]
    assert [one["event"] for one in told] == ["result", "result"], told
    record = house.once()
    assert {one["identifier"] for one in told} == {record["identifier"]}
    assert sorted(one["reused"] for one in told) == [False, True]
    # Swift looks whether the claim is there and then writes it: of two at the very same moment it may take both. Then
    # both register, and the younger is withdrawn, which `once` has seen.
    assert house.server.count("POST", "/namespace/") in (1, 2)


def test_two_at_once_where_the_store_knows_no_claims(house: Lab) -> None:
    people = [house.person(), house.person()]
    gate = threading.Barrier(2, timeout=60)
    held: list[str] = []

    def no_conditions(seen: Seen) -> web.Response | None:
        return refusal(501, "NotImplemented") if ".claim" in seen.path and seen.method == "PUT" else None

    def together(seen: Seen) -> None:
        if is_step(seen, "POST", "/namespace/") and len(held) < 2:
            held.append(seen.path)
            gate.wait()

    house.s3.before, house.server.before = no_conditions, together
    running = [person.start(*house.words(person), "--json") for person in people]
    told = [json.loads(process.communicate(timeout=SECONDS)[0].splitlines()[-1]) for process in running]
    assert [one["event"] for one in told] == ["result", "result"], told
    assert house.server.count("POST", "/namespace/") == 2
    record = house.once()  # the other one is withdrawn
    assert {one["identifier"] for one in told} == {record["identifier"]}


# -- what a store may say ----------------------------------------------------------------------------------------------


def keys(person: Terminal, access: str, secret: str) -> None:
    (person.out.parent / "aws-credentials").write_text(
        f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n"
    )


def says(status: int, code: str, **more: str) -> Callable[[Seen], web.Response | None]:
    return lambda seen: refusal(status, code, **more) if "/bags/" in seen.path and seen.method == "PUT" else None


@pytest.mark.parametrize(
    ("access", "secret", "status", "kind", "words"),
    [
        (ACCESS, "not-the-secret-at-all", 3, "not-signed-in", "does not accept the keys"),
        ("lab:nobody", "not-the-secret-at-all", 3, "not-signed-in", "does not accept the keys"),
        (READER, READER_SECRET, 3, "not-allowed", "rights to write"),
    ],
)
def test_wrong_keys(house: Lab, access: str, secret: str, status: int, kind: str, words: str) -> None:
    minter = house.person()
    keys(minter, access, secret)
    told = minter.json(*house.words(minter), status=status)
    assert told["kind"] == kind
    assert words in told["message"] + told["hint"]
    assert house.minted() == []
    keys(minter, ACCESS, SECRET)
    minter.json("jobs", "resume", told["job"])
    house.once()


def test_no_keys_at_all(house: Lab) -> None:
    minter = house.person(keys=False)
    told = minter.json(*house.words(minter), status=3)
    assert "no keys" in told["message"]


def test_no_bucket(house: Lab) -> None:
    minter = house.person()
    words = [w.replace("s3://bags/", "s3://no-such-bucket/") for w in house.words(minter)]
    told = minter.json(*words, status=1)
    assert (told["kind"], "no bucket no-such-bucket" in told["message"]) == ("not-found", True)


def test_a_bucket_in_another_region(house: Lab) -> None:
    """The store says which one it is in, and what is sent is signed for that."""
    minter = house.person()
    minter.json(*house.words(minter, "--region", "eu-west-3"))
    house.once()
    scopes = [re.search(r"/([a-z0-9-]+)/s3/", seen.headers.get("Authorization", "")) for seen in house.s3.seen]
    assert {scope[1] for scope in scopes if scope} == {"eu-west-3", "us-east-1"}


def test_a_clock_that_is_off(house: Lab) -> None:
    """This computer's clock is three hours late: the store itself says so."""
    minter = house.person()
    site = minter.out.parent / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import datetime, botocore.auth as a\n"
        "real = a.get_current_datetime\n"
        "a.get_current_datetime = lambda *w, **k: real(*w, **k) - datetime.timedelta(hours=3)\n"
    )
    minter.env["PYTHONPATH"] = f"{site}:{minter.env['PYTHONPATH']}"
    told = minter.json(*house.words(minter), status=3)
    assert "clock is off" in told["message"]
    assert house.minted() == []


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "AccessDenied", "does not let these keys"),
        (400, "ExpiredToken", "have run out"),
        (507, "InsufficientStorage", "no room left"),
        (500, "InternalError", "in trouble"),
    ],
)
def test_refused_in_the_middle(house: Lab, status: int, code: str, words: str) -> None:
    minter = house.person()
    house.s3.before = says(status, code)
    done = minter.run(*house.words(minter), "--json")
    told = json.loads(done.stdout.splitlines()[-1])
    assert words in told["message"], told
    assert house.minted() == []
    house.s3.before = lambda _: None
    minter.json("jobs", "resume", told["job"])
    house.once()


def test_403_after_the_upload(house: Lab) -> None:
    """The keys are withdrawn between upload and reading back; nothing is registered."""
    minter = house.person()
    house.s3.before = lambda s: refusal(403, "AccessDenied") if is_step(s, "GET", ".zip") else None
    told = minter.json(*house.words(minter), status=3)
    assert told["kind"] == "not-allowed"
    assert house.minted() == []


def test_a_store_that_changes_what_it_is_given(house: Lab) -> None:
    minter = house.person()
    house.s3.before = lambda s: web.Response(body=b"x" * 100) if is_step(s, "GET", ".zip") else None
    told = minter.json(*house.words(minter), status=1)
    assert "not what was uploaded" in told["message"]
    assert house.minted() == []


def test_a_bucket_that_nobody_may_read(house: Lab) -> None:
    private = f"private-{len(house.s3.seen)}-{id(house) % 1000}"
    house.store.bucket(private, public=False)
    minter = house.person()
    words = [w.replace(f"/{BUCKET}", f"/{private}") for w in house.words(minter)]
    told = minter.json(*words, status=3)
    assert "cannot be read by everybody" in told["message"]
    assert house.minted() == []


def test_somebody_who_may_not_write_the_record_mints_nothing(house: Lab) -> None:
    user = house.person("user")
    told = user.json(*house.words(user), status=3)
    assert told["kind"] == "not-allowed"
    assert house.minted() == []
    assert house.store.keys(BUCKET) == []


def test_an_identifier_service_that_is_not_signed_in_to(house: Lab, tmp_path: Path) -> None:
    minter = house.person()
    words = house.words(minter)
    house.server.before = lambda s: (
        web.json_response({"code": "Unauthorized", "message": "no"}, status=401) if "/identifiers/" in s.path else None
    )
    told = minter.json(*words, status=3)
    assert "not signed in to the identifier service" in told["message"]
    assert house.store.keys(BUCKET) == []


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_secrets_are_nowhere(house: Lab) -> None:
    """Neither in what is said, nor in journal, logs, events, list of processes, nor in the words of a failure."""
    minter = house.person()
    token = next(iter(json.loads((minter.out.parent / "credential.json").read_text()).values()))["bearer-token"]
    said: list[str] = []
    listed: list[str] = []

    def look(seen: Seen) -> web.Response | None:
        listed.append(subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True).stdout)
        # A store that repeats all that it was sent.
        more = {
            "AWSAccessKeyId": ACCESS,
            "SecretAccessKey": SECRET,
            "Authorization": seen.headers.get("Authorization", ""),
        }
        return refusal(400, "InvalidRequest", f"key {ACCESS} secret {SECRET}", **more) if len(said) == 0 else None

    house.s3.before = look
    house.server.after = lambda _seen, _status: None
    words = house.words(minter)
    for done in (minter.run(*words, "--json"), minter.run(*words)):
        said.append(done.stdout + done.stderr)
    failed = json.loads(said[0].splitlines()[-1])
    assert failed["event"] == "error"
    house.s3.before = lambda _: None
    house.server.before = lambda s: (
        web.json_response({"code": "Bad", "message": f"token {token} refused"}, status=500)
        if is_step(s, "POST", "/namespace/")
        else None
    )
    done = minter.run(*words, "--json")
    said.append(done.stdout + done.stderr)
    house.server.before = lambda _: None
    done = minter.run("jobs", "show", failed["job"], "--json")
    said.append(done.stdout + done.stderr)
    done = minter.run(*words, "--json")
    said.append(done.stdout + done.stderr)
    assert listed
    files = [p for p in (minter.out.parent / "home").rglob("*") if p.is_file()]
    assert any(p.name == "satchel.log" for p in files)
    written = {str(p): p.read_bytes() for p in files}
    for secret in (SECRET, ACCESS, token):
        assert [text[:200] for text in (*said, *listed) if secret in text] == []
        assert [name for name, data in written.items() if secret.encode() in data] == []


def test_a_crash_tells_no_secret(house: Lab) -> None:
    """A fault of Satchel's own, in the middle of an upload: a sentence, and a log without the keys."""
    minter = house.person()
    site = minter.out.parent / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import satchel.core.identifiers.storing as s\n"
        "def broken(self, key, body, *a, **k):\n"
        "    raise ZeroDivisionError(f'{self._keys} {vars(self._client._request_signer._credentials)}')\n"
        "s.Store._put = broken\n"
    )
    minter.env["PYTHONPATH"] = f"{site}:{minter.env['PYTHONPATH']}"
    done = minter.run(*house.words(minter), "--json")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, told["kind"]) == (1, "internal")
    log = next((minter.out.parent / "home").rglob("satchel.log")).read_text()
    assert "ZeroDivisionError" in log
    for text in (done.stdout, done.stderr, log):
        assert SECRET not in text
