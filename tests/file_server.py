"""An HTTPS server of files in a thread of its own, for tests of the window, whose loop serves nothing."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from tls_server import Served, serve


@dataclass
class FileServer:
    """What is served, and what was asked.

    Attributes:
        files: by path.
        cookie: what a request's Cookie header must hold (`webauthn=...`), given to who signs in; empty: nothing.
        pieces: bytes that are sent in one go, with a pause after each; 0: all at once.
    """

    served: Served
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ranges: list[int] = field(default_factory=list)
    cookie: str = ""
    pieces: int = 0

    def url(self, path: str) -> str:
        """The address of a file."""
        return f"https://{self.served.host}{path}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        if request.path == "/authn/session":
            return self._session(request)
        self.asked.append(request.path)
        if self.cookie and self.cookie not in request.headers.get("Cookie", ""):
            raise web.HTTPUnauthorized
        if request.path not in self.files:
            raise web.HTTPNotFound
        body = self.files[request.path]
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        start = request.http_range.start or 0
        headers = {"ETag": tag, "Content-Length": str(len(body) - start)}
        if start:
            self.ranges.append(start)
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        step = self.pieces or len(body)
        for place in range(start, len(body), step):
            await response.write(body[place : place + step])
            if self.pieces:
                await asyncio.sleep(0.05)
        return response

    def _session(self, request: web.Request) -> web.Response:
        """Who comes with a password gets the cookie."""
        if request.method != "POST" and self.cookie not in request.headers.get("Cookie", ""):
            raise web.HTTPNotFound
        session = {"client": {"id": "ada", "display_name": "Ada"}, "attributes": [], "expires": "2999-01-01 00:00:00"}
        return web.json_response(session, headers={"Set-Cookie": f"{self.cookie}; Path=/; Secure"})


@contextmanager
def file_server(folder: Path) -> Iterator[FileServer]:
    """Serve on loopback until left."""
    ready, end = threading.Event(), threading.Event()
    found: list[FileServer] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        return await found[0].answer(request)

    async def run() -> None:
        application = web.Application()
        application.router.add_route("*", "/{rest:.*}", answer)
        async with serve(application, folder) as served:
            found.append(FileServer(served))
            ready.set()
            await asyncio.to_thread(end.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield found[0]
    finally:
        end.set()
        thread.join(20)
