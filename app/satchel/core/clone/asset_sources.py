"""Sessions to the servers that assets come from, each with its own credential and no other's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from satchel.core import credentials
from satchel.core.deriva.retry import PATIENT, Policy
from satchel.core.deriva.session import CONNECTIONS, Session, host_name
from satchel.core.fetching.web import Guard, Web, client
from satchel.core.jobs.context import Context
from satchel.core.jobs.request import Access

if TYPE_CHECKING:
    import aiohttp


class GivenSources:
    """Sessions that somebody else has opened: for a clone, the source's alone."""

    def __init__(self, sessions: Iterable[Session]) -> None:
        self._sessions = {session.host: session for session in sessions}

    async def session(self, host: str) -> Session:
        """To a host that was given. Raises KeyError for any other."""
        return self._sessions[host]


class HostSources:
    """Sessions to whatever hosts rows name.

    Addresses come out of a catalog, so they must not lead back into the person's own network: a private address is
    asked only where the person has named the host, has signed in to it, or vouches for its authority.
    """

    def __init__(
        self, opened: aiohttp.ClientSession, guard: Guard, access: Access, context: Context, policy: Policy
    ) -> None:
        self._opened = opened
        self._guard = guard
        self._access = access
        self._context = context
        self._policy = policy
        self._sessions: dict[str, Session] = {}
        self._lock = asyncio.Lock()

    async def session(self, host: str) -> Session:
        """To a host. Raises SatchelError where a credential file cannot be read."""
        async with self._lock:
            found = self._sessions.get(host)
            if found is None:
                secret = await credentials.lookup(
                    host, self._access, warn=lambda message: self._context.log(message, "warning")
                )
                headers = dict(secret.headers) if secret is not None else {}
                if headers or self._access.ca:
                    self._guard.name(host)
                found = self._sessions[host] = Web(
                    self._opened, f"https://{host}", headers, self._guard, self._context.log, self._policy
                )
            return found


@asynccontextmanager
async def host_sources(
    access: Access, named: Iterable[str], context: Context, policy: Policy = PATIENT
) -> AsyncIterator[HostSources]:
    """Open them.

    Args:
        access: where credentials are looked for, and whom to trust.
        named: hosts that the person has named.
        context: log.
        policy: how often failures that may pass are tried again.
    """
    guard = Guard([host_name(host) for host in named], False)
    async with client(access, guard, CONNECTIONS) as opened:
        yield HostSources(opened, guard, access, context, policy)
