"""Export of 200,000 rows in 12 tables with 2,000 assets at 10 ms latency, beside deriva-py's downloader and bdbag."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
from pathlib import Path

from bench.figures import python, run, spread, verdict
from sandbox_process import start_sandbox


def main(runs: int) -> None:
    """Print both sides' times, their ratio, and our peak memory."""
    scratch = Path(tempfile.mkdtemp(prefix="satchel-bench-"))
    try:
        with start_sandbox("--demo", "bench", "--latency", "10") as sandbox:
            ready = scratch / "ready.json"
            ready.write_text(json.dumps(sandbox.ready))
            ours: list[float] = []
            theirs: list[float] = []
            memory: list[float] = []
            for n in range(runs):
                out = scratch / f"ours{n}"
                out.mkdir()
                mine = run(
                    python(
                        "satchel", "export", sandbox.host, sandbox.catalog, "--rid", sandbox.root, "--out", str(out),
                        "--archive", "none", "--materialize", "--json", "--ca", sandbox.ca,
                        "--credential", sandbox.credential,
                    ),
                    env={"SATCHEL_HOME": str(scratch / f"home{n}")},
                    log=scratch / "ours.log",
                )  # fmt: skip
                result = json.loads(mine.output.strip().splitlines()[-1])
                ours.append(mine.seconds)
                memory.append(mine.peak_mb)
                shutil.rmtree(out)
                peer_out = scratch / f"theirs{n}"
                peer = run(python("bench.peer_export", str(ready), str(peer_out)), env={}, log=scratch / "peer.log")
                told = json.loads(peer.output.strip().splitlines()[-1])
                theirs.append(peer.seconds)
                shutil.rmtree(peer_out)
                print(
                    f"  run {n + 1}: satchel {mine.seconds:.2f} s ({result['rows']:,} rows, valid {result['valid']}, "
                    f"complete {result['complete']}, {mine.peak_mb:.0f} MB); deriva-py and bdbag {peer.seconds:.2f} s "
                    f"(queries {told['queries']:.2f}, assets {told['assets']:.2f}, {told['files']} files)",
                    flush=True,
                )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    ratio = statistics.median(theirs) / statistics.median(ours)
    print("export, 200,000 rows in 12 tables, 2,000 assets, 10 ms latency")
    print(f"  satchel            {spread(ours)}")
    print(f"  deriva-py + bdbag  {spread(theirs)}")
    print(f"  ratio {ratio:.1f}: {verdict(ratio, 5, at_least=True)}")
    print(f"  peak memory {spread(memory, 'MB', 0)}: {verdict(max(memory), 250, at_least=False)}")
