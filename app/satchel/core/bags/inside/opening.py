"""A bag that is looked into: its tree, its files, what each is shown as.

Nothing is executed, no link is followed, nothing is written into the bag. Members of an archive are taken out into a
folder of this computer's temporary ones when they are looked at, and removed at the end.
"""

from __future__ import annotations

import asyncio
import os
import stat
import tarfile
import threading
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from satchel.core.bags.digests import PIECE, StoppedError
from satchel.core.bags.inside.folder import WorkFolder
from satchel.core.bags.inside.form import encoding_of, may_hold_records
from satchel.core.bags.inside.helper import work_out
from satchel.core.bags.inside.plain import visible
from satchel.core.bags.inside.records import Records, View, unreadable
from satchel.core.bags.inside.tasks import Done, GraphTask, Link, TreeTask
from satchel.core.bags.inside.tree import AT_ONCE, Children, Node, Tree, at_once
from satchel.core.bags.names import safe_name
from satchel.core.bags.places import is_file, is_inside
from satchel.core.bags.reading import Bag, open_bag
from satchel.core.bags.threads import in_thread
from satchel.core.errors import Kind, SatchelError
from satchel.core.opened import opened
from satchel.core.paths import Home
from satchel.core.words import size as said_size

LARGEST_MEMBER = 1 << 30
"""Bytes of a member of an archive that is taken out to be looked at."""
MOST_RATIO = 400
"""Bytes of a large member for each byte in the archive; more is made to fill disks."""
LARGEST_TEXT = 1 << 18
"""Bytes of a text that are shown in one go."""
LARGEST_PICTURE = 64 << 20
AT_WORK = 2
"""Processes that make sure of what nobody waits for."""
LARGE_LISTS = 1 << 20
LARGE_ZIP = 16 << 20
"""Bytes of a bag's lists, or of an archive, from which on another process reads them."""
HEXED = 4096
MOST_TABLES = 2000
RECORDS = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".svg", ".tif", ".tiff", ".ico", ".ppm", ".pgm", ".pbm")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class Text(NamedTuple):
    """A piece of a text file, safe to be shown."""

    path: str
    text: str
    next: int | None
    """Where the rest begins, in bytes; None: that was all."""
    size: int
    encoding: str


class Picture(NamedTuple):
    """The bytes of a picture."""

    path: str
    data: bytes


class Bytes(NamedTuple):
    """A file that nobody here can show: its first bytes."""

    path: str
    size: int
    dump: str
    """Offsets, hexadecimal digits and characters."""


class Gone(NamedTuple):
    """A file that is not here."""

    path: str
    state: str
    """See `Node.state`."""
    size: int | None


Shown = Records | Text | Picture | Bytes | Gone


