"""Bags by hand, for tests of every version and every oddity."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bagit

from satchel.core.bags.manifests import encode_path
from satchel.core.bags.validate import Level, ValidateRequest, ValidateResult, run
from satchel.core.jobs.state import local_context

HELLO = {"data/hello.txt": b"hello\n"}


def put(
    folder: Path,
    files: Mapping[str, bytes] = HELLO,
    *,
    version: str = "1.0",
    encoding: str = "UTF-8",
    algorithms: Sequence[str] = ("sha256",),
    info: str | None = None,
    end: str = "\n",
    manifest: str | None = None,
    fetch: str | None = None,
    tags: bool = True,
    declaration: str | None = None,
    extra: Mapping[str, bytes] | None = None,
) -> Path:
    """A bag.

    Args:
        folder: where; it is made.
        files: payload by path, encoded for the manifest as 1.0 has it.
        version: of bagit.txt.
        encoding: of the tag files.
        algorithms: of its manifests.
        info: text of bag-info.txt.
        end: of lines.
        manifest: text of each manifest instead of the right one; `{sum:PATH}` stands for a checksum.
        fetch: text of fetch.txt.
        tags: whether there are tag manifests.
        declaration: text of bagit.txt instead of the right one.
        extra: tag files by path.
    """
    folder.mkdir(parents=True)
    (folder / "data").mkdir()
    for path, content in {**files, **(extra or {})}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    tag_files: dict[str, bytes] = dict.fromkeys(extra or {}, b"")
    text = declaration or f"BagIt-Version: {version}{end}Tag-File-Character-Encoding: {encoding}{end}"
    tag_files["bagit.txt"] = text.encode()
    for algorithm in algorithms:
        sums = {path: hashlib.new(algorithm, content).hexdigest() for path, content in files.items()}
        if manifest is None:
            text = "".join(f"{digest}  {encode_path(path)}{end}" for path, digest in sums.items())
        else:
            text = manifest
            for path, digest in sums.items():
                text = text.replace(f"{{{path}}}", digest)
        tag_files[f"manifest-{algorithm}.txt"] = text.encode(encoding)
    if info is not None:
        tag_files["bag-info.txt" if version >= "0.96" else "package-info.txt"] = info.encode(encoding)
    if fetch is not None:
        tag_files["fetch.txt"] = fetch.encode(encoding)
    for name, content in tag_files.items():
        if name not in (extra or {}):
            (folder / name).write_bytes(content)
    if tags:
        write_tags(folder, algorithms, encoding)
    return folder


def write_tags(bag: Path, algorithms: Sequence[str] = ("sha256",), encoding: str = "UTF-8") -> None:
    """Tag manifests of all tag files that are there."""
    files = sorted(
        path.relative_to(bag).as_posix()
        for path in bag.rglob("*")
        if path.is_file() and not path.is_relative_to(bag / "data") and not path.name.startswith("tagmanifest-")
    )
    for algorithm in algorithms:
        lines = [f"{hashlib.new(algorithm, (bag / name).read_bytes()).hexdigest()}  {name}\n" for name in files]
        (bag / f"tagmanifest-{algorithm}.txt").write_bytes("".join(lines).encode(encoding))


def judge(bag: Path, level: Level = "full", **more: Any) -> ValidateResult:
    """Satchel's verdict."""
    context = local_context(bag.parent / "context")
    return asyncio.run(run(ValidateRequest(path=str(bag), level=level, **more), context))


def theirs(bag: Path) -> bool:
    """bagit-python's."""
    logging.getLogger("bagit").setLevel(logging.CRITICAL + 1)
    try:
        bagit.Bag(str(bag)).validate()
    except (bagit.BagError, OSError, ValueError):
        return False
    return True
