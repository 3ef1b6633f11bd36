"""What a clone that did not end has left: told, and deleted only when it is the job's own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox_catalog import make, session_of
from satchel.core.clone.leftovers import describe, remove
from satchel.core.clone.request import CloneRequest
from satchel.core.deriva.ermrest import Catalog
from satchel.core.errors import SatchelError
from satchel.core.jobs.events import StageBegan
from satchel.core.jobs.journal import Journal
from satchel.core.jobs.run import run_job
from satchel.core.paths import Home
from two_sites import access


async def stopped(request: CloneRequest, home: Home, stage: str) -> str:
    """Run a clone until it comes to a stage, and cancel it there. Returns the job."""
    task: asyncio.Task[Any]

    def hear(event: Any) -> None:
        if isinstance(event, StageBegan) and event.stage == stage:
            task.cancel()

    task = asyncio.create_task(run_job(request, home, hear))
    with pytest.raises(asyncio.CancelledError):
        await task
    journal = Journal(home)
    try:
        return journal.jobs()[0].id
    finally:
        journal.close()


def request(sandbox: Any, empty_sandbox: Any, folder: Path, **more: Any) -> CloneRequest:
    where = access(folder, sandbox, empty_sandbox)
    return CloneRequest(
        host=sandbox.host, catalog=sandbox.catalog, rid=sandbox.root, to_host=empty_sandbox.host, access=where, **more
    )


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path / "home"))
    return Home.find()


async def test_what_a_clone_has_left_is_told_and_deleted(sandbox, empty_sandbox, tmp_path, home):
    job = await stopped(request(sandbox, empty_sandbox, tmp_path), home, "orphans")
    found = await describe(home, job)
    assert found.made
    assert found.hostname == empty_sandbox.host
    assert found.rows > 0
    assert found.tables["eye:Subject"] > 0
    assert found.created is not None
    assert f"catalog {found.catalog_id}" in found.text
    async with session_of(empty_sandbox) as session:
        catalog = Catalog(session, str(found.catalog_id))
        assert await catalog.count(await catalog.entity_rid(sandbox.root)) > 0
        assert (await remove(home, job)).catalog_id == found.catalog_id
        with pytest.raises(SatchelError, match="no catalog"):
            await catalog.info()
    with pytest.raises(SatchelError):
        await describe(home, job)


async def test_the_command_tells_first_and_deletes_then(sandbox, empty_sandbox, tmp_path, home):
    job = await stopped(request(sandbox, empty_sandbox, tmp_path), home, "orphans")

    async def command(*words: str) -> dict[str, Any]:
        arguments = [sys.executable, "-m", "satchel", "clone", "--delete", job, *words, "--json"]
        done = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    told = await command("--dry-run")
    assert told["tables"]["eye:Subject"] > 0
    assert f"catalog {told['catalog_id']}" in told["message"]
    async with session_of(empty_sandbox) as session:
        catalog = Catalog(session, told["catalog_id"])
        assert (await catalog.info()).id == told["catalog_id"]
        assert told["catalog_id"] in (await command())["message"]
        with pytest.raises(SatchelError, match="no catalog"):
            await catalog.info()


async def test_a_catalog_that_was_given_stays(sandbox, empty_sandbox, tmp_path, home):
    async with session_of(empty_sandbox) as session:
        given = (await session.request("POST", "/ermrest/catalog", json={})).json()["id"]
        asked = request(sandbox, empty_sandbox, tmp_path, to_catalog=given)
        job = await stopped(asked, home, "orphans")
        found = await describe(home, job)
        assert not found.made
        assert "did not make that catalog" in found.text
        await remove(home, job)
        assert (await Catalog(session, given).info()).id == given


async def test_another_catalog_is_never_deleted(sandbox, empty_sandbox, tmp_path, home):
    """Whatever the checkpoints say: one that is older than the job, one that came from elsewhere, one that ended."""
    async with session_of(empty_sandbox) as session:
        job = await stopped(request(sandbox, empty_sandbox, tmp_path), home, "copy")
        other = await make(session, {})
        from satchel.core.clone.after.provenance import TAG

        tag = TAG.replace(":", "%3A").replace(",", "%2C")
        await session.request("PUT", f"/ermrest/catalog/{other}/annotation/{tag}", json={"job": "another"})
        journal = Journal(home)
        journal.keep(job, "catalog", other)
        journal.close()
        with pytest.raises(SatchelError, match="came from elsewhere"):
            await remove(home, job)
        assert (await Catalog(session, other).info()).id == other
        assert (await describe(home, job)).catalog_id == other, "the job is still there"


async def test_a_job_that_is_no_clone_or_ended_well_has_no_leftover(sandbox, empty_sandbox, tmp_path, home):
    asked = request(sandbox, empty_sandbox, tmp_path, orphans="delete")
    job, result = await run_job(asked, home)
    assert result.verified  # type: ignore[attr-defined]
    with pytest.raises(SatchelError, match="ended well"):
        await remove(home, job)
    async with session_of(empty_sandbox) as session:
        assert (await Catalog(session, result.catalog_id).info()).id  # type: ignore[attr-defined]
