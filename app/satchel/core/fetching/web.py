"""Connections for files of anybody's bags: guarded against leading back into the person's own network.

The guard stands where sockets are made, so names that resolve to private addresses, redirects to them and addresses
that change between two look-ups are all met. A server that the person has named is let through, at the addresses that
its name has.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from satchel import __version__
from satchel.core.deriva import tls
from satchel.core.deriva.retry import Log, Policy
from satchel.core.deriva.session import CONNECT_SECONDS, INACTIVITY_SECONDS, Session, _proxy
from satchel.core.errors import Kind, SatchelError
from satchel.core.fetching.sources import address, host_of, is_private, literal
from satchel.core.jobs.request import Access

if TYPE_CHECKING:
    import aiohttp

_MARK = "not on the open internet"


class PrivateAddressError(SatchelError):
    """A server is on this computer or in its network, and nobody has allowed that."""

    def __init__(self, host: str, detail: str = "") -> None:
        super().__init__(
            Kind.NOT_ALLOWED,
            f"{host} is this computer or in its local network, where a bag from elsewhere has no business.",
            "If you know that server and expect it, allow it: --allow-private.",
            detail,
        )
        self.host = host


class Guard:
    """Which addresses may be connected to.

    Args:
        hosts: `name` or `name:port` of servers that the person has named.
        everything: private addresses are allowed.
    """

    def __init__(self, hosts: Iterable[str], everything: bool) -> None:
        self.everything = everything
        self._named: set[tuple[str, int]] = set()
        self._permitted: set[tuple[str, int]] = set()
        for host in hosts:
            self.name(host)

    def name(self, host: str) -> None:
        """Let a server through, at its port."""
        split = urlsplit(f"//{host}")
        key = (split.hostname or "").lower(), split.port or 443
        self._named.add(key)
        if (ip := literal(key[0])) is not None:
            self._permitted.add((ip, key[1]))

    def resolved(self, host: str, port: int, ips: Iterable[str]) -> None:
        """A name was looked up."""
        if (host.lower(), port) in self._named:
            self._permitted.update((ip.partition("%")[0], port) for ip in ips)

    def permits(self, ip: str, port: int) -> bool:
        """Whether to connect."""
        return self.everything or not is_private(ip) or (ip.partition("%")[0], port) in self._permitted

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Make the socket for a connection, as aiohttp asks for it. Raises OSError where there is to be none."""
        family, kind, protocol, _, where = info
        if not self.permits(str(where[0]), int(where[1])):
            raise OSError(errno.EPERM, f"{where[0]} is {_MARK}")
        made = socket.socket(family=family, type=kind, proto=protocol)
        made.setblocking(False)
        return made


@asynccontextmanager
async def client(access: Access, guard: Guard, connections: int) -> AsyncIterator[aiohttp.ClientSession]:
    """Connections to any number of servers, all verified and guarded.

    Raises:
        SatchelError: a certificate authority file cannot be read.
    """
    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.resolver import ThreadedResolver

    class Resolver(AbstractResolver):
        """Tells the guard which addresses a name has."""

        def __init__(self) -> None:
            self._inner = ThreadedResolver()

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = await self._inner.resolve(host, port, family)
            guard.resolved(host, port, (entry["host"] for entry in found))
            return found

        async def close(self) -> None:
            await self._inner.close()

    connector = aiohttp.TCPConnector(
        ssl=tls.trust(access.ca),
        limit=connections,
        keepalive_timeout=30,
        ttl_dns_cache=300,
        resolver=Resolver(),
        socket_factory=guard.socket,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"Satchel/{__version__}"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=INACTIVITY_SECONDS),
        trust_env=False,
    ) as opened:
        yield opened


class Web(Session):
    """Requests for files of one server. Plain http is spoken where a bag's line says it, and never with a secret."""

    def __init__(
        self,
        opened: aiohttp.ClientSession,
        url: str,
        secret: Mapping[str, str],
        guard: Guard,
        log: Log | None,
        policy: Policy,
    ) -> None:
        host = host_of(url)
        super().__init__(opened, host, secret if url.startswith("https://") else {}, log, policy, _proxy(host))
        self._guard = guard
        self._fine: set[str] = set()
        """Beginnings of addresses, to the end of the server's name, that are not private by their letters."""
        if self._proxy is not None:
            split = urlsplit(self._proxy)
            guard.name(f"{split.hostname}:{split.port or (443 if split.scheme == 'https' else 80)}")

    async def quick(self, url: str, length: int) -> bytes | None:
        """The body of a plain answer, for many small files: without what `stream` does beside asking.

        Args:
            url: of this very server.
            length: bytes that the body must have.

        Returns:
            The body; None where anything is out of the ordinary, for `stream` to deal with.

        Raises:
            PrivateAddressError: the address is private by its letters.
        """
        import aiohttp
        from yarl import URL

        self._look(url)
        if self._secret and not url.startswith(f"https://{self.host}/"):
            return None
        try:
            async with self._client.request(
                "GET",
                URL(url, encoded=True),
                headers={"Accept-Encoding": "identity", **self._secret},
                allow_redirects=False,
                proxy=self._proxy,
            ) as response:
                # Only as many bytes as are announced are ever read.
                if (
                    response.status != 200
                    or response.content_length != length
                    or "Content-Encoding" in response.headers
                    or "Transfer-Encoding" in response.headers
                ):
                    return None
                return await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    def _absolute(self, path: str) -> str:
        self._look(path)
        return path

    def _next(self, method: str, url: str, response: aiohttp.ClientResponse) -> str:
        said = response.headers.get("Location", "")
        if not said:
            raise SatchelError(Kind.SERVER, f"{self.host} redirects to nowhere.", "Tell the server's administrator.")
        try:
            target = address(urljoin(url, said), None)
        except (SatchelError, ValueError) as error:
            raise SatchelError(
                Kind.SERVER, f"{self.host} redirects to an address that Satchel does not follow.", "", str(error)
            ) from None
        if url.startswith("https://") and not target.startswith("https://"):
            raise SatchelError(
                Kind.SERVER,
                f"{self.host} redirects from https to an address without encryption.",
                "Satchel does not follow it.",
            )
        self._look(target)
        return target

    def _look(self, url: str) -> None:
        """Refuse what is private by its letters; behind a proxy no socket would tell."""
        place = url[: url.find("/", 8)]
        if place in self._fine:
            return
        split = urlsplit(url)
        name = (split.hostname or "").lower()
        port = split.port or (443 if split.scheme == "https" else 80)
        ip = literal(name)
        if ip is None and self._proxy is not None and (name == "localhost" or name.endswith(".localhost")):
            ip = "127.0.0.1"
        if ip is not None and not self._guard.permits(ip, port):
            raise PrivateAddressError(host_of(url))
        if len(self._fine) < 1000:
            self._fine.add(place)

    async def _why(self, error: Exception, url: str, repeatable: bool) -> SatchelError:
        import aiohttp

        if isinstance(error, aiohttp.ClientConnectorError) and _MARK in str(error.os_error):
            return PrivateAddressError(host_of(url))
        return await super()._why(error, url, repeatable)
