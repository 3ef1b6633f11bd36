"""What the window asks of the core. Each runs in the engine's loop, where the imports are paid for too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from satchel.core.bags.inside.opening import Inside, Shown, Text
    from satchel.core.bags.inside.records import Page, Records, View
    from satchel.core.bags.inside.tasks import Done, Link
    from satchel.core.bags.inside.tree import Children


async def open_inside(path: str) -> Inside:
    """Open a bag. Raises SatchelError."""
    from satchel.core.bags.inside import opening

    return await opening.open_inside(path)


async def ready(inside: Inside) -> None:
    """Wait until a bag's lists were read. Raises SatchelError."""
    await inside.ready()


async def children(inside: Inside, path: str, first: int, text: str) -> Children:
    """Some of what is in a folder. Raises SatchelError."""
    return await inside.children(path, first, text)


async def show(inside: Inside, path: str) -> Shown:
    """A file as what it is shown as. Raises SatchelError."""
    return await inside.show(path)


async def more_text(inside: Inside, path: str, first: int) -> Text:
    """The next piece of a text. Raises SatchelError."""
    return await inside.more_text(path, first)


async def page(records: Records, view: View, first: int, count: int) -> Page:
    """Some rows. Raises SatchelError."""
    import asyncio

    return await asyncio.to_thread(records.page, view, first, count)


async def arrange(records: Records, column: int, descending: bool, text: str) -> View:
    """Begin to sort and filter."""
    return records.arrange(column, descending=descending, text=text)


async def drop(records: Records, view: View) -> None:
    """A view is not wanted any more."""
    await records.drop(view)


async def graph(inside: Inside) -> Done:
    """The tables and what links them. Raises SatchelError."""
    return await inside.graph()


async def follow(inside: Inside, link: Link, values: list[str]) -> tuple[Records, View]:
    """The row that a link leads to. Raises SatchelError."""
    return await inside.follow(link, values)


async def back(inside: Inside, link: Link, values: list[str]) -> tuple[Records, View]:
    """The rows that refer to one. Raises SatchelError."""
    return await inside.back(link, values)


async def close(inside: Inside) -> None:
    """Give up what is under way and remove what was taken out."""
    await inside.close()
