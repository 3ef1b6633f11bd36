"""A store of files over HTTPS for tests, where a test says how it misbehaves: cut, slow, other bytes, redirects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Store:
    """Files by path, with ranges. What it was asked is in `asked`: method, path, Range and Authorization or Cookie."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)
    cut_after: list[int] = field(default_factory=list)
    """Each answer of more than 4 kB is cut after so many bytes, one after the other; the rest are whole."""
    status: dict[str, int] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    etag: str | None = '"one"'
    hang: Callable[[int], bool] = lambda _: False

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        secret = request.headers.get("Authorization", request.headers.get("Cookie", ""))
        self.asked.append((request.method, path, request.headers.get("Range", ""), secret))
        if path in self.redirects:
            return web.Response(status=302, headers={"Location": self.redirects[path]})
        if path in self.status:
            return web.Response(status=self.status[path], text="no")
        body = self.files.get(path)
        if body is None:
            return web.Response(status=404, text="no such file")
        start = 0
        asked = request.headers.get("Range", "")
        if asked.startswith("bytes=") and request.headers.get("If-Range", self.etag) == self.etag:
            start = int(asked[6:].partition("-")[0])
        headers = {**({"ETag": self.etag} if self.etag else {}), **self.headers}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        response.content_length = len(body) - start
        await response.prepare(request)
        most = self.cut_after.pop(0) if self.cut_after and len(body) > 4096 else len(body)
        sent = 0
        for at in range(start, len(body), 4096):
            piece = body[at : at + 4096]
            if sent + len(piece) > most:
                await response.write(piece[: most - sent])
                assert request.transport is not None
                request.transport.close()
                return response
            await response.write(piece)
            sent += len(piece)
            while self.hang(sent):  # noqa: ASYNC110 - a test says when it is over
                await asyncio.sleep(0.05)
        return response
