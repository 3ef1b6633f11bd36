"""What the export wizard asks of the core. Each runs in the engine's loop, where the imports are paid for too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from satchel.core.deriva.names import TableName
    from satchel.core.export.choosing import AssetTotals
    from satchel.core.export.preview import Preview, PreviewCost
    from satchel.core.export.previewing import Previewing
    from satchel.core.export.request import AssetChoice, ExportRequest, Offers
    from satchel.core.flows.export import ExportFlow, Found
    from satchel.core.flows.record import RecordDraft

KIND = "export"


async def make_flow(host: str, catalog: str, rid: str) -> ExportFlow:
    """A flow, for a record where one is named, else from the draft that was kept."""
    from satchel.core import person
    from satchel.core.export.naming import bag_name
    from satchel.core.flows.drafts import Drafts
    from satchel.core.flows.export import ExportDraft, ExportFlow
    from satchel.core.paths import Home

    kept = Drafts(Home.find()).find(KIND)
    flow = ExportFlow(ExportFlow.load(kept) if kept is not None else ExportDraft(), bag_name)
    flow.draft.info = person.load(Home.find()).fields()
    if host or rid:
        flow.set_record(host, catalog, rid)
    if rid:  # a dataset may have been exported the last time
        flow.set_what("record")
    return flow


def keep_draft(flow: ExportFlow) -> None:
    """Keep what was said so far. A convenience: where it cannot be written, the next wizard begins empty."""
    import contextlib

    from satchel.core.flows.drafts import Drafts
    from satchel.core.paths import Home

    with contextlib.suppress(OSError):
        Drafts(Home.find()).keep(KIND, flow.dump())


async def find(draft: RecordDraft) -> Found:
    """The record that the draft names. Raises SatchelError."""
    from satchel.core.deriva import browse
    from satchel.core.flows.export import Found

    record = await browse.find_record(draft.host, draft.catalog, draft.rid, draft.access)
    return Found(table=record.table, title=record.title)


async def begin(request: ExportRequest) -> Previewing:
    """A preview that is not open yet."""
    from satchel.core.export.previewing import Previewing
    from satchel.core.paths import Home

    return Previewing(request, Home.find())


async def open_preview(previewing: Previewing) -> None:
    """Read what the preview needs. Raises SatchelError."""
    await previewing.open()


async def solve(previewing: Previewing, offers: Offers, costs: bool) -> Preview:
    """What the bag would hold. Raises SatchelError."""
    return await previewing.solve(offers, costs=costs)


async def cost(previewing: Previewing, offers: Offers, table: str) -> PreviewCost:
    """What a tick would change. Raises SatchelError."""
    return await previewing.cost(offers, table)


async def totals(previewing: Previewing, offers: Offers, choice: AssetChoice) -> AssetTotals:
    """What a choice of files comes to."""
    return await previewing.totals(offers, choice)


async def close(previewing: Previewing) -> None:
    """End a preview."""
    await previewing.close()


def table_name(text: str) -> TableName:
    """A table's name as results write it."""
    from satchel.core.deriva.names import TableName

    return TableName.parse(text)
