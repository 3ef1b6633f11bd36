"""Minting by the catalog's export service: the post-processors cloud_upload and identifier."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from sandbox_client import Peer
from sandbox_process import SandboxProcess, start_sandbox
from terminal import SECONDS, Terminal, wait_for


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """moto's server here: the sandbox's service uploads with plain http, and everybody reads what it made public."""
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test-secret")):
            patch.setenv(name, value)
        url = f"http://{'localhost' if host == '0.0.0.0' else host}:{port}"
        client = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", config=Config(s3={"addressing_style": "path"})
        )
        client.create_bucket(Bucket="bags")
        client.close()
        yield url
    server.stop()


@pytest.fixture(scope="module")
def box(endpoint: str) -> Iterator[SandboxProcess]:
    with start_sandbox("--demo", "small", "--s3", endpoint) as running:
        yield running


def words(box: SandboxProcess, *more: str) -> list[str]:
    where = ["--bucket", "s3://bags/eyes", "--service", box.identifiers, "--ca", box.ca, "--credential", box.credential]
    what = ["--dataset", box.dataset, "--version", box.version, "--server-side", "--test"]
    return ["mint", box.host, box.catalog, *what, *where, *more]


def row(box: SandboxProcess) -> dict[str, Any]:
    with Peer(box) as peer:
        path = f"/ermrest/catalog/{box.catalog}/entity/deriva-ml:Dataset_Version"
        (found,) = peer.get(f"{path}/Dataset={box.dataset}&Version={box.version}")
    return dict(found)


def minted(box: SandboxProcess) -> list[str]:
    database = sqlite3.connect(next(box.folder.rglob("identifiers.sqlite")))
    try:
        return [name for (name,) in database.execute("SELECT id FROM identifier ORDER BY number")]
    finally:
        database.close()


@pytest.fixture(autouse=True)
def fresh(box: SandboxProcess) -> None:
    with Peer(box) as peer:
        path = f"/ermrest/catalog/{box.catalog}/attributegroup/deriva-ml:Dataset_Version/RID;Minid"
        peer.ask("PUT", path, [{"RID": row(box)["RID"], "Minid": None}])


def test_minted_by_the_service_and_received(box: SandboxProcess, tmp_path: Path) -> None:
    before = minted(box)
    minter = Terminal(tmp_path, box)
    made = minter.json(*words(box, "--title", "Eyes", "--author", "Lovelace, Ada"))
    (identifier,) = [name for name in minted(box) if name not in before]
    assert (made["identifier"], made["reused"], made["way"]) == (identifier, False, "server")
    assert row(box)["Minid"] == made["landing_page"]
    assert (made["name"], made["authors"]) == ("Eyes", ["Lovelace, Ada"])
    with Peer(box) as peer:
        said = peer.ask("GET", f"/identifiers/{identifier}", headers={"Accept": "application/json"})["metadata"]
    assert said["RID"] == f"{box.dataset}@{made['snapshot']}"
    assert said["Spec_Hash"] == made["spec_hash"]
    again = minter.json(*words(box))
    assert (again["identifier"], again["reused"]) == (identifier, True)

    (tmp_path / "other").mkdir()
    other = Terminal(tmp_path / "other", box)
    got = other.json("resolve", made["landing_page"], "--open", "--level", "structure", "--ca", box.ca)
    assert (got["checksum"], got["valid"]) == (made["checksum"], True)


def test_killed_while_the_service_works_it_follows_the_same(box: SandboxProcess, tmp_path: Path) -> None:
    before = minted(box)
    minter = Terminal(tmp_path, box)
    process = minter.start(*words(box), "--json")
    job = wait_for(process, "server")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("stage") == "server" and json.loads(line).get("item"):
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=SECONDS)
    done = minter.json("jobs", "resume", job)
    (identifier,) = [name for name in minted(box) if name not in before]
    assert done["identifier"] == identifier
    assert row(box)["Minid"] == done["landing_page"]


def test_a_bucket_that_the_service_does_not_have(box: SandboxProcess, tmp_path: Path) -> None:
    before = minted(box)
    minter = Terminal(tmp_path, box)
    told = minter.run(*[w.replace("s3://bags", "s3://no-such-bucket") for w in words(box)], "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout.splitlines()[-1])["kind"] == "server"
    assert minted(box) == before
    assert row(box)["Minid"] is None
