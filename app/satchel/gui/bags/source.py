"""What the bags page asks of the core. Each runs in the engine's loop, where the imports are paid for too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

if TYPE_CHECKING:
    from satchel.core.bags.inspecting import InspectResult
    from satchel.core.bags.profiles import Profile
    from satchel.core.bags.validate import Level, ValidateRequest, ValidateResult
    from satchel.core.fetching.missing import Missing, Node, Sum
    from satchel.core.fetching.request import MaterializeRequest, MaterializeResult
    from satchel.core.jobs.request import Access, Request
    from satchel.gui.bags.fetch import Choice
    from satchel.gui.bags.holey import Left

P = ParamSpec("P")
T = TypeVar("T")


async def validate_request(path: str, level: Level, profile: str, ca: tuple[str, ...]) -> ValidateRequest:
    """A request to check a bag, against a profile too where one is named."""
    from satchel.core.bags.validate import ValidateRequest

    return ValidateRequest(path=path, level=level, profile=profile, ca=ca)


async def inspect(path: str) -> InspectResult:
    """What a bag says of itself. Raises SatchelError."""
    import tempfile

    from satchel.core.bags import inspecting
    from satchel.core.jobs.state import local_context

    with tempfile.TemporaryDirectory(prefix="satchel-look-") as folder:
        return await inspecting.run(inspecting.InspectRequest(path=path), local_context(Path(folder)))


async def profile_of(profile: str, ca: tuple[str, ...]) -> Profile | None:
    """A profile by its name, file or address; None for no name. Raises SatchelError."""
    from satchel.core.bags.profile_web import fetch_profile
    from satchel.core.bags.profiles import built_in, profile_file

    if not profile:
        return None
    if (known := built_in(profile)) is not None:
        return known
    if "://" in profile:
        return await fetch_profile(profile, ca=ca, trusted=True)
    return await asyncio.to_thread(profile_file, Path(profile))


async def servers_of(path: str) -> tuple[str, list[str]]:
    """The host that a bag says it is from (empty: it does not), and those that its fetch.txt names."""
    from satchel.core.bags.reading import open_bag
    from satchel.core.bags.threads import in_thread
    from satchel.core.errors import SatchelError
    from satchel.core.fetching.missing import hosts_of

    stop = threading.Event()

    def read() -> tuple[str, list[str]]:
        try:
            bag = open_bag(Path(path))
            home = next((value for label, value in bag.info() if label.lower() == "source-host"), "")
            return home, hosts_of(bag, stop, home or None)
        except SatchelError:  # whoever fetches into it says why
            return "", []

    return await in_thread(stop, read)


class MissingTree:
    """What a bag lacks, in a file of its own until it is closed. One call at a time."""

    def __init__(self, folder: TemporaryDirectory[str], tree: Missing) -> None:
        self._folder, self._tree = folder, tree
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self.all, self.hosts = tree.all(), tree.hosts()

    async def children(self, parent: int, begin: int, most: int) -> list[Node]:
        """Some of what is in a folder."""
        return await asyncio.to_thread(self._locked, self._tree.children, parent, begin, most)

    async def sum(self, choice: Choice) -> Sum:
        """What a choice comes to. Cancelled, it ends soon."""
        from satchel.core.bags.threads import in_thread
        from satchel.core.fetching.picked import Picked

        stop = threading.Event()
        picked = Picked(choice.pick, choice.skip)
        return await in_thread(stop, self._locked, self._tree.sum, choice.only, choice.largest, picked, stop)

    def _locked(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._turn:
            return work(*args, **kwargs)

    async def close(self) -> None:
        """Remove the file."""

        def end() -> None:
            with self._turn:
                self._tree.close()
                self._folder.cleanup()

        await asyncio.to_thread(end)


async def missing_tree(path: str, host: str) -> MissingTree:
    """What a bag lacks. Raises SatchelError."""
    from satchel.core.bags.reading import open_bag
    from satchel.core.bags.threads import in_thread
    from satchel.core.fetching.missing import Missing, find_missing

    folder = TemporaryDirectory(prefix="satchel-missing-")
    database, stop = Path(folder.name) / "tree.sqlite", threading.Event()

    def make() -> MissingTree:
        find_missing(open_bag(Path(path)), database, stop, host or None)
        return MissingTree(folder, Missing(database))

    try:
        return await in_thread(stop, make)
    except BaseException:
        await asyncio.shield(asyncio.to_thread(folder.cleanup))
        raise


async def fetch_request(path: str, choice: Choice, access: Access, hosts: tuple[str, ...]) -> Request:
    """A request to fetch what a bag lacks."""
    from satchel.core.fetching.request import MaterializeRequest

    return MaterializeRequest(
        path=path,
        only=choice.only,
        pick=choice.pick,
        skip=choice.skip,
        largest=choice.largest,
        repair=choice.repair,
        full=choice.full,
        hosts=hosts,
        allow_private=choice.allow_private,
        access=access,
    )


async def retry_request(
    request: MaterializeRequest, result: MaterializeResult, access: Access, hosts: tuple[str, ...]
) -> Request:
    """A request for what an earlier one could not get."""
    import msgspec

    from satchel.core.fetching.request import retry

    return msgspec.structs.replace(retry(request, result), access=access, hosts=hosts)


async def holey_request(path: str, left: Left, access: Access, hosts: tuple[str, ...]) -> Request:
    """A request to leave files of a bag to servers."""
    from satchel.core.fetching.request import HoleyRequest

    return HoleyRequest(
        path=path,
        url=left.url,
        table=left.table or None,
        only=left.only,
        read=left.read,
        allow_private=left.allow_private,
        hosts=hosts,
        access=access,
    )


async def extract_request(path: str, into: str) -> Request:
    """A request to unpack an archive."""
    from satchel.core.bags.unpacking import ExtractRequest

    return ExtractRequest(path=path, into=into)


async def archive_request(path: str, out: str, kind: Literal["zip", "tgz"]) -> Request:
    """A request to pack a folder."""
    from satchel.core.bags.packing import ArchiveRequest

    return ArchiveRequest(path=path, out=out, format=kind)


async def diff_request(first: str, second: str) -> Request:
    """A request to compare two bags."""
    from satchel.core.bags.compare import DiffRequest

    return DiffRequest(path=first, other=second)


async def write_report(results: list[ValidateResult], failed: list[tuple[str, str]], path: Path) -> None:
    """Save a report, on bags that could not be checked, too. Raises SatchelError."""
    from satchel.core.bags.reports import write_report

    await asyncio.to_thread(write_report, results, path, failed)
