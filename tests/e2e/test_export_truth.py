"""What is in an exported bag is what the server says, byte for byte: judged by plain requests, deriva-py and bdbag."""

from __future__ import annotations

import csv
import io
import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sandbox_process import SandboxProcess
from terminal import SECONDS, Terminal, bdbag_accepts, unpack

LONGEST = 6000
"""Characters of RIDs in one address."""


@dataclass
class Exported:
    """An export of the demo's study, as a folder, with assets by reference."""

    sandbox: SandboxProcess
    result: dict[str, Any]
    bag: Path

    @property
    def tables(self) -> list[str]:
        return [table["table"] for table in self.result["tables"]]

    def file(self, table: str) -> bytes:
        return (self.bag / "data" / "records" / f"{table.replace(':', '.')}.csv").read_bytes()

    def rids(self, table: str) -> list[str]:
        return [row["RID"] for row in csv.DictReader(io.StringIO(self.file(table).decode(), newline=""))]


@pytest.fixture(scope="module")
def exported(sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    terminal = Terminal(tmp_path_factory.mktemp("truth"), sandbox)
    result = terminal.json(*terminal.export_words("--archive", "none"))
    return Exported(sandbox, result, Path(result["bag"]))


def get(sandbox: SandboxProcess, path: str, accept: str = "text/csv") -> bytes:
    """One plain HTTPS request, as the administrator, with nothing of Satchel in it."""
    cookie = json.loads(Path(sandbox.users).read_text())["admin"]
    request = urllib.request.Request(f"{sandbox.url}{path}", headers={"Accept": accept, "Cookie": cookie})
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=sandbox.ca)) as answer:
        assert answer.status == 200
        return answer.read()


def path_of(table: str) -> str:
    return ":".join(quote(part, safe="") for part in table.split(":"))


def some(rids: list[str]) -> Iterator[list[str]]:
    """RIDs in as many as go into one address."""
    width = LONGEST // (max(map(len, rids), default=1) + 1)
    for start in range(0, len(rids), width):
        yield rids[start : start + width]


def test_each_table_is_what_the_server_gives_for_its_rows_in_rid_order(exported: Exported) -> None:
    box, snapshot = exported.sandbox, exported.result["snapshot"]
    here = f"/ermrest/catalog/{box.catalog}@{snapshot}"
    assert len(exported.tables) > 25
    for table in exported.tables:
        rids = exported.rids(table)
        assert rids == sorted(set(rids)), f"{table}: each row once, in order"
        base = f"{here}/entity/{path_of(table)}"
        pages = [get(box, f"{base}/RID=any({','.join(each)})@sort(RID)") for each in some(rids)]
        header = get(box, f"{base}/RID::null::@sort(RID)")
        assert header.count(b"\n") == 1
        assert all(page.startswith(header) for page in pages)
        assert exported.file(table) == header + b"".join(page[len(header) :] for page in pages), table


def test_the_schema_is_the_servers(exported: Exported) -> None:
    """All but what it says of the person who asks."""
    box = exported.sandbox
    document = json.loads(
        get(box, f"/ermrest/catalog/{box.catalog}@{exported.result['snapshot']}/schema", "application/json")
    )
    kept = json.loads((exported.bag / "data" / "schema.json").read_bytes())
    assert list(kept["schemas"]) == sorted(document["schemas"])
    personal = {"rights", "acls", "acl_bindings"}
    for name, schema in document["schemas"].items():
        for table_name, table in schema["tables"].items():
            found = kept["schemas"][name]["tables"][table_name]
            assert set(table) - set(found) <= personal
            for part in ("column_definitions", "keys", "foreign_keys"):
                plain = [{k: v for k, v in item.items() if k not in personal} for item in table[part]]
                assert found[part] == plain
            assert found["annotations"] == table["annotations"]


