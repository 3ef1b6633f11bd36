"""Changes what a bag says of itself: fields of bag-info.txt, and, where it is wanted, all checksums anew.

New tag files are written beside the old ones and put in their places together (`changing`): killed at any moment, the
bag is as it was, or the next change finishes this one. When only bag-info changes, no other checksum is computed anew:
damage stays visible.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from satchel.core.bags.changing import abandon, commit, finish, prepare
from satchel.core.bags.digests import hash_file
from satchel.core.bags.making import check_label
from satchel.core.bags.manifests import ALGORITHMS, encode_path, info_lines, lines, read_entry, unsafe_path
from satchel.core.bags.packing import measure
from satchel.core.bags.places import is_unfinished
from satchel.core.bags.reading import PARTS, Bag, inside, is_file, is_folder, open_bag
from satchel.core.bags.retagging import retag
from satchel.core.bags.threads import in_thread
from satchel.core.bags.writer import Entry, Inventory, write_tags
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context, Stage
from satchel.core.jobs.request import Request, Result


class RebagRequest(Request, tag="rebag", frozen=True, kw_only=True):
    """Change what a bag says of itself."""

    path: str
    info: tuple[tuple[str, str], ...] = ()
    """Fields of bag-info.txt to set, in place of all of the same name."""
    remove: tuple[str, ...] = ()
    """Names of fields to remove."""
    remanifest: bool = False
    """Compute all checksums anew, and list what is in data/ now."""
    algorithms: tuple[str, ...] | None = None
    """Of the new manifests; None: those that there are."""

    @property
    def title(self) -> str:
        """For example "Change 1_Study_1-ABCD"."""
        return f"Change {Path(self.path).name or self.path}"


class RebagResult(Result, tag="rebag", frozen=True, kw_only=True):
    """What the bag is now."""

    path: str
    algorithms: tuple[str, ...]
    files: int
    """That were read; 0 where only bag-info was changed."""
    bytes: int
    written: tuple[str, ...]
    """Tag files that were written."""


async def run(request: RebagRequest, context: Context) -> RebagResult:
    """Change what a bag says of itself.

    Raises:
        SatchelError: it is no bag, or cannot be what is asked for.
    """
    bag = await asyncio.to_thread(open_bag, Path(request.path))
    if await asyncio.to_thread(is_unfinished, bag.folder):
        await in_thread(threading.Event(), finish, bag.folder)
        context.log("A change of this bag that was interrupted was finished.")
        if not (request.info or request.remove or request.remanifest):
            algorithms = (await asyncio.to_thread(open_bag, bag.folder)).algorithms
            return RebagResult(path=str(bag.folder), algorithms=algorithms, files=0, bytes=0, written=())
        bag = await asyncio.to_thread(open_bag, bag.folder)
    await asyncio.to_thread(_check, request, bag)
    tags = await asyncio.to_thread(prepare, bag.folder)
    try:
        files = size = 0
        if request.remanifest:
            database = context.folder / "inventory.sqlite"
            for ending in ("", "-wal", "-shm"):
                database.with_name(database.name + ending).unlink(missing_ok=True)
            algorithms = request.algorithms or bag.algorithms
            with closing(Inventory(database)) as inventory:
                with context.stage("files", "Read the files", unit="bytes") as stage:
                    _, stage.total = await in_thread(context.cancelled, measure, bag.folder / "data", context.cancelled)
                    files, size = await in_thread(context.cancelled, _read, bag, inventory, algorithms, context, stage)
                with context.stage("tags", "Write the manifests"):
                    await in_thread(context.cancelled, write_tags, tags, inventory, _info(request, bag), algorithms)
                    await in_thread(context.cancelled, _others, bag, tags, algorithms)
        else:
            algorithms = bag.algorithms
            with context.stage("tags", "Write bag-info"):
                await in_thread(context.cancelled, _only_info, request, bag, tags)
        # Not to be stopped: half of it is nothing.
        written = await in_thread(threading.Event(), _replace, bag, tags, request.remanifest)
    finally:
        await asyncio.to_thread(abandon, bag.folder)
    return RebagResult(
        path=str(bag.folder), algorithms=tuple(algorithms), files=files, bytes=size, written=tuple(written)
    )


def _check(request: RebagRequest, bag: Bag) -> None:
    for label in (*(label for label, _ in request.info), *request.remove):
        check_label(label)
    if request.algorithms is not None and not request.remanifest:
        raise SatchelError(
            Kind.USAGE, "Other checksums need all files to be read.", "Say so: --remanifest --algorithm ..."
        )
    if not (request.info or request.remove or request.remanifest):
        raise SatchelError(Kind.USAGE, "What to change is missing.", "Give --info, --remove or --remanifest.")
    unknown = [a for a in request.algorithms or () if a not in ALGORITHMS]
    if unknown:
        raise SatchelError(Kind.USAGE, f"{unknown[0]} is no kind of checksum.", f"Use {', '.join(ALGORITHMS)}.")
    if request.remanifest and not is_folder(bag.folder / "data"):
        raise SatchelError(Kind.INVALID, f"{bag.folder} has no folder data/.", "")
    if os.path.lexists(bag.folder / PARTS):
        raise SatchelError(
            Kind.INVALID, f"Fetching files into {bag.folder} was not finished.", f"satchel materialize {bag.folder}"
        )


def _info(request: RebagRequest, bag: Bag) -> list[tuple[str, str]]:
    """The new fields: those that are set stand where the first of their name stood, others behind."""
    new: dict[str, list[tuple[str, str]]] = {}
    for label, value in request.info:
        new.setdefault(label.lower(), []).append((label, value))
    gone = {label.lower() for label in request.remove}
    found: list[tuple[str, str]] = []
    placed: set[str] = set()
    for label, value in bag.info():
        key = label.lower()
        if key in new:
            if key not in placed:
                found += new[key]
            placed.add(key)
        elif key not in gone and not (key == "payload-oxum" and request.remanifest):
            found.append((label, value))
    for key, fields in new.items():
        if key not in placed:
            found += fields
    return found


def _read(bag: Bag, inventory: Inventory, algorithms: Sequence[str], context: Context, stage: Stage) -> tuple[int, int]:
    """Compute the checksums of what is here, and take over what is to be fetched. Returns files and bytes read."""
    for found in bag.fetches():
        if isinstance(found, tuple):
            raise SatchelError(Kind.INVALID, found[2], "Mend fetch.txt first.")
        if not os.path.lexists(bag.folder / found.path):
            inventory.add([Entry(found.path, found.length, {}, found.url)])
    if inventory.remote():
        missing = [a for a in algorithms if a not in bag.manifests]
        if missing:
            raise SatchelError(
                Kind.USAGE,
                f"Files that are to be fetched have no {missing[0]} in this bag's manifests.",
                f"Fetch them first: satchel materialize {bag.folder}",
            )
        for algorithm in algorithms:
            for entry in bag.entries(algorithm):
                if isinstance(entry, str):
                    continue
                known = inventory.get(entry.path)
                if known is not None and known.url is not None:
                    digests = {**known.digests, algorithm: entry.digest}
                    inventory.add([Entry(known.path, known.length, digests, known.url)])
        for known in inventory:
            if set(known.digests) != set(algorithms):
                raise SatchelError(
                    Kind.INVALID, f"{known.path} of fetch.txt is not in every manifest.", "Mend the manifests first."
                )
    files = size = 0
    for root, folders, names in os.walk(bag.folder / "data"):
        folders.sort()
        batch = []
        for name in sorted(names):
            place = Path(root) / name
            path = place.relative_to(bag.folder).as_posix()
            stage.item = path
            hashers = hash_file(place, algorithms, stop=context.cancelled, told=stage.add)
            batch.append(Entry(path, hashers.length, hashers.digests()))
            files += 1
            size += hashers.length
        inventory.add(batch)
    return files, size


def _only_info(request: RebagRequest, bag: Bag, tags: Path) -> None:
    """Write bag-info.txt, and tag manifests in which nothing but its checksum is new."""
    info = tags / "bag-info.txt"
    with info.open("w", encoding=bag.encoding, newline="\n") as file:
        file.writelines(line + "\n" for line in info_lines(_info(request, bag)))
        file.flush()
        os.fsync(file.fileno())
    retag(bag, tags, {"bag-info.txt": info})


def _others(bag: Bag, tags: Path, algorithms: Sequence[str]) -> None:
    """List in the new tag manifests what else the old ones list: tag files that are somebody else's."""
    names: set[str] = set()
    for algorithm, old in bag.tag_manifests.items():
        with old.open("rb") as source:
            for line in lines(source, bag.encoding):
                entry = read_entry(line, algorithm)
                if not isinstance(entry, str) and unsafe_path(entry.path) is None:
                    names.add(posixpath.normpath(entry.path))
    ours = {"fetch.txt", *(path.name for path in bag.manifests.values())}
    found = sorted(
        name
        for name in names
        if name not in ours
        and not (tags / name).exists()
        and inside(bag.folder, name) is None
        and is_file(bag.folder / name)
    )
    digests = {name: hash_file(bag.folder / name, algorithms).digests() for name in found}
    for algorithm in algorithms:
        with (tags / f"tagmanifest-{algorithm}.txt").open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{digests[name][algorithm]}  {encode_path(name)}\n" for name in found)
            file.flush()
            os.fsync(file.fileno())


def _replace(bag: Bag, tags: Path, everything: bool) -> list[str]:
    """Put the new tag files into the places of the old."""
    written = {entry.name for entry in tags.iterdir()}
    old = [path.name for path in (*bag.manifests.values(), *bag.tag_manifests.values())]
    gone = [name for name in (*old, "fetch.txt") if name not in written] if everything else []
    return commit(bag.folder, gone)