@dataclass(eq=False)
class Inside:
    """A bag that is open. Made by `open_inside`; `close` it."""

    path: Path
    kind: Literal["folder", "zip", "tar"]
    folder: WorkFolder
    """For the index and for members that were taken out."""
    bag: Bag | None
    tree: Tree
    root: str = ""
    """In a zip file: the bag's folder, with a slash."""
    info: tuple[tuple[str, str], ...] = ()
    failure: SatchelError | None = None
    """Why its files cannot be listed."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _records: dict[str, Records] = field(default_factory=dict)
    _indexing: asyncio.Task[None] | None = None
    _graph: asyncio.Task[Done] | None = None
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_WORK))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def work(self) -> Path:
        """See `folder`."""
        return self.folder.path

    def begin(self) -> None:
        """Read its lists behind what is shown. Call it in the engine's loop."""
        self._indexing = asyncio.create_task(self._index())

    async def _index(self) -> None:
        try:
            if self.kind != "tar" and await asyncio.to_thread(self._large):
                out = self.work / "large.sqlite"
                done = await work_out(TreeTask(path=str(self.path), out=str(out), tags=str(self.work / "tags")))
                await asyncio.to_thread(self.tree.adopt, out)
                self.root = done.root
            elif self.bag is not None and self.kind == "folder":
                await in_thread(self._stop, self.tree.of_folder, self.bag, self._stop)
            elif self.kind == "zip":
                self.root = await in_thread(self._stop, self.tree.of_zip, self.path, self.work / "tags", self._stop)
            if self.kind == "zip":
                self.info = await asyncio.to_thread(self._info_of_zip)
        except SatchelError as error:
            self.failure = error
        except OSError as error:
            self.failure = unreadable(self.path.name, error)
        except _BROKEN as error:
            self.failure = _broken(self.path, error)

    def _large(self) -> bool:
        """Whether listing its files would hold up the window, were it done in this process."""
        if self.bag is None:
            return self.path.stat().st_size > LARGE_ZIP
        lists = [*self.bag.manifests.values(), self.bag.folder / "fetch.txt"]
        return sum(path.stat().st_size for path in lists if is_file(path)) > LARGE_LISTS

    def _info_of_zip(self) -> tuple[tuple[str, str], ...]:
        try:
            return tuple(open_bag(self.work / "tags").info())
        except SatchelError:
            return ()

    async def ready(self) -> None:
        """Wait until its lists were read. Raises SatchelError when they could not be."""
        if self._indexing is not None:
            await asyncio.shield(self._indexing)
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        """Give up what is under way and remove what was taken out."""
        self._stop.set()
        tasks: list[asyncio.Task[Any]] = [task for task in (self._indexing, self._graph) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *(records.close() for records in self._records.values()), return_exceptions=True)
        await asyncio.to_thread(self._remove)

    def _remove(self) -> None:
        self.tree.close()
        self.folder.remove()

    # -- the tree -----------------------------------------------------------------------------------------------------

    async def children(self, path: str = "data", first: int = 0, text: str = "") -> Children:
        """Some of what is in a folder; at once from the disk while the bag's lists are still being read.

        Raises:
            SatchelError: its files cannot be listed.
        """
        if not self.tree.ready and self.kind == "folder" and not text and self.failure is None:
            try:
                return await asyncio.to_thread(at_once, self.path, path)
            except OSError as error:
                raise unreadable(path, error) from error
        await self.ready()
        return await asyncio.to_thread(self.tree.children, path, first, AT_ONCE, text)

    # -- files --------------------------------------------------------------------------------------------------------

    async def show(self, path: str) -> Shown:
        """A file as what it is best shown as.

        Raises:
            SatchelError: it cannot be read.
        """
        if path in self._records:
            return self._records[path]
        if self.kind != "folder":
            await self.ready()
        found = await asyncio.to_thread(self._show, path)
        if isinstance(found, Records):
            if path in self._records:
                return self._records[path]
            self._records[path] = found
            found.begin(self._turns)
        return found

    def _show(self, path: str) -> Shown:
        place = self.place(path)
        if place is None:
            node = self.tree.node(path) if self.tree.ready else None
            return Gone(path, node.state if node is not None else "missing", node.size if node is not None else None)
        name = path.rpartition("/")[2]
        try:
            size = place.stat().st_size
            if may_hold_records(name) and (records := Records.open(place, name, self.work)) is not None:
                return records
            if name.lower().endswith(_PICTURES) and size <= LARGEST_PICTURE:
                return Picture(path, place.read_bytes())
            with place.open("rb") as file:
                head = file.read(HEXED)
            if _is_text(head):
                return self._text(path, place, 0)
            return Bytes(path, size, dump(head))
        except OSError as error:
            raise unreadable(path, error) from error

    async def more_text(self, path: str, first: int) -> Text:
        """The next piece of a text, from a byte on. Raises SatchelError."""

        def read() -> Text:
            place = self.place(path)
            if place is None:
                raise SatchelError(Kind.FILES, f"{path} is not there any more.")
            try:
                return self._text(path, place, first)
            except OSError as error:
                raise unreadable(path, error) from error

        return await asyncio.to_thread(read)

    def _text(self, path: str, place: Path, first: int) -> Text:
        with place.open("rb") as file:
            head = file.read(HEXED)
            size = os.fstat(file.fileno()).st_size
            file.seek(first)
            data = file.read(LARGEST_TEXT)
        encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else encoding_of(head)
        end = first + len(data)
        if end < size:
            if encoding == "utf-8":
                # Not through the middle of a character.
                cut = len(data)
                while cut > len(data) - 4 and cut and data[cut - 1] & 0xC0 == 0x80:
                    cut -= 1
                if cut and data[cut - 1] >= 0xC0:
                    data = data[: cut - 1]
            elif encoding == "utf-16" and len(data) % 2:
                data = data[:-1]
            end = first + len(data)
        if encoding == "utf-16":
            codec = "utf-16-le" if head.startswith(b"\xff\xfe") else "utf-16-be"
            text = (data[2:] if first == 0 else data).decode(codec, "replace")
        else:
            text = (data[3:] if first == 0 and data.startswith(b"\xef\xbb\xbf") else data).decode(encoding, "replace")
        return Text(path, visible(text), end if end < size else None, size, encoding)

    def place(self, path: str) -> Path | None:
        """Where a file of the bag is on the disk; of an archive's member where it was taken out to. Blocking.

        Returns:
            None where it is not here, or is no plain file that can be reached without following a link.

        Raises:
            SatchelError: it is too large to be taken out, or the archive is damaged.
        """
        if self.kind == "folder":
            return self.path / path if _safe(path) and is_inside(self.path, path) else None
        if self.kind != "zip":
            return None
        with self._lock:
            return self._take_out(path)

    def _take_out(self, path: str) -> Path | None:
        # Sentences name the file by what it is called here.
        folder = self.work / "members" / f"{abs(hash(path)):x}"
        out = folder / safe_name(path.rpartition("/")[2])
        if out.exists():
            return out
        folder.mkdir(parents=True, exist_ok=True)
        part = folder.with_name("part")
        try:
            with zipfile.ZipFile(self.path) as archive:
                try:
                    info = archive.getinfo(self.root + path)
                except KeyError:
                    return None
                if stat.S_ISLNK(info.external_attr >> 16):
                    return None
                if info.flag_bits & 1:
                    message = f"{path} is encrypted."
                    raise SatchelError(Kind.INVALID, message, "Unpack the archive with a program that knows passwords.")
                bomb = info.file_size > LARGE_ZIP and info.file_size > MOST_RATIO * info.compress_size
                if info.file_size > LARGEST_MEMBER or bomb:
                    raise _too_large(path, info.file_size)
                with archive.open(info) as source, part.open("wb") as target:
                    taken = 0
                    while piece := source.read(PIECE):
                        taken += len(piece)
                        if taken > LARGEST_MEMBER:
                            raise _too_large(path, taken)
                        if self._stop.is_set():
                            raise StoppedError
                        target.write(piece)
            part.rename(out)
            return out
        except _BROKEN as error:
            raise _broken(self.path, error) from error
        except OSError as error:
            raise SatchelError(
                Kind.FILES, f"{path} could not be taken out: {error.strerror}.", "Unpack the bag."
            ) from error
        finally:
            part.unlink(missing_ok=True)

    # -- links --------------------------------------------------------------------------------------------------------

    async def graph(self) -> Done:
        """The tables of the bag and what links them. Raises SatchelError."""
        await self.ready()
        if self._graph is None or (self._graph.done() and self._graph.exception() is not None):
            self._graph = asyncio.create_task(self._make_graph())
        return await asyncio.shield(self._graph)

    async def _make_graph(self) -> Done:
        task = await asyncio.to_thread(self._graph_task)
        async with self._turns:
            return await work_out(task)

    def _graph_task(self) -> GraphTask:
        nodes = [node for node in self.tree.records(RECORDS, MOST_TABLES) if node.state in ("here", "unlisted")]
        schema = next((n for n in nodes if n.name == "schema.json"), None)
        place = self.place(schema.path) if schema is not None else None
        files = [node for node in nodes if node is not schema]
        # Members of an archive are not all taken out just to be counted.
        small = self.kind == "folder" or sum(node.size or 0 for node in files) <= LARGEST_MEMBER // 4
        found = []
        for node in files:
            where = self.place(node.path) if small else None
            found.append((node.path, str(where) if where is not None else ""))
        return GraphTask(files=tuple(found), schema=str(place) if place is not None else "")

    async def follow(self, link: Link, values: list[str]) -> tuple[Records, View]:
        """The row that a link leads to. Raises SatchelError: its table cannot be shown, or has no such column."""
        return await self._find(link.target, link.target_columns, values)

    async def back(self, link: Link, values: list[str]) -> tuple[Records, View]:
        """The rows that refer by a link to a row with these values. Raises SatchelError."""
        return await self._find(link.table, link.columns, values)

    async def _find(self, path: str, columns: tuple[str, ...], values: list[str]) -> tuple[Records, View]:
        found = await self.show(path)
        if not isinstance(found, Records) or not set(columns) <= set(found.form.columns):
            raise SatchelError(Kind.INVALID, f"{path} is no table with {', '.join(columns)}.", "")
        what = ", ".join(f"{name} {visible(value)}" for name, value in zip(columns, values, strict=True))
        return found, await found.find(columns, values, what)


