"""Makes a bag of any folder: as a copy, of hard links, or in place; and makes a bag's manifests and bag-info anew.

Each file is read once for all checksums, several at a time. What is made elsewhere gets its name when it is whole. In
place, nothing is moved before all checksums are known, and moving goes on where it was stopped: files go to a hidden
folder beside them, that becomes data/, and bagit.txt comes last.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from satchel import __version__
from satchel.core.bags.digests import PIECE, Hashers, StoppedError, hash_file
from satchel.core.bags.manifests import ALGORITHMS
from satchel.core.bags.names import safe_name
from satchel.core.bags.packing import measure
from satchel.core.bags.places import TAGS
from satchel.core.bags.reading import is_file
from satchel.core.bags.remote_list import read_remote
from satchel.core.bags.threads import in_thread
from satchel.core.bags.workplace import workplace
from satchel.core.bags.writer import Entry, Inventory, sync_folder, sync_tree, write_tags
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context, Stage
from satchel.core.jobs.request import Request, Result

MOVING = ".satchel-bag"
"""The folder in which files wait to become data/ while a bag is made in place."""
AT_ONCE = 64
How = Literal["copy", "link", "in-place"]


class BagRequest(Request, tag="bag", frozen=True, kw_only=True):
    """Make a bag of a folder."""

    path: str
    out: str | None = None
    """The folder in which the bag is to be; None only in place."""
    how: How = "copy"
    name: str | None = None
    """Of the bag's folder; None: as the folder's."""
    info: tuple[tuple[str, str], ...] = ()
    """Fields of bag-info.txt."""
    algorithms: tuple[str, ...] = ("md5", "sha256")
    remote: str | None = None
    """A list of files that are not here and that fetch.txt is to name, as `remote_list` reads it."""

    @property
    def title(self) -> str:
        """For example "Make a bag of pictures"."""
        return f"Make a bag of {Path(self.path).name or self.path}"

    @property
    def target(self) -> Path:
        """The bag's folder."""
        folder = Path(self.path)
        if self.how == "in-place" or self.out is None:
            return folder
        return Path(self.out) / safe_name(self.name or folder.name, "bag")


class BagResult(Result, tag="bag", frozen=True, kw_only=True):
    """The bag."""

    bag: str
    files: int
    bytes: int
    algorithms: tuple[str, ...]
    empty_folders: int
    """That are not in the bag, for a bag lists files alone."""
    remote: int = 0
    """Files that fetch.txt names, and that count in `files` and, where it is known, in `bytes`."""


