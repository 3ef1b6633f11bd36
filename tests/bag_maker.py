"""Bags for tests, as exports write them: files that are here, files that are to be fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from satchel.core.bags.writer import Entry, Inventory, write_tags

ALGORITHMS = ("md5", "sha256")


def digests(content: bytes, algorithms: Sequence[str] = ALGORITHMS) -> dict[str, str]:
    return {a: hashlib.new(a, content).hexdigest() for a in algorithms}


def make_bag(
    bag: Path,
    here: Mapping[str, bytes],
    remote: Mapping[str, tuple[str, bytes]] | None = None,
    info: Sequence[tuple[str, str]] = (),
    algorithms: Sequence[str] = ALGORITHMS,
) -> Path:
    """A bag in the folder `bag`; `remote` gives address and content of what is not in it."""
    (bag / "data").mkdir(parents=True)
    inventory = Inventory(bag.with_name(f"{bag.name}.sqlite"))
    try:
        for path, content in here.items():
            (bag / path).parent.mkdir(parents=True, exist_ok=True)
            (bag / path).write_bytes(content)
        inventory.add(Entry(p, len(c), digests(c, algorithms)) for p, c in here.items())
        inventory.add(Entry(p, len(c), digests(c, algorithms), url) for p, (url, c) in (remote or {}).items())
        write_tags(bag, inventory, info, algorithms)
    finally:
        inventory.close()
    return bag


def edit_fetch(bag: Path, text: str) -> None:
    """Give a bag another fetch.txt; its tag manifests go, which would contradict it."""
    for manifest in bag.glob("tagmanifest-*.txt"):
        manifest.unlink()
    (bag / "fetch.txt").write_text(text, encoding="utf-8", newline="\n")


def tree(folder: Path) -> dict[str, bytes | None]:
    """All that is below a folder, hidden things and links (None) too."""
    return {
        p.relative_to(folder).as_posix(): None if p.is_symlink() else p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_symlink() or p.is_file()
    }
