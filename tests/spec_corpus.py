"""The corpus of specs, and how two bags of one spec are compared."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox_process import SandboxProcess
from satchel.core.export.spec import runner
from satchel.core.export.spec.request import SpecRequest, SpecResult
from satchel.core.jobs.request import Access
from satchel.core.jobs.state import JobContext

FOLDER = Path(__file__).resolve().parent / "export_specs"
GOOD = sorted(path.stem for path in (FOLDER / "good").glob("*.json"))
ENV: dict[str, dict[str, str]] = json.loads((FOLDER / "env.json").read_text())


def spec(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / "good" / f"{name}.json").read_text())


class SpecJob:
    """A run of a spec with what is durable of it."""

    def __init__(
        self,
        box: SandboxProcess,
        folder: Path,
        document: dict[str, Any],
        env: dict[str, str] | None = None,
        **other: Any,
    ) -> None:
        self.folder = folder / "job"
        self.folder.mkdir(parents=True)
        self.out = folder / "out"
        self.out.mkdir()
        self.kept: dict[str, Any] = {}
        access = Access(ca=(box.ca,), credential=box.credential)
        known = {"host": box.host, "catalog": box.catalog, "access": access, "out": str(self.out)}
        self.request = SpecRequest(**{**known, "spec": document, "env": env or {}, **other})
        self.context: JobContext | None = None

    async def run(self) -> SpecResult:
        resumed = self.context is not None
        self.context = JobContext("7-seven", self.folder, keep=self.kept.__setitem__, kept=self.kept, resumed=resumed)
        return await runner.run(self.request, self.context)


def theirs(box: SandboxProcess, folder: Path, jobs: list[tuple[str, dict[str, Any], dict[str, str]]]) -> dict[str, Any]:
    """What deriva-py's downloader makes of specs: for each its outputs or what it raised; files are in FOLDER/NAME."""
    folder.mkdir(parents=True, exist_ok=True)
    ready, todo = folder / "ready.json", folder / "jobs.json"
    ready.write_text(json.dumps(box.ready))
    todo.write_text(json.dumps([{"name": n, "spec": s, "env": e, "out": str(folder / n)} for n, s, e in jobs]))
    done = subprocess.run(
        [sys.executable, "-m", "deriva_specs", str(ready), str(todo)],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=Path(__file__).parent,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@dataclass
class Contents:
    """A bag, as far as two of them have to be the same."""

    name: str
    files: dict[str, bytes]
    manifests: dict[str, dict[str, str]] = field(default_factory=dict)
    fetch: dict[str, tuple[str, str]] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)
    aggregates: list[dict[str, Any]] | None = None
    declared: str = ""


def read_bag(path: Path, scratch: Path) -> Contents:
    """A bag's folder or archive."""
    if path.is_file():
        scratch.mkdir()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as file:
                file.extractall(scratch)
        else:
            with tarfile.open(path) as file:
                file.extractall(scratch, filter="data")
        (path,) = scratch.iterdir()
    lines = {
        p.name.removeprefix("manifest-").removesuffix(".txt"): [
            line.split("  ", 1) for line in p.read_text().splitlines()
        ]
        for p in path.glob("manifest-*.txt")
    }
    found = Contents(
        path.name,
        {p.relative_to(path).as_posix(): p.read_bytes() for p in (path / "data").rglob("*") if p.is_file()},
        {algorithm: {name: digest for digest, name in entries} for algorithm, entries in lines.items()},
        declared=(path / "bagit.txt").read_text(),
    )
    if (path / "fetch.txt").exists():
        rows = [line.split("\t") for line in (path / "fetch.txt").read_text().splitlines()]
        found.fetch = {name.replace("%25", "%"): (url, length) for url, length, name in rows}
    for line in (path / "bag-info.txt").read_text().splitlines():
        label, _, value = line.partition(": ")
        found.info[label] = value
    ro = path / "metadata" / "manifest.json"
    if ro.exists():
        plain = [_plain(a) for a in json.loads(ro.read_text())["aggregates"]]
        found.aggregates = sorted(plain, key=lambda a: a["uri"])
    return found


def _plain(aggregate: dict[str, Any]) -> dict[str, Any]:
    """Without random identifiers, the hour, and what a server says of a text's encoding."""
    bundled = {k: v for k, v in (aggregate.get("bundledAs") or {}).items() if k != "uri"}
    kept = {k: v for k, v in aggregate.items() if k not in ("bundledAs", "retrievedOn", "retrievedBy")}
    return {**kept, "mediatype": kept["mediatype"].partition(";")[0], "bundledAs": bundled}


def read_files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(data.decode().splitlines(keepends=True)))


def clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
