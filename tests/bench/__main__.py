"""`make bench`: Satchel beside its peers, on this machine, in the same run.

    python -m bench [export] [fetch] [window] [problems] [startup] [sandbox] [spec] [validate] [archive] [clone]
                    [--runs N]

Runs are interleaved (ours, theirs, ours, theirs, ...) and medians are printed with their spread, for these machines are
noisy. Nothing is asserted: a figure that misses its goal is printed as a miss.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from bench import archive, clone, export, fetch, problems, sandbox, spec, startup, validate, window

BENCHES: dict[str, Callable[[int], None]] = {
    "export": export.main,
    "fetch": fetch.main,
    "window": window.main,
    "problems": problems.main,
    "startup": startup.main,
    "sandbox": sandbox.main,
    "spec": spec.main,
    "validate": validate.main,
    "archive": archive.main,
    "clone": clone.main,
}


def main() -> int:
    """Run the benchmarks named, or all."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], default=[], metavar="NAME")
    parser.add_argument("--runs", type=int, default=3, help="interleaved runs of each (default 3)")
    chosen = parser.parse_args()
    for name in chosen.names or BENCHES:
        BENCHES[name](chosen.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
