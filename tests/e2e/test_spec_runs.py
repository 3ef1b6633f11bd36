"""Runs of specs that are disturbed: cancelled, killed, resumed, on servers that fail, on catalogs that change."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from catalog_maker import T
from sandbox_catalog import make, session_of
from sandbox_process import SandboxProcess, start_sandbox
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.errors import (
    AuthenticationError,
    AuthorizationError,
    BaggingError,
    ConfigurationError,
    ExportError,
    ExportTimeoutError,
)
from satchel.core.export.spec import queries
from satchel.core.export.spec import runner as spec_runner
from spec_corpus import SpecJob, read_bag, read_files, spec
from terminal import Terminal, wait_for


def csv(path: str, output: str, **more: Any) -> dict[str, Any]:
    return {"processor": "csv", "processor_params": {"query_path": path, "output_path": output, **more}}


def bagged(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    bag = {"bag_name": "bag", **more.pop("bag", {})}
    return {"bag": bag, "catalog": {"query_processors": list(steps)}, **more}


MANY = bagged(
    *(csv(f"/entity/eye:Observation@sort(RID)?limit={n}", f"part/{n}") for n in range(1, 31)),
    {
        "processor": "download",
        "processor_params": {
            "query_path": "/attribute/eye:Image/url:=URL,length:=Length,filename:=Filename,md5:=MD5,rid:=RID@sort(rid)",
            "output_path": "pictures/{rid}",
        },
    },
    bag={"bag_archiver": "zip", "bag_algorithms": ["md5", "sha256"]},
)


def digest(job: SpecJob) -> str:
    (made,) = job.out.iterdir()
    return hashlib.sha256(made.read_bytes()).hexdigest()


async def test_a_server_that_fails_and_cuts_gives_the_same_bag(tmp_path: Path) -> None:
    with start_sandbox("--demo", "small", folder=tmp_path / "box") as box:
        calm = SpecJob(box, tmp_path / "calm", MANY)
        first = await calm.run()
        port = box.host.rpartition(":")[2]
        box.stop()
        box.start("--port", port, "--fail", "0.2", "--cut", "0.1")
        wild = SpecJob(box, tmp_path / "wild", MANY)
        second = await wild.run()
    assert (first.rows, first.bytes, second.complete) == (second.rows, second.bytes, True)
    assert digest(calm) == digest(wild)


async def test_what_is_done_is_not_asked_for_again(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = SpecJob(sandbox, tmp_path / "calm", MANY)
    await calm.run()
    job = SpecJob(sandbox, tmp_path / "job", MANY)
    asked: list[str] = []
    real = queries.save

    async def some(catalog: Any, query: str, *rest: Any) -> Any:
        asked.append(query)
        if len(asked) == 20:
            raise SatchelError(Kind.UNREACHABLE, "The connection broke.")
        return await real(catalog, query, *rest)

    monkeypatch.setattr(queries, "save", some)
    with pytest.raises(SatchelError, match="connection broke"):
        await job.run()
    assert [p for p in job.out.iterdir() if not p.name.startswith(".")] == []
    before = set(asked)
    asked.clear()
    asked.extend([""] * 20)
    result = await job.run()
    assert result.complete
    again = set(asked) - {""}
    assert len(again) < 31
    assert len(before & again) <= queries.AT_ONCE + 1
    assert digest(job) == digest(calm)


async def test_a_file_that_was_spoilt_meanwhile_is_asked_for_again(sandbox: SandboxProcess, tmp_path: Path) -> None:
    job = SpecJob(sandbox, tmp_path, bagged(csv("/entity/eye:Clinic@sort(RID)", "a"), csv("/entity/eye:Nope", "b")))
    with pytest.raises(ExportError):
        await job.run()
    (kept,) = list(job.out.glob(".*/bag/data/a.csv"))
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1] + b"!")
    job.request = SpecJob(
        sandbox, tmp_path / "other", bagged(csv("/entity/eye:Clinic@sort(RID)", "a")), out=str(job.out)
    ).request
    result = await job.run()
    assert (Path(result.bag or "") / "data" / "a.csv").read_bytes() == whole


def test_cancelled_at_once_and_resumed(slow_sandbox: SandboxProcess, tmp_path: Path) -> None:
    """From a terminal: Ctrl-C, then `satchel jobs resume`."""
    terminal = Terminal(tmp_path, slow_sandbox)
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(MANY))
    box = slow_sandbox
    words = ["export", box.host, box.catalog, "--spec", str(file), "--out", str(terminal.out), "--no-cache"]
    process = terminal.start(*words, *terminal.admin, "--json")
    job = wait_for(process, "queries")
    process.send_signal(2)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 4
    assert json.loads(out.splitlines()[-1])["kind"] == "cancelled"
    assert [p for p in terminal.out.iterdir() if not p.name.startswith(".")] == []
    result = terminal.json("jobs", "resume", job)
    assert result["valid"]
    assert result["complete"]
    assert len(result["outputs"]) == 30
    assert [p.name for p in terminal.out.iterdir()] == ["bag.zip"]


async def test_a_catalog_that_changes_meanwhile_is_read_as_it_was(
    empty_sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with session_of(empty_sandbox) as session:
        number = await make(
            session, {"s:A": T(["Name"], rows=[{"Name": "x"}]), "s:B": T(["Name"], rows=[{"Name": "y"}])}
        )
        document = bagged(csv("/entity/s:A@sort(RID)", "A"), csv("/entity/s:B@sort(RID)", "B"))
        job = SpecJob(empty_sandbox, tmp_path, document, catalog=number)
        real = queries.save
        done = asyncio.Event()

        async def late(catalog: Any, query: str, *rest: Any) -> Any:
            if "s:B" in query and not done.is_set():
                done.set()
                await session.request("POST", f"/ermrest/catalog/{number}/entity/s:B", json=[{"Name": "late"}])
            return await real(catalog, query, *rest)

        monkeypatch.setattr(queries, "save", late)
        result = await job.run()
    assert "changed-meanwhile" in {w.code for w in result.warnings}
    assert b"late" not in (Path(result.bag or "") / "data" / "B.csv").read_bytes()
    assert f"@{result.snapshot}" in result.outputs[0].url


async def test_nothing_of_a_row_leads_out_of_the_bag(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    """A row says `../../../x`: deriva-py writes that path into the bag's manifest, or the file outside."""
    rows = [
        {"Name": "../../../evil", "URL": "/hatrac/none/1", "Length": 3, "MD5": "0" * 32},
        {"Name": "a/../../b", "URL": "/hatrac/none/2", "Length": 3, "MD5": "1" * 32},
        {"Name": "br{ace}d", "URL": "/hatrac/none/3", "Length": 3, "MD5": "2" * 32},
    ]
    async with session_of(empty_sandbox) as session:
        number = await make(session, {"s:A": T(["Name", "URL", "Length", "MD5"], rows=rows)})
    query = "/attribute/s:A/url:=URL,length:=Length,md5:=MD5,filename:=Name@sort(url)"
    fetch = {"processor": "fetch", "processor_params": {"query_path": query, "output_path": "files"}}
    job = SpecJob(empty_sandbox, tmp_path, bagged(fetch), catalog=number)
    result = await job.run()
    bag = read_bag(Path(result.bag or ""), tmp_path / "x")
    assert set(bag.fetch) == {"data/files/evil", "data/files/a/b", "data/files/br{ace}d"}
    assert "name-changed" in {w.code for w in result.warnings}


