"""Clones of many rows: whole tables, stretches of them, scattered rows; and the memory that it takes."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from catalog_maker import T
from clone_catalog import clone, contents, make_source, request_of, stable
from sandbox_catalog import make, ref, session_of
from sandbox_process import SandboxProcess, start_sandbox
from terminal import Terminal

TEXT = "what was seen " * 27
FEW, MANY = 40_000, 120_000
MOST_MB = 300
ALLOWED_MB = 40
"""Both are many more pages than are ever on their way. Had the rows been kept, there would be 30 MB of text more, many
times that as objects."""
TELLING = """
import atexit, runpy, sys
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
sys.argv[0] = "satchel"
runpy.run_module("satchel", run_name="__main__")
"""


@pytest.mark.parametrize("stretch", [1, 2, 45, 300])
async def test_rows_that_stand_apart_or_in_stretches(
    empty_sandbox: SandboxProcess, tmp_path: Path, stretch: int
) -> None:
    """Rows of two roots take turns, a few at a time or many."""
    rows = [
        {"RID": f"1-{n:04}", "Root": ("1-AAA1", "1-AAA2")[n // stretch % 2], "Text": f'{n}, "x"\né' if n % 7 else ""}
        for n in range(1_500)
    ]
    tables = {
        "s:Root": T(rows=[{"RID": "1-AAA1"}, {"RID": "1-AAA2"}]),
        "s:Item": T(columns=["Root", "Text"], refs=[ref("Root", "s:Root")], rows=rows),
    }
    async with session_of(empty_sandbox) as session:
        catalog = await make_source(session, tables)
        _, before = await contents(session, catalog)
        result = await clone(request_of(empty_sandbox, catalog, "1-AAA2"), tmp_path)
        _, after = await contents(session, result.catalog_id)
    assert result.verified
    assert {rid: stable(row) for rid, row in after["s:Item"].items()} == {
        rid: stable(row) for rid, row in before["s:Item"].items() if row["Root"] == "1-AAA2"
    }


async def filled(box: SandboxProcess, rows: int) -> str:
    """A catalog with this many observations of one subject, a third of which refer to the one before."""
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


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory of a process as Linux tells it")
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    with start_sandbox("--demo", "none", folder=tmp_path / "sandbox") as box:
        peaks = []
        for rows in (FEW, MANY):
            catalog = asyncio.run(filled(box, rows))
            (tmp_path / str(rows)).mkdir()
            terminal = Terminal(tmp_path / str(rows), box)
            words = ["clone", box.host, catalog, "9-S001", *terminal.admin, "--no-ml-schema", "--json"]
            done = subprocess.run(
                [sys.executable, "-c", TELLING, *words], env=terminal.env, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
            result = json.loads(done.stdout.splitlines()[-1])
            assert result["verified"]
            assert result["report"]["tables_restored"]["eye:Observation"] == rows
            found = re.search(r"VmHWM:\s+(\d+) kB", done.stderr)
            assert found is not None
            peaks.append(int(found[1]) / 1024)
    assert peaks[1] < MOST_MB
    assert peaks[1] - peaks[0] < ALLOWED_MB, peaks
