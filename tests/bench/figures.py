"""How figures are gathered and shown."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One process that was run to its end."""

    seconds: float
    peak_mb: float
    """Largest resident memory of the process itself."""
    output: str


def run(argv: Sequence[str], *, env: dict[str, str], log: Path) -> Run:
    """Run a program; its standard error goes to `log`. Raises RuntimeError with the log's end when it fails."""
    with log.open("wb") as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(argv, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=errors)
        assert process.stdout is not None
        output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
    if process.returncode != 0:
        raise RuntimeError(
            f"{' '.join(argv)} ended with {process.returncode}:\n{output[-2000:]}{log.read_text()[-3000:]}"
        )
    return Run(seconds, usage.ru_maxrss / 1024, output)


def python(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def spread(values: Sequence[float], unit: str = "s", digits: int = 2) -> str:
    """Median and range: "3.10 s (2.90 to 3.40, 3 runs)"."""
    return (
        f"{statistics.median(values):.{digits}f} {unit} "
        f"({min(values):.{digits}f} to {max(values):.{digits}f}, {len(values)} runs)"
    )


def verdict(figure: float, goal: float, *, at_least: bool) -> str:
    """Whether a figure meets its goal, in a word."""
    met = figure >= goal if at_least else figure <= goal
    return f"{'meets' if met else 'MISSES'} the goal of {'at least' if at_least else 'at most'} {goal:g}"
