"""`make fuzz`: each target of `fuzz.targets` for some time, by atheris, which follows what the code does.

    python -m fuzz [TARGET ...] [--seconds N] [--corpus DIR]

Ends with 1 at the first find, whose input is left beside the corpus (`crash-...`): give it to the target to see it
again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("tag_lines", "declaration", "bag_info", "remote_list", "profile", "archive", "records")
"""Of the targets; those themselves are imported where they are run, to be followed."""


def main() -> int:
    """Fuzz the targets named, or all."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("targets", nargs="*", choices=[[], *NAMES], default=[], metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--runs", type=int, default=-1, help="inputs for each target, at most (default: no bound)")
    parser.add_argument("--corpus", type=Path, help="where inputs are kept that lead somewhere new")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        return _one(chosen.targets[0], chosen.corpus, chosen.seconds, chosen.runs)
    from fuzz.targets import seeds

    with tempfile.TemporaryDirectory(prefix="satchel-fuzz-") as scratch:
        for target in chosen.targets or NAMES:
            corpus = (chosen.corpus or Path(scratch)) / target
            corpus.mkdir(parents=True, exist_ok=True)
            for number, seed in enumerate(seeds(target)):
                (corpus / f"seed-{number}").write_bytes(seed)
            words = ["--one", target, "--corpus", str(corpus), "--seconds", str(chosen.seconds)]
            print(f"fuzzing {target}", flush=True)
            # A process each: libFuzzer never returns.
            done = subprocess.run([sys.executable, "-m", "fuzz", *words, "--runs", str(chosen.runs)], check=False)
            if done.returncode:
                print(f"{target}: a find (ended with {done.returncode})")
                return 1
    return 0


def _one(target: str, corpus: Path, seconds: int, runs: int) -> int:
    import atheris

    with atheris.instrument_imports(include=["satchel.core", "fuzz.targets"]):
        from fuzz.targets import TARGETS
    atheris.Setup(
        [
            "fuzz",
            str(corpus),
            f"-max_total_time={seconds}",
            f"-runs={runs}",
            f"-artifact_prefix={corpus.parent}/",
            "-max_len=65536",
            "-timeout=20",
            "-rss_limit_mb=1000",
            "-print_final_stats=0",
            "-verbosity=0",
        ],
        TARGETS[target],
    )
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