async def open_inside(path: str) -> Inside:
    """Open a bag, to look into it: folder, zip, or tar (of which only its name is known until it is unpacked).

    Raises:
        SatchelError: there is none, or it is no bag.
    """
    found = await opened(lambda: _Open(_open(Path(path))))
    found.inside.begin()
    return found.inside


class _Open:
    def __init__(self, inside: Inside) -> None:
        self.inside = inside

    def close(self) -> None:
        """Nobody waits for it any more."""
        self.inside._remove()


def _open(path: Path) -> Inside:
    bag: Bag | None = None
    kind: Literal["folder", "zip", "tar"] = "folder"
    if path.is_dir():
        bag = open_bag(path)
    elif not path.is_file():
        raise SatchelError(Kind.FILES, f"There is no {path}.", "Check the name.")
    elif zipfile.is_zipfile(path):
        kind = "zip"
    elif tarfile.is_tarfile(path):
        kind = "tar"
    else:
        raise SatchelError(Kind.INVALID, f"{path.name} is no bag.", "Bags are folders, zip or tar files.")
    try:
        folder = WorkFolder(Home.find())
    except OSError as error:
        message = "There is no place for what looking into a bag needs."
        raise SatchelError(Kind.FILES, message, "Make room in Satchel's cache folder.", str(error)) from error
    made = Inside(path, kind, folder, bag, Tree(folder.path / "tree.sqlite"))
    if bag is not None:
        made.info = tuple(bag.info())
    return made


