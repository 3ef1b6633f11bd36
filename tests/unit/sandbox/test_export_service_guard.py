"""Specs and catalogs are untrusted: an export stays in its folder and asks no other server."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox_process import SandboxProcess
from unit.sandbox import export_catalog
from unit.sandbox.export_catalog import SPECIES, Catalog, query
from unit.sandbox.people import Person

ASSETS = "/attribute/eye:Image/url:=URL,length:=Length,filename:=Filename,md5:=MD5"


@pytest.fixture(scope="module")
def shared(empty_sandbox: SandboxProcess) -> Catalog:
    return export_catalog.make(Person(empty_sandbox, "admin"))


def outside(folder: Path) -> set[str]:
    """Every file of a sandbox's folder, but for the results' own and the databases'."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not {"files", "ermrest", "hatrac"} & set(path.relative_to(folder).parts)
        and path.name not in ("log", "access", "stderr.log")
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"queries": [query("csv", "/entity/eye:Species", "../../evil")]},
        {"queries": [query("csv", "/entity/eye:Species", "/tmp/evil")]},
        {"queries": [query("csv", "/entity/eye:Species", "x", output_filename="../../../evil")]},
        {"queries": [query("json", "/entity/eye:Species", "{UP}evil")], "env": {"UP": "../../../"}},
        {"queries": [query("dir", "", "../../../evil")]},
        {"queries": [query("csv", "/entity/eye:Species", "../manifest-md5.txt")]},
        {"queries": [SPECIES], "bag": {"bag_name": "../evil"}},
        {"queries": [SPECIES], "bag": {"bag_name": "/tmp/evil"}},
        {"queries": [SPECIES], "bag": {"bag_name": "."}},
        {
            "queries": [SPECIES],
            "transform_processors": [
                {"processor": "cat", "processor_params": {"input_paths": ["../../../tokens.json"], "output_path": "x"}}
            ],
        },
        {
            "queries": [SPECIES],
            "transform_processors": [
                {"processor": "cat", "processor_params": {"input_paths": ["Species.csv"], "output_path": "../../../x"}}
            ],
        },
    ],
)
def test_a_spec_stays_in_its_folder(empty_sandbox: SandboxProcess, shared: Catalog, change: dict[str, Any]) -> None:
    admin = Person(empty_sandbox, "admin")
    before = outside(empty_sandbox.folder)
    spec = shared.spec(*change["queries"], **{name: value for name, value in change.items() if name != "queries"})
    answer = admin.post("/deriva/export/bdbag", spec)
    assert answer.status_code == 409, answer.text
    assert outside(empty_sandbox.folder) == before
    assert not Path("/tmp/evil.csv").exists()


@pytest.mark.parametrize("processor", ["fetch", "download"])
def test_a_row_stays_in_the_folder(empty_sandbox: SandboxProcess, processor: str) -> None:
    admin = Person(empty_sandbox, "admin")
    catalog = export_catalog.make(admin)
    export_catalog.add_image(admin, catalog.id, catalog.asset, "../../../../evil.dat")
    answer = admin.post("/deriva/export/bdbag", catalog.spec(query(processor, ASSETS, "asset")))
    assert answer.status_code == 409
    assert "leads out of the export's folder" in answer.text
    assert not list(empty_sandbox.folder.rglob("evil.dat"))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_other_server_is_asked(empty_sandbox: SandboxProcess, scheme: str) -> None:
    admin = Person(empty_sandbox, "admin")
    catalog = export_catalog.make(admin)
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        export_catalog.add_image(admin, catalog.id, f"{scheme}://localhost:{other.getsockname()[1]}/secret", "got")
        answer = admin.post("/deriva/export/bdbag", catalog.spec(query("download", ASSETS, "asset")))
        assert answer.status_code == 501
        assert "asks no other host" in answer.text
        # Length and checksum missing: deriva-py would ask the address for them.
        answer = admin.post(
            "/deriva/export/bdbag",
            catalog.spec(query("fetch", "/attribute/eye:Image/url:=URL,filename:=Filename", "a")),
        )
        assert answer.status_code == 501
        with pytest.raises(BlockingIOError):
            other.accept()
    # What is only listed is not asked for.
    listed = admin.post("/deriva/export/bdbag", catalog.spec(query("fetch", ASSETS, "asset")))
    assert listed.status_code == 201


def test_classes_by_name_are_not_imported(empty_sandbox: SandboxProcess, shared: Catalog) -> None:
    admin = Person(empty_sandbox, "admin")
    answer = admin.post("/deriva/export/bdbag", shared.spec({**SPECIES, "processor_type": "subprocess.Popen"}))
    assert answer.status_code == 409
    assert "whitelist" in answer.text


ATTEMPTS = """
import json, os, shutil, socket, subprocess, sys
from pathlib import Path
from satchel.sandbox.export.guard import stand
own, other, port, free = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
(other / "file").write_text("x")
(own / "way").symlink_to(other)
import encodings.idna
stand(own, {free}, {"localhost"})
attempts = {
    "write": lambda: (other / "new").write_text("x"),
    "append": lambda: (other / "file").open("a"),
    "write through a link": lambda: (own / "way" / "new").write_text("x"),
    "write from above": lambda: (own / ".." / other.name / "new").write_text("x"),
    "mkdir": lambda: (other / "folder").mkdir(),
    "remove": lambda: (other / "file").unlink(),
    "rename in": lambda: (other / "file").rename(own / "taken"),
    "rename out": lambda: (own / "way").rename(other / "given"),
    "remove a tree": lambda: shutil.rmtree(other),
    "connect": lambda: socket.create_connection(("127.0.0.1", port), 2),
    "connect by name": lambda: socket.create_connection(("localhost", port), 2),
    "look up": lambda: socket.getaddrinfo("example.org", 443),
    "run": lambda: subprocess.run(["true"]),
    "shell": lambda: os.system("true"),
    "own file": lambda: (own / "fine").write_text("x"),
    "own folder": lambda: (own / "deep").mkdir(),
    "own tree": lambda: shutil.rmtree(own / "deep"),
    "own server": lambda: socket.create_connection(("localhost", free), 2),
}
outcome = {}
for name, attempt in attempts.items():
    try:
        attempt()
        outcome[name] = "done"
    except Exception as error:
        outcome[name] = type(error).__name__
print(json.dumps(outcome))
"""


def test_the_interpreter_itself_refuses_the_rest(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as free:
        ports = [str(s.getsockname()[1]) for s in (server, free)]
        done = subprocess.run(
            [sys.executable, "-c", ATTEMPTS, str(own), str(other), *ports], capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert {name for name, how in outcome.items() if how == "done"} == {
        "own file", "own folder", "own tree", "own server",
    }, outcome  # fmt: skip
    assert {how for how in outcome.values() if how != "done"} == {"OutsideError"}
    assert [path.name for path in other.iterdir()] == ["file"]
