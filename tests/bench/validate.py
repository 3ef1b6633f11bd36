"""Full validation beside bdbag and bare hashlib: a few large files, and many small ones; memory for very many."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from bench.figures import Run, python, run, spread, verdict

LARGE = [(f"data/large/{n}.bin", 256 << 20) for n in range(4)]
SMALL = [(f"data/{n // 500:02}/{n:05}.bin", 4096) for n in range(10_000)]
ALGORITHMS = ("md5", "sha256")
MANY = 1_000_000


def main(runs: int) -> None:
    """Print the times of each, their ratios, and the memory."""
    scratch = Path(tempfile.mkdtemp(prefix="satchel-bench-"))
    try:
        large = _bag(scratch / "large", LARGE)
        _compare("validate, 4 files of 256 MiB, md5 and sha256", large, scratch, runs, 1.9, bare=True)
        shutil.rmtree(large)
        small = _bag(scratch / "small", SMALL)
        _compare("validate, 10,000 files of 4 KiB, md5 and sha256", small, scratch, runs, 1.5, bare=False)
        shutil.rmtree(small)
        many = _bag(scratch / "many", ((f"data/{n // 1000:04}/{n:07}", 0) for n in range(MANY)), ("md5",))
        ours = _satchel(many, scratch)
        print(f"validate, {MANY:,} files: {ours.seconds:.1f} s")
        print(f"  peak memory {ours.peak_mb:.0f} MB: {verdict(ours.peak_mb, 400, at_least=False)}")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _compare(title: str, bag: Path, scratch: Path, runs: int, goal: float, *, bare: bool) -> None:
    ours: list[float] = []
    inside: list[float] = []
    theirs: list[float] = []
    limit: list[float] = []
    for _ in range(runs):
        mine = _satchel(bag, scratch)
        ours.append(mine.seconds)
        inside.append(_checksum_seconds(mine))
        peer = run(python("bench.validate", "peer", str(bag)), env={"HOME": str(scratch)}, log=scratch / "peer.log")
        theirs.append(peer.seconds)
        if bare:
            limit.append(float(run(python("bench.validate", "bare", str(bag)), env={}, log=scratch / "b.log").output))
    print(title)
    print(f"  satchel   {spread(ours)}, of it checksums {spread(inside)}")
    print(f"  bdbag     {spread(theirs)}")
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"  ratio {ratio:.2f}: {verdict(round(ratio, 2), goal, at_least=True)}")
    if bare:
        more = statistics.median(inside) / statistics.median(limit)
        print(f"  hashlib in two threads  {spread(limit)}")
        print(f"  checksums against that {more:.3f}: {verdict(round(more, 3), 1.05, at_least=False)}")
        more = statistics.median(ours) / statistics.median(limit)
        print(f"  the whole command against that {more:.3f}: {verdict(round(more, 3), 1.05, at_least=False)}")


def _satchel(bag: Path, scratch: Path) -> Run:
    home = {"SATCHEL_HOME": str(scratch / "home")}
    done = run(python("satchel", "validate", str(bag), "--json"), env=home, log=scratch / "ours.log")
    result = json.loads(done.output.strip().splitlines()[-1])
    assert result["valid"], result
    return done


def _checksum_seconds(done: Run) -> float:
    events = [json.loads(line) for line in done.output.splitlines()]
    return float(next(e["seconds"] for e in events if e["event"] == "stage-ended" and e["stage"] == "checksums"))


def _bag(folder: Path, files: Iterable[tuple[str, int]], algorithms: tuple[str, ...] = ALGORITHMS) -> Path:
    """A bag of files of random bytes."""
    folder.mkdir()
    block = os.urandom(1 << 20)
    manifests = {a: (folder / f"manifest-{a}.txt").open("w") for a in algorithms}
    parent = None
    for path, size in files:
        target = folder / path
        if target.parent != parent:
            parent = target.parent
            parent.mkdir(parents=True, exist_ok=True)
        hashers = {a: hashlib.new(a) for a in algorithms}
        with target.open("wb") as file:
            for at in range(0, size, len(block)):
                piece = block[: min(len(block), size - at)]
                file.write(piece)
                for hasher in hashers.values():
                    hasher.update(piece)
        for algorithm, hasher in hashers.items():
            manifests[algorithm].write(f"{hasher.hexdigest()}  {path}\n")
    for manifest in manifests.values():
        manifest.close()
    (folder / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    return folder


def _peer(bag: str) -> None:
    """bdbag's full validation."""
    from bdbag import bdbag_api

    bdbag_api.validate_bag(bag, fast=False)


def _bare(bag: str) -> None:
    """What hashing alone takes: two threads, each with half of the files."""
    paths = sorted(path for path in Path(bag, "data").rglob("*") if path.is_file())

    def work(mine: list[Path]) -> None:
        buffer = memoryview(bytearray(1 << 20))
        for path in mine:
            hashers = [hashlib.new(a) for a in ALGORITHMS]
            with path.open("rb", buffering=0) as file:
                while size := file.readinto(buffer):
                    for hasher in hashers:
                        hasher.update(buffer[:size])

    threads = [threading.Thread(target=work, args=(paths[n::2],)) for n in range(2)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(time.perf_counter() - begin)


if __name__ == "__main__":
    {"peer": _peer, "bare": _bare}[sys.argv[1]](sys.argv[2])
