"""Requests to fetch what a bag lacks, as the window makes them: with what it knows of servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.core.jobs.request import Access
from satchel.gui.bags import source

if TYPE_CHECKING:
    from satchel.core.jobs.request import Request
    from satchel.gui.bags.fetch import Choice
    from satchel.gui.window import MainWindow


async def fetching(window: MainWindow, path: str, choice: Choice) -> Request:
    """A request to fetch files into the bag at a path."""
    home, named = await window.bridge.call(source.servers_of, path)
    # What a bag says of servers is trusted no further than the person knows them.
    known = [host for host in dict.fromkeys([home, *named]) if host in window.known_hosts()]
    files = dict.fromkeys(file for host in known for file in window.access(host).ca)
    credential = window.access(home or (known[0] if known else "")).credential
    access = Access(ca=tuple(files), credential=credential)
    return await window.bridge.call(source.fetch_request, path, choice, access, tuple(known))
