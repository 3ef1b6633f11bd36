"""Small HTTPS servers on loopback for tests: an aiohttp application behind a certificate of a throw-away authority."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from aiohttp import web

from satchel.core.jobs.request import Access


@dataclass(frozen=True)
class Served:
    """A running server: `host` with its port, and the file of the authority that vouches for it."""

    host: str
    ca: str

    @property
    def access(self) -> Access:
        return Access(ca=(self.ca,))


@asynccontextmanager
async def serve(application: web.Application, folder: Path, *names: str) -> AsyncIterator[Served]:
    """Serve on 127.0.0.1 as `localhost` (or as other names, to be wrong)."""
    authority = trustme.CA(organization_name="Throw-away Authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(context)
    file = folder / f"ca-{id(authority)}.pem"
    authority.cert_pem.write_to_path(str(file))
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        yield Served(f"localhost:{port}", str(file))
    finally:
        await runner.cleanup()
