"""What the bags page asks of the core. Each runs in the engine's loop, where the imports are paid for too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from satchel.core.bags.inspecting import InspectResult
    from satchel.core.bags.validate import Level, ValidateRequest, ValidateResult
    from satchel.core.jobs.request import Access, Request
    from satchel.gui.bags.fetch import Choice


async def validate_requests(
    paths: list[str], level: Level, profile: str = "", ca: tuple[str, ...] = ()
) -> list[ValidateRequest]:
    """Requests to check bags, against a profile too where one is named."""
    from satchel.core.bags.validate import ValidateRequest

    return [ValidateRequest(path=path, level=level, profile=profile, ca=ca) for path in paths]


async def inspect(path: str) -> InspectResult:
    """What a bag says of itself. Raises SatchelError."""
    import tempfile

    from satchel.core.bags import inspecting
    from satchel.core.jobs.state import local_context

    with tempfile.TemporaryDirectory(prefix="satchel-look-") as folder:
        return await inspecting.run(inspecting.InspectRequest(path=path), local_context(Path(folder)))


async def fetch_request(path: str, choice: Choice, access: Access, host: str) -> Request:
    """A request to fetch what a bag lacks."""
    from satchel.core.fetching.request import MaterializeRequest

    return MaterializeRequest(
        path=path,
        only=choice.only,
        largest=choice.largest,
        repair=choice.repair,
        hosts=(host,) if host else (),
        allow_private=choice.allow_private,
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


async def write_report(results: list[ValidateResult], path: Path) -> None:
    """Save a report. Raises SatchelError."""
    import asyncio

    from satchel.core.bags.reports import write_report

    await asyncio.to_thread(write_report, results, path)
