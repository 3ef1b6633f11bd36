"""Packing a bag of 2 GiB beside bdbag: zip with stored members, and tgz; half of it is packed already, half is text."""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import tempfile
from contextlib import closing
from pathlib import Path

from bench.figures import python, run, spread, verdict
from satchel.core.bags.writer import Entry, Inventory, write_tags

PIECE = 64 << 20
PICTURES = [f"data/pictures/{n:02}.jpg" for n in range(32)]
"""Of PIECE bytes each that cannot be packed any further."""
TABLES = [f"data/tables/{n:02}.csv" for n in range(16)]
FILES = {"zip": PICTURES, "tgz": PICTURES[:16] + TABLES}


def main(runs: int) -> None:
    """Print the times of both, and their ratios."""
    scratch = Path(tempfile.mkdtemp(prefix="satchel-bench-"))
    try:
        for kind in ("zip", "tgz"):
            _case(scratch / kind, kind, runs)
            shutil.rmtree(scratch / kind)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _case(scratch: Path, kind: str, runs: int) -> None:
    scratch.mkdir()
    bag = _bag(scratch / "bag", kind)
    times: dict[str, list[float]] = {"satchel": [], "bdbag": []}
    sizes: dict[str, int] = {}
    for n in range(runs):
        out = scratch / f"ours.{kind}"
        words = python("satchel", "archive", str(bag), "--format", kind, "--out", str(out), "--json")
        times["satchel"].append(run(words, env={"SATCHEL_HOME": str(scratch / f"home{n}")}, log=scratch / "l").seconds)
        sizes["satchel"] = out.stat().st_size
        out.unlink()
        words = python("bdbag.bdbag_cli", str(bag), "--archiver", kind, "--quiet")
        times["bdbag"].append(run(words, env={"HOME": str(scratch)}, log=scratch / "l").seconds)
        theirs = bag.with_name(f"bag.{kind}")
        sizes["bdbag"] = theirs.stat().st_size
        theirs.unlink()
    ratio = statistics.median(times["bdbag"]) / statistics.median(times["satchel"])
    what = "stored members" if kind == "zip" else "half pictures, half text"
    print(f"{kind} of 2 GiB, {what}")
    for name, values in times.items():
        print(f"  {name:<9} {spread(values)}, {sizes[name] / (1 << 20):,.0f} MiB")
    print(f"  ratio {ratio:.2f}: {verdict(round(ratio, 2), 1.0, at_least=True)}")


def _bag(bag: Path, kind: str) -> Path:
    """A bag of 2 GiB. Files of a kind are the same but for their beginnings."""
    noise = os.urandom(PIECE - 8)
    rows = b"".join(b"%d,%d,name of row %d\n" % (n, n * 7919 % 1000, n) for n in range(100_000))
    text = (rows * (PIECE // len(rows) + 1))[: PIECE - 8]
    with closing(Inventory(bag.with_name("inventory.sqlite"))) as inventory:
        for number, name in enumerate(FILES[kind]):
            place = bag / name
            place.parent.mkdir(parents=True, exist_ok=True)
            content = b"%08d" % number + (noise if name in PICTURES else text)
            place.write_bytes(content)
            inventory.add([Entry(name, PIECE, {"md5": hashlib.md5(content).hexdigest()})])
        write_tags(bag, inventory, (), ("md5",))
    return bag
