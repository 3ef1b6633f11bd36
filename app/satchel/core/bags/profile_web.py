"""Fetches BagIt profiles from the web: over https alone, of bounded size and time, and never from inside a network that
only a bag's word leads to.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
import sys
from collections.abc import Sequence

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from satchel.core.bags.profiles import LARGEST, Profile, parse
from satchel.core.errors import Kind, SatchelError

SECONDS = 30
_MOST_REDIRECTS = 5
_TURNED = (301, 302, 303, 307, 308)


async def fetch_profile(address: str, *, ca: Sequence[str] = (), trusted: bool) -> Profile:
    """Fetch a profile.

    Args:
        address: https://...
        ca: files of certificate authorities that are trusted besides the usual.
        trusted: whether a person gave the address; one that a bag names must be of the open Internet.

    Raises:
        SatchelError: it is no https address, cannot be reached, is too large, or is no profile.
    """
    url = _secure(address)
    resolver = _Open() if not trusted else None
    connector = aiohttp.TCPConnector(ssl=_tls(ca), limit=1, resolver=resolver)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False, trust_env=trusted
        ) as session:
            for _ in range(_MOST_REDIRECTS + 1):
                if not trusted and url.host is not None:
                    _open_host(url.host)
                headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
                async with session.get(url, allow_redirects=False, headers=headers) as response:
                    if response.status in _TURNED and "Location" in response.headers:
                        url = _secure(str(url.join(URL(response.headers["Location"]))))
                        continue
                    if response.status != 200:
                        raise _failed(address, f"the server answers {response.status}")
                    content = await _read(response)
                    return parse(content, address, (address, str(url)))
            raise _failed(address, "it leads from one address to the next")
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise _failed(address, "it cannot be reached", f"{type(error).__name__}: {error}") from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in response.content.iter_chunked(1 << 16):
        content += piece
        if len(content) > LARGEST:
            break  # `parse` says that it is too large
    return bytes(content)


def _secure(address: str) -> URL:
    try:
        url: URL | None = URL(address)
    except ValueError:
        url = None
    if url is None or url.scheme != "https" or not url.host or url.user or url.password:
        raise SatchelError(
            Kind.INVALID,
            f"The profile {address[:300]} is not fetched: profiles come from https addresses without a password.",
            "Give the profile's file instead.",
        )
    return url


def _tls(ca: Sequence[str]) -> ssl.SSLContext:
    if sys.platform in ("darwin", "win32"):
        import truststore

        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = ssl.create_default_context()
    for file in ca:
        try:
            context.load_verify_locations(file)
        except (OSError, ssl.SSLError) as error:
            raise SatchelError(
                Kind.FILES, f"{file} holds no certificate of an authority.", "Give a PEM file.", str(error)
            ) from error
    return context


def _open_host(host: str) -> None:
    """Raise OSError for an address, written as numbers, that is not of the open Internet."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    if not address.is_global:
        raise OSError(errno.EACCES, f"{host} is not of the open Internet")


class _Open(AbstractResolver):
    """Finds addresses of the open Internet only."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for one in found:
            _open_host(one["host"].partition("%")[0])
        return found

    async def close(self) -> None:
        await self._inner.close()


def _failed(address: str, why: str, detail: str = "") -> SatchelError:
    return SatchelError(
        Kind.UNREACHABLE,
        f"The profile {address[:300]} cannot be fetched: {why}.",
        "Download it with a browser and give the file.",
        detail,
    )
