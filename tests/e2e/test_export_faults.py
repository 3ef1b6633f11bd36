"""Exports that are killed, cancelled, starved of disk, or given assets that are not what their rows say."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import csv
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog_maker import T
from sandbox_catalog import make, ref, session_of
from sandbox_process import SandboxProcess, start_sandbox
from terminal import SECONDS, Terminal, bdbag_accepts, unpack, wait_for

STAGES = {"schema": 0.15, "records": 0.4, "assets": 0.4, "manifests": 0.02, "verify": 0.05, "pack": 0.05}
"""Phases in which to kill, and within how many seconds after they began."""


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    process.send_signal(number)
    return process.communicate(timeout=SECONDS)


def seen(folder: Path) -> list[str]:
    """What looks finished."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.fixture(scope="module")
def slow_sandbox() -> Iterator[SandboxProcess]:
    with start_sandbox("--demo", "small", "--latency", "60") as running:
        yield running


@pytest.fixture
def slow(tmp_path: Path, slow_sandbox: SandboxProcess) -> Terminal:
    return Terminal(tmp_path, slow_sandbox)


@pytest.fixture(scope="module")
def undisturbed(slow_sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The archive of a run that nothing disturbs."""
    terminal = Terminal(tmp_path_factory.mktemp("undisturbed"), slow_sandbox)
    return Path(terminal.json(*terminal.export_words("--materialize"))["archive"]).read_bytes()


# -- killed ---------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(400)  # refusals that follow each other by bad luck make for long pauses
@pytest.mark.parametrize("faults", [["--latency", "20"], ["--fail", "0.2", "--cut", "0.1"]], ids=["calm", "faulty"])
def test_killed_ten_times_the_archive_is_the_same(tmp_path: Path, faults: list[str]) -> None:
    dice = random.Random(20260901)
    with start_sandbox("--demo", "small", folder=tmp_path / "sandbox") as box:
        terminal = Terminal(tmp_path, box)
        result = terminal.json(*terminal.export_words("--materialize", "--name", "same"))
        undisturbed = Path(result["archive"]).read_bytes()
        Path(result["archive"]).unlink()
        box.stop()
        box.start("--port", box.host.rpartition(":")[2], *faults)
        more = ["--materialize", "--name", "same", "--snapshot", result["snapshot"], "--json"]
        job, kills, goal = "", 0, terminal.out / "same.zip"
        while kills < 10:
            process = terminal.start(*(["jobs", "resume", job, "--json"] if job else terminal.export_words(*more)))
            stage = dice.choice(list(STAGES))
            with contextlib.suppress(AssertionError):  # it ended before
                job = wait_for(process, stage)
                time.sleep(dice.random() * STAGES[stage])
            out, err = end(process, signal.SIGKILL)
            assert "Traceback" not in err
            kills += process.returncode == -signal.SIGKILL
            if seen(terminal.out):
                # It was done, or was killed right after the archive got its name and has to find out.
                assert goal.read_bytes() == undisturbed
                if process.returncode:
                    shown = terminal.json("jobs", "show", job)
                    if shown["resumable"]:
                        assert terminal.json("jobs", "resume", job)["archive"] == str(goal)
                assert list(terminal.out.iterdir()) == [goal], "nothing is left behind"
                goal.unlink()
                job = ""
            else:
                assert process.returncode == -signal.SIGKILL, out + err
        if job:
            done = terminal.json("jobs", "resume", job)
            assert (done["valid"], done["complete"], done["problems"]) == (True, True, [])
            assert goal.read_bytes() == undisturbed
            assert list(terminal.out.iterdir()) == [goal]


# -- cancelled ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [None, "schema", "records", "assets"])
def test_an_export_is_cancelled_while_the_server_says_nothing(
    slow: Terminal, slow_sandbox: SandboxProcess, stage: str | None
) -> None:
    """The server hangs for good: whoever waits for its answer would wait for minutes."""
    server = slow_sandbox.process
    assert server is not None
    try:
        if stage is None:
            server.send_signal(signal.SIGSTOP)
        process = slow.start(*slow.export_words("--materialize", "--json"))
        wait_for(process, stage or "schema")
        server.send_signal(signal.SIGSTOP)
        out, err = end(process, signal.SIGINT)
    finally:
        server.send_signal(signal.SIGCONT)
    assert process.returncode == 4, out + err
    assert json.loads(out.splitlines()[-1])["kind"] == "cancelled"
    assert "Traceback" not in err
    assert seen(slow.out) == []


# -- the disk -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own. Skips the test where nobody may mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk takes the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Leave no byte free."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 12)):
            pass


def told_of_a_full_disk(process: subprocess.Popen[str]) -> str:
    """The process ends by saying so. Returns its job."""
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, out + err
    assert "Traceback" not in out + err
    told = json.loads(out.splitlines()[-1])
    assert (told["event"], told["kind"]) == ("error", "disk-full"), told
    assert "full" in told["message"]
    assert f"satchel jobs resume {told['job']}" in told["hint"]
    return str(told["job"])


@pytest.mark.parametrize("stage", ["records", "assets"])
def test_a_disk_that_is_full_in_mid_run_is_survived(
    slow: Terminal, undisturbed: bytes, tmp_path: Path, stage: str
) -> None:
    with small_disk(tmp_path / "small", 16) as disk:
        slow.out = disk
        process = slow.start(*slow.export_words("--materialize", "--json"))
        wait_for(process, stage)
        fill(disk / ".ballast")
        job = told_of_a_full_disk(process)
        assert seen(disk) == []
        (disk / ".ballast").unlink()
        result = slow.json("jobs", "resume", job)
        assert Path(result["archive"]).read_bytes() == undisturbed
        assert [path.name for path in disk.iterdir()] == [Path(result["archive"]).name]


def test_a_disk_that_is_full_under_the_jobs_own_notes_is_survived(slow: Terminal, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 16) as disk:
        slow.env["SATCHEL_HOME"] = str(disk / "home")
        process = slow.start(*slow.export_words("--materialize", "--json"))
        job = wait_for(process, "records")
        fill(disk / "ballast")
        out, err = process.communicate(timeout=SECONDS)
        assert "Traceback" not in out + err
        told = json.loads(out.splitlines()[-1])
        assert (process.returncode, told["kind"]) == (1, "disk-full"), out + err
        assert seen(slow.out) == []
        (disk / "ballast").unlink()
        assert slow.json("jobs", "resume", job)["valid"] is True


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are Linux's")
def test_an_archive_that_may_not_grow_so_large_is_not_there(slow: Terminal) -> None:
    """As on a disk that fills up while the bag is packed: no file may be larger than what is in the bag."""
    largest = 1_000_000
    process = slow.start(*slow.export_words("--materialize", "--json"))
    wait_for(process, "assets")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (largest, largest))
    job = told_of_a_full_disk(process)
    assert seen(slow.out) == []
    result = slow.json("jobs", "resume", job)
    assert Path(result["archive"]).stat().st_size > largest


def test_a_disk_that_is_too_small_is_told_of_before_anything_is_fetched(slow: Terminal, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 1) as disk:
        slow.out = disk
        told = slow.json(*slow.export_words("--materialize"), status=1)
        assert told["kind"] == "disk-full"
        assert "needs about" in told["message"]
        assert list(disk.iterdir()) == []


# -- hidden ---------------------------------------------------------------------------------------------------------


def test_a_table_that_is_hidden_is_named_in_preview_report_and_bag(sandbox: SandboxProcess, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, sandbox)
    admin = terminal.json(*terminal.export_words("--name", "admin"))
    words = terminal.export_words("--archive", "none", "--name", "user")
    words[words.index(sandbox.credential)] = sandbox.credential_user
    assert terminal.json("preview", *words[1:])["hidden"] == ["eye:Consent"]
    result = terminal.json(*words)
    assert result["hidden"] == ["eye:Consent"]
    assert [w["where"] for w in result["warnings"] if w["code"] == "hidden-table"] == ["eye:Consent"]
    bag = Path(result["bag"])
    assert "Hidden-Table: eye:Consent" in (bag / "bag-info.txt").read_text().splitlines()
    assert not (bag / "data" / "records" / "eye.Consent.csv").exists()
    rows = {table["table"]: table["rows"] for table in result["tables"]}
    everything = {table["table"]: table["rows"] for table in admin["tables"]}
    # Of the other one the server does not even tell this user that it exists.
    assert set(everything) - set(rows) == {"eye:Consent", "eye:Randomization"}
    assert 0 < rows["eye:Subject"] < everything["eye:Subject"], "one subject in ten is not this user's to see"
    (folder,) = [path for path in terminal.out.iterdir() if path.is_dir()]
    words[words.index("user")] = "again"
    told = terminal.run(*words)
    assert told.returncode == 0
    assert "You may not read eye:Consent, to which the record leads." in told.stdout
    assert folder == bag


# -- assets ---------------------------------------------------------------------------------------------------------

BODIES = {f"{name}.bin": f"{name} ".encode() * 1000 for name in ("good", "changed", "short", "long", "unsaid", "bare")}


def assets(prefix: str) -> dict[str, T]:
    """A subject with images, most of which are not what their rows say."""

    def image(rid: str, name: str, **other: Any) -> dict[str, Any]:
        body = BODIES.get(name, b"x")
        row = {"Length": len(body), "MD5": hashlib.md5(body).hexdigest(), "URL": f"{prefix}/{name}"}
        return {"RID": rid, "Subject": "9-S001", "Filename": name, **row, **other}

    return {
        "eye:Subject": T(columns=["Name"], rows=[{"RID": "9-S001", "Name": "one"}]),
        "eye:Image": T(
            columns=["Subject"],
            asset=True,
            refs=[ref("Subject", "eye:Subject")],
            rows=[
                image("9-A001", "good.bin"),
                image("9-A002", "changed.bin", MD5="0" * 32),
                image("9-A003", "short.bin", Length=len(BODIES["short.bin"]) + 1),
                image("9-A004", "long.bin", Length=len(BODIES["long.bin"]) - 1),
                image("9-A005", "missing.bin"),
                image("9-A006", "file.bin", URL="file:///etc/hostname"),
                image("9-A007", "away.bin", URL="https://nowhere.invalid/away.bin", Length=None, MD5=None),
                image("9-A008", "unsaid.bin", Length=None, MD5=None),
                image("9-A009", "none.bin", URL=None),
                image("9-A010", "bare.bin", Length=None, MD5=None),
            ],
        ),
    }


WRONG = {
    "9-A002": "checksum",
    "9-A003": "length",
    "9-A004": "length",
    "9-A005": "missing",
    "9-A006": "unusable",
    "9-A007": "unusable",
}


@pytest.fixture(scope="module")
def asset_catalog(empty_sandbox: SandboxProcess) -> str:
    prefix = "/hatrac/faults"

    async def made() -> str:
        async with session_of(empty_sandbox) as session:
            for name, body in BODIES.items():
                headers = {"Content-Type": "application/octet-stream"}
                if name != "bare.bin":  # of this one nobody knows a checksum
                    headers["Content-MD5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
                await session.request("PUT", f"{prefix}/{name}?parents=true", data=body, headers=headers)
            return await make(session, assets(prefix))

    return asyncio.run(made())


@pytest.mark.parametrize("materialize", [True, False], ids=["inside", "listed"])
@pytest.mark.parametrize("archive", ["zip", "none"])
def test_assets_that_cannot_be_had_are_named_and_the_export_goes_on(
    empty_sandbox: SandboxProcess, asset_catalog: str, tmp_path: Path, materialize: bool, archive: str
) -> None:
    terminal = Terminal(tmp_path, empty_sandbox)
    words = ["export", empty_sandbox.host, asset_catalog, "--rid", "9-S001", "--out", str(terminal.out)]
    words += [*terminal.admin, "--archive", archive, *(["--materialize"] if materialize else [])]
    wrong = WRONG if materialize else {**WRONG, "9-A010": "no-checksum"}
    wanted = {"9-A001": "good.bin", "9-A008": "unsaid.bin", **({"9-A010": "bare.bin"} if materialize else {})}
    result = terminal.json(*words, status=1)
    assert (result["valid"], result["complete"]) == (True, False)
    assert {problem["rid"]: problem["reason"] for problem in result["problems"]} == wrong
    for problem in result["problems"]:
        assert problem["message"].endswith(".")
        assert problem["table"] == "eye:Image"
    bag = Path(result["bag"]) if archive == "none" else unpack(Path(result["archive"]), tmp_path / "unpacked")
    said = f"{len(wrong)} of 9 assets are missing; satchel/problems.json lists them"
    assert f"Incomplete: {said}" in (bag / "bag-info.txt").read_text()
    problems = json.loads((bag / "satchel" / "problems.json").read_bytes())
    assert [problem["rid"] for problem in problems] == sorted(wrong)
    listed = (bag / "manifest-md5.txt").read_text()
    assert [rid for rid in wrong if rid in listed] == []
    inside = {path.name: path.read_bytes() for path in (bag / "data" / "assets").rglob("*") if path.is_file()}
    if materialize:
        assert inside == {name: BODIES[name] for name in wanted.values()}
        bdbag_accepts(bag)
    else:
        assert inside == {}
        assert [line.split()[1:] for line in (bag / "fetch.txt").read_text().splitlines()] == [
            [str(len(BODIES[name])), f"data/assets/Image/{rid}/{name}"] for rid, name in wanted.items()
        ]
    with (bag / "data" / "records" / "eye.Image.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 10, "the rows are there whatever their files are"
    checked = terminal.json("validate", str(bag), status=1)
    assert (checked["valid"], checked["complete"]) == (materialize, False)
    assert {error["code"] for error in checked["errors"]} == (set() if materialize else {"not-fetched"})
    told = [w["message"] for w in checked["warnings"] if w["code"] == "incomplete"]
    assert told == [f"The bag says that it lacks something: {said}."]
    again = terminal.run(*words, "--name", "again")
    assert again.returncode == 1
    assert "NOT complete" in again.stdout
    assert all(rid in again.stdout for rid in wrong)