async def run(request: BagRequest, context: Context) -> BagResult:
    """Make a bag of a folder.

    Raises:
        SatchelError: there is no such folder, it holds links, or the bag is there already.
    """
    await asyncio.to_thread(_check, request)
    source, target = Path(request.path), request.target
    database = context.folder / "inventory.sqlite"
    for ending in ("", "-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)
    with closing(Inventory(database)) as inventory:
        make = _Make(request, inventory, context)
        if request.how == "in-place":
            await make.in_place(source)
        else:
            work = workplace(target, context)
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
            try:
                await make.elsewhere(source, work / "bag", target)
            finally:
                await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        size, files = inventory.oxum()
        remote = inventory.remote()
        if request.how == "in-place":  # an earlier run may have known them
            files, size = await in_thread(context.cancelled, measure, target / "data", context.cancelled)
            files += remote
            size += sum(entry.length or 0 for entry in inventory if entry.url) if remote else 0
    if make.empty:
        context.warn("empty-folder", f"{make.empty:,} empty folders are not in the bag, for a bag lists files alone.")
    return BagResult(
        bag=str(target), files=files, bytes=size, algorithms=make.algorithms, empty_folders=make.empty, remote=remote
    )


def _check(request: BagRequest) -> None:
    source, target = Path(request.path), request.target
    if not source.is_dir():
        what = "is a file, not a folder" if source.exists() else "does not exist"
        raise SatchelError(Kind.FILES, f"{source} {what}.", "Name the folder to make a bag of.")
    unknown = [a for a in request.algorithms if a not in ALGORITHMS]
    if unknown or not request.algorithms:
        raise SatchelError(
            Kind.USAGE,
            f"{unknown[0] if unknown else 'Nothing'} is no kind of checksum.",
            f"Use {', '.join(ALGORITHMS)}.",
        )
    for label, _ in request.info:
        check_label(label)
    if request.how == "in-place":
        if request.out is not None or request.name is not None:
            raise SatchelError(
                Kind.USAGE, "A bag made in place stays where it is, under its name.", "Leave --out and --name out."
            )
        if is_file(source / "bagit.txt") and not (source / MOVING).exists():
            raise SatchelError(Kind.USAGE, f"{source} is a bag already.", f"To change it: satchel rebag {source}")
        if not os.access(source, os.W_OK):
            raise SatchelError(Kind.FILES, f"You may not write into {source}.", "Make a copy: --out DIR.")
        return
    if request.out is None:
        raise SatchelError(Kind.USAGE, "Where the bag goes is missing.", "Name a folder: --out DIR, or use --in-place.")
    real = target.parent.resolve()
    if source.resolve() in (real, *real.parents):
        raise SatchelError(Kind.USAGE, f"{target} would be inside the folder.", "Choose another place: --out DIR.")
    if os.path.lexists(target):
        raise SatchelError(Kind.FILES, f"{target} is already there.", "Choose another name or folder.")
    target.parent.mkdir(parents=True, exist_ok=True)


def check_label(label: str) -> None:
    """Raise SatchelError where a text cannot be the name of a field of bag-info.txt."""
    if not label.strip() or ":" in label or "=" in label or label != label.strip() or not label.isprintable():
        raise SatchelError(
            Kind.USAGE,
            f"{label!r} cannot be the name of a field.",
            "It holds no colon, no equals sign, and no space at its ends.",
        )
    if label.lower() == "payload-oxum":
        raise SatchelError(Kind.USAGE, "Payload-Oxum is computed, not given.", "Leave it out.")


class _Make:
    """One bag that is being made."""

    def __init__(self, request: BagRequest, inventory: Inventory, context: Context) -> None:
        self._request = request
        self._inventory = inventory
        self._context = context
        self._stop = context.cancelled
        self.empty = 0
        self.algorithms = request.algorithms

    async def elsewhere(self, source: Path, bag: Path, target: Path) -> None:
        """Make the bag in a folder of its own."""
        await asyncio.to_thread((bag / "data").mkdir, parents=True)
        await self._all(source, bag / "data")
        with self._context.stage("tags", "Write the manifests"):
            await in_thread(self._stop, self._tags, bag)
            await asyncio.to_thread(_name, bag, target)

    async def in_place(self, folder: Path) -> None:
        """Make the folder a bag."""
        moving = folder / MOVING
        if await asyncio.to_thread(moving.is_symlink):
            raise SatchelError(Kind.INVALID, f"{moving} is a link.", "Remove it, and look why it is there.")
        if not await asyncio.to_thread(_is_moved, folder):
            await asyncio.to_thread(_no_doubles, folder, moving)
            await self._all(folder, None)
        with self._context.stage("tags", "Move the files and write the manifests"):
            # Not to be stopped from here: what a folder is in the middle of this is neither.
            await asyncio.shield(asyncio.to_thread(self._move, folder, moving))

    def _tags(self, folder: Path) -> None:
        said = {label.lower() for label, _ in self._request.info}
        info = list(self._request.info)
        if "bagging-date" not in said:
            info.append(("Bagging-Date", datetime.now(UTC).astimezone().strftime("%Y-%m-%d")))
        if "bag-software-agent" not in said:
            info.append(("Bag-Software-Agent", f"Satchel {__version__}"))
        write_tags(folder, self._inventory, info, self.algorithms)

    def _move(self, folder: Path, moving: Path) -> None:
        tags = folder / TAGS
        if not _is_moved(folder):
            # First this: where there are tags and it is gone, all was moved.
            moving.mkdir(exist_ok=True)
            shutil.rmtree(tags, ignore_errors=True)
            tags.mkdir()
            self._tags(tags)
            sync_folder(tags)
            for entry in sorted(folder.iterdir()):
                if entry.name not in (MOVING, TAGS):
                    entry.rename(moving / entry.name)
            sync_folder(moving)
            moving.rename(folder / "data")
            sync_folder(folder)
        for entry in sorted(tags.iterdir(), key=lambda entry: (entry.name == "bagit.txt", entry.name)):
            entry.rename(folder / entry.name)
        tags.rmdir()
        sync_folder(folder)

    # -- files ----------------------------------------------------------------------------------------------------

    async def _all(self, source: Path, data: Path | None) -> None:
        """Put all files into `data`, or leave them where they are, and write down their checksums."""
        context = self._context
        with context.stage("look", "Look for the files", unit="files") as stage:
            files, size = await in_thread(self._stop, self._measure, source, stage)
            stage.note = f"{files:,} files"
        verb = {"copy": "Copy the files", "link": "Link the files", "in-place": "Read the files"}[self._request.how]
        with context.stage("files", verb, total=size, unit="bytes") as stage:
            source_files = self._walk(source)
            lock = asyncio.Lock()

            async def work() -> None:
                while True:
                    async with lock:
                        batch = await in_thread(self._stop, lambda: list(itertools.islice(source_files, AT_ONCE)))
                    if not batch:
                        return
                    entries = await in_thread(self._stop, self._some, source, batch, data, stage)
                    await in_thread(self._stop, self._inventory.add, entries)

            tasks = [asyncio.create_task(work()) for _ in range(min(4, os.cpu_count() or 1))]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        if self._request.remote is not None:
            with context.stage("remote", "Read the list of remote files", unit="files") as stage:
                await in_thread(self._stop, self._list, Path(self._request.remote), stage)

    def _list(self, file: Path, stage: Stage) -> None:
        """Take in the files that stay on their servers. Raises SatchelError."""
        for remote in read_remote(file):
            if self._stop.is_set():
                raise StoppedError
            parts = remote.path.split("/")
            above = ["/".join(parts[:n]) for n in range(2, len(parts))]
            taken = next((p for p in (*above, remote.path) if self._inventory.get(p) is not None), None)
            if taken is not None or self._inventory.is_folder(remote.path):
                raise SatchelError(
                    Kind.INVALID,
                    f"{remote.place.capitalize()} of {file.name} is of {remote.path}, and {taken or remote.path} is in "
                    "the bag already.",
                    "Give it another name in the list.",
                )
            self._inventory.add([Entry(remote.path, remote.length, remote.sums, remote.url)])
            stage.add(1)
        self.algorithms = self._inventory.algorithms(self._request.algorithms)
        if not self.algorithms:
            raise SatchelError(
                Kind.INVALID,
                f"Not all files of {file.name} have a checksum of one of the kinds that were asked for "
                f"({', '.join(self._request.algorithms)}).",
                "Every file must be in every manifest. Ask for what the list has: --algorithm ...",
            )
        if dropped := [a for a in self._request.algorithms if a not in self.algorithms]:
            self._context.warn(
                "dropped-algorithm",
                f"There is no manifest of {' and '.join(dropped)}: not all files of {file.name} have such a checksum.",
            )

    def _measure(self, source: Path, stage: Stage) -> tuple[int, int]:
        files = size = 0
        for _, _, length in self._walk(source, count_empty=True):
            files += 1
            size += length
            stage.add(1)
        return files, size

    def _walk(self, source: Path, count_empty: bool = False) -> Iterator[tuple[str, Path, int]]:
        """Name below the folder, place and size of each file. What was moved already counts as where it was.

        Raises:
            SatchelError: something cannot be in a bag.
        """
        waiting = [("", source)]
        in_place = self._request.how == "in-place"
        while waiting:
            name, folder = waiting.pop()
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda e: e.name)
            found = 0
            for entry in entries:
                if self._stop.is_set():
                    raise StoppedError
                if in_place and folder == source and entry.name in (MOVING, TAGS):
                    if entry.name == MOVING:
                        waiting.append(("", Path(entry.path)))
                    continue
                found += 1
                below = f"{name}/{entry.name}" if name else entry.name
                status = entry.stat(follow_symlinks=False)
                if not below.isascii() and any("\ud800" <= c <= "\udfff" for c in entry.name):
                    shown = os.fsencode(entry.path).decode("utf-8", "backslashreplace")
                    raise SatchelError(
                        Kind.INVALID, f"The name of {shown} is not text, so no manifest can list it.", "Rename it."
                    )
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((below, Path(entry.path)))
                elif stat.S_ISREG(status.st_mode):
                    yield below, Path(entry.path), status.st_size
                else:
                    what = "is a link" if stat.S_ISLNK(status.st_mode) else "is neither a file nor a folder"
                    raise SatchelError(
                        Kind.INVALID,
                        f"{entry.path} {what}, and a bag holds files alone.",
                        "Put the file itself there, or move it out of the folder.",
                    )
            if count_empty and not found and name:
                self.empty += 1

    def _some(self, source: Path, batch: list[tuple[str, Path, int]], data: Path | None, stage: Stage) -> list[Entry]:
        entries = []
        for below, place, size in batch:
            stage.item = below
            if data is None:
                hashers = hash_file(place, self._request.algorithms, stop=self._stop, told=stage.add)
            else:
                target = data / below
                target.parent.mkdir(parents=True, exist_ok=True)
                if self._request.how == "link":
                    _link(place, target)
                    hashers = hash_file(target, self._request.algorithms, stop=self._stop, told=stage.add)
                else:
                    hashers = _copy(place, target, self._request.algorithms, self._stop, stage)
            if hashers.length != size:
                raise SatchelError(
                    Kind.FILES, f"{place} was changed while it was read.", "Try again when nobody writes to it."
                )
            entries.append(Entry(f"data/{below}", hashers.length, hashers.digests()))
        return entries


