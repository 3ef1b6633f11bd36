"""New tag manifests after some of the files that they list have changed, all other lines as they were."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from pathlib import Path

from satchel.core.bags.digests import hash_file
from satchel.core.bags.manifests import ALGORITHMS, encode_path, lines, read_entry
from satchel.core.bags.reading import Bag
from satchel.core.errors import Kind, SatchelError


def retag(bag: Bag, tags: Path, changed: Mapping[str, Path | None]) -> None:
    """Write a bag's tag manifests anew into `tags`. No other checksum is computed: damage stays visible.

    Args:
        bag: whose tag manifests they are; it may have none.
        tags: the folder to write to.
        changed: names of tag files, and where each is now; None: it will be no more.

    Raises:
        SatchelError: a tag manifest cannot be read.
    """
    for algorithm, old in bag.tag_manifests.items():
        if algorithm not in ALGORITHMS:
            raise SatchelError(
                Kind.INVALID, f"{old.name} is of a kind of checksum that cannot be computed here.", "Remove it first."
            )
        digests = {
            name: hash_file(place, [algorithm]).digests()[algorithm]
            for name, place in changed.items()
            if place is not None
        }
        with old.open("rb") as source, (tags / old.name).open("w", encoding=bag.encoding, newline="\n") as file:
            for line in lines(source, bag.encoding):
                entry = read_entry(line, algorithm, old=bag.old)
                name = "" if isinstance(entry, str) else posixpath.normpath(entry.path)
                if name in changed:
                    if name in digests:
                        file.write(f"{digests.pop(name)}  {encode_path(name, old=bag.old)}\n")
                elif line.problem:
                    raise SatchelError(
                        Kind.INVALID, f"Line {line.number} of {old.name} {line.problem}.", "Make the manifests anew."
                    )
                elif line.text:
                    file.write(line.text + "\n")
            for name, digest in digests.items():
                file.write(f"{digest}  {encode_path(name, old=bag.old)}\n")
            file.flush()
            os.fsync(file.fileno())


def without_fetch(bag: Bag) -> None:
    """Make a bag whose files are all here one that fetches nothing: fetch.txt goes. Blocking, not to be stopped.

    The caller has made sure that every file is here and right.

    Raises:
        SatchelError: a tag manifest cannot be read.
    """
    from satchel.core.bags.changing import abandon, commit, prepare

    tags = prepare(bag.folder)
    try:
        retag(bag, tags, {"fetch.txt": None})
        commit(bag.folder, ["fetch.txt"])
    finally:
        abandon(bag.folder)
