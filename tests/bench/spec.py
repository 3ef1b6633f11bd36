"""A spec of 40 CSV outputs of 5,000 rows each at 20 ms latency, beside deriva-download-cli. Goal: 8 times as fast."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from bench.figures import python, run, spread, verdict
from sandbox_process import start_sandbox

OUTPUTS = 40
ROWS = 5000
LATENCY = 20
GOAL = 8.0


def document(table: str) -> dict[str, Any]:
    """The spec: as many outputs, each of its own rows as far as the table has so many."""
    return {
        "bag": {"bag_name": "forty", "bag_algorithms": ["md5"]},
        "catalog": {
            "query_processors": [
                {
                    "processor": "csv",
                    "processor_params": {
                        "query_path": f"/entity/{table}@sort({'RID' if n % 2 else 'RID::desc::'})?limit={ROWS}",
                        "output_path": f"records/{n:02}",
                    },
                }
                for n in range(OUTPUTS)
            ]
        },
    }


def main(runs: int) -> None:
    """Print both sides' times and their ratio; both bags have the same files."""
    scratch = Path(tempfile.mkdtemp(prefix="satchel-bench-"))
    ours: list[float] = []
    theirs: list[float] = []
    try:
        with start_sandbox("--demo", "bench", "--latency", str(LATENCY)) as sandbox:
            file = scratch / "spec.json"
            file.write_text(json.dumps(document("eye:Observation")))
            same = True
            for n in range(runs):
                mine, peer = scratch / f"ours{n}", scratch / f"theirs{n}"
                mine.mkdir()
                peer.mkdir()
                told = run(
                    python(
                        "satchel", "export", sandbox.host, sandbox.catalog, "--spec", str(file), "--out", str(mine),
                        "--no-cache", "--json", "--ca", sandbox.ca, "--credential", sandbox.credential,
                    ),
                    env={"SATCHEL_HOME": str(scratch / f"home{n}")},
                    log=scratch / "ours.log",
                )  # fmt: skip
                result = json.loads(told.output.strip().splitlines()[-1])
                ours.append(told.seconds)
                other = run(
                    python(
                        "deriva.transfer.download", "--quiet", "--catalog", str(sandbox.catalog),
                        "--credential-file", str(sandbox.credential), sandbox.host, str(file), str(peer),
                    ),
                    env={"REQUESTS_CA_BUNDLE": str(sandbox.ca), "HOME": str(scratch)},
                    log=scratch / "theirs.log",
                )  # fmt: skip
                theirs.append(other.seconds)
                same = same and _files(mine / "forty") == _files(peer / "forty")
                print(
                    f"  run {n + 1}: satchel {told.seconds:.2f} s ({result['rows']:,} rows, {told.peak_mb:.0f} MB); "
                    f"deriva-download-cli {other.seconds:.2f} s",
                    flush=True,
                )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"spec, {OUTPUTS} CSV outputs of {ROWS:,} rows, {LATENCY} ms latency")
    print(f"  satchel              {spread(ours)}")
    print(f"  deriva-download-cli  {spread(theirs)}")
    print(f"  the same files: {'yes' if same else 'NO'}")
    print(f"  ratio {ratio:.1f}: {verdict(ratio, GOAL, at_least=True)}")


def _files(bag: Path) -> dict[str, bytes]:
    return {p.relative_to(bag).as_posix(): p.read_bytes() for p in (bag / "data").rglob("*") if p.is_file()}
