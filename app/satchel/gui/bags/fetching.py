"""Requests to fetch what a bag lacks, as the window makes them: with what it knows of servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.gui.bags import source

if TYPE_CHECKING:
    from satchel.core.jobs.request import Request
    from satchel.gui.bags.fetch import Choice
    from satchel.gui.window import MainWindow


async def fetching(window: MainWindow, path: str, choice: Choice, host: str) -> Request:
    """A request.

    Args:
        window: knows servers.
        path: of the bag.
        choice: what is to be fetched.
        host: where the bag says that it is from; empty: it does not.
    """
    # What a bag says of its host is trusted no further than the person knows that host.
    hosts = (host,) if host in window.known_hosts() else ()
    return await window.bridge.call(source.fetch_request, path, choice, window.access(host), hosts)
