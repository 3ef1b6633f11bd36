"""Asking identifier services what they know. No account is needed; where one is, only the service itself sees it.

A service's answers are bounded, redirects are followed over https only and never with the sign-in, and addresses in
the person's own network are left alone unless the person has named a service there.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import msgspec

from satchel.core.deriva.retry import BRISK, Log, Policy
from satchel.core.errors import Kind, SatchelError
from satchel.core.fetching.sources import host_of, is_private
from satchel.core.fetching.web import Guard, Web, client
from satchel.core.identifiers.names import Name, service_address
from satchel.core.identifiers.record import LARGEST, Record, read
from satchel.core.jobs.request import Access

if TYPE_CHECKING:
    import aiohttp

PUBLIC = "https://identifiers.fair-research.org/"
"""The service that MINIDs are registered with."""
RESOLVER = "https://n2t.net/"
"""Knows the names of many services; asked where the service itself does not."""
JSON = {"Accept": "application/json", "Accept-Encoding": "identity"}
_ELSEWHERE = frozenset({Kind.NOT_FOUND, Kind.UNREACHABLE, Kind.SERVER, Kind.NOT_SIGNED_IN, Kind.NOT_ALLOWED})


class Asking:
    """Connections to services and to where their identifiers lead. Make one with `asking`."""

    def __init__(self, opened: aiohttp.ClientSession, guard: Guard, access: Access, log: Log | None, policy: Policy):
        self._opened = opened
        self._access = access
        self._log = log
        self._policy = policy
        self.guard = guard

    def web(self, url: str, secret: Mapping[str, str] | None = None) -> Web:
        """A connection to an address's server."""
        return Web(self._opened, url, secret or {}, self.guard, self._log, self._policy)

    async def secret(self, url: str) -> dict[str, str]:
        """What the person has for exactly this server; nothing for one without encryption."""
        if not url.startswith("https://"):
            return {}
        from satchel.core import credentials

        log = self._log
        found = await credentials.lookup(
            host_of(url), self._access, warn=(lambda m: log(m, "debug")) if log is not None else (lambda _: None)
        )
        return dict(found.headers) if found is not None else {}

    async def named(self, service: str) -> None:
        """Let a service through that the person has named. Where it is on this computer or in its network, what it
        leads to may be there as well: it is no stranger that leads there."""
        split = urlsplit(service)
        self.guard.name(split.netloc)
        try:
            found = await asyncio.to_thread(
                socket.getaddrinfo, split.hostname, split.port or 443, 0, socket.SOCK_STREAM
            )
        except OSError:
            return  # asking it will say so
        if found and all(is_private(str(entry[4][0])) for entry in found):
            self.guard.everything = True

    async def document(self, url: str) -> Any:
        """An answer's JSON: as anybody gets it, else as the person does.

        Raises:
            SatchelError: there is none, or it is too long.
        """
        try:
            return await self._document(url, {})
        except SatchelError as error:
            if error.kind not in (Kind.NOT_SIGNED_IN, Kind.NOT_ALLOWED, Kind.NOT_FOUND):
                raise
            secret = await self.secret(url)
            if not secret:
                raise
            return await self._document(url, secret)

    async def _document(self, url: str, secret: Mapping[str, str]) -> Any:
        host = host_of(url)
        body = bytearray()
        async with self.web(url, secret).stream(url, headers=JSON) as stream:
            async for chunk in stream.chunks():
                body += chunk
                if len(body) > LARGEST:
                    raise SatchelError(Kind.SERVER, f"{host} answers with more than makes sense.", "Tell its makers.")
        try:
            return msgspec.json.decode(bytes(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise SatchelError(
                Kind.SERVER,
                f"{host} does not answer as an identifier service does.",
                "Check the service's address.",
                bytes(body[:200]).decode("utf-8", "replace"),
            ) from None


@asynccontextmanager
async def asking(
    access: Access, *, private: bool = False, log: Log | None = None, policy: Policy = BRISK
) -> AsyncIterator[Asking]:
    """Begin to ask; nothing is sent yet.

    Args:
        access: extra certificate authorities, and a credential file in place of the keyring.
        private: addresses of this computer and its network may be asked, whoever leads there.
        log: told of what is tried again.
        policy: how often that is.

    Raises:
        SatchelError: a certificate authority file cannot be read.
    """
    guard = Guard((), private)
    async with client(access, guard, 8) as opened:
        yield Asking(opened, guard, access, log, policy)


async def resolve(asks: Asking, name: Name, services: Iterable[str] = ()) -> Record:
    """What is known of an identifier.

    Args:
        asks: see `asking`.
        name: which.
        services: to be asked first, as the person has set them; a landing page's service is asked before.

    Raises:
        SatchelError: nobody knows it, or who does is not to be reached.
    """
    first: SatchelError | None = None
    for service in _candidates(name, services):
        if service not in (PUBLIC, RESOLVER):
            await asks.named(service)
        try:
            return read(await asks.document(service + quote(name.id, safe="/:=~*+@$,;!.-_")), name, service)
        except SatchelError as error:
            if error.kind not in _ELSEWHERE:
                raise
            if first is None or (first.kind is Kind.NOT_FOUND and error.kind is not Kind.NOT_FOUND):
                first = error
            if name.service:  # its own page has said it
                break
    if first is None or first.kind is Kind.NOT_FOUND:
        asked = ", ".join(urlsplit(s).netloc for s in _candidates(name, services))
        raise SatchelError(
            Kind.NOT_FOUND,
            f"{name.compact} is not known ({asked}).",
            "Check its spelling; paste the address of its page where another service has it; sign in to the service "
            "where it is not for everybody.",
            first.detail if first is not None else "",
        )
    raise first


def _candidates(name: Name, services: Iterable[str]) -> list[str]:
    if name.service:
        return [name.service]
    return list(dict.fromkeys([*map(service_address, services), PUBLIC, RESOLVER]))
