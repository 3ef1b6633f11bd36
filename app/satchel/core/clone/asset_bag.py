"""The files that a bag holds, brought to the Hatrac of the catalog that is cloned from it."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from satchel.core.bags.reading import inside, is_file
from satchel.core.clone.asset_mover import AssetError, Mover, Reading
from satchel.core.clone.asset_state import Item
from satchel.core.clone.asset_table import Wanted
from satchel.core.clone.asset_urls import object_of
from satchel.core.deriva.hatrac import ObjectInfo
from satchel.core.deriva.hatrac_write import name_part
from satchel.core.deriva.session import CHUNK, Session
from satchel.core.export.assets import asset_path

BAG = "the bag"


class BagFiles:
    """Where a bag holds its rows' files.

    Args:
        folder: the bag's.
        folders: of each asset table (`schema:table`), below the bag.
    """

    def __init__(self, folder: Path, folders: Mapping[str, str]) -> None:
        self._folder = folder
        self._folders = folders

    def find(self, item: Item) -> Path | None:
        """A row's file; None where it is not in the bag, or something is in its way."""
        below = self._folders.get(item.table)
        if below is None:
            return None
        path = asset_path(below, item.rid, item.filename or "", item.url)
        file = self._folder / path
        return file if inside(self._folder, path) is None and is_file(file) else None

    def choose(self, item: Item) -> Wanted | tuple[str, str]:
        """What is to be done with a row's file."""
        if item.url.startswith("/hatrac/clone-"):
            return "local", "It is in the destination's Hatrac."
        if self.find(item) is None:
            return "not-in-bag", "The bag does not hold it."
        return Wanted(BAG, item.url)


class BagMover(Mover):
    """Reads files of a bag in place of a server's."""

    files: BagFiles

    @asynccontextmanager
    async def _open(
        self, item: Item, source: Session | None, url: str, start: int, etag: str | None
    ) -> AsyncIterator[Reading]:
        path = self.files.find(item)
        if path is None:
            raise AssetError("missing", f"{item.filename or item.rid} is not in the bag any more.")
        size = (await asyncio.to_thread(path.stat)).st_size
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        info = ObjectInfo(url, size, None, None, kind, item.filename or path.name, None, None)
        pieces = _pieces(path, start)
        try:
            yield Reading(pieces, info, start)
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]


async def _pieces(path: Path, start: int) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        file.seek(start)
        while piece := await asyncio.to_thread(file.read, CHUNK):
            yield piece


class NoServer:
    """Sources of files that come from no server."""

    async def session(self, host: str) -> Session | None:
        """None."""
        return None


class BagPlace:
    """The name that an object had at its source; in a namespace of the clone's own where that is not to be had.

    Args:
        own: that namespace, `/hatrac/...`.
        one_server: the bag came from the very server: its objects are let be.
    """

    def __init__(self, own: str, *, one_server: bool) -> None:
        self._own = own
        self._one_server = one_server

    def key(self, item: Item, url: str) -> str:
        """Each object once."""
        return url

    def paths(self, item: Item, info: ObjectInfo, md5: str | None) -> Iterator[str]:
        """The source's name where it was in a Hatrac, then one of the clone's own."""
        found = object_of(info.url)
        if found is not None:
            if not self._one_server:
                yield found[0]
            yield self._own + found[0].removeprefix("/hatrac")
            return
        table = name_part(item.table.partition(":")[2], 60)
        yield f"{self._own}/{table}/{name_part(item.rid, 40)}.{name_part(info.filename or 'file', 100)}"

    async def made_namespace(self, path: str) -> None:
        """A bag does not know who may read what."""

    async def made_object(self, item: Item, url: str, target: str) -> None:
        """A bag does not know who may read what."""
