"""The switches for what goes wrong, counted from outside."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from sandbox_client import Peer, column, table
from sandbox_process import SandboxProcess, start_sandbox

BYTES = b"0123456789abcdef" * 16_384


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sandbox's folder with a catalog, 1, of 2,000 rows and an object of 256 KiB; nothing goes wrong while it is
    made."""
    found = tmp_path_factory.mktemp("faults") / "sandbox"
    with start_sandbox("--demo", "none", folder=found) as sandbox, Peer(sandbox) as peer:
        catalog = peer.new_catalog(table("Item", column("Name")))
        peer.ask("POST", f"{catalog}/entity/s:Item", [{"Name": f"row {n}"} for n in range(2_000)])
        peer.ask("PUT", "/hatrac/blob", BYTES, headers={"Content-Type": "application/octet-stream"})
    return found


def asked(sandbox: SandboxProcess, paths: list[str]) -> list[int | str]:
    """What becomes of each request: its status, `cut`, or `wrong` for a body that is not what it should be."""
    with Peer(sandbox) as whole:

        def one(path: str) -> int | str:
            with Peer(sandbox) as peer:
                try:
                    answer = peer.send("GET", path)
                except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                    return "cut"
                if answer.status_code == 200 and path.startswith("/hatrac") and answer.content != BYTES:
                    return "wrong"
                return answer.status_code

        del whole
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(one, paths))


PATHS = ["/ermrest/catalog/1/entity/s:Item?limit=5", "/ermrest/catalog/1/entity/s:Item", "/hatrac/blob"]


def test_failures_come_as_often_as_asked_for(folder: Path) -> None:
    with start_sandbox("--demo", "none", "--fail", "0.3", folder=folder) as sandbox:
        found = Counter(asked(sandbox, PATHS * 100))
        assert set(found) == {200, 503}
        assert 60 <= found[503] <= 120
        # Nobody is kept from signing in.
        with Peer(sandbox) as peer:
            assert {peer.send("GET", "/authn/session").status_code for _ in range(30)} == {200}


def test_a_failed_write_wrote_nothing(folder: Path) -> None:
    with start_sandbox("--demo", "none", "--fail", "0.5", folder=folder) as sandbox, Peer(sandbox) as peer:
        made = []
        for number in range(60):
            answer = peer.send("POST", "/ermrest/catalog/1/entity/s:Item", [{"Name": f"new {number}"}])
            assert answer.status_code in (200, 503)
            if answer.status_code == 200:
                made.append(f"new {number}")
    with start_sandbox("--demo", "none", folder=folder) as sandbox, Peer(sandbox) as peer:
        found = peer.get("/ermrest/catalog/1/attribute/s:Item/Name::regexp::%5Enew/Name")
        assert sorted(row["Name"] for row in found) == sorted(made)
        peer.ask("DELETE", "/ermrest/catalog/1/entity/s:Item/Name::regexp::%5Enew")


def test_connections_are_cut_as_often_as_asked_for(folder: Path) -> None:
    with start_sandbox("--demo", "none", "--cut", "0.3", folder=folder) as sandbox:
        found = Counter(asked(sandbox, PATHS * 100))
    assert set(found) == {200, "cut"}
    assert 60 <= found["cut"] <= 120


def test_both_at_once(folder: Path) -> None:
    with start_sandbox("--demo", "none", "--cut", "0.5", "--fail", "0.5", folder=folder) as sandbox:
        found = Counter(asked(sandbox, PATHS * 40))
    assert set(found) == {200, 503, "cut"}
    assert found["cut"] >= 15


def test_latency_is_waited_for_before_each_answer(folder: Path) -> None:
    with start_sandbox("--demo", "none", "--latency", "50", folder=folder) as sandbox, Peer(sandbox) as peer:
        peer.send("GET", PATHS[0])
        for path in PATHS:
            begun = time.monotonic()
            assert peer.send("GET", path).status_code == 200
            assert time.monotonic() - begun >= 0.05


def test_an_answer_takes_no_more_than_its_bandwidth(folder: Path) -> None:
    with start_sandbox("--demo", "none", "--bandwidth", "1", folder=folder) as sandbox, Peer(sandbox) as peer:
        for path in PATHS[1:]:
            begun = time.monotonic()
            answer = peer.send("GET", path)
            assert answer.status_code == 200
            # The last slices may lie in buffers between the two.
            assert time.monotonic() - begun >= (len(answer.content) - 65_536) / 1e6
        assert answer.content == BYTES