def _is_moved(folder: Path) -> bool:
    """Whether an earlier run has moved all files into data/ and was ended before the tag files were in their place."""
    return is_file(folder / TAGS / "bagit.txt") and not (folder / MOVING).exists()


def _no_doubles(folder: Path, moving: Path) -> None:
    """Raise SatchelError where something new has the name of what an earlier run has moved."""
    if not moving.is_dir():
        return
    if double := sorted({p.name for p in folder.iterdir()} & {p.name for p in moving.iterdir()}):
        raise SatchelError(
            Kind.FILES,
            f"{folder / double[0]} is also in {moving}, where an interrupted job has put another.",
            "Keep one of them.",
        )


def _link(place: Path, target: Path) -> None:
    try:
        os.link(place, target, follow_symlinks=False)
    except OSError as error:
        raise SatchelError(
            Kind.FILES,
            f"{place} cannot be linked into the bag: {error.strerror}.",
            "Hard links stay on one disk, and not every disk has them. Make a copy instead: --copy.",
        ) from error


def _copy(place: Path, target: Path, algorithms: tuple[str, ...], stop: threading.Event, stage: Stage) -> Hashers:
    """Copy a file, with its time, while its checksums are computed."""
    hashers = Hashers(algorithms)
    with place.open("rb") as source, target.open("xb") as out:
        while piece := source.read(PIECE):
            if stop.is_set():
                raise StoppedError
            hashers.update(piece)
            out.write(piece)
            stage.add(len(piece))
    status = place.stat()
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    return hashers


def _name(bag: Path, target: Path) -> None:
    """Put a bag on the disk and give it its name. Raises SatchelError where that is taken."""
    sync_tree(bag)
    if os.path.lexists(target):
        raise SatchelError(Kind.FILES, f"{target} is already there.", "Choose another name or folder.")
    bag.rename(target)
    sync_folder(target.parent)
