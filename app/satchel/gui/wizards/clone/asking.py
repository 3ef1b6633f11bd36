"""What the clone wizard asks of the core. Each runs in the engine's loop, where the imports are paid for too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from satchel.core.clone.forecast import Forecast
    from satchel.core.clone.foretelling import Foretelling
    from satchel.core.clone.removing import Leftover
    from satchel.core.clone.report_tree import ReportTree
    from satchel.core.clone.request import CloneRequest, CloneResult
    from satchel.core.flows.clone import CloneFlow

KIND = "clone"


async def make_flow(host: str, catalog: str, rid: str) -> CloneFlow:
    """A flow, for a record where one is named, else from the draft that was kept."""
    from satchel.core.flows.clone import CloneDraft, CloneFlow
    from satchel.core.flows.drafts import Drafts
    from satchel.core.paths import Home

    kept = Drafts(Home.find()).find(KIND)
    flow = CloneFlow(CloneFlow.load(kept) if kept is not None else CloneDraft())
    if host or rid:
        flow.set_record(host, catalog, rid)
    return flow


def keep_draft(flow: CloneFlow) -> None:
    """Keep what was said so far. A convenience: where it cannot be written, the next wizard begins empty."""
    import contextlib

    from satchel.core.flows.drafts import Drafts
    from satchel.core.paths import Home

    with contextlib.suppress(OSError):
        Drafts(Home.find()).keep(KIND, flow.dump())


async def begin(request: CloneRequest) -> Foretelling:
    """A forecast that is not open yet."""
    from satchel.core.clone.foretelling import Foretelling
    from satchel.core.paths import Home

    return Foretelling(request, Home.find())


async def open_forecast(foretelling: Foretelling) -> None:
    """Read what the forecast needs. Raises SatchelError."""
    await foretelling.open()


async def tell(foretelling: Foretelling, request: CloneRequest, there: bool) -> Forecast:
    """What the clone would do. Raises SatchelError."""
    return await foretelling.tell(request, there=there)


async def close(foretelling: Foretelling) -> None:
    """End a forecast."""
    await foretelling.close()


async def left_behind(job: str) -> Leftover | None:
    """What a clone that did not end has made. Raises SatchelError."""
    from satchel.core.clone.removing import look
    from satchel.core.paths import Home

    return await look(Home.find(), job)


async def remove_left(job: str) -> str:
    """Delete the catalog that a clone has made, and forget the job. Returns what was deleted. Raises SatchelError."""
    from satchel.core.clone.removing import remove
    from satchel.core.paths import Home

    return await remove(Home.find(), job)


async def grouped(result: CloneResult) -> ReportTree:
    """The report as a tree."""
    import asyncio

    from satchel.core.clone.report_tree import ReportTree

    return await asyncio.to_thread(ReportTree, result.report)


async def filtered(tree: ReportTree, text: str) -> ReportTree:
    """Those of its issues that have the text."""
    import asyncio

    return await asyncio.to_thread(tree.filtered, text)


async def save(result: CloneResult, path: str) -> None:
    """Write the report into a file: JSON, text or HTML, as its name ends. Raises SatchelError."""
    import asyncio
    from pathlib import Path

    from satchel.core.clone.report_files import save

    await asyncio.to_thread(save, result, Path(path))