def test_the_same_rows_by_deriva_pys_downloader_are_the_same_bytes(exported: Exported, tmp_path: Path) -> None:
    """By RIDs for every table; and for some by the path that a person would write."""
    box, snapshot = exported.sandbox, exported.result["snapshot"]
    study = f"eye:Study/RID={box.root}"
    by_hand = {
        "eye:Subject": f"{study}/eye:Subject",
        "eye:Visit": f"{study}/eye:Subject/eye:Visit",
        "eye:Observation": f"{study}/eye:Subject/eye:Visit/eye:Observation",
        "eye:Image": f"{study}/eye:Subject/eye:Visit/eye:Observation/eye:Image",
        "eye:Species": "eye:Species",
        "eye:Diagnosis": "eye:Diagnosis",
    }
    queries: list[tuple[str, str, str]] = [(t, f"hand-{n}", p) for n, (t, p) in enumerate(by_hand.items())]
    for number, table in enumerate(exported.tables):
        for part, rids in enumerate(some(exported.rids(table))):
            queries.append((table, f"{number}-{part}", f"{path_of(table)}/RID=any({','.join(rids)})"))
    spec = {
        "bag": {"bag_name": "theirs", "bag_algorithms": ["md5"]},
        "catalog": {
            "query_processors": [
                {
                    "processor": "csv",
                    "processor_params": {"query_path": f"/entity/{path}@sort(RID)?limit=none", "output_path": name},
                }
                for _, name, path in queries
            ]
        },
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    (tmp_path / "ready.json").write_text(json.dumps({**box.ready, "catalog": f"{box.catalog}@{snapshot}"}))
    words = [tmp_path / "ready.json", tmp_path / "spec.json", tmp_path / "downloaded"]
    done = subprocess.run(
        [sys.executable, "-m", "deriva_py", *map(str, words)],
        env=Terminal(tmp_path, box).env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    theirs: dict[str, bytes] = {}
    for table, name, _ in queries:
        found = (tmp_path / "downloaded" / "theirs" / "data" / f"{name}.csv").read_bytes()
        if name.startswith("hand"):
            assert found == exported.file(table), f"{table} by hand"
        else:
            header = found.index(b"\n") + 1 if table in theirs else 0
            theirs[table] = theirs.get(table, b"") + found[header:]
    assert sorted(theirs) == sorted(exported.tables)
    for table, found in theirs.items():
        assert found == exported.file(table), table


def test_the_preview_counts_what_is_then_in_the_bag(exported: Exported, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, exported.sandbox)
    seen = terminal.json("preview", *terminal.export_words("--snapshot", exported.result["snapshot"])[1:])
    assert {table["table"]: table["rows"] for table in seen["tables"]} == {
        table: len(exported.rids(table)) for table in exported.tables
    }
    fetch = [line.split(None, 2) for line in (exported.bag / "fetch.txt").read_text().splitlines()]
    assert seen["assets"] == len(fetch) > 0
    assert seen["asset_bytes"] == sum(int(length) for _, length, _ in fetch)
    info = dict(line.split(": ", 1) for line in (exported.bag / "bag-info.txt").read_text().splitlines())
    payload = [path for path in (exported.bag / "data").rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in payload) + seen["asset_bytes"]
    assert info["Payload-Oxum"] == f"{total}.{len(payload) + len(fetch)}"
    assert (info["Row-Count"], info["Asset-Count"]) == (str(seen["rows"]), str(seen["assets"]))
    for manifest in exported.bag.glob("manifest-*.txt"):
        lines = manifest.read_text().splitlines()
        assert len(lines) == len(payload) + len(fetch)


@pytest.mark.parametrize("kind", ["zip", "tgz", "none"])
def test_bdbag_accepts_a_bag_and_fetches_what_it_lists(exported: Exported, tmp_path: Path, kind: str) -> None:
    """Without the assets bdbag calls a bag whole once it has fetched them itself, by the lines of fetch.txt."""
    terminal = Terminal(tmp_path, exported.sandbox)
    result = terminal.json(*terminal.export_words("--archive", kind))
    bag = Path(result["bag"]) if kind == "none" else unpack(Path(result["archive"]), tmp_path / "unpacked")
    box = exported.sandbox
    token = json.loads(Path(box.credential).read_text())[box.host]["bearer-token"]
    keychain = tmp_path / "keychain.json"
    keychain.write_text(
        json.dumps([{"uri": f"{box.url}/", "auth_type": "bearer-token", "auth_params": {"token": token}}])
    )
    done = subprocess.run(
        [sys.executable, "-m", "bdbag.bdbag_cli", str(bag), "--materialize", "--keychain-file", str(keychain)],
        env={**terminal.env, "REQUESTS_CA_BUNDLE": box.ca, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    bdbag_accepts(bag)
    ours = terminal.json(*terminal.export_words("--archive", "none", "--materialize", "--name", "inside"))

    def assets(folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in (folder / "data" / "assets").rglob("*")
            if path.is_file()
        }

    fetched = assets(bag)
    assert fetched
    assert fetched == assets(Path(ours["bag"]))