def _safe(path: str) -> bool:
    return (
        path.startswith("data/") and not any(part in ("", ".", "..") for part in path.split("/")) and "\0" not in path
    )


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if b"\0" in head:
        return False
    strange = sum(1 for byte in head if byte < 32 and byte not in (9, 10, 12, 13, 27))
    return strange * 50 <= len(head) and (encoding_of(head) == "utf-8" or sum(b > 126 for b in head) * 5 < len(head))


def dump(data: bytes) -> str:
    """Bytes as lines of sixteen: offset, hexadecimal digits, characters."""
    lines = []
    for at in range(0, len(data), 16):
        piece = data[at : at + 16]
        digits = " ".join(f"{byte:02x}" for byte in piece)
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        lines.append(f"{at:08x}  {digits:<47}  {text}")
    return "\n".join(lines)


def _too_large(path: str, size: int) -> SatchelError:
    return SatchelError(
        Kind.INVALID, f"{path} has {said_size(size)}, too much to be taken out of the archive.", "Unpack the bag first."
    )


def _broken(path: Path, error: BaseException) -> SatchelError:
    return SatchelError(Kind.INVALID, f"The archive {path.name} is damaged.", "Fetch or copy it again.", str(error))


__all__ = ["Bytes", "Children", "Gone", "Inside", "Node", "Picture", "Shown", "Text", "open_inside"]