async def test_an_asset_that_is_gone_is_told_and_the_rest_is_there(
    empty_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    """deriva-py gives the whole export up, and deletes it."""
    async with session_of(empty_sandbox) as session:
        number = await make(
            session, {"s:A": T(["URL", "Length", "MD5"], rows=[{"URL": "/hatrac/gone/1", "Length": 3}])}
        )
    query = "/attribute/s:A/url:=URL,length:=Length,md5:=MD5"
    download = {"processor": "download", "processor_params": {"query_path": query, "output_path": "files"}}
    job = SpecJob(empty_sandbox, tmp_path, bagged(csv("/entity/s:A@sort(RID)", "A"), download), catalog=number)
    result = await job.run()
    assert result.valid
    assert not result.complete
    (problem,) = result.problems
    assert problem.reason == "missing"
    bag = Path(result.bag or "")
    assert (bag / "data" / "A.csv").exists()
    assert json.loads((bag / "satchel" / "problems.json").read_text())[0]["reason"] == "missing"


@pytest.mark.parametrize(
    ("document", "kind", "says"),
    [
        (bagged(csv("/entity/eye:Subject/RID={RID}", "x")), ConfigurationError, "{RID}"),
        (bagged(csv("/entity/eye:Subject/Code={", "x")), ConfigurationError, "brace"),
        (bagged(csv("/entity/eye:Subject", "../x")), ConfigurationError, "leads out of the bag"),
        (bagged(csv("/entity/eye:Subject", "/x")), ConfigurationError, "does not begin in the bag"),
        (bagged(csv("/entity/eye:Nope", "x")), ExportError, "x.csv"),
        (bagged(csv("/entity/eye:Subject/Code=nobody", "x")), BaggingError, "would be empty"),
        (bagged({"processor": "nope"}), ConfigurationError, "'nope'"),
        (
            bagged({"processor": "csv", "processor_type": "os.system", "processor_params": {}}),
            ConfigurationError,
            "class of somebody's own",
        ),
    ],
    ids=["variable", "brace", "outside", "absolute", "table", "empty", "processor", "class"],
)
async def test_failures_have_their_names_and_leave_nothing_that_looks_finished(
    sandbox: SandboxProcess, tmp_path: Path, document: dict[str, Any], kind: type[ExportError], says: str
) -> None:
    job = SpecJob(sandbox, tmp_path, document)
    with pytest.raises(SatchelError) as caught:
        await job.run()
    assert type(caught.value) is kind
    assert says in caught.value.message
    assert caught.value.hint
    assert [p for p in job.out.iterdir() if not p.name.startswith(".")] == []
    assert not (tmp_path / "x.csv").exists()


async def test_who_may_not_read_a_table_is_told_which(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """A plain user of the demo may know of eye:Consent, and not read it."""
    document = bagged(csv("/entity/eye:Clinic@sort(RID)", "Clinic"), csv("/entity/eye:Consent", "papers"))
    job = SpecJob(sandbox, tmp_path, document)
    access = type(job.request.access)(ca=(sandbox.ca,), credential=sandbox.credential_user)
    job.request = type(job.request)(
        host=sandbox.host, catalog=sandbox.catalog, spec=document, out=str(job.out), access=access
    )
    with pytest.raises(AuthorizationError) as caught:
        await job.run()
    assert "papers.csv" in caught.value.message
    assert caught.value.exit_status == 3


async def test_who_is_not_signed_in_is_told(sandbox: SandboxProcess, tmp_path: Path) -> None:
    nobody = tmp_path / "nobody.json"
    nobody.write_text("{}")
    document = bagged(csv("/entity/eye:Consent@sort(RID)", "Consent"))
    job = SpecJob(sandbox, tmp_path / "x", document)
    access = type(job.request.access)(ca=(sandbox.ca,), credential=str(nobody))
    job.request = type(job.request)(
        host=sandbox.host, catalog=sandbox.catalog, spec=document, out=str(job.out), access=access
    )
    with pytest.raises((AuthenticationError, AuthorizationError)) as caught:
        await job.run()
    assert caught.value.exit_status == 3
    assert "ign in" in caught.value.hint


async def test_a_server_that_is_silent_for_too_long_is_a_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from satchel.core.deriva.retry import Policy
    from satchel.core.deriva.session import Session

    with start_sandbox("--demo", "small", folder=tmp_path / "box") as box:
        port = box.host.rpartition(":")[2]
        box.stop()
        box.start("--port", port, "--latency", "900")
        real = Session.open
        monkeypatch.setattr(
            spec_runner.Session, "open", lambda *a, **k: real(*a, **{**k, "policy": Policy(tries=2, first_pause=0.01)})
        )
        job = SpecJob(box, tmp_path / "x", spec("csv-one"), timeout=0.3)
        with pytest.raises(ExportTimeoutError) as caught:
            await job.run()
    assert "--timeout" in caught.value.hint


async def test_a_post_processor_that_fails_does_not_hide_the_bag(sandbox: SandboxProcess, tmp_path: Path) -> None:
    document = spec("post-rewrite")
    document["post_processors"][0]["processor_params"]["input_paths"] = ["other.zip"]
    job = SpecJob(sandbox, tmp_path, document)
    with pytest.raises(ExportError) as caught:
        await job.run()
    assert str(job.out / "bag.zip") in caught.value.message
    assert (job.out / "bag.zip").exists()
    document["post_processors"][0]["processor_params"]["input_paths"] = ["bag.zip"]
    result = await job.run()
    assert result.remote == ("https://viewer.example.org/?bag=bag.zip",)


async def test_files_without_a_bag_write_over_nothing(sandbox: SandboxProcess, tmp_path: Path) -> None:
    job = SpecJob(sandbox, tmp_path, spec("files-csv"))
    (job.out / "tables").mkdir()
    (job.out / "tables" / "Clinic.json").write_text("somebody's")
    with pytest.raises(SatchelError, match="already there"):
        await job.run()
    assert read_files(job.out / "tables") == {"Clinic.json": b"somebody's"}


async def test_assets_by_choice_are_put_inside(sandbox: SandboxProcess, tmp_path: Path) -> None:
    from satchel.core.export.request import AssetChoice

    job = SpecJob(
        sandbox, tmp_path, spec("fetch-by-rid"), materialize=True, assets=AssetChoice(patterns=("*.png",), count=7)
    )
    result = await job.run()
    bag = read_bag(Path(result.bag or ""), tmp_path / "x")
    assert len(bag.files) == 7
    assert len(bag.fetch) == 113
    assert set(bag.fetch) | set(bag.files) == set(bag.manifests["md5"])
    assert set(bag.files) == set(bag.manifests["sha256"])


async def test_geo_is_made_by_deriva_py_in_a_process_of_its_own(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """With what it needs missing, its own words come out as an error of ours."""
    document = bagged(
        {"processor": "json", "processor_params": {"query_path": "/entity/eye:Clinic", "output_path": "c"}},
        transform_processors=[
            {"processor": "geo", "processor_params": {"input_paths": ["c.json"], "output_path": "out/geo.xlsx"}}
        ],
    )
    job = SpecJob(sandbox, tmp_path, document)
    with pytest.raises(ExportError) as caught:
        await job.run()
    assert caught.value.message.startswith("geo (/transform_processors/0)")
    assert "Traceback" not in caught.value.message


def test_killed_again_and_again_and_resumed_it_is_the_same_archive(
    slow_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    box = slow_sandbox
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(MANY))
    found = []
    for name, stages in (("calm", []), ("killed", ["queries", "queries", "assets"])):
        folder = tmp_path / name
        folder.mkdir()
        terminal = Terminal(folder, box)
        words = ["export", box.host, box.catalog, "--spec", str(file), "--out", str(terminal.out), "--no-cache"]
        command, job = [*words, *terminal.admin, "--json"], ""
        for stage in stages:
            process = terminal.start(*command)
            job = wait_for(process, stage)
            process.kill()
            process.communicate(timeout=30)
            assert [p for p in terminal.out.iterdir() if not p.name.startswith(".")] == []
            command = ["jobs", "resume", job, "--json"]
        done = terminal.run(*command)
        assert done.returncode == 0, done.stderr
        (made,) = terminal.out.iterdir()
        found.append(hashlib.sha256(made.read_bytes()).hexdigest())
    assert found[0] == found[1]
