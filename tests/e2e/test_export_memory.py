"""An export needs no more memory for many rows than for few."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from catalog_maker import T
from sandbox_catalog import make, ref, session_of
from sandbox_process import SandboxProcess, start_sandbox
from terminal import SECONDS, Terminal

FEW, MANY = 5_000, 100_000
TEXT = "what was seen " * 27
"""Of each row: 40 MB of text in the larger table."""
SMALL, LARGE = 1_000, 70_000_000
ALLOWED_MB = 40
"""The smaller table is less than one page. What grows to a full one, and no further: pages of rows and of CSV text that
are in flight, and SQLite's three caches of 4 MB. Had the rows been kept, they would come on top of that."""
# What wait4 tells of a child begins with what its parent had at that time.
TELLING = """
import atexit, runpy, sys
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
sys.argv[0] = "satchel"
runpy.run_module("satchel", run_name="__main__")
"""


async def filled(box: SandboxProcess, rows: int) -> str:
    """A catalog with this many observations of one subject."""
    tables = {
        "eye:Subject": T(columns=["Name"], rows=[{"RID": "9-S001", "Name": "one"}]),
        "eye:Observation": T(columns=["Subject", "Text"], refs=[ref("Subject", "eye:Subject")]),
    }
    async with session_of(box) as session:
        number = await make(session, tables)
        for start in range(0, rows, 2_000):
            lines = [f"8-{n:06},9-S001,{TEXT}{n}\n" for n in range(start, min(rows, start + 2_000))]
            await session.request(
                "POST",
                f"/ermrest/catalog/{number}/entity/eye:Observation?nondefaults=RID",
                data=("RID,Subject,Text\n" + "".join(lines)).encode(),
                headers={"Content-Type": "text/csv"},
                accept="text/csv",
            )
    return number


def with_file(box: SandboxProcess, size: int) -> str:
    """A catalog with one asset of so many bytes."""
    body = random.Random(size).randbytes(size)
    url = f"/hatrac/memory/{size}.bin"
    cookie = json.loads(Path(box.users).read_text())["admin"]
    headers = {"Cookie": cookie, "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(f"{box.url}{url}?parents=true", body, headers, method="PUT")
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=box.ca)) as answer:
        assert answer.status == 201
    row = {"RID": "9-A001", "Subject": "9-S001", "URL": url, "Filename": "a.bin", "Length": size}
    tables = {
        "eye:Subject": T(columns=["Name"], rows=[{"RID": "9-S001", "Name": "one"}]),
        "eye:Image": T(
            columns=["Subject"],
            asset=True,
            refs=[ref("Subject", "eye:Subject")],
            rows=[{**row, "MD5": hashlib.md5(body).hexdigest()}],
        ),
    }

    async def made() -> str:
        async with session_of(box) as session:
            return await make(session, tables)

    return asyncio.run(made())


def peak_of(terminal: Terminal, catalog: str, rows: int) -> float:
    """The most memory, in megabytes, that a process needs to export a catalog."""
    box = terminal.sandbox
    words = ["export", box.host, catalog, "--rid", "9-S001", "--out", str(terminal.out), *terminal.admin]
    done = subprocess.run(
        [sys.executable, "-c", TELLING, *words, "--materialize", "--json"],
        env=terminal.env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["rows"] == rows
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", done.stderr, re.MULTILINE)
    return int(peak) / 1024


by_linux = pytest.mark.skipif(sys.platform != "linux", reason="how much memory a process needed is Linux's to tell")


@by_linux
def test_peak_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    with start_sandbox("--demo", "none", folder=tmp_path / "sandbox") as box:
        terminal = Terminal(tmp_path, box)
        peaks = {rows: peak_of(terminal, asyncio.run(filled(box, rows)), rows + 1) for rows in (FEW, MANY)}
    assert peaks[MANY] - peaks[FEW] < ALLOWED_MB, peaks


@by_linux
def test_peak_memory_does_not_grow_with_an_asset(tmp_path: Path) -> None:
    with start_sandbox("--demo", "none", folder=tmp_path / "sandbox") as box:
        terminal = Terminal(tmp_path, box)
        peaks = {size: peak_of(terminal, with_file(box, size), 2) for size in (SMALL, LARGE)}
    assert peaks[LARGE] - peaks[SMALL] < ALLOWED_MB, peaks
