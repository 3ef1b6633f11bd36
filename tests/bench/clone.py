"""A clone of 48,000 rows in 14 tables from one server to another, beside deriva-py's `clone_catalog` and the limit.

All rows are reachable, so that both copy the same. The limit is what the destination takes from one writer that has all
pages at hand.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import statistics
import tempfile
from pathlib import Path

from bench.figures import python, run, spread, verdict
from catalog_maker import T
from sandbox_catalog import make, ref, session_of
from sandbox_process import SandboxProcess, start_sandbox

ROWS = 48_000
TABLES = 14
WORDS = ["seen", "left", "right", "clear", "dense", "early", "late", "small", "large", "round", "pale", "none"]


def tables(count: int) -> dict[str, T]:
    """A root, and tables of rows that refer to it and to a table before; texts and composite keys among them."""
    dice = random.Random(count)
    found = {"lab:Root": T(columns=["Name"], rows=[{"RID": "1-R00T", "Name": "all"}])}
    each = (count - 1) // (TABLES - 1)
    before: list[str] = []
    for number in range(1, TABLES):
        refs = [ref("Root", "lab:Root")]
        columns = ["Root", "Name", "Note", "Kind", "Value", "A", "B"]
        if before:
            refs.append(ref("Before", f"lab:T{number - 1:02}"))
            columns.append("Before")
        rows = []
        rids = [f"{number + 1}-{n:05}" for n in range(each)]
        for n, rid in enumerate(rids):
            row = {
                "RID": rid,
                "Root": "1-R00T",
                "Name": f"item {n}",
                "Note": " ".join(dice.choices(WORDS, k=20)),
                "Kind": dice.choice(WORDS),
                "Value": str(dice.random()),
                "A": str(n // 7),
                "B": str(n % 7),
            }
            if before:
                row["Before"] = dice.choice(before)
            rows.append(row)
        found[f"lab:T{number:02}"] = T(columns=columns, keys=[["A", "B"]], refs=refs, rows=rows)
        before = rids
    return found


async def filled(box: SandboxProcess, count: int) -> str:
    """A catalog with them; its number."""
    async with session_of(box) as session:
        return await make(session, tables(count))


def main(runs: int) -> None:
    """Print times, rows per second, the ratios, and our peak memory."""
    scratch = Path(tempfile.mkdtemp(prefix="satchel-bench-"))
    ours: list[float] = []
    copying: list[float] = []
    theirs: list[float] = []
    limits: list[float] = []
    memory: list[float] = []
    try:
        with start_sandbox("--demo", "none") as box, start_sandbox("--demo", "none") as there:
            ready = [scratch / "source.json", scratch / "destination.json"]
            for file, sandbox in zip(ready, (box, there), strict=True):
                file.write_text(json.dumps(sandbox.ready))
            catalog = asyncio.run(filled(box, ROWS))
            words = [*map(str, ready), catalog]
            for n in range(runs):
                mine = run(
                    python(
                        "satchel", "clone", box.host, catalog, "1-R00T", "--json", "--no-ml-schema",
                        "--no-new-versions", "--ca", box.ca, "--credential", box.credential,
                        "--to", there.host, "--ca", there.ca, "--dest-credential", there.credential,
                    ),
                    env={"SATCHEL_HOME": str(scratch / f"home{n}")},
                    log=scratch / "ours.log",
                )  # fmt: skip
                events = [json.loads(line) for line in mine.output.strip().splitlines()]
                result = events[-1]
                (copy,) = (e for e in events if e["event"] == "stage-ended" and e["stage"] == "copy")
                rows = result["report"]["summary"]["total_rows_restored"]
                ours.append(mine.seconds)
                copying.append(rows / copy["seconds"])
                memory.append(mine.peak_mb)
                peer = run(python("bench.peer_clone", "derivapy", *words), env={}, log=scratch / "p.log")
                theirs.append(peer.seconds)
                most = run(python("bench.peer_clone", "limit", *words), env={}, log=scratch / "l.log")
                told = json.loads(most.output.strip().splitlines()[-1])
                limits.append(told["rows"] / told["seconds"])
                stages = ", ".join(f"{e['stage']} {e['seconds']:.1f}" for e in events if e["event"] == "stage-ended")
                print(
                    f"  run {n + 1}: satchel {mine.seconds:.2f} s ({rows:,} rows, verified {result['verified']}, "
                    f"{mine.peak_mb:.0f} MB; {stages}), copied at {copying[-1]:,.0f} rows/s; "
                    f"deriva-py {peer.seconds:.2f} s; limit {limits[-1]:,.0f} rows/s",
                    flush=True,
                )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"clone, {ROWS:,} rows in {TABLES} tables from one server to another")
    print(f"  satchel    {spread(ours)}")
    print(f"  deriva-py  {spread(theirs)}, {statistics.median(theirs) / statistics.median(ours):.1f} times as long")
    print(f"  copied     {spread(copying, 'rows/s', 0)}")
    print(f"  limit      {spread(limits, 'rows/s', 0)}")
    ratio = statistics.median(copying) / statistics.median(limits)
    print(f"  of the limit {ratio:.2f}: {verdict(ratio, 0.85, at_least=True)}")
    print(f"  peak memory {spread(memory, 'MB', 0)}: {verdict(max(memory), 300, at_least=False)}")
