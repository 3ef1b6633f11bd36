"""Bags for tests of the bags page, and how it stands with the page."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox_process import SandboxProcess, environment
from satchel.gui.bags.page import BagsPage


def a_bag(folder: Path, files: int = 3, info: Sequence[str] = (), remote: Sequence[str] = ()) -> Path:
    """A bag of small files.

    Args:
        folder: where; it is made.
        files: how many.
        info: lines of bag-info.txt; none: there is no such file.
        remote: addresses of files that are not here, `remote/0.txt` and so on, each of five bytes.
    """
    (folder / "data").mkdir(parents=True)
    lines = []
    for number in range(files):
        content = f"content {number}".encode()
        (folder / "data" / f"{number}.txt").write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  data/{number}.txt\n")
    (folder / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    for number in range(len(remote)):
        lines.append(f"{hashlib.sha256(b'other').hexdigest()}  data/remote/{number}.txt\n")
    if remote:
        listed = "".join(f"{address} 5 data/remote/{number}.txt\n" for number, address in enumerate(remote))
        (folder / "fetch.txt").write_text(listed)
    if info:
        (folder / "bag-info.txt").write_text("".join(f"{line}\n" for line in info))
    (folder / "manifest-sha256.txt").write_text("".join(lines))
    return folder


def spoiled(bag: Path) -> Path:
    """One file changed, one gone, one too many."""
    (bag / "data" / "0.txt").write_bytes(b"changed 0")
    (bag / "data" / "1.txt").unlink()
    (bag / "data" / "more.txt").write_bytes(b"more")
    return bag


def settled(page: BagsPage) -> bool:
    """Whether a verdict is on the page."""
    return page.card.isVisible() and not page.progress.isVisible()


def kinds(page: BagsPage) -> list[tuple[str, str]]:
    """The kinds of problems, and how many there are of each."""
    model = page.problems.model
    return [(model.index(row, 0).data(), model.index(row, 1).data()) for row in range(model.rowCount())]


def exported(sandbox: SandboxProcess, out: Path) -> Path:
    """A bag whose files are still on the server."""
    out.mkdir()
    command = [sys.executable, "-m", "satchel", "export", sandbox.host, sandbox.catalog, "--rid", sandbox.root]
    command += [
        "--out",
        str(out),
        "--archive",
        "none",
        "--ca",
        sandbox.ca,
        "--credential",
        sandbox.credential,
        "--json",
    ]
    subprocess.run(command, env=environment(out.parent / "cli"), check=True, capture_output=True)
    (bag,) = out.iterdir()
    return bag
