"""TLS in front of a server for tests, where a test says what goes wrong: answers, cuts, and what happens in between.

The name that the client used goes through, so that signatures of S3 stay right.
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import trustme
from aiohttp import web
from yarl import URL

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"})


@dataclass
class Seen:
    """A request that came by."""

    method: str
    path: str
    """With its query."""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Before = Callable[[Seen], "web.Response | str | None"]
"""What happens before a request is passed on: an answer instead, `cut`, or nothing."""
After = Callable[[Seen, int], "str | None"]
"""What happens after it was answered, by status, before the client hears of it: `cut`, or nothing."""


class Front:
    """A running front. `before` and `after` may be set at any time."""

    def __init__(self, target: str, ca: str | None) -> None:
        self._target, self._target_ca = target, ca
        self.host = ""
        self.ca = ""
        self.seen: list[Seen] = []
        self.before: Before = lambda _: None
        self.after: After = lambda _, __: None
        self.pass_changed = False
        """What `before` does to a request's body is done."""
        self._transports: set[asyncio.Transport] = set()
        self._loop = asyncio.new_event_loop()

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    def count(self, method: str, part: str) -> int:
        """How many requests of this method had this in their paths."""
        return sum(seen.method == method and part in seen.path for seen in self.seen)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self._transports.add(request.transport)
        body = await request.read()
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        seen = Seen(request.method, request.raw_path, body, headers)
        self.seen.append(seen)
        done = await asyncio.to_thread(self.before, seen)
        if isinstance(done, web.Response):
            return done
        if done == "cut":
            request.transport.abort()
            raise asyncio.CancelledError
        url = URL(self._target + request.raw_path, encoded=True)
        sent = seen.body if self.pass_changed else body
        async with self._client.request(
            request.method,
            url,
            data=io.BytesIO(sent) if sent else sent,
            headers=headers,
            allow_redirects=False,
            skip_auto_headers=("Accept",),
        ) as got:
            data = await got.read()
            what = await asyncio.to_thread(self.after, seen, got.status)
            if what == "cut":
                request.transport.abort()
                raise asyncio.CancelledError
            response = web.StreamResponse(status=got.status)
            for name, value in got.headers.items():
                if name.lower() not in _HOP:
                    response.headers.add(name, value)
            length = got.headers.get("Content-Length", "0") if request.method == "HEAD" else str(len(data))
            if got.status not in (204, 304):
                response.content_length = int(length)
            await response.prepare(request)
            if request.method != "HEAD":
                await response.write(data[: len(data) // 2] if what == "half" else data)
            if what == "half":
                request.transport.abort()
                raise asyncio.CancelledError
            await response.write_eof()
            return response

    async def _serve(self, folder: Path, started: threading.Event) -> None:
        import ssl

        authority = trustme.CA(organization_name="Throw-away Authority of a front")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        self.ca = str(folder / f"front-{id(self)}.pem")
        authority.cert_pem.write_to_path(self.ca)
        trust = ssl.create_default_context(cafile=self._target_ca) if self._target_ca else True
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=64),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        self.host = f"localhost:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
        self._stop = asyncio.Event()
        started.set()
        await self._stop.wait()
        await runner.cleanup()
        await self._client.close()
        # TLS would wait half a minute for the goodbye of clients that were killed; and what was aborted is only gone
        # when the loop has come round to it.
        for transport in self._transports:
            transport.abort()
        selector = getattr(self._loop, "_selector", None)
        for _ in range(200):
            await asyncio.sleep(0.02)
            if selector is None or len(selector.get_map()) <= 1:
                break


@contextmanager
def front(target: str, folder: Path, ca: str | None = None) -> Iterator[Front]:
    """Put a front before a server, in a thread of its own.

    Args:
        target: the server's address.
        folder: for the authority's certificate.
        ca: whom to trust for the server.
    """
    made, started = Front(target, ca), threading.Event()

    def run() -> None:
        made._loop.run_until_complete(made._serve(folder, started))
        made._loop.close()

    thread = threading.Thread(target=run, name="front")
    thread.start()
    assert started.wait(20)
    try:
        yield made
    finally:
        made._loop.call_soon_threadsafe(made._stop.set)
        thread.join(20)


def refusal(status: int, code: str, message: str = "No.", **more: str) -> web.Response:
    """An error as S3 words it."""
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in {"Code": code, "Message": message, **more}.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error>{inner}</Error>'
    return web.Response(status=status, text=body, content_type="application/xml")
