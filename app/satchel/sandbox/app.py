"""The server: who asks, what goes wrong on demand, and which service answers."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from .authn import LIFETIME, Authn
from .credenza.service import CredenzaService
from .ermrest.routes import QUERY_SECONDS, ErmrestService
from .export.service import ExportService, ExportSettings
from .faults import Faults
from .hatrac.service import HatracService
from .identifiers.service import PREFIX as IDENTIFIERS
from .identifiers.service import RESOLVED, IdentifierService

_log = logging.getLogger(__name__)
LARGEST_BODY = 1 << 30
_WELCOME = "This is Satchel's sandbox: /ermrest, /hatrac, /deriva, /identifiers and /authn are here.\n"
LONGEST_PATH = 4037
"""Bytes of a URL's path that the real servers take; what is longer is not found."""
LONGEST_LINE = 8190
"""Bytes of a URL that the web server in front of them takes."""
LONGEST_LINE_EVER = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What the real servers do not let pass."""

    seconds: float = QUERY_SECONDS
    """After which a query is cut; 0 for never."""
    urls: bool = True
    """Whether long URLs are refused."""
    conflicts: bool = False
    """Whether a catalog refuses a second writer."""
    session: float = LIFETIME
    """Seconds that somebody who signs in stays signed in."""


class Sandbox:
    """The services of one folder.

    Args:
        folder: holds everything; may have been used before.
        faults: what goes wrong.
        limits: what is refused.
        exports: how the export service keeps house.
    """

    def __init__(
        self, folder: Path, faults: Faults, limits: Limits | None = None, exports: ExportSettings | None = None
    ) -> None:
        self.limits = limits or Limits()
        self.authn = Authn(folder / "authn", self.limits.session)
        self.credenza = CredenzaService(self.authn)
        self.ermrest = ErmrestService(folder / "ermrest", seconds=self.limits.seconds, conflicts=self.limits.conflicts)
        self.hatrac = HatracService(folder / "hatrac")
        self.identifiers = IdentifierService(folder / "identifiers")
        self.export = ExportService(folder / "export", folder / "tls" / "ca.pem", exports or ExportSettings())
        self.faults = faults

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", r"/{path:[\s\S]*}", self._answer)
        if self.faults.any:
            app.on_response_prepare.append(self._prepare)
        app.on_cleanup.append(self._cleanup)
        return app

    async def _prepare(self, request: web.Request, _response: web.StreamResponse) -> None:
        if not request.path.startswith("/authn"):
            self.faults.wrap(request._payload_writer)

    async def _cleanup(self, _app: web.Application) -> None:
        await self.export.close()
        await self.identifiers.close()
        await self.ermrest.close()
        await self.hatrac.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if self.limits.urls and (refused := _too_long(request.raw_path)) is not None:
            return refused
        try:
            if path.startswith("/authn"):
                return await self.credenza.handle(request)
            if self.faults.any:
                instead = await self.faults.before()
                if instead is not None:
                    return instead
            client = self.authn.client(request)
            if path.startswith("/ermrest"):
                return await self.ermrest.handle(request, client)
            if path.startswith("/hatrac"):
                return await self.hatrac.handle(request, client)
            if path == "/":
                return web.Response(text=_WELCOME)
            if path.startswith((IDENTIFIERS, *RESOLVED)):
                return await self.identifiers.handle(request, client)
            if path.startswith("/deriva"):
                return await self.export.handle(request, client, self.authn.token(request))
            return web.Response(status=404, text="<h1>Not Found</h1>\n", content_type="text/html")
        except (ConnectionResetError, asyncio.CancelledError, web.HTTPException):
            raise
        except Exception:
            _log.exception("%s %s", request.method, request.path)
            return web.Response(status=500, text="Internal server error. Detail: see the sandbox's log\n")


def _too_long(raw: str) -> web.Response | None:
    """The answer to a URL that is too long for the real servers."""
    if len(raw) > LONGEST_LINE:
        text = "<h1>Request-URI Too Long</h1>\n<p>The requested URL's length exceeds the capacity limit.</p>\n"
        return web.Response(status=414, text=text, content_type="text/html")
    if len(raw.partition("?")[0]) > LONGEST_PATH:
        text = "<h1>Not Found</h1>\n<p>The requested URL was not found on this server.</p>\n"
        return web.Response(status=404, text=text, content_type="text/html")
    return None
